package postgres

import (
	"context"
	"errors"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/tieline/tieline/store"
)

// columns are what a record consists of besides its key.
const columns = `r.version, r.parent_kind, r.parent_id, r.unique_name, r.labels, r.due, r.data`

const getSQL = `SELECT ` + columns + ` FROM {record} AS r WHERE r.kind = $1 AND r.id = $2`

// What the caller named need not be read.
const pathSQL = `SELECT r.id, r.version, r.parent_id, r.labels, r.due, r.data
	FROM {record} AS p JOIN {record} AS r ON r.kind = $1 AND r.unique_name = p.id || '/' || $2
	WHERE p.kind = $3 AND p.unique_name = $4 AND r.parent_kind = p.kind AND r.parent_id = p.id`

// record is one result row.
type record struct {
	version                      int64
	parentKind, parentID, unique *string
	labels                       []string
	due                          *int64
	data                         []byte
}

func (r *record) dest() []any {
	return []any{&r.version, &r.parentKind, &r.parentID, &r.unique, &r.labels, &r.due, &r.data}
}

// row builds the Row from what was scanned.
func (r *record) row(key store.Key) store.Row {
	row := store.Row{Key: key, Version: r.version, Data: r.data}
	if r.unique != nil {
		row.Unique = *r.unique
	}
	if r.parentKind != nil && r.parentID != nil {
		row.Parent = store.Key{Kind: store.Kind(*r.parentKind), ID: *r.parentID}
	}
	if r.due != nil {
		row.Due = time.UnixMicro(*r.due).UTC()
	}
	if len(r.labels) > 0 {
		row.Labels = r.labels
	}
	return row
}

// Get implements [store.Store].
func (s *Store) Get(ctx context.Context, key store.Key) (store.Row, error) {
	if err := s.check(ctx); err != nil {
		return store.Row{}, err
	}
	if err := key.Validate(); err != nil {
		return store.Row{}, err
	}
	var r record
	err := s.read(ctx, func() error {
		r = record{}
		return s.pool.QueryRow(ctx, s.sql.get, string(key.Kind), key.ID).Scan(r.dest()...)
	})
	if err != nil {
		return store.Row{}, s.readError(ctx, "get", err)
	}
	return r.row(key), nil
}

// GetPath implements [store.PathGetter], in one statement.
func (s *Store) GetPath(ctx context.Context, parentKind store.Kind, parentUnique string, kind store.Kind, name string) (store.Row, error) {
	if err := s.check(ctx); err != nil {
		return store.Row{}, err
	}
	if err := store.ValidatePath(parentKind, parentUnique, kind, name); err != nil {
		return store.Row{}, err
	}
	var r record
	var id, parentID string
	err := s.read(ctx, func() error {
		r = record{}
		return s.pool.QueryRow(ctx, s.sql.path, string(kind), name, string(parentKind), parentUnique).
			Scan(&id, &r.version, &parentID, &r.labels, &r.due, &r.data)
	})
	if err != nil {
		return store.Row{}, s.readError(ctx, "get path", err)
	}
	row := r.row(store.Key{Kind: kind, ID: id})
	row.Parent, row.Unique = store.Key{Kind: parentKind, ID: parentID}, store.JoinPath(parentID, name)
	return row, nil
}

// read makes a statement that changes nothing, and makes it again where that may
// help: it is always safe.
func (s *Store) read(ctx context.Context, query func() error) error {
	err := query()
	for try := 0; try < maxTries && ctx.Err() == nil && (isStale(err) || isTransient(err) || isLost(err)); try++ {
		if !pause(ctx, try) {
			break
		}
		err = query()
	}
	return err
}

func (s *Store) readError(ctx context.Context, call string, err error) error {
	switch {
	case errors.Is(err, pgx.ErrNoRows):
		return store.ErrNotFound
	case ctx.Err() != nil:
		return ctx.Err() // the driver tells it in its own words
	}
	return s.explain(call, err)
}
