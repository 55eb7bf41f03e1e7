package tieline

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"path/filepath"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tieline/tieline/store"
	"github.com/tieline/tieline/store/sqlite"
)

// lifeStep is something done to connections while a call of the Store fails.
// prepare runs before the faults are armed, do with them; check sees what do
// ended with, the faults being over.
type lifeStep struct {
	name    string
	least   int // calls that it makes of the Store
	prepare func(*lifeWorld)
	do      func(*lifeWorld) error
	check   func(*lifeWorld, error)
}

type lifeWorld struct {
	*world
	style         faultStyle
	authorization *Authorization
	callback      url.Values
	imported      *OAuth2Token
}

func (w *lifeWorld) ctx() context.Context { return w.t.Context() }

// lifeSteps is the life of a connection. Each step either reports an error or is
// done, and leaves nothing that is half one and half the other.
var lifeSteps = []lifeStep{
	{
		name: "authorize", least: 2,
		prepare: func(*lifeWorld) {},
		do: func(w *lifeWorld) (err error) {
			w.authorization, err = w.Connections.Authorize(w.ctx(), "acme", AuthorizeOptions{ConnectionID: "bob"})
			return err
		},
		check: func(w *lifeWorld, err error) {
			if err != nil {
				w.connect("acme", "bob")
			} else {
				w.consentTo(w.authorization)
				if _, err := w.complete(); err != nil {
					w.t.Errorf("what was authorized cannot be completed: %v", err)
				}
			}
			w.wantUsable("bob")
		},
	},
	{
		name: "complete", least: 4,
		prepare: func(w *lifeWorld) {
			w.authorization, w.callback = w.consent("acme", AuthorizeOptions{ConnectionID: "bob"})
		},
		do: func(w *lifeWorld) error { _, err := w.complete(); return err },
		check: func(w *lifeWorld, err error) {
			w.wantStoredOrNot(err, "bob")
			w.wantNoOrphan(err)
			if err != nil {
				w.connect("acme", "bob")
			}
			w.wantUsable("bob")
		},
	},
	{
		name: "complete for an existing connection", least: 4,
		prepare: func(w *lifeWorld) {
			w.authorization, w.callback = w.consent("acme", AuthorizeOptions{ConnectionID: "alice"})
		},
		do: func(w *lifeWorld) error { _, err := w.complete(); return err },
		check: func(w *lifeWorld, err error) {
			token, _ := w.storedToken(w.rowOf("alice"))
			g, alive := w.provider.GrantOf(token.RefreshToken.Reveal())
			if !alive || err == nil && g.ID != 2 || err != nil && !w.unknowable() && g.ID != 1 {
				w.t.Errorf("Complete = %v, and grant %d is stored, alive: %t", err, g.ID, alive)
			}
			w.wantNoOrphan(err)
			w.wantUsable("alice")
		},
	},
	{
		name: "create", least: 3,
		prepare: func(*lifeWorld) {},
		do: func(w *lifeWorld) error {
			_, err := w.Connections.Create(w.ctx(), "acme-key", "bob", w.goodInput("acme-key"))
			return err
		},
		check: func(w *lifeWorld, err error) {
			_, gerr := w.Connections.Credential(w.ctx(), "acme-key", "bob")
			if err == nil && gerr != nil || err != nil && !errors.Is(gerr, ErrNotFound) && (gerr != nil || !w.unknowable()) {
				w.t.Errorf("Create = %v, and then Credential = %v", err, gerr)
			}
		},
	},
	{
		name: "import", least: 3,
		prepare: func(w *lifeWorld) { w.imported = w.foreignToken() },
		do: func(w *lifeWorld) error {
			_, err := w.Connections.Import(w.ctx(), "acme", "bob", ConnectionInput{Credential: w.imported})
			return err
		},
		check: func(w *lifeWorld, err error) {
			if !w.provider.IsLive(w.imported.RefreshToken.Reveal()) {
				w.t.Errorf("Import = %v, and the grant that was to be imported is dead", err)
			}
			w.wantStoredOrNot(err, "bob")
		},
	},
	{
		name: "update", least: 2,
		prepare: func(*lifeWorld) {},
		do: func(w *lifeWorld) error {
			_, err := w.Connections.SetMetadata(w.ctx(), "acme", "alice", json.RawMessage(`{"a":1}`))
			return err
		},
		check: func(w *lifeWorld, err error) {
			conn, gerr := w.Connections.Get(w.ctx(), "acme", "alice")
			if got := string(conn.Metadata); gerr != nil || got != `{"a":1}` && (err == nil || got != "") {
				w.t.Errorf("SetMetadata = %v, and then the metadata is %q, %v", err, got, gerr)
			}
			w.wantUsable("alice")
		},
	},
	{
		name: "delete", least: 3,
		prepare: func(*lifeWorld) {},
		do:      func(w *lifeWorld) error { return w.Connections.Delete(w.ctx(), "acme", "alice", DeleteOptions{}) },
		check: func(w *lifeWorld, err error) {
			if err != nil {
				// It can be asked for again, whatever was done of it.
				if again := w.Connections.Delete(w.ctx(), "acme", "alice", DeleteOptions{}); again != nil && !errors.Is(again, ErrNotFound) {
					w.t.Errorf("Delete = %v, and then %v", err, again)
				}
			}
			if _, err := w.Connections.Get(w.ctx(), "acme", "alice"); !errors.Is(err, ErrNotFound) {
				w.t.Errorf("Get = %v", err)
			}
			if n := len(w.provider.Grants()); n != 0 {
				w.t.Errorf("Delete = %v, and %d grants live on", err, n)
			}
		},
	},
}

func (w *lifeWorld) complete() (Connection, error) {
	return w.Connections.Complete(w.ctx(), w.authorization.Binding.Reveal(), w.callback)
}

func (w *lifeWorld) consentTo(a *Authorization) {
	w.t.Helper()
	var err error
	if w.callback, _, err = w.provider.Authorize(w.ctx(), a.URL); err != nil {
		w.t.Fatal(err)
	}
}

// foreignToken is a grant that another program has obtained.
func (w *world) foreignToken() *OAuth2Token {
	w.t.Helper()
	w.connect("acme", "foreign")
	token, _ := w.storedToken(w.rowOf("foreign"))
	// Without its revocation, the grant outlives the connection.
	if err := w.Connections.Delete(w.t.Context(), "acme", "foreign", DeleteOptions{SkipRevocation: true}); err != nil {
		w.t.Fatal(err)
	}
	return token
}

// rowOf is the row of a connection.
func (w *world) rowOf(id string) store.Row {
	w.t.Helper()
	for _, row := range w.rows(kindConnection) {
		if connectionID(row) == id {
			return row
		}
	}
	w.t.Fatalf("there is no connection %q", id)
	return store.Row{}
}

// unknowable says whether the Store may have done what it reported as failed,
// and was then away for longer than anybody asks again.
func (w *lifeWorld) unknowable() bool { return w.style.happens && w.style.lasts > 0 }

// wantStoredOrNot checks that a call that ended with err has stored the
// connection or has not, and that a connection which is stored is of use.
func (w *lifeWorld) wantStoredOrNot(err error, id string) {
	w.t.Helper()
	_, gerr := w.Connections.Get(w.ctx(), "acme", id)
	switch stored := gerr == nil; {
	case err == nil && !stored, err != nil && stored && !w.unknowable(), gerr != nil && !errors.Is(gerr, ErrNotFound):
		w.t.Errorf("it ended with %v, and then Get = %v", err, gerr)
	case stored:
		w.wantUsable(id)
	}
}

// wantNoOrphan checks that a grant which was obtained and could not be stored
// does not live on at the provider.
func (w *lifeWorld) wantNoOrphan(err error) {
	w.t.Helper()
	if n := len(w.provider.Grants()); err != nil && !w.unknowable() && n != 1 {
		w.t.Errorf("it ended with %v, and %d grants are alive, want that of before alone", err, n)
	}
}

// wantUsable checks that the connection's grant is alive, and that it can be
// refreshed.
func (w *lifeWorld) wantUsable(id string) {
	w.t.Helper()
	token, _ := w.storedToken(w.rowOf(id))
	if !w.provider.IsLive(token.RefreshToken.Reveal()) {
		w.t.Errorf("the grant of connection %s is dead", id)
	}
	if _, err := w.Connections.Refresh(w.ctx(), "acme", id, nil); err != nil {
		w.t.Errorf("Refresh = %v", err)
	}
	w.flightsEnd(w.Client)
}

// Whichever call of the Store fails in the life of a connection, and however:
// there is an error or it is done, and no row is left that cannot be opened.
func TestNthCallFailsInALife(t *testing.T) {
	t.Parallel()
	for _, step := range lifeSteps {
		for _, style := range faultStyles {
			t.Run(step.name+"/"+style.name, func(t *testing.T) {
				t.Parallel()
				sweep(t, step.least, func(n int) (fired bool) {
					synctest.Test(t, func(t *testing.T) {
						fired = liveUnderFault(t, &store.Memory{}, n, step, style)
					})
					return fired
				})
			})
		}
	}
}

// The same with a database, in real time.
func TestNthCallFailsInALifeOnSQLite(t *testing.T) {
	t.Parallel()
	for _, step := range lifeSteps {
		for _, style := range faultStyles[:2] {
			t.Run(step.name+"/"+style.name, func(t *testing.T) {
				t.Parallel()
				dir := t.TempDir()
				sweep(t, step.least, func(n int) bool {
					db, err := sqlite.Open(filepath.Join(dir, fmt.Sprintf("%d.db", n)), sqlite.Options{})
					if err != nil {
						t.Fatal(err)
					}
					defer func() { _ = db.Close() }()
					return liveUnderFault(t, db, n, step, style)
				})
			})
		}
	}
}

func liveUnderFault(t *testing.T, s store.Store, n int, step lifeStep, style faultStyle) (fired bool) {
	var faults nth
	w := &lifeWorld{world: connected(t, worldOptions{store: faults.wrap(s)}), style: style}
	defer func() {
		if t.Failed() {
			t.Logf("with call %d failing", n)
		}
	}()
	w.integration("acme-key", "acme-key")
	step.prepare(w)
	faults.arm(n, style)
	err := step.do(w)
	if style.lasts > 0 {
		time.Sleep(style.lasts)
	}
	fired = faults.disarm()
	for _, row := range w.rows(kindConnection) {
		if _, rec := w.openable(row); rec.State.TokenFence == 0 {
			t.Errorf("a row without a credential")
		}
	}
	step.check(w, err)
	closeClean(t, w.Client)
	return fired
}
