package queuetest

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/tieline/tieline/queue"
)

// early is how much too early a wake-up may come: clocks are not exact.
const early = 50 * time.Millisecond

// settle is long enough for receivers to begin, and for what should not come to come.
const settle = 300 * time.Millisecond

// rules are what the interface says, one promise each.
func rules() []rule {
	return []rule{
		{"RoundTrip", "a wake-up comes as it was added", roundTrip},
		{"Past", "a time in the past, or none, is now", past},
		{"NotBefore", "a wake-up does not come before its time", notBefore},
		{"Reopen", "a wake-up that was added outlives the handle it was added with", reopen},
		{"Again", "an error of do means again", again},
		{"Concurrent", "several wake-ups are handed over at once", concurrent},
		{"Many", "of many that are added at once, each comes", many},
		{"Shared", "receivers share the wake-ups", shared},
		{"Kinds", "a receiver gets its kinds, and leaves the others to others", kinds},
		{"Doubled", "adding a wake-up that waits is harmless", doubled},
		{"Meanwhile", "one that is added while it is received comes again", meanwhile},
		{"Ends", "when ctx is done, Receive waits for what is under way, and tells it so", ends},
		{"PutBack", "what was given up because ctx was done comes to another one", putBack},
		{"DoneContext", "under a context that is done, nothing is received", doneContext},
	}
}

func roundTrip(w *world) error {
	q := w.open()
	want := queue.Wake{Kind: beta, ID: "a5 'ü\" \\ % _", At: now().Add(-1234567 * time.Microsecond)}
	if err := w.add(q, want); err != nil {
		return err
	}
	r := w.receive(q, []string{beta}, nil)
	g, err := r.next()
	if err == nil && (g.Kind != want.Kind || g.ID != want.ID || !g.At.Equal(want.At)) {
		err = fmt.Errorf("%+v came, %+v was added", g.Wake, want)
	}
	return errors.Join(err, r.stop())
}

func past(w *world) error {
	q := w.open()
	err := w.add(q, queue.Wake{Kind: alpha, ID: "never"}, queue.Wake{Kind: alpha, ID: "old", At: now().Add(-365 * 24 * time.Hour)})
	if err != nil {
		return err
	}
	r := w.receive(q, []string{alpha}, nil)
	_, err = r.all("never", "old")
	return errors.Join(err, r.stop())
}

// notBefore has a receiver that waits, wake-ups whose time comes soon, and one whose
// time comes while it is in the middle of others.
func notBefore(w *world) error {
	q := w.open()
	r := w.receive(q, []string{alpha}, nil)
	began, ids := now(), []string{}
	for i, after := range []time.Duration{1500, 0, 700, 6200, 300} {
		id := fmt.Sprint(i)
		ids = append(ids, id)
		if err := w.add(q, queue.Wake{Kind: alpha, ID: id, At: began.Add(after * time.Millisecond)}); err != nil {
			return err
		}
	}
	var err error
	for n := 0; n < len(ids) && err == nil; n++ {
		var g got
		if g, err = r.next(); err == nil && g.when.Before(g.At.Add(-early)) {
			err = fmt.Errorf("it came %v too early", g.At.Sub(g.when))
		}
	}
	return errors.Join(err, r.stop())
}

func reopen(w *world) error {
	if err := w.add(w.open(), wake(alpha, "1"), wake(alpha, "2")); err != nil {
		return err
	}
	r := w.receive(w.open(), []string{alpha}, nil)
	_, err := r.all("1", "2")
	return errors.Join(err, r.stop())
}

func again(w *world) error {
	q := w.open()
	if err := w.add(q, wake(alpha, "1"), wake(alpha, "2")); err != nil {
		return err
	}
	done := make(chan struct{})
	r := w.receive(q, []string{alpha}, func(g got) error {
		if g.ID == "1" && g.nth < 3 {
			return errAgain
		}
		if g.ID == "1" && g.nth == 3 {
			close(done)
		}
		return nil
	})
	return errors.Join(w.within("a third attempt", done), r.stop())
}

func concurrent(w *world) error {
	const n = 3
	q, here, everybody := w.open(), make(chan struct{}, n), make(chan struct{})
	for i := range n {
		if err := w.add(q, wake(alpha, fmt.Sprint(i))); err != nil {
			return err
		}
	}
	r := w.receive(q, []string{alpha}, func(g got) error {
		here <- struct{}{}
		select {
		case <-everybody:
		case <-g.ctx.Done():
		}
		return nil
	})
	var err error
	for range n {
		err = errors.Join(err, w.within("as many at once", here))
	}
	close(everybody)
	return errors.Join(err, r.stop())
}

func many(w *world) error {
	const adders, each = 8, 25
	r := w.receive(w.open(), []string{alpha}, nil)
	var ids []string
	var adding sync.WaitGroup
	errs := make(chan error, adders)
	for a := range adders {
		for i := range each {
			ids = append(ids, fmt.Sprint(a, "-", i))
		}
		q := w.open()
		adding.Go(func() {
			for i := range each {
				if err := w.add(q, wake(alpha, fmt.Sprint(a, "-", i))); err != nil {
					errs <- err
					return
				}
			}
		})
	}
	adding.Wait()
	close(errs)
	if err := <-errs; err != nil {
		return err
	}
	_, err := r.all(ids...)
	return errors.Join(err, r.stop())
}

// shared has two receivers. Who gets how much is for the queue to decide.
func shared(w *world) error {
	const n = 40
	calls := newCounter()
	count := func(g got) error {
		calls.add(g.ID)
		return nil
	}
	a, b := w.receive(w.open(), []string{alpha}, count), w.receive(w.open(), []string{alpha}, count)
	time.Sleep(settle)
	q := w.open()
	var err error
	for i := range n {
		err = errors.Join(err, w.add(q, wake(alpha, fmt.Sprint(i))))
	}
	for until := time.Now().Add(w.patience); err == nil && calls.different() < n; time.Sleep(time.Millisecond) {
		if time.Now().After(until) {
			err = fmt.Errorf("%d of %d wake-ups came", calls.different(), n)
		}
	}
	time.Sleep(settle)
	if err == nil && calls.total() >= 2*n {
		err = fmt.Errorf("%d wake-ups came %d times", n, calls.total())
	}
	return errors.Join(err, a.stop(), b.stop())
}

func kinds(w *world) error {
	q := w.open()
	if err := w.add(q, wake(beta, "b1"), wake(alpha, "a1"), wake(beta, "b2"), wake(alpha, "a2")); err != nil {
		return err
	}
	r := w.receive(q, []string{alpha}, nil)
	n, err := r.all("a1", "a2")
	if err = errors.Join(err, r.stop()); err != nil {
		return err
	}
	for len(r.calls) > 0 {
		n[(<-r.calls).ID]++
	}
	if n["b1"]+n["b2"] > 0 {
		return errors.New("a receiver got another kind")
	}
	r = w.receive(q, []string{alpha, beta}, nil)
	_, err = r.all("b1", "b2")
	return errors.Join(err, r.stop())
}

func doubled(w *world) error {
	q, one := w.open(), wake(alpha, "1")
	if err := w.add(q, one, one, one, wake(alpha, "2"), one); err != nil {
		return err
	}
	r := w.receive(q, []string{alpha}, nil)
	_, err := r.all("1", "2")
	if err != nil {
		return errors.Join(err, r.stop())
	}
	// It is done, so the same one again is a new one.
	for len(r.calls) > 0 {
		<-r.calls
	}
	if err := w.add(q, one, wake(alpha, "3")); err != nil {
		return err
	}
	_, err = r.all("1", "3")
	return errors.Join(err, r.stop())
}

func meanwhile(w *world) error {
	q, one := w.open(), wake(alpha, "1")
	if err := w.add(q, one); err != nil {
		return err
	}
	added := make(chan error, 1)
	r := w.receive(q, []string{alpha}, func(g got) error {
		if g.nth == 1 {
			added <- w.add(q, one)
		}
		return nil
	})
	_, err := r.next()
	if err == nil {
		err = <-added
	}
	if err == nil {
		_, err = r.next()
	}
	return errors.Join(err, r.stop())
}

func ends(w *world) error {
	q, told, finish, finished := w.open(), make(chan struct{}), make(chan struct{}), make(chan struct{})
	let := sync.OnceFunc(func() { close(finish) })
	defer let()
	if err := w.add(q, wake(alpha, "1")); err != nil {
		return err
	}
	r := w.receive(q, []string{alpha}, func(g got) error {
		if g.nth > 1 {
			return nil
		}
		defer close(finished)
		select {
		case <-g.ctx.Done():
			close(told)
		case <-finish:
		}
		<-finish
		return nil
	})
	_, err := r.next()
	r.cancel()
	err = errors.Join(err, w.within("do's context being done", told))
	select {
	case <-r.ended:
		return errors.Join(err, errors.New("the end of Receive comes before that of do"))
	case <-time.After(100 * time.Millisecond):
	}
	let()
	if err := errors.Join(err, r.stop()); err != nil {
		return err
	}
	return w.within("the end of do", finished)
}

func putBack(w *world) error {
	q := w.open()
	if err := w.add(q, wake(alpha, "1")); err != nil {
		return err
	}
	r := w.receive(q, []string{alpha}, func(g got) error {
		<-g.ctx.Done()
		return g.ctx.Err()
	})
	_, err := r.next()
	if err = errors.Join(err, r.stop()); err != nil {
		return err
	}
	r = w.receive(w.open(), []string{alpha}, nil)
	_, err = r.all("1")
	return errors.Join(err, r.stop())
}

func doneContext(w *world) error {
	q := w.open()
	if err := w.add(q, wake(alpha, "1")); err != nil {
		return err
	}
	ctx, cancel := context.WithCancel(w.ctx)
	cancel()
	called := false
	err := q.Receive(ctx, []string{alpha}, func(context.Context, queue.Wake) error {
		called = true
		return nil
	})
	if called || !errors.Is(err, context.Canceled) {
		return fmt.Errorf("the error is %v, and do was called: %v", err, called)
	}
	return nil
}
