package postgres

import (
	"bytes"
	"context"
	"errors"
	"net"
	"sync"
	"testing"

	"github.com/jackc/pgx/v5/pgxpool"
)

// fault is what happens to the next statement that is sent.
type fault int

const (
	noFault       fault = iota
	refuseRequest       // it cannot be sent
	loseRequest         // it seems sent, and does not arrive
	delayRequest        // it seems sent, the connection breaks, and it arrives when delivered
	loseAnswer          // it is carried out, and the answer does not arrive
)

var errBroken = errors.New("the test broke the connection")

// network makes the connections of a pool, and breaks them.
type network struct {
	mu      sync.Mutex
	next    fault
	then    func() // runs when the fault has struck, before the client learns of it
	delayed func() error
}

// openBroken opens the address with a pool of one connection that is up, which
// sends each statement as one message.
func openBroken(t testing.TB, addr string) (*Store, *network) {
	t.Helper()
	n := &network{}
	s := open(t, addr, func(cfg *pgxpool.Config) {
		cfg.MaxConns = 1
		cfg.ShouldPing = func(context.Context, pgxpool.ShouldPingParams) bool { return false }
		dial := cfg.ConnConfig.DialFunc
		cfg.ConnConfig.DialFunc = func(ctx context.Context, network, addr string) (net.Conn, error) {
			conn, err := dial(ctx, network, addr)
			return &wire{Conn: conn, network: n}, err
		}
	})
	return s, n
}

// strike lets the fault happen to the next statement.
func (n *network) strike(f fault, then func()) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.next, n.then = f, then
}

// take returns what is to happen now.
func (n *network) take() (fault, func()) {
	n.mu.Lock()
	defer n.mu.Unlock()
	f, then := n.next, n.then
	n.next, n.then = noFault, nil
	return f, then
}

// deliver sends what was delayed, and waits until the server has dealt with it.
func (n *network) deliver(t testing.TB) {
	t.Helper()
	if n.delayed == nil {
		t.Fatal("nothing was delayed")
	}
	if err := n.delayed(); err != nil {
		t.Errorf("the delayed statement: %v", err)
	}
}

// wire is a connection that a network can break. The driver may read while it
// writes.
type wire struct {
	net.Conn
	network *network

	mu    sync.Mutex
	fault fault
	then  func()
}

// struck returns the fault that has struck, after drawing the next one for a
// write.
func (w *wire) struck(write bool) (f fault, before bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	before = w.fault != noFault
	if write && !before {
		w.fault, w.then = w.network.take()
	}
	return w.fault, before
}

// strike runs what the test wants to do, once.
func (w *wire) strike() {
	w.mu.Lock()
	then := w.then
	w.then = nil
	w.mu.Unlock()
	if then != nil {
		then()
	}
}

func (w *wire) Write(p []byte) (int, error) {
	f, before := w.struck(true)
	if before {
		return len(p), nil // a farewell
	}
	switch f {
	case refuseRequest:
		w.strike()
		_ = w.Conn.Close()
		return 0, errBroken
	case loseRequest:
		_ = w.Conn.Close()
		return len(p), nil
	case delayRequest:
		late := bytes.Clone(p)
		w.network.delayed = func() error {
			defer w.Conn.Close()
			if _, err := w.Conn.Write(late); err != nil {
				return err
			}
			return w.awaitReady()
		}
		return len(p), nil
	}
	return w.Conn.Write(p)
}

func (w *wire) Read(p []byte) (int, error) {
	switch f, _ := w.struck(false); f {
	case loseAnswer:
		if err := w.awaitReady(); err != nil {
			return 0, err
		}
		_ = w.Conn.Close()
	case loseRequest, delayRequest:
	default:
		return w.Conn.Read(p)
	}
	w.strike()
	return 0, errBroken
}

func (w *wire) Close() error {
	if f, _ := w.struck(false); f == delayRequest {
		return nil // deliver does it
	}
	return w.Conn.Close()
}

// awaitReady reads until the server is ready for another statement.
func (w *wire) awaitReady() error {
	var answer, buf []byte
	ready := []byte{'Z', 0, 0, 0, 5, 'I'}
	for buf = make([]byte, 4096); !bytes.HasSuffix(answer, ready); {
		n, err := w.Conn.Read(buf)
		answer = append(answer, buf[:n]...)
		if err != nil {
			return err
		}
	}
	return nil
}
