package providertest

import (
	"net/http"
	"strings"
	"testing"

	"gopkg.in/yaml.v3"
)

// No request and no template makes a Dialect panic.
func FuzzDialect(f *testing.F) {
	f.Add("POST", "https://vendor.test/token", "Basic eDp5", formType, "grant_type=refresh_token&refresh_token=x", "${base64(${a})} || b")
	f.Add("POST", "https://vendor.test/login", "OAuth a=\"b\"", jsonType, `{"user":{"name":[]}}`, "${now+1:days:YYYY}")
	f.Add("GET", "https://vendor.test/api/x?q", "AWS4-HMAC-SHA256 Credential=a/20300101/r/s/aws4_request, SignedHeaders=host, Signature=0", "", "", "${awsSigV4(a, b)}")
	f.Add("POST", "https://vendor.test/saml", "Bearer a.b.c", "application/xml", "assertion=PGE+PC9hPg==", "${a.b.c")
	f.Fuzz(func(t *testing.T, method, target, auth, kind, body, template string) {
		entries := []map[string]any{
			{"auth_mode": "OAUTH2", "token_url": "https://vendor.test/token", "proxy": map[string]any{"base_url": "https://vendor.test/api", "headers": map[string]any{"x": template}}},
			{"auth_mode": "TWO_STEP", "body_format": "xml", "token_url": "https://vendor.test/login", "token_params": map[string]any{"a": template}},
			{"auth_mode": "AWS_SIGV4", "proxy": map[string]any{"base_url": "https://vendor.test/api"}},
			{"auth_mode": "OAUTH1", "request_url": "https://vendor.test/token", "token_url": "https://vendor.test/login", "proxy": map[string]any{"base_url": "https://vendor.test/api"}},
			{"auth_mode": "JWT", "token": map[string]any{"header": map[string]any{"alg": "ES256"}}, "proxy": map[string]any{"base_url": "https://vendor.test"}},
		}
		var saml map[string]any
		if err := yaml.Unmarshal([]byte(strings.ReplaceAll(samlEntry, "https://vendor.test/t", "https://vendor.test/saml")), &saml); err != nil {
			t.Fatal(err)
		}
		for _, e := range append(entries, saml) {
			d, err := NewDialect("fuzz", e)
			if err != nil {
				continue
			}
			r, err := http.NewRequest(method, target, strings.NewReader(body))
			if err != nil {
				return
			}
			r.Header.Set("Authorization", auth)
			r.Header.Set("Content-Type", kind)
			resp, err := d.RoundTrip(r)
			if err != nil {
				t.Fatal(err)
			}
			_ = resp.Body.Close()
			_, _ = d.Authorize(t.Context(), target)
		}
	})
}
