package functions

import (
	"context"
	"fmt"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/tieline/tieline/store/sqlite"
)

// tally is a function that counts its runs by their input, and closes all when there
// were n different ones.
func tally(n int) (fn *Function, ran map[string]int, all chan struct{}) {
	var mu sync.Mutex
	ran, all = map[string]int{}, make(chan struct{})
	fn = Define("f", func(_ context.Context, _ *Call, in word) (string, error) {
		mu.Lock()
		defer mu.Unlock()
		if ran[in.Word]++; len(ran) == n && ran[in.Word] == 1 {
			close(all)
		}
		return in.Word, nil
	}, Options{})
	return fn, ran, all
}

// On a real database, with handles of their own, several processes do each run once.
func TestOnSQLite(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "x.db")
	w := newWorld(t)
	open := func() *sqlite.Store {
		s, err := sqlite.Open(path, sqlite.Options{})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = s.Close() })
		return s
	}
	first := open()
	w.base, w.Client = first, w.client(first)
	if _, err := w.Integrations.Create(t.Context(), integration); err != nil {
		t.Fatal(err)
	}
	w.connect("alice")
	const n = 60
	fn, ran, all := tally(n)
	fast := func(c *Config) { c.Poll = 20 * time.Millisecond }
	p := w.process(fast, fn)
	var ids []string
	for i := range n {
		run, err := p.Start(t.Context(), at("alice"), "f", fmt.Appendf(nil, `{"word":"%d"}`, i), RunOptions{})
		if err != nil {
			t.Fatal(err)
		}
		ids = append(ids, run.ID)
	}
	p.work()
	var ps []*process
	for range 2 {
		w.base = open()
		ps = append(ps, w.process(fast, fn).work())
	}
	select {
	case <-all:
	case <-time.After(time.Minute):
		t.Fatal("they are not done")
	}
	p.stop()
	for _, q := range ps {
		q.stop()
	}
	for i, id := range ids {
		run, err := p.Get(t.Context(), id)
		if err != nil || run.Status != StatusDone || run.Attempt != 1 || string(run.Output) != fmt.Sprintf(`"%d"`, i) {
			t.Errorf("%+v, %v", run, err)
		}
	}
	for in, times := range ran {
		if times != 1 {
			t.Errorf("%s ran %d times", in, times)
		}
	}
}
