package postgres_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log"
	"os"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/tieline/tieline/store"
	"github.com/tieline/tieline/store/postgres"
	"github.com/tieline/tieline/store/postgres/postgrestest"
)

func ExampleOpen() {
	ctx := context.Background()
	pool, err := pgxpool.New(ctx, os.Getenv("DATABASE_URL"))
	if err != nil {
		log.Fatal(err)
	}
	defer pool.Close()

	st, err := postgres.Open(ctx, pool, postgres.Options{Schema: "tieline_example"})
	if err != nil {
		log.Fatal(err)
	}
	row, err := st.Put(ctx, store.Row{
		Key:  store.Key{Kind: "note", ID: "n1"},
		Data: []byte("first"),
	})
	if err != nil {
		log.Fatal(err)
	}

	// Of two who change the same version, the second is told.
	mine, theirs := row, row
	mine.Data, theirs.Data = []byte("mine"), []byte("theirs")
	if mine, err = st.Put(ctx, mine); err != nil {
		log.Fatal(err)
	}
	if _, err := st.Put(ctx, theirs); !errors.Is(err, store.ErrConflict) {
		log.Fatal("nobody was faster")
	}
	fmt.Printf("version %d: %s\n", mine.Version, mine.Data)

	if err := st.Delete(ctx, mine.Key, mine.Version); err != nil {
		log.Fatal(err)
	}
	// prints: version 2: mine
}

// The example needs a server, so a test runs it.
func TestExample(t *testing.T) {
	server := postgrestest.URL(t)
	t.Setenv("DATABASE_URL", server)
	t.Cleanup(func() {
		conn, err := pgx.Connect(context.Background(), server)
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close(context.Background())
		if _, err := conn.Exec(context.Background(), "DROP SCHEMA tieline_example CASCADE"); err != nil {
			t.Error(err)
		}
	})
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	stdout := os.Stdout
	os.Stdout = w
	ExampleOpen()
	os.Stdout = stdout
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	printed, err := io.ReadAll(r)
	if want := "version 2: mine\n"; err != nil || string(printed) != want {
		t.Errorf("it printed %q, %v, want %q", printed, err, want)
	}
}
