package journal

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"math"
	"os"

	"github.com/tieline/tieline/internal/wire"
)

// A file is magic and then records, each with its length and a checksum before
// it. A length of zero, and a record that does not fit its checksum because it
// was not written to its end, are the end.

const (
	magic    = "tieline1"
	reserved = 64 << 10 // bytes set aside for a full disk
	prefix   = 8        // bytes of length and checksum

	// maxRecord bounds a record, in bytes: an answer of a token endpoint is at most
	// one megabyte.
	maxRecord = 16 << 20
)

// errForeign: a file in the directory is something else.
var errForeign = errors.New("not a journal of this version")

// errTooLarge: an entry is larger than an answer of a provider can be.
var errTooLarge = errors.New("entry is too large")

// record is an entry, or that it is not needed any more.
type record struct {
	entry   Entry
	dropped bool
}

// reserve writes the beginning of a file and room for records.
func reserve(f *os.File) (offset int64, err error) {
	b := make([]byte, reserved)
	copy(b, magic)
	if _, err := f.WriteAt(b, 0); err != nil {
		return 0, err
	}
	return int64(len(magic)), f.Sync()
}

// writeRecord writes a record and the end of the file behind it.
func writeRecord(f *os.File, offset int64, r record) (n int64, err error) {
	payload := wire.AppendBool(nil, r.dropped)
	payload = wire.AppendString(payload, r.entry.Row)
	payload = wire.AppendInt(payload, r.entry.Fence)
	payload = wire.AppendBytes(payload, r.entry.Data)
	if len(payload) > maxRecord {
		return 0, errTooLarge
	}
	b := binary.LittleEndian.AppendUint32(nil, uint32(len(payload)))
	b = binary.LittleEndian.AppendUint32(b, crc32.ChecksumIEEE(payload))
	b = append(b, payload...)
	n = int64(len(b))
	_, err = f.WriteAt(append(b, make([]byte, prefix)...), offset)
	return n, err
}

// endAt makes offset the end.
func endAt(f *os.File, offset int64) error {
	_, err := f.WriteAt(make([]byte, prefix), offset)
	return err
}

// readEntries are the entries of a file that were not dropped. A file that was
// never begun, because its process died at once, has none.
func readEntries(f *os.File) ([]Entry, error) {
	r := bufio.NewReader(io.NewSectionReader(f, 0, math.MaxInt64))
	head := make([]byte, len(magic))
	if _, err := io.ReadFull(r, head); err != nil {
		return nil, unlessEnd(err)
	}
	if string(head) != magic {
		return nil, fmt.Errorf("%s: %w", f.Name(), errForeign)
	}
	var order []entryKey
	live := map[entryKey]Entry{}
	for {
		rec, ok, err := readRecord(r)
		if err != nil {
			return nil, err
		}
		if !ok {
			break
		}
		key := rec.entry.key()
		delete(live, key)
		if !rec.dropped {
			order = append(order, key)
			live[key] = rec.entry
		}
	}
	var out []Entry
	for _, key := range order {
		if e, ok := live[key]; ok {
			out = append(out, e)
			delete(live, key)
		}
	}
	return out, nil
}

// readRecord reads the next record; ok is false at the end.
func readRecord(r io.Reader) (rec record, ok bool, err error) {
	var head [prefix]byte
	if _, err := io.ReadFull(r, head[:]); err != nil {
		return rec, false, unlessEnd(err)
	}
	size, sum := binary.LittleEndian.Uint32(head[:]), binary.LittleEndian.Uint32(head[4:])
	if size == 0 || size > maxRecord {
		return rec, false, nil
	}
	payload := make([]byte, size)
	if _, err := io.ReadFull(r, payload); err != nil {
		return rec, false, unlessEnd(err)
	}
	if crc32.ChecksumIEEE(payload) != sum {
		return rec, false, nil
	}
	w := wire.NewReader(payload)
	rec.dropped = w.Bool()
	rec.entry = Entry{Row: w.String(), Fence: w.Int(), Data: w.Bytes()}
	return rec, w.Err() == nil, nil
}

// unlessEnd is err, unless it says that the file ends here.
func unlessEnd(err error) error {
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return nil
	}
	return err
}
