package httpapi

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"time"

	"github.com/tieline/tieline"
	"github.com/tieline/tieline/functions"
	"github.com/tieline/tieline/store"
	"github.com/tieline/tieline/storetest"
)

// withFunctions serves functions for connections of the provider "verified". edit may
// be nil.
func (w *world) withFunctions(edit func(*functions.Config), fns ...*functions.Function) *world {
	w.t.Helper()
	w.written = make(chan struct{}, 1)
	observed := storetest.Faulty(w.store, nil, func(op string, key store.Key) error {
		if op == "Put" && key.Kind == "function_run" {
			select {
			case w.written <- struct{}{}:
			default:
			}
		}
		return nil
	})
	cfg := functions.Config{
		Client: w.client, Store: observed, Keys: w.ring, Providers: map[string][]*functions.Function{"verified": fns},
		Logger: slog.New(slog.NewTextHandler(w.log, nil)),
	}
	if edit != nil {
		edit(&cfg)
	}
	var err error
	if w.options.Functions, err = functions.New(cfg); err != nil {
		w.t.Fatal(err)
	}
	w.restart()
	return w
}

// acting has functions, and the connection "verified"/"alice".
func (w *world) acting(fns ...*functions.Function) *world {
	w.t.Helper()
	return w.proxied().withFunctions(nil, append(fns, greet(), faults())...)
}

// trigger runs a function for that connection.
func (w *world) trigger(name string, input any, headers ...string) answer {
	w.t.Helper()
	body := fields{"action_name": name}
	if input != nil {
		body["input"] = input
	}
	return w.call("POST", "/action/trigger", body, append([]string{"Provider-Config-Key", "verified", "Connection-Id", "alice"}, headers...)...)
}

type person struct {
	Name string   `json:"name" minLength:"1"`
	Age  int      `json:"age,omitempty" maximum:"150"`
	Tags []string `json:"tags,omitempty" enum:"a~b,c/d"`
}

type greeting struct {
	Text string `json:"text"`
}

// greet says hello, and who said so.
func greet() *functions.Function {
	return functions.Define("people.greet", func(_ context.Context, call *functions.Call, in person) (greeting, error) {
		return greeting{"Hello, " + in.Name + ", from " + call.Connection.ID}, nil
	}, functions.Options{Description: "Greets a person."})
}

type failure struct {
	Kind string `json:"kind"`
}

// faults fails as it is told to.
func faults() *functions.Function {
	return functions.Define("fail", func(ctx context.Context, call *functions.Call, in failure) (any, error) {
		switch in.Kind {
		case "refused":
			return nil, fmt.Errorf("s3cret: %w", &functions.RefusedError{Status: 404})
		case "busy":
			return nil, fmt.Errorf("s3cret: %w", &functions.RefusedError{Status: 429, RetryAfter: 77 * time.Second})
		case "broken":
			return nil, &functions.RefusedError{Status: 500, RetryAfter: 48 * time.Hour}
		case "panic":
			panic("s3cret-panic")
		case "lost":
			return nil, fmt.Errorf("page 7 %w", tieline.ErrNotFound)
		case "input":
			return nil, &functions.InputError{Err: errors.New("nobody is called that")}
		case "output":
			return make(chan int), nil
		case "call":
			return nil, call.Get(ctx, "/thing?q=s3cret", nil)
		}
		return nil, errors.New("there is no more paper")
	}, functions.Options{})
}

// slow takes longer than it may.
func slow() *functions.Function {
	return functions.Define("slow", func(ctx context.Context, _ *functions.Call, _ failure) (any, error) {
		<-ctx.Done()
		return nil, ctx.Err()
	}, functions.Options{Timeout: time.Millisecond})
}

// work lets runs that were accepted happen until the test ends.
func (w *world) work() {
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() {
		defer close(done)
		_ = w.options.Functions.Work(ctx) // ends with ctx
	}()
	w.t.Cleanup(func() { cancel(); <-done })
}

// result is what clients are told of a run when it has come to its end.
func (w *world) result(id string) answer {
	w.t.Helper()
	for {
		a := w.call("GET", "/action/"+id, nil)
		if a.Code != http.StatusNotFound || a.at("error.code") != "action_not_completed" {
			return a
		}
		<-w.written
	}
}
