package postgres

import (
	"context"
	"fmt"

	"github.com/tieline/tieline/store"
)

// state is what the database holds in regard to a row that is to be written.
type state struct {
	version    int64 // of the stored row; 0: there is none
	writeID    int64 // of the write that made it
	sameParent bool  // the stored row has this Parent
	taken      bool  // its Unique, by another row
	hasParent  bool  // the Parent is there
	ended      bool  // the write took effect, and no row can show it any more
}

// refusePut returns why the row cannot be put, in the order of the table at
// [store.Store], or nil.
func (st state) refusePut(row store.Row) error {
	fresh := row.Version == 0
	switch {
	case !fresh && st.version == 0:
		return store.ErrNotFound
	case fresh && st.version > 0:
		return store.ErrExists
	case st.taken:
		return store.ErrExists
	case fresh && row.Parent != (store.Key{}) && (!st.hasParent || row.Parent == row.Key):
		return store.ErrNotFound
	case !fresh && st.version != row.Version:
		return store.ErrConflict
	case !fresh && !st.sameParent:
		return fmt.Errorf("%w: Parent of a stored row cannot change", store.ErrInvalid)
	}
	return nil
}

func (st state) refuseDelete(version int64) error {
	switch {
	case st.version == 0:
		return store.ErrNotFound
	case st.version != version:
		return store.ErrConflict
	}
	return nil
}

// followUp is what is known of a write that did not simply succeed.
type followUp struct {
	w   *write
	ctx context.Context // the caller's
	r   retries

	// look: the state of the database comes next, not another attempt.
	look bool
	// doubt is the error of an attempt that may have come through.
	doubt error
}

// failed takes note of an error, and reports whether to go on.
func (f *followUp) failed(own context.Context, l limits, err error) bool {
	c := classify(err)
	if c == lost && !f.look {
		f.doubt = err
	}
	switch {
	case f.doubt != nil:
		f.look = true
		if c == unsent {
			c = lost // the patience for what is in doubt
		}
	case c == lost:
		c = unsent // reading changes nothing
	}
	if f.doubt == nil && f.ctx.Err() != nil {
		return false
	}
	return f.r.pause(own, l, c)
}

// giveUp is the answer to the caller when the last error stays.
func (f *followUp) giveUp(err error) error {
	what := f.w.what()
	switch {
	case f.doubt != nil && f.ctx.Err() != nil:
		return fmt.Errorf("postgres: %s: %w: %w: %w", what, ErrUncertain, f.ctx.Err(), f.doubt)
	case f.doubt != nil:
		return explain(what, fmt.Errorf("%w: %w", ErrUncertain, err))
	case f.ctx.Err() != nil && classify(err) != final:
		return ended(what, f.ctx)
	}
	return explain(what, err)
}

// judge decides by the state what became of the write, and whether to send it
// again.
func (f *followUp) judge(st state) (again bool, err error) {
	w, v := f.w, f.w.row.Version
	switch {
	case st.ended || st.version > 0 && st.writeID == w.id:
		return false, nil
	case f.doubt == nil || w.deletes:
		// A delete that came through is noted, so this one did not.
		err = w.refuse(st)
	case st.version > v+1 || v > 0 && st.version == 0:
		// The version that this write would have made was replaced since, or
		// the row deleted, by others. Whose it was cannot be told.
		return false, fmt.Errorf("postgres: %s: %w: %w", w.what(), ErrUncertain, f.doubt)
	default:
		err = w.refuse(st)
	}
	switch {
	case err != nil:
		return false, err
	case f.ctx.Err() != nil && f.doubt != nil:
		return false, f.giveUp(f.doubt)
	case f.ctx.Err() != nil:
		return false, ended(w.what(), f.ctx)
	}
	return true, nil
}
