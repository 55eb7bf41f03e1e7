package postgres_test

import (
	"context"
	"errors"
	"io"
	"net"
	"net/url"
	"sync"
	"testing"

	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/tieline/tieline/store"
	"github.com/tieline/tieline/store/postgres"
)

// proxy stands between a pool and the server, and loses what it is told to lose.
type proxy struct {
	listener net.Listener
	server   string

	mu   sync.Mutex
	lose lose
	then func() // called once something was lost
}

type lose int

const (
	nothing lose = iota
	request      // the next one, before the server has it
	answer       // to the next one, once the server has given it
)

// behindProxy opens a Store on addr whose connections go through a proxy.
func behindProxy(t *testing.T, addr string) (*postgres.Store, *proxy) {
	t.Helper()
	u, err := url.Parse(addr)
	if err != nil {
		t.Fatal(err)
	}
	p := &proxy{server: u.Host}
	if p.listener, err = net.Listen("tcp", "127.0.0.1:0"); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = p.listener.Close() })
	go p.serve()
	u.Host = p.listener.Addr().String()
	return openAt(t, u.String(), func(c *pgxpool.Config) { c.MaxConns = 1 }), p
}

func (p *proxy) serve() {
	for {
		client, err := p.listener.Accept()
		if err != nil {
			return
		}
		backend, err := net.Dial("tcp", p.server)
		if err != nil {
			_ = client.Close()
			continue
		}
		closeBoth := func() { _, _ = client.Close(), backend.Close() }
		go func() {
			defer closeBoth()
			_, _ = io.Copy(backend, requests{p, client})
		}()
		go func() {
			defer closeBoth()
			_, _ = io.Copy(client, answers{p, backend})
		}()
	}
}

// next loses something once, and calls then before anybody notices.
func (p *proxy) next(l lose, then func()) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.lose, p.then = l, then
}

// lost says whether what was just read is to be lost.
func (p *proxy) lost(l lose) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.lose != l {
		return false
	}
	p.lose = nothing
	if p.then != nil {
		p.then()
	}
	return true
}

type requests struct {
	p *proxy
	io.Reader
}

func (r requests) Read(b []byte) (int, error) {
	n, err := r.Reader.Read(b)
	if n > 0 && r.p.lost(request) {
		return 0, io.EOF
	}
	return n, err
}

type answers struct {
	p *proxy
	io.Reader
}

func (a answers) Read(b []byte) (int, error) {
	n, err := a.Reader.Read(b)
	if n > 0 && a.p.lost(answer) {
		return 0, io.EOF
	}
	return n, err
}

// warm makes the pool's connection ready, its statements prepared.
func warm(t *testing.T, st store.Store) store.Row {
	t.Helper()
	row := put(t, st, put(t, st, item("warm")))
	if err := st.Delete(t.Context(), row.Key, row.Version); err != nil {
		t.Fatal(err)
	}
	return put(t, st, item("a"))
}

// A write whose connection breaks is made once, whether it had reached the
// server or not.
func TestLostWrites(t *testing.T) {
	t.Parallel()
	for name, l := range map[string]lose{"request": request, "answer": answer} {
		addr := address(t)
		st, p := behindProxy(t, addr)
		row := warm(t, st)
		p.next(l, nil)
		updated, err := st.Put(t.Context(), row)
		if err != nil || updated.Version != 2 {
			t.Errorf("%s of an update lost: %d, %v", name, updated.Version, err)
		}
		p.next(l, nil)
		created, err := st.Put(t.Context(), item("b"))
		if err != nil || created.Version != 1 {
			t.Errorf("%s of an insert lost: %d, %v", name, created.Version, err)
		}
		direct := openAt(t, addr, nil)
		for _, want := range []store.Row{updated, created} {
			if got, err := direct.Get(t.Context(), want.Key); err != nil || got.Version != want.Version {
				t.Errorf("%s lost: stored version %d, want %d, %v", name, got.Version, want.Version, err)
			}
		}
		p.next(l, nil)
		if _, err := st.Get(t.Context(), row.Key); err != nil {
			t.Errorf("%s of a Get lost: %v", name, err)
		}
	}
}

func TestLostDelete(t *testing.T) {
	t.Parallel()
	addr := address(t)
	st, p := behindProxy(t, addr)
	row := warm(t, st)
	p.next(request, nil)
	if err := st.Delete(t.Context(), row.Key, row.Version); err != nil {
		t.Errorf("request lost: %v", err)
	}
	row = put(t, st, item("b"))
	p.next(answer, nil)
	// The row is gone, and nobody can tell by whom.
	err := st.Delete(t.Context(), row.Key, row.Version)
	if err == nil || errors.Is(err, store.ErrNotFound) || errors.Is(err, store.ErrConflict) {
		t.Errorf("answer lost: %v", err)
	}
	if _, err := st.Get(t.Context(), row.Key); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("the row: %v", err)
	}
}

// What others do between the write and the look at what became of it.
func TestLostWritesWithNeighbors(t *testing.T) {
	t.Parallel()
	addr := address(t)
	st, p := behindProxy(t, addr)
	direct := openAt(t, addr, nil)
	row := warm(t, st)
	change := func(row store.Row) func() {
		return func() {
			if _, err := direct.Put(context.Background(), row); err != nil {
				t.Error(err)
			}
		}
	}
	mine := row
	mine.Data = []byte("mine")

	// It never arrived, and somebody else took the version.
	p.next(request, change(row))
	if _, err := st.Put(t.Context(), mine); !errors.Is(err, store.ErrConflict) {
		t.Errorf("Put = %v, want a conflict: nothing of it was stored", err)
	}
	// It arrived, and somebody else has written on top of it: no error may say
	// that nothing was stored.
	mine.Version = 2
	on := row
	on.Version = 3
	p.next(answer, change(on))
	if _, err := st.Put(t.Context(), mine); err == nil || errors.Is(err, store.ErrConflict) {
		t.Errorf("Put = %v, want one that says that the end is unknown", err)
	}
	if got, err := direct.Get(t.Context(), row.Key); err != nil || got.Version != 4 {
		t.Errorf("version %d, %v", got.Version, err)
	}
}

// A server that does not come back is an error in the end, and in time.
func TestServerIsGone(t *testing.T) {
	t.Parallel()
	st, p := behindProxy(t, address(t))
	row := warm(t, st)
	_ = p.listener.Close()
	p.next(answer, nil)
	_, err := st.Put(t.Context(), row)
	if err == nil || errors.Is(err, store.ErrConflict) || errors.Is(err, store.ErrNotFound) {
		t.Errorf("Put = %v", err)
	}
	if _, err := st.Get(t.Context(), row.Key); err == nil || errors.Is(err, store.ErrNotFound) {
		t.Errorf("Get = %v", err)
	}
}
