package e2e

import (
	"context"
	"errors"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/tieline/tieline"
	"github.com/zitadel/oidc/v3/pkg/oidc"
)

// TestInteropDevice: RFC 8628 against github.com/zitadel/oidc.
func TestInteropDevice(t *testing.T) {
	t.Parallel()
	t.Run("whole life", deviceLife)
	t.Run("denied", deviceDenied)
	t.Run("expired at the server", deviceExpired)
	t.Run("nobody decides", deviceUndecided)
	t.Run("waited for twice", deviceTwice)
	t.Run("handle of another", deviceHandle)
	t.Run("wrong secret", deviceSecret)
}

// The user decides after the first poll. Then the connection is like any other: it
// is called with, refreshed and revoked.
func deviceLife(t *testing.T) {
	t.Parallel()
	d := newTV(t)
	a := d.begin()
	d.checkShown(a)
	type result struct {
		conn tieline.Connection
		err  error
	}
	done := make(chan result, 1)
	go func() {
		conn, err := d.Connections.CompleteDevice(t.Context(), a.Handle.Reveal())
		done <- result{conn, err}
	}()
	<-d.polled
	d.nobody()
	d.must(d.store.CompleteDeviceAuthorization(t.Context(), a.UserCode, tvUser))
	got := <-done
	if got.err != nil || got.conn.ID != user || got.conn.Status != tieline.StatusActive {
		t.Fatalf("got %+v, %v", got.conn, got.err)
	}
	if n := d.seen(oidc.GrantTypeDeviceCode); n != 2 {
		t.Errorf("%d polls, want 2", n)
	}

	first := d.token()
	d.calls("/userinfo")
	d.clock.advance(tvTokenLife)
	d.calls("/userinfo")
	second := d.token()
	if second.AccessToken.Equal(first.AccessToken) || second.RefreshToken.Equal(first.RefreshToken) {
		t.Error("the tokens are those of before")
	}
	if n := d.seen(oidc.GrantTypeRefreshToken); n != 1 {
		t.Errorf("%d refreshes", n)
	}
	if _, err := d.Connections.CompleteDevice(t.Context(), a.Handle.Reveal()); !errors.Is(err, tieline.ErrState) {
		t.Errorf("again: got %v, want ErrState", err)
	}
	d.must(d.Connections.Delete(t.Context(), integration, user, tieline.DeleteOptions{}))
	if _, _, err := d.store.GetRefreshTokenInfo(t.Context(), d.clientID, second.RefreshToken.Reveal()); err == nil {
		t.Error("the refresh token works after the connection was deleted")
	}
}

// checkShown compares what the user is shown with how the server is set up.
func (d *tv) checkShown(a *tieline.DeviceAuthorization) {
	d.t.Helper()
	if !regexp.MustCompile(`^[BCDFGHJKLMNPQRSTVWXZ]{4}-[BCDFGHJKLMNPQRSTVWXZ]{4}$`).MatchString(a.UserCode) {
		d.t.Errorf("user code %q", a.UserCode)
	}
	if a.VerificationURL != d.url+"/device" || a.ConnectionID != user {
		d.t.Errorf("URL %q, connection %q", a.VerificationURL, a.ConnectionID)
	}
	u, err := url.Parse(a.VerificationURLComplete)
	if err != nil || u.Path != "/device" || u.Query().Get("user_code") != a.UserCode {
		d.t.Errorf("complete URL %q", a.VerificationURLComplete)
	}
	if a.Interval != time.Second || !a.ExpiresAt.Equal(d.clock.now().Add(10*time.Minute).Truncate(time.Microsecond)) {
		d.t.Errorf("interval %v, expires at %v", a.Interval, a.ExpiresAt)
	}
	state, err := d.store.GetDeviceAuthorizationByUserCode(d.t.Context(), a.UserCode)
	if err != nil || strings.Join(state.Scopes, " ") != "openid profile offline_access" || state.ClientID != d.clientID {
		d.t.Errorf("the server has %+v, %v", state, err)
	}
	// What the device code is, nobody is shown: it would do in place of the user.
	if strings.Contains(a.Handle.Reveal(), a.UserCode) {
		d.t.Error("the handle has the user code in it")
	}
}

func deviceDenied(t *testing.T) {
	t.Parallel()
	d := newTV(t)
	a := d.begin()
	d.must(d.store.DenyDeviceAuthorization(t.Context(), a.UserCode))
	_, err := d.Connections.CompleteDevice(t.Context(), a.Handle.Reveal())
	var refusal *tieline.AuthorizationError
	if !errors.Is(err, tieline.ErrDenied) || !errors.As(err, &refusal) || refusal.Code != "access_denied" {
		t.Errorf("got %v, want access_denied", err)
	}
	d.wantOver(a, 1)
}

// The code has run out by the server's clock.
func deviceExpired(t *testing.T) {
	t.Parallel()
	d := newTV(t)
	a := d.begin()
	state, err := d.store.GetDeviceAuthorizationByUserCode(t.Context(), a.UserCode)
	d.must(err)
	state.Expires = time.Now().Add(-time.Second)
	if _, err := d.Connections.CompleteDevice(t.Context(), a.Handle.Reveal()); !errors.Is(err, tieline.ErrState) {
		t.Errorf("got %v, want ErrState", err)
	}
	d.wantOver(a, 1)
}

// Or by ours, without a question.
func deviceUndecided(t *testing.T) {
	t.Parallel()
	d := newTV(t)
	a := d.begin()
	d.clock.advance(10 * time.Minute)
	if _, err := d.Connections.CompleteDevice(t.Context(), a.Handle.Reveal()); !errors.Is(err, tieline.ErrState) {
		t.Errorf("got %v, want ErrState", err)
	}
	d.wantOver(a, 0)
}

// wantOver checks that there is nothing more to be had from a handle.
func (d *tv) wantOver(a *tieline.DeviceAuthorization, polls int) {
	d.t.Helper()
	if _, err := d.Connections.CompleteDevice(d.t.Context(), a.Handle.Reveal()); !errors.Is(err, tieline.ErrState) {
		d.t.Errorf("again: got %v, want ErrState", err)
	}
	if n := d.seen(oidc.GrantTypeDeviceCode); n != polls {
		d.t.Errorf("%d polls, want %d", n, polls)
	}
	d.nobody()
}

// Who gives up waiting can take it up again.
func deviceTwice(t *testing.T) {
	t.Parallel()
	d := newTV(t)
	a := d.begin()
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	done := make(chan error, 1)
	go func() {
		_, err := d.Connections.CompleteDevice(ctx, a.Handle.Reveal())
		done <- err
	}()
	<-d.polled
	cancel()
	if err := <-done; !errors.Is(err, tieline.ErrAuthorizationPending) {
		t.Errorf("got %v, want ErrAuthorizationPending", err)
	}
	d.nobody()
	d.must(d.store.CompleteDeviceAuthorization(t.Context(), a.UserCode, tvUser))
	if _, err := d.Connections.CompleteDevice(t.Context(), a.Handle.Reveal()); err != nil {
		t.Error(err)
	}
	d.calls("/userinfo")
}

// The user code, which is on everybody's screen, is no handle, and half of one
// handle does not go with half of another.
func deviceHandle(t *testing.T) {
	t.Parallel()
	d := newTV(t)
	a, b := d.begin(), d.begin()
	d.must(d.store.CompleteDeviceAuthorization(t.Context(), a.UserCode, tvUser))
	state, _, _ := strings.Cut(a.Handle.Reveal(), ".")
	_, binding, _ := strings.Cut(b.Handle.Reveal(), ".")
	for _, handle := range []string{"", a.UserCode, state, state + ".", state + "." + binding, a.Handle.Reveal() + "A"} {
		if _, err := d.Connections.CompleteDevice(t.Context(), handle); !errors.Is(err, tieline.ErrState) {
			t.Errorf("got %v, want ErrState", err)
		}
	}
	if n := d.seen(oidc.GrantTypeDeviceCode); n != 0 {
		t.Errorf("%d polls", n)
	}
	if _, err := d.Connections.CompleteDevice(t.Context(), a.Handle.Reveal()); err != nil {
		t.Error(err)
	}
}

// A client with the wrong secret learns it before any user is shown a code; and if
// it becomes wrong under way, no grant is to be had with it. The library's word for
// it is unauthorized_client.
func deviceSecret(t *testing.T) {
	t.Parallel()
	d := newTV(t)
	a := d.begin()
	d.must(d.store.CompleteDeviceAuthorization(t.Context(), a.UserCode, tvUser))
	d.setSecret("not the secret")
	_, err := d.Connections.AuthorizeDevice(t.Context(), integration, tieline.AuthorizeOptions{ConnectionID: user})
	wantTokenError(t, err, "unauthorized_client", tieline.ClassConfig)
	_, err = d.Connections.CompleteDevice(t.Context(), a.Handle.Reveal())
	wantTokenError(t, err, "unauthorized_client", tieline.ClassConfig)
	d.nobody()
}
