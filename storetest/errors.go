package storetest

import (
	"context"
	"fmt"
	"math"
	"time"

	"github.com/tieline/tieline/store"
)

func checkNotFound(e *env) {
	e.bystanders.neighbors(e, item)
	there := e.s.create(store.Row{Key: itemKey("there"), Unique: "name"})
	gone := e.s.create(store.Row{Key: itemKey("gone"), Unique: "gone name", Labels: []string{"gone"}, Due: noon()})
	e.s.delete(gone.Key, gone.Version)
	for _, h := range []handle{e.s, e.open()} {
		for _, key := range []store.Key{
			itemKey("never"), gone.Key, folderKey("there"), itemKey("ther"), itemKey("theree"), itemKey("There"), itemKey("name"),
		} {
			h.absent(key)
			for _, version := range []int64{0, 1, 2, math.MaxInt64} {
				h.refuseDelete(store.ErrNotFound, key, version, "a row that is not there")
				if version > 0 {
					h.refusePut(store.ErrNotFound, store.Row{Key: key, Version: version}, "a row that is not there")
				}
			}
			h.absent(key)
		}
		for _, q := range []store.Query{
			{Kind: "no such kind"},
			{Kind: item, Unique: "gone name"},
			{Kind: item, Unique: "there"}, // an ID, not a Unique
			{Kind: item, Labels: []string{"gone"}},
			{Kind: item, Parent: gone.Key},
			{Kind: item, DueBefore: noon()},
			{Kind: folder},
		} {
			page := h.page(q) // fails for Rows that are nil
			if len(page.Rows) != 0 || page.Next != "" {
				e.fatalf("List(%s) has %d rows and Next %q, want none and %q", showQuery(q), len(page.Rows), page.Next, "")
			}
		}
		h.holds(there)
	}
}

// badNames can be no part of a Key, a Unique or a Label.
func badNames() []string {
	return []string{"\x00", "a\x00", "\x00a", "a\x00b", "\xff", "a\xc3", "\xed\xa0\x80", "\xc0\x80", "caf\xe9"}
}

// badRows can never be put, apart from their Version.
func badRows(parent store.Key) map[string]store.Row {
	ok := store.Row{Key: itemKey("bad"), Parent: parent}
	out := map[string]store.Row{}
	add := func(why string, change func(*store.Row)) {
		row := ok
		change(&row)
		out[why] = row
	}
	for _, bad := range badNames() {
		add(fmt.Sprintf("Kind %q", bad), func(r *store.Row) { r.Kind = store.Kind(bad) })
		add(fmt.Sprintf("ID %q", bad), func(r *store.Row) { r.ID = bad })
		add(fmt.Sprintf("Unique %q", bad), func(r *store.Row) { r.Unique = bad })
		add(fmt.Sprintf("Label %q", bad), func(r *store.Row) { r.Labels = []string{"fine", bad} })
		add(fmt.Sprintf("Parent.Kind %q", bad), func(r *store.Row) { r.Parent.Kind = store.Kind(bad) })
		add(fmt.Sprintf("Parent.ID %q", bad), func(r *store.Row) { r.Parent.ID = bad })
	}
	add("no Kind", func(r *store.Row) { r.Kind = "" })
	add("no ID", func(r *store.Row) { r.ID = "" })
	add("no Key", func(r *store.Row) { r.Key = store.Key{} })
	add("Parent without Kind", func(r *store.Row) { r.Parent.Kind = "" })
	add("Parent without ID", func(r *store.Row) { r.Parent.ID = "" })
	add("Due in the year 10000", func(r *store.Row) { r.Due = time.Date(10000, 1, 1, 0, 0, 0, 0, time.UTC) })
	add("Due in the year 300000", func(r *store.Row) { r.Due = time.Date(300_000, 1, 1, 0, 0, 0, 0, time.UTC) })
	add("Due in the year 0", func(r *store.Row) { r.Due = time.Date(0, 6, 1, 0, 0, 0, 0, time.UTC) })
	add("Due in the year -300000", func(r *store.Row) { r.Due = time.Date(-300_000, 1, 1, 0, 0, 0, 0, time.UTC) })
	add("Due just before the year 1", func(r *store.Row) { r.Due = time.Time{}.Add(-time.Nanosecond) })
	return out
}

// badQueries can never be listed.
func badQueries() map[string]store.Query {
	out := map[string]store.Query{
		"no Kind":             {},
		"negative Limit":      {Kind: item, Limit: -1},
		"very negative Limit": {Kind: item, Limit: math.MinInt},
		"Parent without Kind": {Kind: item, Parent: store.Key{ID: "x"}},
		"Parent without ID":   {Kind: item, Parent: store.Key{Kind: folder}},
	}
	for _, bad := range badNames() {
		out[fmt.Sprintf("Kind %q", bad)] = store.Query{Kind: store.Kind(bad)}
		out[fmt.Sprintf("Unique %q", bad)] = store.Query{Kind: item, Unique: bad}
		out[fmt.Sprintf("Label %q", bad)] = store.Query{Kind: item, Labels: []string{"fine", bad}}
		out[fmt.Sprintf("Parent.Kind %q", bad)] = store.Query{Kind: item, Parent: store.Key{Kind: store.Kind(bad), ID: "x"}}
		out[fmt.Sprintf("Parent.ID %q", bad)] = store.Query{Kind: item, Parent: store.Key{Kind: folder, ID: bad}}
	}
	return out
}

func checkInvalid(e *env) {
	parent := e.s.create(store.Row{Key: folderKey("parent")})
	there := e.s.create(store.Row{Key: itemKey("there"), Parent: parent.Key, Unique: "name", Data: []byte("data")})
	for why, row := range badRows(parent.Key) {
		e.s.refusePut(store.ErrInvalid, row, why)
		row.Version = 1
		e.s.refusePut(store.ErrInvalid, row, why)
	}
	for why, q := range badQueries() {
		e.s.refuseList(store.ErrInvalid, q, why)
	}
	keys := []store.Key{{}, {Kind: item}, {ID: "there"}}
	for _, bad := range badNames() {
		keys = append(keys, itemKey(bad), store.Key{Kind: store.Kind(bad), ID: "there"})
	}
	for _, key := range keys {
		_, err := e.s.s.Get(e.ctx, key)
		e.wantErr(err, store.ErrInvalid, "Get(%s)", showKey(key))
		e.s.refuseDelete(store.ErrInvalid, key, 1, "a key that can never be")
	}
	for _, version := range []int64{-1, -2, math.MinInt64} {
		row := there
		row.Version = version
		e.s.refusePut(store.ErrInvalid, row, "a negative Version")
		e.s.refuseDelete(store.ErrInvalid, there.Key, version, "a negative Version")
	}
	e.s.lists(store.Query{Kind: item}, there)
	e.s.lists(store.Query{Kind: folder}, parent)
}

// checkPrecedence makes calls that are wrong in two ways.
func checkPrecedence(e *env) {
	parent := e.s.create(store.Row{Key: folderKey("parent")})
	there := e.s.create(store.Row{Key: itemKey("there"), Parent: parent.Key, Unique: "u1"})
	other := e.s.create(store.Row{Key: itemKey("other"), Unique: "u2"})
	e.checkDoneFirst(there)

	missing := folderKey("missing")
	for _, c := range []struct {
		why  string
		want error
		row  store.Row
	}{
		{"a Label that can never be, of a row that is not there", store.ErrInvalid, store.Row{Key: itemKey("x"), Version: 1, Labels: []string{"\x00"}}},
		{"a negative Version of a row that is not there", store.ErrInvalid, store.Row{Key: itemKey("x"), Version: -1}},
		{"a half-filled Parent of a row that is there", store.ErrInvalid, store.Row{Key: there.Key, Parent: store.Key{Kind: folder}}},
		{"a row that is not there, Unique taken", store.ErrNotFound, store.Row{Key: itemKey("x"), Version: 1, Unique: "u1"}},
		{"a row that is not there, Parent neither", store.ErrNotFound, store.Row{Key: itemKey("x"), Version: 1, Parent: missing}},
		{"a Key that is there, Parent is not", store.ErrExists, store.Row{Key: there.Key, Parent: missing}},
		{"a Key that is there, another Parent", store.ErrExists, store.Row{Key: there.Key}},
		{"Unique taken, Parent is not there", store.ErrExists, store.Row{Key: itemKey("x"), Unique: "u1", Parent: missing}},
		{"Unique taken, another Version", store.ErrExists, store.Row{Key: other.Key, Version: 2, Unique: "u1"}},
		{"Unique taken, another Parent", store.ErrExists, store.Row{Key: other.Key, Version: 1, Unique: "u1", Parent: parent.Key}},
		{"another Version, another Parent", store.ErrConflict, store.Row{Key: there.Key, Version: 2, Unique: "u1"}},
		{"another Version, a Parent that is not there", store.ErrConflict, store.Row{Key: there.Key, Version: 2, Unique: "u1", Parent: missing}},
		{"the Version, a Parent that is not there", store.ErrInvalid, store.Row{Key: there.Key, Version: 1, Unique: "u1", Parent: missing}},
	} {
		e.s.refusePut(c.want, c.row, c.why)
	}
	e.s.refuseDelete(store.ErrInvalid, itemKey("x"), -1, "a negative Version of a row that is not there")
	e.s.refuseDelete(store.ErrNotFound, itemKey("x"), 0, "version 0 of a row that is not there")
	e.s.lists(store.Query{Kind: item}, other, there)
}

// checkDoneFirst makes calls that are wrong and canceled.
func (e *env) checkDoneFirst(there store.Row) {
	e.t.Helper()
	done, cancel := context.WithCancel(e.ctx)
	cancel()
	late := there
	late.Version = 7
	calls := map[string]error{}
	_, calls["Get of an empty Key"] = e.s.s.Get(done, store.Key{})
	_, calls["Get of a row that is not there"] = e.s.s.Get(done, itemKey("x"))
	_, calls["Put of an empty row"] = e.s.s.Put(done, store.Row{})
	_, calls["Put of another Version"] = e.s.s.Put(done, late)
	calls["Delete of an empty Key"] = e.s.s.Delete(done, store.Key{}, -1)
	calls["Delete of another Version"] = e.s.s.Delete(done, there.Key, 7)
	_, calls["List of no Kind"] = e.s.s.List(done, store.Query{Limit: -1})
	_, calls["List after a cursor that is not ours"] = e.s.s.List(done, store.Query{Kind: item, After: "\x00"})
	for call, err := range calls {
		e.wantErr(err, context.Canceled, "%s, with a done context", call)
	}
}

func checkClosed(e *env) {
	c, ok := e.s.s.(closer)
	if !ok {
		e.skip("the Store has no Close method")
	}
	row := e.s.put(store.Row{Key: itemKey("row")})
	if err := c.Close(); err != nil {
		e.fatalf("Close: %v", err)
	}
	done, cancel := context.WithCancel(e.ctx)
	cancel()
	for name, ctx := range map[string]context.Context{"": e.ctx, ", with a done context": done} {
		calls := map[string]error{}
		_, calls["Get"] = e.s.s.Get(ctx, row.Key)
		_, calls["Get of a row that is not there"] = e.s.s.Get(ctx, itemKey("x"))
		_, calls["Get of an empty Key"] = e.s.s.Get(ctx, store.Key{})
		_, calls["Put of a new row"] = e.s.s.Put(ctx, store.Row{Key: itemKey("new")})
		_, calls["Put"] = e.s.s.Put(ctx, row)
		_, calls["Put of an empty row"] = e.s.s.Put(ctx, store.Row{})
		calls["Delete"] = e.s.s.Delete(ctx, row.Key, row.Version)
		calls["Delete of an empty Key"] = e.s.s.Delete(ctx, store.Key{}, 1)
		_, calls["List"] = e.s.s.List(ctx, store.Query{Kind: item})
		_, calls["List of no Kind"] = e.s.s.List(ctx, store.Query{})
		if p, ok := e.s.s.(store.PathGetter); ok {
			_, calls["GetPath"] = p.GetPath(ctx, folder, "p", item, "name")
		}
		for call, err := range calls {
			e.wantErr(err, store.ErrClosed, "%s of a closed Store%s", call, name)
		}
	}
	if err := c.Close(); err != nil && answer(err) != store.ErrClosed {
		e.fatalf("the second Close: %v", err)
	}
}
