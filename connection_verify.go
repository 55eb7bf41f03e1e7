package tieline

import (
	"bytes"
	"context"
	"errors"
	"maps"
	"net/http"
	"time"

	"github.com/tieline/tieline/internal/record"
	"github.com/tieline/tieline/store"
)

// Verdict is what trying a connection's credential out showed.
type Verdict string

// The verdicts.
const (
	// VerdictAccepted: the provider accepts the credential.
	VerdictAccepted Verdict = "accepted"
	// VerdictRefused: the provider refuses it, or the grant behind it. The user has
	// to connect again.
	VerdictRefused Verdict = "refused"
	// VerdictUnclear: nobody can tell now. The provider was not reached, was busy or
	// failed, or answered something that is neither a yes nor a no.
	VerdictUnclear Verdict = "unclear"
	// VerdictUntested: the provider's data has no way to try a credential out, and
	// the provider was not asked.
	VerdictUntested Verdict = "untested"
)

// Verify tries a connection's credential out at the provider, by the checks or the
// verification endpoints of the provider's data, in every auth mode. The credential
// is refreshed first if it is due, as [Connections.Credential] does, and once more if
// the provider answers 401 to it and it can be.
//
// The error is nil with VerdictAccepted and VerdictUntested. With VerdictRefused and
// VerdictUnclear it is a [*VerificationError], or a [*RefreshError] if there was no
// credential to try out. Without a verdict it says why nothing could be tried:
// ErrNotFound, ErrClosed, ErrWrongMode, ErrDamaged, ErrUnknownKey, or an error of the
// context or the Store. An error of the Store beside a verdict says that the verdict
// is not in the connection.
//
// What is refused is 401, or an answer that the provider's data tells from a good
// one; and 403 for keys and passwords, as tokens may lack a scope. Nothing else
// changes anything. If a credential that nothing refreshes is refused, and refused
// again after [RefreshPolicy.Confirm], the connection gets StatusNeedsReauth and a
// LastError with the code "credential_refused", and an [EventReauthRequired] tells;
// if the context leaves no time for that, there is the verdict only. A credential
// that is accepted when it is tried out later makes it active again
// ([EventVerified]), and so does reconnecting. A new credential, or another config,
// that is stored meanwhile is tried out in place of the old one.
func (m *Connections) Verify(ctx context.Context, integration, id string) (Verdict, error) {
	verdict, err := m.core.verifyConnection(ctx, integration, id)
	return verdict, opError("connections: verify", err, integration, id)
}

const (
	// codeRefused is the code of a credential that was tried out and refused. It
	// tells a status that trying it out again can change from one that a refresh has
	// set.
	codeRefused = "credential_refused"

	// maxTrials bounds how often one call tries a credential out, each time because
	// there is another one by then, or to be sure.
	maxTrials = 6
)

// trial is a credential that is tried out, and the row that it was in.
type trial struct {
	connection
	subject *Subject
	cred    Credential
	renews  bool // it can be refreshed
}

func (c *core) verifyConnection(ctx context.Context, integration, id string) (Verdict, error) {
	var before *trial // what was refused once
	renewed := false
	for n := 1; ; n++ {
		t, verdict, err := c.trial(ctx, integration, id)
		if t == nil {
			return verdict, err
		}
		err = c.tryOut(ctx, t)
		if ctx.Err() != nil {
			return "", ctx.Err()
		}
		if err == nil {
			return VerdictAccepted, c.accepted(ctx, t)
		}
		var failure *VerificationError
		switch {
		case !errors.As(err, &failure) || !failure.refused:
			return VerdictUnclear, err
		case n == maxTrials, t.renews && (renewed || failure.Status != http.StatusUnauthorized):
			return VerdictRefused, err
		case t.renews:
			renewed = true
			if _, rerr := c.forceRefresh(ctx, integration, id, t.cred); rerr != nil {
				return afterRefresh(rerr, err)
			}
		case before != nil && t.same(before.connection), t.refusedBefore():
			noted, serr := c.refusedCredential(ctx, t, failure)
			switch {
			case errors.Is(serr, store.ErrNotFound):
				return "", serr
			case noted, serr != nil:
				return VerdictRefused, errors.Join(err, translate(serr))
			}
			before = nil
		default:
			before = t
			if deadline, ok := ctx.Deadline(); ok && time.Until(deadline) <= c.policy.Confirm {
				return VerdictRefused, err
			}
			if err := pause(ctx, c.policy.Confirm); err != nil {
				return "", err
			}
		}
	}
}

// tryOut asks the provider once.
func (c *core) tryOut(ctx context.Context, t *trial) error {
	told := c.operation(ctx, Operation{Name: OpVerify, Integration: t.subject.key, Connection: t.subject.id, Provider: t.subject.provider.Name})
	err := t.subject.verify(ctx)
	result := Result{Err: err}
	var failure *VerificationError
	if errors.As(err, &failure) {
		result.Status = failure.Status
	}
	told.finish(result)
	return err
}

// trial reads the connection, with a credential that is fresh. If there is none to
// try out, it says with what verdict.
func (c *core) trial(ctx context.Context, integration, id string) (*trial, Verdict, error) {
	if isClosed(c.flights.stopping()) {
		return nil, "", ErrClosed
	}
	s, err := c.findConnection(ctx, integration, id)
	if err != nil {
		return nil, "", err
	}
	subj, err := c.subject(ctx, s.row, s.rec)
	switch {
	case err != nil:
		return nil, "", err
	case subj.integration.Deleting:
		return nil, "", ErrNotFound
	case !triable(subj.provider):
		return nil, VerdictUntested, nil
	}
	if err := c.fits(subj.provider, subj.private.cred); err != nil {
		return nil, "", err
	}
	t := &trial{connection: s, subject: subj, cred: subj.private.cred}
	if !t.refusedBefore() {
		out, err := c.fresh(ctx, s, c.now(), CredentialOptions{})
		if err != nil {
			verdict, err := afterRefresh(err, nil)
			return nil, verdict, err
		}
		t.cred = out.cred
		t.subject = subj.withCredential(out.cred)
	}
	mode, ok := c.mode(subj.provider).(Refresher)
	t.renews = ok && mode.CanRefresh(t.subject)
	return t, "", nil
}

// afterRefresh is what becomes of a trial whose refresh failed. refusal is what the
// provider said of the credential that there was; nil if it was not asked.
func afterRefresh(err, refusal error) (Verdict, error) {
	switch {
	case errors.Is(err, ErrReauthRequired):
		return VerdictRefused, err
	case errors.Is(err, ErrRefreshFailed):
		return VerdictUnclear, err
	case refusal != nil && errors.Is(err, ErrNotRefreshable):
		return VerdictRefused, refusal
	}
	return "", err
}

// refusedBefore says whether the row has the credential for refused because it was
// tried out.
func (s connection) refusedBefore() bool {
	st := &s.rec.State
	return st.Status == record.NeedsReauth && st.LastError.Code == codeRefused
}

// same says whether what is tried out with a row is what would be with another.
func (s connection) same(other connection) bool {
	if s.row.Key != other.row.Key || s.rec.State.Gen != other.rec.State.Gen || !bytes.Equal(s.rec.Sealed, other.rec.Sealed) {
		return false
	}
	a, aErr := s.rec.Public()
	b, bErr := other.rec.Public()
	return aErr == nil && bErr == nil && maps.Equal(a.Config, b.Config)
}

// refusedCredential notes that a credential which nothing refreshes was refused. It
// answers false if another one is there by now.
func (c *core) refusedCredential(ctx context.Context, t *trial, failure *VerificationError) (noted bool, err error) {
	f := record.Failure{Code: codeRefused, Class: string(ClassPermanent), Status: int64(failure.Status), At: c.now()}
	wasActive := false
	noted, err = c.noteTrial(ctx, t.connection, func(s *record.State) bool {
		wasActive = s.Status == record.Active
		s.Status, s.NextAttempt, s.LastError = record.NeedsReauth, time.Time{}, f
		s.LastError.Fence = s.Fence
		s.Fails++
		return true
	})
	if noted && err == nil && wasActive {
		c.emit(ctx, t.subject.event(EventReauthRequired, &RefreshError{Failure: newFailure(f), Reauth: true, Err: failure}))
	}
	return noted, err
}

// accepted notes that a credential is good after all.
func (c *core) accepted(ctx context.Context, t *trial) error {
	if !t.refusedBefore() {
		return nil
	}
	changed := false
	noted, err := c.noteTrial(ctx, t.connection, func(s *record.State) bool {
		changed = s.Status == record.NeedsReauth && s.LastError.Code == codeRefused
		if changed {
			s.Status, s.LastError, s.Fails = record.Active, record.Failure{}, 0
		}
		return changed
	})
	if noted && err == nil && changed {
		c.emit(ctx, t.subject.event(EventVerified, nil))
	}
	return err
}

// noteTrial changes the state in the row that a credential was tried out from. It
// answers false if another credential or config is there by now, which the trial
// says nothing about; change answers false if there is nothing to write.
func (c *core) noteTrial(ctx context.Context, tried connection, change func(*record.State) bool) (noted bool, err error) {
	for s := tried; ; {
		next := *s.rec
		if !change(&next.State) {
			return true, nil
		}
		_, err := c.store.Put(ctx, connectionRow(s.row, &next))
		if !errors.Is(err, store.ErrConflict) {
			return err == nil, err
		}
		if s.row, err = c.store.Get(ctx, tried.row.Key); err != nil {
			return false, err
		}
		if s.rec, err = record.ParseConnection(s.row.Data); err != nil {
			return false, err
		}
		if !tried.same(s) {
			return false, nil
		}
	}
}
