package main

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"strings"

	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/tieline/tieline/store"
	"github.com/tieline/tieline/store/postgres"
	"github.com/tieline/tieline/store/sqlite"
)

// openStore opens what -store names. The error has no password in it.
func openStore(ctx context.Context, name string) (s store.Store, closing func() error, err error) {
	if name == "memory:" {
		return &store.Memory{}, func() error { return nil }, nil
	}
	if path, ok := strings.CutPrefix(name, "sqlite:"); ok {
		if path == "" {
			return nil, nil, errors.New("-store sqlite: needs a file name")
		}
		db, err := sqlite.Open(path, sqlite.Options{})
		if err != nil {
			return nil, nil, err
		}
		return db, db.Close, nil
	}
	if strings.HasPrefix(name, "postgres://") || strings.HasPrefix(name, "postgresql://") {
		return openPostgres(ctx, name)
	}
	return nil, nil, errors.New("-store must be memory:, sqlite:PATH or a postgres:// URL")
}

func openPostgres(ctx context.Context, url string) (store.Store, func() error, error) {
	pool, err := pgxpool.New(ctx, url)
	if err != nil {
		// The error of the driver quotes the URL, in which the password is.
		return nil, nil, errors.New("-store: the postgres:// URL cannot be read")
	}
	db, err := postgres.Open(ctx, pool, postgres.Options{})
	if err != nil {
		pool.Close()
		return nil, nil, err
	}
	return db, func() error {
		err := db.Close()
		pool.Close()
		return err
	}, nil
}

// newUUID is a random UUID (RFC 9562, version 4).
func newUUID() string {
	var b [16]byte
	_, _ = rand.Read(b[:]) // never fails
	b[6], b[8] = b[6]&0x0f|0x40, b[8]&0x3f|0x80
	return fmt.Sprintf("%x-%x-%x-%x-%x", b[:4], b[4:6], b[6:8], b[8:10], b[10:])
}
