package tieline

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tieline/tieline/internal/record"
)

// imported is a login of which there is a refresh token only.
func (w *modeWorld) imported() {
	w.t.Helper()
	if err := w.setUp(w.t.Context()); err != nil {
		w.t.Fatal(err)
	}
	cred := &TwoStep{Token: NewSecret("first-token"), RefreshToken: NewSecret("first-refresh"), ExpiresAt: time.Now().Add(time.Hour)}
	if _, err := w.Connections.Import(w.t.Context(), "key", "alice", ConnectionInput{Credential: cred, Config: w.in.Config}); err != nil {
		w.t.Fatal(err)
	}
}

// storedLogin is what is in the Store.
func (w *modeWorld) storedLogin() *TwoStep {
	w.t.Helper()
	row := w.rows(kindConnection)[0]
	rec, err := record.ParseConnection(row.Data)
	if err != nil {
		w.t.Fatal(err)
	}
	p, err := w.core.openPrivate(row.ID, rec)
	if err != nil {
		w.t.Fatal(err)
	}
	return p.cred.(*TwoStep)
}

// A new refresh token that came without a token is the only one there is.
func TestModesLoginKeepsRotation(t *testing.T) {
	t.Parallel()
	inBubble(t, modeNamed(t, "login-json"), func(t *testing.T, w *modeWorld) {
		w.imported()
		w.fail("refresh", statusFault("", http.StatusOK, `{"data":{"refresh":"second-refresh"}}`))
		w.fail("token", statusFault("", http.StatusOK, `{"data":{"refresh":"second-refresh"}}`))
		_, err := w.Connections.Refresh(t.Context(), "key", "alice", nil)
		if w.note(err) == nil {
			t.Error("refreshed without a token")
		}
		var problem error
		if got := w.storedLogin().RefreshToken.Reveal(); got != "second-refresh" {
			problem = fmt.Errorf("the refresh token is %q", got)
		}
		gap(t, "rotation/login-json", problem)
	})
}

// What may have spent a refresh token is not called harmless.
func TestModesLoginRefreshIsAmbiguous(t *testing.T) {
	t.Parallel()
	for _, f := range modeFaults() {
		switch f.name {
		case "500", "10 MB", "HTML", "truncated JSON", "empty":
		default:
			continue
		}
		t.Run(f.name, func(t *testing.T) {
			t.Parallel()
			inBubble(t, modeNamed(t, "login-json"), func(t *testing.T, w *modeWorld) {
				w.imported()
				w.fail("refresh", f)
				w.fail("token", f)
				_, err := w.Connections.Refresh(t.Context(), "key", "alice", nil)
				w.note(err)
				synctest.Wait() // what failed is told first and stored then
				conn, gerr := w.Connections.Get(t.Context(), "key", "alice")
				if err == nil || gerr != nil || conn.LastError == nil {
					t.Fatalf("Refresh = %v, %v", err, gerr)
				}
				var problem error
				if conn.LastError.Class != ClassAmbiguous {
					problem = fmt.Errorf("the class is %s", conn.LastError.Class)
				}
				gap(t, "ambiguous/"+f.name, problem)
				if !w.storedLogin().RefreshToken.Equal(NewSecret("first-refresh")) {
					t.Error("the refresh token is lost")
				}
			})
		})
	}
}

// What a server of discovery answers is passed over or an error of discovery, and
// leads nowhere else.
func TestModesBadDiscovery(t *testing.T) {
	t.Parallel()
	for _, f := range modeFaults() {
		t.Run(f.name, func(t *testing.T) {
			t.Parallel()
			inBubble(t, modeNamed(t, "mcp-generic"), func(t *testing.T, w *modeWorld) {
				if err := w.setUp(t.Context()); err != nil {
					t.Fatal(err)
				}
				clear := w.fail("discovery", f)
				err := w.join(t.Context())
				clear()
				if err != nil && !strings.HasPrefix(typed(err), "discovery") && !strings.HasPrefix(typed(err), "field") {
					t.Errorf("connect = %v", err)
				}
				if f.temporary && !strings.HasPrefix(typed(err), "discovery") {
					t.Errorf("what may pass: %v", err)
				}
				for _, x := range w.provider.Log() {
					if strings.Contains(x.URL, "evil.test") || strings.Contains(x.URL, "10.0.0.1") {
						t.Errorf("%s was asked", x.URL)
					}
				}
				if err != nil && len(w.rows(kindConnection))+len(w.rows(kindAuthorization)) > 0 {
					t.Error("something is stored")
				}
				w.mustJoin()
			})
		})
	}
}
