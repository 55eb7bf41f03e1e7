// Package wire is the compact binary form of what Tieline stores.
//
// A record is a sequence of fields in a fixed order, with no names. New fields
// are only ever added at the end. A reader that does not know them keeps their
// bytes ([Reader.Rest]) and writes them back, so that an older process editing
// a row that a newer one wrote loses nothing. A record that ends early is an
// older one, and its missing fields read as zero.
//
// It exists because decoding dominates reading a credential from memory:
// encoding/json takes 27 times as long as opening the sealed bytes.
package wire

import (
	"encoding/binary"
	"errors"
	"slices"
	"time"
)

// ErrMalformed is the answer to bytes that no version of this package wrote.
var ErrMalformed = errors.New("wire: malformed record")

// AppendUint appends v as a varint.
func AppendUint(b []byte, v uint64) []byte { return binary.AppendUvarint(b, v) }

// AppendInt appends v, which may be negative, as a zigzag varint.
func AppendInt(b []byte, v int64) []byte { return binary.AppendVarint(b, v) }

// AppendBool appends v as one byte.
func AppendBool(b []byte, v bool) []byte {
	if v {
		return append(b, 1)
	}
	return append(b, 0)
}

// AppendString appends s with its length before it.
func AppendString(b []byte, s string) []byte {
	return append(binary.AppendUvarint(b, uint64(len(s))), s...)
}

// AppendBytes appends p with its length before it.
func AppendBytes(b, p []byte) []byte {
	return append(binary.AppendUvarint(b, uint64(len(p))), p...)
}

// AppendTime appends t as microseconds since 1970, rounded towards the past.
// The zero Time is kept apart from every other.
func AppendTime(b []byte, t time.Time) []byte {
	if t.IsZero() {
		return append(b, 0)
	}
	return binary.LittleEndian.AppendUint64(append(b, 1), uint64(t.UnixMicro()))
}

// AppendStrings appends the number of elements and each of them.
func AppendStrings(b []byte, list []string) []byte {
	b = AppendUint(b, uint64(len(list)))
	for _, s := range list {
		b = AppendString(b, s)
	}
	return b
}

// AppendMap appends the entries in the order of their keys, so that equal maps
// give equal bytes.
func AppendMap(b []byte, m map[string]string) []byte {
	b = AppendUint(b, uint64(len(m)))
	keys := make([]string, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	for _, k := range keys {
		b = AppendString(AppendString(b, k), m[k])
	}
	return b
}

// Reader takes a record apart. After the first malformed field every further
// read gives a zero value, and Err says so: check it once, at the end.
type Reader struct {
	buf  []byte
	text string // buf as a string, if strings are to be cut from one; else empty
	// An offset and not shrinking slices: this is on the way of every credential,
	// and writing integers spares the garbage collector's write barrier.
	off int
	bad bool
}

// NewReader reads from b. Bytes and strings read are copies, except those of
// [Reader.View].
func NewReader(b []byte) Reader { return Reader{buf: b} }

// NewTextReader is NewReader for a record that is mostly strings and will be
// kept as a whole: they share one copy of it.
func NewTextReader(b []byte) Reader { return Reader{buf: b, text: string(b)} }

// Err is ErrMalformed if a field could not be read.
func (r *Reader) Err() error {
	if r.bad {
		return ErrMalformed
	}
	return nil
}

// Rest is a copy of what was not read: fields of a newer version. It is nil
// when there are none.
func (r *Reader) Rest() []byte {
	if r.ended() {
		return nil
	}
	return slices.Clone(r.buf[r.off:])
}

// Uint reads what AppendUint wrote.
func (r *Reader) Uint() uint64 {
	if r.ended() {
		return 0
	}
	if v := r.buf[r.off]; v < 0x80 { // as most are
		r.off++
		return uint64(v)
	}
	v, n := binary.Uvarint(r.buf[r.off:])
	if n <= 0 {
		r.fail()
		return 0
	}
	r.off += n
	return v
}

// Int reads what AppendInt wrote.
func (r *Reader) Int() int64 {
	if r.ended() {
		return 0
	}
	v, n := binary.Varint(r.buf[r.off:])
	if n <= 0 {
		r.fail()
		return 0
	}
	r.off += n
	return v
}

// Bool reads what AppendBool wrote.
func (r *Reader) Bool() bool {
	if r.ended() {
		return false
	}
	v := r.buf[r.off]
	if v > 1 {
		r.fail()
		return false
	}
	r.off++
	return v == 1
}

// View reads what AppendBytes wrote without copying it: the result shares
// memory with what the Reader was given. Empty comes back as nil.
func (r *Reader) View() []byte {
	n := r.length()
	if n == 0 {
		return nil
	}
	v := r.buf[r.off : r.off+n : r.off+n]
	r.off += n
	return v
}

// Sub reads what AppendBytes wrote as a record of its own.
func (r *Reader) Sub() Reader {
	n := r.length()
	end := r.off + n
	sub := Reader{buf: r.buf[r.off:end:end], bad: r.bad}
	if r.text != "" {
		sub.text = r.text[r.off:end]
	}
	r.off = end
	return sub
}

// Bytes reads what AppendBytes wrote. Empty comes back as nil.
func (r *Reader) Bytes() []byte { return slices.Clone(r.View()) }

// String reads what AppendString wrote.
func (r *Reader) String() string {
	if r.text == "" {
		return string(r.View())
	}
	n := r.length()
	r.off += n
	return r.text[r.off-n : r.off]
}

// Time reads what AppendTime wrote, in UTC.
func (r *Reader) Time() time.Time {
	if !r.Bool() {
		return time.Time{}
	}
	if len(r.buf)-r.off < 8 {
		r.fail()
		return time.Time{}
	}
	us := binary.LittleEndian.Uint64(r.buf[r.off:])
	r.off += 8
	return time.UnixMicro(int64(us)).UTC()
}

// Strings reads what AppendStrings wrote. Empty comes back as nil.
func (r *Reader) Strings() []string {
	n := r.count(1)
	if n == 0 {
		return nil
	}
	list := make([]string, 0, n)
	for range n {
		list = append(list, r.String())
	}
	if r.bad {
		return nil
	}
	return list
}

// Map reads what AppendMap wrote. Empty comes back as nil.
func (r *Reader) Map() map[string]string {
	n := r.count(2)
	if n == 0 {
		return nil
	}
	m := make(map[string]string, n)
	for range n {
		k := r.String()
		m[k] = r.String()
	}
	if r.bad {
		return nil
	}
	return m
}

// count reads a number of elements of at least size bytes each, and refuses
// one that cannot be true before anything is allocated for it.
func (r *Reader) count(size uint64) uint64 {
	n := r.Uint()
	if r.bad {
		return 0
	}
	if n > uint64(len(r.buf)-r.off)/size {
		r.fail()
		return 0
	}
	return n
}

// length reads the length of a field that is there in full.
func (r *Reader) length() int {
	n := r.Uint()
	if n > uint64(len(r.buf)-r.off) {
		r.fail()
	}
	if r.bad {
		return 0
	}
	return int(n)
}

func (r *Reader) ended() bool { return r.bad || r.off >= len(r.buf) }

func (r *Reader) fail() {
	r.bad = true
	r.off = len(r.buf)
}
