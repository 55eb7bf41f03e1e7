package record

import (
	"errors"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/tieline/tieline/internal/wire"
)

func at(s int64) time.Time { return time.Unix(s, 0).UTC() }

func connection() *Connection {
	c := &Connection{
		State: State{
			Provider: "acme", Status: NeedsReauth, Fence: 5, TokenFence: 4, Gen: 9,
			Holder: "0123456789abcdef", Beat: at(1), Sent: true,
			IssuedAt: at(2), ExpiresAt: at(3), DueAt: at(4), NextAttempt: at(5), Fails: 6,
			LastError: Failure{Code: "invalid_grant", Class: "permanent", Status: 400, At: at(7), Fence: 5},
			CreatedAt: at(8), UpdatedAt: at(9), RefreshedAt: at(10), FetchedAt: at(11), Grant: -12,
		},
		Sealed: []byte("sealed"),
	}
	c.SetPublic(public())
	return c
}

func public() Public {
	return Public{
		Config: map[string]string{"subdomain": "a"}, Metadata: []byte(`{"k":1}`), Tags: map[string]string{"env": "prod"},
		EndUser: &EndUser{ID: "u", Email: "e", DisplayName: "d", Tags: map[string]string{"T": "v"},
			Organization: &Organization{ID: "o", DisplayName: "n"}},
		WebhookURL: "https://example.com",
	}
}

var allFields = cmp.AllowUnexported(State{}, Public{}, Connection{}, Integration{})

func TestConnectionRoundTrip(t *testing.T) {
	t.Parallel()
	want := connection()
	got, err := ParseConnection(want.Encode())
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, got, allFields); diff != "" {
		t.Errorf("connection (-want +got):\n%s", diff)
	}
	p, err := got.Public()
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(public(), p, allFields); diff != "" {
		t.Errorf("public part (-want +got):\n%s", diff)
	}
}

func TestIntegrationRoundTrip(t *testing.T) {
	t.Parallel()
	want := &Integration{Provider: "acme", DisplayName: "A", ForwardWebhooks: true, Config: map[string]string{"a": "b"},
		Deleting: true, Gen: 3, CreatedAt: at(1), UpdatedAt: at(2), Sealed: []byte("s"), APIHosts: []string{"a.example.com", "*.b.example.com"}}
	got, err := ParseIntegration(want.Encode())
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, got, allFields); diff != "" {
		t.Errorf("integration (-want +got):\n%s", diff)
	}
	sealed, err := ParseSealed(EncodeSealed([]byte("x")))
	if err != nil || string(sealed) != "x" {
		t.Errorf("sealed row: %q, %v", sealed, err)
	}
}

// An integration that an older version wrote has no hosts, and keeps what a newer one
// wrote behind them.
func TestIntegrationOfAnotherVersion(t *testing.T) {
	t.Parallel()
	whole := &Integration{Provider: "acme", Gen: 3, Sealed: []byte("s"), APIHosts: []string{"a.example.com"}}
	none := (&Integration{Provider: "acme", Gen: 3, Sealed: []byte("s")}).Encode()
	older, err := ParseIntegration(none[:len(none)-1]) // the number of hosts is the last byte
	if err != nil || older.APIHosts != nil || string(older.Sealed) != "s" {
		t.Errorf("of an older version: %+v, %v", older, err)
	}
	newer := wire.AppendString(whole.Encode(), "more")
	got, err := ParseIntegration(newer)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(newer, got.Encode()); diff != "" {
		t.Errorf("of a newer version (-want +got):\n%s", diff)
	}
}

// A process that does not know a newer version's fields must not drop them
// when it refreshes the connection or edits its metadata.
func TestFieldsOfANewerVersionStay(t *testing.T) {
	t.Parallel()
	newer := connection()
	newer.State.tail = wire.AppendString(nil, "state")
	p := public()
	p.tail = wire.AppendString(nil, "public")
	newer.SetPublic(p)
	newer.tail = wire.AppendString(nil, "whole")

	older, err := ParseConnection(newer.Encode())
	if err != nil {
		t.Fatal(err)
	}
	older.State.Fence++
	edit, err := older.Public()
	if err != nil {
		t.Fatal(err)
	}
	edit.Metadata = []byte(`{}`)
	older.SetPublic(edit)

	newer.State.Fence++
	p.Metadata = []byte(`{}`)
	newer.SetPublic(p)
	if diff := cmp.Diff(newer.Encode(), older.Encode()); diff != "" {
		t.Errorf("after an edit by an older version (-want +got):\n%s", diff)
	}
}

func TestDamagedRecords(t *testing.T) {
	t.Parallel()
	if _, err := ParseConnection(nil); !errors.Is(err, wire.ErrMalformed) {
		t.Errorf("empty: %v", err)
	}
	if _, err := ParseConnection([]byte{99, 1, 2}); !errors.Is(err, ErrFormat) {
		t.Errorf("a newer format: %v", err)
	}
	if _, err := ParseIntegration([]byte{1, 200}); !errors.Is(err, wire.ErrMalformed) {
		t.Errorf("a cut integration: %v", err)
	}
	if _, err := ParseSealed([]byte{1, 200}); !errors.Is(err, wire.ErrMalformed) {
		t.Errorf("a cut sealed row: %v", err)
	}
}

func FuzzConnection(f *testing.F) {
	f.Add(connection().Encode())
	f.Fuzz(func(t *testing.T, in []byte) {
		c, err := ParseConnection(in)
		if err != nil {
			return
		}
		if p, err := c.Public(); err == nil {
			c.SetPublic(p)
		}
		again, err := ParseConnection(c.Encode())
		if err != nil {
			t.Fatalf("what was encoded does not parse: %v", err)
		}
		if diff := cmp.Diff(c, again, allFields, cmpopts.EquateEmpty()); diff != "" {
			t.Fatalf("a second round trip differs:\n%s", diff)
		}
	})
}

func BenchmarkParseConnection(b *testing.B) {
	data := connection().Encode()
	b.ReportAllocs()
	for b.Loop() {
		if _, err := ParseConnection(data); err != nil {
			b.Fatal(err)
		}
	}
}
