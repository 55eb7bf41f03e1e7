package tieline

import (
	"context"
	"errors"
	"time"

	"github.com/tieline/tieline/internal/record"
	"github.com/tieline/tieline/store"
)

// CredentialOptions says how fresh a credential has to be.
type CredentialOptions struct {
	// Early is how much of its life the credential must have left. It replaces
	// the provider's and the Client's margin for this call, but is cut to
	// half the credential's lifetime: more could never be had for long. Zero: the
	// usual margin.
	Early time.Duration
}

// Credential returns the connection's credential, refreshed if it is due. It
// always reads the Store; for many calls in a row use a handle.
//
// A credential that is due but has life left is returned at once and refreshed
// behind the caller's back; so is one whose refresh fails for now. ctx bounds
// the wait, not the refresh. The errors are ErrNotFound, a [*RefreshError] for a
// credential that has expired and could not be refreshed, ErrDamaged and
// ErrUnknownKey.
func (m *Connections) Credential(ctx context.Context, integration, id string) (Credential, error) {
	return m.CredentialWith(ctx, integration, id, CredentialOptions{})
}

// CredentialWith is [Connections.Credential] with options.
func (m *Connections) CredentialWith(ctx context.Context, integration, id string, o CredentialOptions) (Credential, error) {
	out, err := m.core.credential(ctx, integration, id, o)
	if err != nil {
		return nil, opError("connections: credential", err, integration, id)
	}
	return out.cred, nil
}

// GetWithCredential is [Connections.Get] and [Connections.Credential] of one reading of
// the Store, so that both are of the same moment. Its errors are those of Credential.
func (m *Connections) GetWithCredential(ctx context.Context, integration, id string) (Connection, Credential, error) {
	conn, cred, err := m.core.withCredential(ctx, integration, id)
	if err != nil {
		return Connection{}, nil, opError("connections: get with credential", err, integration, id)
	}
	return conn, cred, nil
}

func (c *core) withCredential(ctx context.Context, integration, id string) (Connection, Credential, error) {
	s, err := c.findConnection(ctx, integration, id)
	if err != nil {
		return Connection{}, nil, err
	}
	now := c.now()
	c.touch(s, now)
	out, err := c.fresh(ctx, s, now, CredentialOptions{})
	if err != nil {
		return Connection{}, nil, err
	}
	if out.gen != s.rec.State.Gen { // the row has changed with the credential
		conn, err := c.getConnection(ctx, integration, id)
		return conn, out.cred, err
	}
	private, err := c.openPrivate(s.row.ID, s.rec)
	if err != nil {
		return Connection{}, nil, err
	}
	conn, err := s.value(integration, private)
	return conn, out.cred, err
}

// Refresh gets a new credential from the provider.
//
// rejected is the credential that the provider's API did not accept. If a newer
// one is stored, that is returned and the provider is not asked; otherwise it
// is asked, but not right after it gave that one, and not before the pause
// after a failure is over: a [*RefreshError] then says when.
//
// With a nil rejected the provider is asked whatever is stored. Callers that do
// so at once share one request.
//
// ErrNotRefreshable says that the credential is of a kind that stays as it is.
func (m *Connections) Refresh(ctx context.Context, integration, id string, rejected Credential) (Credential, error) {
	out, err := m.core.forceRefresh(ctx, integration, id, rejected)
	if err != nil {
		return nil, opError("connections: refresh", err, integration, id)
	}
	return out.cred, nil
}

// credential finds a connection and returns what authenticates it.
func (c *core) credential(ctx context.Context, integration, id string, o CredentialOptions) (outcome, error) {
	if o.Early < 0 {
		return outcome{}, &FieldError{Field: "early", Reason: "must not be negative"}
	}
	s, err := c.findConnection(ctx, integration, id)
	if err != nil {
		return outcome{}, err
	}
	now := c.now()
	c.touch(s, now)
	return c.fresh(ctx, s, now, o)
}

// fresh decides, from a row that was just read, whether to use what is in it,
// to refresh it meanwhile, or to wait.
func (c *core) fresh(ctx context.Context, s connection, now time.Time, o CredentialOptions) (outcome, error) {
	if out, ok := c.unsavedOutcome(s); ok {
		return out, nil
	}
	s, err := c.latest(ctx, s)
	if err != nil {
		return outcome{}, err
	}
	st := &s.rec.State
	due, why := st.DueAt, want{reason: whenDue}
	if o.Early > 0 && !st.DueAt.IsZero() {
		lifetime := st.ExpiresAt.Sub(st.IssuedAt)
		due, why = st.ExpiresAt.Add(-min(o.Early, lifetime/2)), want{reason: early, after: st.Gen}
	}
	if due.IsZero() {
		return c.unrefreshed(s, now)
	}
	if now.Before(due) {
		return c.stored(s)
	}
	mayTry := st.Status == record.Active && !now.Before(st.NextAttempt) && !c.breakers.stops(s.row.Parent.ID)
	if works(st, now.Add(skew(st.IssuedAt, st.ExpiresAt))) && (why.reason == whenDue || !mayTry) {
		if mayTry {
			c.refreshSoon(s.row.Key)
		}
		return c.stored(s)
	}
	out := c.refreshed(ctx, s.row.Key, why)
	if out.err == nil {
		return out, nil
	}
	if works(st, c.now()) && !errors.Is(out.err, store.ErrNotFound) {
		// It still works; what failed is remembered on the row.
		return c.stored(s)
	}
	return outcome{}, out.err
}

// works says whether the credential has not expired by t.
func works(st *record.State, t time.Time) bool {
	return st.ExpiresAt.IsZero() || t.Before(st.ExpiresAt)
}

// unrefreshed is for a credential that nothing refreshes.
func (c *core) unrefreshed(s connection, now time.Time) (outcome, error) {
	st := &s.rec.State
	if !st.ExpiresAt.IsZero() && !now.Before(st.ExpiresAt) {
		return outcome{}, &RefreshError{Failure: Failure{Code: "expired", At: st.ExpiresAt}, Reauth: true, Err: ErrNotRefreshable}
	}
	if st.Status == record.NeedsReauth {
		return outcome{}, &RefreshError{Failure: newFailure(st.LastError), Reauth: true}
	}
	return c.stored(s)
}

// stored opens the credential in a row.
func (c *core) stored(s connection) (outcome, error) {
	p, err := c.openPrivate(s.row.ID, s.rec)
	if err != nil {
		return outcome{}, err
	}
	st := &s.rec.State
	return outcome{cred: p.cred, gen: st.Gen, issued: st.IssuedAt, expires: st.ExpiresAt, due: st.DueAt}, nil
}

// unsavedOutcome is a newer credential than the row's that this process has
// obtained and not been able to save yet. The row's may be dead already.
func (c *core) unsavedOutcome(s connection) (outcome, bool) {
	f := c.flights.find(s.row.ID)
	if f == nil {
		return outcome{}, false
	}
	out, ok := f.pending()
	if !ok || out.gen <= s.rec.State.Gen || !out.expires.IsZero() && !c.now().Before(out.expires) {
		return outcome{}, false
	}
	return out, true
}

func (c *core) forceRefresh(ctx context.Context, integration, id string, bad Credential) (outcome, error) {
	s, err := c.findConnection(ctx, integration, id)
	if err != nil {
		return outcome{}, err
	}
	w := want{reason: explicit, after: s.rec.State.Gen}
	if !isNilCredential(bad) {
		out, ok := c.unsavedOutcome(s)
		if !ok {
			if out, err = c.stored(s); err != nil {
				return outcome{}, err
			}
		}
		if !sameCredential(out.cred, bad) {
			if expiredAt(out.expires, c.now()) {
				return c.fresh(ctx, s, c.now(), CredentialOptions{})
			}
			return out, nil
		}
		w = want{reason: rejected, after: out.gen}
	}
	out := c.refreshed(ctx, s.row.Key, w)
	return out, out.err
}

const (
	// fetchedPrecision is how exact FetchedAt is. Writing it on every read would
	// make every read a write.
	fetchedPrecision = 24 * time.Hour

	maxTouching = 16
)

// touch notes, about once a day, that the credential is in use. That it may fail
// does not matter, and nobody waits for it.
func (c *core) touch(s connection, now time.Time) {
	if now.Sub(s.rec.State.FetchedAt) < fetchedPrecision {
		return
	}
	if c.touching.Add(1) > maxTouching {
		c.touching.Add(-1)
		return
	}
	rec := *s.rec // the caller goes on with its own
	rec.State.FetchedAt = now
	c.tasks.start(func() {
		defer c.touching.Add(-1)
		ctx, cancel := context.WithTimeout(context.Background(), c.policy.SaveTimeout)
		defer cancel()
		_, _ = c.store.Put(ctx, connectionRow(s.row, &rec))
	})
}
