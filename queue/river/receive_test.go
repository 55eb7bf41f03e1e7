package river

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/riverqueue/river/rivertype"

	"github.com/tieline/tieline/queue"
	"github.com/tieline/tieline/store/postgres/postgrestest"
)

// A wake-up that waits is one job however often it is added, and waits in the database.
func TestAddOnce(t *testing.T) {
	t.Parallel()
	pool := newPool(t, "")
	q := open(t, pool, Options{Schema: newSchema(t, pool)})
	at := time.Now()
	for range 5 {
		for _, w := range []queue.Wake{
			{Kind: "k", ID: "1", At: at}, {Kind: "k", ID: "1", At: at.Add(time.Hour)}, {Kind: "k", ID: "2", At: at}, {Kind: "l", ID: "1", At: at},
		} {
			if err := q.Add(t.Context(), w); err != nil {
				t.Fatal(err)
			}
		}
	}
	if n := number(t, q, "SELECT count(*) FROM @"); n != 4 {
		t.Errorf("%d jobs for four wake-ups", n)
	}
	if n := number(t, q, "SELECT count(*) FROM @ WHERE state = 'scheduled'"); n != 1 {
		t.Errorf("%d jobs are not looked at before their time", n)
	}
}

// What takes longer than a job may is not cut off, and others can tell that it goes
// on.
func TestLongCalls(t *testing.T) {
	t.Parallel()
	pool := newPool(t, "")
	q := open(t, pool, Options{Schema: newSchema(t, pool)})
	q.times.rescue, q.times.beat = 300*time.Millisecond, 50*time.Millisecond
	if err := q.Add(t.Context(), queue.Wake{Kind: "k", ID: "1"}); err != nil {
		t.Fatal(err)
	}
	var ctxErr error
	done := make(chan struct{})
	receiving(t, q, []string{"k"}, func(ctx context.Context, _ queue.Wake) error {
		defer close(done)
		time.Sleep(4 * q.times.rescue)
		ctxErr = ctx.Err()
		if age := number(t, q, "SELECT max(extract(epoch FROM now() - attempted_at) * 1000)::int FROM @"); age >= 300 {
			t.Errorf("the last sign of life was %d ms ago", age)
		}
		return nil
	})
	<-done
	if ctxErr != nil {
		t.Errorf("it was cut off: %v", ctxErr)
	}
	eventually(t, "the job is done", func() bool { return number(t, q, "SELECT count(*) FROM @ WHERE state = 'completed'") == 1 })
}

// holdOne receives one wake-up and does not come to an end with it.
func holdOne(schema string) error {
	pool, err := pgxpool.New(context.Background(), os.Getenv(postgrestest.EnvURL))
	if err != nil {
		return err
	}
	q, err := New(pool, Options{Schema: schema})
	if err != nil {
		return err
	}
	return q.Receive(context.Background(), []string{"k"}, func(context.Context, queue.Wake) error {
		os.Stdout.WriteString("got it\n")
		select {}
	})
}

// What a process had in its hands when it was killed is another one's before long.
func TestKilled(t *testing.T) {
	t.Parallel()
	pool := newPool(t, "")
	q := open(t, pool, Options{Schema: newSchema(t, pool)})
	q.times.rescue, q.times.beat = time.Second, 100*time.Millisecond
	if err := q.Add(t.Context(), queue.Wake{Kind: "k", ID: "1"}); err != nil {
		t.Fatal(err)
	}
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), exe)
	cmd.Env = append(os.Environ(), roleVar+"="+q.o.Schema, postgrestest.EnvURL+"="+postgrestest.URL(t))
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	if _, err := stdout.Read(make([]byte, 8)); err != nil {
		t.Fatal(err)
	}
	if err := cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = cmd.Wait() // it was killed
	began, came := time.Now(), make(chan struct{})
	receiving(t, q, []string{"k"}, func(context.Context, queue.Wake) error {
		close(came)
		return nil
	})
	select {
	case <-came:
		t.Logf("it came again after %v", time.Since(began))
	case <-time.After(time.Minute):
		t.Error("it did not come again")
	}
}

// Neither what do says nor what it panics with is kept or logged, and what goes well
// is not logged at all.
func TestNothingIsShown(t *testing.T) {
	t.Parallel()
	pool := newPool(t, "")
	log, said := newLog()
	q := open(t, pool, Options{Schema: newSchema(t, pool), Logger: log})
	calls := make(chan struct{}, 10)
	stop := receiving(t, q, []string{"k"}, func(_ context.Context, w queue.Wake) error {
		calls <- struct{}{}
		switch w.ID {
		case "fails":
			return errors.New("canary")
		case "panics":
			panic("canary")
		}
		return nil
	})
	for _, id := range []string{"fine", "fails"} {
		if err := q.Add(t.Context(), queue.Wake{Kind: "k", ID: id}); err != nil {
			t.Fatal(err)
		}
	}
	eventually(t, "three calls", func() bool { return len(calls) >= 3 })
	if said.String() != "" {
		t.Errorf("logged: %s", said)
	}
	if err := q.Add(t.Context(), queue.Wake{Kind: "k", ID: "panics"}); err != nil {
		t.Fatal(err)
	}
	eventually(t, "it is logged", func() bool { return strings.Contains(said.String(), "a receiver of wake-ups panicked") })
	stop()
	if n := number(t, q, "SELECT count(*) FROM @ WHERE cardinality(errors) > 0"); n == 0 {
		t.Error("no job has an error")
	}
	if n := number(t, q, "SELECT count(*) FROM @ AS job WHERE job::text LIKE '%canary%'"); n > 0 || strings.Contains(said.String(), "canary") {
		t.Errorf("%d jobs have what do said; the log: %s", n, said)
	}
}

// What is done does not stay.
func TestCleared(t *testing.T) {
	t.Parallel()
	pool := newPool(t, "")
	q := open(t, pool, Options{Schema: newSchema(t, pool)})
	q.times.keep = time.Millisecond
	first := receiving(t, q, []string{"k"}, func(context.Context, queue.Wake) error { return nil })
	if err := q.Add(t.Context(), queue.Wake{Kind: "k", ID: "1"}); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the job is done", func() bool { return number(t, q, "SELECT count(*) FROM @ WHERE state = 'completed'") == 1 })
	first()
	receiving(t, q, []string{"k"}, func(context.Context, queue.Wake) error { return nil })
	eventually(t, "the job is gone", func() bool { return number(t, q, "SELECT count(*) FROM @") == 0 })
}

// Attempts are at most a minute apart.
func TestRetryPolicy(t *testing.T) {
	t.Parallel()
	policy := soon{max: time.Minute}
	for attempt, want := range []time.Duration{time.Second, 16 * time.Second, time.Minute, time.Minute} {
		job := &rivertype.JobRow{Attempt: attempt + 1, Errors: make([]rivertype.AttemptError, attempt)}
		got := time.Until(policy.NextRetry(job))
		if got > want*12/10 || got < want*8/10 || got > time.Minute {
			t.Errorf("after attempt %d: %v, want about %v", attempt+1, got, want)
		}
	}
	if got := time.Until(policy.NextRetry(&rivertype.JobRow{Attempt: maxAttempts, Errors: make([]rivertype.AttemptError, maxAttempts)})); got > time.Minute {
		t.Errorf("at last: %v", got)
	}
}
