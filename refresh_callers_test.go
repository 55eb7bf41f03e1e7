package tieline

import (
	"net/http"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tieline/tieline/providertest"
	"github.com/tieline/tieline/store"
	"github.com/tieline/tieline/store/sqlite"
)

// A thousand goroutines that want one credential which is due, each in one of
// the ways there are: one exchange is made, and all get what came of it.
func TestThousandCallersGetTheSame(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := connected(t, worldOptions{store: &store.Memory{}})
		w.provider.Fail(providertest.Fault{Endpoint: providertest.Refresh, Times: providertest.Always, Delay: 20 * time.Millisecond, DelayAfter: 20 * time.Millisecond})
		for generation := 1; generation <= 3; generation++ {
			old := w.credential()
			time.Sleep(time.Hour)
			start := time.Now()
			w.wantSameForAll(1000, old)
			if d := time.Since(start); d > 45*time.Millisecond {
				t.Errorf("the last one had its token after %v, and the exchange took 40 ms", d)
			}
			w.wantRefreshes(generation)
			w.flightsEnd(w.Client)
			w.wantNothingLost(1)
		}
	})
}

// The same with a database and in real time.
func TestThousandCallersOnSQLite(t *testing.T) {
	t.Parallel()
	db, err := sqlite.Open(filepath.Join(t.TempDir(), "x.db"), sqlite.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
	var clock settableClock
	w := connected(t, worldOptions{store: db, config: func(cfg *Config) { cfg.Now = clock.Now }, provider: providertest.Options{Now: clock.Now}})
	old := w.credential()
	clock.advance(time.Hour)
	w.wantSameForAll(1000, old)
	closeClean(t, w.Client)
	w.wantRefreshes(1)
	w.wantNothingLost(1)
}

// wantSameForAll has n goroutines ask for the credential at once.
func (w *world) wantSameForAll(n int, old *OAuth2Token) {
	w.t.Helper()
	w.core.apiHTTP = mirror{}
	ways := []func() string{w.byCredential, w.byTokenSource, w.byHTTPClient, func() string { return w.byRefusal(old) }}
	tokens := make([]string, n)
	start := make(chan struct{})
	var wg sync.WaitGroup
	for i := range n {
		wg.Go(func() {
			<-start
			tokens[i] = ways[i%len(ways)]()
		})
	}
	close(start)
	wg.Wait()
	current := w.provider.Grants()[0].AccessToken
	for i, token := range tokens {
		if token != current {
			w.t.Fatalf("caller %d has %q, which is not the newest token", i, token)
		}
	}
}

func (w *world) byCredential() string {
	cred, err := w.Connections.Credential(w.t.Context(), "acme", "alice")
	if err != nil {
		return err.Error()
	}
	return cred.(*OAuth2Token).AccessToken.Reveal()
}

func (w *world) byTokenSource() string {
	token, err := w.Connections.TokenSource("acme", "alice").Token()
	if err != nil {
		return err.Error()
	}
	return token.AccessToken
}

// byRefusal says that the API has refused the old one.
func (w *world) byRefusal(old *OAuth2Token) string {
	cred, err := w.Connections.Refresh(w.t.Context(), "acme", "alice", old)
	if err != nil {
		return err.Error()
	}
	return cred.(*OAuth2Token).AccessToken.Reveal()
}

// byHTTPClient returns the token that a request went out with.
func (w *world) byHTTPClient() string {
	req, err := http.NewRequestWithContext(w.t.Context(), http.MethodGet, "/me", nil)
	if err != nil {
		return err.Error()
	}
	resp, err := w.Connections.HTTPClient("acme", "alice").Do(req)
	if err != nil {
		return err.Error()
	}
	_ = resp.Body.Close()
	return strings.TrimPrefix(resp.Header.Get("Was-Authorization"), "Bearer ")
}

// mirror is an API that shows what it was sent.
type mirror struct{}

func (mirror) RoundTrip(r *http.Request) (*http.Response, error) {
	return &http.Response{
		StatusCode: http.StatusOK, Request: r, Body: http.NoBody,
		Header: http.Header{"Was-Authorization": r.Header["Authorization"]},
	}, nil
}
