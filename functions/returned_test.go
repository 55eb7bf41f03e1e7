package functions

import (
	"context"
	"errors"
	"fmt"
	"testing"

	"github.com/tieline/tieline"
	"github.com/tieline/tieline/store"
)

// The errors of functions are told from those of what is around them.
func TestReturned(t *testing.T) {
	t.Parallel()
	w := newWorld(t, "alice")
	inner := fmt.Errorf("nothing left: %w", tieline.ErrNotFound)
	p := w.process(nil, Define("fail", func(context.Context, *Call, word) (word, error) { return word{}, inner }, Options{}))
	input := []byte(`{"word":"a"}`)
	for range 2 { // the second time it is a RunError
		_, err := p.CallWith(t.Context(), at("alice"), "fail", input, RunOptions{IdempotencyKey: "k"})
		if text, ok := Returned(err); !ok || text != inner.Error() {
			t.Errorf("%v: %q, %v", err, text, ok)
		}
	}
	_, err := p.Call(t.Context(), at("alice"), "fail", input)
	if text, ok := Returned(err); !ok || text != inner.Error() || !errors.Is(err, tieline.ErrNotFound) || KindOf(err) != KindFailed {
		t.Errorf("%v: %q, %v", err, text, ok)
	}
	p.before = func(string, store.Key) error { return errors.New("the Store fails") }
	_, err = p.CallWith(t.Context(), at("alice"), "fail", input, RunOptions{IdempotencyKey: "other"})
	_, unknown := w.process(nil).Call(t.Context(), at("alice"), "none", nil)
	for _, err := range []error{nil, err, unknown, tieline.ErrReauthRequired} {
		if text, ok := Returned(err); ok {
			t.Errorf("%v: %q", err, text)
		}
	}
}
