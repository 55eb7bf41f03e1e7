package tieline

import (
	"encoding/json"
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"
)

// ended is the one call that a provider wants before a connection to it is deleted.
type ended struct {
	provider, method, url string
	config                map[string]string
	// good says what is wrong with the call, "" if nothing is.
	good func(r *http.Request, body []byte, id, secret string) string
}

var endedCases = []ended{
	{provider: "hubspot", method: http.MethodPost, url: "https://api.hubapi.com/oauth/2026-03/token/revoke", good: func(r *http.Request, body []byte, id, secret string) string {
		form, err := url.ParseQuery(string(body))
		switch {
		case err != nil || r.Header.Get("Content-Type") != "application/x-www-form-urlencoded":
			return "no form"
		case form.Get("client_id") != id || form.Get("client_secret") != secret:
			return "not the client"
		case form.Get("token") == "" || form.Get("token_type_hint") != "refresh_token":
			return "no refresh token"
		case r.URL.RawQuery != "":
			return "something in the URL"
		}
		return ""
	}},
	{provider: "intercom", method: http.MethodPost, url: "https://api.intercom.io/auth/uninstall", config: map[string]string{"region": ""}, good: func(r *http.Request, _ []byte, _, _ string) string {
		if len(r.Header.Get("Authorization")) < 20 || !strings.HasPrefix(r.Header.Get("Authorization"), "Bearer ") {
			return "no token"
		}
		return ""
	}},
	{provider: "onelogin", method: http.MethodPost, url: "https://acme.onelogin.com/auth/oauth2/revoke", config: map[string]string{"subdomain": "acme"}, good: func(r *http.Request, body []byte, id, secret string) string {
		var sent map[string]string
		switch {
		case r.Header.Get("Authorization") != "client_id:"+id+", client_secret:"+secret:
			return "not the client"
		case json.Unmarshal(body, &sent) != nil || sent["access_token"] == "" || len(sent) != 1:
			return "not the token alone"
		}
		return ""
	}},
}

// Providers are told of the end of a connection as they want it, once, and what they
// answer does not keep the connection.
func TestEndsAreTold(t *testing.T) {
	t.Parallel()
	entries := referenceEntries(t)
	catalog, _ := LoadCatalog(CatalogFile{Name: "providers.yaml", Data: referenceFile(t)})
	for _, tt := range endedCases {
		for _, status := range []int{http.StatusOK, http.StatusInternalServerError} {
			t.Run(tt.provider+" "+http.StatusText(status), func(t *testing.T) {
				t.Parallel()
				w, err := newDialectWorld(t, catalog, tt.provider, entries[tt.provider])
				if err != nil {
					t.Fatal(err)
				}
				t.Cleanup(func() { _ = w.Close(t.Context()) })
				for name, v := range tt.config {
					if w.in.Config[name] = v; v == "" {
						delete(w.in.Config, name)
					}
				}
				w.in.Discovered = nil
				w.provider.Use(w.in)
				told := 0
				hear := func(r *http.Request, body []byte) (int, any) {
					if r.Method != tt.method || r.URL.Scheme+"://"+r.URL.Host+r.URL.Path != tt.url {
						return http.StatusNotFound, object{}
					}
					told++
					id, secret := w.in.ClientID, w.in.ClientSecret
					if v := w.in.Credentials["client_id"]; v != "" {
						id, secret = v, w.in.Credentials["client_secret"]
					}
					if why := tt.good(r, body, id, secret); why != "" {
						t.Errorf("%s: %s", tt.url, why)
					}
					return status, object{}
				}
				w.provider.Override.Other = hear
				w.provider.Override.API = func(r *http.Request) (int, any) {
					body, err := io.ReadAll(r.Body)
					if err != nil {
						t.Error(err)
					}
					return hear(r, body)
				}
				mode := AuthMode(w.provider.Mode())
				if _, err := w.Integrations.Create(t.Context(), Integration{Key: "key", Provider: tt.provider, App: w.app(mode)}); err != nil {
					t.Fatal(err)
				}
				if err := w.connect(t.Context(), mode); err != nil {
					t.Fatal(err)
				}
				if err := w.Connections.Delete(t.Context(), "key", "alice", DeleteOptions{}); err != nil {
					t.Fatal(err)
				}
				if told != 1 {
					t.Errorf("the provider was told %d times", told)
				}
			})
		}
	}
}
