package storetest

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"slices"
	"time"

	"github.com/tieline/tieline/store"
)

// The Kinds of most rules.
const (
	item   store.Kind = "item"
	folder store.Kind = "folder"
)

func itemKey(id string) store.Key   { return store.Key{Kind: item, ID: id} }
func folderKey(id string) store.Key { return store.Key{Kind: folder, ID: id} }

// noon is a time like any other. Rules never read the clock for a Due.
func noon() time.Time { return time.Date(2024, time.February, 29, 12, 0, 0, 0, time.UTC) }

// checkBack puts the row, reads it back in every way there is from a second
// handle, puts it once more as read, and reads it again.
func (e *env) checkBack(second handle, row store.Row) {
	e.t.Helper()
	e.bystanders.shadow(e, row)
	for range 2 {
		row = e.s.put(row)
		for _, h := range []handle{e.s, second} {
			h.holds(row)
			rows := h.all(store.Query{Kind: row.Kind})
			i := slices.IndexFunc(rows, func(r store.Row) bool { return r.Key == row.Key })
			if i < 0 {
				e.fatalf("List of the Kind %q does not have %s", row.Kind, showKey(row.Key))
			}
			if d := diff(rows[i], row); d != "" {
				e.fatalf("List returned %s otherwise than Put and Get: %s", showKey(row.Key), d)
			}
			if row.Unique != "" {
				h.lists(store.Query{Kind: row.Kind, Unique: row.Unique}, row)
			}
		}
	}
}

func checkRoundTrip(e *env) {
	second := e.open()
	e.bystanders.neighbors(e, item)
	top := e.s.create(store.Row{Key: folderKey("top")})
	binary := make([]byte, 256)
	for i := range binary {
		binary[i] = byte(i)
	}
	for i, row := range []store.Row{
		{},
		{Data: nil, Labels: []string{}},
		{Data: []byte{}, Unique: "u1"},
		{Data: binary},
		{Data: bytes.Repeat([]byte{0}, 3)},
		{Data: []byte("\xff\xfe invalid UTF-8 \xc3 ' \" \\ %s ${x}")},
		{Data: []byte(" trailing space \r\n")},
		{Labels: []string{"status=active"}},
		{Labels: []string{"tag:b", "tag:a", "tag:c", "tag:a"}},
		{Labels: []string{"b", "B", "ab", "a", "é", "e\u0301", " a", "a ", "a"}},
		{Due: noon()},
		{Parent: top.Key},
		{Parent: top.Key, Unique: store.JoinPath(top.ID, "name"), Labels: []string{"x", "w"}, Due: noon(), Data: []byte("all")},
	} {
		row.Key = itemKey(fmt.Sprintf("row %02d", i))
		e.checkBack(second, row)
	}
	// Every field that may change does, and back to nothing.
	full := store.Row{Key: itemKey("full"), Unique: "full", Labels: []string{"l"}, Due: noon(), Data: []byte("data")}
	full = e.s.create(full)
	full.Unique, full.Labels, full.Due, full.Data = "other", []string{"m", "k"}, noon().Add(time.Hour), []byte("changed")
	full = e.s.put(full)
	second.holds(full)
	full.Unique, full.Labels, full.Due, full.Data = "", nil, time.Time{}, nil
	full = e.s.put(full)
	second.holds(full)
}

func checkTimes(e *env) {
	second := e.open()
	at := func(year int, month time.Month, day, hour, minute, sec, nano int) time.Time {
		return time.Date(year, month, day, hour, minute, sec, nano, time.UTC)
	}
	east := time.FixedZone("east", 5*3600+1800)
	west := time.FixedZone("west", -9*3600)
	for i, due := range []time.Time{
		{},
		time.Time{}.In(east), // the zero instant, however it is written
		noon().Add(123456 * time.Microsecond),
		noon().Add(123456999 * time.Nanosecond),
		noon().Add(1 * time.Nanosecond),
		noon().In(east),
		noon().Add(999 * time.Nanosecond).In(west),
		time.Unix(0, 0).UTC(),
		time.Unix(0, 1),
		time.Unix(0, -1), // rounds to one microsecond before 1970
		at(1969, 12, 31, 23, 59, 59, 999_999_000),
		at(1969, 12, 31, 23, 59, 59, 999_999_999),
		at(1955, 11, 5, 6, 15, 0, 1_500),
		at(1, 1, 1, 0, 0, 0, 1_000),
		at(1, 1, 1, 0, 0, 1, 0),
		at(1600, 2, 29, 0, 0, 0, 0),
		at(2038, 1, 19, 3, 14, 8, 0),
		at(2106, 2, 7, 6, 28, 16, 1_000),
		at(2262, 4, 11, 23, 47, 16, 854_776_000), // past what an int64 of nanoseconds holds
		at(9999, 12, 31, 23, 59, 59, 999_999_999),
	} {
		e.checkBack(second, store.Row{Key: itemKey(fmt.Sprintf("due %02d", i)), Due: due})
	}
}

func checkBigData(e *env) {
	second := e.open()
	big := make([]byte, 1<<20)
	src := rand.New(rand.NewPCG(1, 2))
	for i := range big {
		big[i] = byte(src.Uint32())
	}
	e.bystanders.neighbors(e, item)
	for i, data := range [][]byte{big, bytes.Repeat([]byte{0}, 1<<20), bytes.Repeat([]byte{0xff}, 1<<20)} {
		e.checkBack(second, store.Row{Key: itemKey(fmt.Sprintf("big %d", i)), Data: data})
	}
	row := e.s.get(itemKey("big 0"))
	row.Data = []byte("small again")
	row = e.s.put(row)
	second.holds(row)
}
