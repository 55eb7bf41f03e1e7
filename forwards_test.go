package tieline

import (
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tieline/tieline/store"
)

// failed are the messages that were given up.
func (w *forwardWorld) failed(c *Client) []FailedForward {
	w.t.Helper()
	var all []FailedForward
	for f, err := range c.Forwards.Failed(w.t.Context()) {
		if err != nil {
			w.t.Fatal(err)
		}
		all = append(all, f)
	}
	return all
}

func TestFailedForwards(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newForwardWorld(t, nil, nil)
		w.answers(410)
		own := hook(2)
		own.override = receiverB
		large := hook(3)
		large.payload = []byte(strings.Repeat("x", largeForward))
		w.forward(hook(1), own, large)
		w.settle()
		all := w.failed(w.Client)
		hosts := map[string]int{}
		for _, f := range all {
			hosts[f.Host]++
			f.ID, f.MessageID, f.Host = "", "", ""
			diff(t, "failed", FailedForward{
				Type: "forward", Integration: "key", Provider: "acme", Connection: "alice",
				Attempts: 1, Status: 410, Reason: "status 410", QueuedAt: w.began.UTC(), FailedAt: w.began.UTC(),
			}, f)
		}
		diff(t, "hosts", map[string]int{"a.example.com": 2, "b.example.com": 1}, hosts)
		if err := w.Forwards.Discard(t.Context(), all[0].ID); err != nil {
			t.Error(err)
		}
		w.left(2)

		// Put back, a message has its old ID and the whole schedule.
		w.answers(500)
		id := all[1].ID
		if err := w.Forwards.Retry(t.Context(), id); err != nil {
			t.Error(err)
		}
		w.settle()
		if n := len(w.failed(w.Client)); n != 1 {
			t.Errorf("%d failed ones are left", n)
		}
		if got := w.received(); len(got) != 4 || got[3].id != all[1].MessageID {
			t.Errorf("retried: %v", got[len(got)-1])
		}
		w.answers(200)
		time.Sleep(6 * time.Second)
		w.sweep(w.Client)
		w.left(1)
		for what, err := range map[string]error{
			"retrying what is delivered": w.Forwards.Retry(t.Context(), id),
			"discarding it":              w.Forwards.Discard(t.Context(), id),
			"retrying nothing":           w.Forwards.Retry(t.Context(), ""),
			"a bad ID":                   w.Forwards.Discard(t.Context(), "\x00"),
		} {
			if !errors.Is(err, ErrNotFound) {
				t.Errorf("%s: %v", what, err)
			}
		}
	})
}

// What waits is neither retried nor discarded.
func TestWaitingForwardsAreLeftAlone(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newForwardWorld(t, nil, nil)
		w.answers(500)
		w.forward(hook(1))
		w.settle()
		id := w.messages()[0].row.ID
		for _, err := range []error{w.Forwards.Retry(t.Context(), id), w.Forwards.Discard(t.Context(), id)} {
			if !errors.Is(err, ErrNotFound) {
				t.Error(err)
			}
		}
		if w.left(1); len(w.failed(w.Client)) != 0 {
			t.Error("it counts as failed")
		}
		if err := w.Close(t.Context()); err != nil {
			t.Fatal(err)
		}
		if err := w.Forwards.Retry(t.Context(), id); !errors.Is(err, ErrClosed) {
			t.Errorf("after Close: %v", err)
		}
	})
}

// What waits goes to the URL that has its place now, and to none if that is gone.
func TestForwardToACorrectedURL(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		const wrong = "https://wrong.example.com/"
		w := newForwardWorld(t, nil, func(c *Config) { c.Forward.URLs = []string{receiverA, wrong} })
		w.answer = func(r *http.Request, _ int) (*http.Response, error) {
			return jsonResponse(r, map[bool]int{true: 404, false: 200}[r.URL.Host == "wrong.example.com"], ""), nil
		}
		w.forward(hook(1))
		w.settle()
		w.left(1)
		shorter, _, _ := w.client(nil)
		time.Sleep(6 * time.Second)
		w.sweep(shorter)
		if m := w.messages()[0]; m.rec.LastError != errNoReceiver.Error() || len(w.received()) != 2 {
			t.Errorf("with a shorter list: %q, %d requests", m.rec.LastError, len(w.received()))
		}
		corrected, _, _ := w.client(func(c *Config) { c.Forward.URLs = []string{receiverA, receiverB} })
		time.Sleep(6 * time.Minute)
		w.sweep(corrected)
		if got := w.received(); len(got) != 3 || got[2].url != receiverB {
			t.Errorf("received: %v", got)
		}
		w.left(0)
	})
}

// A message that cannot be opened does not keep others waiting.
func TestForwardAroundDamage(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newForwardWorld(t, nil, nil)
		w.answers(500)
		w.forward(hook(1), hook(2), hook(3))
		w.settle()
		rows := w.messages()
		rows[0].rec.Sealed[40] ^= 1
		rows[0].row.Data = rows[0].rec.Encode()
		rows[1].row.Data = []byte{99}
		for _, m := range rows[:2] {
			if _, err := w.store.Put(t.Context(), m.row); err != nil {
				t.Fatal(err)
			}
		}
		w.answers(200)
		time.Sleep(6 * time.Second)
		w.sweep(w.Client)
		if n := len(w.received()); n != 4 {
			t.Errorf("%d requests", n)
		}
		if !strings.Contains(w.log.String(), ErrDamaged.Error()) || !strings.Contains(w.log.String(), ErrNewerFormat.Error()) {
			t.Error("the damage is not reported")
		}
		w.leftRows(2)
	})
}

func (w *forwardWorld) leftRows(want int) {
	w.t.Helper()
	page, err := w.store.List(w.t.Context(), store.Query{Kind: kindForward})
	if err != nil || len(page.Rows) != want {
		w.t.Errorf("%d rows, %v", len(page.Rows), err)
	}
}

// Neither logs, errors, events, rows nor listings show what is forwarded, what signs
// it, or a URL.
func TestForwardsShowNothing(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newForwardWorld(t, nil, func(c *Config) {
			c.Forward.URLs = []string{receiverA, "https://broken.example.com/canary"}
			c.Forward.NangoKey = NewSecret(nangoKey)
			c.Forward.Events = nil
		})
		w.answer = func(r *http.Request, n int) (*http.Response, error) {
			if n%2 == 0 {
				return nil, fmt.Errorf(`malformed HTTP response "canary"`)
			}
			return jsonResponse(r, 410, "canary"), nil
		}
		m := hook(1)
		m.dedup, m.payload, m.header = "canary", []byte(`{"canary":1}`), http.Header{"X-Acme": {"canary"}}
		own := m
		own.override = "https://c.example.com/canary"
		odd := m
		odd.override = "https://c.example.com/\x01canary"
		w.forward(m, own, odd)
		w.connection(ConnectionInput{Tags: map[string]string{"a": "canary"}})
		w.settle()
		for range 12 {
			time.Sleep(25 * time.Hour)
			w.sweep(w.Client)
		}
		shown := w.log.String()
		failed := w.failed(w.Client)
		for _, f := range failed {
			shown += fmt.Sprintf("%v %+v %#v\n", f, f, f)
		}
		for _, e := range w.events.all {
			shown += fmt.Sprintf("%v %+v %#v %v\n", e, e, e.Err, e.Err)
		}
		for _, m := range w.messages() {
			shown += fmt.Sprintf("%s %s %s %s\n", m.row.ID, m.row.Unique, m.row.Labels, m.row.Data)
		}
		if len(failed) < 4 || !strings.Contains(shown, "the connection failed") {
			t.Fatalf("only %d failed; the test looks at nothing", len(failed))
		}
		for what, secret := range map[string]string{"a canary": "canary", "the secret": forwardSecret, "the Nango key": nangoKey} {
			for form, v := range spellings(secret) {
				if i := strings.Index(shown, v); i >= 0 {
					t.Errorf("%s is shown, %s: %q", what, form, shown[max(0, i-200):i+20])
				}
			}
		}
	})
}
