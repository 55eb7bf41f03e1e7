package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/tieline/tieline"
	"github.com/tieline/tieline/store/sqlite"
)

// cookieName of the binding. A page served over https calls it
// "__Host-tieline" and sets Secure as well, so that no other host and no plain
// connection can plant one. Browsers refuse both on plain-http loopback.
const cookieName = "tieline"

// app is the application: a Client over a SQLite file, and two pages. /connect
// sends the user to the provider, /callback is where they come back to.
type app struct {
	client      *tieline.Client
	url         string                   // where its pages are, without a slash at the end
	integration string                   // its key
	authorize   tieline.AuthorizeOptions // what /connect asks for
	outcome     chan error               // how the flow ended

	db       *sqlite.Store
	tempDir  string // removed at the end; empty for none
	listener net.Listener
	server   *http.Server
	serving  sync.WaitGroup
}

// withApp makes the application, uses it and closes it. cfg lacks what is the
// same wherever the provider is: Store, Keys and CallbackURL.
func withApp(o options, addr string, cfg tieline.Config, out io.Writer, use func(*app) error) error {
	a := &app{outcome: make(chan error, 1)}
	err := a.open(o, addr, cfg, out)
	if err == nil {
		err = use(a)
	}
	return errors.Join(err, a.close())
}

// open makes all of the application but its integration.
func (a *app) open(o options, addr string, cfg tieline.Config, out io.Writer) (err error) {
	// Listening comes first: only then is it known where the callback will be.
	if a.listener, err = net.Listen("tcp", addr); err != nil {
		return err
	}
	if a.url, err = urlOf(addr, a.listener); err != nil {
		return err
	}
	if err := a.openDatabase(o, out); err != nil {
		return err
	}
	if cfg.Keys, err = tieline.ParseKeyring(cmp.Or(o.key, tieline.GenerateKey())); err != nil {
		return fmt.Errorf("TIELINE_ENCRYPTION_KEY: %w", err)
	}
	if o.key == "" && a.tempDir == "" {
		say(out, "key", "made for this run and not shown; set TIELINE_ENCRYPTION_KEY to use the database again")
	}
	cfg.Store, cfg.CallbackURL = a.db, a.url+"/callback"
	a.client, err = tieline.New(cfg)
	return err
}

// urlOf is the URL at which a listener on addr is reached. The host stays as it
// was typed: what is registered with the provider is compared letter by letter,
// and a browser has other cookies for localhost than for 127.0.0.1.
func urlOf(addr string, l net.Listener) (string, error) {
	host, _, err := net.SplitHostPort(addr)
	if err != nil {
		return "", err
	}
	_, port, err := net.SplitHostPort(l.Addr().String())
	return "http://" + net.JoinHostPort(host, port), err
}

func (a *app) openDatabase(o options, out io.Writer) (err error) {
	path := o.db
	if path == "" {
		dir, err := os.MkdirTemp("", "tieline-quickstart-")
		if err != nil {
			return err
		}
		if !o.keep {
			a.tempDir = dir
		}
		path = filepath.Join(dir, "tieline.db")
	}
	if a.db, err = sqlite.Open(path, sqlite.Options{}); err != nil {
		return err
	}
	say(out, "database", "SQLite file %s; secrets are encrypted before they reach it", path)
	return nil
}

// register creates the integration, or gives the one that an earlier run left in
// the database the client credentials of today.
func (a *app) register(ctx context.Context, in tieline.Integration, out io.Writer) error {
	_, err := a.client.Integrations.Create(ctx, in)
	if errors.Is(err, tieline.ErrExists) {
		_, err = a.client.Integrations.Update(ctx, in.Key, func(i *tieline.Integration) error {
			i.App = in.App
			return nil
		})
	}
	if errors.Is(err, tieline.ErrUnknownKey) {
		return fmt.Errorf("%w: set TIELINE_ENCRYPTION_KEY to the key this database was made with, or use another file", err)
	}
	if err != nil {
		return err
	}
	a.integration = in.Key
	say(out, "integration", "%q, the application as provider %q knows it", in.Key, in.Provider)
	return nil
}

// serve serves the pages until close.
func (a *app) serve() {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /connect", a.connect)
	mux.HandleFunc("GET /callback", a.callback)
	a.server = &http.Server{Handler: mux, ReadHeaderTimeout: 10 * time.Second}
	a.serving.Go(func() {
		if err := a.server.Serve(a.listener); !errors.Is(err, http.ErrServerClosed) {
			a.settle(err)
		}
	})
}

// connect begins the flow.
func (a *app) connect(w http.ResponseWriter, r *http.Request) {
	begun, err := a.client.Connections.Authorize(r.Context(), a.integration, a.authorize)
	if err != nil {
		a.settle(err)
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	// The cookie is what proves, at the callback, that the browser which comes
	// back is the one that was sent. Lax, because the provider's page leads to it.
	http.SetCookie(w, &http.Cookie{
		Name: cookieName, Value: begun.Binding.Reveal(), Path: "/", Expires: begun.ExpiresAt,
		HttpOnly: true, SameSite: http.SameSiteLaxMode,
	})
	http.Redirect(w, r, begun.URL, http.StatusSeeOther)
}

// callback ends the flow.
func (a *app) callback(w http.ResponseWriter, r *http.Request) {
	binding := ""
	if cookie, err := r.Cookie(cookieName); err == nil {
		binding = cookie.Value
	}
	_, err := a.client.Connections.Complete(r.Context(), binding, r.URL.Query())
	if errors.Is(err, tieline.ErrState) {
		// Not of this flow: a tab of an earlier run, a reload, somebody's link.
		// The real callback may still come.
		http.Error(w, err.Error()+"; open "+a.url+"/connect to start again", http.StatusBadRequest)
		return
	}
	a.settle(err)
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadGateway)
		return
	}
	fmt.Fprintln(w, "Connected. You can close this window.")
}

// settle reports how the flow ended, once.
func (a *app) settle(err error) {
	select {
	case a.outcome <- err:
	default:
	}
}

// wait waits until the flow has ended.
func (a *app) wait(ctx context.Context, limit time.Duration) error {
	timer := time.NewTimer(limit)
	defer timer.Stop()
	select {
	case err := <-a.outcome:
		return err
	case <-timer.C:
		return fmt.Errorf("nobody came back within %v", limit)
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// close ends what open and serve began, in the order that loses nothing: no more
// requests, then the Client, which waits for refreshes under way and saves their
// tokens, and only then the database.
func (a *app) close() error {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	var errs []error
	if a.server != nil {
		errs = append(errs, a.server.Shutdown(ctx))
		a.serving.Wait()
	} else if a.listener != nil {
		errs = append(errs, a.listener.Close())
	}
	if a.client != nil {
		errs = append(errs, a.client.Close(ctx))
	}
	if a.db != nil {
		errs = append(errs, a.db.Close())
	}
	if a.tempDir != "" {
		errs = append(errs, os.RemoveAll(a.tempDir))
	}
	return errors.Join(errs...)
}
