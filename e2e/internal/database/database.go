// Package database opens the databases that tests share between processes, by
// an address that one process can tell another.
package database

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
	_ "modernc.org/sqlite" // the driver of Integrity and Hold

	"github.com/tieline/tieline/store"
	"github.com/tieline/tieline/store/postgres"
	"github.com/tieline/tieline/store/sqlite"
)

// Address says where a database is. One of SQLite and Postgres is set.
type Address struct {
	SQLite   string // path of the file
	Postgres string // URL
	Schema   string // in Postgres; empty means the default one

	// Busy is how long a SQLite store waits for another process. 0 means the
	// default.
	Busy time.Duration
}

// Store is a store that its opener closes.
type Store interface {
	store.Store
	Close() error
}

// Name is that of the database's maker.
func (a Address) Name() string {
	if a.Postgres != "" {
		return "PostgreSQL"
	}
	return "SQLite"
}

// Open opens a handle on the database.
func (a Address) Open(ctx context.Context) (Store, error) {
	if a.Postgres == "" {
		return sqlite.Open(a.SQLite, sqlite.Options{BusyTimeout: a.Busy})
	}
	pool, err := pgxpool.New(ctx, a.Postgres)
	if err != nil {
		return nil, err
	}
	st, err := postgres.Open(ctx, pool, postgres.Options{Schema: a.Schema})
	if err != nil {
		pool.Close()
		return nil, err
	}
	return &pooled{Store: st, pool: pool}, nil
}

// pooled is a store with a pool of its own.
type pooled struct {
	*postgres.Store
	pool *pgxpool.Pool
}

// Close closes the store and then its pool, which waits for the calls.
func (p *pooled) Close() error {
	err := p.Store.Close()
	p.pool.Close()
	return err
}

// Integrity asks a SQLite file whether it is sound.
func (a Address) Integrity(ctx context.Context) error {
	db, err := sql.Open("sqlite", a.SQLite)
	if err != nil {
		return err
	}
	defer db.Close()
	var answer string
	if err := db.QueryRowContext(ctx, "PRAGMA integrity_check").Scan(&answer); err != nil {
		return err
	}
	if answer != "ok" {
		return fmt.Errorf("integrity_check: %s", answer)
	}
	return nil
}

// Hold takes the lock that writers of a SQLite file need, and returns what gives
// it back. Until then no other process can write.
func (a Address) Hold(ctx context.Context) (release func() error, err error) {
	db, err := sql.Open("sqlite", a.SQLite)
	if err != nil {
		return nil, err
	}
	conn, err := db.Conn(ctx)
	if err != nil {
		return nil, errors.Join(err, db.Close())
	}
	for _, statement := range []string{"PRAGMA busy_timeout = 10000", "BEGIN IMMEDIATE"} {
		if _, err := conn.ExecContext(ctx, statement); err != nil {
			return nil, errors.Join(err, conn.Close(), db.Close())
		}
	}
	return func() error {
		_, err := conn.ExecContext(context.Background(), "ROLLBACK")
		return errors.Join(err, conn.Close(), db.Close())
	}, nil
}
