package river

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	riverqueue "github.com/riverqueue/river"
	"github.com/riverqueue/river/riverdriver/riverpgxv5"
	"github.com/riverqueue/river/rivertype"

	"github.com/tieline/tieline/queue"
)

const (
	defaultSchema  = "tieline_queue"
	defaultWorkers = 16

	// schedulerEvery is how often River looks for jobs whose time comes. Sooner than
	// that it has to be told right away.
	schedulerEvery = 5 * time.Second
	// maxAttempts, at one a minute, are more than an hour and a half.
	maxAttempts = 100
)

// Options say how wake-ups are kept and received. The zero value will do.
type Options struct {
	// Schema has River's tables. Default: "tieline_queue". Letters, digits and
	// underscores.
	Schema string
	// Workers is how many wake-ups of a kind one call of Receive does at once. As it
	// takes new ones ten times a second, ten times as many come in a second.
	// Default: 16, as many as functions run at once by default.
	Workers int
	// PollOnly does without LISTEN, for databases behind a pooler that shares
	// sessions. Wake-ups come up to half a second later.
	PollOnly bool
	// Logger gets what River warns of. Default: nothing.
	Logger *slog.Logger
}

func (o Options) withDefaults() Options {
	o.Schema = cmp.Or(o.Schema, defaultSchema)
	o.Workers = cmp.Or(o.Workers, defaultWorkers)
	o.Logger = slog.New(warnings{cmp.Or(o.Logger, slog.New(slog.DiscardHandler)).Handler()})
	return o
}

// Queue is a [queue.Queue]. Make one with [New].
type Queue struct {
	pool   *pgxpool.Pool
	o      Options
	adding *riverqueue.Client[pgx.Tx]
	times  times
}

var _ queue.Queue = (*Queue)(nil)

// New makes a Queue of the database that the pool is connected to, where [Migrate] has
// been. It does not ask the database anything.
func New(pool *pgxpool.Pool, o Options) (*Queue, error) {
	if pool == nil {
		return nil, errors.New("river: the pool is nil")
	}
	q := &Queue{pool: pool, o: o.withDefaults(), times: defaultTimes()}
	if q.o.Workers < 0 || q.o.Workers > riverqueue.QueueNumWorkersMax {
		return nil, fmt.Errorf("river: Options.Workers is not between 1 and %d", riverqueue.QueueNumWorkersMax)
	}
	var err error
	q.adding, err = riverqueue.NewClient(riverpgxv5.New(pool), &riverqueue.Config{Schema: q.o.Schema, Logger: q.o.Logger})
	if err != nil {
		return nil, fmt.Errorf("river: %w", err)
	}
	return q, nil
}

// wakeArgs are what a job says.
type wakeArgs struct {
	Row string    `json:"kind"`
	ID  string    `json:"id"`
	At  time.Time `json:"at"`
}

// Kind is River's name for all jobs of this package.
func (wakeArgs) Kind() string { return "tieline_wake" }

// queueName is the name of River's queue for a kind of row.
func queueName(kind string) string { return "tieline_" + kind }

// Add asks for a wake-up, as [queue.Queue] says.
func (q *Queue) Add(ctx context.Context, w queue.Wake) error {
	args := wakeArgs{Row: w.Kind, ID: w.ID, At: w.At.UTC().Truncate(time.Microsecond)}
	o := &riverqueue.InsertOpts{Queue: queueName(w.Kind), MaxAttempts: maxAttempts}
	if time.Until(args.At) > schedulerEvery {
		o.ScheduledAt = args.At
	} // else Receive waits for its time, more precisely than River's scheduler
	o.UniqueOpts = riverqueue.UniqueOpts{ByArgs: true, ByState: []rivertype.JobState{
		rivertype.JobStateAvailable, rivertype.JobStatePending, rivertype.JobStateRunning, rivertype.JobStateScheduled,
		rivertype.JobStateRetryable,
	}}
	res, err := q.adding.Insert(ctx, args, o)
	if err == nil && res.UniqueSkippedAsDuplicate && !waits(res.Job.State) {
		o.UniqueOpts = riverqueue.UniqueOpts{}
		_, err = q.adding.Insert(ctx, args, o)
	}
	if err != nil {
		return fmt.Errorf("river: add wake-up of %s %q: %w", w.Kind, w.ID, err)
	}
	return nil
}

// waits says whether a job in this state, which River does not let us leave out of
// what is unique, is still to come, and on time.
func waits(s rivertype.JobState) bool {
	return s == rivertype.JobStateAvailable || s == rivertype.JobStateScheduled
}
