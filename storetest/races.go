package storetest

import (
	"fmt"
	"strconv"
	"sync/atomic"
	"time"

	"github.com/tieline/tieline/store"
)

// racers is how many goroutines meet in a race, on two handles.
const racers = 16

// oneWinner lets racers make a call each, and returns which of them succeeded.
// The others have to fail with the error that refusal gives for that winner.
func (e *env) oneWinner(what string, call func(i int) error, refusal func(winner int) error) int {
	e.t.Helper()
	results := make([]error, racers)
	e.parallel(racers, func(i int) { results[i] = call(i) })
	winner := -1
	for i, err := range results {
		switch {
		case err != nil:
		case winner >= 0:
			e.fatalf("%s: racers %d and %d have both succeeded", what, winner, i)
		default:
			winner = i
		}
	}
	if winner < 0 {
		e.fatalf("%s: none of %d racers has succeeded, one error is %q", what, racers, results[0])
	}
	for i, err := range results {
		if i != winner {
			e.wantErr(err, refusal(winner), "%s: racer %d, when racer %d has won", what, i, winner)
		}
	}
	return winner
}

// always is for [env.oneWinner], where it does not matter who won.
func always(err error) func(int) error { return func(int) error { return err } }

func checkCreateOnce(e *env) {
	e.bystanders.neighbors(e, item)
	handles := []handle{e.s, e.open()}
	e.repeat(10, 400, func(round int) {
		row := store.Row{Key: itemKey(fmt.Sprintf("row %03d", round)), Labels: []string{"l"}}
		e.bystanders.shadow(e, row)
		mine := func(i int) store.Row {
			mine := row
			mine.Data = strconv.AppendInt(nil, int64(i), 10)
			return mine
		}
		winner := e.oneWinner("creating one Key", func(i int) error {
			_, err := handles[i%2].s.Put(e.ctx, mine(i))
			return err
		}, always(store.ErrExists))
		for _, h := range handles {
			h.holds(stored(mine(winner)))
		}
	})
}

func checkDeleteOnce(e *env) {
	e.bystanders.neighbors(e, item)
	handles := []handle{e.s, e.open()}
	e.repeat(10, 400, func(round int) {
		row := e.s.create(store.Row{Key: itemKey(fmt.Sprintf("row %03d", round)), Unique: strconv.Itoa(round)})
		child := e.s.put(store.Row{Key: folderKey(row.ID), Parent: row.Key})
		e.oneWinner("deleting one row", func(i int) error {
			return handles[i%2].s.Delete(e.ctx, row.Key, row.Version)
		}, always(store.ErrNotFound))
		for _, h := range handles {
			h.absent(row.Key, child.Key)
			h.lists(store.Query{Kind: item, Unique: row.Unique})
		}
	})
	e.checkDeleteOrPut(handles)
}

// checkDeleteOrPut races Deletes of one Version against Puts of it: whichever
// comes first makes the others fail.
func (e *env) checkDeleteOrPut(handles []handle) {
	e.t.Helper()
	e.repeat(10, 200, func(round int) {
		row := e.s.create(store.Row{Key: itemKey(fmt.Sprintf("contended %03d", round))})
		winner := e.oneWinner("deleting and putting one Version", func(i int) error {
			if i%4 < 2 {
				return handles[i%2].s.Delete(e.ctx, row.Key, row.Version)
			}
			_, err := handles[i%2].s.Put(e.ctx, row)
			return err
		}, func(winner int) error {
			if winner%4 < 2 {
				return store.ErrNotFound
			}
			return store.ErrConflict
		})
		if winner%4 < 2 {
			handles[0].absent(row.Key)
		} else {
			handles[0].holds(stored(row))
		}
	})
}

func checkUniqueRace(e *env) {
	e.bystanders.neighbors(e, item)
	handles := []handle{e.s, e.open()}
	// Half of the racers create a row, half rename one.
	e.repeat(12, 200, func(round int) {
		name := fmt.Sprintf("name %d", round)
		rows := make([]store.Row, racers)
		for i := range rows {
			rows[i] = store.Row{Key: itemKey(fmt.Sprintf("row %d %d", round, i)), Unique: fmt.Sprintf("own %d %d", round, i)}
			if i%2 == 0 {
				rows[i] = e.s.create(rows[i])
			}
		}
		winner := e.oneWinner("taking one Unique", func(i int) error {
			row := rows[i]
			row.Unique = name
			_, err := handles[i/2%2].s.Put(e.ctx, row)
			return err
		}, always(store.ErrExists))
		for i, row := range rows {
			switch {
			case i == winner:
				row.Unique = name
				handles[1].lists(store.Query{Kind: item, Unique: name}, stored(row))
			case i%2 == 0:
				handles[1].holds(row)
			default:
				handles[1].absent(row.Key)
			}
		}
	})
}

// nthState is the nth state of a row in which every field follows from n, so
// that a mixture of two states shows.
func nthState(n int64) store.Row {
	return store.Row{
		Key:    itemKey("row"),
		Unique: fmt.Sprintf("name %d", n),
		Labels: []string{fmt.Sprintf("n=%d", n), fmt.Sprintf("odd=%t", n%2 == 1)},
		Due:    noon().Add(time.Duration(n) * time.Microsecond),
		Data:   strconv.AppendInt(nil, n, 10),
	}
}

// checkState fails the rule unless the row is one of the states.
func (e *env) checkState(how string, row store.Row) {
	e.t.Helper()
	n, err := strconv.ParseInt(string(row.Data), 10, 64)
	if err != nil {
		e.fatalf("%s returned Data that no Put has written: %s", how, showData(row.Data))
	}
	want := nthState(n)
	want.Version = n
	if d := diff(row, want); d != "" {
		e.fatalf("%s returned a mixture: Data is of Put %d, but %s", how, n, d)
	}
}

func checkTornReads(e *env) {
	handles := []handle{e.s, e.open()}
	e.s.create(nthState(1))
	var last atomic.Int64
	last.Store(1)
	e.parallel(4, func(i int) {
		h := handles[i%2]
		if i == 0 {
			e.repeat(30, 5000, func(int) {
				row := nthState(last.Load() + 1)
				row.Version = last.Load()
				h.put(row)
				last.Add(1)
			})
			last.Store(-last.Load()) // tells the readers
			return
		}
		for last.Load() > 0 {
			e.stopIfFailed()
			e.checkState("Get", h.get(itemKey("row")))
			n := last.Load()
			for _, q := range []store.Query{
				{Kind: item},
				{Kind: item, Labels: []string{fmt.Sprintf("odd=%t", n%2 == 1)}},
				{Kind: item, Unique: fmt.Sprintf("name %d", n)},
				{Kind: item, DueBefore: noon().Add(time.Hour)},
			} {
				for _, row := range h.page(q).Rows {
					e.checkState("List", row)
					e.checkMatches(q, row)
				}
			}
		}
	})
}

// checkMatches fails the rule if the row is not what the Query asked for.
func (e *env) checkMatches(q store.Query, row store.Row) {
	e.t.Helper()
	if !matches(row, q) {
		e.fatalf("List(%s) returned %s, which does not match", showQuery(q), show(row))
	}
}
