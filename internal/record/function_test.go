package record

import (
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/tieline/tieline/internal/wire"
)

func function() *Function {
	return &Function{
		Name: "contacts.list", Integration: "i", Connection: "c",
		State: FunctionFailed, Claim: -3, Beat: 4, Attempts: 2,
		CreatedAt: at(1), StartedAt: at(2), FinishedAt: at(3), ErrKind: "temporary", Unwanted: at(4),
		From: at(5), To: at(6), Completed: 7, Fails: 8, Paused: true, Every: 9, Gen: 10, Sealed: []byte("sealed"),
	}
}

func functionContent() FunctionContent {
	return FunctionContent{
		Input: []byte(`{}`), InputDigest: []byte("digest"), Output: []byte(`[]`), Error: "text", Checkpoint: []byte(`1`),
		Webhook: true, WebhookID: "w", WebhookType: "t", WebhookHeader: map[string][]string{"A": {"1", "2"}}, WebhookBody: []byte("body"),
	}
}

func TestFunctionRoundTrip(t *testing.T) {
	t.Parallel()
	want := function()
	want.tail = wire.AppendString(nil, "of a newer version")
	got, err := ParseFunction(want.Encode())
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, got, cmp.AllowUnexported(Function{})); diff != "" {
		t.Errorf("function (-want +got):\n%s", diff)
	}
	content := functionContent()
	content.tail = wire.AppendString(nil, "of a newer version")
	c, err := ParseFunctionContent(content.Encode())
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(content, c, cmp.AllowUnexported(FunctionContent{})); diff != "" {
		t.Errorf("content (-want +got):\n%s", diff)
	}
}

func TestDamagedFunctions(t *testing.T) {
	t.Parallel()
	if _, err := ParseFunction([]byte{99}); !errors.Is(err, ErrFormat) {
		t.Errorf("a newer format: %v", err)
	}
	if _, err := ParseFunction([]byte{1, 200}); !errors.Is(err, wire.ErrMalformed) {
		t.Errorf("a cut function: %v", err)
	}
	odd := FunctionContent{WebhookHeader: map[string][]string{"name": {""}}}.Encode()
	odd[8] = 1 // one line instead of two
	if _, err := ParseFunctionContent(odd); !errors.Is(err, wire.ErrMalformed) {
		t.Errorf("half a header: %v", err)
	}
}

func FuzzFunction(f *testing.F) {
	f.Add(function().Encode(), functionContent().Encode())
	f.Fuzz(func(t *testing.T, row, plain []byte) {
		if rec, err := ParseFunction(row); err == nil {
			again, err := ParseFunction(rec.Encode())
			if err != nil {
				t.Fatalf("what was encoded does not parse: %v", err)
			}
			if diff := cmp.Diff(rec, again, cmp.AllowUnexported(Function{}), cmpopts.EquateEmpty()); diff != "" {
				t.Fatalf("a second round trip differs:\n%s", diff)
			}
		}
		if c, err := ParseFunctionContent(plain); err == nil {
			again, err := ParseFunctionContent(c.Encode())
			if err != nil {
				t.Fatalf("what was encoded does not parse: %v", err)
			}
			if diff := cmp.Diff(c, again, cmp.AllowUnexported(FunctionContent{}), cmpopts.EquateEmpty()); diff != "" {
				t.Fatalf("a second round trip differs:\n%s", diff)
			}
		}
	})
}
