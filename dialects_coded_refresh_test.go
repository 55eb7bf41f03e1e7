package tieline

import (
	"cmp"
	"io"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// again connects to a provider in a bubble of time and lets f use the connection.
// f has the test of the bubble: the context of the one around it is not for inside.
func again(t *testing.T, catalog *Catalog, name string, entry map[string]any, f func(t *testing.T, w *dialectWorld)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		w, err := newDialectWorld(t, catalog, name, entry)
		if err != nil {
			t.Fatal(err)
		}
		if set := codedProviders[name]; set != nil {
			set(w.provider)
		}
		mode := AuthMode(w.provider.Mode())
		if _, err := w.Integrations.Create(t.Context(), Integration{Key: "key", Provider: name, App: w.app(mode), Config: w.in.IntegrationConfig}); err != nil {
			t.Fatal(err)
		}
		if err := w.connect(t.Context(), mode); err != nil {
			t.Error(err)
		} else {
			f(t, w)
		}
		for _, p := range w.provider.Problems() {
			t.Error(p)
		}
		if err := w.Close(t.Context()); err != nil {
			t.Error(err)
		}
	})
}

// What a refresh answers serves the one after it: the token that was kept where
// the provider keeps it, the new one elsewhere.
func TestCodedRefreshAndAgain(t *testing.T) {
	t.Parallel()
	entries := referenceEntries(t)
	catalog, _ := LoadCatalog(CatalogFile{Name: "providers.yaml", Data: referenceFile(t)})
	for _, name := range slices.Sorted(maps.Keys(codedProviders)) {
		if entries[name]["auth_mode"] != "OAUTH2" || name == "tiktok-ads" {
			continue // there is nothing to refresh
		}
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			again(t, catalog, name, entries[name], func(t *testing.T, w *dialectWorld) {
				last, err := w.Connections.Credential(t.Context(), "key", "alice")
				if err != nil {
					t.Fatal(err)
				}
				for range 3 {
					if last.Expiry().IsZero() {
						t.Fatal("the credential has no expiry")
					}
					w.provider.Expire()
					time.Sleep(time.Until(last.Expiry()) + time.Second)
					if err := w.call(t.Context()); err != nil {
						t.Fatal(err)
					}
					next, err := w.Connections.Credential(t.Context(), "key", "alice")
					if err != nil || !next.Expiry().After(last.Expiry()) {
						t.Fatalf("%v, and it expires at %v, was %v", err, next.Expiry(), last.Expiry())
					}
					last = next
				}
			})
		})
	}
}

// Connect, call, expire, refresh, call, as in TestEveryEntry, but at providers as
// they are and with the dialects.
func TestCodedLive(t *testing.T) {
	t.Parallel()
	entries := referenceEntries(t)
	catalog, _ := LoadCatalog(CatalogFile{Name: "providers.yaml", Data: referenceFile(t)})
	for name, set := range codedProviders {
		if strings.HasPrefix(name, "coros") {
			continue // the token stays the same: see TestProlongedTokenStays
		}
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				w, err := newDialectWorld(t, catalog, name, entries[name])
				if err != nil {
					t.Fatal(err)
				}
				set(w.provider)
				if _, err := w.live(AuthMode(w.provider.Mode())); err != nil {
					t.Error(err)
				}
				for _, p := range w.provider.Problems() {
					t.Error(p)
				}
				if err := w.Close(t.Context()); err != nil {
					t.Error(err)
				}
			})
		})
	}
}

// A server that says that a token lives on is asked before it dies, and what it
// does not answer stays.
func TestProlongedTokenStays(t *testing.T) {
	t.Parallel()
	catalog, _ := LoadCatalog(CatalogFile{Name: "providers.yaml", Data: referenceFile(t)})
	again(t, catalog, "coros", referenceEntries(t)["coros"], func(t *testing.T, w *dialectWorld) {
		before, err := w.Connections.Credential(t.Context(), "key", "alice")
		if err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Until(before.Expiry()) + time.Second)
		began := time.Now()
		if err := w.call(t.Context()); err != nil {
			t.Fatal(err)
		}
		after, err := w.Connections.Credential(t.Context(), "key", "alice")
		if err != nil {
			t.Fatal(err)
		}
		b, a := before.(*OAuth2Token), after.(*OAuth2Token)
		if !sameCredential(b, a) || !a.RefreshToken.Equal(b.RefreshToken) {
			t.Error("the tokens are other ones")
		}
		if life := a.ExpiresAt.Sub(began); life < 29*24*time.Hour || life > 31*24*time.Hour {
			t.Errorf("they live for %v from then on, want 30 days", life)
		}
	})
}

// When a token expires whose answer does not say is what the server is asked for.
func TestExpiryIsIntrospected(t *testing.T) {
	t.Parallel()
	entries := referenceEntries(t)
	catalog, _ := LoadCatalog(CatalogFile{Name: "providers.yaml", Data: referenceFile(t)})
	for _, name := range []string{"salesforce", "salesforce-sandbox", "salesforce-experience-cloud", "salesforce-cc", "salesforce-jwt"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) { introspected(t, catalog, name, entries[name]) })
		})
	}
}

func introspected(t *testing.T, catalog *Catalog, name string, entry map[string]any) {
	w, err := newDialectWorld(t, catalog, name, entry)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = w.Close(t.Context()) }()
	d, asked := w.provider, 0
	access, instance, until := "", "", time.Time{}
	d.Override.Answer = func(_ string, answer map[string]any) {
		delete(answer, "expires_in")
		access, _ = answer["access_token"].(string)
		instance, _ = answer["instance_url"].(string)
		until = time.Now().Add(42 * time.Minute).Truncate(time.Second)
	}
	d.Override.API = func(r *http.Request) (int, any) {
		if r.URL.Scheme+"://"+r.URL.Host+"/services/oauth2/introspect" != instance+"/services/oauth2/introspect" || r.URL.Path != "/services/oauth2/introspect" {
			return 0, nil
		}
		asked++
		body, _ := io.ReadAll(r.Body)
		form, err := url.ParseQuery(string(body))
		in := d.Inputs()
		id := cmp.Or(in.ClientID, in.Credentials["client_id"], in.Credentials["clientId"])
		secret := cmp.Or(in.ClientSecret, in.Credentials["client_secret"], in.Credentials["clientSecret"])
		if err != nil || r.Method != http.MethodPost || form.Get("token") != access || r.Header.Get("Authorization") != "" ||
			form.Get("client_id") != id || form.Get("client_secret") != secret {
			d.Problem("introspection", "%s with %v", r.Method, form)
			return http.StatusUnauthorized, map[string]any{"error": "invalid_client"}
		}
		return http.StatusOK, map[string]any{"active": true, "exp": until.Unix(), "iat": time.Now().Unix()}
	}
	if _, err := w.live(AuthMode(d.Mode())); err != nil {
		t.Error(err)
	}
	c, err := w.Connections.Credential(t.Context(), "key", "alice")
	if err != nil || !c.Expiry().Equal(until) {
		t.Errorf("%v; the credential expires at %v, and the server says %v", err, c.Expiry(), until)
	}
	if asked != 2 {
		t.Errorf("asked %d times for two tokens", asked)
	}
	for _, p := range d.Problems() {
		t.Error(p)
	}
}

// A failure at status 200 is one, at the exchange and at a refresh.
func TestFailureAt200(t *testing.T) {
	t.Parallel()
	entries := referenceEntries(t)
	catalog, _ := LoadCatalog(CatalogFile{Name: "providers.yaml", Data: referenceFile(t)})
	refusals := map[string]map[string]any{
		"slack":           {"ok": false, "error": "invalid_refresh_token", "access_token": "never-to-be-used", "expires_in": 3600},
		"coros":           {"result": "5001", "message": "illegal"},
		"tiktok-accounts": {"code": 40105, "message": "expired", "data": map[string]any{"access_token": "never-to-be-used"}},
	}
	for name, refusal := range refusals {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			again(t, catalog, name, entries[name], func(t *testing.T, w *dialectWorld) {
				before, err := w.Connections.Credential(t.Context(), "key", "alice")
				if err != nil {
					t.Fatal(err)
				}
				w.provider.Override.Refresh = func(*http.Request, url.Values) (int, any) { return http.StatusOK, refusal }
				w.provider.Expire()
				time.Sleep(time.Until(before.Expiry()) + time.Second)
				if c, err := w.Connections.Credential(t.Context(), "key", "alice"); err == nil {
					t.Errorf("a refused refresh gave a credential, good until %v", c.Expiry())
				}
			})
		})
	}
}
