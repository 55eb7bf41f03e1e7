package tieline

import (
	"context"
	"errors"
	"net/http"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tieline/tieline/internal/record"
	"github.com/tieline/tieline/providertest"
	"github.com/tieline/tieline/store"
	"github.com/tieline/tieline/storetest"
)

// flightStep is a moment of a flight. hook arranges for act to be called once,
// at that moment, while the flight stands still or goes on.
type flightStep struct {
	name string
	hook func(*flightWorld, func())
	sent bool // the refresh token leaves, or has left
}

// flightWorld has one process that refreshes, w.Client, whose calls stop where a
// test wants them to, and one in which the user acts, w.user, which nothing
// disturbs.
type flightWorld struct {
	*world
	user         *Client
	before       atomic.Pointer[func(op string)] // a call of the flight's Store
	saves        atomic.Int64                    // failing ones
	replacements int                             // grants made by the user
}

var flightSteps = []flightStep{
	{name: "before it begins", hook: func(w *flightWorld, act func()) { w.onCall("Put", 1, act) }},
	{name: "after it began", hook: func(w *flightWorld, act func()) { w.onCallAfter("Put", act) }},
	{name: "before it sends", sent: true, hook: func(w *flightWorld, act func()) {
		w.onRequest(act, nil)
	}},
	{name: "while the provider works", sent: true, hook: func(w *flightWorld, act func()) {
		w.provider.Fail(providertest.Fault{Endpoint: providertest.Refresh, Delay: 2 * time.Second, DelayAfter: 2 * time.Second})
		w.onRequest(func() { soon(time.Second, act) }, nil)
	}},
	{name: "while the answer is on its way", sent: true, hook: func(w *flightWorld, act func()) {
		w.provider.Fail(providertest.Fault{Endpoint: providertest.Refresh, DelayAfter: 2 * time.Second})
		w.onRequest(func() { soon(time.Second, act) }, nil)
	}},
	{name: "after the answer", sent: true, hook: func(w *flightWorld, act func()) {
		w.onRequest(nil, act)
	}},
	{name: "during the save", sent: true, hook: func(w *flightWorld, act func()) { w.onCall("Put", 2, act) }},
	{name: "while the save fails", sent: true, hook: func(w *flightWorld, act func()) {
		w.onCall("Put", 2, func() {
			w.saves.Store(3)
			soon(70*time.Millisecond, act) // between two of them
		})
	}},
}

// onCall calls act before the n-th call of this kind.
func (w *flightWorld) onCall(kind string, n int, act func()) {
	hook := func(op string) {
		if op == kind {
			if n--; n == 0 {
				act()
			}
		}
	}
	w.before.Store(&hook)
}

// onCallAfter calls act before the call that follows the first one of this kind.
func (w *flightWorld) onCallAfter(kind string, act func()) {
	seen := false
	hook := func(op string) {
		if seen {
			w.before.Store(nil)
			act()
		}
		seen = op == kind
	}
	w.before.Store(&hook)
}

// onRequest calls before and after around the flight's first request.
func (w *flightWorld) onRequest(before, after func()) {
	once := func(f func()) func(*http.Request) {
		return func(*http.Request) {
			if call := f; call != nil {
				f = nil
				call()
			}
		}
	}
	w.core.tokenHTTP = hookedTripper{next: w.provider.RoundTripper(), before: once(before), after: once(after)}
}

// soon calls f after d, while its caller goes on.
func soon(d time.Duration, f func()) {
	go func() {
		time.Sleep(d)
		f()
	}()
}

func newFlightWorld(t *testing.T) *flightWorld {
	memory := &store.Memory{}
	w := &flightWorld{}
	slow := storetest.Faulty(memory, func(op string, key store.Key) error {
		if hook := w.before.Load(); hook != nil && key.Kind == kindConnection && op != "GetPath" {
			(*hook)(op)
		}
		if op == "Put" && w.saves.Load() > 0 {
			w.saves.Add(-1)
			return errDown
		}
		return nil
	}, nil)
	w.world = connected(t, worldOptions{store: memory})
	w.user, _, _ = w.client(worldOptions{})
	w.core.store = slow
	return w
}

// userAct is what the user does meanwhile.
type userAct struct {
	name string
	do   func(*flightWorld) error
	gone bool // there is no connection afterwards
	keep bool // and its grant was to be left alone
}

var userActs = []userAct{
	{name: "reconnect", do: (*flightWorld).reconnect},
	{name: "import", do: func(w *flightWorld) error {
		token := w.grantOfAnother()
		_, err := w.user.Connections.Import(w.t.Context(), "acme", "alice", ConnectionInput{Credential: token})
		return err
	}},
	{name: "delete", gone: true, do: func(w *flightWorld) error { return w.remove(DeleteOptions{}) }},
	{name: "delete without revocation", gone: true, keep: true, do: func(w *flightWorld) error {
		return w.remove(DeleteOptions{SkipRevocation: true})
	}},
	{name: "delete and create again", do: func(w *flightWorld) error {
		return errors.Join(w.remove(DeleteOptions{}), w.reconnect())
	}},
}

func (w *flightWorld) remove(o DeleteOptions) error {
	return w.user.Connections.Delete(w.t.Context(), "acme", "alice", o)
}

func (w *flightWorld) reconnect() error {
	w.replacements++
	a, err := w.user.Connections.Authorize(w.t.Context(), "acme", AuthorizeOptions{ConnectionID: "alice"})
	if err != nil {
		return err
	}
	callback, _, err := w.provider.Authorize(w.t.Context(), a.URL)
	if err != nil {
		return err
	}
	_, err = w.user.Connections.Complete(w.t.Context(), a.Binding.Reveal(), callback)
	return err
}

// grantOfAnother is a grant of the same provider made elsewhere.
func (w *flightWorld) grantOfAnother() *OAuth2Token {
	w.replacements++
	elsewhere := *w.world
	elsewhere.store = &store.Memory{}
	elsewhere.Client, _, _ = elsewhere.client(worldOptions{})
	elsewhere.integration("acme", "acme")
	elsewhere.connect("acme", "alice")
	token, _ := elsewhere.storedToken(elsewhere.rowOf("alice"))
	return token
}

// Whenever the user acts during a refresh, what the user did stands.
func TestUserActsDuringARefresh(t *testing.T) {
	t.Parallel()
	for _, act := range userActs {
		for _, step := range flightSteps {
			t.Run(act.name+"/"+step.name, func(t *testing.T) {
				t.Parallel()
				synctest.Test(t, func(t *testing.T) { testUserActs(t, act, step) })
			})
		}
	}
}

func testUserActs(t *testing.T, act userAct, step flightStep) {
	w := newFlightWorld(t)
	first := w.credential()
	time.Sleep(time.Hour)
	acted := make(chan error, 1)
	step.hook(w, func() { acted <- act.do(w) })
	late := make(chan error, 1)
	var token *OAuth2Token
	go func() {
		cred, err := w.Connections.Credential(t.Context(), "acme", "alice")
		token, _ = cred.(*OAuth2Token)
		late <- err
	}()
	if err := <-acted; err != nil {
		t.Fatalf("the user got %v", err)
	}
	err := <-late
	time.Sleep(time.Minute)
	w.before.Store(nil)
	w.saves.Store(0)
	switch {
	case err != nil && !errors.Is(err, ErrNotFound), err != nil && !act.gone && act.name != "delete and create again":
		t.Errorf("the late caller got %v", err)
	case err == nil && token.AccessToken.Equal(first.AccessToken):
		t.Error("the late caller got the expired token")
	}
	if n := w.provider.Stats().Requests[providertest.Refresh]; n > 0 && !step.sent {
		t.Errorf("the old refresh token was sent %d times", n)
	}
	w.wantUsersWish(act, step)
	closeClean(t, w.Client, w.user)
	if st := w.provider.Stats(); st.MaxPerGeneration > 1 || st.ReusedRefreshTokens != 0 {
		t.Errorf("%d exchanges of one generation, %d with a spent token", st.MaxPerGeneration, st.ReusedRefreshTokens)
	}
}

// wantUsersWish checks what is stored and what lives at the provider.
func (w *flightWorld) wantUsersWish(act userAct, step flightStep) {
	w.t.Helper()
	rows := w.rows(kindConnection)
	grants := w.provider.Grants()
	if act.gone {
		if len(rows) != 0 {
			w.t.Errorf("%d connections: the deleted one came back", len(rows))
		}
		if want := act.keep && !step.sent; len(grants) > 0 && !want {
			w.t.Errorf("%d grants live on that nobody can reach", len(grants))
		}
		return
	}
	if len(rows) != 1 {
		w.t.Fatalf("%d connections", len(rows))
	}
	token, rec := w.storedToken(rows[0])
	g, alive := w.provider.GrantOf(token.RefreshToken.Reveal())
	if !alive || g.ID != 1+w.replacements || g.RefreshToken != token.RefreshToken.Reveal() {
		w.t.Errorf("grant %d is stored, alive: %t, want that of the user, %d", g.ID, alive, 1+w.replacements)
	}
	if rec.State.Holder != "" || rec.State.Status != record.Active {
		w.t.Errorf("held: %t, status %v", rec.State.Holder != "", rec.State.Status)
	}
	if act.name == "delete and create again" && len(grants) != 1 {
		w.t.Errorf("%d grants are alive, want the new one alone", len(grants))
	}
	ctx, cancel := context.WithTimeout(w.t.Context(), time.Second)
	defer cancel()
	if _, err := w.Connections.Refresh(ctx, "acme", "alice", nil); err != nil {
		w.t.Errorf("the new grant cannot be refreshed: %v", err)
	}
}

// The answer of the Store to a reconnect is lost, and another process refreshes
// the new grant before it is asked again: that must not bring the spent token
// back.
func TestLostAnswerToAReconnect(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		memory := &store.Memory{}
		w := connected(t, worldOptions{store: memory})
		other, _, _ := w.client(worldOptions{})
		var armed atomic.Bool
		w.core.store = storetest.Faulty(memory, nil, func(op string, key store.Key) error {
			if op != "Put" || key.Kind != kindConnection || !armed.Swap(false) {
				return nil
			}
			if _, err := other.Connections.Refresh(t.Context(), "acme", "alice", nil); err != nil {
				t.Errorf("Refresh = %v", err)
			}
			synctest.Wait()
			return errDown
		})
		armed.Store(true)
		w.connect("acme", "alice")
		time.Sleep(time.Minute)
		token, _ := w.storedToken(w.rowOf("alice"))
		if !w.provider.IsLive(token.RefreshToken.Reveal()) {
			t.Error("a spent refresh token is stored")
		}
	})
}
