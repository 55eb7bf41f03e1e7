package functions

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"runtime/debug"

	"github.com/tieline/tieline"
)

// errTimeout is the cause of a context that ended because a function took too long.
var errTimeout = fmt.Errorf("function took too long: %w", context.DeadlineExceeded)

// attempt runs a function once.
func (f *Functions) attempt(ctx context.Context, fn *Function, call *Call, input json.RawMessage) (json.RawMessage, error) {
	if call.Connection.Status == tieline.StatusNeedsReauth {
		return nil, tieline.ErrReauthRequired
	}
	ctx, cancel := context.WithTimeoutCause(ctx, fn.o.Timeout, errTimeout)
	defer cancel()
	leave, err := f.enter(ctx, fn, call.Connection.RowID)
	if err != nil {
		return nil, err
	}
	defer leave()
	return f.attemptInside(ctx, fn, call, input)
}

// attemptInside runs a function once, in a place that the caller has for it, and
// until ctx is done.
func (f *Functions) attemptInside(ctx context.Context, fn *Function, call *Call, input json.RawMessage) (json.RawMessage, error) {
	out, err := contained(ctx, fn, call, input)
	if err != nil && ctx.Err() != nil && errors.Is(err, ctx.Err()) {
		err = context.Cause(ctx)
	}
	if err == nil && len(out) > f.maxBytes {
		return nil, &BugError{Err: fmt.Errorf("the output has %d bytes, more than %d", len(out), f.maxBytes)}
	}
	return out, err
}

// contained runs a function. A panic in it is its failure alone.
func contained(ctx context.Context, fn *Function, call *Call, input json.RawMessage) (out json.RawMessage, err error) {
	defer func() {
		if p := recover(); p != nil {
			out, err = nil, &BugError{Err: &PanicError{Value: p}, Stack: string(debug.Stack())}
			call.Log.LogAttrs(ctx, slog.LevelError, "a function panicked", slog.String(keyStack, string(debug.Stack())))
		}
	}()
	return fn.run(ctx, call, input)
}

// roomKey is what a limit of calls is for.
type roomKey struct {
	fn         *Function
	connection string // RowID
}

// room holds a token for each call that may be under way.
type room struct {
	places chan struct{}
	users  int // that hold or wait for a place; the last one clears the room away
}

// tryEnter takes a place among the calls of a function for a connection, if there is
// one.
func (f *Functions) tryEnter(fn *Function, connection string) (leave func(), ok bool) {
	ctx, cancel := context.WithCancel(context.Background())
	cancel() // a place that is free goes first
	leave, err := f.enter(ctx, fn, connection)
	return leave, err == nil
}

// enter waits for a place among the calls of a function for a connection.
func (f *Functions) enter(ctx context.Context, fn *Function, connection string) (leave func(), err error) {
	if fn.o.PerConnection == 0 {
		return func() {}, nil
	}
	key := roomKey{fn, connection}
	f.mu.Lock()
	r := f.rooms[key]
	if r == nil {
		r = &room{places: make(chan struct{}, fn.o.PerConnection)}
		f.rooms[key] = r
	}
	r.users++
	f.mu.Unlock()
	forget := func() {
		f.mu.Lock()
		defer f.mu.Unlock()
		if r.users--; r.users == 0 {
			delete(f.rooms, key)
		}
	}
	leave = func() { <-r.places; forget() }
	select {
	case r.places <- struct{}{}:
		return leave, nil
	default:
	}
	select {
	case r.places <- struct{}{}:
		return leave, nil
	case <-ctx.Done():
		forget()
		return nil, ctx.Err()
	}
}
