package tieline

import (
	"fmt"
	"net/http"
	"net/netip"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tieline/tieline/store"
	"github.com/tieline/tieline/storetest"
)

// lossy loses the n-th write of a message's row, counted from 1: the call, or only
// its answer.
func lossy(n int64, answerOnly bool) (store.Store, *atomic.Int64) {
	var writes atomic.Int64
	hit := func(op string, key store.Key) error {
		if key.Kind == kindForward && (op == "Put" || op == "Delete") && writes.Load() == n {
			return errDown
		}
		return nil
	}
	before := func(op string, key store.Key) error {
		if key.Kind == kindForward && (op == "Put" || op == "Delete") {
			writes.Add(1)
		}
		if answerOnly {
			return nil
		}
		return hit(op, key)
	}
	after := hit
	if !answerOnly {
		after = nil
	}
	return storetest.Faulty(&store.Memory{}, before, after), &writes
}

// Whatever call of the Store fails on the way, what was acknowledged arrives, with
// one ID, and nothing is left behind. A message of two attempts writes four times:
// queued, postponed, claimed, deleted.
func TestForwardSurvivesEveryFault(t *testing.T) {
	t.Parallel()
	for n := int64(1); n <= 5; n++ {
		for _, answerOnly := range []bool{false, true} {
			t.Run(fmt.Sprintf("write %d, answer only %v", n, answerOnly), func(t *testing.T) {
				t.Parallel()
				synctest.Test(t, func(t *testing.T) {
					s, writes := lossy(n, answerOnly)
					w := newForwardWorld(t, s, nil)
					w.answer = func(r *http.Request, n int) (*http.Response, error) {
						return jsonResponse(r, []int{500, 200}[min(n, 1)], ""), nil
					}
					stop := w.run(w.Client)
					for tries := 0; w.core.forward(t.Context(), hook(1)) != nil; tries++ {
						if n != 1 || tries > 0 {
							t.Fatal("a write other than the first one matters to the provider")
						}
					}
					time.Sleep(10 * time.Minute)
					stop()
					if ids := w.ids(); len(ids) != 1 {
						t.Errorf("received: %v", ids)
					}
					if got := len(w.received()); got < 2 || got > 3 {
						t.Errorf("%d requests", got)
					}
					if w.left(0); writes.Load() < 4 {
						t.Errorf("only %d writes: the test loses none", writes.Load())
					}
				})
			})
		}
	}
}

// A delivered message whose row cannot be deleted is sent again, after the claim.
func TestForwardWhenDeletingFails(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s, _ := lossy(2, false)
		w := newForwardWorld(t, s, nil)
		stop := w.run(w.Client)
		w.forward(hook(1))
		time.Sleep(forwardClaim - time.Second)
		if n := len(w.received()); n != 1 {
			t.Errorf("%d requests while it is claimed", n)
		}
		time.Sleep(20 * time.Second)
		stop()
		all := w.received()
		if len(all) != 2 || all[0].id != all[1].id || all[0].body != all[1].body {
			t.Errorf("requests: %v", all)
		}
		w.left(0)
	})
}

// A process that dies with a message in its hands leaves it to the others.
func TestForwardOfADeadProcess(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newForwardWorld(t, nil, nil)
		m, err := w.core.newMessage(&outgoingWebhook{integration: "key"}, receiver{}, http.Header{}, []byte(`{}`))
		if err != nil {
			t.Fatal(err)
		}
		if err := w.core.claim(&m); err != nil {
			t.Fatal(err)
		}
		if err := w.core.write(t.Context(), &m); err != nil {
			t.Fatal(err)
		}
		stop := w.run(w.Client)
		time.Sleep(forwardClaim - time.Microsecond)
		if n := len(w.received()); n != 0 {
			t.Errorf("it was taken over %d times too early", n)
		}
		time.Sleep(20 * time.Second)
		stop()
		if n := len(w.received()); n != 1 {
			t.Errorf("%d requests", n)
		}
		// The dead one comes back.
		w.core.deliver(t.Context(), m)
		w.left(0)
		if strings.Contains(w.log.String(), "could not be stored") {
			t.Error("an attempt that was taken over is an error")
		}
	})
}

// Who loses the claim leaves the row alone.
func TestForwardClaims(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newForwardWorld(t, nil, nil)
		hold := make(chan struct{})
		w.answer = func(r *http.Request, n int) (*http.Response, error) {
			if n == 0 {
				<-hold // longer than a context can tell
			}
			return jsonResponse(r, 500, ""), nil
		}
		w.forward(hook(1))
		time.Sleep(2 * forwardClaim)
		other, _, _ := w.client(nil)
		r := runner{core: other.core}
		if err := r.forwardDue(t.Context()); err != nil {
			t.Fatal(err)
		}
		r.drains.Wait()
		synctest.Wait()
		before := w.messages()[0]
		close(hold)
		w.settle()
		if after := w.messages()[0]; after.row.Version != before.row.Version {
			t.Error("the first one has written over what the second one found")
		}
	})
}

// Two processes on one Store send each message once.
func TestForwardFromTwoProcesses(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newForwardWorld(t, nil, func(c *Config) { c.Forward.URLs = []string{receiverA, receiverB} })
		other, _, _ := w.client(func(c *Config) { c.Forward.URLs = []string{receiverA, receiverB} })
		w.answers(500)
		for n := range 60 {
			c := []*Client{w.Client, other}[n%2]
			if err := c.core.forward(t.Context(), hook(n)); err != nil {
				t.Fatal(err)
			}
		}
		time.Sleep(time.Second)
		synctest.Wait()
		failed := w.ids()
		w.answer = func(r *http.Request, _ int) (*http.Response, error) {
			time.Sleep(100 * time.Millisecond)
			return jsonResponse(r, 200, ""), nil
		}
		a, b := w.run(w.Client), w.run(other)
		time.Sleep(time.Minute)
		a()
		b()
		w.left(0)
		ids := w.ids()
		for id, n := range ids {
			if n != failed[id]+1 {
				t.Errorf("%s was sent %d times", id, n-failed[id])
			}
		}
		if len(ids) != 120 {
			t.Errorf("%d messages arrived", len(ids))
		}
	})
}

// Moving to another key while a message is sent is no reason to send it twice.
func TestForwardWhileRewrapping(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newForwardWorld(t, nil, nil)
		rotated, _, _ := w.client(func(c *Config) { c.Keys = testKeys(t, 2, 1) })
		w.answer = func(r *http.Request, _ int) (*http.Response, error) {
			time.Sleep(5 * time.Second)
			return jsonResponse(r, 200, ""), nil
		}
		w.forward(hook(1))
		time.Sleep(time.Second)
		old, newest := testKeys(t, 1).IDs()[0], testKeys(t, 2).IDs()[0]
		usage, err := rotated.KeyUsage(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		diff(t, "keys in use", map[string]int{old: 1}, usage)
		if report, err := rotated.Rewrap(t.Context()); err != nil || report != (RewrapReport{Rewrapped: 1}) {
			t.Errorf("Rewrap = %+v, %v", report, err)
		}
		if usage, err = rotated.KeyUsage(t.Context()); err != nil {
			t.Fatal(err)
		}
		diff(t, "keys in use", map[string]int{newest: 1}, usage)
		w.settle()
		w.left(0)
		if n := len(w.received()); n != 1 {
			t.Errorf("%d requests", n)
		}
		// What was sealed anew can be opened and sent.
		w.answers(500)
		w.forward(hook(2))
		w.settle()
		if _, err := rotated.Rewrap(t.Context()); err != nil {
			t.Fatal(err)
		}
		without, _, _ := w.client(func(c *Config) { c.Keys = testKeys(t, 2) })
		w.answers(200)
		time.Sleep(time.Minute)
		w.sweep(without)
		w.left(0)
	})
}

// Receivers on the inside are refused, whoever names them.
func TestForwardToPrivateAddresses(t *testing.T) {
	t.Parallel()
	w := newForwardWorld(t, nil, nil)
	loopback := func(c *Config) { c.Forward.URLs = []string{"http://127.0.0.1:1/"} }
	// A Client whose way out nobody has replaced.
	guarded := func(o Outbound) *Client {
		fresh, err := New(Config{Store: w.store, Keys: testKeys(t), Outbound: o})
		if err != nil {
			t.Fatal(err)
		}
		c, _, _ := w.client(loopback)
		c.core.apiHTTP = fresh.core.apiHTTP
		return c
	}
	c := guarded(Outbound{})
	overrides := []string{"", "https://127.0.0.1:1/", "https://10.0.0.1/", "https://[::1]:1/", "https://169.254.169.254/", "http://8.8.8.8/", "ftp://8.8.8.8/"}
	for i, u := range overrides {
		m := hook(i)
		m.override = u
		if err := c.core.forward(t.Context(), m); err != nil {
			t.Fatal(err)
		}
	}
	if err := c.core.tasks.wait(t.Context()); err != nil {
		t.Fatal(err)
	}
	rows := w.messages()
	if len(rows) != len(overrides) {
		t.Errorf("%d messages are left", len(rows))
	}
	forbidden := func(reason string) bool { return strings.HasPrefix(reason, ErrForbidden.Error()) }
	allowing := guarded(Outbound{AllowPrivate: []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}})
	for _, m := range rows {
		if !forbidden(m.rec.LastError) {
			t.Errorf("%q", m.rec.LastError)
		}
		if m.rec.Slot != 0 {
			continue
		}
		if a := allowing.core.send(t.Context(), m); forbidden(a.reason()) { // nobody listens there
			t.Errorf("an address that is allowed: %s", a.reason())
		}
	}
}
