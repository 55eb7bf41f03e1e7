package postgrestest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"time"

	"github.com/jackc/pgx/v5"
)

// Mode is a way to stop a server.
type Mode string

const (
	// Fast ends the sessions, writes everything to disk and stops.
	Fast Mode = "fast"
	// Immediate stops as a crash would: what was not yet on disk is gone, and
	// the next start recovers from the log.
	Immediate Mode = "immediate"
)

// patience is how long a server has to start or to stop.
const patience = time.Minute

// Cluster is a PostgreSQL server in a temporary folder. Its methods are for one
// goroutine at a time, except URL.
type Cluster struct {
	programs programs
	settings []string
	account  *account
	dir      string // holds the data, the socket and the log
	address  address
	process  *exec.Cmd
	exited   chan struct{} // closed when process has ended
}

// URL returns the address of the database, the same after each start.
func (c *Cluster) URL() string { return c.address.url() }

func newCluster(p programs, settings []string) (*Cluster, error) {
	c := &Cluster{programs: p, settings: settings}
	err := c.create()
	if err == nil {
		err = c.Start()
	}
	if err != nil {
		return nil, errors.Join(err, c.remove())
	}
	return c, nil
}

// create makes the folder and the data in it.
func (c *Cluster) create() (err error) {
	if c.account, err = serverAccount(); err != nil {
		return fmt.Errorf("postgrestest: %w", err)
	}
	// Short, because the name of a socket has to be.
	if c.dir, err = os.MkdirTemp("", "pgtest"); err != nil {
		return fmt.Errorf("postgrestest: %w", err)
	}
	if err := c.account.own(c.dir); err != nil {
		return fmt.Errorf("postgrestest: %w", err)
	}
	if c.address, err = newAddress(c.dir); err != nil {
		return fmt.Errorf("postgrestest: %w", err)
	}
	args := append([]string{"-D", c.data(), "-U", superuser, "-E", "UTF8", "--no-sync"}, c.address.initdbArgs()...)
	// Under a collation of a language, as most databases have it, a Store that
	// leaves the order to the database is found out.
	_, err = c.run(c.programs.initdb, append(args, "--locale-provider=icu", "--icu-locale=en-US", "--locale=C")...)
	if err != nil {
		_, err = c.run(c.programs.initdb, args...)
	}
	return err
}

func (c *Cluster) data() string    { return filepath.Join(c.dir, "data") }
func (c *Cluster) logFile() string { return filepath.Join(c.dir, "log") }

// run runs a program to its end.
func (c *Cluster) run(program string, args ...string) (string, error) {
	cmd := exec.Command(program, args...)
	cmd.Dir = c.dir
	c.account.apply(cmd)
	out, err := cmd.CombinedOutput()
	if err != nil {
		return "", fmt.Errorf("postgrestest: %s: %w\n%s", filepath.Base(program), err, out)
	}
	return string(out), nil
}

// Start starts the server again after a Stop, and returns when it can be used.
func (c *Cluster) Start() error {
	log, err := os.OpenFile(c.logFile(), os.O_WRONLY|os.O_CREATE|os.O_APPEND, 0o600)
	if err != nil {
		return fmt.Errorf("postgrestest: %w", err)
	}
	defer log.Close() // the server has its own
	args := []string{"-D", c.data()}
	for _, s := range append(append(c.address.settings(), "max_connections=200", "shared_buffers=16MB"), c.settings...) {
		args = append(args, "-c", s)
	}
	c.process = exec.Command(c.programs.postgres, args...)
	c.process.Dir = c.dir
	c.process.Stdout, c.process.Stderr = log, log
	c.account.apply(c.process)
	endWithParent(c.process)
	if err := c.process.Start(); err != nil {
		return fmt.Errorf("postgrestest: %w", err)
	}
	exited := make(chan struct{})
	c.exited = exited
	go func() {
		defer close(exited)
		_ = c.process.Wait() // how it ended is in its log
	}()
	return c.awaitReady()
}

// awaitReady returns when the server takes connections.
func (c *Cluster) awaitReady() error {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	ticker := time.NewTicker(20 * time.Millisecond)
	defer ticker.Stop()
	for {
		conn, err := pgx.Connect(ctx, c.URL())
		if err == nil {
			return conn.Close(ctx)
		}
		select {
		case <-ticker.C:
		case <-c.exited:
			return fmt.Errorf("postgrestest: the server does not start\n%s", c.logEnd())
		case <-ctx.Done():
			return fmt.Errorf("postgrestest: the server is not ready after %v: %w\n%s", patience, err, c.logEnd())
		}
	}
}

// logEnd is the last of what the server said.
func (c *Cluster) logEnd() []byte {
	log, err := os.ReadFile(c.logFile())
	if err != nil {
		return []byte(err.Error())
	}
	return bytes.TrimSpace(log[max(0, len(log)-2000):])
}

// Stop stops the server, and returns when it has ended.
func (c *Cluster) Stop(mode Mode) error {
	_, err := c.run(c.programs.pgCtl, "stop", "-D", c.data(), "-m", string(mode), "-w", "-t", fmt.Sprint(int(patience.Seconds())))
	if err != nil {
		return err
	}
	<-c.exited
	return nil
}

// Standby makes the stopped server start as a standby, one that waits for a
// primary which never comes. It answers reads.
func (c *Cluster) Standby() error {
	signal := filepath.Join(c.data(), "standby.signal")
	if err := os.WriteFile(signal, nil, 0o600); err != nil {
		return fmt.Errorf("postgrestest: %w", err)
	}
	if err := c.account.own(signal); err != nil {
		return fmt.Errorf("postgrestest: %w", err)
	}
	return nil
}

// remove stops the server if it runs, and deletes all it had.
func (c *Cluster) remove() error {
	var err error
	if c.exited != nil {
		select {
		case <-c.exited:
		default:
			err = c.Stop(Immediate)
		}
	}
	if err == nil && c.dir != "" {
		err = os.RemoveAll(c.dir)
	}
	return err
}
