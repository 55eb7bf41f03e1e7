package record

import (
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/tieline/tieline/internal/wire"
)

func forward() *Forward {
	return &Forward{
		MessageID: "msg_1", Type: "forward", Integration: "i", Provider: "p", Connection: "c", Slot: -1, Target: "t",
		QueuedAt: at(1), Attempts: 2, Claim: -3, LastStatus: 500, LastError: "status 500", FailedAt: at(4), Sealed: []byte("sealed"),
	}
}

func content() ForwardContent {
	return ForwardContent{URL: "https://example.com", Header: map[string][]string{"A": {"1", "2"}, "B": {""}}, Body: []byte("body")}
}

func TestForwardRoundTrip(t *testing.T) {
	t.Parallel()
	want := forward()
	want.tail = wire.AppendString(nil, "of a newer version")
	got, err := ParseForward(want.Encode())
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, got, cmp.AllowUnexported(Forward{})); diff != "" {
		t.Errorf("forward (-want +got):\n%s", diff)
	}
	c, err := ParseForwardContent(content().Encode())
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(content(), c); diff != "" {
		t.Errorf("content (-want +got):\n%s", diff)
	}
}

func TestDamagedForwards(t *testing.T) {
	t.Parallel()
	if _, err := ParseForward([]byte{99}); !errors.Is(err, ErrFormat) {
		t.Errorf("a newer format: %v", err)
	}
	if _, err := ParseForward([]byte{1, 200}); !errors.Is(err, wire.ErrMalformed) {
		t.Errorf("a cut forward: %v", err)
	}
	odd := wire.AppendStrings(wire.AppendString(nil, ""), []string{"name without a value"})
	if _, err := ParseForwardContent(odd); !errors.Is(err, wire.ErrMalformed) {
		t.Errorf("half a header: %v", err)
	}
}

func FuzzForward(f *testing.F) {
	f.Add(forward().Encode(), content().Encode())
	f.Fuzz(func(t *testing.T, row, plain []byte) {
		if rec, err := ParseForward(row); err == nil {
			again, err := ParseForward(rec.Encode())
			if err != nil {
				t.Fatalf("what was encoded does not parse: %v", err)
			}
			if diff := cmp.Diff(rec, again, cmp.AllowUnexported(Forward{}), cmpopts.EquateEmpty()); diff != "" {
				t.Fatalf("a second round trip differs:\n%s", diff)
			}
		}
		if c, err := ParseForwardContent(plain); err == nil {
			again, err := ParseForwardContent(c.Encode())
			if err != nil {
				t.Fatalf("what was encoded does not parse: %v", err)
			}
			if diff := cmp.Diff(c, again, cmpopts.EquateEmpty()); diff != "" {
				t.Fatalf("a second round trip differs:\n%s", diff)
			}
		}
	})
}
