package tieline

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tieline/tieline/providertest"
	"github.com/tieline/tieline/store"
	"github.com/tieline/tieline/store/journal"
	"github.com/tieline/tieline/storetest"
)

// journalWorld has a connection whose refreshed token its process cannot save,
// because the Store takes nothing from it any more, but has put into a journal.
// To others the Store is as ever.
type journalWorld struct {
	*world
	first  *journal.Dir // of the process; closing it is what its death does
	dir    string
	fresh  *OAuth2Token
	writes *atomic.Bool // off while true, for the first process
	inner  store.Store
}

func newJournalWorld(t *testing.T, j func(Journal) Journal) *journalWorld {
	inner := &store.Memory{}
	writes := new(atomic.Bool)
	cut := storetest.Faulty(inner, func(op string, _ store.Key) error {
		if writes.Load() && (op == "Put" || op == "Delete") {
			return errDown
		}
		return nil
	}, nil)
	dir := t.TempDir()
	first := openJournal(t, dir)
	o := worldOptions{store: cut, config: func(c *Config) {
		c.Journal = first
		if j != nil {
			c.Journal = j(c.Journal)
		}
	}}
	w := &journalWorld{world: connected(t, o), first: first, dir: dir, writes: writes, inner: inner}
	time.Sleep(time.Hour)
	w.provider.Fail(providertest.Fault{Endpoint: providertest.Refresh, Edit: func(*providertest.Answer) { writes.Store(true) }})
	w.fresh = w.credential()
	synctest.Wait()
	t.Cleanup(func() { writes.Store(false) })
	return w
}

func openJournal(t *testing.T, dir string) *journal.Dir {
	t.Helper()
	j, err := journal.Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = j.Close() })
	return j
}

// another is a process on the same machine to which the Store is as ever.
func (w *journalWorld) another() *Client {
	w.t.Helper()
	mine := w.store
	w.store = w.inner
	c, _, _ := w.client(worldOptions{config: func(c *Config) { c.Journal = openJournal(w.t.(*testing.T), w.dir) }})
	w.store = mine
	return c
}

func (w *journalWorld) entries() []journal.Entry {
	w.t.Helper()
	entries, err := openJournal(w.t.(*testing.T), w.dir).Entries(w.t.Context())
	if err != nil {
		w.t.Fatal(err)
	}
	return entries
}

// The next process finds the token, and does not spend the old one.
func TestJournalSavesAGrant(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newJournalWorld(t, nil)
		other := w.another()
		start := time.Now()
		if got := w.credentialOf(other); !got.AccessToken.Equal(w.fresh.AccessToken) {
			t.Error("another token than the one in the journal")
		}
		if d := time.Since(start); d != 0 {
			t.Errorf("waited %v", d)
		}
		w.wantRefreshes(1)
		if n := other.Health().Counts.Recovered; n != 1 {
			t.Errorf("%d recovered", n)
		}
		if _, rec := w.connectionRecord(); rec.State.Holder != "" || rec.State.Sent || rec.State.TokenFence != rec.State.Fence {
			t.Errorf("the lease is left behind: %+v", rec.State)
		}
		w.writes.Store(false)
		time.Sleep(10 * time.Second)
		if n := len(w.entries()); n != 0 {
			t.Errorf("%d entries are left", n)
		}
		time.Sleep(time.Hour)
		w.credentialOf(other)
		w.wantRefreshes(2)
	})
}

func TestJournalIsSealed(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newJournalWorld(t, nil)
		files, err := filepath.Glob(filepath.Join(w.dir, "*"))
		if err != nil || len(files) != 1 {
			t.Fatalf("files %v, %v", files, err)
		}
		content, err := os.ReadFile(files[0])
		if err != nil {
			t.Fatal(err)
		}
		for _, secret := range []Secret{w.fresh.AccessToken, w.fresh.RefreshToken} {
			if strings.Contains(string(content), secret.Reveal()) {
				t.Error("a token is in the journal in the clear")
			}
		}
	})
}

// A token that the user has replaced by a new grant stays replaced.
func TestJournalAndReconnect(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newJournalWorld(t, nil)
		other := w.another()
		first := w.Client
		w.Client = other
		w.connect("acme", "alice")
		granted := w.credential()
		if _, err := other.Connections.Refresh(t.Context(), "acme", "alice", nil); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		w.Client = first
		w.writes.Store(false)
		time.Sleep(10 * time.Second)
		if n := len(w.entries()); n != 0 {
			t.Errorf("%d entries are left", n)
		}
		if granted.AccessToken.Equal(w.fresh.AccessToken) || w.credential().AccessToken.Equal(w.fresh.AccessToken) {
			t.Error("the old grant's token came back")
		}
	})
}

// Run finds entries that nobody asks for.
func TestRunSweepsTheJournal(t *testing.T) {
	t.Parallel()
	for _, deleted := range []bool{false, true} {
		synctest.Test(t, func(t *testing.T) {
			w := newJournalWorld(t, nil)
			other := w.another()
			if deleted {
				if err := other.Connections.Delete(t.Context(), "acme", "alice", DeleteOptions{}); err != nil {
					t.Fatal(err)
				}
			}
			ctx, cancel := context.WithCancel(t.Context())
			done := make(chan error, 1)
			if err := w.first.Close(); err != nil {
				t.Fatal(err)
			}
			go func() { done <- other.Run(ctx) }()
			time.Sleep(30 * time.Second)
			if !deleted && other.Health().Counts.Recovered != 1 {
				t.Error("not recovered")
			}
			if n := len(w.entries()); n != 0 {
				t.Errorf("deleted %v: %d entries are left", deleted, n)
			}
			cancel()
			<-done
		})
	}
}

// oddJournal fails, or answers something else, as long as odd is set.
type oddJournal struct {
	Journal
	odd     atomic.Bool
	entries []journal.Entry
}

var errOddJournal = errors.New("the disk is full")

func (j *oddJournal) Append(ctx context.Context, e journal.Entry) error {
	if j.odd.Load() {
		return errOddJournal
	}
	return j.Journal.Append(ctx, e)
}

func (j *oddJournal) Entries(ctx context.Context) ([]journal.Entry, error) {
	if j.odd.Load() {
		return nil, errOddJournal
	}
	entries, err := j.Journal.Entries(ctx)
	return append(entries, j.entries...), err
}

// A journal that takes nothing is tried again, as the Store is.
func TestJournalIsFull(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		j := &oddJournal{}
		j.odd.Store(true)
		w := newJournalWorld(t, func(real Journal) Journal { j.Journal = real; return j })
		if n := len(w.entries()); n != 0 {
			t.Fatalf("%d entries", n)
		}
		if !strings.Contains(w.log.String(), errOddJournal.Error()) {
			t.Error("nothing in the log")
		}
		j.odd.Store(false)
		time.Sleep(5 * time.Second)
		if n := len(w.entries()); n != 1 {
			t.Errorf("%d entries", n)
		}
	})
}

// An entry that cannot be opened, or a journal that cannot be read, stops nobody.
func TestJournalIsDamaged(t *testing.T) {
	t.Parallel()
	for _, unreadable := range []bool{false, true} {
		synctest.Test(t, func(t *testing.T) {
			j := &oddJournal{}
			w := connected(t, worldOptions{config: func(c *Config) {
				j.Journal = openJournal(t, t.TempDir())
				c.Journal = j
			}})
			j.odd.Store(unreadable)
			row := w.rows(kindConnection)[0]
			j.entries = []journal.Entry{{Row: row.ID, Fence: 99, Data: []byte("not sealed by anybody")}, {Row: "another", Fence: 1, Data: nil}}
			time.Sleep(time.Hour)
			w.credential()
			w.wantRefreshes(1)
		})
	}
}

// A token goes into its own row.
func TestJournalOfTwoConnections(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newJournalWorld(t, nil)
		other := w.another()
		first := w.Client
		w.Client = other
		w.connect("acme", "bob")
		w.Client = first
		time.Sleep(time.Hour)
		if _, err := other.Connections.Credential(t.Context(), "acme", "bob"); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		if n := other.Health().Counts.Recovered; n != 0 {
			t.Error("the token of another connection was put into this one")
		}
	})
}

// A failure on the way into the Store does not lead to the old token being spent.
func TestJournalWritesOnce(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newJournalWorld(t, nil)
		var fail atomic.Bool
		fail.Store(true)
		mine := w.store
		w.store = storetest.Faulty(w.inner, func(op string, _ store.Key) error {
			if op == "Put" && fail.Swap(false) {
				return errDown
			}
			return nil
		}, nil)
		other, _, _ := w.client(worldOptions{config: func(c *Config) { c.Journal = openJournal(t, w.dir) }})
		w.store = mine
		if _, err := other.Connections.Credential(t.Context(), "acme", "alice"); !errors.Is(err, errDown) {
			t.Errorf("Credential = %v", err)
		}
		w.credentialOf(other)
		w.wantRefreshes(1)
	})
}

// As long as the Store fails, a token of the journal is not given up for a new
// exchange.
func TestJournalWaitsForTheStore(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newJournalWorld(t, nil)
		mine := w.store
		// Another process of which the Store takes nothing either.
		other, _, _ := w.client(worldOptions{config: func(c *Config) {
			c.Store, c.Journal = mine, openJournal(t, w.dir)
		}})
		for range 3 {
			if _, err := other.Connections.Credential(t.Context(), "acme", "alice"); !errors.Is(err, errDown) {
				t.Errorf("Credential = %v", err)
			}
			time.Sleep(time.Minute)
		}
		w.wantRefreshes(1)
	})
}
