package wire_test

import (
	"bytes"
	"errors"
	"math"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/tieline/tieline/internal/wire"
)

func TestRoundTrip(t *testing.T) {
	t.Parallel()
	at := time.Date(1969, 7, 20, 20, 17, 40, 123456789, time.FixedZone("", 3600))
	b := wire.AppendUint(nil, math.MaxUint64)
	b = wire.AppendInt(b, math.MinInt64)
	b = wire.AppendBool(b, true)
	b = wire.AppendString(b, "naïve\x00")
	b = wire.AppendBytes(b, []byte{1, 2})
	b = wire.AppendTime(b, at)
	b = wire.AppendTime(b, time.Time{})
	b = wire.AppendStrings(b, []string{"b", "", "a"})
	b = wire.AppendMap(b, map[string]string{"x": "1", "": "2"})
	b = append(b, "later"...)

	r := wire.NewReader(b)
	got := []any{r.Uint(), r.Int(), r.Bool(), r.String(), r.Bytes(), r.Time(), r.Time(), r.Strings(), r.Map()}
	want := []any{
		uint64(math.MaxUint64), int64(math.MinInt64), true, "naïve\x00", []byte{1, 2},
		time.Date(1969, 7, 20, 19, 17, 40, 123456000, time.UTC), time.Time{},
		[]string{"b", "", "a"}, map[string]string{"x": "1", "": "2"},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("fields (-want +got):\n%s", diff)
	}
	if rest := r.Rest(); string(rest) != "later" {
		t.Errorf("Rest() = %q, want the fields of a newer version", rest)
	}
	if err := r.Err(); err != nil {
		t.Error(err)
	}
}

func TestEarlierVersionReadsAsZero(t *testing.T) {
	t.Parallel()
	r := wire.NewReader(wire.AppendString(nil, "only"))
	if s := r.String(); s != "only" {
		t.Fatalf("String() = %q", s)
	}
	if r.Uint() != 0 || r.Int() != 0 || r.Bool() || r.String() != "" || !r.Time().IsZero() || r.Map() != nil || r.Strings() != nil {
		t.Error("a field after the end is not zero")
	}
	if err := r.Err(); err != nil {
		t.Errorf("a record that ends early: %v", err)
	}
}

func TestMalformed(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		in   []byte
		read func(*wire.Reader)
	}{
		"string longer than the record": {[]byte{5, 'a'}, func(r *wire.Reader) { _ = r.String() }},
		"a billion strings":             {wire.AppendUint(nil, 1e9), func(r *wire.Reader) { r.Strings() }},
		"a billion map entries":         {wire.AppendUint(nil, 1e9), func(r *wire.Reader) { r.Map() }},
		"varint without an end":         {bytes.Repeat([]byte{0xff}, 11), func(r *wire.Reader) { r.Uint() }},
		"bool of 2":                     {[]byte{2}, func(r *wire.Reader) { r.Bool() }},
		"map cut off":                   {[]byte{1, 1, 'k', 9}, func(r *wire.Reader) { r.Map() }},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := wire.NewReader(tt.in)
			tt.read(&r)
			if err := r.Err(); !errors.Is(err, wire.ErrMalformed) {
				t.Errorf("Err() = %v, want ErrMalformed", err)
			}
			if r.Uint() != 0 || r.Rest() != nil {
				t.Error("reading went on after a malformed field")
			}
		})
	}
}

func TestMapOrder(t *testing.T) {
	t.Parallel()
	m := map[string]string{}
	for _, k := range []string{"d", "a", "c", "b", "e"} {
		m[k] = k
	}
	first := wire.AppendMap(nil, m)
	for range 20 {
		if !bytes.Equal(first, wire.AppendMap(nil, m)) {
			t.Fatal("equal maps give different bytes")
		}
	}
}

func TestBytesAreCopies(t *testing.T) {
	t.Parallel()
	in := wire.AppendBytes(nil, []byte("abc"))
	got := readBytes(in)
	in[1] = 'X'
	if string(got) != "abc" {
		t.Errorf("Bytes() shares memory with its input: %q", got)
	}
}

func readBytes(b []byte) []byte {
	r := wire.NewReader(b)
	return r.Bytes()
}

func FuzzReader(f *testing.F) {
	f.Add([]byte{}, "")
	f.Add(wire.AppendMap(nil, map[string]string{"a": "b"}), "mm")
	f.Fuzz(func(t *testing.T, in []byte, ops string) {
		r := wire.NewReader(in)
		for _, op := range ops {
			switch op % 8 {
			case 0:
				r.Uint()
			case 1:
				r.Int()
			case 2:
				r.Bool()
			case 3:
				_ = r.String()
			case 4:
				r.Bytes()
			case 5:
				r.Time()
			case 6:
				r.Strings()
			case 7:
				r.Map()
			}
		}
		if r.Err() != nil && r.Rest() != nil {
			t.Fatal("a malformed record has a rest")
		}
	})
}
