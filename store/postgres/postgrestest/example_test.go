package postgrestest_test

import (
	"context"
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/tieline/tieline/store/postgres/postgrestest"
)

// A test that lets the server crash has one of its own.
func ExampleStart() {
	_ = func(t *testing.T) {
		cluster := postgrestest.Start(t, "max_connections=20")
		conn, err := pgx.Connect(context.Background(), cluster.URL())
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close(context.Background())

		if err := cluster.Stop(postgrestest.Immediate); err != nil {
			t.Fatal(err)
		}
		// What does the program under test do now?
		if err := cluster.Start(); err != nil {
			t.Fatal(err)
		}
	}
}
