package storetest

import (
	"slices"

	"github.com/tieline/tieline/store"
)

// scribble overwrites everything in the row that is reached through a pointer,
// and what lies behind it up to the capacity: a row's spare capacity may be
// the next row's memory.
func scribble(row store.Row) {
	for i := range row.Data {
		row.Data[i] = '!'
	}
	for i := range row.Labels {
		row.Labels[i] = "!"
	}
	_ = append(row.Data, "!!!!!!!!!!!!!!!!"...)
	_ = append(row.Labels, "!", "!", "!")
}

func checkNoAlias(e *env) {
	e.bystanders.neighbors(e, folder)
	parent := e.s.create(store.Row{Key: folderKey("parent"), Unique: "p"})
	e.checkInputKept(parent.Key)

	var want []store.Row
	for _, id := range []string{"a", "b", "c"} {
		row := e.s.create(store.Row{
			Key: itemKey(id), Parent: parent.Key, Unique: store.JoinPath(parent.ID, id),
			Labels: []string{"m", "l"}, Due: noon(), Data: []byte("data of " + id),
		})
		want = append(want, copied(row))
		scribble(row) // what Put returned
	}
	check := func(after string) {
		e.t.Helper()
		for _, w := range want {
			if d := diff(e.s.get(w.Key), w); d != "" {
				e.fatalf("the caller wrote into %s, and the stored row is another: %s", after, d)
			}
		}
		if d := diffRows(e.s.all(store.Query{Kind: item, Labels: []string{"l"}}), want); d != "" {
			e.fatalf("the caller wrote into %s, and List answers otherwise: %s", after, d)
		}
	}
	check("the row that Put returned")
	for _, w := range want {
		scribble(e.s.get(w.Key))
	}
	check("the row that Get returned")
	for _, q := range []store.Query{{Kind: item}, {Kind: item, DueBefore: noon().AddDate(1, 0, 0)}, {Kind: item, Unique: want[0].Unique}} {
		e.checkPageRowsApart(q, want)
		check("the rows that List returned")
	}
	for _, w := range want {
		row, err := store.GetPath(e.ctx, e.s.s, folder, "p", item, w.ID)
		if err != nil {
			e.fatalf("GetPath of %q below %q: %v", w.ID, "p", err)
		}
		scribble(row)
	}
	check("the row that GetPath returned")
}

// checkInputKept changes a row after Put took it, and looks whether Put has
// changed it before.
func (e *env) checkInputKept(parent store.Key) {
	e.t.Helper()
	row := store.Row{
		Key: itemKey("input"), Parent: parent, Labels: append(make([]string, 0, 8), "z", "b", "z", "a"),
		Due: noon().Add(1), Data: append(make([]byte, 0, 64), "first"...),
	}
	for range 2 {
		before := copied(row)
		got := e.s.put(row)
		if !slices.Equal(row.Labels, before.Labels) || string(row.Data) != string(before.Data) {
			e.fatalf("Put changed the memory of its caller: %s became %s", show(before), show(row))
		}
		scribble(row)
		if d := diff(e.s.get(row.Key), stored(before)); d != "" {
			e.fatalf("the caller wrote into the row given to Put, and the stored row is another: %s", d)
		}
		if d := diff(got, stored(before)); d != "" {
			e.fatalf("the caller wrote into the row given to Put, and the row returned is another: %s", d)
		}
		row = before
		row.Version++
		row.Data = append(make([]byte, 0, 64), "second"...)
	}
	labels := []string{"z", "b"}
	e.s.lists(store.Query{Kind: item, Labels: labels}, e.s.get(row.Key))
	if labels[0] != "z" || labels[1] != "b" {
		e.fatalf("List changed the Labels of its caller's Query to %q", labels)
	}
	e.s.delete(row.Key, row.Version)
}

// checkPageRowsApart scribbles over one row of a page after the other and
// looks whether the rows after it changed.
func (e *env) checkPageRowsApart(q store.Query, want []store.Row) {
	e.t.Helper()
	rows := e.s.all(q)
	for i, row := range rows {
		w := want[slices.IndexFunc(want, func(w store.Row) bool { return w.Key == row.Key })]
		if d := diff(row, w); d != "" {
			e.fatalf("the caller wrote into row %d of a page, and row %d is another: %s", i-1, i, d)
		}
		scribble(row)
	}
}

// copied shares no memory with row.
func copied(row store.Row) store.Row {
	row.Labels = slices.Clone(row.Labels)
	row.Data = append([]byte{}, row.Data...)
	return row
}
