package tieline

import (
	"net/http"
	"strings"
	"testing"
)

// Wherever the caller, or a redirect of the provider, sends a request: the credential
// goes along to the provider's own origin and stays there. Links of pages are in
// TestPagesEnd, and what names resolve to is in internal/outbound.
func TestCredentialNeverLeaves(t *testing.T) {
	t.Parallel()
	const (
		with    = "with the credential"
		without = "without it"
		refused = "refused"
	)
	for _, tt := range []struct{ base, target, direct, redirected string }{
		{"https://api.example.com", "/v1/x", with, with},
		{"https://api.example.com", "/v1/x?a=b", with, with},
		{"https://api.example.com", "https://api.example.com/elsewhere", with, with},
		{"https://api.example.com", "HTTPS://API.Example.COM/x", with, with},
		{"https://api.example.com", "https://api.example.com./x", with, with},
		{"https://api.example.com", "https://api.example.com:443/x", with, with},
		{"https://API.example.com:443", "https://api.example.com/x", with, with},
		{"https://api.example.com", "https://evil.example.net/x", without, without},
		{"https://api.example.com", "//evil.example.net/x", refused, without},
		{"https://api.example.com", "https:evil.example.net", refused, refused},
		{"https://api.example.com", `/\evil.example.net/x`, with, with}, // a path
		{"https://api.example.com", `https://api.example.com\@evil.example.net/`, refused, refused},
		{"https://api.example.com", "https://api.example.com@evil.example.net/", without, without},
		{"https://api.example.com", "https://api.example.com:443@evil.example.net/", without, without},
		{"https://api.example.com", "https://evil.example.net#@api.example.com/", without, without},
		{"https://api.example.com", "https://evil.example.net?@api.example.com/", without, without},
		{"https://api.example.com", "https://api.example.com%2eevil.example.net/", refused, refused},
		{"https://api.example.com", "https://api.example.com%40evil.example.net/", refused, refused},
		{"https://api.example.com", "https://api.example.com.evil.example.net/", without, without},
		{"https://api.example.com", "https://evilapi.example.com/", without, without},
		{"https://api.example.com", "https://x.api.example.com/", without, without},
		{"https://api.example.com", "https://example.com/", without, without},
		{"https://api.example.com", "https://api.example.com../x", without, without},
		{"https://api.example.com", "https://api.ex\u0430mple.com/x", without, without}, // the fifth letter is Cyrillic
		{"https://api.example.com", "https://api.example.com:8443/x", without, without},
		{"https://api.example.com", "http://api.example.com/x", without, without},
		{"https://api.example.com", "http://api.example.com:443/x", without, without},
		{"https://api.example.com:8443", "https://api.example.com/x", without, without},
		{"https://[2606:4700::1]", "/x", with, with},
		{"https://[2606:4700::1]", "https://[2606:4700::1]:443/x", with, with},
		{"https://[2606:4700::a]", "https://[2606:4700::A]/x", with, with},
		{"https://[2606:4700::1]", "https://[2606:4700:0:0:0:0:0:1]/x", without, without}, // the same, in other words
		{"https://[2606:4700::1]", "https://[2606:4700::2]/x", without, without},
		{"https://[2606:4700::1]", "https://[2606:4700::1%25eth0]/x", without, without},
		{"https://[2606:4700::1]", "https://[::ffff:127.0.0.1]/x", without, without},
	} {
		catalog, problems := LoadCatalog(CatalogFile{Name: "api.yaml", Data: []byte("api:\n  display_name: API\n  docs: https://example.com\n  auth_mode: API_KEY\n" +
			"  proxy: {base_url: '" + tt.base + "', headers: {x-key: '${apiKey}'}, query: {key: '${apiKey}'}}\n")})
		for _, p := range problems {
			if p.Severity == SeverityRejected {
				t.Fatal(p)
			}
		}
		w := &apiWorld{t: t}
		w.open(catalog, "api", &APIKey{Key: NewSecret("k3y")}, nil)
		got := refused
		w.serve = func(r *http.Request, _ string) told {
			if r.URL.Path == "/away" && !strings.HasPrefix(tt.target, "/away") {
				return told{status: http.StatusTemporaryRedirect, header: "Location: " + tt.target}
			}
			switch found := r.Header.Get("X-Key") == "k3y" && r.URL.Query().Get("key") == "k3y"; {
			case found:
				got = with
			case strings.Contains(r.URL.String(), "k3y"), r.Header.Get("X-Key") != "":
				got = "a part of the credential"
			default:
				got = without
			}
			return told{}
		}
		for how, want := range map[string]string{tt.target: tt.direct, "/away": tt.redirected} {
			got = refused
			resp, err := w.client(ClientOptions{}).Get(how)
			if err == nil {
				_ = resp.Body.Close()
			}
			if (err != nil) != (want == refused) || got != want {
				t.Errorf("%s at %s, by %s: %s, %v; want it %s", tt.target, tt.base, how, got, err, want)
			}
		}
	}
}
