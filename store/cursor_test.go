package store

import (
	"encoding/base64"
	"encoding/binary"
	"errors"
	"hash/crc32"
	"testing"
	"time"
)

var (
	byID  = Query{Kind: "k"}
	byDue = Query{Kind: "k", DueBefore: time.Unix(1, 0)}
)

func TestCursorRoundTrip(t *testing.T) {
	t.Parallel()
	due := time.Date(1955, 5, 5, 5, 5, 5, 6000, time.UTC)
	for _, id := range []string{"a", "é/%", "\x01", string(make([]byte, 0, 1)) + "long long long long"} {
		last := Row{Key: Key{"k", id}, Due: due}
		for _, tt := range []struct {
			q    Query
			want Cursor
		}{
			{byID, Cursor{ID: id}},
			{byDue, Cursor{Due: due, ID: id}},
		} {
			q := tt.q
			q.After = q.CursorAfter(last)
			got, err := q.Cursor()
			if err != nil || got != tt.want {
				t.Errorf("cursor after %q: got %+v, %v, want %+v", id, got, err, tt.want)
			}
		}
	}
}

func TestCursorOfNothing(t *testing.T) {
	t.Parallel()
	for _, q := range []Query{byID, byDue} {
		if c, err := q.Cursor(); c != (Cursor{}) || err != nil {
			t.Errorf("empty After: got %+v, %v, want the zero Cursor", c, err)
		}
	}
}

func TestCursorRefused(t *testing.T) {
	t.Parallel()
	// sealed is a cursor with whatever content and a sum that fits.
	sealed := func(body string) string {
		raw := binary.BigEndian.AppendUint32([]byte(body), crc32.ChecksumIEEE([]byte(body)))
		return base64.RawURLEncoding.EncodeToString(raw)
	}
	good := byID.CursorAfter(Row{Key: Key{"k", "some ID"}})
	for name, after := range map[string]string{
		"a word":             "hello",
		"an ID":              "0190c2a3b4c5d6e7",
		"half of one":        good[:len(good)/2],
		"one and a bit":      good + "AA",
		"with padding":       good + "=",
		"other alphabet":     base64.RawStdEncoding.EncodeToString([]byte("\xff\xfe\xfd\xfc\xfb\xfa\xf9\xf8")),
		"only a sum":         sealed(""),
		"an unknown order":   sealed("xabc"),
		"the other order":    sealed("d\x00\x00\x00\x00\x00\x00\x00\x01abc"),
		"no ID":              sealed("i"),
		"NUL in the ID":      sealed("ia\x00"),
		"not UTF-8":          sealed("i\xff"),
		"a trailing newline": good + "\n",
	} {
		q := byID
		q.After = after
		if c, err := q.Cursor(); !errors.Is(err, ErrInvalid) {
			t.Errorf("%s: got %+v, %v, want ErrInvalid", name, c, err)
		}
	}
	for name, after := range map[string]string{
		"the other order": good,
		"half a Due":      sealed("d\x00\x00\x00\x01"),
		"Due alone":       sealed("d\x00\x00\x00\x00\x00\x00\x00\x01"),
		"Due too late":    sealed("d\x7f\xff\xff\xff\xff\xff\xff\xffabc"),
	} {
		q := byDue
		q.After = after
		if c, err := q.Cursor(); !errors.Is(err, ErrInvalid) {
			t.Errorf("by due, %s: got %+v, %v, want ErrInvalid", name, c, err)
		}
	}
}

// Whatever is accepted is a cursor that we would have given out ourselves.
func FuzzCursor(f *testing.F) {
	f.Add("", false)
	f.Add("hello", false)
	f.Add(byID.CursorAfter(Row{Key: Key{"k", "id"}}), false)
	f.Add(byDue.CursorAfter(Row{Key: Key{"k", "id"}, Due: time.Unix(5, 0)}), true)
	f.Fuzz(func(t *testing.T, after string, due bool) {
		q := byID
		if due {
			q = byDue
		}
		q.After = after
		c, err := q.Cursor()
		switch {
		case err != nil:
			if !errors.Is(err, ErrInvalid) || c != (Cursor{}) {
				t.Fatalf("got %+v, %v, want nothing but ErrInvalid", c, err)
			}
		case after == "":
			if c != (Cursor{}) {
				t.Fatalf("empty After is %+v", c)
			}
		default:
			if again := q.CursorAfter(Row{Key: Key{"k", c.ID}, Due: c.Due}); again != after {
				t.Fatalf("%q was accepted as the cursor %q", after, again)
			}
		}
	})
}
