package storetest

import (
	"github.com/tieline/tieline/store"
)

func checkUnique(e *env) {
	e.bystanders.neighbors(e, item)
	second := e.open()
	byName := func(name string, want ...store.Row) {
		e.t.Helper()
		for _, h := range []handle{e.s, second} {
			h.lists(store.Query{Kind: item, Unique: name}, want...)
		}
	}
	a := e.s.create(store.Row{Key: itemKey("a"), Unique: "name"})
	b := e.s.create(store.Row{Key: itemKey("b"), Unique: "other"})
	byName("name", a)
	e.s.refusePut(store.ErrExists, store.Row{Key: itemKey("c"), Unique: "name"}, "Unique taken")
	taking := b
	taking.Unique = "name"
	e.s.refusePut(store.ErrExists, taking, "Unique taken")
	byName("other", b)

	// Its own row keeps it.
	a.Data = []byte("changed")
	a = e.s.put(a)
	byName("name", a)

	// Another Kind has names of its own.
	elsewhere := e.s.create(store.Row{Key: folderKey("a"), Unique: "name"})
	byName("name", a)
	e.s.lists(store.Query{Kind: folder, Unique: "name"}, elsewhere)

	// A rename frees the old name, and so does giving it up.
	a.Unique = "renamed"
	a = e.s.put(a)
	byName("name")
	byName("renamed", a)
	b.Unique = "name"
	b = e.s.put(b)
	byName("name", b)
	byName("other")
	b.Unique = ""
	b = e.s.put(b)
	byName("name")
	a.Unique = "name"
	a = e.s.put(a)
	byName("name", a)

	e.checkUniqueFreed(byName, a)
	e.checkNoUnique(second)
}

// checkUniqueFreed deletes rows, directly and with their parent, and gives
// their names to others.
func (e *env) checkUniqueFreed(byName func(string, ...store.Row), a store.Row) {
	e.t.Helper()
	e.s.delete(a.Key, a.Version)
	byName("name")
	byName("name", e.s.create(store.Row{Key: itemKey("d"), Unique: "name"}))

	parent := e.s.create(store.Row{Key: folderKey("parent")})
	child := e.s.create(store.Row{Key: itemKey("child"), Parent: parent.Key, Unique: "child"})
	e.s.put(store.Row{Key: itemKey("grandchild"), Parent: child.Key, Unique: "grandchild"})
	e.s.delete(parent.Key, parent.Version)
	for _, name := range []string{"child", "grandchild"} {
		byName(name)
		byName(name, e.s.put(store.Row{Key: itemKey(name + " of another"), Unique: name}))
	}
}

// checkNoUnique: rows without a Unique have nothing in common.
func (e *env) checkNoUnique(second handle) {
	e.t.Helper()
	const nameless store.Kind = "nameless"
	var want []store.Row
	for _, id := range []string{"1", "2", "3"} {
		row := e.s.put(store.Row{Key: store.Key{Kind: nameless, ID: id}})
		want = append(want, e.s.put(row))
	}
	named := e.s.put(store.Row{Key: store.Key{Kind: nameless, ID: "4"}, Unique: "4"})
	named.Unique = ""
	want = append(want, e.s.put(named))
	second.lists(store.Query{Kind: nameless}, want...)
}
