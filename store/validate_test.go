package store

import (
	"errors"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

var valid = Row{Key: Key{Kind: "k", ID: "id"}}

func TestRowValidate(t *testing.T) {
	t.Parallel()
	lastMoment := time.Date(9999, 12, 31, 23, 59, 59, 999_999_999, time.UTC)
	tests := []struct {
		name   string
		change func(*Row)
		want   string // part of the error; empty if the row is fine
	}{
		{"bare", func(*Row) {}, ""},
		{"full", func(r *Row) {
			r.Version, r.Unique, r.Labels, r.Due = math.MaxInt64, "u", []string{"", "a", "a"}, time.Now()
			r.Parent, r.Data = Key{"p", "id"}, []byte{0, 0xff}
		}, ""},
		{"no Kind", func(r *Row) { r.Kind = "" }, "Kind is empty"},
		{"no ID", func(r *Row) { r.ID = "" }, "ID is empty"},
		{"NUL in Kind", func(r *Row) { r.Kind = "a\x00" }, "Kind holds a NUL"},
		{"NUL in ID", func(r *Row) { r.ID = "\x00" }, "ID holds a NUL"},
		{"broken ID", func(r *Row) { r.ID = "\xc3" }, "ID is not valid UTF-8"},
		{"surrogate in ID", func(r *Row) { r.ID = "\xed\xa0\x80" }, "ID is not valid UTF-8"},
		{"negative Version", func(r *Row) { r.Version = -1 }, "Version is negative"},
		{"Parent without ID", func(r *Row) { r.Parent.Kind = "p" }, "Parent is half-filled"},
		{"Parent without Kind", func(r *Row) { r.Parent.ID = "p" }, "Parent is half-filled"},
		{"broken Kind of the Parent", func(r *Row) { r.Parent = Key{"\xff", "id"} }, "Kind of the Parent is not"},
		{"NUL in the ID of the Parent", func(r *Row) { r.Parent = Key{"p", "\x00"} }, "ID of the Parent holds"},
		{"NUL in Unique", func(r *Row) { r.Unique = "a\x00b" }, "Unique holds"},
		{"broken Label", func(r *Row) { r.Labels = []string{"a", "\xff"} }, "Label is not"},
		{"first microsecond", func(r *Row) { r.Due = time.Time{}.Add(time.Microsecond) }, ""},
		{"before the first microsecond", func(r *Row) { r.Due = time.Time{}.Add(1) }, "Due is not within"},
		{"before year 1", func(r *Row) { r.Due = time.Time{}.Add(-1) }, "Due is not within"},
		{"last moment", func(r *Row) { r.Due = lastMoment }, ""},
		{"last moment, seen from the east", func(r *Row) { r.Due = lastMoment.In(time.FixedZone("", 3600)) }, ""},
		{"after the last moment", func(r *Row) { r.Due = lastMoment.Add(1) }, "Due is not within"},
		{"the furthest time there is", func(r *Row) { r.Due = time.Unix(math.MaxInt64, 0) }, "Due is not within"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			row := valid
			tt.change(&row)
			wantInvalid(t, row.Validate(), tt.want)
		})
	}
}

func TestQueryValidate(t *testing.T) {
	t.Parallel()
	byID := Query{Kind: "k"}.CursorAfter(valid)
	tests := []struct {
		name string
		q    Query
		want string
	}{
		{"bare", Query{Kind: "k"}, ""},
		{"full", Query{Kind: "k", Parent: Key{"p", "id"}, Unique: "u", Labels: []string{"a"}, After: byID, Limit: 5000}, ""},
		{"no Kind", Query{}, "Kind is empty"},
		{"half a Parent", Query{Kind: "k", Parent: Key{Kind: "p"}}, "Parent is half-filled"},
		{"NUL in Unique", Query{Kind: "k", Unique: "\x00"}, "Unique holds"},
		{"broken Label", Query{Kind: "k", Labels: []string{"\xff"}}, "Label is not"},
		{"far DueBefore", Query{Kind: "k", DueBefore: time.Unix(math.MaxInt64, 0)}, "DueBefore is not within"},
		{"negative Limit", Query{Kind: "k", Limit: -1}, "Limit is negative"},
		{"garbage in After", Query{Kind: "k", After: "x"}, "After is not a cursor"},
		{"cursor of the other order", Query{Kind: "k", After: byID, DueBefore: time.Unix(1, 0)}, "another query"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			wantInvalid(t, tt.q.Validate(), tt.want)
		})
	}
}

func TestValidatePath(t *testing.T) {
	t.Parallel()
	wantInvalid(t, ValidatePath("p", "u", "k", "name"), "")
	wantInvalid(t, ValidatePath("p", "u", "k", ""), "")
	wantInvalid(t, ValidatePath("", "u", "k", "name"), "Kind of the parent is empty")
	wantInvalid(t, ValidatePath("p", "", "k", "name"), "Unique of the parent is empty")
	wantInvalid(t, ValidatePath("p", "u", "", "name"), "Kind is empty")
	wantInvalid(t, ValidatePath("p", "u", "k", "\xff"), "name is not valid UTF-8")
}

func wantInvalid(t *testing.T, err error, want string) {
	t.Helper()
	if want == "" {
		if err != nil {
			t.Errorf("got %v, want no error", err)
		}
		return
	}
	if !errors.Is(err, ErrInvalid) || !strings.Contains(err.Error(), want) {
		t.Errorf("got %v, want ErrInvalid that says %q", err, want)
	}
}

func TestRowNormalize(t *testing.T) {
	t.Parallel()
	east := time.FixedZone("east", 3600)
	in := Row{
		Key: Key{"k", "id"}, Version: 7, Parent: Key{"p", "id"}, Unique: "u",
		Labels: []string{"b", "", "a", "b"},
		Due:    time.Date(1955, 5, 5, 5, 5, 5, 1999, east),
		Data:   []byte("data"),
	}
	want := in
	want.Labels = []string{"", "a", "b"}
	want.Due = time.Date(1955, 5, 5, 4, 5, 5, 1000, time.UTC)
	got := in.Normalize()
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("Normalize (-want +got):\n%s", d)
	}
	if got.Due.Location() != time.UTC {
		t.Errorf("Due is in %v, want UTC", got.Due.Location())
	}
	got.Labels[0], got.Data[0] = "x", 'x'
	if in.Labels[0] != "b" || in.Data[0] != 'd' {
		t.Error("Normalize shares memory with its receiver")
	}

	empty := Row{Key: in.Key, Labels: []string{}, Due: time.Time{}.In(east)}.Normalize()
	if empty.Labels != nil || empty.Data == nil || empty.Due != (time.Time{}) {
		t.Errorf("empty row: got %#v, want nil Labels, Data not nil and the zero Due", empty)
	}
}

func TestQueryNormalize(t *testing.T) {
	t.Parallel()
	for in, want := range map[int]int{0: DefaultLimit, 1: 1, MaxLimit: MaxLimit, MaxLimit + 1: MaxLimit} {
		if got := (Query{Kind: "k", Limit: in}).Normalize().Limit; got != want {
			t.Errorf("Limit %d: got %d, want %d", in, got, want)
		}
	}
	labels := []string{"b", "a", "b"}
	q := Query{Kind: "k", Labels: labels}.Normalize()
	if d := cmp.Diff([]string{"a", "b"}, q.Labels); d != "" || labels[0] != "b" {
		t.Errorf("Labels (-want +got):\n%s", d)
	}
	if !q.DueBefore.IsZero() {
		t.Errorf("DueBefore became %v", q.DueBefore)
	}
	// A row that is due at a microsecond is strictly before every later nanosecond.
	us := time.Date(2026, 1, 2, 3, 4, 5, 6000, time.UTC)
	for in, want := range map[time.Time]time.Time{
		us:          us,
		us.Add(1):   us.Add(time.Microsecond),
		us.Add(999): us.Add(time.Microsecond),
	} {
		if got := (Query{Kind: "k", DueBefore: in}).Normalize().DueBefore; got != want {
			t.Errorf("DueBefore %v: got %v, want %v", in, got, want)
		}
	}
}
