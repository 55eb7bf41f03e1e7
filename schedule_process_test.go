package tieline

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"time"

	"github.com/tieline/tieline/internal/record"
	"github.com/tieline/tieline/store"
)

// gatedStore is a process's way to the Store they share.
type gatedStore struct {
	*store.Memory
	p *scheduled
}

// callerKey is under what the context of a caller has its number.
type callerKey struct{}

// through makes a call behind a gate, with whatever fate it meets there.
func through[T any](ctx context.Context, p *scheduled, kind store.Kind, name string, do func() (T, error)) (T, error) {
	var zero T
	if kind != kindConnection {
		return do()
	}
	if n, ok := ctx.Value(callerKey{}).(int); ok {
		name += fmt.Sprintf(" of caller %d", n)
	}
	f, err := p.gate(ctx, name)
	switch {
	case err != nil:
		return zero, err
	case f == dies:
		return zero, store.ErrClosed
	case f == fails:
		return zero, errDown
	}
	v, err := do()
	switch f {
	case failsAfter:
		return zero, errDown
	case sleepsAfter:
		time.Sleep(time.Until(p.wakes()))
	}
	return v, err
}

func (s gatedStore) Get(ctx context.Context, key store.Key) (store.Row, error) {
	return through(ctx, s.p, key.Kind, "Get", func() (store.Row, error) {
		row, err := s.Memory.Get(ctx, key)
		if rec, perr := record.ParseConnection(row.Data); err == nil && perr == nil && key.Kind == kindConnection {
			s.p.read, s.p.rowID = rec, row.ID
		}
		return row, err
	})
}

func (s gatedStore) GetPath(ctx context.Context, parentKind store.Kind, parentUnique string, kind store.Kind, name string) (store.Row, error) {
	return through(ctx, s.p, kind, "GetPath", func() (store.Row, error) {
		return s.Memory.GetPath(ctx, parentKind, parentUnique, kind, name)
	})
}

func (s gatedStore) Put(ctx context.Context, row store.Row) (store.Row, error) {
	return through(ctx, s.p, row.Kind, "Put", func() (store.Row, error) {
		row, err := s.Memory.Put(ctx, row)
		if err == nil && row.Kind == kindConnection {
			s.p.world.wrote(s.p, row)
		}
		return row, err
	})
}

func (s gatedStore) Delete(ctx context.Context, key store.Key, version int64) error {
	_, err := through(ctx, s.p, key.Kind, "Delete", func() (struct{}, error) { return struct{}{}, s.Memory.Delete(ctx, key, version) })
	return err
}

// scheduled is a process under the scheduler.
type scheduled struct {
	actor
	*Client
	world *scheduleWorld
	// unsaved says that the provider gave it a token that the Store does not have.
	unsaved bool
	// gotFence is the fence it had when it got one.
	gotFence int64

	// What it last wrote as its lease, when, and what it last read.
	lease   record.State
	leaseAt time.Time
	others  time.Time // when the lease that it took over had begun
	read    *record.Connection
	rowID   string
}

// RoundTrip is a process's way to the provider: a gate before the request arrives,
// and one before the answer does.
func (p *scheduled) RoundTrip(req *http.Request) (*http.Response, error) {
	if req.URL.Path != "/token" {
		return p.world.provider.RoundTripper().RoundTrip(req)
	}
	body, err := io.ReadAll(req.Body)
	if err != nil {
		return nil, err
	}
	p.mayStillSend(string(body))
	f, err := p.gate(req.Context(), "send")
	if err != nil || f != goesOn {
		return nil, errors.Join(err, errDown)
	}
	sent := req.Clone(context.WithoutCancel(req.Context()))
	sent.Body = io.NopCloser(bytes.NewReader(body))
	resp, err := p.world.provider.RoundTripper().RoundTrip(sent)
	if p.unsaved = err == nil && resp.StatusCode == http.StatusOK; p.unsaved {
		p.gotFence = p.lease.Fence
	}
	p.world.exchanges++
	if err == nil && resp.StatusCode == http.StatusBadRequest {
		p.world.refusals++
	}
	f, gerr := p.gate(req.Context(), "answer")
	if gerr != nil || f != goesOn {
		p.unsaved = false // it never had it
		return nil, errors.Join(gerr, io.ErrUnexpectedEOF)
	}
	return resp, err
}

// mayStillSend looks at a process that is about to spend a refresh token: after
// it took the newest lease it has read the row, and found it unchanged, and what
// it sends is the token in that row.
func (p *scheduled) mayStillSend(body string) {
	form, err := url.ParseQuery(body)
	private, perr := p.core.openPrivate(p.rowID, p.read)
	if err != nil || perr != nil {
		p.world.broken("%s sends %v, %v", p.name, err, perr)
		return
	}
	switch l, r := p.lease, p.read.State; {
	case form.Get("refresh_token") != private.cred.(*OAuth2Token).RefreshToken.Reveal():
		p.world.broken("%s sends another token than the row has", p.name)
	case l.Holder == "" || r.Holder != l.Holder || r.Fence != l.Fence || r.Gen != l.Gen:
		p.world.broken("%s sends on a lease that it does not hold: %+v, the row has %+v", p.name, l, r)
	case !p.others.IsZero() && time.Since(p.others) < p.core.policy.TakeOver:
		p.world.broken("%s sends %v after another process began", p.name, time.Since(p.others))
	case time.Since(p.leaseAt) > p.core.policy.SendWithin:
		p.world.broken("%s sends on a lease %v old", p.name, time.Since(p.leaseAt))
	}
}

// wrote looks at every version of the connection's row.
func (w *scheduleWorld) wrote(p *scheduled, row store.Row) {
	rec, err := record.ParseConnection(row.Data)
	if err != nil {
		w.broken("a row that cannot be read: %v", err)
		return
	}
	s, before := rec.State, w.state[row.ID]
	if s.TokenFence > before.TokenFence {
		p.unsaved = false
	}
	switch {
	case s.Fence < before.Fence || s.Gen < before.Gen || s.TokenFence < before.TokenFence:
		w.broken("fence, token fence or generation went back: %+v after %+v", s, before)
	case s.TokenFence > s.Fence:
		w.broken("the token is of an attempt that never began: %+v", s)
	case s.TokenFence == before.TokenFence && s.Gen != before.Gen, s.TokenFence != before.TokenFence && s.Gen == before.Gen:
		w.broken("token fence and generation do not move together: %+v after %+v", s, before)
	case s.Status == record.NeedsReauth && before.Status == record.Active && w.refusals < 2:
		w.broken("condemned after %d refusals", w.refusals)
	case s.Status == record.NeedsReauth && before.Status == record.Active && s.Gen != before.Gen:
		w.broken("a new credential was condemned")
	}
	w.judgeLease(p, before, s)
	w.state[row.ID] = s
}

// judgeLease looks at what a write of a process does to the lease.
func (w *scheduleWorld) judgeLease(p *scheduled, before, s record.State) {
	others := before.Holder != "" && before.Holder != p.lease.Holder
	switch {
	case s.Fence == before.Fence:
		if others && s.Holder != before.Holder {
			w.broken("%s released the lease of another process", p.name)
		}
		return
	case s.Holder == "":
		w.broken("%s took a fence without a name", p.name)
	case others && time.Since(w.fenceAt) < p.core.policy.watchFor():
		w.broken("%s took over a lease %v old", p.name, time.Since(w.fenceAt))
	case others:
		p.others = w.fenceAt
	case before.Holder == "":
		p.others = time.Time{}
	}
	p.lease, p.leaseAt, w.fenceAt = s, time.Now(), time.Now()
}
