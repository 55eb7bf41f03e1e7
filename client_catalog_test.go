package tieline

import (
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
)

func githubWorld(t *testing.T, answers ...told) *apiWorld {
	t.Helper()
	w := &apiWorld{t: t, began: time.Now(), answers: answers}
	w.open(Builtin(), "github-pat", &APIKey{Key: NewSecret("ghp_" + strings.Repeat("x", 36))}, nil)
	return w
}

// The built-in entry of GitHub: a list of links, and a window that ends.
func TestCatalogGitHub(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := githubWorld(t,
			told{body: `[{"id":1}]`, header: `Link: <https://api.github.com/repositories/1/issues?page=2>; rel="next", <https://api.github.com/x?page=9>; rel="last"`},
			told{status: 403, header: "X-Ratelimit-Remaining: 0\nX-Ratelimit-Reset: 946684821"},
			told{body: `[{"id":2}]`, header: `Link: <https://api.github.com/repositories/1/issues?page=1>; rel="prev"`})
		got := readPages(w.Connections.Pages(t.Context(), "api", "alice", PageRequest{URL: "/repos/a/b/issues?state=open", Limit: 100}))
		if diff := cmp.Diff([]string{`{"id":1}`, `{"id":2}`}, got.pages); diff != "" || got.err != nil {
			t.Errorf("%v, -want +got:\n%s", got.err, diff)
		}
		second := "https://api.github.com/repositories/1/issues?page=2"
		if diff := cmp.Diff([]string{"https://api.github.com/repos/a/b/issues?state=open&per_page=100", second, second}, w.urls()); diff != "" {
			t.Errorf("-want +got:\n%s", diff)
		}
		diffWaits(t, w, 0, 21*time.Second)
	})
}

// Three entries of a provider file of somebody else's, one with a pattern between
// slashes that finds the moment in the body.
func TestCatalogOfOthers(t *testing.T) {
	t.Parallel()
	catalog, _ := LoadCatalog(CatalogFile{Name: "nango.yaml", Data: referenceFile(t)})
	token := func() Credential {
		return &OAuth2Token{AccessToken: NewSecret("t0ken"), RefreshToken: NewSecret("r"), ExpiresAt: time.Now().Add(time.Hour)}
	}
	for _, tt := range []struct {
		provider string
		answer   told
		want     []time.Duration
	}{
		{"google", told{status: 403, body: `{"error":{"message":"x"}}`}, nil},
		{"google", told{status: 429, body: `{"error":{"message":"User-rate limit exceeded.  Retry after 2000-01-01T00:00:17.250Z"}}`}, []time.Duration{17250 * time.Millisecond}},
		{"github", told{status: 403, header: "X-Ratelimit-Remaining: 0\nX-Ratelimit-Reset: 946684809"}, []time.Duration{9 * time.Second}},
		{"linear", told{status: 400, header: "X-Ratelimit-Requests-Remaining: 0\nX-Ratelimit-Requests-Reset: 946684801500"}, []time.Duration{1500 * time.Millisecond}},
	} {
		t.Run(tt.provider, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				w := &apiWorld{t: t, began: time.Now(), answers: []told{tt.answer, {}}}
				w.open(catalog, tt.provider, token(), app("id"))
				resp, err := w.client(ClientOptions{}).Get("/x")
				body(t, resp, err)
				diffWaits(t, w, tt.want...)
			})
		})
	}
}
