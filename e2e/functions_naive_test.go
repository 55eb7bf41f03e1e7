package e2e

import (
	"context"
	"encoding/json"
	"errors"
	"time"

	"github.com/tieline/tieline/store"
)

// naive is what many an application has before it has package functions: a ticker in
// each process, and a row for each connection that says how far it has come. Nobody
// claims anything. What it does is told and counted as what the functions do.
type naive struct {
	scheduling
	*process
}

// progress is such a row.
type progress struct {
	To         time.Time // the end of the last interval
	Completed  int
	Checkpoint int64
}

// work runs what is due at every tick.
func (n naive) work(ctx context.Context) {
	ticker := time.NewTicker(tickEvery)
	defer ticker.Stop()
	for {
		due := make(chan string)
		done := make(chan struct{})
		const workers = 16 // as many as functions have
		for range workers {
			go func() {
				for connection := range due {
					_ = n.run(ctx, connection) // at the next tick again
				}
				done <- struct{}{}
			}()
		}
		for i := range n.Connections {
			due <- n.connection(i)
		}
		close(due)
		for range workers {
			<-done
		}
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
	}
}

// run makes an attempt at the interval of a connection, if one is due.
func (n naive) run(ctx context.Context, connection string) error {
	_, at, err := readProgress(ctx, n.store, connection)
	to := time.Now().UTC().Truncate(tickEvery)
	if err != nil || !to.After(at.To) {
		return err
	}
	a := attempt{Process: n.Process, Connection: connection, From: at.To, To: to, Number: 1, Loaded: at.Checkpoint}
	err = a.carryOut(ctx, n.Client.Connections.HTTPClient(counters, connection), func(ctx context.Context, count int64) error {
		return n.edit(ctx, connection, func(p *progress) { p.Checkpoint = count })
	})
	if err != nil {
		return err
	}
	return n.edit(ctx, connection, func(p *progress) { p.To = to; p.Completed++ })
}

// edit changes a row, as an UPDATE does.
func (n naive) edit(ctx context.Context, connection string, change func(*progress)) error {
	for {
		row, p, err := readProgress(ctx, n.store, connection)
		if err != nil {
			return err
		}
		change(&p)
		if row.Data, err = json.Marshal(p); err != nil {
			return err
		}
		if _, err = n.store.Put(ctx, row); !errors.Is(err, store.ErrConflict) && !errors.Is(err, store.ErrExists) {
			return err
		}
	}
}

// readProgress reads a row, or makes one that has to be written.
func readProgress(ctx context.Context, s store.Store, connection string) (store.Row, progress, error) {
	key := store.Key{Kind: "naive", ID: connection}
	row, err := s.Get(ctx, key)
	if errors.Is(err, store.ErrNotFound) {
		return store.Row{Key: key}, progress{}, nil
	}
	var p progress
	if err == nil {
		err = json.Unmarshal(row.Data, &p)
	}
	return row, p, err
}
