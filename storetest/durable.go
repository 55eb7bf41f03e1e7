package storetest

import (
	"fmt"
	"time"

	"github.com/tieline/tieline/store"
)

// close ends the handle if its Store can be closed.
func (h handle) close() {
	h.e.t.Helper()
	c, ok := h.s.(closer)
	if !ok {
		return
	}
	if err := c.Close(); err != nil {
		h.e.fatalf("Close: %v", err)
	}
}

func checkReopen(e *env) {
	other := e.open()
	rows := e.grow("tree", 4, 2)
	gone := e.grow("gone", 2, 1)
	e.s.delete(gone[0].Key, gone[0].Version)
	full := e.s.create(store.Row{Key: itemKey("full"), Unique: "full", Labels: []string{"b", "a"}, Due: noon().Add(1500), Data: []byte{0, 255}})
	for range 3 {
		full.Data = append(full.Data, 1)
		full = e.s.put(full)
	}
	rows = append(rows, full)

	e.s.close()
	late := other.put(store.Row{Key: itemKey("late"), Unique: "late"}) // the other handle is none the worse
	other.holds(full)
	other.close()

	e.s = e.open()
	for _, row := range append(rows, late) {
		e.s.holds(row)
	}
	e.s.absent(keysOf(gone)...)
	e.s.lists(store.Query{Kind: item, Labels: []string{"a"}}, full)
	e.s.lists(store.Query{Kind: item, Unique: "full"}, full)
	e.s.lists(store.Query{Kind: item, DueBefore: noon().Add(time.Second)}, full)

	// It goes on as before: versions, names, and what hangs below what.
	e.s.refusePut(store.ErrConflict, withVersion(full, 1), "stored is 4")
	e.s.refusePut(store.ErrExists, store.Row{Key: itemKey("x"), Unique: "late"}, "Unique taken before the Store was reopened")
	full.Data = []byte("reopened")
	e.s.holds(e.s.put(full))
	e.s.delete(rows[0].Key, rows[0].Version)
	e.s.absent(keysOf(rows[:len(rows)-1])...)

	// Many short lives.
	for i := range 5 {
		h := e.open()
		row := h.put(store.Row{Key: itemKey(fmt.Sprint("short ", i))})
		h.close()
		e.s.holds(row)
	}
}
