package storetest

import (
	"context"
	"math"
	"time"

	"github.com/tieline/tieline/store"
)

// tree is a small table in which every kind of refusal is possible.
type tree struct {
	top, mid, leaf store.Row // each below the one before
	other          store.Row // has a Unique to collide with
}

func (e *env) plant() tree {
	e.t.Helper()
	e.bystanders.neighbors(e, item)
	var t tree
	t.top = e.s.create(store.Row{Key: folderKey("top"), Unique: "top", Data: []byte("top")})
	t.mid = e.s.create(store.Row{
		Key: itemKey("mid"), Parent: t.top.Key, Unique: "mid", Labels: []string{"old", "status=active"},
		Due: noon(), Data: []byte("mid"),
	})
	t.mid = e.s.put(t.mid)
	t.leaf = e.s.create(store.Row{Key: itemKey("leaf"), Parent: t.mid.Key, Labels: []string{"old"}, Data: []byte("leaf")})
	t.other = e.s.create(store.Row{Key: itemKey("other"), Unique: "other", Data: []byte("other")})
	return t
}

// snapshot is all that can be seen of the Kinds of a tree.
type snapshot struct {
	folders, items, old, due, byMid, byOther []store.Row
}

func (h handle) snapshot() snapshot {
	h.e.t.Helper()
	return snapshot{
		folders: h.all(store.Query{Kind: folder}),
		items:   h.all(store.Query{Kind: item}),
		old:     h.all(store.Query{Kind: item, Labels: []string{"old"}}),
		due:     h.all(store.Query{Kind: item, DueBefore: noon().Add(time.Hour)}),
		byMid:   h.all(store.Query{Kind: item, Unique: "mid"}),
		byOther: h.all(store.Query{Kind: item, Unique: "other"}),
	}
}

// same fails the rule if anything differs from want after the call.
func (h handle) same(want snapshot, call string) {
	h.e.t.Helper()
	got := h.snapshot()
	for _, c := range []struct {
		list      string
		got, want []store.Row
	}{
		{"folders", got.folders, want.folders},
		{"items", got.items, want.items},
		{"items with the label \"old\"", got.old, want.old},
		{"items that are due", got.due, want.due},
		{"items of Unique \"mid\"", got.byMid, want.byMid},
		{"items of Unique \"other\"", got.byOther, want.byOther},
	} {
		if d := diffRows(c.got, c.want); d != "" {
			h.e.fatalf("%s, changed the table: %s: %s", call, c.list, d)
		}
	}
	for _, row := range want.items {
		h.holds(row)
	}
}

func checkErrorsChangeNothing(e *env) {
	t := e.plant()
	second := e.open()
	before := second.snapshot()
	changed := func(row store.Row, version int64) store.Row {
		row.Version = version
		row.Unique, row.Labels, row.Due, row.Data = "fresh", []string{"old", "new"}, noon().Add(-time.Hour), []byte("changed")
		return row
	}
	puts := func(why string, want error, row store.Row) {
		e.t.Helper()
		e.s.refusePut(want, row, why)
		second.same(before, "a refused Put, "+why)
	}
	for _, version := range []int64{1, 3, math.MaxInt64} {
		puts("of another Version", store.ErrConflict, changed(t.mid, version))
	}
	puts("of a negative Version", store.ErrInvalid, changed(t.mid, -2))
	puts("of a Key that is there", store.ErrExists, changed(t.mid, 0))
	taken := changed(t.mid, 2)
	taken.Unique = "other"
	puts("of a Unique that is taken", store.ErrExists, taken)
	moved := changed(t.mid, 2)
	moved.Parent = t.other.Key
	puts("that changes Parent", store.ErrInvalid, moved)
	moved.Parent = store.Key{}
	puts("that takes Parent away", store.ErrInvalid, moved)
	nul := changed(t.mid, 2)
	nul.Labels = []string{"new", "a\x00"}
	puts("of a Label that can never be", store.ErrInvalid, nul)

	e.checkRefusedCreate(t, puts)
	e.checkRefusedDelete(t, second, before)
}

// checkRefusedCreate looks for what a row that was not created leaves behind,
// a reserved Unique above all.
func (e *env) checkRefusedCreate(t tree, puts func(string, error, store.Row)) {
	e.t.Helper()
	row := store.Row{Key: itemKey("new"), Unique: "fresh", Labels: []string{"old"}, Due: noon(), Data: []byte("new")}
	row.Parent = folderKey("missing")
	puts("below a Parent that is not there", store.ErrNotFound, row)
	row.Parent, row.Unique = t.mid.Key, "other"
	puts("of a new row with a Unique that is taken", store.ErrExists, row)
	row.Unique, row.Version = "fresh", 1
	puts("of a row that is not there", store.ErrNotFound, row)
	e.s.absent(row.Key)

	row.Version = 0
	row = e.s.put(row) // nothing stands in its way now
	e.s.lists(store.Query{Kind: item, Unique: "fresh"}, row)
	e.s.delete(row.Key, row.Version)
}

func (e *env) checkRefusedDelete(t tree, second handle, before snapshot) {
	e.t.Helper()
	for _, version := range []int64{0, 1, 3, math.MaxInt64} {
		e.s.refuseDelete(store.ErrConflict, t.mid.Key, version, "another Version")
		second.same(before, "a refused Delete of another Version")
	}
	for _, version := range []int64{0, 2, 99} {
		e.s.refuseDelete(store.ErrConflict, t.top.Key, version, "another Version")
		second.same(before, "a refused Delete of a row with rows below it")
	}
	e.s.refuseDelete(store.ErrInvalid, t.top.Key, -1, "a negative Version")
	second.same(before, "a refused Delete of a negative Version")
	e.s.refuseDelete(store.ErrNotFound, folderKey("mid"), 2, "a row that is not there")
	second.same(before, "a Delete of a row that is not there")
}

func checkCanceled(e *env) {
	t := e.plant()
	second := e.open()
	before := second.snapshot()
	canceled, cancel := context.WithCancel(e.ctx)
	cancel()
	expired, cancel := context.WithDeadline(e.ctx, time.Unix(1, 0))
	defer cancel()
	for _, ctx := range []context.Context{canceled, expired} {
		e.checkReadsDone(ctx, t)
		row := t.mid
		row.Unique, row.Labels, row.Due, row.Data = "fresh", []string{"new"}, time.Time{}, []byte("changed")
		_, err := e.s.s.Put(ctx, row)
		e.wantErr(err, ctx.Err(), "Put of a row that is there, with a done context")
		second.same(before, "a Put with a done context")
		row.Key, row.Version = itemKey("new"), 0
		_, err = e.s.s.Put(ctx, row)
		e.wantErr(err, ctx.Err(), "Put of a new row, with a done context")
		second.same(before, "a Put with a done context")
		err = e.s.s.Delete(ctx, t.leaf.Key, t.leaf.Version)
		e.wantErr(err, ctx.Err(), "Delete of a row, with a done context")
		err = e.s.s.Delete(ctx, t.top.Key, t.top.Version)
		e.wantErr(err, ctx.Err(), "Delete of a row with rows below it, with a done context")
		second.same(before, "a Delete with a done context")
	}
	// The handle is none the worse for it.
	t.mid.Data = []byte("changed")
	second.holds(e.s.put(t.mid))
}

func (e *env) checkReadsDone(ctx context.Context, t tree) {
	e.t.Helper()
	for _, key := range []store.Key{t.mid.Key, itemKey("missing")} {
		_, err := e.s.s.Get(ctx, key)
		e.wantErr(err, ctx.Err(), "Get(%s) with a done context", showKey(key))
	}
	for _, q := range []store.Query{
		{Kind: item}, {Kind: "none"}, {Kind: item, Unique: "mid"}, {Kind: item, Parent: t.top.Key},
		{Kind: item, Labels: []string{"old"}}, {Kind: item, DueBefore: noon().Add(time.Hour)},
	} {
		_, err := e.s.s.List(ctx, q)
		e.wantErr(err, ctx.Err(), "List(%s) with a done context", showQuery(q))
	}
	for _, name := range []string{"leaf", "missing"} {
		_, err := store.GetPath(ctx, e.s.s, folder, "top", item, name)
		e.wantErr(err, ctx.Err(), "GetPath of %q with a done context", name)
	}
}
