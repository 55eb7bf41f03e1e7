package tieline

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/tieline/tieline/providertest"
)

func TestRewrap(t *testing.T) {
	t.Parallel()
	w := newWorld(t, worldOptions{})
	w.integration("acme", "acme")
	for i := range 5 {
		w.connect("acme", fmt.Sprint("user-", i))
	}
	if _, err := w.Connections.Authorize(t.Context(), "acme", AuthorizeOptions{}); err != nil {
		t.Fatal(err)
	}
	old := w.keys.IDs()[0]
	w.keys = testKeys(t, 2, 1)
	rotated, _, _ := w.client(worldOptions{})
	newest := w.keys.IDs()[0]
	if usage, err := rotated.KeyUsage(t.Context()); err != nil || !cmp.Equal(usage, map[string]int{old: 7}) {
		t.Errorf("before: %v, %v", usage, err)
	}
	report, err := rotated.Rewrap(t.Context())
	if err != nil || report != (RewrapReport{Rewrapped: 7}) {
		t.Errorf("Rewrap = %+v, %v", report, err)
	}
	if usage, err := rotated.KeyUsage(t.Context()); err != nil || !cmp.Equal(usage, map[string]int{newest: 7}) {
		t.Errorf("after: %v, %v", usage, err)
	}
	if report, err := rotated.Rewrap(t.Context()); err != nil || report != (RewrapReport{Current: 7}) {
		t.Errorf("again: %+v, %v", report, err)
	}
	w.keys = testKeys(t, 2)
	without, _, _ := w.client(worldOptions{})
	for i := range 5 {
		if _, err := without.Connections.Credential(t.Context(), "acme", fmt.Sprint("user-", i)); err != nil {
			t.Errorf("without the old key: %v", err)
		}
	}
	if _, err := without.Integrations.Get(t.Context(), "acme"); err != nil {
		t.Error(err)
	}
	w.keys = testKeys(t, 3)
	stranger, _, _ := w.client(worldOptions{})
	report, err = stranger.Rewrap(t.Context())
	if !errors.Is(err, ErrUnknownKey) || report != (RewrapReport{Failed: 7}) {
		t.Errorf("without any of the keys: %+v, %v", report, err)
	}
}

// Moving to a new key while connections are refreshed disturbs neither.
func TestRewrapWhileInUse(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, worldOptions{keys: testKeys(t, 2, 1)})
		w.integration("acme", "acme")
		for i := range 8 {
			w.connect("acme", fmt.Sprint("user-", i))
		}
		w.provider.Fail(providertest.Fault{Endpoint: providertest.Refresh, Times: providertest.Always, DelayAfter: time.Second})
		w.keys = testKeys(t, 1, 2)
		rotated, _, _ := w.client(worldOptions{})
		time.Sleep(time.Hour)
		var wg sync.WaitGroup
		for i := range 8 {
			for _, c := range []*Client{w.Client, rotated} {
				wg.Go(func() {
					for range 3 {
						if _, err := c.Connections.Credential(t.Context(), "acme", fmt.Sprint("user-", i)); err != nil {
							t.Error(err)
						}
						time.Sleep(30 * time.Minute)
					}
				})
			}
		}
		for range 20 {
			if _, err := rotated.Rewrap(context.Background()); err != nil {
				t.Error(err)
			}
			time.Sleep(100 * time.Millisecond)
		}
		wg.Wait()
		if st := w.provider.Stats(); st.ReusedRefreshTokens != 0 || st.RefreshRejected != 0 {
			t.Errorf("%d reused, %d rejected", st.ReusedRefreshTokens, st.RefreshRejected)
		}
	})
}
