package tieline

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tieline/tieline/providertest"
)

// notes is a Tracer that writes down what it is told. The hooks may be nil.
type notes struct {
	mu      sync.Mutex
	all     []noted
	onStart func(context.Context, Operation) (context.Context, func(Result)) // in place of its own
	onEnd   func(Operation, Result)
}

type noted struct {
	Operation
	Result
	parent OperationName
}

// noteKey is where a context of notes has the operation that it is of.
type noteKey struct{}

func (n *notes) Start(ctx context.Context, op Operation) (context.Context, func(Result)) {
	parent, _ := ctx.Value(noteKey{}).(OperationName)
	out, end := context.WithValue(ctx, noteKey{}, op.Name), func(r Result) {
		n.mu.Lock()
		defer n.mu.Unlock()
		n.all = append(n.all, noted{op, r, parent})
		if n.onEnd != nil {
			n.onEnd(op, r)
		}
	}
	if n.onStart != nil {
		return n.onStart(out, op)
	}
	return out, end
}

// told is what was told since the last take.
func (n *notes) told() []noted {
	synctest.Wait()
	n.mu.Lock()
	defer n.mu.Unlock()
	return slices.Clone(n.all)
}

// take returns what was told since it was last asked, a line each: the parent, the
// operation, and what it was told of the end. They are sorted: a caller goes on while
// the refresh that it waited for is told.
func (n *notes) take() string {
	synctest.Wait()
	n.mu.Lock()
	defer n.mu.Unlock()
	var lines []string
	for _, o := range n.all {
		line := strings.TrimPrefix(fmt.Sprintf("%s/%s", o.parent, o.Name), "/")
		if o.Attempt > 0 {
			line += fmt.Sprintf(" %s #%d", o.Method, o.Attempt)
		}
		if o.Status > 0 {
			line += fmt.Sprintf(" %d", o.Status)
		}
		if o.Exchanges > 0 {
			line += fmt.Sprintf(" x%d", o.Exchanges)
		}
		var refresh *RefreshError
		var token *TokenError
		switch {
		case errors.As(o.Err, &refresh):
			line += fmt.Sprintf(" %s %s", refresh.Failure.Class, refresh.Failure.Code)
		case errors.As(o.Err, &token):
			line += fmt.Sprintf(" %s %s", token.Class, token.Code)
		case o.Err != nil:
			line += " " + o.Err.Error()
		}
		lines = append(lines, line)
	}
	n.all = nil
	slices.Sort(lines)
	return strings.Join(lines, "\n")
}

func (n *notes) want(t *testing.T, what string, lines ...string) {
	t.Helper()
	slices.Sort(lines)
	if got, want := n.take(), strings.Join(lines, "\n"); got != want {
		t.Errorf("%s: told\n%s\nwant\n%s", what, got, want)
	}
}

func traced(n *notes) worldOptions {
	return worldOptions{config: func(c *Config) { c.Tracer = n }}
}

func TestTracerIsTold(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		n := &notes{}
		w := connected(t, traced(n))
		for _, o := range n.told() {
			if o.Integration != "acme" || o.Connection != "alice" || o.Provider != "acme" {
				t.Errorf("told of %+v", o.Operation)
			}
		}
		n.want(t, "connect", "connect/token_request 200", "connect")

		w.credential()
		n.want(t, "a credential that is good")
		time.Sleep(time.Hour)
		w.credential()
		n.want(t, "refresh", "refresh/token_request 200", "refresh x1")

		clear := w.provider.Fail(providertest.Fault{Endpoint: providertest.Refresh, Status: 503, Times: providertest.Always})
		time.Sleep(time.Hour)
		if _, err := w.Connections.Credential(t.Context(), "acme", "alice"); !errors.Is(err, ErrRefreshFailed) {
			t.Fatal(err)
		}
		n.want(t, "a provider that is down", "refresh/token_request 503 ambiguous ", "refresh/token_request 503 ambiguous ", "refresh x2 ambiguous http_503")
		clear()

		time.Sleep(time.Hour)
		get(t, w, "/me")
		n.want(t, "a call", "refresh/token_request 200", "refresh x1", "api_call GET #1 200")

		time.Sleep(time.Minute)
		w.provider.ExpireAccessTokens()
		get(t, w, "/me?token=hidden")
		n.want(t, "a 401", "api_call GET #1 401", "refresh/token_request 200", "refresh x1", "api_call GET #2 200")

		w.provider.RevokeAll()
		time.Sleep(time.Hour)
		if _, err := w.Connections.Credential(t.Context(), "acme", "alice"); !errors.Is(err, ErrReauthRequired) {
			t.Fatal(err)
		}
		n.want(t, "a dead grant", "refresh/token_request 400 permanent invalid_grant", "refresh/token_request 400 permanent invalid_grant",
			"refresh x2 permanent invalid_grant")
		if _, err := w.Connections.Credential(t.Context(), "acme", "alice"); !errors.Is(err, ErrReauthRequired) {
			t.Fatal(err)
		}
		n.want(t, "what is known to be dead")
	})
}

func get(t *testing.T, w *world, path string) {
	t.Helper()
	resp, err := w.Connections.HTTPClient("acme", "alice").Get(path)
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
}

func TestTracerIsToldOfForms(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		n := &notes{}
		w := newWorld(t, traced(n))
		w.integration("acme-key", "acme-key")
		if _, err := w.Connections.Create(t.Context(), "acme-key", "alice", w.goodInput("acme-key")); err != nil {
			t.Fatal(err)
		}
		n.want(t, "a key", "connect/verify", "connect")
		if _, err := w.Connections.Create(t.Context(), "acme-key", "bob", ConnectionInput{Credential: &APIKey{Key: NewSecret("wrong")}}); !errors.Is(err, ErrVerification) {
			t.Fatal(err)
		}
		failed := "credential was not accepted by the provider (status 401)"
		n.want(t, "a wrong key", "connect/verify 401 "+failed, "connect "+failed)
		if _, err := w.Connections.Verify(t.Context(), "acme-key", "alice"); err != nil {
			t.Fatal(err)
		}
		n.want(t, "a key that is tried out", "verify")
		wrong := ConnectionInput{Credential: &APIKey{Key: NewSecret("wrong")}, SkipVerification: true}
		if _, err := w.Connections.Import(t.Context(), "acme-key", "alice", wrong); err != nil {
			t.Fatal(err)
		}
		n.want(t, "an import", "connect")
		if _, err := w.Connections.Verify(t.Context(), "acme-key", "alice"); !errors.Is(err, ErrVerification) {
			t.Fatal(err)
		}
		n.want(t, "a wrong key that is tried out", "verify 401 "+failed, "verify 401 "+failed)
	})
}

func TestTracerIsToldOfDevices(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		n := &notes{}
		w := newDeviceClient(t, &tv{answers: []string{pendingAnswer, `{"error":"slow_down"}`, tokenAnswer}})
		w.core.tracer = n
		a, err := w.Connections.AuthorizeDevice(t.Context(), "tv", AuthorizeOptions{ConnectionID: "alice"})
		if err != nil {
			t.Fatal(err)
		}
		n.want(t, "begin")
		if _, err := w.Connections.CompleteDevice(t.Context(), a.Handle.Reveal()); err != nil {
			t.Fatal(err)
		}
		n.want(t, "complete", "connect/token_request 200", "connect")
	})
}

// The wait for another process is a part, as long as it took, and what that one
// obtained is no exchange of this one's.
func TestTracerIsToldOfLeases(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		n := &notes{}
		w := connected(t, worldOptions{})
		other, _, _ := w.client(traced(n))
		time.Sleep(time.Hour)
		w.provider.Fail(providertest.Fault{Endpoint: providertest.Refresh, DelayAfter: 3 * time.Second})
		go w.credential()
		time.Sleep(time.Second)
		w.credentialOf(other)
		for _, o := range n.told() {
			if d := o.Ended.Sub(o.Began); d < 2*time.Second || d > 4*time.Second {
				t.Errorf("%s took %v", o.Name, d)
			}
		}
		n.want(t, "another process refreshes", "refresh/lease_wait", "refresh")

		time.Sleep(time.Hour)
		w.crashDuring(time.Now())
		w.credentialOf(other)
		n.want(t, "another process died", "refresh/lease_wait", "refresh/lease_wait", "refresh/token_request 200", "refresh x1")

		// What Run begins while another process is at it comes to nothing.
		time.Sleep(51 * time.Minute)
		w.crashDuring(time.Now())
		look := &flight{key: w.rows(kindConnection)[0].Key, want: want{reason: background}}
		if _, err := other.core.flights.start(look, other.core.fly); err != nil {
			t.Fatal(err)
		}
		n.want(t, "a look in the background")
	})
}

// Whoever set a refresh off can be found, though the refresh is not theirs.
func TestTracerHasTheCause(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		n := &notes{}
		w := connected(t, traced(n))
		n.take()
		time.Sleep(time.Hour)
		ctx, cancel := context.WithCancel(context.WithValue(t.Context(), noteKey{}, OperationName("request")))
		n.mu.Lock()
		n.onEnd = func(op Operation, _ Result) {
			switch {
			case op.Name != OpRefresh && op.Cause != nil, op.Name == OpRefresh && op.Cause.Value(noteKey{}) != OperationName("request"):
				t.Errorf("%s has the cause %v", op.Name, op.Cause)
			case op.Name == OpRefresh && op.Cause.Err() != nil:
				t.Error("the cause can be cancelled")
			}
		}
		n.mu.Unlock()
		if _, err := w.Connections.Credential(ctx, "acme", "alice"); err != nil {
			t.Fatal(err)
		}
		cancel()
		n.want(t, "refresh", "refresh/token_request 200", "refresh x1")
	})
}
