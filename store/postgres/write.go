package postgres

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"

	"github.com/tieline/tieline/store"
)

// Every write is one statement that does nothing unless all its conditions hold.
// When it has done nothing, stateSQL tells why, in one statement as well. Another
// session may write between the two: then nothing may be in the way any more,
// and the write is tried again.
const (
	insertSQL = `INSERT INTO {record} (kind, id, version, parent_kind, parent_id, unique_name, labels, due, write_id, data)
		VALUES ($1, $2, 1, $3, $4, $5, $6, $7, $8, $9) ON CONFLICT DO NOTHING`

	updateSQL = `UPDATE {record} SET version = version + 1, unique_name = $5, labels = $6, due = $7, write_id = $8, data = $9
		WHERE kind = $1 AND id = $2 AND version = $10
		AND parent_kind IS NOT DISTINCT FROM $3 AND parent_id IS NOT DISTINCT FROM $4`

	// The foreign key takes what is below. A row that is put there meanwhile waits
	// for the lock and then finds no parent, or was there first and goes too.
	deleteSQL = `DELETE FROM {record} WHERE kind = $1 AND id = $2 AND version = $3`

	// durableSQL ends each of them. Whatever the session, its role or a pooler has
	// set, the commit waits for the disk. The setting is of the transaction alone,
	// and made so it needs no statement of its own.
	durableSQL = ` RETURNING CASE WHEN current_setting('synchronous_commit') IN ('on', 'remote_apply')
		THEN '' ELSE set_config('synchronous_commit', 'on', true) END`

	stateSQL = `SELECT r.version, r.write_id,
		EXISTS (SELECT 1 FROM {record} AS o WHERE o.kind = $1 AND o.unique_name = $3 AND o.id <> $2),
		EXISTS (SELECT 1 FROM {record} AS p WHERE p.kind = $4 AND p.id = $5),
		r.parent_kind IS NOT DISTINCT FROM $4 AND r.parent_id IS NOT DISTINCT FROM $5
		FROM (SELECT 1) AS always LEFT JOIN {record} AS r ON r.kind = $1 AND r.id = $2`
)

// maxAttempts bounds how often a write is tried again because other sessions were
// in between. It takes a stored state that contradicts itself to get there.
const maxAttempts = 1000

// maxData is the most bytes of Data. PostgreSQL takes just under 1 GB, and the
// driver copies them several times over.
const maxData = 256 << 20

// Put implements [store.Store]. Data may have up to 256 MiB; more is
// [store.ErrInvalid].
func (s *Store) Put(ctx context.Context, row store.Row) (store.Row, error) {
	if err := s.check(ctx); err != nil {
		return store.Row{}, err
	}
	if err := row.Validate(); err != nil {
		return store.Row{}, err
	}
	if len(row.Data) > maxData {
		return store.Row{}, fmt.Errorf("%w: Data is longer than %d bytes", store.ErrInvalid, maxData)
	}
	row = row.Normalize()
	w := write{
		call: "put", row: row, mark: rand.Int64(),
		refuse: func(st state) error { return st.refusePut(row) },
	}
	w.args = []any{string(row.Kind), row.ID, orNull(string(row.Parent.Kind)), orNull(row.Parent.ID), orNull(row.Unique), row.Labels, due(row), w.mark, row.Data}
	w.sql = s.sql.insert
	if row.Version > 0 {
		w.sql, w.args = s.sql.update, append(w.args, row.Version)
	}
	if err := s.settle(ctx, &w); err != nil {
		return store.Row{}, err
	}
	row.Version++
	return row, nil
}

// Delete implements [store.Store].
func (s *Store) Delete(ctx context.Context, key store.Key, version int64) error {
	if err := s.check(ctx); err != nil {
		return err
	}
	row := store.Row{Key: key, Version: version}
	if err := row.Validate(); err != nil {
		return err
	}
	return s.settle(ctx, &write{
		call: "delete", row: row,
		sql: s.sql.drop, args: []any{string(key.Kind), key.ID, version},
		refuse: func(st state) error { return st.refuseDelete(version) },
	})
}

// write is one that is to be made.
type write struct {
	call string
	row  store.Row
	sql  string
	args []any
	mark int64 // stored with the row; 0 for a Delete

	// refuse says what in the state of the database speaks against the write.
	refuse func(state) error
}

// settle makes a write, and makes it again as long as that can lead to an answer.
// lost is the first time that a connection broke: from then on the write may have
// happened without anybody knowing.
func (s *Store) settle(ctx context.Context, w *write) (err error) {
	var lost error
	tries := 0
	for range maxAttempts {
		done, err := s.send(ctx, w)
		switch {
		case done:
			return nil
		case err == nil, isRefused(err):
			if over, err := s.judge(ctx, w, lost); over {
				return err
			}
		case ctx.Err() != nil:
			return ctx.Err()
		case tries == maxTries || !isTransient(err) && !isStale(err) && !isLost(err):
			return s.explain(w.call, errors.Join(err, lost))
		default:
			if lost == nil && isLost(err) {
				lost = err
			}
			if !pause(ctx, tries) {
				return ctx.Err()
			}
			tries++
		}
		if err := ctx.Err(); err != nil {
			return err
		}
	}
	return fmt.Errorf("postgres: %s: a write is refused without a reason", w.call)
}

// send makes the write once and reports whether it has changed a record. Waiting
// for a connection ends with the context; the statement has a while longer.
func (s *Store) send(ctx context.Context, w *write) (done bool, err error) {
	conn, err := s.pool.Acquire(ctx)
	if err != nil {
		return false, err
	}
	defer conn.Release()
	long, cancel := lingering(ctx)
	defer cancel()
	tag, err := conn.Exec(long, w.sql, w.args...)
	if err != nil {
		return false, err
	}
	return tag.RowsAffected() > 0, nil
}

// judge finds out why a write has changed nothing. over is false when nothing
// stands in its way any more.
func (s *Store) judge(ctx context.Context, w *write, lost error) (over bool, err error) {
	st, err := s.state(ctx, w.row)
	switch {
	case err != nil:
		return true, err
	case lost != nil && w.mark != 0 && st.isVersion(w.row.Version+1) && *st.mark == w.mark:
		return true, nil // it had happened
	}
	refused := w.refuse(st)
	if refused == nil {
		return false, nil
	}
	if lost != nil && (st.version == nil || *st.version > w.row.Version+1) {
		// Whether it had happened before that, nobody can tell any more.
		return true, s.explain(w.call, lost)
	}
	return true, refused
}

// state is what the database holds in regard to a row that is to be written.
type state struct {
	version    *int64 // of the stored row, nil if there is none
	mark       *int64 // of the write that made it
	taken      bool   // its Unique, by another row
	hasParent  bool   // the Parent is there
	sameParent bool   // the stored row has this Parent
}

func (st state) isVersion(v int64) bool { return st.version != nil && *st.version == v }

func (s *Store) state(ctx context.Context, row store.Row) (st state, err error) {
	long, cancel := lingering(ctx)
	defer cancel()
	err = s.read(long, func() error {
		st = state{}
		return s.pool.QueryRow(long, s.sql.state, string(row.Kind), row.ID, orNull(row.Unique),
			orNull(string(row.Parent.Kind)), orNull(row.Parent.ID)).
			Scan(&st.version, &st.mark, &st.taken, &st.hasParent, &st.sameParent)
	})
	if err != nil {
		return st, s.readError(ctx, "look at a row", err)
	}
	return st, nil
}

// refusePut returns why the row cannot be put, in the order of the table at
// [store.Store], or nil.
func (st state) refusePut(row store.Row) error {
	fresh := row.Version == 0
	switch {
	case !fresh && st.version == nil:
		return store.ErrNotFound
	case fresh && st.version != nil:
		return store.ErrExists
	case st.taken:
		return store.ErrExists
	case fresh && row.Parent != (store.Key{}) && !st.hasParent:
		return store.ErrNotFound
	case !fresh && *st.version != row.Version:
		return store.ErrConflict
	case !fresh && !st.sameParent:
		return fmt.Errorf("%w: Parent of a stored row cannot change", store.ErrInvalid)
	}
	return nil
}

func (st state) refuseDelete(version int64) error {
	switch {
	case st.version == nil:
		return store.ErrNotFound
	case *st.version != version:
		return store.ErrConflict
	}
	return nil
}

func due(row store.Row) *int64 {
	if row.Due.IsZero() {
		return nil
	}
	micros := row.Due.UnixMicro()
	return &micros
}

func orNull(s string) *string {
	if s == "" {
		return nil
	}
	return &s
}
