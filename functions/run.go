package functions

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"iter"
	"log/slog"
	"time"

	"github.com/tieline/tieline"
	"github.com/tieline/tieline/internal/ids"
	"github.com/tieline/tieline/internal/record"
	"github.com/tieline/tieline/store"
)

// RunOptions say more about a run. The zero RunOptions are a run of its own, now.
type RunOptions struct {
	// IdempotencyKey makes one run of all that are asked for with it, for the same
	// function and connection, until the run is deleted ([Config.Keep] after its
	// end). At most 255 bytes. Default: none.
	IdempotencyKey string
	// At is when the run is due. Default: now.
	At time.Time
}

const maxKey = 255

// Status is where a run stands.
type Status string

// The statuses.
const (
	StatusQueued  Status = "queued"  // waits for its time, or for its next attempt
	StatusRunning Status = "running" // is under way, or was when its process ended
	StatusDone    Status = "done"
	StatusFailed  Status = "failed"
)

func statusOf(s record.FunctionState) string {
	switch s {
	case record.FunctionWaiting:
		return string(StatusQueued)
	case record.FunctionRunning:
		return string(StatusRunning)
	case record.FunctionDone:
		return string(StatusDone)
	case record.FunctionFailed:
		return string(StatusFailed)
	}
	return fmt.Sprintf("unknown_%d", s)
}

// Run is a run that is kept.
type Run struct {
	ID       string
	Target   Target // as its names were when the run was accepted
	Function string
	Status   Status
	Attempt  int // how many were begun

	Output json.RawMessage // of one that is done
	// Kind and Error are of the last failure: of a run that failed, or that waits for
	// another attempt. The text is what the function returned.
	Kind  Kind
	Error string

	CreatedAt  time.Time
	DueAt      time.Time // of one that is queued, when it is run next
	StartedAt  time.Time // when the last attempt began; zero: none has
	FinishedAt time.Time // zero: it is not over
}

// Start accepts a run: once it has returned nil, the run happens at least once,
// whatever becomes of this process, as long as some process is at [Functions.Work] and
// the connection stays. It is tried up to [Options.Attempts] times while its failures
// are [Temporary].
//
// With an idempotency key that is known, the answer is the run of that key, which is
// ErrKeyReused if it has another input. After any other error of the Store the run
// may have been accepted all the same; a key makes it safe to ask again.
func (f *Functions) Start(ctx context.Context, to Target, name string, input json.RawMessage, o RunOptions) (Run, error) {
	run, err := f.start(ctx, to, name, input, o)
	if err != nil {
		return Run{}, opError("start", err, to, name)
	}
	return run, nil
}

func (f *Functions) start(ctx context.Context, to Target, name string, input json.RawMessage, o RunOptions) (Run, error) {
	a, err := f.order(ctx, to, name, input, o)
	if err != nil {
		return Run{}, err
	}
	e, content, err := f.accept(ctx, a, nil)
	if err != nil {
		return Run{}, err
	}
	f.wake(ctx, e)
	return newRun(e, content), nil
}

// order is a run that is asked for.
type order struct {
	conn    tieline.Connection
	fn      *Function
	content record.FunctionContent
	unique  string    // "": none
	at      time.Time // zero: now
}

// order checks what is asked for.
func (f *Functions) order(ctx context.Context, to Target, name string, input json.RawMessage, o RunOptions) (order, error) {
	if err := f.durably(); err != nil {
		return order{}, err
	}
	if len(o.IdempotencyKey) > maxKey {
		return order{}, &InputError{Err: fmt.Errorf("the idempotency key has more than %d bytes", maxKey)}
	}
	conn, fn, err := f.find(ctx, to, name)
	if err != nil {
		return order{}, err
	}
	if input, err = f.checkInput(fn, input); err != nil {
		return order{}, err
	}
	if err := fn.in.Validate(input); err != nil {
		return order{}, &InputError{Err: err}
	}
	var canonical bytes.Buffer
	if err := json.Compact(&canonical, input); err != nil {
		return order{}, &InputError{Err: err}
	}
	a := order{conn: conn, fn: fn, at: o.At, content: record.FunctionContent{Input: input, InputDigest: ids.Digest(canonical.String())}}
	if o.IdempotencyKey != "" {
		a.unique = ids.Encode(ids.Digest("key", name, conn.RowID, o.IdempotencyKey))
	}
	return a, nil
}

// accept writes the row of a run, or finds the one that is there already. hold, if it
// is not nil, makes the new row one that is claimed.
func (f *Functions) accept(ctx context.Context, a order, hold func(entry, record.FunctionContent) *hold) (entry, record.FunctionContent, error) {
	for range 8 { // rows may go while we look
		e := newEntry(kindRun, a.conn, a.fn, f.now())
		e.row.Unique = a.unique
		if !a.at.IsZero() {
			e.row.Due = a.at.UTC()
		}
		if err := f.seal(e, a.content); err != nil {
			return entry{}, record.FunctionContent{}, err
		}
		if hold != nil {
			h := hold(e, a.content)
			e = h.e
		}
		made, err := f.create(ctx, e)
		if err == nil {
			return made, a.content, nil
		}
		if !errors.Is(err, store.ErrExists) {
			return entry{}, record.FunctionContent{}, translate(err)
		}
		there, content, err := f.byUnique(ctx, a)
		if !errors.Is(err, store.ErrNotFound) {
			return there, content, translate(err)
		}
	}
	return entry{}, record.FunctionContent{}, tieline.ErrExists
}

// byUnique finds the run of a key.
func (f *Functions) byUnique(ctx context.Context, a order) (entry, record.FunctionContent, error) {
	row, err := store.GetUnique(ctx, f.store, kindRun, a.unique)
	if err != nil {
		return entry{}, record.FunctionContent{}, err
	}
	e, content, err := f.read(row)
	if err == nil && !bytes.Equal(content.InputDigest, a.content.InputDigest) {
		err = ErrKeyReused
	}
	return e, content, err
}

// read takes a row apart and opens it.
func (f *Functions) read(row store.Row) (entry, record.FunctionContent, error) {
	e, err := parseEntry(row)
	if err != nil {
		return entry{}, record.FunctionContent{}, err
	}
	content, err := f.open(e)
	return e, content, err
}

// newRun is a run as users see it.
func newRun(e entry, content record.FunctionContent) Run {
	r := Run{
		ID: e.row.ID, Target: Target{e.rec.Integration, e.rec.Connection}, Function: e.rec.Name,
		Status: Status(statusOf(e.rec.State)), Attempt: int(e.rec.Attempts),
		Kind: Kind(e.rec.ErrKind), Error: content.Error,
		CreatedAt: e.rec.CreatedAt, StartedAt: e.rec.StartedAt, FinishedAt: e.rec.FinishedAt,
	}
	if len(content.Output) > 0 {
		r.Output = bytes.Clone(content.Output)
	}
	if e.rec.State == record.FunctionWaiting {
		r.DueAt = e.row.Due
	}
	return r
}

// Get returns a run, or a [tieline.ErrNotFound]: there never was one of this ID, it
// was over for long enough, or its connection was deleted.
func (f *Functions) Get(ctx context.Context, id string) (Run, error) {
	run, err := f.get(ctx, id)
	if err != nil {
		return Run{}, fmt.Errorf("functions: get run %q: %w", id, err)
	}
	return run, nil
}

func (f *Functions) get(ctx context.Context, id string) (Run, error) {
	if err := f.durably(); err != nil {
		return Run{}, err
	}
	row, err := f.store.Get(ctx, store.Key{Kind: kindRun, ID: id})
	if errors.Is(err, store.ErrInvalid) {
		err = tieline.ErrNotFound
	}
	if err != nil {
		return Run{}, translate(err)
	}
	e, content, err := f.read(row)
	if err != nil {
		return Run{}, err
	}
	return newRun(e, content), nil
}

// runsPage is how many rows are in memory at once. They can be large.
const runsPage = 16

// Runs yields the runs for a connection that are kept, those of one function if name
// is not empty, in no particular order. One that cannot be read comes as an error with
// its ID set, and the others follow; an error without an ID ends the sequence.
func (f *Functions) Runs(ctx context.Context, to Target, name string) iter.Seq2[Run, error] {
	return func(yield func(Run, error) bool) {
		q, err := f.runsQuery(ctx, to, name)
		if err != nil {
			yield(Run{}, opError("list runs", err, to, name))
			return
		}
		for row, err := range f.rows(ctx, q) {
			if err != nil {
				yield(Run{}, opError("list runs", translate(err), to, name))
				return
			}
			run := Run{ID: row.ID}
			e, content, err := f.read(row)
			if err == nil {
				run = newRun(e, content)
			} else {
				err = opError("list runs", err, to, name)
			}
			if !yield(run, err) {
				return
			}
		}
	}
}

func (f *Functions) runsQuery(ctx context.Context, to Target, name string) (store.Query, error) {
	if err := f.durably(); err != nil {
		return store.Query{}, err
	}
	conn, err := f.client.Connections.Get(ctx, to.Integration, to.Connection)
	q := store.Query{Kind: kindRun, Parent: store.Key{Kind: kindConnection, ID: conn.RowID}, Limit: runsPage}
	if name != "" {
		q.Labels = []string{labelFunction + name}
	}
	return q, err
}

// rows yields every row that matches, page by page.
func (f *Functions) rows(ctx context.Context, q store.Query) iter.Seq2[store.Row, error] {
	return func(yield func(store.Row, error) bool) {
		for {
			page, err := f.store.List(ctx, q)
			if err != nil {
				yield(store.Row{}, err)
				return
			}
			for _, row := range page.Rows {
				if !yield(row, nil) {
					return
				}
			}
			if q.After = page.Next; q.After == "" {
				return
			}
		}
	}
}

// wake tells whoever works that a row is due at its time. Without that it is found a
// little later.
func (f *Functions) wake(ctx context.Context, e entry) {
	if f.queue != nil {
		err := f.queue.Add(context.WithoutCancel(ctx), newWake(e))
		if err != nil {
			f.log.LogAttrs(ctx, slog.LevelWarn, "a wake-up could not be queued", e.attrs(errorAttr(err))...)
		}
		return
	}
	select {
	case f.nudge <- struct{}{}:
	default:
	}
}

func opError(op string, err error, to Target, name string) error {
	return fmt.Errorf("functions: %s %q of %q/%q: %w", op, name, to.Integration, to.Connection, err)
}
