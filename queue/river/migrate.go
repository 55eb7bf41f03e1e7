package river

import (
	"context"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/riverqueue/river/riverdriver/riverpgxv5"
	"github.com/riverqueue/river/rivermigrate"
)

// Migrate creates the schema that [Options.Schema] names, and River's tables in it, or
// brings them up to date with River's own migrations. Where they are, it changes
// nothing and needs no permission to. Many processes may do so at once. It wants one
// connection beside the pool.
func Migrate(ctx context.Context, pool *pgxpool.Pool, o Options) error {
	if pool == nil {
		return errors.New("river: the pool is nil")
	}
	if err := migrate(ctx, pool, o.withDefaults()); err != nil {
		return fmt.Errorf("river: migrate: %w", err)
	}
	return nil
}

func migrate(ctx context.Context, pool *pgxpool.Pool, o Options) error {
	// Not all of River's steps can be in one transaction, so there is one beside
	// them that has the lock.
	conn, err := pgx.ConnectConfig(ctx, pool.Config().ConnConfig)
	if err != nil {
		return err
	}
	defer conn.Close(context.WithoutCancel(ctx)) // which ends the transaction
	tx, err := conn.Begin(ctx)
	if err != nil {
		return err
	}
	if _, err := tx.Exec(ctx, `SELECT pg_advisory_xact_lock(hashtextextended($1, 0))`, "tieline queue "+o.Schema); err != nil {
		return err
	}
	var exists bool
	schema := pgx.Identifier{o.Schema}.Sanitize()
	err = pool.QueryRow(ctx, `SELECT to_regnamespace($1) IS NOT NULL`, schema).Scan(&exists)
	if err == nil && !exists {
		_, err = pool.Exec(ctx, `CREATE SCHEMA `+schema)
	}
	if err != nil {
		return err
	}
	m, err := rivermigrate.New(riverpgxv5.New(pool), &rivermigrate.Config{Schema: o.Schema, Logger: o.Logger})
	if err != nil {
		return err
	}
	_, err = m.Migrate(ctx, rivermigrate.DirectionUp, nil)
	return err
}
