package tieline

import (
	"context"
	"log/slog"
	"net/http"
	"runtime/debug"
	"sync"
	"time"

	"github.com/tieline/tieline/internal/oauth"
	"github.com/tieline/tieline/internal/outbound"
)

// Tracer is told where time goes, by [Config.Tracer]. The module
// github.com/tieline/tieline/otel has one that makes OpenTelemetry spans and
// metrics of what it hears.
//
// It must be safe for concurrent use and return soon, as [Config.OnEvent] has to. A
// panic in it is contained.
type Tracer interface {
	// Start is called when an operation begins, and the function that it returns,
	// once, when it has ended. Both may be called later than that: nothing of a
	// Tracer's runs between a provider's answer and the save of what was in it, nor
	// between the last look at a lease and the sending. So what an operation
	// consists of is told after its end, each part with the context that its Start
	// returned and with the times that it had: see [Operation].Began and
	// [Result].Ended.
	//
	// Of the context that Start returns only the values count: it can neither end
	// the operation nor give it a deadline. They reach the Store, the Logger and
	// OnEvent where an operation is a refresh, and the writing of a new connection;
	// they never go along with a request. A nil context, or function, is none.
	Start(ctx context.Context, op Operation) (context.Context, func(Result))
}

// OperationName says what an [Operation] is.
type OperationName string

// The operations.
const (
	// OpRefresh: one refresh of one connection in this process, for however many
	// callers, from the moment that there is something to do until the new
	// credential is stored, or the failure. Its parts are OpLeaseWait and
	// OpTokenRequest. It belongs to none of the callers, so its context is not
	// theirs; Operation.Cause has the first one's.
	OpRefresh OperationName = "refresh"
	// OpConnect: a connection is made, or made anew, from the callback, the form or
	// the webhook on: by Complete, CompleteDevice, CompleteInstallation, Create or
	// Import. Its parts are OpTokenRequest and OpVerify. An authorization on another
	// device is told once it is decided, and of what was asked, the last.
	OpConnect OperationName = "connect"
	// OpTokenRequest: one request for a token, or for what comes with it, as part of
	// OpRefresh or OpConnect. A request that follows none of them, such as a
	// revocation or a pushed authorization, is not told.
	OpTokenRequest OperationName = "token_request"
	// OpLeaseWait: another process refreshes the connection, or may be about to
	// save, and this one waits for it. It is a part of OpRefresh.
	OpLeaseWait OperationName = "lease_wait"
	// OpVerify: a credential is tried out at the provider. It is a part of
	// OpConnect, or stands for itself, each time that [Connections.Verify] asks.
	OpVerify OperationName = "verify"
	// OpAPICall: a connection's client sends a request, each attempt by itself,
	// until the header of the answer is there.
	OpAPICall OperationName = "api_call"
)

// Operation is what a [Tracer] is told when something begins. It holds no secret.
type Operation struct {
	Name        OperationName
	Integration string // its key
	Connection  string // its ID
	Provider    string
	// Began is when it did, for durations as well: it has a monotonic reading.
	Began time.Time

	// Cause has the values of the context of the call that set an OpRefresh off,
	// to link the two. It is nil for every other operation, and when nobody
	// waits, as with [Client.Run].
	Cause context.Context

	// Method is that of the request of an OpAPICall. Its URL is not told: providers
	// put tokens into paths and queries.
	Method string
	// Attempt counts the times that the request of an OpAPICall was sent, from 1.
	Attempt int
}

// Result is what a [Tracer] is told when something has ended. It holds no secret.
type Result struct {
	Ended time.Time // as Operation.Began
	// Err is nil if it went well. For an OpRefresh it is what those who waited for
	// it got to hear, and can be a failure although the stored credential still
	// works; a [*RefreshError] has its class and code, as a [*TokenError] has for
	// an OpTokenRequest.
	Err error
	// Status is that of the HTTP answer of an OpTokenRequest, OpVerify or OpAPICall,
	// 0 if there was none or it did not matter.
	Status int
	// Exchanges is how often an OpRefresh asked the provider. It is 0 when another
	// process did, and when it did not get as far.
	Exchanges int
}

// operation is one that the Tracer is told of. A nil one is told to nobody.
type operation struct {
	core *core
	op   Operation
	ctx  context.Context // with the Tracer's values, once it was told
	end  func(Result)    // nil before that

	mu    sync.Mutex
	parts []toldPart
}

// toldPart is an operation that is told when the one that it belongs to has ended.
type toldPart struct {
	op     Operation
	result Result
}

// operation begins one without telling it yet. It is nil without a Tracer.
func (c *core) operation(ctx context.Context, op Operation) *operation {
	if c.tracer == nil {
		return nil
	}
	op.Began = time.Now()
	return &operation{core: c, op: op, ctx: ctx}
}

// startOperation begins one and tells it.
func (c *core) startOperation(ctx context.Context, op Operation) *operation {
	o := c.operation(ctx, op)
	if o != nil {
		o.tell()
	}
	return o
}

func (o *operation) tell() { o.ctx, o.end = o.core.tellStart(o.ctx, o.op) }

// context is ctx, or what has the Tracer's values too.
func (o *operation) context(ctx context.Context) context.Context {
	if o == nil {
		return ctx
	}
	return o.ctx
}

// note keeps what the operation consisted of until it is told.
func (o *operation) note(name OperationName, began time.Time, r Result) {
	if o == nil {
		return
	}
	r.Ended = time.Now()
	op := Operation{Name: name, Integration: o.op.Integration, Connection: o.op.Connection, Provider: o.op.Provider, Began: began}
	o.mu.Lock()
	defer o.mu.Unlock()
	o.parts = append(o.parts, toldPart{op, r})
}

// finish tells the end, and before it the parts.
func (o *operation) finish(r Result) {
	if o == nil {
		return
	}
	r.Ended = time.Now()
	if o.end == nil {
		o.tell()
	}
	o.mu.Lock()
	parts := o.parts
	o.mu.Unlock()
	for _, p := range parts {
		ctx, end := o.core.tellStart(o.ctx, p.op)
		o.core.tellEnd(ctx, end, p.result)
	}
	o.core.tellEnd(o.ctx, o.end, r)
}

// tellStart calls the Tracer, and takes no more than values from it.
func (c *core) tellStart(ctx context.Context, op Operation) (with context.Context, end func(Result)) {
	with, end = ctx, func(Result) {}
	defer c.containTracer(ctx)
	values, f := c.tracer.Start(ctx, op)
	if values != nil {
		with = context.WithoutCancel(values)
	}
	if f != nil {
		end = f
	}
	return with, end
}

func (c *core) tellEnd(ctx context.Context, end func(Result), r Result) {
	defer c.containTracer(ctx)
	end(r)
}

// containTracer is to be deferred.
func (c *core) containTracer(ctx context.Context) {
	if p := recover(); p != nil {
		// As with OnEvent, the value may hold anything.
		c.log.LogAttrs(ctx, slog.LevelError, "Tracer panicked", slog.String(keyStack, string(debug.Stack())))
	}
}

// connecting is the making of a connection.
func connecting(i *integration, id string) Operation {
	return Operation{Name: OpConnect, Integration: i.row.Unique, Connection: id, Provider: i.entry.Name}
}

// started tells that a refresh has begun, if anything may come of it. That is before
// the lease is taken: a Tracer that takes its time costs time and nothing else.
func (a *attempt) started() {
	if a.tracer == nil || a.operation != nil {
		return
	}
	if free, err := a.free(); !free && (err != nil || a.flight.want.reason == background) {
		return
	}
	a.operation = a.startOperation(a.ctx, Operation{
		Name: OpRefresh, Integration: a.subj.key, Connection: a.subj.id, Provider: a.subj.provider.Name, Cause: a.flight.cause,
	})
	a.ctx = a.operation.context(a.ctx)
}

// finished tells how a refresh ended, once everything about it is done.
func (a *attempt) finished() {
	r := Result{Err: ErrClosed, Exchanges: a.exchanges}
	if isClosed(a.flight.ready) {
		r.Err = a.flight.out.err
	}
	a.operation.finish(r)
}

// asked notes a call to a token endpoint.
func (s *Subject) asked(began time.Time, answer *oauth.Answer, failure *oauth.Error) {
	if s.operation == nil {
		return
	}
	var r Result
	switch {
	case failure != nil:
		r.Status, r.Err = failure.Status, newTokenError(failure)
	case answer != nil:
		r.Status = answer.Status
	}
	s.operation.note(OpTokenRequest, began, r)
}

// ask makes a call to a token endpoint once, by whichever way out.
func (s *Subject) ask(ctx context.Context, out http.RoundTripper, call *oauth.Call) (*oauth.Answer, *oauth.Error) {
	began := time.Now()
	answer, failure := oauth.Send(ctx, out, call, s.core.now)
	s.asked(began, answer, failure)
	return answer, failure
}

// roundTrip sends a request for a token, or for what leads to one, once.
func (s *Subject) roundTrip(req *http.Request) (*http.Response, error) {
	began := time.Now()
	resp, err := s.core.tokenHTTP.RoundTrip(req)
	switch {
	case s.operation == nil:
	case err != nil:
		s.operation.note(OpTokenRequest, began, Result{Err: outbound.SafeError(req.Context(), err)})
	default:
		s.operation.note(OpTokenRequest, began, Result{Status: resp.StatusCode})
	}
	return resp, err
}
