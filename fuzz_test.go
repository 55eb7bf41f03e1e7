package tieline

import (
	"bytes"
	"errors"
	"net/url"
	"testing"
)

// No callback but the right one makes a connection, and none costs the right one
// its authorization unless it knew state and binding.
func FuzzCallback(f *testing.F) {
	f.Add("", "state=x&code=y")
	f.Add("binding", "state=&code=&error=access_denied&iss=https://evil.example")
	f.Add("b", "state=a&state=b&code=%00&error_description=%ff")
	f.Fuzz(func(t *testing.T, binding, query string) {
		callback, err := url.ParseQuery(query)
		if err != nil {
			return
		}
		w := newWorld(t, worldOptions{})
		w.integration("acme", "acme")
		a, good := w.consent("acme", AuthorizeOptions{ConnectionID: "alice"})
		if _, err := w.Connections.Complete(t.Context(), binding, callback); !errors.Is(err, ErrState) {
			t.Fatalf("Complete = %v", err)
		}
		// With the right state and binding, whatever else it says.
		for _, name := range []string{"state", "code"} {
			if !callback.Has(name) {
				callback.Set(name, good.Get(name))
			}
		}
		callback.Set("state", good.Get("state"))
		_, err = w.Connections.Complete(t.Context(), a.Binding.Reveal(), callback)
		if err == nil && callback.Get("code") != good.Get("code") {
			t.Fatal("a connection was made with another code")
		}
		if err != nil && len(w.rows(kindConnection)) != 0 {
			t.Fatalf("a connection was stored in spite of %v", err)
		}
	})
}

// Whatever is done to a stored row, opening it gives what was put there or an
// error that says that it is not.
func FuzzStoredRow(f *testing.F) {
	w := keyWorld(f, worldOptions{})
	if _, err := w.Connections.Create(f.Context(), "acme-key", "alice", w.goodInput("acme-key")); err != nil {
		f.Fatal(err)
	}
	row := w.rows(kindConnection)[0]
	f.Add(row.Data)
	f.Add([]byte{})
	f.Add(bytes.Repeat([]byte{1}, 100))
	f.Fuzz(func(t *testing.T, data []byte) {
		w := keyWorld(t, worldOptions{})
		if _, err := w.Connections.Create(t.Context(), "acme-key", "alice", w.goodInput("acme-key")); err != nil {
			t.Fatal(err)
		}
		row := w.rows(kindConnection)[0]
		row.Data = data
		if _, err := w.store.Put(t.Context(), row); err != nil {
			t.Fatal(err)
		}
		cred, err := w.Connections.Credential(t.Context(), "acme-key", "alice")
		if err == nil {
			t.Fatalf("bytes of another row were opened as a credential of type %s", cred.Type())
		}
		for conn, err := range w.Connections.All(t.Context(), Filter{}) {
			if err == nil && conn.ID != "alice" {
				t.Fatalf("listed as %q", conn.ID)
			}
		}
		if err := w.Connections.Delete(t.Context(), "acme-key", "alice", DeleteOptions{}); err != nil {
			t.Fatal(err)
		}
	})
}
