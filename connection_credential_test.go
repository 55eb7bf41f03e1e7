package tieline

import (
	"errors"
	"fmt"
	"net/http"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/tieline/tieline/store"
	"github.com/tieline/tieline/storetest"
)

// Connection and credential are those of one reading, and after a refresh both are new.
func TestGetWithCredential(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var reads atomic.Int32
		tokens := 0
		db := storetest.Faulty(&store.Memory{}, func(op string, _ store.Key) error {
			if op == "Get" || op == "GetPath" || op == "List" {
				reads.Add(1)
			}
			return nil
		}, nil)
		c := clientOf(t, db, oauthEntry, answering(func(r *http.Request, _ string) *http.Response {
			tokens++
			return jsonResponse(r, 200, fmt.Sprintf(`{"access_token":"access-%d","refresh_token":"refresh-%d","expires_in":3600}`, tokens, tokens))
		}))
		signIn(t, c)
		check := func(access string) {
			t.Helper()
			conn, cred, err := c.Connections.GetWithCredential(t.Context(), "key", "alice")
			if err != nil {
				t.Fatal(err)
			}
			if got := cred.(*OAuth2Token); got.AccessToken.Reveal() != access || !conn.ExpiresAt.Equal(got.ExpiresAt) {
				t.Errorf("%q until %v, the connection until %v", got.AccessToken.Reveal(), got.ExpiresAt, conn.ExpiresAt)
			}
			synctest.Wait()
			want, err := c.Connections.Get(t.Context(), "key", "alice")
			conn.FetchedAt = want.FetchedAt // is noted meanwhile
			if err != nil || !cmp.Equal(conn, want) {
				t.Error(err, cmp.Diff(want, conn))
			}
		}
		check("access-1")
		reads.Store(0)
		if _, _, err := c.Connections.GetWithCredential(t.Context(), "key", "alice"); err != nil || reads.Load() != 1 {
			t.Errorf("%d readings, %v", reads.Load(), err)
		}
		time.Sleep(2 * time.Hour)
		check("access-2")
		if _, _, err := c.Connections.GetWithCredential(t.Context(), "key", "bob"); !errors.Is(err, ErrNotFound) {
			t.Error(err)
		}
	})
}
