package postgres

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgtype"

	"github.com/tieline/tieline/store"
)

// Get implements [store.Store].
func (s *Store) Get(ctx context.Context, key store.Key) (store.Row, error) {
	if err := s.check(ctx); err != nil {
		return store.Row{}, err
	}
	if err := key.Validate(); err != nil {
		return store.Row{}, err
	}
	row := store.Row{Key: store.Key{Kind: key.Kind}}
	var due pgtype.Int8
	err := s.read(ctx, func(ctx context.Context, conn *pgx.Conn) error {
		return conn.QueryRow(ctx, s.sql.get, string(key.Kind), key.ID).Scan(dest(&row, &due)...)
	})
	if err != nil {
		return store.Row{}, s.readError(ctx, "get "+show(key), err)
	}
	setDue(&row, due)
	return row, nil
}

// GetPath implements [store.PathGetter], in one statement.
func (s *Store) GetPath(ctx context.Context, parentKind store.Kind, parentUnique string, kind store.Kind, name string) (store.Row, error) {
	if err := s.check(ctx); err != nil {
		return store.Row{}, err
	}
	if err := store.ValidatePath(parentKind, parentUnique, kind, name); err != nil {
		return store.Row{}, err
	}
	row := store.Row{Key: store.Key{Kind: kind}, Parent: store.Key{Kind: parentKind}}
	var due pgtype.Int8
	err := s.read(ctx, func(ctx context.Context, conn *pgx.Conn) error {
		return conn.QueryRow(ctx, s.sql.path, string(parentKind), parentUnique, string(kind), name).
			Scan(&row.ID, &row.Version, &row.Parent.ID, &row.Labels, &due, &row.Data)
	})
	if err != nil {
		return store.Row{}, s.readError(ctx, fmt.Sprintf("get a %s by path", kind), err)
	}
	row.Unique = store.JoinPath(row.Parent.ID, name)
	setDue(&row, due)
	return row, nil
}

// dest is where the columns of a record go.
func dest(row *store.Row, due *pgtype.Int8) []any {
	return []any{&row.ID, &row.Version, &row.Parent.Kind, &row.Parent.ID, &row.Unique, &row.Labels, due, &row.Data}
}

func setDue(row *store.Row, due pgtype.Int8) {
	if due.Valid {
		row.Due = time.UnixMicro(due.Int64).UTC()
	}
}

// readError is the answer to a read that failed.
func (s *Store) readError(ctx context.Context, what string, err error) error {
	switch {
	case errors.Is(err, pgx.ErrNoRows):
		return store.ErrNotFound
	case ctx.Err() != nil && errors.Is(err, ctx.Err()):
		return ended(what, ctx)
	}
	return explain(what, err)
}

// show names a row in an error.
func show(key store.Key) string { return fmt.Sprintf("%s %q", key.Kind, key.ID) }
