package sqlite

import (
	"context"
	"errors"
	"slices"
	"testing"
	"testing/synctest"

	"github.com/tieline/tieline/store"
)

// queue starts n calls that come to the gate one after the other. wait returns,
// once all have ended, who was let in, in that order, and what the others were
// told.
func queue(ctx context.Context, g gate, n int) (wait func() (in []int, refused []error)) {
	type end struct {
		who int
		err error
	}
	ends := make(chan end, n)
	for i := range n {
		go func() {
			err := g.enter(ctx)
			ends <- end{i, err}
			if err == nil {
				g.leave()
			}
		}()
		synctest.Wait() // it has queued
	}
	return func() (in []int, refused []error) {
		for range n {
			if e := <-ends; e.err != nil {
				refused = append(refused, e.err)
			} else {
				in = append(in, e.who)
			}
		}
		return in, refused
	}
}

func TestGateIsFair(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		g := newGate(1, make(chan struct{}))
		if err := g.enter(t.Context()); err != nil {
			t.Fatal(err)
		}
		wait := queue(t.Context(), g, 50)
		g.leave()
		if in, _ := wait(); !slices.IsSorted(in) || len(in) != 50 {
			t.Errorf("let in as %v, want in the order of coming", in)
		}
	})
}

func TestGateSize(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		g := newGate(3, make(chan struct{}))
		for range 3 {
			if err := g.enter(t.Context()); err != nil {
				t.Fatal(err)
			}
		}
		fourth := make(chan error, 1)
		go func() { fourth <- g.enter(t.Context()) }()
		synctest.Wait()
		if len(fourth) != 0 {
			t.Error("a fourth was let in")
		}
		g.leave()
		if err := <-fourth; err != nil {
			t.Error(err)
		}
	})
}

func TestGateContext(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		g := newGate(1, make(chan struct{}))
		if err := g.enter(t.Context()); err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithCancel(t.Context())
		wait := queue(ctx, g, 2)
		cancel()
		if _, refused := wait(); len(refused) != 2 || !errors.Is(refused[0], context.Canceled) {
			t.Errorf("those who waited were told %v", refused)
		}
		g.leave()
		if err := g.enter(t.Context()); err != nil {
			t.Errorf("the gate is stuck: %v", err)
		}
	})
}

func TestGateCloses(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		closed := make(chan struct{})
		g := newGate(1, closed)
		if err := g.enter(t.Context()); err != nil {
			t.Fatal(err)
		}
		wait := queue(t.Context(), g, 2)
		close(closed)
		drained := make(chan struct{})
		go func() {
			g.drain()
			close(drained)
		}()
		synctest.Wait()
		select {
		case <-drained:
			t.Error("drain did not wait for the call inside")
		default:
		}
		g.leave()
		<-drained
		_, refused := wait()
		for _, err := range append(refused, g.enter(t.Context())) {
			if !errors.Is(err, store.ErrClosed) {
				t.Errorf("got %v, want ErrClosed", err)
			}
		}
		if len(refused) != 2 {
			t.Errorf("%d of 2 who waited were refused", len(refused))
		}
	})
	// A free slot is no way in either.
	closed := make(chan struct{})
	g := newGate(1, closed)
	close(closed)
	if err := g.enter(context.Background()); !errors.Is(err, store.ErrClosed) {
		t.Errorf("with a free slot: %v, want ErrClosed", err)
	}
	if len(g.slots) != 0 {
		t.Error("the slot was not given back")
	}
}
