package storetest

import (
	"errors"

	"github.com/tieline/tieline/store"
)

// path looks a row up by names, through the Store's own GetPath if it has one,
// and with two Lists, and fails the rule if they disagree.
func (h handle) path(parentKind store.Kind, parentUnique string, kind store.Kind, name string) (store.Row, error) {
	h.e.t.Helper()
	got, err := store.GetPath(h.e.ctx, h.s, parentKind, parentUnique, kind, name)
	want, wantErr := store.GetPath(h.e.ctx, hidden{h.s}, parentKind, parentUnique, kind, name)
	if !errors.Is(answer(err), answer(wantErr)) {
		h.e.fatalf("GetPath(%q, %q, %q, %q) answers %q, two Lists %q", parentKind, parentUnique, kind, name, outcome(err), outcome(wantErr))
	}
	if err == nil {
		if d := diff(got, want); d != "" {
			h.e.fatalf("GetPath(%q, %q, %q, %q) answers otherwise than two Lists: %s", parentKind, parentUnique, kind, name, d)
		}
	}
	return got, err
}

// finds and misses check what path answers.
func (h handle) finds(want store.Row, parentKind store.Kind, parentUnique string, kind store.Kind, name string) {
	h.e.t.Helper()
	got, err := h.path(parentKind, parentUnique, kind, name)
	if err != nil {
		h.e.fatalf("GetPath(%q, %q, %q, %q): %v", parentKind, parentUnique, kind, name, err)
	}
	if d := diff(got, want); d != "" {
		h.e.fatalf("GetPath(%q, %q, %q, %q): %s", parentKind, parentUnique, kind, name, d)
	}
}

func (h handle) misses(parentKind store.Kind, parentUnique string, kind store.Kind, name string) {
	h.e.t.Helper()
	_, err := h.path(parentKind, parentUnique, kind, name)
	h.e.wantErr(err, store.ErrNotFound, "GetPath(%q, %q, %q, %q)", parentKind, parentUnique, kind, name)
}

func checkGetPath(e *env) {
	second := e.open()
	child := func(id string, parent store.Row, name string) store.Row {
		return e.s.create(store.Row{
			Key: itemKey(id), Parent: parent.Key, Unique: store.JoinPath(parent.ID, name),
			Labels: []string{"b", "a"}, Due: noon().Add(1), Data: []byte(id),
		})
	}
	github := e.s.create(store.Row{Key: folderKey("f1"), Unique: "github"})
	slack := e.s.create(store.Row{Key: folderKey("f2"), Unique: "slack"})
	one := child("i1", github, "user")
	two := child("i2", slack, "user")
	three := child("i3", github, "user/with/slashes %")
	for _, h := range []handle{e.s, second} {
		h.finds(one, folder, "github", item, "user")
		h.finds(two, folder, "slack", item, "user")
		h.finds(three, folder, "github", item, "user/with/slashes %")
		for _, name := range []string{"User", "user ", "use", "f1/user", "i1", "%", "user/with/slashes x"} {
			h.misses(folder, "github", item, name)
		}
		h.misses(folder, "slack", item, "user/with/slashes %")
		h.misses(folder, "none", item, "user")
		h.misses(folder, "f1", item, "user") // an ID, not a Unique
		h.misses(folder, "GitHub", item, "user")
		h.misses(item, "github", item, "user")
		h.misses(folder, "github", folder, "user")
		h.misses("none", "github", "none", "user")
	}
	e.checkPathCrossings(github, slack)
	e.checkPathChanges(second, github, one)
}

// checkPathCrossings stores rows of which only the Unique or only the Parent
// says that they are below a folder.
func (e *env) checkPathCrossings(github, slack store.Row) {
	e.t.Helper()
	namesake := e.s.create(store.Row{Key: itemKey(github.ID), Unique: "github"}) // of another Kind
	for _, row := range []store.Row{
		{Key: itemKey("x1"), Parent: slack.Key, Unique: store.JoinPath(github.ID, "other parent")},
		{Key: itemKey("x2"), Unique: store.JoinPath(github.ID, "no parent")},
		{Key: itemKey("x3"), Parent: namesake.Key, Unique: store.JoinPath(github.ID, "namesake")},
		{Key: itemKey("x4"), Parent: github.Key, Unique: "no path"},
		{Key: itemKey("x5"), Parent: github.Key, Unique: store.JoinPath("github", "by name")},
	} {
		e.s.create(row)
	}
	for _, name := range []string{"other parent", "no parent", "namesake", "no path", "by name", ""} {
		e.s.misses(folder, "github", item, name)
	}
	for _, name := range []string{"other parent", "no parent"} {
		e.s.misses(folder, "slack", item, name)
		e.s.misses(item, "github", item, name)
	}
	e.s.finds(e.s.get(itemKey("x3")), item, "github", item, "namesake")
	e.s.misses(item, "github", item, "user")
}

// checkPathChanges renames and deletes both ends of a path.
func (e *env) checkPathChanges(second handle, github, one store.Row) {
	e.t.Helper()
	github.Unique = "github enterprise"
	github = e.s.put(github)
	second.misses(folder, "github", item, "user")
	second.finds(one, folder, "github enterprise", item, "user")

	one.Unique = store.JoinPath(github.ID, "person")
	one = e.s.put(one)
	second.misses(folder, "github enterprise", item, "user")
	second.finds(one, folder, "github enterprise", item, "person")

	e.s.delete(one.Key, one.Version)
	second.misses(folder, "github enterprise", item, "person")
	again := e.s.create(store.Row{Key: itemKey("i9"), Parent: github.Key, Unique: one.Unique})
	second.finds(again, folder, "github enterprise", item, "person")

	e.s.delete(github.Key, github.Version)
	second.misses(folder, "github enterprise", item, "person")
}

// checkReadLatest warms whatever a handle may remember, writes through the
// other one, and reads again.
func checkReadLatest(e *env) {
	e.bystanders.neighbors(e, folder)
	handles := [2]handle{e.s, e.open()}
	parent := e.s.create(store.Row{Key: folderKey("p"), Unique: "p"})
	row := store.Row{Key: itemKey("row"), Parent: parent.Key, Unique: store.JoinPath("p", "old")}
	row = e.s.create(row)
	queries := func(row store.Row) []store.Query {
		return []store.Query{
			{Kind: item}, {Kind: item, Parent: parent.Key}, {Kind: item, Unique: row.Unique},
			{Kind: item, Labels: row.Labels}, {Kind: item, DueBefore: far()},
		}
	}
	for i, name := range []string{"a", "b", "c", "d", "e", "f"} {
		writer, reader := handles[i%2], handles[1-i%2]
		before := row
		reader.holds(before)
		reader.finds(before, folder, "p", item, before.Unique[len("p/"):])
		for _, q := range queries(before) {
			reader.all(q)
		}
		row.Unique, row.Labels = store.JoinPath("p", name), []string{name}
		row.Due, row.Data = noon(), []byte(name)
		row = writer.put(row)
		for _, h := range []handle{reader, writer} {
			h.holds(row)
			for _, q := range queries(row) {
				h.lists(q, row)
			}
			h.lists(store.Query{Kind: item, Unique: before.Unique})
			h.misses(folder, "p", item, before.Unique[len("p/"):])
			h.finds(row, folder, "p", item, name)
		}
	}
	// A row that was not there, and then not there again.
	late := store.Row{Key: itemKey("z"), Parent: parent.Key, Unique: store.JoinPath("p", "z")}
	handles[1].absent(late.Key)
	handles[1].misses(folder, "p", item, "z")
	late = handles[0].put(late)
	handles[1].lists(store.Query{Kind: item}, row, late)
	handles[1].finds(late, folder, "p", item, "z")
	handles[1].holds(late)
	handles[1].delete(parent.Key, parent.Version)
	handles[0].absent(late.Key, row.Key, parent.Key)
	handles[0].lists(store.Query{Kind: item})
	handles[0].misses(folder, "p", item, "z")
}
