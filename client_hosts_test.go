package tieline

import (
	"net/http"
	"strings"
	"testing"
)

const (
	isWith    = "with the credential"
	isWithout = "without it"
	isRefused = "refused"
)

var hostTests = []struct{ base, target, direct, redirected string }{
	{"https://api.example.com", "/v1/x", isWith, isWith},
	{"https://api.example.com", "/v1/x?a=b", isWith, isWith},
	{"https://api.example.com", "https://api.example.com/elsewhere", isWith, isWith},
	{"https://api.example.com", "HTTPS://API.Example.COM/x", isWith, isWith},
	{"https://api.example.com", "https://api.example.com./x", isWith, isWith},
	{"https://api.example.com", "https://api.example.com:443/x", isWith, isWith},
	{"https://API.example.com:443", "https://api.example.com/x", isWith, isWith},
	{"https://api.example.com", "https://evil.example.net/x", isWithout, isWithout},
	{"https://api.example.com", "//evil.example.net/x", isRefused, isWithout},
	{"https://api.example.com", "https:evil.example.net", isRefused, isRefused},
	{"https://api.example.com", `/\evil.example.net/x`, isWith, isWith}, // a path
	{"https://api.example.com", `https://api.example.com\@evil.example.net/`, isRefused, isRefused},
	{"https://api.example.com", "https://api.example.com@evil.example.net/", isWithout, isWithout},
	{"https://api.example.com", "https://api.example.com:443@evil.example.net/", isWithout, isWithout},
	{"https://api.example.com", "https://evil.example.net#@api.example.com/", isWithout, isWithout},
	{"https://api.example.com", "https://evil.example.net?@api.example.com/", isWithout, isWithout},
	{"https://api.example.com", "https://api.example.com%2eevil.example.net/", isRefused, isRefused},
	{"https://api.example.com", "https://api.example.com%40evil.example.net/", isRefused, isRefused},
	{"https://api.example.com", "https://api.example.com.evil.example.net/", isWithout, isWithout},
	{"https://api.example.com", "https://evilapi.example.com/", isWithout, isWithout},
	{"https://api.example.com", "https://x.api.example.com/", isWithout, isWithout},
	{"https://api.example.com", "https://example.com/", isWithout, isWithout},
	{"https://api.example.com", "https://api.example.com../x", isWithout, isWithout},
	{"https://api.example.com", "https://api.ex\u0430mple.com/x", isWithout, isWithout}, // the fifth letter is Cyrillic
	{"https://api.example.com", "https://api.example.com:8443/x", isWithout, isWithout},
	{"https://api.example.com", "http://api.example.com/x", isWithout, isWithout},
	{"https://api.example.com", "http://api.example.com:443/x", isWithout, isWithout},
	{"https://api.example.com:8443", "https://api.example.com/x", isWithout, isWithout},
	{"https://[2606:4700::1]", "/x", isWith, isWith},
	{"https://[2606:4700::1]", "https://[2606:4700::1]:443/x", isWith, isWith},
	{"https://[2606:4700::a]", "https://[2606:4700::A]/x", isWith, isWith},
	{"https://[2606:4700::1]", "https://[2606:4700:0:0:0:0:0:1]/x", isWithout, isWithout}, // the same, in other words
	{"https://[2606:4700::1]", "https://[2606:4700::2]/x", isWithout, isWithout},
	{"https://[2606:4700::1]", "https://[2606:4700::1%25eth0]/x", isWithout, isWithout},
	{"https://[2606:4700::1]", "https://[::ffff:127.0.0.1]/x", isWithout, isWithout},
}

// Wherever the caller, or a redirect of the provider, sends a request: the credential
// goes along to the provider's own origin and stays there. Links of pages are in
// TestPagesEnd, and what names resolve to is in internal/outbound.
func TestCredentialNeverLeaves(t *testing.T) {
	t.Parallel()
	for _, tt := range hostTests {
		catalog, problems := LoadCatalog(CatalogFile{Name: "api.yaml", Data: []byte("api:\n  display_name: API\n  docs: https://example.com\n  auth_mode: API_KEY\n" +
			"  proxy: {base_url: '" + tt.base + "', headers: {x-key: '${apiKey}'}, query: {key: '${apiKey}'}}\n")})
		for _, p := range problems {
			if p.Severity == SeverityRejected {
				t.Fatal(p)
			}
		}
		w := &apiWorld{t: t}
		w.open(catalog, "api", &APIKey{Key: NewSecret("k3y")}, nil)
		got := isRefused
		w.serve = func(r *http.Request, _ string) told {
			if r.URL.Path == "/away" && !strings.HasPrefix(tt.target, "/away") {
				return told{status: http.StatusTemporaryRedirect, header: "Location: " + tt.target}
			}
			switch found := r.Header.Get("X-Key") == "k3y" && r.URL.Query().Get("key") == "k3y"; {
			case found:
				got = isWith
			case strings.Contains(r.URL.String(), "k3y"), r.Header.Get("X-Key") != "":
				got = "a part of the credential"
			default:
				got = isWithout
			}
			return told{}
		}
		for how, want := range map[string]string{tt.target: tt.direct, "/away": tt.redirected} {
			got = isRefused
			resp, err := w.client(ClientOptions{}).Get(how)
			if err == nil {
				_ = resp.Body.Close()
			}
			if (err != nil) != (want == isRefused) || got != want {
				t.Errorf("%s at %s, by %s: %s, %v; want it %s", tt.target, tt.base, how, got, err, want)
			}
		}
	}
}
