package tieline

import (
	"context"
	"fmt"
	"net/url"
	"sync/atomic"
	"time"

	"golang.org/x/oauth2"
)

// handle is a connection that is used again and again. It keeps what it read
// for [Config.MaxStale].
type handle struct {
	core            *core
	integration, id string

	current atomic.Pointer[snapshot]
}

// snapshot is what a handle knows of its connection. It is not changed.
type snapshot struct {
	outcome
	row     string   // ID of the connection's row
	subject *Subject // with the credential of outcome
	base    *url.URL // of the provider's API; nil when it has none
	baseErr error    // why there is none although the provider has one
	token   *oauth2.Token
	read    time.Time
}

// cached is the last snapshot if it can still be used, nil if not.
func (h *handle) cached() *snapshot {
	s := h.current.Load()
	if s == nil {
		return nil
	}
	now := h.core.now()
	if now.Sub(s.read) >= h.core.maxStale || !s.due.IsZero() && !now.Before(s.due) {
		return nil
	}
	return s
}

// get returns a usable snapshot.
func (h *handle) get(ctx context.Context) (*snapshot, error) {
	if s := h.cached(); s != nil {
		return s, nil
	}
	c := h.core
	read := c.now()
	conn, err := c.findConnection(ctx, h.integration, h.id)
	if err != nil {
		return nil, err
	}
	c.touch(conn, read)
	out, err := c.fresh(ctx, conn, read, CredentialOptions{})
	if err != nil {
		return nil, err
	}
	subj, err := c.subject(ctx, conn.row, conn.rec)
	if err != nil {
		return nil, err
	}
	return h.keep(conn.row.ID, subj, out, read), nil
}

// keep makes a snapshot of an outcome and remembers it.
func (h *handle) keep(row string, subj *Subject, out outcome, read time.Time) *snapshot {
	s := &snapshot{outcome: out, row: row, subject: subj.withCredential(out.cred), token: oauth2Token(out.cred), read: read}
	s.base, s.baseErr = s.subject.baseURL()
	h.current.Store(s)
	return s
}

// renewed is a snapshot with another credential than the one that was refused,
// or an error.
func (h *handle) renewed(ctx context.Context, refused *snapshot) (*snapshot, error) {
	out, err := h.core.forceRefresh(ctx, h.integration, h.id, refused.cred)
	if err != nil {
		return nil, err
	}
	return h.keep(refused.row, refused.subject, out, h.core.now()), nil
}

// oauth2Token is a credential as x/oauth2 has it: without the refresh token,
// which is spent here and nowhere else.
func oauth2Token(cred Credential) *oauth2.Token {
	switch cred := cred.(type) {
	case *OAuth2Token:
		return &oauth2.Token{AccessToken: cred.AccessToken.Reveal(), TokenType: "Bearer", Expiry: cred.ExpiresAt}
	case *ClientCredentials, *TwoStep, *JWT, *AppToken, *CustomToken:
		token, _ := cred.field("accessToken")
		return &oauth2.Token{AccessToken: token, TokenType: "Bearer", Expiry: cred.Expiry()}
	}
	return nil
}

// TokenSource returns a source of the connection's access token for libraries
// that take one. It is cheap to call and touches nothing before the first Token.
// A call of Token waits for as long as a refresh may take, and no longer.
//
// The tokens have no refresh token: only this package may spend it. Do not
// change a token; it is shared. For a provider without access tokens Token
// answers ErrWrongMode.
func (m *Connections) TokenSource(integration, id string) oauth2.TokenSource {
	return &tokenSource{handle{core: m.core, integration: integration, id: id}}
}

type tokenSource struct {
	handle handle
}

// Token implements [oauth2.TokenSource].
func (t *tokenSource) Token() (*oauth2.Token, error) {
	s := t.handle.cached()
	if s == nil {
		c := t.handle.core
		ctx, cancel := context.WithTimeout(context.Background(), c.policy.TakeOver+c.policy.Exchange)
		defer cancel()
		var err error
		if s, err = t.handle.get(ctx); err != nil {
			return nil, opError("connections: token", err, t.handle.integration, t.handle.id)
		}
	}
	if s.token == nil {
		return nil, fmt.Errorf("connections: token %q/%q: %w: a credential of type %s has no access token",
			t.handle.integration, t.handle.id, ErrWrongMode, s.cred.Type())
	}
	return s.token, nil
}
