package tieline

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/tieline/tieline/store"
)

// methods are all public calls that reach the Store, with the names they take.
// integration and id are "acme" and "alice" unless the test is about names.
func (w *world) methods() map[string]func(ctx context.Context, integration, id string) error {
	in, conns := w.Integrations, w.Connections
	nothing := func(*Connection) error { return nil }
	return map[string]func(ctx context.Context, integration, id string) error{
		"Integrations.Create": func(ctx context.Context, integration, _ string) error {
			_, err := in.Create(ctx, Integration{Key: integration, Provider: "acme", App: app("x")})
			return err
		},
		"Integrations.Get": func(ctx context.Context, integration, _ string) error { _, err := in.Get(ctx, integration); return err },
		"Integrations.Update": func(ctx context.Context, integration, _ string) error {
			_, err := in.Update(ctx, integration, func(*Integration) error { return nil })
			return err
		},
		"Integrations.Delete": func(ctx context.Context, integration, _ string) error {
			return in.Delete(ctx, integration, DeleteOptions{})
		},
		"Connections.Authorize": func(ctx context.Context, integration, id string) error {
			_, err := conns.Authorize(ctx, integration, AuthorizeOptions{ConnectionID: id})
			return err
		},
		"Connections.Create": func(ctx context.Context, integration, id string) error {
			_, err := conns.Create(ctx, integration, id, ConnectionInput{Credential: &OAuth2Token{AccessToken: NewSecret("x")}})
			return err
		},
		"Connections.Import": func(ctx context.Context, integration, id string) error {
			_, err := conns.Import(ctx, integration, id, ConnectionInput{Credential: &OAuth2Token{AccessToken: NewSecret("x")}})
			return err
		},
		"Connections.Get": func(ctx context.Context, integration, id string) error {
			_, err := conns.Get(ctx, integration, id)
			return err
		},
		"Connections.List": func(ctx context.Context, integration, _ string) error {
			_, err := conns.List(ctx, Filter{Integration: integration}, "", 0)
			return err
		},
		"Connections.All": func(ctx context.Context, integration, _ string) error {
			for _, err := range conns.All(ctx, Filter{Integration: integration}) {
				return err
			}
			return nil
		},
		"Connections.SetMetadata": func(ctx context.Context, integration, id string) error {
			_, err := conns.SetMetadata(ctx, integration, id, json.RawMessage(`{}`))
			return err
		},
		"Connections.MergeMetadata": func(ctx context.Context, integration, id string) error {
			_, err := conns.MergeMetadata(ctx, integration, id, json.RawMessage(`{}`))
			return err
		},
		"Connections.Update": func(ctx context.Context, integration, id string) error {
			_, err := conns.Update(ctx, integration, id, nothing)
			return err
		},
		"Connections.Delete": func(ctx context.Context, integration, id string) error {
			return conns.Delete(ctx, integration, id, DeleteOptions{})
		},
		"Connections.Credential": func(ctx context.Context, integration, id string) error {
			_, err := conns.Credential(ctx, integration, id)
			return err
		},
		"Connections.Refresh": func(ctx context.Context, integration, id string) error {
			_, err := conns.Refresh(ctx, integration, id, nil)
			return err
		},
		"Connections.HTTPClient": func(ctx context.Context, integration, id string) error {
			req, err := http.NewRequestWithContext(ctx, http.MethodGet, "/me", nil)
			if err != nil {
				return err
			}
			resp, err := conns.HTTPClient(integration, id).Do(req)
			if err == nil {
				resp.Body.Close()
			}
			return err
		},
		"Connections.TokenSource": func(_ context.Context, integration, id string) error {
			_, err := conns.TokenSource(integration, id).Token()
			return err
		},
	}
}

// wholeMethods take no names.
func (w *world) wholeMethods() map[string]func(ctx context.Context) error {
	return map[string]func(ctx context.Context) error{
		"Integrations.List": func(ctx context.Context) error { _, err := w.Integrations.List(ctx, "", 0); return err },
		"Integrations.All": func(ctx context.Context) error {
			for _, err := range w.Integrations.All(ctx) {
				return err
			}
			return nil
		},
		"Connections.Complete": func(ctx context.Context) error {
			_, err := w.Connections.Complete(ctx, strings.Repeat("b", 43), url.Values{"state": {strings.Repeat("s", 43)}, "code": {"c"}})
			return err
		},
		"Client.Rewrap":   func(ctx context.Context) error { _, err := w.Rewrap(ctx); return err },
		"Client.KeyUsage": func(ctx context.Context) error { _, err := w.KeyUsage(ctx); return err },
	}
}

// table is the whole content of the Store.
func (w *world) table() []store.Row {
	w.t.Helper()
	var rows []store.Row
	for _, kind := range []store.Kind{kindIntegration, kindConnection, kindAuthorization} {
		rows = append(rows, w.rows(kind)...)
	}
	return rows
}

func TestOddNamesEverywhere(t *testing.T) {
	t.Parallel()
	w := connected(t, worldOptions{})
	before := w.table()
	good := struct{ integration, id string }{"acme", "alice"}
	for name, call := range w.methods() {
		for what, odd := range map[string]string{
			"empty": "", "long": strings.Repeat("a", 256), "NUL": "a\x00b", "newline": "a\nb", "beyond ASCII": "é", "decomposed": "e\u0301",
			"right to left": "a\u202eb", "zero width": "a\u200bb", "not UTF-8": "a\xff", "percent": "a%20b",
		} {
			if odd == "" && strings.HasSuffix(name, "List") || odd == "" && strings.HasSuffix(name, "All") {
				continue // no filter
			}
			err := call(t.Context(), odd, good.id)
			if !errors.Is(err, ErrInvalid) || errors.Is(err, ErrNotFound) {
				t.Errorf("%s of an integration, %s: %v", name, what, err)
			}
			if strings.HasPrefix(name, "Integrations.") || strings.HasSuffix(name, "List") || strings.HasSuffix(name, "All") {
				continue
			}
			if odd == "" && (name == "Connections.Authorize" || name == "Connections.Create" || name == "Connections.Import") {
				continue // a generated ID
			}
			if err := call(t.Context(), good.integration, odd); !errors.Is(err, ErrInvalid) && name != "Connections.Create" {
				t.Errorf("%s of a connection, %s: %v", name, what, err)
			}
		}
	}
	if diff := cmp.Diff(before, w.table()); diff != "" {
		t.Errorf("the Store changed:\n%s", diff)
	}
}

func TestUnknownNamesEverywhere(t *testing.T) {
	t.Parallel()
	w := connected(t, worldOptions{})
	before := w.table()
	for name, call := range w.methods() {
		switch name {
		case "Integrations.Create", "Connections.List", "Connections.All":
			continue
		}
		if err := call(t.Context(), "nobody", "alice"); !errors.Is(err, ErrUnknownIntegration) || !errors.Is(err, ErrNotFound) {
			t.Errorf("%s of an unknown integration: %v", name, err)
		}
		switch name {
		case "Integrations.Get", "Integrations.Update", "Integrations.Delete", "Connections.Authorize", "Connections.Create", "Connections.Import":
			continue
		}
		if err := call(t.Context(), "acme", "nobody"); !errors.Is(err, ErrNotFound) || errors.Is(err, ErrUnknownIntegration) {
			t.Errorf("%s of an unknown connection: %v", name, err)
		}
	}
	if diff := cmp.Diff(before, w.table()); diff != "" {
		t.Errorf("the Store changed:\n%s", diff)
	}
}

func TestCanceledEverywhere(t *testing.T) {
	t.Parallel()
	w := connected(t, worldOptions{})
	before := w.table()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	expired, cancel := context.WithTimeout(t.Context(), -1)
	defer cancel()
	for want, ctx := range map[error]context.Context{context.Canceled: ctx, context.DeadlineExceeded: expired} {
		for name, call := range w.methods() {
			if name == "Connections.TokenSource" {
				continue // has no context
			}
			if err := call(ctx, "acme", "alice"); !errors.Is(err, want) || err != want && name != "Connections.HTTPClient" {
				t.Errorf("%s: %v, want %v as it is", name, err, want)
			}
		}
		for name, call := range w.wholeMethods() {
			if err := call(ctx); err != want {
				t.Errorf("%s: %v, want %v as it is", name, err, want)
			}
		}
	}
	if diff := cmp.Diff(before, w.table()); diff != "" {
		t.Errorf("the Store changed:\n%s", diff)
	}
}

func TestClosedStoreEverywhere(t *testing.T) {
	t.Parallel()
	m := &store.Memory{}
	w := connected(t, worldOptions{store: m})
	if err := m.Close(); err != nil {
		t.Fatal(err)
	}
	for name, call := range w.methods() {
		if err := call(t.Context(), "acme", "alice"); !errors.Is(err, ErrClosed) {
			t.Errorf("%s: %v", name, err)
		}
	}
	for name, call := range w.wholeMethods() {
		if err := call(t.Context()); !errors.Is(err, ErrClosed) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestConfigIsChecked(t *testing.T) {
	t.Parallel()
	good := func() Config { return Config{Store: &store.Memory{}, Keys: testKeys(t)} }
	if _, err := New(good()); err != nil {
		t.Fatalf("the least Config: %v", err)
	}
	for field, edit := range map[string]func(*Config){
		"Store":                 func(c *Config) { c.Store = nil },
		"Keys":                  func(c *Config) { c.Keys = nil },
		"CallbackURL":           func(c *Config) { c.CallbackURL = "http://example.com/callback" },
		"WebhookURL":            func(c *Config) { c.WebhookURL = "/relative" },
		"LogoURL":               func(c *Config) { c.LogoURL = "https://user@example.com" },
		"Refresh.Early":         func(c *Config) { c.Refresh.Early = -1 },
		"Refresh.TakeOver":      func(c *Config) { c.Refresh.TakeOver = 1 },
		"Refresh.Concurrency":   func(c *Config) { c.Refresh.Concurrency = -1 },
		"Outbound.AllowedHosts": func(c *Config) { c.Outbound.AllowedHosts = []string{"https://example.com"} },
	} {
		cfg := good()
		edit(&cfg)
		_, err := New(cfg)
		var problem *FieldError
		if !errors.As(err, &problem) || problem.Field != field {
			t.Errorf("%s: %v", field, err)
		}
	}
	cfg := good()
	cfg.Keys = &Keyring{}
	if _, err := New(cfg); !errors.Is(err, ErrInvalid) {
		t.Errorf("the zero Keyring: %v", err)
	}
	if _, err := New(Config{}); err == nil || !strings.Contains(err.Error(), "Store") || !strings.Contains(err.Error(), "Keys") {
		t.Errorf("the zero Config: %v", err)
	}
}
