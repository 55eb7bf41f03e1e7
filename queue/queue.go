// Package queue is the small interface behind which wake-ups travel between the
// processes of an application, for those that want them sooner, or with fewer looks
// at the database, than a sweep of the Store finds what is due.
//
// The Store's row is the truth: what there is to do, whose it is, and when it is due.
// A wake-up only says "look at it". So one that is late, doubled, or about a row that
// is gone does no harm, and one that is lost is made up for by the sweep.
package queue

import (
	"context"
	"time"
)

// Wake names a row that wants attention at a time.
type Wake struct {
	Kind string    // of the row, as in [github.com/tieline/tieline/store.Key]
	ID   string    // of the row
	At   time.Time // not before
}

// Queue carries wake-ups. Its methods may be called from many goroutines and
// processes at once. Package queuetest checks an implementation.
type Queue interface {
	// Add asks for a wake-up at w.At or soon after; a time in the past is now. Adding
	// one that waits already need not make a second one, but one that is being
	// received does not count as waiting. Once Add has returned nil, the wake-up
	// outlives the process, and comes at least once.
	Add(ctx context.Context, w Wake) error

	// Receive hands wake-ups of these kinds to do, several at once, until ctx is done.
	// It then waits for the calls of do that are under way, whose context ends with
	// ctx, and returns ctx's error. Wake-ups of other kinds are left to who receives
	// those: one Queue serves several receivers, in one process or in many, and each
	// wake-up goes to one of those that receive its kind.
	//
	// do may take as long as a function runs. An error of do, or the end of the
	// process during it, means: again, later.
	Receive(ctx context.Context, kinds []string, do func(context.Context, Wake) error) error
}
