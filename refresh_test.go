package tieline

import (
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

func TestOneRefreshForManyCallers(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := connected(t, worldOptions{})
		first := w.credential()
		time.Sleep(time.Hour)
		var wg sync.WaitGroup
		for range 1000 {
			wg.Go(func() {
				if got := w.credential(); got.AccessToken.Equal(first.AccessToken) {
					t.Error("the expired token was served")
				}
			})
		}
		wg.Wait()
		if st := w.provider.Stats(); st.Refreshes != 1 || st.ReusedRefreshTokens != 0 {
			t.Errorf("%d refreshes, %d reused tokens", st.Refreshes, st.ReusedRefreshTokens)
		}
	})
}
