package tieline

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/tieline/tieline/internal/jsonpath"
	"github.com/tieline/tieline/internal/oauth"
	"github.com/tieline/tieline/store"
)

// DeviceAuthorization is the beginning of an authorization on another device (RFC
// 8628): show the user the code and where to type it in.
type DeviceAuthorization struct {
	UserCode        string
	VerificationURL string
	// VerificationURLComplete has the code in it, for a link or a QR code. It may
	// be empty.
	VerificationURLComplete string
	// Interval is how long to wait between two calls of CompleteDevice that do
	// not wait themselves.
	Interval  time.Duration
	ExpiresAt time.Time
	// Handle is what CompleteDevice takes. Whoever has it gets the connection.
	Handle Secret
	// ConnectionID is the ID that the connection will have.
	ConnectionID string
}

// ErrAuthorizationPending: the user has not decided yet.
var ErrAuthorizationPending = errors.New("the user has not decided yet")

const (
	deviceGrant = "urn:ietf:params:oauth:grant-type:device_code"

	// RFC 8628 section 3.2: five seconds unless the server says otherwise, and
	// five more each time that it asks to slow down (section 3.5).
	deviceInterval = 5 * time.Second

	// maxDeviceLife bounds how long a user has.
	maxDeviceLife = time.Hour

	keptDeviceCode = "device_code"
	keptInterval   = "interval"
)

// AuthorizeDevice begins an authorization for a user whose browser is elsewhere.
// Params, Binding and CallbackURL play no part in it. The errors are those of
// [Connections.Authorize], and ErrTokenEndpoint.
func (m *Connections) AuthorizeDevice(ctx context.Context, integration string, o AuthorizeOptions) (*DeviceAuthorization, error) {
	a, err := m.core.authorizeDevice(ctx, integration, o)
	return a, opError("connections: authorize device", err, integration, o.ConnectionID)
}

func (c *core) authorizeDevice(ctx context.Context, key string, o AuthorizeOptions) (*DeviceAuthorization, error) {
	i, err := c.usableIntegration(ctx, key)
	if err != nil {
		return nil, err
	}
	if i.entry.DeviceAuthorizationURL == nil {
		return nil, fmt.Errorf("%w: the provider has no device authorization", ErrWrongMode)
	}
	o.Binding = ""
	a, d, err := c.prepareAuthorization(ctx, i, o)
	if err != nil {
		return nil, err
	}
	tctx, cancel := context.WithTimeout(ctx, c.policy.Exchange)
	defer cancel()
	out, err := d.subject(a.client()).beginDevice(tctx, a)
	if err != nil {
		return nil, err
	}
	if err := c.putAuthorization(ctx, i.row.Key, a); err != nil {
		return nil, err
	}
	// One value carries both what finds the flow and what proves the right to it.
	out.Handle, out.ConnectionID = NewSecret(a.State+"."+a.binding), a.Connection
	return out, nil
}

// beginDevice asks for a device code (RFC 8628 section 3.1).
func (s *Subject) beginDevice(ctx context.Context, a *authorization) (*DeviceAuthorization, error) {
	env := s.env()
	target, err := expandURL(s.provider.DeviceAuthorizationURL, env, "device_authorization_url")
	if err != nil {
		return nil, err
	}
	call, err := s.tokenCall()
	if err != nil {
		return nil, err
	}
	call.URL, call.Names, call.Format, call.Method = target, nil, oauth.Form, ""
	if len(a.Scopes) > 0 {
		call.Params["scope"] = strings.Join(a.Scopes, s.provider.ScopeSeparator)
	}
	call.Fields, call.Success, call.QueryParams = oauth.Fields{AccessToken: keptDeviceCode}, oauth.Success{}, nil
	answer, failure := s.send(ctx, call)
	if failure != nil {
		return nil, newTokenError(failure)
	}
	text := func(names ...string) string {
		for _, name := range names {
			if v, _ := jsonpath.Text(answer.Values[name]); v != "" {
				return v
			}
		}
		return ""
	}
	out := &DeviceAuthorization{
		UserCode:                text("user_code"),
		VerificationURL:         text("verification_uri", "verification_url"),
		VerificationURLComplete: text("verification_uri_complete", "verification_url_complete"),
		Interval:                deviceInterval,
		ExpiresAt:               s.core.now().Add(authorizationLife),
	}
	if out.UserCode == "" || out.VerificationURL == "" {
		return nil, &TokenError{Class: ClassTransient, Status: answer.Status, Code: "no_user_code"}
	}
	if d := oauth.Lifetime(answer.Values["interval"]); d > 0 {
		out.Interval = min(d, time.Minute)
	}
	if answer.ExpiresIn > 0 {
		out.ExpiresAt = s.core.now().Add(min(answer.ExpiresIn, maxDeviceLife))
	}
	a.ExpiresAt = out.ExpiresAt
	a.Keep = map[string]string{keptDeviceCode: answer.AccessToken, keptInterval: out.Interval.String()}
	return out, nil
}

// CompleteDevice waits until the user has decided, or ctx is done, and makes the
// connection. A ctx that is done gives ErrAuthorizationPending, and the same handle
// can be waited for again, by another process too. The other errors are those of
// [Connections.Complete].
func (m *Connections) CompleteDevice(ctx context.Context, handle string) (Connection, error) {
	conn, err := m.core.completeDevice(ctx, handle)
	if err != nil {
		return Connection{}, opError("connections: complete device", err, conn.Integration, conn.ID)
	}
	return conn, nil
}

func (c *core) completeDevice(ctx context.Context, handle string) (Connection, error) {
	if isClosed(c.flights.stopping()) {
		return Connection{}, ErrClosed
	}
	state, binding, _ := strings.Cut(handle, ".")
	row, a, err := c.pendingOf(ctx, binding, state)
	if err != nil {
		return Connection{}, err
	}
	i, err := c.integrationByID(ctx, row.Parent)
	if errors.Is(err, store.ErrNotFound) || err == nil && i.rec.Deleting {
		err = ErrState
	}
	if err != nil {
		return Connection{}, err
	}
	named := Connection{ID: a.Connection, Integration: i.row.Unique}
	d, err := c.draft(ctx, i, a.Connection, a.input())
	if err != nil {
		return named, err
	}
	interval, err := time.ParseDuration(a.Keep[keptInterval])
	if err != nil || a.Keep[keptDeviceCode] == "" {
		return named, ErrState
	}
	for {
		conn, err := detach(c, context.WithoutCancel(ctx), func(ctx context.Context) (Connection, error) {
			return c.pollDevice(ctx, d, row, a)
		})
		var failure *TokenError
		switch {
		case err == nil:
			return conn, nil
		case isContextError(err) && ctx.Err() != nil:
			return named, ErrAuthorizationPending
		case !errors.As(err, &failure):
			return named, err
		case failure.Code == "slow_down":
			interval += deviceInterval
		case failure.Code != "authorization_pending" && (failure.Code != "" && failure.Class == ClassAmbiguous || !failure.Temporary()):
			if failure.Class != ClassConfig {
				// What is wrong with the application may be put right while the user
				// still has time.
				_ = c.store.Delete(ctx, row.Key, row.Version)
			}
			return named, deviceRefused(failure)
		}
		if !c.now().Add(interval).Before(a.ExpiresAt) {
			return named, ErrState
		}
		if !waitFor(ctx, c.flights.stopping(), max(interval, failure.RetryAfter)) {
			if ctx.Err() == nil {
				return named, ErrClosed
			}
			return named, ErrAuthorizationPending
		}
	}
}

// deviceRefused tells a decision apart from a failure (RFC 8628 section 3.5).
func deviceRefused(failure *TokenError) error {
	switch failure.Code {
	case "access_denied":
		return &AuthorizationError{Code: failure.Code, Description: failure.Description}
	case "expired_token":
		return ErrState
	}
	return failure
}

// decided tells of a poll, unless it said to wait.
func (o *operation) decided(err error) {
	var failure *TokenError
	if errors.As(err, &failure) {
		if failure.Code == "authorization_pending" || failure.Code == "slow_down" {
			return
		}
		err = deviceRefused(failure)
	}
	o.finish(Result{Err: err})
}

// waitFor answers false when ctx is done or the Client is being closed first.
func waitFor(ctx context.Context, stopping <-chan struct{}, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	case <-stopping:
		return false
	}
}

// pollDevice asks once whether the user has decided. The server gives tokens for a
// device code once, so of several that wait one gets them.
func (c *core) pollDevice(ctx context.Context, d *draft, row store.Row, a *authorization) (conn Connection, err error) {
	d.operation = c.operation(ctx, connecting(d.integration, d.id))
	defer func() { d.operation.decided(err) }()
	tctx, cancel := context.WithTimeout(ctx, c.policy.Exchange)
	defer cancel()
	s := d.subject(a.client())
	call, err := s.tokenCall()
	if err != nil {
		return Connection{}, err
	}
	call.Params["grant_type"], call.Params["device_code"] = deviceGrant, a.Keep[keptDeviceCode]
	issued := c.now()
	answer, failure := s.send(tctx, call)
	if failure != nil {
		return Connection{}, newTokenError(failure)
	}
	token := &OAuth2Token{ClientID: a.ClientID, ClientSecret: NewSecret(a.ClientSecret)}
	g, err := s.granted(tctx, s.token(token, answer, issued), answer, nil, issued)
	if err != nil {
		return Connection{}, err
	}
	conn, err = c.found(ctx, d, g, nil)
	if err == nil {
		_ = c.store.Delete(ctx, row.Key, row.Version)
	}
	return conn, err
}
