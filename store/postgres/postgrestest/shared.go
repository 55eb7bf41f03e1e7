package postgrestest

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"fmt"
	"os"
	"testing"

	"github.com/jackc/pgx/v5"
)

const (
	// EnvURL names the server to test with, by a postgres:// URL.
	EnvURL = "TIELINE_TEST_POSTGRES"
	// EnvRequire makes a test fail that would be skipped because there is no
	// PostgreSQL.
	EnvRequire = "TIELINE_REQUIRE_POSTGRES"
)

// Main runs the tests of a package with one server for all of them, and returns
// the code to exit with. Test binaries that a test starts use the same server.
func Main(m *testing.M) int {
	if os.Getenv(EnvURL) != "" {
		return m.Run()
	}
	programs, err := findPrograms()
	if err != nil {
		return m.Run() // each test says why it is skipped, or fails
	}
	c, err := newCluster(programs, nil)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer func() {
		if err := c.remove(); err != nil {
			fmt.Fprintln(os.Stderr, err)
		}
	}()
	if err := os.Setenv(EnvURL, c.URL()); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return m.Run()
}

// URL returns the address of the shared server, and skips the test when there is
// none. In a package without [Main], the test gets a server of its own.
func URL(t testing.TB) string {
	t.Helper()
	if url := os.Getenv(EnvURL); url != "" {
		return url
	}
	return Start(t).URL()
}

// Schema returns the name of a schema that nobody else uses, on the server at
// url. It does not exist yet. When the test ends, it is dropped.
func Schema(t testing.TB, url string) string {
	t.Helper()
	var random [8]byte
	rand.Read(random[:])
	name := "test_" + hex.EncodeToString(random[:])
	t.Cleanup(func() { dropSchema(t, url, name) })
	return name
}

func dropSchema(t testing.TB, url, name string) {
	ctx := context.Background()
	conn, err := pgx.Connect(ctx, url)
	if err != nil {
		t.Logf("the schema %s stays: %v", name, err) // a test may have stopped its server
		return
	}
	defer conn.Close(ctx)
	if _, err := conn.Exec(ctx, "DROP SCHEMA IF EXISTS "+pgx.Identifier{name}.Sanitize()+" CASCADE"); err != nil {
		t.Logf("the schema %s stays: %v", name, err)
	}
}

// Start makes a server of the test's own, with settings such as
// "max_connections=10", and removes it when the test ends. It skips the test
// when the programs of PostgreSQL are not installed.
func Start(t testing.TB, settings ...string) *Cluster {
	t.Helper()
	programs, err := findPrograms()
	if err != nil {
		if os.Getenv(EnvRequire) != "" {
			t.Fatalf("%v, and %s is set", err, EnvRequire)
		}
		t.Skipf("%v, and %s is not set", err, EnvURL)
	}
	c, err := newCluster(programs, settings)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := c.remove(); err != nil {
			t.Error(err)
		}
	})
	return c
}
