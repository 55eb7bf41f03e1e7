package storetest

import (
	"context"
	"fmt"
	"math/rand/v2"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"github.com/tieline/tieline/store"
)

// countdown is a context that is done at the nth time it is asked. It finds
// the gaps between the steps of a call, however short they are; a timer finds
// those in the middle of one.
type countdown struct {
	context.Context
	left atomic.Int32
	once sync.Once
	done chan struct{}
}

func newCountdown(parent context.Context, n int) *countdown {
	c := &countdown{Context: parent, done: make(chan struct{})}
	c.left.Store(int32(n))
	return c
}

func (c *countdown) Err() error {
	if c.left.Add(-1) >= 0 {
		return nil
	}
	c.once.Do(func() { close(c.done) })
	return context.Canceled
}

func (c *countdown) Done() <-chan struct{} { return c.done }

func (c *countdown) cancel() { c.once.Do(func() { c.left.Store(-1); close(c.done) }) }

// interrupter makes calls with a context that is done at some moment of them,
// or, now and then, just after.
type interrupter struct {
	e     *env
	rnd   *rand.Rand
	usual time.Duration // how long a Put takes
	n     int
}

// call makes the nth call. By turns the context is done when it is asked for
// the first, second, third ... time, and after a random time.
func (in *interrupter) call(longer int, call func(context.Context) error) error {
	in.e.t.Helper()
	const asked = 8
	ctx := newCountdown(in.e.ctx, 1<<30)
	if in.n%2 == 0 {
		ctx = newCountdown(in.e.ctx, in.n/2%asked)
	} else {
		moment := in.rnd.Float64() * 1.5 * float64(in.usual) * float64(longer)
		timer := time.AfterFunc(time.Duration(moment), ctx.cancel)
		defer timer.Stop()
	}
	in.n++
	err := call(ctx)
	if err != nil {
		in.e.wantErr(err, context.Canceled, "a call whose context was done meanwhile")
	}
	return err
}

func checkCancelMidway(e *env) {
	e.bystanders.neighbors(e, item)
	rnd := e.random()
	second := e.open()
	start := time.Now()
	row := e.s.put(nthState(1))
	for range 4 {
		row = e.s.put(withVersion(nthState(row.Version+1), row.Version))
	}
	usual := time.Since(start) / 5

	puts := &interrupter{e: e, rnd: rnd, usual: usual}
	for range e.times(48) {
		next := withVersion(nthState(row.Version+1), row.Version)
		err := puts.call(1, func(ctx context.Context) error {
			_, err := e.s.s.Put(ctx, next)
			return err
		})
		row = e.settled(second, row, stored(next), err)
	}
	creates, deletes := &interrupter{e: e, rnd: rnd, usual: usual}, &interrupter{e: e, rnd: rnd, usual: usual}
	for range e.times(32) {
		creates.create(second)
		deletes.delete(second)
	}
}

func withVersion(row store.Row, version int64) store.Row {
	row.Version = version
	return row
}

// settled checks that after a Put the row is wholly the old or wholly the new
// one, in every way it can be found, and returns it.
func (e *env) settled(h handle, was, next store.Row, err error) store.Row {
	e.t.Helper()
	now, other := h.get(was.Key), was
	switch {
	case now.Version == was.Version && err == nil:
		e.fatalf("Put of Version %d succeeded, and the row has still Version %d", was.Version, now.Version)
	case now.Version == was.Version:
		now, other = was, next
	default:
		now = next
	}
	h.holds(now)
	for _, label := range now.Labels {
		h.lists(store.Query{Kind: item, Labels: []string{label}}, now)
	}
	h.lists(store.Query{Kind: item, Labels: []string{other.Labels[0]}})
	h.lists(store.Query{Kind: item, Unique: now.Unique}, now)
	h.lists(store.Query{Kind: item, Unique: other.Unique})
	h.lists(store.Query{Kind: item, DueBefore: now.Due.Add(time.Microsecond), Labels: now.Labels}, now)
	return now
}

// create interrupts the Put of a new row.
func (in *interrupter) create(h handle) {
	e := in.e
	e.t.Helper()
	name := "created " + strconv.Itoa(in.n)
	row := store.Row{Key: store.Key{Kind: "new", ID: name}, Unique: name, Labels: []string{name}, Due: noon(), Data: []byte(name)}
	err := in.call(1, func(ctx context.Context) error {
		_, err := e.s.s.Put(ctx, row)
		return err
	})
	var want []store.Row
	if err == nil || len(h.all(store.Query{Kind: "new", Unique: name})) > 0 {
		want = append(want, stored(row))
		h.holds(want[0])
	} else {
		h.absent(row.Key)
	}
	h.lists(store.Query{Kind: "new", Unique: name}, want...)
	h.lists(store.Query{Kind: "new", Labels: []string{name}}, want...)
	if len(want) == 0 {
		want = append(want, e.s.put(row)) // nothing stands in its way
	}
	e.s.delete(want[0].Key, want[0].Version)
}

// delete interrupts the Delete of a row with rows below it.
func (in *interrupter) delete(h handle) {
	e := in.e
	e.t.Helper()
	top := e.s.put(store.Row{Key: folderKey(fmt.Sprint("top ", in.n))})
	rows := []store.Row{top}
	for c := range 4 {
		id := fmt.Sprintf("below %d %d", in.n, c)
		rows = append(rows, e.s.put(store.Row{Key: store.Key{Kind: "below", ID: id}, Parent: rows[c/2].Key, Unique: id}))
	}
	err := in.call(2, func(ctx context.Context) error { return e.s.s.Delete(ctx, top.Key, top.Version) })
	_, readErr := h.s.Get(e.ctx, top.Key)
	if err == nil || readErr != nil {
		h.absent(keysOf(rows)...)
		h.lists(store.Query{Kind: "below"})
		return
	}
	for _, row := range rows {
		h.holds(row)
	}
	e.s.delete(top.Key, top.Version)
	h.absent(keysOf(rows)...)
}
