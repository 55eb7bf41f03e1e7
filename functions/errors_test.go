package functions

import (
	"fmt"
	"testing"

	"github.com/tieline/tieline"
)

// What a provider answers to a list in pages is as good or bad as what it answers to
// anything else.
func TestKindOfAnswers(t *testing.T) {
	t.Parallel()
	for status, want := range map[int]Kind{400: KindRefused, 404: KindRefused, 408: KindTemporary, 429: KindTemporary, 503: KindTemporary} {
		for _, err := range []error{&RefusedError{Status: status}, &tieline.StatusError{Status: status}} {
			if got := KindOf(fmt.Errorf("page 2: %w", err)); got != want {
				t.Errorf("%T %d is %q", err, status, got)
			}
		}
	}
}
