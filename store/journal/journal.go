// Package journal keeps refreshed tokens that a Store does not take, in a
// directory of the local disk.
//
// A refresh token that works once has been replaced at the provider by the time
// its successor is to be stored. While the Store is away the successor exists only
// in the memory of one process, and a restart of that process loses the grant.
// With a journal the next process on the same machine finds it and stores it,
// before it would spend the old token.
//
// That helps where the machine stays and the database is elsewhere or may be
// full. It does not where the disk goes away with the process, as in a container
// without a volume; and a process on another machine does not see it. Entries
// are sealed by their writer; their row and fence are not.
//
// Any number of processes may use one directory.
package journal

import (
	"cmp"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
)

// ErrClosed is the answer of a Dir that was closed.
var ErrClosed = errors.New("journal: closed")

// Entry is a token that waits to be stored.
type Entry struct {
	Row   string // ID of the connection's row
	Fence int64  // number of the attempt that received it
	Data  []byte // sealed
}

type entryKey struct {
	row   string
	fence int64
}

func (e Entry) key() entryKey { return entryKey{e.Row, e.Fence} }

// suffix is that of the files, one for each process.
const suffix = ".journal"

// Dir is a journal in a directory. Make one with [Open]; it is safe for
// concurrent use.
type Dir struct {
	path string

	mu     sync.Mutex
	name   string
	file   *os.File // nil when closed
	offset int64    // of the next record
	live   map[entryKey]Entry
}

// Open opens a journal in the directory, which it makes if it is not there, for
// the user alone. It takes over what processes that are gone have left. 64 KiB
// are set aside, so that the first entries fit on a disk that is full.
//
// Close it after the Client that uses it.
func Open(dir string) (*Dir, error) {
	d := &Dir{path: dir, live: map[entryKey]Entry{}}
	err := os.MkdirAll(dir, 0o700)
	if err == nil {
		err = d.create()
	}
	if err == nil {
		err = d.adopt()
	}
	if err != nil {
		if d.file != nil {
			_ = d.file.Close()
		}
		return nil, fmt.Errorf("journal: open: %w", err)
	}
	return d, nil
}

// create makes the file of this process.
func (d *Dir) create() error {
	for {
		name := filepath.Join(d.path, rand.Text()+suffix)
		f, err := createFile(name)
		if err != nil {
			return err
		}
		// Another process may have taken it for one of a process that is gone, in
		// the moment before it was locked.
		if lock(f) == nil && stillThere(name, f) {
			d.name, d.file = name, f
			if d.offset, err = reserve(f); err == nil {
				err = syncDir(d.path)
			}
			return err
		}
		_ = f.Close()
	}
}

func stillThere(name string, f *os.File) bool {
	have, err := f.Stat()
	if err != nil {
		return false
	}
	named, err := os.Stat(name)
	return err == nil && os.SameFile(have, named)
}

// Append keeps an entry. When it returns nil, the entry survives a power cut.
// Appending an entry again replaces it.
func (d *Dir) Append(ctx context.Context, e Entry) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if err := d.usable(ctx); err != nil {
		return err
	}
	if err := d.append(e); err != nil {
		return fmt.Errorf("journal: append %q: %w", e.Row, err)
	}
	return nil
}

func (d *Dir) append(e Entry) error {
	n, err := writeRecord(d.file, d.offset, record{entry: e})
	if err == nil {
		err = d.file.Sync()
	}
	if err != nil {
		// What was written in part ends at the old offset for a reader, or reads as
		// this very entry.
		return err
	}
	d.offset += n
	e.Data = slices.Clone(e.Data)
	d.live[e.key()] = e
	return nil
}

// Entries are those of all processes that use the directory, in the order of
// their rows and fences. Other processes may drop some at any time.
func (d *Dir) Entries(ctx context.Context) ([]Entry, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if err := d.usable(ctx); err != nil {
		return nil, err
	}
	if err := d.adopt(); err != nil {
		return nil, fmt.Errorf("journal: entries: %w", err)
	}
	all := map[entryKey]Entry{}
	err := d.others(func(name string) error {
		f, err := openFile(name)
		if err != nil {
			return err
		}
		defer func() { _ = f.Close() }()
		entries, err := readEntries(f)
		for _, e := range entries {
			all[e.key()] = e
		}
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("journal: entries: %w", err)
	}
	for k, e := range d.live {
		e.Data = slices.Clone(e.Data)
		all[k] = e
	}
	out := make([]Entry, 0, len(all))
	for _, e := range all {
		out = append(out, e)
	}
	slices.SortFunc(out, func(a, b Entry) int { return cmp.Or(strings.Compare(a.Row, b.Row), cmp.Compare(a.Fence, b.Fence)) })
	return out, nil
}

// Drop forgets an entry. One of another process that is alive stays: that
// process drops it.
func (d *Dir) Drop(ctx context.Context, e Entry) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if err := d.usable(ctx); err != nil {
		return err
	}
	if _, mine := d.live[e.key()]; !mine {
		return nil
	}
	delete(d.live, e.key())
	if len(d.live) == 0 {
		d.offset = int64(len(magic))
		return endAt(d.file, d.offset)
	}
	// That this is lost in a power cut does no harm: who finds the entry sees
	// in its row that it is not needed.
	n, err := writeRecord(d.file, d.offset, record{entry: Entry{Row: e.Row, Fence: e.Fence}, dropped: true})
	if err != nil {
		return fmt.Errorf("journal: drop %q: %w", e.Row, err)
	}
	d.offset += n
	return nil
}

// Close ends the use of the directory. Entries that are left are for the next
// process.
func (d *Dir) Close() error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.file == nil {
		return nil
	}
	err := d.file.Close()
	d.file = nil
	if len(d.live) == 0 {
		err = errors.Join(err, os.Remove(d.name))
	}
	if err != nil {
		return fmt.Errorf("journal: close: %w", err)
	}
	return nil
}

func (d *Dir) usable(ctx context.Context) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	if d.file == nil {
		return ErrClosed
	}
	return nil
}

// adopt takes over the files of processes that are gone.
func (d *Dir) adopt() error {
	return d.others(func(name string) error {
		f, err := take(name)
		if f == nil || err != nil {
			return err
		}
		defer func() { _ = f.Close() }()
		entries, err := readEntries(f)
		for _, e := range entries {
			if err == nil {
				err = d.append(e)
			}
		}
		if err != nil {
			return err
		}
		return remove(f, name)
	})
}

// others calls f for the files of other processes. One that goes away meanwhile
// was adopted by somebody else.
func (d *Dir) others(f func(name string) error) error {
	list, err := os.ReadDir(d.path)
	if err != nil {
		return err
	}
	for _, entry := range list {
		name := filepath.Join(d.path, entry.Name())
		if !strings.HasSuffix(name, suffix) || name == d.name {
			continue
		}
		if err := f(name); err != nil && !errors.Is(err, os.ErrNotExist) {
			return err
		}
	}
	return nil
}
