package river

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"runtime/debug"
	"slices"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"
	riverqueue "github.com/riverqueue/river"
	"github.com/riverqueue/river/riverdriver/riverpgxv5"
	"github.com/riverqueue/river/rivertype"

	"github.com/tieline/tieline/queue"
)

// times are how long things take.
type times struct {
	poll   time.Duration // between looks for jobs that nobody was told of
	beat   time.Duration // between signs of life of jobs under way
	rescue time.Duration // from the last of these until a job is taken for lost
	keep   time.Duration // of jobs that are done
	retry  time.Duration // at most, between attempts
}

func defaultTimes() times {
	return times{poll: 500 * time.Millisecond, beat: 15 * time.Second, rescue: time.Minute, keep: time.Minute, retry: time.Minute}
}

// forever is a time that never comes.
const forever = time.Duration(1) << 62

// Receive hands over wake-ups, as [queue.Queue] says. A database that goes away
// meanwhile is waited for.
func (q *Queue) Receive(ctx context.Context, kinds []string, do func(context.Context, queue.Wake) error) error {
	if ctx.Err() != nil {
		return ctx.Err()
	}
	r := &receiver{q: q, held: map[int64]bool{}}
	client, err := q.client(kinds, func(_ context.Context, job *riverqueue.Job[wakeArgs]) error {
		return r.work(ctx, job, do) // the job's own context ends when River thinks it should
	})
	if err != nil {
		return fmt.Errorf("river: receive: %w", err)
	}
	if err := client.Start(ctx); err != nil {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		return fmt.Errorf("river: receive: %w", err)
	}
	var beats sync.WaitGroup
	bctx, stop := context.WithCancel(context.WithoutCancel(ctx))
	beats.Go(func() { r.beatAgain(bctx) })
	<-client.Stopped() // when ctx is done, and so are the jobs
	stop()
	beats.Wait()
	return ctx.Err()
}

// client is one that works. River cancels what takes longer than a job may, and takes
// it for lost; here neither is so, see [receiver.beatAgain].
func (q *Queue) client(kinds []string, work func(context.Context, *riverqueue.Job[wakeArgs]) error) (*riverqueue.Client[pgx.Tx], error) {
	workers := riverqueue.NewWorkers()
	riverqueue.AddWorker(workers, riverqueue.WorkFunc(work))
	queues := map[string]riverqueue.QueueConfig{}
	for _, k := range kinds {
		queues[queueName(k)] = riverqueue.QueueConfig{MaxWorkers: q.o.Workers}
	}
	return riverqueue.NewClient(riverpgxv5.New(q.pool), &riverqueue.Config{
		Schema: q.o.Schema, Logger: q.o.Logger, PollOnly: q.o.PollOnly,
		Queues: queues, Workers: workers, FetchPollInterval: q.times.poll,
		JobTimeout: q.times.rescue, RescueStuckJobsAfter: q.times.rescue, JobStuckThreshold: forever,
		RetryPolicy:                 soon{max: q.times.retry},
		CompletedJobRetentionPeriod: q.times.keep, CancelledJobRetentionPeriod: q.times.keep, DiscardedJobRetentionPeriod: q.times.keep,
	})
}

// soon is River's policy, and no longer than max.
type soon struct {
	riverqueue.DefaultClientRetryPolicy
	max time.Duration
}

// NextRetry is the earlier one of River's and the latest allowed.
func (s soon) NextRetry(job *rivertype.JobRow) time.Time {
	next, latest := s.DefaultClientRetryPolicy.NextRetry(job), time.Now().Add(s.max)
	if next.After(latest) {
		return latest
	}
	return next
}

// receiver is one call of Receive.
type receiver struct {
	q *Queue

	mu   sync.Mutex
	held map[int64]bool // jobs under way
}

// errAgain is all that is kept of why a wake-up has to come again. What do says may
// not be for this table.
var errAgain = errors.New("it has to come again")

// work does what a job asks for.
func (r *receiver) work(ctx context.Context, job *riverqueue.Job[wakeArgs], do func(context.Context, queue.Wake) error) error {
	if early := time.Until(job.Args.At); early > 0 && job.ScheduledAt.Before(job.Args.At) {
		return riverqueue.JobSnooze(early)
	}
	r.hold(job.ID, true)
	defer r.hold(job.ID, false)
	ok := r.call(ctx, queue.Wake{Kind: job.Args.Row, ID: job.Args.ID, At: job.Args.At}, do)
	switch {
	case ok:
		return nil
	case ctx.Err() != nil:
		return riverqueue.JobSnooze(0) // it is for another process, at once
	}
	return errAgain
}

// call calls do, and says whether that went well. A panic is told of without its
// value.
func (r *receiver) call(ctx context.Context, w queue.Wake, do func(context.Context, queue.Wake) error) (ok bool) {
	defer func() {
		if p := recover(); p != nil {
			r.q.o.Logger.LogAttrs(ctx, slog.LevelError, "a receiver of wake-ups panicked", slog.String("stack", string(debug.Stack())))
		}
	}()
	return do(ctx, w) == nil
}

func (r *receiver) hold(job int64, on bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if on {
		r.held[job] = true
	} else {
		delete(r.held, job)
	}
}

func (r *receiver) holding() []int64 {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Collect(maps.Keys(r.held))
}

// beatAgain says again and again, until ctx is done, that jobs are under way. River
// takes a job for lost when it has begun too long ago. So jobs can take as long as they
// like, and one whose process was killed is soon another one's.
func (r *receiver) beatAgain(ctx context.Context) {
	ticker := time.NewTicker(r.q.times.beat)
	defer ticker.Stop()
	for {
		select {
		case <-ticker.C:
			if err := r.beat(ctx); err != nil && ctx.Err() == nil {
				r.q.o.Logger.LogAttrs(ctx, slog.LevelWarn, "a sign of life could not be given", slog.String("error", err.Error()))
			}
		case <-ctx.Done():
			return
		}
	}
}

func (r *receiver) beat(ctx context.Context) error {
	jobs := r.holding()
	if len(jobs) == 0 {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, r.q.times.beat)
	defer cancel()
	table := pgx.Identifier{r.q.o.Schema, "river_job"}.Sanitize()
	_, err := r.q.pool.Exec(ctx, `UPDATE `+table+` SET attempted_at = now() WHERE id = ANY($1) AND state = 'running'`, jobs)
	return err
}
