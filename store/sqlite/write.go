package sqlite

import (
	"context"
	"database/sql"
	"fmt"

	"github.com/tieline/tieline/store"
)

// Every write is one statement that does nothing unless all its conditions hold.
// When it has done nothing, stateSQL tells why, in one statement as well. Another
// process may write between the two: then nothing may be in the way any more,
// and the write is tried again.
const (
	insertSQL = `INSERT INTO record (kind, id, version, parent_kind, parent_id, unique_name, labels, due, data)
		VALUES (?, ?, 1, ?, ?, ?, ?, ?, ?)`

	// updateSQL is for the common write, which leaves Unique and Labels as they
	// are. SQLite writes the index of every column that is set, changed or not,
	// and each is a page more to make durable.
	updateSQL = `UPDATE record SET version = version + 1, due = ?, data = ?
		WHERE kind = ? AND id = ? AND version = ? AND parent_kind IS ? AND parent_id IS ?
		AND unique_name IS ? AND labels IS ?`

	// relabelSQL and replaceSQL are for the others, once it is known which.
	relabelSQL = `UPDATE record SET version = version + 1, due = ?, data = ?, labels = ?
		WHERE kind = ? AND id = ? AND version = ? AND parent_kind IS ? AND parent_id IS ?
		AND unique_name IS ?`
	replaceSQL = `UPDATE record SET version = version + 1, due = ?, data = ?, labels = ?, unique_name = ?
		WHERE kind = ? AND id = ? AND version = ? AND parent_kind IS ? AND parent_id IS ?`

	deleteSQL = `WITH RECURSIVE doomed (number, kind, id) AS (
			SELECT number, kind, id FROM record WHERE kind = ? AND id = ? AND version = ?
			UNION ALL
			SELECT r.number, r.kind, r.id FROM doomed AS d CROSS JOIN record AS r INDEXED BY record_parent
				ON r.parent_kind = d.kind AND r.parent_id = d.id
		)
		DELETE FROM record WHERE number IN (SELECT number FROM doomed)`

	stateSQL = `SELECT
		(SELECT version FROM record WHERE kind = ?1 AND id = ?2),
		EXISTS (SELECT 1 FROM record WHERE kind = ?1 AND unique_name = ?3 AND id <> ?2),
		EXISTS (SELECT 1 FROM record WHERE kind = ?4 AND id = ?5),
		EXISTS (SELECT 1 FROM record WHERE kind = ?1 AND id = ?2 AND parent_kind IS ?4 AND parent_id IS ?5),
		EXISTS (SELECT 1 FROM record WHERE kind = ?1 AND id = ?2 AND unique_name IS ?3)`
)

// maxAttempts bounds how often a write is tried again because other processes
// were in between. It takes a stored state that contradicts itself to get there.
const maxAttempts = 1000

// maxData is the most bytes of Data. SQLite takes just under 1 GB a row, and the
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
	labels := encodeLabels(row.Labels)
	err := s.write(ctx, func() error { return s.put(ctx, row, labels) })
	if err != nil {
		return store.Row{}, err
	}
	row.Version++
	return row, nil
}

func (s *Store) put(ctx context.Context, row store.Row, labels any) error {
	refuse := func(st state) error { return st.refusePut(row) }
	if row.Version == 0 {
		insert := func(state) (bool, error) { return s.insert(ctx, row, labels) }
		return s.settle(ctx, row, insert, insert, refuse)
	}
	return s.settle(ctx, row,
		func(state) (bool, error) { return s.update(ctx, row, labels) },
		func(st state) (bool, error) { return s.replace(ctx, row, labels, st) },
		refuse)
}

func (s *Store) insert(ctx context.Context, row store.Row, labels any) (bool, error) {
	parentKind, parentID := parent(row)
	return s.exec(ctx, s.statements.insert, string(row.Kind), row.ID, parentKind, parentID,
		orNull(row.Unique), labels, due(row), row.Data)
}

func (s *Store) update(ctx context.Context, row store.Row, labels any) (bool, error) {
	parentKind, parentID := parent(row)
	return s.exec(ctx, s.statements.update, due(row), row.Data, string(row.Kind), row.ID, row.Version,
		parentKind, parentID, orNull(row.Unique), labels)
}

func (s *Store) replace(ctx context.Context, row store.Row, labels any, st state) (bool, error) {
	parentKind, parentID := parent(row)
	if st.sameUnique {
		return s.exec(ctx, s.statements.relabel, due(row), row.Data, labels, string(row.Kind), row.ID, row.Version,
			parentKind, parentID, orNull(row.Unique))
	}
	return s.exec(ctx, s.statements.replace, due(row), row.Data, labels, orNull(row.Unique),
		string(row.Kind), row.ID, row.Version, parentKind, parentID)
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
	drop := func(state) (bool, error) {
		return s.exec(ctx, s.statements.drop, string(key.Kind), key.ID, version)
	}
	return s.write(ctx, func() error {
		return s.settle(ctx, row, drop, drop, func(st state) error { return st.refuseDelete(version) })
	})
}

// settle makes a first attempt to write, and others for as long as nothing in
// the state of the database speaks against the write.
func (s *Store) settle(ctx context.Context, row store.Row, first, again func(state) (bool, error), refuse func(state) error) error {
	done, err := first(state{})
	for range maxAttempts {
		if done || (err != nil && !isRefused(err)) {
			return err
		}
		st, failed := s.state(ctx, row)
		if failed != nil {
			return failed
		}
		if err := refuse(st); err != nil {
			return err
		}
		if err := ctx.Err(); err != nil {
			return err
		}
		done, err = again(st)
	}
	return fmt.Errorf("sqlite: %s: %w: a write is refused without a reason", s.path, ErrCorrupt)
}

// exec runs a statement to its end whatever the context, and reports whether it
// changed a record.
func (s *Store) exec(ctx context.Context, stmt *sql.Stmt, args ...any) (bool, error) {
	result, err := stmt.ExecContext(context.WithoutCancel(ctx), args...)
	if err != nil {
		return false, err
	}
	n, err := result.RowsAffected()
	return n > 0, err
}

// state is what the database holds in regard to a row that is to be written.
type state struct {
	version    sql.NullInt64 // of the stored row
	taken      bool          // its Unique, by another row
	hasParent  bool          // the Parent is there
	sameParent bool          // the stored row has this Parent
	sameUnique bool          // and this Unique
}

func (s *Store) state(ctx context.Context, row store.Row) (state, error) {
	var st state
	parentKind, parentID := parent(row)
	err := s.statements.state.QueryRowContext(context.WithoutCancel(ctx), string(row.Kind), row.ID, orNull(row.Unique), parentKind, parentID).
		Scan(&st.version, &st.taken, &st.hasParent, &st.sameParent, &st.sameUnique)
	return st, err
}

// refusePut returns why the row cannot be put, in the order of the table at
// [store.Store], or nil.
func (st state) refusePut(row store.Row) error {
	fresh := row.Version == 0
	switch {
	case !fresh && !st.version.Valid:
		return store.ErrNotFound
	case fresh && st.version.Valid:
		return store.ErrExists
	case st.taken:
		return store.ErrExists
	case fresh && row.Parent != (store.Key{}) && !st.hasParent:
		return store.ErrNotFound
	case !fresh && st.version.Int64 != row.Version:
		return store.ErrConflict
	case !fresh && !st.sameParent:
		return fmt.Errorf("%w: Parent of a stored row cannot change", store.ErrInvalid)
	}
	return nil
}

func (st state) refuseDelete(version int64) error {
	switch {
	case !st.version.Valid:
		return store.ErrNotFound
	case st.version.Int64 != version:
		return store.ErrConflict
	}
	return nil
}

func parent(row store.Row) (kind, id any) {
	return orNull(string(row.Parent.Kind)), orNull(row.Parent.ID)
}

func due(row store.Row) any {
	if row.Due.IsZero() {
		return nil
	}
	return row.Due.UnixMicro()
}

func orNull(s string) any {
	if s == "" {
		return nil
	}
	return s
}
