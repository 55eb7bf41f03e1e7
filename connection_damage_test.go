package tieline

import (
	"errors"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/tieline/tieline/providertest"
)

func TestDeleteConnection(t *testing.T) {
	t.Parallel()
	w := connected(t, worldOptions{})
	token := w.credential()
	w.provider.Fail(providertest.Fault{Endpoint: providertest.Revoke, Status: 503})
	if err := w.Connections.Delete(t.Context(), "acme", "alice", DeleteOptions{}); err != nil {
		t.Fatalf("a revocation that fails keeps the connection: %v", err)
	}
	if err := w.Connections.Delete(t.Context(), "acme", "alice", DeleteOptions{}); !errors.Is(err, ErrNotFound) {
		t.Errorf("a second Delete: %v", err)
	}
	w.connect("acme", "alice")
	if w.credential().AccessToken.Equal(token.AccessToken) {
		t.Error("the new connection has the old credential")
	}
	if err := w.Connections.Delete(t.Context(), "acme", "alice", DeleteOptions{}); err != nil {
		t.Fatal(err)
	}
	if st := w.provider.Stats(); st.Revocations != 1 {
		t.Errorf("%d revocations", st.Revocations)
	}
	if got := w.events.count(EventDisconnected); got != 2 {
		t.Errorf("%d events", got)
	}
}

// Bytes that were changed, moved or written under another key are errors that
// name the connection, and the others stay usable.
func TestDamagedConnections(t *testing.T) {
	t.Parallel()
	w := keyWorld(t, worldOptions{})
	for _, id := range []string{"good", "flipped", "cut", "moved", "newer"} {
		if _, err := w.Connections.Create(t.Context(), "acme-key", id, w.goodInput("acme-key")); err != nil {
			t.Fatal(err)
		}
	}
	data := map[string][]byte{}
	for _, row := range w.rows(kindConnection) {
		data[connectionID(row)] = row.Data
	}
	for _, row := range w.rows(kindConnection) {
		switch connectionID(row) {
		case "flipped":
			row.Data[len(row.Data)-20] ^= 1
		case "cut":
			row.Data = row.Data[:len(row.Data)-20]
		case "moved":
			row.Data = data["good"]
		case "newer":
			row.Data[0] = 99
		}
		if _, err := w.store.Put(t.Context(), row); err != nil {
			t.Fatal(err)
		}
	}
	for id, want := range map[string]error{"flipped": ErrDamaged, "cut": ErrDamaged, "moved": ErrDamaged, "newer": ErrNewerFormat, "good": nil} {
		_, err := w.Connections.Credential(t.Context(), "acme-key", id)
		if !errors.Is(err, want) || err != nil && !strings.Contains(err.Error(), `"acme-key"/"`+id+`"`) {
			t.Errorf("%s: %v, want %v", id, err, want)
		}
	}
	listed := map[string]bool{}
	for conn, err := range w.Connections.All(t.Context(), Filter{}) {
		if conn.RowID == "" {
			t.Errorf("an unreadable row ended the listing: %v", err)
		}
		listed[conn.ID] = err == nil
	}
	if diff := cmp.Diff([]string{"cut", "flipped", "good", "moved", "newer"}, slices.Sorted(maps.Keys(listed))); diff != "" {
		t.Errorf("listed (-want +got):\n%s", diff)
	}
	w.keys = testKeys(t, 9)
	stranger, _, _ := w.client(worldOptions{})
	if _, err := stranger.Connections.Credential(t.Context(), "acme-key", "good"); !errors.Is(err, ErrUnknownKey) {
		t.Errorf("without the key: %v", err)
	}
	for id := range listed {
		if err := w.Connections.Delete(t.Context(), "acme-key", id, DeleteOptions{}); err != nil {
			t.Errorf("Delete of %s: %v", id, err)
		}
	}
}
