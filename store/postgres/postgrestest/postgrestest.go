// Package postgrestest gives tests a PostgreSQL server: the one that
// TIELINE_TEST_POSTGRES names, or a private one that is made for the test binary
// out of the programs that are installed, and leaves nothing behind.
package postgrestest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
)

const (
	// URLVar names a server that is there already, as a postgres:// URL of a
	// database in which schemas can be created.
	URLVar = "TIELINE_TEST_POSTGRES"

	// RequireVar makes the lack of a server a failure instead of a reason to
	// skip, when it is not empty.
	RequireVar = "TIELINE_REQUIRE_POSTGRES"
)

// ErrUnavailable: there is no server, and the programs to make one are not
// installed.
var ErrUnavailable = errors.New("no PostgreSQL: set " + URLVar + " or install its server programs")

// Server is a PostgreSQL server. Close it in the end.
type Server struct {
	url string

	// The rest is of a private one.
	dir  string // holds data and the socket; empty for a server that was there already
	bin  string
	port int
}

// Open finds or starts a server.
func Open() (*Server, error) {
	if url := os.Getenv(URLVar); url != "" {
		return &Server{url: url}, nil
	}
	return OpenPrivate()
}

// OpenPrivate starts a server that nobody else uses, so that it may be stopped.
func OpenPrivate() (*Server, error) {
	bin, err := programs()
	if err != nil {
		return nil, err
	}
	s := &Server{bin: bin}
	if err := s.create(); err != nil {
		return nil, errors.Join(fmt.Errorf("postgrestest: %w", err), s.Close())
	}
	return s, nil
}

// Need skips the test if err says that there is no server, or fails it where one
// is required, and for any other error.
func Need(t testing.TB, err error) {
	t.Helper()
	switch {
	case err == nil:
	case errors.Is(err, ErrUnavailable) && os.Getenv(RequireVar) == "":
		t.Skip(err)
	default:
		t.Fatal(err)
	}
}

// URL is that of a database.
func (s *Server) URL() string { return s.url }

// Private says whether the server may be stopped.
func (s *Server) Private() bool { return s.dir != "" }

// programs finds the folder of initdb and its like: in PATH, or where Debian and
// others put the versions, the newest first.
func programs() (string, error) {
	if path, err := exec.LookPath("initdb"); err == nil {
		return filepath.Dir(path), nil
	}
	var found []string
	for _, pattern := range []string{"/usr/lib/postgresql/*/bin/initdb", "/usr/pgsql-*/bin/initdb", "/opt/homebrew/opt/postgresql*/bin/initdb"} {
		paths, err := filepath.Glob(pattern)
		if err != nil {
			return "", err
		}
		found = append(found, paths...)
	}
	if len(found) == 0 || runtime.GOOS == "windows" {
		return "", ErrUnavailable
	}
	slices.SortFunc(found, func(a, b string) int { return version(b) - version(a) })
	return filepath.Dir(found[0]), nil
}

// version is the first number in a path.
func version(path string) int {
	digits := strings.FieldsFunc(path, func(r rune) bool { return r < '0' || r > '9' })
	if len(digits) == 0 {
		return 0
	}
	n, _ := strconv.Atoi(digits[0])
	return n
}

func (s *Server) create() error {
	var err error
	if s.dir, err = os.MkdirTemp("", "tieline-postgres-"); err != nil {
		return err
	}
	if err := giveAway(s.dir); err != nil {
		return err
	}
	args := []string{"-D", s.data(), "-U", "tieline", "-A", "trust", "-E", "UTF8", "--locale=C", "--no-sync"}
	// A language's own order, as most databases have it, finds out who forgets to
	// ask for another. Version 15 is the first that can.
	if err := s.run("initdb", append(args, "--locale-provider=icu", "--icu-locale=en-US")...); err != nil {
		if err := s.run("initdb", args...); err != nil {
			return err
		}
	}
	if s.port, err = freePort(); err != nil {
		return err
	}
	s.url = fmt.Sprintf("postgres://tieline@127.0.0.1:%d/postgres?sslmode=disable", s.port)
	return s.Start()
}

func (s *Server) data() string { return filepath.Join(s.dir, "data") }

func freePort() (int, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return 0, err
	}
	port := l.Addr().(*net.TCPAddr).Port
	return port, l.Close()
}

// Start starts a private server that was stopped, and waits until it answers.
func (s *Server) Start() error {
	options := fmt.Sprintf("-p %d -c listen_addresses=127.0.0.1 -c unix_socket_directories=%s -c max_connections=300 "+
		"-c shared_buffers=64MB -c max_wal_size=256MB -c log_min_messages=panic -c logging_collector=off", s.port, s.dir)
	return s.run("pg_ctl", "start", "-w", "-s", "-t", "60", "-D", s.data(), "-l", filepath.Join(s.dir, "log"), "-o", options)
}

// Mode is how a server is stopped.
type Mode string

// The modes of pg_ctl. Immediate is what a crash does: connections break, and the
// next start recovers.
const (
	Fast      Mode = "fast"
	Immediate Mode = "immediate"
)

// Stop stops a private server.
func (s *Server) Stop(mode Mode) error {
	if !s.Private() {
		return errors.New("postgrestest: the server is not ours to stop")
	}
	return s.run("pg_ctl", "stop", "-w", "-s", "-t", "60", "-m", string(mode), "-D", s.data())
}

// Close stops a private server and removes it.
func (s *Server) Close() error {
	if !s.Private() {
		return nil
	}
	if _, err := os.Stat(filepath.Join(s.data(), "postmaster.pid")); err == nil {
		if err := s.Stop(Immediate); err != nil {
			return err
		}
	}
	return os.RemoveAll(s.dir)
}

// run runs one of PostgreSQL's programs, as another user where this one is root,
// which they refuse.
func (s *Server) run(name string, args ...string) error {
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, filepath.Join(s.bin, name), args...)
	cmd.Dir = s.dir
	var out bytes.Buffer
	if name != "pg_ctl" { // whose server would keep the pipe open
		cmd.Stderr = &out
	}
	if err := demote(cmd); err != nil {
		return err
	}
	if err := cmd.Run(); err != nil {
		log, _ := os.ReadFile(filepath.Join(s.dir, "log"))
		return fmt.Errorf("%s: %w\n%s%s", name, err, out.Bytes(), log)
	}
	return nil
}
