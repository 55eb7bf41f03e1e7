package storetest

import (
	"cmp"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"time"

	"github.com/tieline/tieline/store"
)

// modelCalls is how long a random sequence is.
const modelCalls = 400

// model makes the same calls to the handles of a backend, by turns, and to the
// naive table, and compares the answers.
type model struct {
	e       *env
	rnd     *rand.Rand
	handles []handle
	plain   *naive
	ids     map[store.Kind][]string // all that were ever there: an ID is not used again
	recent  []string                // the last calls, for the report
}

func checkModel(e *env) {
	m := &model{
		e: e, rnd: e.random(), handles: []handle{e.s, e.open()},
		plain: &naive{}, ids: map[store.Kind][]string{},
	}
	for i := range modelCalls {
		switch m.rnd.IntN(10) {
		case 0, 1, 2:
			m.put(m.newRow())
		case 3, 4:
			m.put(m.changedRow())
		case 5:
			m.delete()
		case 6:
			m.get()
		case 7:
			m.getPath()
		default:
			m.list(m.query())
		}
		if i%20 == 19 {
			m.compareTables()
		}
	}
	m.compareTables()
}

// The few values there are, so that they meet.
func modelKinds() []store.Kind { return []store.Kind{"a", "b", "A"} }

func pick[T any](m *model, from ...T) T { return from[m.rnd.IntN(len(from))] }

func (m *model) due() time.Time {
	return pick(m, time.Time{}, noon(), noon().Add(time.Microsecond), noon().Add(1999), time.Unix(-5, 500), far())
}

func (m *model) unique() string {
	return pick(m, "", "", "", "u", "U", "v", "w ", "w", m.path())
}

// path is the name of a child below some row.
func (m *model) path() string {
	return store.JoinPath(m.key().ID, pick(m, "x", "y", "z"))
}

func (m *model) labels() []string {
	var out []string
	for range m.rnd.IntN(4) {
		out = append(out, pick(m, "l", "L", "l=", "m", "m n"))
	}
	return out
}

// key is that of a row that is there, mostly, or was.
func (m *model) key() store.Key {
	kind := pick(m, modelKinds()...)
	ids := append([]string{"never"}, m.ids[kind]...)
	if live := m.live(kind); len(live) > 0 && m.rnd.IntN(6) > 0 {
		ids = live
	}
	return store.Key{Kind: kind, ID: ids[m.rnd.IntN(len(ids))]}
}

// live is sorted, so that a seed replays: a map has no order.
func (m *model) live(kind store.Kind) []string {
	var ids []string
	for key := range m.plain.rows {
		if key.Kind == kind {
			ids = append(ids, key.ID)
		}
	}
	slices.Sort(ids)
	return ids
}

func (m *model) parent() store.Key {
	if m.rnd.IntN(12) == 0 {
		return store.Key{Kind: "a"} // half filled
	}
	return pick(m, store.Key{}, store.Key{}, m.key(), m.key())
}

func (m *model) newRow() store.Row {
	kind := pick(m, modelKinds()...)
	id := fmt.Sprintf("%s%d", pick(m, "x", "X", "\u00e9", "e\u0301", "%", "_ "), len(m.ids[kind]))
	if m.rnd.IntN(10) > 0 {
		m.ids[kind] = append(m.ids[kind], id)
	} else if live := m.live(kind); len(live) > 0 {
		id = pick(m, live...) // there already
	} else {
		m.ids[kind] = append(m.ids[kind], id)
	}
	return store.Row{
		Key: store.Key{Kind: kind, ID: id}, Parent: m.parent(), Unique: m.unique(),
		Labels: m.labels(), Due: m.due(), Data: pick(m, nil, []byte{}, []byte("data"), []byte(id)),
	}
}

func (m *model) changedRow() store.Row {
	key := m.key()
	row := m.plain.rows[key] // the zero Row when it is not there
	row.Key = key
	row.Version = cmp.Or(row.Version, 1)
	row.Unique = pick(m, row.Unique, row.Unique, m.unique())
	row.Labels, row.Due = m.labels(), m.due()
	row.Data = pick(m, nil, []byte("changed"), []byte(key.ID))
	switch m.rnd.IntN(10) {
	case 0:
		row.Version += pick(m, int64(-1), 1, 1000)
		if row.Version == 0 {
			row.Version = 2 // never create an ID again
		}
	case 1:
		row.Parent = m.parent()
	}
	return row
}

func (m *model) handle() handle { return m.handles[m.rnd.IntN(len(m.handles))] }

func (m *model) put(row store.Row) {
	want, wantErr := m.plain.Put(m.e.ctx, row)
	got, err := m.handle().s.Put(m.e.ctx, row)
	m.compare("Put "+show(row), err, wantErr, func() string { return diff(got, want) })
}

func (m *model) delete() {
	key := m.key()
	version := m.plain.rows[key].Version
	if m.rnd.IntN(3) == 0 {
		version = pick(m, version+1, version-1, 0, -1)
	}
	wantErr := m.plain.Delete(m.e.ctx, key, version)
	err := m.handle().s.Delete(m.e.ctx, key, version)
	m.compare(fmt.Sprintf("Delete %s version %d", showKey(key), version), err, wantErr, func() string { return "" })
}

func (m *model) get() {
	key := m.key()
	want, wantErr := m.plain.Get(m.e.ctx, key)
	got, err := m.handle().s.Get(m.e.ctx, key)
	m.compare("Get "+showKey(key), err, wantErr, func() string { return diff(got, want) })
}

func (m *model) getPath() {
	parentKind, parentUnique := pick(m, modelKinds()...), pick(m, "u", "U", "v", "w")
	kind, name := pick(m, modelKinds()...), pick(m, "x", "y", "z")
	want, wantErr := store.GetPath(m.e.ctx, m.plain, parentKind, parentUnique, kind, name)
	got, err := store.GetPath(m.e.ctx, m.handle().s, parentKind, parentUnique, kind, name)
	call := fmt.Sprintf("GetPath %q %q %q %q", parentKind, parentUnique, kind, name)
	m.compare(call, err, wantErr, func() string { return diff(got, want) })
}

func (m *model) query() store.Query {
	q := store.Query{Kind: pick(m, modelKinds()...), Limit: pick(m, 0, 1, 2, 3, 5, 1000)}
	if m.rnd.IntN(3) == 0 {
		q.Parent = m.parent()
	}
	if m.rnd.IntN(4) == 0 {
		q.Unique = m.unique()
	}
	if m.rnd.IntN(3) == 0 {
		q.Labels = m.labels()
	}
	if m.rnd.IntN(3) == 0 {
		q.DueBefore = m.due().Truncate(time.Microsecond)
	}
	if m.rnd.IntN(30) == 0 {
		q.Limit = -1
	}
	return q
}

// list compares all pages, one by one.
func (m *model) list(q store.Query) {
	mine := q
	for {
		want, wantErr := m.plain.List(m.e.ctx, mine)
		got, err := m.handle().s.List(m.e.ctx, q)
		m.compare("List "+showQuery(q), err, wantErr, func() string { return diffRows(got.Rows, want.Rows) })
		if (got.Next == "") != (want.Next == "") {
			m.fail("List "+showQuery(q), fmt.Sprintf("Next is %q, the plain table has %q", got.Next, want.Next))
		}
		if want.Next == "" {
			return
		}
		q.After, mine.After = got.Next, want.Next
	}
}

// compare keeps the call for the report, and fails the rule if the answers
// differ.
func (m *model) compare(call string, err, wantErr error, differ func() string) {
	m.e.t.Helper()
	if wantErr != nil {
		call += " (refused)"
	}
	m.recent = append(m.recent[max(len(m.recent)-11, 0):], call)
	if !errors.Is(answer(err), answer(wantErr)) {
		m.fail(call, fmt.Sprintf("the answer is %q, of a plain table %q", outcome(err), outcome(wantErr)))
	}
	if err == nil {
		if d := differ(); d != "" {
			m.fail(call, d)
		}
	}
}

func outcome(err error) string {
	if err == nil {
		return "success"
	}
	return err.Error()
}

func (m *model) fail(call, why string) {
	m.e.t.Helper()
	var calls string
	for _, c := range m.recent {
		calls += "\n        " + c
	}
	m.e.fatalf("%s: %s; the last calls were:%s", call, why, calls)
}

func (m *model) compareTables() {
	m.e.t.Helper()
	for _, kind := range modelKinds() {
		m.list(store.Query{Kind: kind, Limit: 1000})
	}
}
