package storetest

import (
	"fmt"
	"math"
	"slices"
	"strconv"

	"github.com/tieline/tieline/store"
)

func checkVersions(e *env) {
	e.bystanders.neighbors(e, item)
	second := e.open()
	row := e.s.create(store.Row{Key: itemKey("row"), Unique: "name"})
	for want := int64(1); want <= 12; want++ {
		if row.Version != want {
			e.fatalf("Put number %d returned Version %d", want, row.Version)
		}
		second.holds(row)
		second.lists(store.Query{Kind: item, Unique: "name"}, row)
		// What is refused does not count.
		e.s.refusePut(store.ErrExists, store.Row{Key: row.Key}, "a Key that is there")
		e.s.refusePut(store.ErrConflict, store.Row{Key: row.Key, Version: want + 1}, "a Version to come")
		e.s.refuseDelete(store.ErrConflict, row.Key, want+1, "a Version to come")
		if want%3 == 0 {
			row.Data = strconv.AppendInt(nil, want, 10)
		}
		// A Put that changes nothing counts like any other.
		row = [2]handle{e.s, second}[want%2].put(row)
	}
	// The Versions of rows have nothing to do with each other.
	if fresh := e.s.create(store.Row{Key: itemKey("fresh")}); fresh.Version != 1 {
		e.fatalf("the first Put of another row returned Version %d", fresh.Version)
	}
}

func checkCompareAndSwap(e *env) {
	e.bystanders.neighbors(e, item)
	second := e.open()
	row := e.s.create(store.Row{Key: itemKey("row"), Unique: "name", Data: []byte("1")})
	for range 4 {
		row.Data = append(row.Data, '+')
		row = e.s.put(row)
	}
	for _, version := range []int64{1, 2, 3, 4, 6, 7, 100, 5 + 1<<32, math.MaxInt64 - 1, math.MaxInt64} {
		stale := row
		stale.Version, stale.Data = version, []byte("stale")
		e.s.refusePut(store.ErrConflict, stale, "stored is 5")
		e.s.refuseDelete(store.ErrConflict, row.Key, version, "stored is 5")
		second.holds(row)
	}
	e.s.refuseDelete(store.ErrConflict, row.Key, 0, "stored is 5")
	second.holds(row)

	// One handle's write makes the other's stale.
	mine, theirs := row, row
	mine.Data, theirs.Data = []byte("mine"), []byte("theirs")
	mine = second.put(mine)
	e.s.refusePut(store.ErrConflict, theirs, "the other handle was first")
	e.s.refuseDelete(store.ErrConflict, row.Key, row.Version, "the other handle was first")
	e.s.holds(mine)
	second.delete(mine.Key, mine.Version)
	e.s.refusePut(store.ErrNotFound, mine, "the other handle has deleted it")
	e.s.refuseDelete(store.ErrNotFound, mine.Key, mine.Version, "the other handle has deleted it")
	e.s.absent(mine.Key)
}

// increment adds one to the number in a row until a Put of it succeeds, and
// returns the row as stored.
func (h handle) increment(key store.Key) store.Row {
	h.e.t.Helper()
	for {
		row := h.get(key)
		n, err := strconv.Atoi(string(row.Data))
		if err != nil {
			h.e.fatalf("%s holds no number any more: %v", showKey(key), err)
		}
		row.Data = strconv.AppendInt(nil, int64(n+1), 10)
		next, err := h.s.Put(h.e.ctx, row)
		if err == nil {
			if d := diff(next, stored(row)); d != "" {
				h.e.fatalf("Put(%s) under contention returned another row: %s", show(row), d)
			}
			return next
		}
		h.e.wantErr(err, store.ErrConflict, "Put(%s) under contention", show(row))
	}
}

func checkCASContention(e *env) {
	const workers, each = 8, 10
	e.bystanders.neighbors(e, item)
	handles := []handle{e.s, e.open()}
	e.repeat(1, 200, func(round int) {
		counter := e.s.create(store.Row{Key: itemKey(fmt.Sprintf("counter %d", round)), Data: []byte("0")})
		var versions [workers][]int64
		e.parallel(workers, func(w int) {
			for range each {
				versions[w] = append(versions[w], handles[w%2].increment(counter.Key).Version)
			}
		})
		all := slices.Concat(versions[:]...)
		slices.Sort(all)
		for i, v := range all {
			if v != int64(i)+2 {
				e.fatalf("%d increments were given the Versions %v, want each of 2 to %d once", len(all), all, len(all)+1)
			}
		}
		counter.Version, counter.Data = 1+workers*each, strconv.AppendInt(nil, workers*each, 10)
		for _, h := range handles {
			h.holds(counter)
		}
	})
}
