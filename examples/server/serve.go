package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"os"
	"strings"
	"sync"
	"time"

	"github.com/tieline/tieline"
	"github.com/tieline/tieline/functions"
	"github.com/tieline/tieline/httpapi"
	"github.com/tieline/tieline/store"
)

// environmentID is in webhook URLs; a service of one environment needs no other.
const environmentID = "00000000-0000-0000-0000-000000000000"

// serve runs the service until ctx is done.
func serve(ctx context.Context, s *settings, log *slog.Logger, out io.Writer) (err error) {
	db, closing, err := openStore(ctx, s.store)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, closing()) }()
	listener, err := net.Listen("tcp", s.addr)
	if err != nil {
		return err
	}
	defer func() { _ = listener.Close() }() // which the server has done, if it was reached
	url := "http://" + listener.Addr().String()
	if s.publicURL == "" {
		s.publicURL = url
	}
	s.publicURL = strings.TrimSuffix(s.publicURL, "/")
	ring, err := tieline.ParseKeyring(s.encryptionKey.Reveal())
	if err != nil {
		return fmt.Errorf("TIELINE_ENCRYPTION_KEY: %w", err)
	}
	client, err := newClient(s, db, ring, log)
	if err != nil {
		return err
	}
	// Deferred last, so done first: refreshes under way end, and their tokens are
	// saved, before the database closes.
	defer func() {
		wait, cancel := context.WithTimeout(context.Background(), time.Minute)
		defer cancel()
		err = errors.Join(err, client.Close(wait))
	}()
	keys, err := httpapi.NewKeys(db, httpapi.StaticKey{Secret: s.secretKey, Name: "TIELINE_SECRET_KEY"})
	if err != nil {
		return fmt.Errorf("TIELINE_SECRET_KEY: %w", err)
	}
	fns, err := functions.New(functions.Config{Client: client, Store: db, Keys: ring, Providers: providerFunctions(), Logger: log})
	if err != nil {
		return err
	}
	handler, err := httpapi.New(client, httpapi.Options{
		Keys: keys, PublicURL: s.publicURL, Origins: s.origins, EnvironmentID: environmentID, Functions: fns, Logger: log,
	})
	if err != nil {
		return err
	}
	_, _ = fmt.Fprintln(out, "listening on", url)
	return listen(ctx, listener, handler, client, fns)
}

func newClient(s *settings, db store.Store, keys *tieline.Keyring, log *slog.Logger) (*tieline.Client, error) {
	catalog, err := loadCatalog(s.providers, log)
	if err != nil {
		return nil, err
	}
	cfg := tieline.Config{
		Store: db, Keys: keys, Providers: catalog, Logger: log,
		CallbackURL: s.publicURL + "/oauth/callback",
		WebhookURL:  s.publicURL + "/webhook/" + environmentID,
		LogoURL:     s.publicURL + "/images/template-logos",
		Refresh:     tieline.RefreshPolicy{Early: s.refreshEarly},
	}
	cfg.Forward = tieline.Forward{URLs: s.forwardURLs, NangoKey: s.nangoKey}
	if !s.forwardSecret.IsZero() {
		cfg.Forward.Secrets = []tieline.Secret{s.forwardSecret}
	}
	if s.allowPrivate {
		for _, prefix := range []string{"127.0.0.0/8", "::1/128", "10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "fc00::/7"} {
			cfg.Outbound.AllowPrivate = append(cfg.Outbound.AllowPrivate, netip.MustParsePrefix(prefix))
		}
	}
	return tieline.New(cfg)
}

// loadCatalog lays files over the built-in catalog. An entry that cannot be used is
// told and left out; a file that has none that can is an error.
func loadCatalog(files []string, log *slog.Logger) (*tieline.Catalog, error) {
	catalog := tieline.Builtin()
	if len(files) == 0 {
		return catalog, nil
	}
	var in []tieline.CatalogFile
	for _, name := range files {
		data, err := os.ReadFile(name)
		if err != nil {
			return nil, fmt.Errorf("-providers: %w", err)
		}
		in = append(in, tieline.CatalogFile{Name: name, Data: data})
	}
	catalog, problems := catalog.With(in...)
	for _, p := range problems {
		if p.Severity != tieline.SeverityRejected {
			continue
		}
		if p.Entry == "" {
			return nil, fmt.Errorf("-providers: %s", p)
		}
		log.Warn("provider cannot be used", "provider", p.Entry, "error", p.String())
	}
	return catalog, nil
}

// listen serves until ctx is done. Meanwhile Run refreshes tokens ahead of need, and
// Work runs the functions that are to be run in the background.
func listen(ctx context.Context, listener net.Listener, h http.Handler, client *tieline.Client, fns *functions.Functions) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	server := &http.Server{Handler: h, ReadHeaderTimeout: 10 * time.Second, IdleTimeout: 2 * time.Minute, MaxHeaderBytes: 64 << 10}
	var background sync.WaitGroup
	background.Go(func() { _ = client.Run(ctx) }) // both end with ctx and with nothing else
	background.Go(func() { _ = fns.Work(ctx) })
	var shutdown error
	background.Go(func() {
		<-ctx.Done()
		grace, cancel := context.WithTimeout(context.Background(), 15*time.Second)
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
