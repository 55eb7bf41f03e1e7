// Command handlers is a small application that lets its users connect their
// GitHub accounts, with Tieline behind handlers of its own: handlers.go is what to
// copy, this file is the wiring.
//
//	export TIELINE_ENCRYPTION_KEY=$(head -c 32 /dev/urandom | base64)
//	read -r GITHUB_CLIENT_ID && read -rs GITHUB_CLIENT_SECRET
//	export GITHUB_CLIENT_ID GITHUB_CLIENT_SECRET
//	go run ./examples/handlers
//
// The application at GitHub has to have the callback URL
// http://127.0.0.1:3003/callback. Then open http://127.0.0.1:3003/connect/github.
// Keep the key: without it nothing in the database can be read.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os"
	"os/signal"
	"sync"
	"syscall"
	"time"

	"github.com/tieline/tieline"
	"github.com/tieline/tieline/store/sqlite"
)

func main() {
	addr := flag.String("addr", "127.0.0.1:3003", "loopback `address` to listen on")
	file := flag.String("db", "handlers.db", "SQLite `file`")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := run(ctx, *addr, *file, slog.Default())
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "handlers:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, addr, file string, log *slog.Logger) (err error) {
	keys, err := tieline.ParseKeyring(os.Getenv("TIELINE_ENCRYPTION_KEY"))
	if err != nil {
		return fmt.Errorf("TIELINE_ENCRYPTION_KEY: %w", err)
	}
	db, err := sqlite.Open(file, sqlite.Options{})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	client, err := tieline.New(tieline.Config{
		Store: db, Keys: keys, Logger: log, CallbackURL: "http://" + addr + "/callback",
	})
	if err != nil {
		return err
	}
	// Deferred last, so done before the database closes: Close waits for refreshes
	// under way and saves their tokens.
	defer func() {
		wait, cancel := context.WithTimeout(context.Background(), time.Minute)
		defer cancel()
		err = errors.Join(err, client.Close(wait))
	}()
	if err := register(ctx, client); err != nil {
		return err
	}
	a := &accounts{
		client: client,
		user:   standIn,
		profile: map[string]string{
			"github": "/user",
		},
		https: false,
		log:   log,
	}
	listener, err := net.Listen("tcp", addr)
	if err != nil {
		return err
	}
	log.Info("listening", "url", "http://"+addr)
	return serve(ctx, listener, a.handler(), client)
}

// register makes sure that there is the integration, with the client
// credentials of today.
func register(ctx context.Context, client *tieline.Client) error {
	app := &tieline.OAuthApp{
		ClientID:     os.Getenv("GITHUB_CLIENT_ID"),
		ClientSecret: tieline.NewSecret(os.Getenv("GITHUB_CLIENT_SECRET")),
	}
	_, err := client.Integrations.Create(ctx, tieline.Integration{Key: "github", Provider: "github", App: app})
	if errors.Is(err, tieline.ErrExists) {
		_, err = client.Integrations.Update(ctx, "github", func(i *tieline.Integration) error {
			i.App = app
			return nil
		})
	}
	return err
}

// serve serves until ctx is done. Meanwhile Run refreshes tokens ahead of need
// and clears away what expired.
func serve(ctx context.Context, listener net.Listener, h http.Handler, client *tieline.Client) error {
	ctx, cancel := context.WithCancel(ctx)
	server := &http.Server{Handler: h, ReadHeaderTimeout: 10 * time.Second}
	var background sync.WaitGroup
	background.Go(func() { _ = client.Run(ctx) }) // ends with ctx and with nothing else
	var shutdown error
	background.Go(func() {
		<-ctx.Done()
		grace, cancel := context.WithTimeout(context.Background(), 10*time.Second)
		defer cancel()
		shutdown = server.Shutdown(grace)
	})
	err := server.Serve(listener)
	cancel()
	background.Wait()
	if errors.Is(err, http.ErrServerClosed) {
		err = nil
	}
	return errors.Join(err, shutdown)
}

// standIn is where an application asks its session who is signed in. This one
// asks the browser and believes it: a real one must not.
func standIn(w http.ResponseWriter, r *http.Request) (user string, ok bool) {
	user, _, ok = r.BasicAuth()
	if !ok || user == "" {
		w.Header().Set("WWW-Authenticate", `Basic realm="any name will do"`)
		http.Error(w, "sign in first", http.StatusUnauthorized)
		return "", false
	}
	return user, true
}
