package tieline

import (
	"context"
	"net/http"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/tieline/tieline/internal/record"
	"github.com/tieline/tieline/providertest"
	"github.com/tieline/tieline/store"
	"github.com/tieline/tieline/storetest"
)

// nth makes calls of a Store fail, counted from when it was armed. The zero
// value never interferes.
type nth struct {
	mu    sync.Mutex
	n     int // the call that fails; 0: none
	style faultStyle
	seen  int
	fired time.Time // when the n-th call was made; zero: not yet
	owed  string    // the call that happened and whose answer is still to be lost
}

// faultStyle is one of the ways in which calls fail.
type faultStyle struct {
	name    string
	happens bool          // the call is made, and an error is reported
	lasts   time.Duration // the calls that follow fail as well, for so long
}

// wrap puts the faults in front of a Store.
func (f *nth) wrap(s store.Store) store.Store { return storetest.Faulty(s, f.before, f.after) }

func (f *nth) before(op string, key store.Key) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.n == 0 {
		return nil
	}
	f.seen++
	if f.seen == f.n {
		f.fired = time.Now()
		f.owed = op + " " + key.ID
	}
	if !f.style.happens && (f.seen == f.n || f.outage()) {
		return errDown
	}
	return nil
}

func (f *nth) after(op string, key store.Key) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	switch {
	case f.n == 0 || !f.style.happens:
		return nil
	case f.owed == op+" "+key.ID:
		f.owed = ""
		return errDown
	case f.outage():
		return errDown
	}
	return nil
}

func (f *nth) outage() bool { return !f.fired.IsZero() && time.Since(f.fired) < f.style.lasts }

func (f *nth) arm(n int, style faultStyle) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.n, f.style, f.seen, f.fired, f.owed = n, style, 0, time.Time{}, ""
}

// disarm ends the faults. It says whether there was one.
func (f *nth) disarm() bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.n = 0
	return !f.fired.IsZero()
}

// settableClock is a wall clock that a test moves.
type settableClock struct{ offset atomic.Int64 }

func (c *settableClock) Now() time.Time          { return time.Now().Add(time.Duration(c.offset.Load())) }
func (c *settableClock) advance(d time.Duration) { c.offset.Add(int64(d)) }

// storedToken is what a row holds, read without going through a Client's
// refresh.
func (w *world) storedToken(row store.Row) (*OAuth2Token, *record.Connection) {
	w.t.Helper()
	cred, rec := w.openable(row)
	return cred.(*OAuth2Token), rec
}

// wantNothingLost checks that every live grant of the provider is in the Store
// with its newest tokens, that the Store has nothing else, and that no row is
// held. It ends with how many there are.
func (w *world) wantNothingLost(grants int) {
	w.t.Helper()
	live := map[string]providertest.Grant{}
	for _, g := range w.provider.Grants() {
		live[g.RefreshToken] = g
	}
	if len(live) != grants {
		w.t.Errorf("%d grants are alive, want %d", len(live), grants)
	}
	rows := w.rows(kindConnection)
	if len(rows) != grants {
		w.t.Errorf("%d connections are stored, want %d", len(rows), grants)
	}
	for _, row := range rows {
		token, rec := w.storedToken(row)
		g, ok := live[token.RefreshToken.Reveal()]
		if !ok {
			w.t.Errorf("connection %s: the stored refresh token is not the newest of a live grant", connectionID(row))
		} else if g.AccessToken != token.AccessToken.Reveal() {
			w.t.Errorf("connection %s: the stored access token is not the one that came with the refresh token", connectionID(row))
		}
		if s := rec.State; s.Holder != "" || s.Sent || s.Status != record.Active {
			w.t.Errorf("connection %s: held %t, sent %t, status %v", connectionID(row), s.Holder != "", s.Sent, s.Status)
		}
	}
}

// wantOncePerGeneration checks that no refresh token was presented twice.
func (w *world) wantOncePerGeneration() {
	w.t.Helper()
	st := w.provider.Stats()
	if st.MaxPerGeneration > 1 || st.ReusedRefreshTokens != 0 || st.FamiliesRevoked != 0 || st.RefreshRejected != 0 {
		w.t.Errorf("%d exchanges of one generation, %d with a spent token, %d families revoked, %d rejected",
			st.MaxPerGeneration, st.ReusedRefreshTokens, st.FamiliesRevoked, st.RefreshRejected)
	}
}

// closeClean closes Clients and wants nothing left behind.
func closeClean(t *testing.T, clients ...*Client) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	for _, c := range clients {
		if err := c.Close(ctx); err != nil {
			t.Errorf("Close = %v", err)
		}
	}
}

// hookedTripper calls hooks around the requests that it passes on. Either may
// be nil.
type hookedTripper struct {
	next          http.RoundTripper
	before, after func(*http.Request)
}

func (h hookedTripper) RoundTrip(r *http.Request) (*http.Response, error) {
	if h.before != nil {
		h.before(r)
	}
	resp, err := h.next.RoundTrip(r)
	if h.after != nil {
		h.after(r)
	}
	return resp, err
}

// openable opens a row, of whatever mode.
func (w *world) openable(row store.Row) (Credential, *record.Connection) {
	w.t.Helper()
	rec, err := record.ParseConnection(row.Data)
	if err != nil {
		w.t.Fatal(err)
	}
	p, err := w.core.openPrivate(row.ID, rec)
	if err != nil {
		w.t.Fatalf("a row that nothing can open: %v", err)
	}
	return p.cred, rec
}
