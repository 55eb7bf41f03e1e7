package storetest

import (
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/tieline/tieline/store"
)

// lease is the right to do something, built of a row as callers of a Store do
// it: Data names the holder, Due is when it ends, and the Version is the
// fencing token. The time is passed in.
type lease struct {
	h      handle
	key    store.Key
	holder string
}

const leaseTime = time.Minute

// take tries to become the holder at the time now, of a lease that is free or
// over, and returns the row held, or false.
func (l lease) take(now time.Time) (store.Row, bool) {
	row, err := l.h.s.Get(l.h.e.ctx, l.key)
	switch {
	case errors.Is(err, store.ErrNotFound):
		row = store.Row{Key: l.key}
	case err != nil:
		l.h.e.fatalf("Get(%s): %v", showKey(l.key), err)
	case row.Due.After(now):
		return row, false
	}
	return l.write(row, now.Add(leaseTime))
}

// renew prolongs the lease held, and release ends it; false means that it was
// lost.
func (l lease) renew(held store.Row, now time.Time) (store.Row, bool) {
	return l.write(held, now.Add(leaseTime))
}

func (l lease) release(held store.Row) bool {
	_, ok := l.write(held, time.Time{})
	return ok
}

func (l lease) write(row store.Row, until time.Time) (store.Row, bool) {
	row.Data, row.Due = []byte(l.holder), until
	next, err := l.h.s.Put(l.h.e.ctx, row)
	if err == nil {
		return next, true
	}
	if !errors.Is(err, store.ErrConflict) && !errors.Is(err, store.ErrExists) {
		l.h.e.fatalf("Put(%s) of a lease: %v", show(row), err)
	}
	return row, false
}

func checkLease(e *env) {
	e.bystanders.neighbors(e, item)
	handles := []handle{e.s, e.open()}
	const workers = 8
	leases := make([]lease, workers)
	for i := range leases {
		leases[i] = lease{handles[i%2], itemKey("lease"), fmt.Sprintf("holder %d", i)}
	}
	now := noon()
	var stale []store.Row // what the last holders still believe to hold
	var token int64
	e.repeat(6, 100, func(round int) {
		held := e.oneTakes(leases, now)
		if held.Version <= token {
			e.fatalf("the fencing token went from %d to %d", token, held.Version)
		}
		token = held.Version
		for _, l := range leases {
			if _, ok := l.take(now.Add(leaseTime - 1000)); ok {
				e.fatalf("%s took a lease that %s holds", l.holder, held.Data)
			}
		}
		for i, old := range stale {
			e.refuseStale(leases[i%workers], old, now)
		}
		e.s.holds(held)
		stale = append(stale[max(len(stale)-6, 0):], held)
		switch l := leases[round%workers]; round % 3 {
		case 0: // it ends by itself
		case 1: // it is released
			l.holder = string(held.Data)
			if !l.release(held) {
				e.fatalf("%s could not release the lease it holds", held.Data)
			}
		case 2: // it is renewed, and the row before is stale
			renewed, ok := l.renew(held, now)
			if !ok {
				e.fatalf("the holder could not renew its lease")
			}
			e.refuseStale(l, held, now)
			stale, token = append(stale, renewed), renewed.Version
		}
		now = now.Add(leaseTime)
	})
}

// oneTakes lets all try at once and returns what the winner holds.
func (e *env) oneTakes(leases []lease, now time.Time) store.Row {
	e.t.Helper()
	var mu sync.Mutex
	var held []store.Row
	e.parallel(len(leases), func(i int) {
		if row, ok := leases[i].take(now); ok {
			mu.Lock()
			held = append(held, row)
			mu.Unlock()
		}
	})
	if len(held) != 1 {
		e.fatalf("%d of %d took one lease at once", len(held), len(leases))
	}
	return held[0]
}

// refuseStale: one who lost the lease can neither renew nor release it, nor
// delete its row.
func (e *env) refuseStale(l lease, old store.Row, now time.Time) {
	e.t.Helper()
	if _, ok := l.renew(old, now.Add(time.Second)); ok {
		e.fatalf("one who held Version %d renewed a lease that another holds", old.Version)
	}
	if l.release(old) {
		e.fatalf("one who held Version %d released a lease that another holds", old.Version)
	}
	l.h.refuseDelete(store.ErrConflict, old.Key, old.Version, "a lease that another holds")
}
