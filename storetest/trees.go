package storetest

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"sync/atomic"

	"github.com/tieline/tieline/store"
)

func checkParent(e *env) {
	e.bystanders.neighbors(e, item)
	second := e.open()
	p1 := e.s.create(store.Row{Key: folderKey("p1"), Unique: "p1"})
	p2 := e.s.create(store.Row{Key: folderKey("p2")})
	sameID := e.s.create(store.Row{Key: itemKey("p1")})

	for _, missing := range []store.Key{
		folderKey("p3"), itemKey("p2"), folderKey("P1"), folderKey("p1 "), {Kind: "Folder", ID: "p1"}, {Kind: "none", ID: "p1"},
	} {
		e.s.refusePut(store.ErrNotFound, store.Row{Key: itemKey("x"), Parent: missing}, "Parent is not there")
		e.s.absent(itemKey("x"))
	}
	e.s.refusePut(store.ErrNotFound, store.Row{Key: itemKey("x"), Parent: itemKey("x")}, "below itself")
	e.s.absent(itemKey("x"))

	child := e.s.create(store.Row{Key: itemKey("child"), Parent: p1.Key})
	orphan := e.s.create(store.Row{Key: itemKey("orphan")})
	same := e.s.create(store.Row{Key: folderKey("deep"), Parent: p2.Key}) // below its own Kind
	e.checkParentFixed(second, child, []store.Key{p2.Key, sameID.Key, {}, folderKey("p3"), child.Key})
	e.checkParentFixed(second, orphan, []store.Key{p1.Key, folderKey("p3"), orphan.Key})
	e.checkParentFixed(second, same, []store.Key{p1.Key, {}})

	// A row has the Parent it was created with, however often it is put.
	for range 3 {
		child = e.s.put(child)
		second.lists(store.Query{Kind: item, Parent: p1.Key}, child)
	}
	second.lists(store.Query{Kind: item, Parent: p2.Key})
	second.lists(store.Query{Kind: item, Parent: sameID.Key})
	// Its parent may change, which does not concern the child.
	p1.Unique, p1.Data = "renamed", []byte("changed")
	p1 = e.s.put(p1)
	second.holds(child)
	second.lists(store.Query{Kind: item, Parent: p1.Key}, child)
	// What is below a row does not concern the row.
	e.s.delete(child.Key, child.Version)
	second.holds(p1)
}

func (e *env) checkParentFixed(second handle, row store.Row, others []store.Key) {
	e.t.Helper()
	for _, other := range others {
		moved := row
		moved.Parent, moved.Data = other, []byte("moved")
		e.s.refusePut(store.ErrInvalid, moved, "another Parent")
		second.holds(row)
	}
}

// grow stores a tree below a new folder: a chain of the given depth whose
// links alternate between the Kinds, with a few leaves at each link. It
// returns the rows from the top.
func (e *env) grow(name string, depth, leaves int) []store.Row {
	e.t.Helper()
	rows := []store.Row{e.s.create(store.Row{Key: folderKey(name), Unique: name})}
	link := rows[0]
	for d := range depth {
		kind := []store.Kind{item, folder, "third"}[d%3]
		for l := range leaves {
			rows = append(rows, e.s.create(store.Row{
				Key:    store.Key{Kind: "leaf", ID: fmt.Sprintf("%s leaf %d %d", name, d, l)},
				Parent: link.Key, Labels: []string{"of=" + name}, Due: noon(),
			}))
		}
		link = e.s.create(store.Row{
			Key:    store.Key{Kind: kind, ID: fmt.Sprintf("%s link %02d", name, d)},
			Parent: link.Key, Unique: store.JoinPath(link.ID, "next"), Labels: []string{"of=" + name},
		})
		rows = append(rows, link)
	}
	return rows
}

func keysOf(rows []store.Row) []store.Key {
	keys := make([]store.Key, len(rows))
	for i, row := range rows {
		keys[i] = row.Key
	}
	return keys
}

// treeKinds are the Kinds of what grow stores.
func treeKinds() []store.Kind { return []store.Kind{folder, item, "third", "leaf"} }

func checkCascade(e *env) {
	second := e.open()
	left, right := e.grow("left", 30, 1), e.grow("right", 8, 2)
	// Namesakes in another Kind, with rows below that share nothing but the
	// ID of their Parent.
	namesake := e.s.create(store.Row{Key: itemKey("left"), Unique: "left"})
	below := e.s.create(store.Row{Key: itemKey("below"), Parent: namesake.Key})

	e.s.delete(left[0].Key, left[0].Version)
	for _, h := range []handle{e.s, second} {
		h.absent(keysOf(left)...)
		for _, row := range right {
			h.holds(row)
		}
		for _, kind := range treeKinds() {
			h.lists(store.Query{Kind: kind, Labels: []string{"of=left"}})
			for _, row := range []store.Row{left[0], left[1], left[len(left)/2]} {
				h.lists(store.Query{Kind: kind, Parent: row.Key})
			}
		}
		h.lists(store.Query{Kind: item, Parent: namesake.Key}, below)
	}
	// From the middle: what is above stays.
	middle := len(right) / 2
	for right[middle].Kind == "leaf" {
		middle++
	}
	e.s.delete(right[middle].Key, right[middle].Version)
	for i, row := range right {
		if i < middle { // grow returns what is below a link after it
			second.holds(row)
		} else {
			second.absent(row.Key)
		}
	}
	e.cascadeWide(second)
	e.cascadeEverywhere()
}

// cascadeWide deletes more rows at one level than a page has.
func (e *env) cascadeWide(second handle) {
	e.t.Helper()
	wide := e.s.put(store.Row{Key: folderKey("wide")})
	const children = store.DefaultLimit + 30
	keys := []store.Key{wide.Key}
	for i := range children {
		row := e.s.put(store.Row{Key: itemKey(fmt.Sprintf("wide %03d", i)), Parent: wide.Key})
		keys = append(keys, row.Key)
	}
	e.s.delete(wide.Key, wide.Version)
	second.absent(keys...)
}

// cascadeEverywhere deletes from many goroutines, to make a pool of
// connections grow: a setting that was made on one of them is missing on the
// others.
func (e *env) cascadeEverywhere() {
	e.t.Helper()
	const trees = 8
	handles := []handle{e.s, e.open()}
	var rows [trees][]store.Row
	for i := range rows {
		rows[i] = e.grow(fmt.Sprintf("tree %d", i), 3, 1)
	}
	e.parallel(trees, func(i int) {
		h := handles[i%2]
		h.all(store.Query{Kind: item})
		h.delete(rows[i][0].Key, rows[i][0].Version)
		h.absent(keysOf(rows[i])...)
	})
	for _, kind := range treeKinds() {
		for i := range trees {
			handles[1].lists(store.Query{Kind: kind, Labels: []string{fmt.Sprintf("of=tree %d", i)}})
		}
	}
}

func checkCascadeRace(e *env) {
	const readers = 3
	handles := []handle{e.s, e.open()}
	e.repeat(50, 400, func(round int) {
		rows := e.grow(fmt.Sprintf("tree %d", round), 2, 1)
		var reading sync.WaitGroup
		reading.Add(readers)
		var deleted atomic.Bool
		e.parallel(readers+1, func(i int) {
			h := handles[i%2]
			if i == readers {
				reading.Wait()
				defer deleted.Store(true)
				h.delete(rows[0].Key, rows[0].Version)
				return
			}
			begun := sync.OnceFunc(reading.Done)
			defer begun()
			for over := false; !over; {
				e.stopIfFailed()
				over = deleted.Load()
				h.checkWholeTree(rows)
				begun()
			}
		})
		handles[1].absent(keysOf(rows)...)
	})
}

// checkWholeTree reads the top and another row of a tree that only goes as a
// whole, in either order, and the leaves in one page: what is gone does not come
// back.
func (h handle) checkWholeTree(rows []store.Row) {
	h.e.t.Helper()
	there := func(row store.Row) bool {
		_, err := h.s.Get(h.e.ctx, row.Key)
		if err != nil {
			h.e.wantErr(err, store.ErrNotFound, "Get(%s)", showKey(row.Key))
		}
		return err == nil
	}
	for range 4 {
		first, second := rows[0], rows[1+rand.IntN(len(rows)-1)]
		if rand.IntN(2) == 0 {
			first, second = second, first
		}
		if !there(first) && there(second) {
			h.e.fatalf("%s was gone, and then %s was still there, although both go in one step", showKey(first.Key), showKey(second.Key))
		}
	}
	var leaves []string
	for _, row := range rows {
		if row.Kind == "leaf" {
			leaves = append(leaves, row.ID)
		}
	}
	slices.Sort(leaves)
	q := store.Query{Kind: "leaf", Labels: rows[1].Labels}
	page := h.page(q)
	if len(page.Rows) != 0 && len(page.Rows) != len(leaves) {
		h.e.fatalf("List(%s) has %d rows of a tree that has %d, or none", showQuery(q), len(page.Rows), len(leaves))
	}
}

func checkNoOrphans(e *env) {
	e.bystanders.neighbors(e, item)
	handles := []handle{e.s, e.open()}
	e.repeat(20, 400, func(round int) {
		top := e.s.create(store.Row{Key: folderKey(fmt.Sprintf("top %d", round))})
		mid := e.s.create(store.Row{Key: itemKey(fmt.Sprintf("mid %d", round)), Parent: top.Key})
		key := func(i int) store.Key {
			return store.Key{Kind: "leaf", ID: fmt.Sprintf("leaf %d %d", round, i)}
		}
		const creators = 8
		e.parallel(creators+2, func(i int) {
			h := handles[i%2]
			switch i {
			case creators:
				h.delete(top.Key, top.Version)
				return
			case creators + 1: // a write to a row that is being deleted does not bring it back
				if _, err := h.s.Put(e.ctx, mid); err != nil {
					e.wantErr(err, store.ErrNotFound, "Put(%s) while its Parent is being deleted", show(mid))
				}
				return
			}
			row := store.Row{Key: key(i), Parent: []store.Key{top.Key, mid.Key}[i/2%2], Unique: key(i).ID}
			if _, err := h.s.Put(e.ctx, row); err != nil {
				e.wantErr(err, store.ErrNotFound, "Put(%s) while its Parent is being deleted", show(row))
			}
		})
		for i := range creators {
			handles[1].absent(key(i))
		}
		handles[1].lists(store.Query{Kind: "leaf"})
		handles[1].absent(mid.Key, top.Key)
	})
}
