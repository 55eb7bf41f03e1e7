package functions

import (
	"context"
	"errors"
	"net/http"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tieline/tieline"
	"github.com/tieline/tieline/store"
)

// notes is a function that writes down which webhooks start it.
func notes(t *testing.T, j *journal, name string, types []string) *Function {
	return Define(name, func(_ context.Context, call *Call, in word) (int, error) {
		if in != (word{}) || call.Webhook == nil || string(call.Webhook.Body) != "canary-body" || call.Webhook.Header.Get("X-Sign") != "canary-sign" {
			t.Errorf("%+v, %+v", in, call.Webhook)
		}
		j.add("%s %s %s %s", name, call.Connection.ID, call.Webhook.Type, call.Webhook.ID)
		return 0, nil
	}, Options{Webhooks: types})
}

func TestHandleWebhook(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w, j := newWorld(t, "alice", "bob"), &journal{}
		define := func(name string, types ...string) *Function { return notes(t, j, name, types) }
		p := w.process(nil, define("any", "*"), define("deal", "deal.created", "deal.changed"), define("none"))
		var conns []tieline.Connection
		for _, id := range []string{"alice", "bob"} {
			conn, err := w.Connections.Get(t.Context(), "crm", id)
			if err != nil {
				t.Fatal(err)
			}
			conns = append(conns, conn)
		}
		hook := tieline.Webhook{
			Integration: "crm", Provider: "acme", Verified: true, ID: "d1", Type: "deal.created", Connections: conns,
			Header: http.Header{"X-Sign": {"canary-sign"}}, Body: []byte("canary-body"),
		}
		handle := func(edit func(*tieline.Webhook)) error {
			h := hook
			edit(&h)
			return p.HandleWebhook(t.Context(), &h)
		}
		same := func(*tieline.Webhook) {}
		if err := handle(same); err != nil {
			t.Fatal(err)
		}
		for _, e := range w.rows(kindRun) {
			if strings.Contains(string(e.row.Data), "canary") || e.row.Unique == "" || strings.Contains(e.row.Unique, "d1") {
				t.Error("what came is in the Store in the clear")
			}
		}
		if err := handle(same); err != nil {
			t.Errorf("repeated: %v", err)
		}
		p.work()
		time.Sleep(time.Minute)
		if err := handle(same); err != nil {
			t.Errorf("repeated later: %v", err)
		}
		if err := handle(func(h *tieline.Webhook) { h.Type, h.ID, h.Connections = "other", "", conns[1:] }); err != nil {
			t.Error(err)
		}
		if err := handle(func(h *tieline.Webhook) { h.Verified = false; h.ID = "d2" }); !errors.Is(err, ErrUnverified) {
			t.Errorf("unverified: %v", err)
		}
		if err := handle(func(h *tieline.Webhook) { h.ID, h.Body = "d3", make([]byte, 2<<20) }); err == nil {
			t.Error("a large one was taken")
		}
		time.Sleep(time.Minute)
		got := j.all()
		slices.Sort(got)
		want := []string{"any alice deal.created d1", "any bob deal.created d1", "any bob other ", "deal alice deal.created d1", "deal bob deal.created d1"}
		if !slices.Equal(got, want) {
			t.Errorf("ran:\n%s", strings.Join(got, "\n"))
		}
	})
}

// A Store that fails after some of the runs has the provider send it all again, and
// nothing is doubled.
func TestHandleWebhookHalfway(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w, j := newWorld(t, "alice", "bob", "carol"), &journal{}
		fn := Define("f", func(_ context.Context, call *Call, _ struct{}) (int, error) {
			j.add("%s", call.Connection.ID)
			return 0, nil
		}, Options{Webhooks: []string{"*"}})
		p, puts := w.process(nil, fn), 0
		p.before = func(op string, key store.Key) error {
			if op != "Put" || !ours(key) {
				return nil
			}
			if puts++; puts == 2 || puts == 5 {
				return errStorm
			}
			return nil
		}
		// The answer to a write is lost, and so is that to the question about it.
		p.after = func(_ string, key store.Key) error {
			if ours(key) && puts == 4 {
				return errStorm
			}
			return nil
		}
		hook := tieline.Webhook{Verified: true, ID: "d1", Type: "x"}
		for _, id := range []string{"alice", "bob", "carol"} {
			conn, err := w.Connections.Get(t.Context(), "crm", id)
			if err != nil {
				t.Fatal(err)
			}
			hook.Connections = append(hook.Connections, conn)
		}
		tries := 0
		for p.HandleWebhook(t.Context(), &hook) != nil {
			if tries++; tries > 100 {
				t.Fatal("it is never taken")
			}
		}
		if tries != 3 {
			t.Errorf("it failed %d times", tries)
		}
		p.before, p.after = nil, nil
		p.work()
		time.Sleep(time.Minute)
		got := j.all()
		slices.Sort(got)
		if !slices.Equal(got, []string{"alice", "bob", "carol"}) {
			t.Errorf("ran: %v", got)
		}
	})
}
