package tieline

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/tieline/tieline/store"
	"github.com/tieline/tieline/storetest"
)

// Who asks for a credential after a refresh has returned gets what that returned, also
// if the row was read before it was saved and looked at after.
func TestCredentialIsNotOlderThanARefresh(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var hold, release chan struct{} // of the next reading of a row by its names
		s := storetest.Faulty(&store.Memory{}, nil, func(op string, _ store.Key) error {
			if op == "GetPath" && hold != nil {
				held := hold
				hold = nil
				close(held)
				<-release
			}
			return nil
		})
		w := newWorld(t, worldOptions{store: s})
		w.integration("acme", "acme")
		w.connect("acme", "alice")
		time.Sleep(time.Minute)
		read := make(chan struct{})
		hold, release = read, make(chan struct{})
		got := make(chan string)
		go func() {
			cred, err := w.Connections.Credential(t.Context(), "acme", "alice")
			if err != nil {
				t.Error(err)
			}
			got <- cred.(*OAuth2Token).AccessToken.Reveal()
		}()
		<-read
		fresh, err := w.Connections.Refresh(t.Context(), "acme", "alice", nil)
		if err != nil {
			t.Fatal(err)
		}
		synctest.Wait() // it is saved, and the flight is over
		close(release)
		if token := <-got; token != fresh.(*OAuth2Token).AccessToken.Reveal() {
			t.Error("the credential is the one of before the refresh")
		}
	})
}
