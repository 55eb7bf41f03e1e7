package kill

import (
	"context"
	"errors"
	"math/rand/v2"
	"sync"
	"time"

	"github.com/tieline/tieline"
)

// storm lets the processes work and does harm to them, until the time is over.
func (r *run) storm(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, r.Duration)
	defer cancel()
	var wg sync.WaitGroup
	errs := make(chan error, 16)
	begin := func(every time.Duration, n int, harm func(context.Context) error) {
		if every == 0 {
			return
		}
		for range n {
			wg.Go(func() {
				for again(ctx, every*time.Duration(n)) {
					if err := harm(ctx); err != nil {
						errs <- err
						return
					}
				}
			})
		}
	}
	// What takes its time is done in several places at once.
	begin(r.Faults.Kill, 2, r.killOne)
	begin(r.Faults.Restart, 1, r.restartOne)
	begin(r.Faults.Pause, 2, r.pauseOne)
	begin(r.Faults.Outage, 1, r.outage)
	wg.Go(func() {
		if err := r.reconnect(ctx); err != nil {
			errs <- err
		}
	})
	wg.Wait()
	close(errs)
	var all []error
	for err := range errs {
		all = append(all, err)
	}
	return errors.Join(all...)
}

// again waits for between nothing and twice d, and answers false when the time is
// over.
func again(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(rand.N(2 * d))
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}

// oneOf picks a place whose process works, and to which nobody else does
// anything. It is nil if there is none at the first look. The last places are
// spared more than the first: somebody has to live for long enough to take over.
func (r *run) oneOf() (*place, error) {
	n := len(r.places)
	at := r.places[min(rand.N(n), rand.N(n), rand.N(n))]
	if !at.mu.TryLock() {
		return nil, nil
	}
	if err := at.process.crashed(); err != nil || !isClosed(at.process.ready) {
		at.mu.Unlock()
		return nil, err
	}
	return at, nil
}

// killOne kills a process and puts another in its place.
func (r *run) killOne(context.Context) error {
	at, err := r.oneOf()
	if at == nil {
		return err
	}
	defer at.mu.Unlock()
	f := at.process.kill()
	r.mu.Lock()
	r.history.Kills = append(r.history.Kills, f)
	r.mu.Unlock()
	wait(50 * time.Millisecond)
	return r.enlist(at)
}

// restartOne lets a process end in order and puts another in its place.
func (r *run) restartOne(context.Context) error {
	at, err := r.oneOf()
	if at == nil {
		return err
	}
	defer at.mu.Unlock()
	r.retire(at)
	r.mu.Lock()
	r.history.Restarts++
	r.mu.Unlock()
	return r.enlist(at)
}

// pauseOne stops a process for a while.
func (r *run) pauseOne(context.Context) error {
	at, err := r.oneOf()
	if at == nil {
		return err
	}
	defer at.mu.Unlock()
	f := at.process.pause(r.Faults.PauseFor)
	r.mu.Lock()
	defer r.mu.Unlock()
	r.history.Pauses = append(r.history.Pauses, f)
	return nil
}

// outage takes the database away for a while.
func (r *run) outage(context.Context) error {
	f := Fault{Begin: now()}
	if err := r.Server.Down(); err != nil {
		return err
	}
	span := max(1, r.Faults.OutageMax-r.Faults.OutageMin)
	timer := time.NewTimer(r.Faults.OutageMin + rand.N(span))
	<-timer.C
	if err := r.Server.Up(); err != nil {
		return err
	}
	f.End = now()
	r.mu.Lock()
	defer r.mu.Unlock()
	r.history.Outages = append(r.history.Outages, f)
	return nil
}

// reconnect is the users: whoever has lost a grant comes back and authorizes
// again, once the application says that this is needed.
func (r *run) reconnect(ctx context.Context) error {
	ticker := time.NewTicker(50 * time.Millisecond)
	defer ticker.Stop()
	waiting := map[string]bool{}
	for {
		select {
		case conn := <-r.referee.died:
			waiting[conn] = true
		case <-ticker.C:
			for conn := range waiting {
				back, err := r.comeBack(ctx, conn)
				if err != nil {
					return err
				}
				if back {
					delete(waiting, conn)
				}
			}
		case <-ctx.Done():
			return nil
		}
	}
}

// comeBack answers false when nobody has noticed yet, or the database is away.
func (r *run) comeBack(ctx context.Context, conn string) (bool, error) {
	c, err := r.client.Connections.Get(ctx, integrationOf(conn), conn)
	if err != nil || c.Status != tieline.StatusNeedsReauth {
		return false, nil
	}
	d := Death{Provider: integrationOf(conn), Conn: conn, Grant: r.referee.live(conn).Grant, Code: codeOf(c)}
	r.mu.Lock()
	r.history.Deaths = append(r.history.Deaths, d)
	r.mu.Unlock()
	// The storm may end meanwhile; the user does not care.
	ctx = context.WithoutCancel(ctx)
	return true, retry(ctx, time.Minute, func() error { return r.connect(ctx, conn) })
}
