package river_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log"
	"os"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/tieline/tieline/queue"
	"github.com/tieline/tieline/queue/river"
	"github.com/tieline/tieline/store/postgres/postgrestest"
)

func ExampleNew() {
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	pool, err := pgxpool.New(ctx, os.Getenv("DATABASE_URL"))
	if err != nil {
		log.Fatal(err)
	}
	defer pool.Close()

	o := river.Options{Schema: "tieline_queue_example"}
	if err := river.Migrate(ctx, pool, o); err != nil {
		log.Fatal(err)
	}
	q, err := river.New(pool, o)
	if err != nil {
		log.Fatal(err)
	}
	// functions.Config and tieline.Forward take q as their Queue, and do all this.
	if err := q.Add(ctx, queue.Wake{Kind: "note", ID: "n1", At: time.Now().Add(time.Second)}); err != nil {
		log.Fatal(err)
	}
	err = q.Receive(ctx, []string{"note"}, func(_ context.Context, w queue.Wake) error {
		fmt.Println("look at", w.Kind, w.ID)
		cancel()
		return nil
	})
	if !errors.Is(err, context.Canceled) {
		log.Fatal(err)
	}
	// prints: look at note n1
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
		if _, err := conn.Exec(context.Background(), "DROP SCHEMA tieline_queue_example CASCADE"); err != nil {
			t.Error(err)
		}
	})
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	stdout := os.Stdout
	os.Stdout = w
	ExampleNew()
	os.Stdout = stdout
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	printed, err := io.ReadAll(r)
	if want := "look at note n1\n"; err != nil || string(printed) != want {
		t.Errorf("it printed %q, %v, want %q", printed, err, want)
	}
}
