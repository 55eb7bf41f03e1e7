package tieline

import (
	"errors"
	"net/http"
	"testing"

	"github.com/tieline/tieline/store"
)

const checkedEntry = "  auth_mode: API_KEY\n  proxy: {base_url: 'https://api.example.com', headers: {authorization: 'Bearer ${apiKey}'}}\n" +
	"  verify: [{url: /health, expect: {path: signed_in, equals: 'true', not_contains: denied}}]\n"

// A status of 200 is not enough where the provider's data says what else there has to
// be.
func TestChecksOfACredential(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		status int
		body   string
		want   error
	}{
		"as it should be":        {200, `{"signed_in":true}`, nil},
		"another value":          {200, `{"signed_in":false}`, ErrVerification},
		"no value":               {200, `{}`, ErrVerification},
		"a word that must not":   {200, `{"signed_in":true,"why":"denied"}`, ErrVerification},
		"another status":         {403, `{"signed_in":true}`, ErrVerification},
		"a page instead of JSON": {200, `<html>sign in</html>`, ErrVerification},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			asked := ""
			c := clientOf(t, &store.Memory{}, checkedEntry, answering(func(r *http.Request, _ string) *http.Response {
				asked = r.URL.String() + " " + r.Header.Get("Authorization")
				return jsonResponse(r, tt.status, tt.body)
			}))
			if _, err := c.Integrations.Create(t.Context(), Integration{Key: "k", Provider: "acme"}); err != nil {
				t.Fatal(err)
			}
			_, err := c.Connections.Create(t.Context(), "k", "alice", ConnectionInput{Credential: &APIKey{Key: NewSecret("K")}})
			if !errors.Is(err, tt.want) || tt.want == nil && err != nil {
				t.Errorf("Create = %v, want %v", err, tt.want)
			}
			if asked != "https://api.example.com/health Bearer K" {
				t.Errorf("asked %q", asked)
			}
		})
	}
}
