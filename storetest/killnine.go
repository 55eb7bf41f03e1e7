package storetest

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/tieline/tieline/store"
)

func counterKey() store.Key { return itemKey("counter") }

// countInChild increments the counter as often as its parent does.
func countInChild(e *env, _ childSpec, ack func(string)) {
	e.repeat(countLeast, countMost, func(int) {
		ack(strconv.FormatInt(e.s.increment(counterKey()).Version, 10))
	})
}

// How often each process increments.
const countLeast, countMost = 25, 2000

func checkProcesses(e *env) {
	e.bystanders.neighbors(e, item)
	counter := e.s.create(store.Row{Key: counterKey(), Data: []byte("0")})
	children := []*process{e.start("count", 0), e.start("count", 1)}
	for _, p := range children {
		p.release()
	}
	var versions []int64
	e.repeat(countLeast, countMost, func(int) {
		versions = append(versions, e.s.increment(counter.Key).Version)
	})
	for i, p := range children {
		acks := p.wait()
		if len(acks) < countLeast {
			e.fatalf("process %d made %d of %d increments:\n%s", i, len(acks), countLeast, p.output())
		}
		for _, ack := range acks {
			v, _ := strconv.ParseInt(ack, 10, 64)
			versions = append(versions, v)
		}
	}
	slices.Sort(versions)
	for i, v := range versions {
		if v != int64(i)+2 {
			e.fatalf("increment %d of %d from three processes was given the Version %d, want each of 2 to %d once", i+1, len(versions), v, len(versions)+1)
		}
	}
	counter.Version, counter.Data = int64(len(versions))+1, strconv.AppendInt(nil, int64(len(versions)), 10)
	e.s.holds(counter)
	e.open().holds(counter)
}

// A writer's rows go through the same states, one after the other: each row is
// created, given a row below it, and changed; every third is then deleted.
// After each state comes an increment of the counter that all writers share.

func writerKey(writer, i int) store.Key {
	return itemKey(fmt.Sprintf("writer %d row %05d", writer, i))
}

func belowKey(writer, i int) store.Key {
	return folderKey(fmt.Sprintf("writer %d below %05d", writer, i))
}

// writerRow is the row as given to the Put that makes this Version of it.
func writerRow(writer, i int, version int64) store.Row {
	id := writerKey(writer, i).ID
	return store.Row{
		Key: writerKey(writer, i), Version: version - 1, Unique: fmt.Sprintf("%s version %d", id, version),
		Labels: []string{fmt.Sprintf("version=%d", version), "writer=" + strconv.Itoa(writer)},
		Due:    noon(), Data: []byte(strings.Repeat(id, int(version)*20)),
	}
}

// The states that a row passes, as they are acknowledged.
const (
	stateCreated = "created"
	stateBelow   = "below"
	stateChanged = "changed"
	stateDeleted = "deleted"
	stateCounter = "counter"
)

// states of row i, in their order.
func states(i int) []string {
	if i%3 == 0 {
		return []string{stateCreated, stateBelow, stateChanged, stateDeleted}
	}
	return []string{stateCreated, stateBelow, stateChanged}
}

// writeInChild writes until the process is killed.
func writeInChild(e *env, spec childSpec, ack func(string)) {
	for i := 0; ; i++ {
		for _, state := range states(i) {
			switch state {
			case stateCreated:
				e.s.put(writerRow(spec.Writer, i, 1))
			case stateBelow:
				e.s.put(store.Row{Key: belowKey(spec.Writer, i), Parent: writerKey(spec.Writer, i)})
			case stateChanged:
				e.s.put(writerRow(spec.Writer, i, 2))
			case stateDeleted:
				e.s.delete(writerKey(spec.Writer, i), 2)
			}
			ack(state + " " + strconv.Itoa(i))
			ack(stateCounter + " " + strconv.FormatInt(e.s.increment(counterKey()).Version, 10))
		}
	}
}

func checkKillNine(e *env) {
	e.bystanders.neighbors(e, item)
	rnd := e.random()
	e.s.put(store.Row{Key: counterKey(), Data: []byte("0")})
	var counted []int64
	rounds := e.times(3)
	for round := range rounds {
		first, second := 2*round, 2*round+1 // the writers of this round
		a, b := e.start("write", first), e.start("write", second)
		a.release()
		b.release()
		a.await(20 + rnd.IntN(30))
		b.await(20)
		acksA := a.kill()
		// The other process goes on, and so does this one.
		b.await(b.count() + 10 + rnd.IntN(20))
		counted = append(counted, e.s.increment(counterKey()).Version)
		acksB := b.kill()

		fresh := e.open()
		counted = append(counted, e.checkWriter(fresh, first, acksA)...)
		counted = append(counted, e.checkWriter(fresh, second, acksB)...)
		e.checkWriter(e.s, first, acksA)
		counted = append(counted, fresh.increment(counterKey()).Version)
	}
	e.checkCounted(counted, 2*rounds)
}

// checkWriter compares what a killed process has acknowledged with what is
// there, and returns the Versions of the counter it was given. Each row has the
// last state acknowledged, and the last row of all may be one state further:
// its acknowledgment did not come through.
func (e *env) checkWriter(h handle, writer int, acks []string) (counted []int64) {
	e.t.Helper()
	reached := map[int]int{}
	last := 0
	for _, ack := range acks {
		state, number, _ := strings.Cut(ack, " ")
		n, err := strconv.Atoi(number)
		if err != nil {
			e.fatalf("another process acknowledged %q", ack)
		}
		if state == stateCounter {
			counted = append(counted, int64(n))
			continue
		}
		reached[n] = slices.Index(states(n), state)
		last = max(last, n)
	}
	for i, at := range reached {
		now, next := states(i)[at], ""
		if i == last && at+1 < len(states(i)) {
			next = states(i)[at+1]
		}
		if d := h.differs(writer, i, now); d != "" && (next == "" || h.differs(writer, i, next) != "") {
			e.fatalf("%s was acknowledged as %s before the process was killed, and is not: %s", showKey(writerKey(writer, i)), now, d)
		}
	}
	for i := last + 1; i <= last+3; i++ {
		if _, err := h.s.Get(e.ctx, belowKey(writer, i)); err == nil {
			e.fatalf("%s is there, although the process was killed before it was written", showKey(belowKey(writer, i)))
		}
	}
	return counted
}

// differs says how the rows number i differ from that state.
func (h handle) differs(writer, i int, state string) string {
	h.e.t.Helper()
	row := stored(writerRow(writer, i, 1))
	if state == stateChanged {
		row = stored(writerRow(writer, i, 2))
	}
	below := store.Row{Key: belowKey(writer, i), Parent: row.Key, Version: 1, Data: []byte{}}
	wantRow, wantBelow := []store.Row{row}, []store.Row{below}
	if state == stateCreated || state == stateDeleted {
		wantBelow = nil
	}
	if state == stateDeleted {
		wantRow = nil
	}
	if d := diffRows(h.all(store.Query{Kind: item, Unique: row.Unique, Labels: row.Labels}), wantRow); d != "" {
		return "the row: " + d
	}
	if d := diffRows(h.all(store.Query{Kind: folder, Parent: row.Key}), wantBelow); d != "" {
		return "the row below it: " + d
	}
	got, err := h.s.Get(h.e.ctx, row.Key)
	if (err == nil) != (wantRow != nil) {
		return fmt.Sprintf("Get answers %v", err)
	}
	if err == nil {
		return diff(got, row)
	}
	return ""
}

// checkCounted: each increment that was acknowledged counts once. Of each
// killed process one more may have come through.
func (e *env) checkCounted(versions []int64, killed int) {
	e.t.Helper()
	slices.Sort(versions)
	if unique := slices.Compact(slices.Clone(versions)); len(unique) != len(versions) {
		e.fatalf("a Version of the counter was given twice: %v", versions)
	}
	counter := e.s.get(counterKey())
	if want := strconv.FormatInt(counter.Version-1, 10); string(counter.Data) != want {
		e.fatalf("the counter has Version %d and counts %s, want %s", counter.Version, counter.Data, want)
	}
	if n := int(counter.Version) - 1; n < len(versions) || n > len(versions)+killed {
		e.fatalf("%d increments were acknowledged, %d processes were killed, and the counter is at %d", len(versions), killed, n)
	}
}
