package functions

import (
	"cmp"
	"context"
	"crypto/rand"
	"encoding/binary"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/tieline/tieline"
	"github.com/tieline/tieline/internal/ids"
	"github.com/tieline/tieline/internal/record"
	"github.com/tieline/tieline/internal/wire"
	"github.com/tieline/tieline/queue"
	"github.com/tieline/tieline/store"
)

// How runs survive. A run is one row below the row of its connection, and so is the
// schedule of a function for a connection. Due says when the row wants attention.
// Who attends to it claims it first, by a compare-and-swap, and goes on writing to it
// while the function runs (hold.go). A row whose claim stands still for a while is
// anybody's: each process watches that for itself, by its own monotonic clock, so
// that clocks which differ take nothing away from anybody who is alive. What becomes
// of a run is written under its claim or not at all.

// The kinds of row. Package tieline knows them too, to move them to a new key.
const (
	kindRun        store.Kind = "function_run"
	kindState      store.Kind = "function_state"
	kindConnection store.Kind = "connection"
)

// The labels of a row.
const (
	labelFunction = "function="
	labelState    = "state="
)

const (
	defaultPoll        = time.Second
	defaultQueuePoll   = 10 * time.Second
	defaultDiscover    = time.Minute
	defaultKeep        = 24 * time.Hour
	defaultTakeOver    = 30 * time.Second
	minTakeOver        = time.Second
	defaultConcurrency = 16
	defaultMaxBytes    = 1 << 20
)

// durable is what runs that survive need beside Functions.
type durable struct {
	store       store.Store
	keys        *tieline.Keyring
	queue       queue.Queue // nil: none
	poll        time.Duration
	discover    time.Duration
	keep        time.Duration
	times       times
	concurrency int
	maxBytes    int
	now         func() time.Time // as the Store keeps times

	nudge chan struct{} // there is something to do in this process

	dmu     sync.Mutex
	watches map[string]watch // by row
	inHand  map[string]bool  // rows that this process holds
	told    map[string]bool  // what is logged once
}

func (cfg Config) durable() (*durable, error) {
	d := &durable{
		store: cfg.Store, keys: cfg.Keys, queue: cfg.Queue,
		poll: cfg.Poll, discover: cmp.Or(cfg.Discover, defaultDiscover), keep: cmp.Or(cfg.Keep, defaultKeep),
		concurrency: cmp.Or(cfg.Concurrency, defaultConcurrency), maxBytes: cmp.Or(cfg.MaxBytes, defaultMaxBytes),
		times: timesFor(cmp.Or(cfg.TakeOver, defaultTakeOver)),
		nudge: make(chan struct{}, 1), watches: map[string]watch{}, inHand: map[string]bool{}, told: map[string]bool{},
	}
	if d.poll == 0 {
		d.poll = defaultPoll
		if d.queue != nil {
			d.poll = defaultQueuePoll
		}
	}
	now := cfg.Now
	if now == nil {
		now = time.Now
	}
	d.now = func() time.Time { return now().UTC().Truncate(time.Microsecond) }
	var errs []error
	check := func(field string, ok bool) {
		if !ok {
			errs = append(errs, fmt.Errorf("%s is negative", field))
		}
	}
	check("Poll", d.poll > 0)
	check("Discover", d.discover > 0)
	check("Keep", d.keep > 0)
	check("Concurrency", d.concurrency > 0)
	check("MaxBytes", d.maxBytes > 0)
	if cfg.TakeOver != 0 && cfg.TakeOver < minTakeOver {
		errs = append(errs, fmt.Errorf("TakeOver is %v, less than %v", cfg.TakeOver, minTakeOver))
	}
	if (cfg.Store == nil) != (cfg.Keys == nil) {
		errs = append(errs, errors.New("one of Store and Keys is missing"))
	}
	return d, errors.Join(errs...)
}

// durably says whether runs can be kept.
func (f *Functions) durably() error {
	if f.store == nil {
		return ErrNoStore
	}
	return nil
}

// entry is a stored row.
type entry struct {
	row store.Row
	rec *record.Function
}

func parseEntry(row store.Row) (entry, error) {
	rec, err := record.ParseFunction(row.Data)
	return entry{row, rec}, translate(err)
}

// edited is a copy of an entry that can be changed.
func (e entry) edited() entry {
	rec := *e.rec
	return entry{e.row, &rec}
}

// packed is the row with what follows from the record.
func (e entry) packed() store.Row {
	row := e.row
	row.Data = e.rec.Encode()
	row.Labels = []string{labelFunction + e.rec.Name, labelState + statusOf(e.rec.State)}
	return row
}

// open decrypts what is sealed in an entry.
func (f *Functions) open(e entry) (record.FunctionContent, error) {
	plain, err := f.keys.Open(e.rec.Sealed, sealedFor(e))
	if err != nil {
		return record.FunctionContent{}, err
	}
	c, err := record.ParseFunctionContent(plain)
	return c, translate(err)
}

// seal puts content into an entry that is being changed.
func (f *Functions) seal(e entry, c record.FunctionContent) (err error) {
	e.rec.Gen++
	e.rec.Sealed, err = f.keys.Seal(c.Encode(), sealedFor(e))
	return err
}

func sealedFor(e entry) tieline.SealedFor {
	return tieline.SealedFor{Purpose: string(e.row.Kind), ID: e.row.ID, Generation: e.rec.Gen}
}

// newEntry makes the row of a function for a connection. It has to be written.
func newEntry(kind store.Kind, conn tieline.Connection, fn *Function, now time.Time) entry {
	return entry{
		row: store.Row{Key: store.Key{Kind: kind, ID: newID()}, Parent: store.Key{Kind: kindConnection, ID: conn.RowID}, Due: now},
		rec: &record.Function{Name: fn.name, Integration: conn.Integration, Connection: conn.ID, CreatedAt: now},
	}
}

// create writes a new entry. ErrExists: there is one of this Unique.
func (f *Functions) create(ctx context.Context, e entry) (entry, error) {
	row, err := f.store.Put(ctx, e.packed())
	if err != nil && !known(err) {
		// Only the answer may be lost.
		if there, gerr := f.store.Get(ctx, e.row.Key); gerr == nil {
			row, err = there, nil
		}
	}
	e.row = row
	return e, err
}

// known reports that an error of the Store says for certain that nothing was changed.
func known(err error) bool {
	for _, e := range []error{store.ErrNotFound, store.ErrExists, store.ErrConflict, store.ErrInvalid, store.ErrClosed} {
		if errors.Is(err, e) {
			return true
		}
	}
	return false
}

// translate gives errors of the layers below the names of package tieline.
func translate(err error) error {
	switch {
	case err == nil:
		return nil
	case errors.Is(err, store.ErrNotFound):
		return tieline.ErrNotFound
	case errors.Is(err, store.ErrClosed):
		return tieline.ErrClosed
	case errors.Is(err, record.ErrFormat):
		return tieline.ErrNewerFormat
	case errors.Is(err, wire.ErrMalformed):
		return tieline.ErrDamaged
	}
	return err
}

func newID() string {
	var b [16]byte
	_, _ = rand.Read(b[:]) // never fails
	return ids.Encode(b[:])
}

// newMark is a random number other than 0.
func newMark() int64 {
	var b [8]byte
	_, _ = rand.Read(b[:]) // never fails
	return int64(binary.BigEndian.Uint64(b[:]) | 1)
}
