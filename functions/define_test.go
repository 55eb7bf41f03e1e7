package functions

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tieline/tieline"
)

// What is wrong with a function is said by New, by its name.
func TestDefineIsChecked(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	ok := func(context.Context, *Call, struct{}) (int, error) { return 0, nil }
	for want, fn := range map[string]*Function{
		`function "": the name`:    Define("", ok, Options{}),
		`function "a b": the name`: Define("a b", ok, Options{}),
		`the name`:                 Define(strings.Repeat("x", maxName+1), ok, Options{}),
		`input: `:                  Define("f", func(context.Context, *Call, chan int) (int, error) { return 0, nil }, Options{}),
		`output: `:                 Define("f", func(context.Context, *Call, int) (func(), error) { return nil, nil }, Options{}),
		`no Go function`:           Define[int, int]("f", nil, Options{}),
		`Timeout is negative`:      Define("f", ok, Options{Timeout: -1}),
		`Attempts are negative`:    Define("f", ok, Options{Attempts: -1}),
		`negative`:                 Define("f", ok, Options{PerConnection: -1}),
		`less than 1s`:             Define("f", ok, Options{Every: time.Millisecond}),
		`nil function`:             nil,
	} {
		_, err := New(Config{Client: w.Client, Providers: map[string][]*Function{"acme": {fn}}})
		if err == nil || !strings.Contains(err.Error(), want) || !strings.Contains(err.Error(), `provider "acme"`) {
			t.Errorf("New = %v, want it to say %q", err, want)
		}
	}
	f := Define("f", ok, Options{})
	for want, cfg := range map[string]Config{
		"Client is required": {},
		`two functions are`:  {Client: w.Client, Integrations: map[string][]*Function{"crm": {f, f}}},
		`unknown provider`:   {Client: w.Client, Providers: map[string][]*Function{"other": {f}}},
	} {
		if _, err := New(cfg); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("New = %v, want it to say %q", err, want)
		}
	}
}

type greeting struct {
	Name string `json:"name" minLength:"2"`
}

// The function of the integration goes before that of its provider.
func TestCall(t *testing.T) {
	t.Parallel()
	w := newWorld(t, "alice")
	says := func(word string) *Function {
		return Define("greet", func(_ context.Context, call *Call, in greeting) (greeting, error) {
			return greeting{word + " " + in.Name + " of " + call.Connection.ID}, nil
		}, Options{Description: word})
	}
	of := func(cfg Config) *Functions {
		t.Helper()
		cfg.Client = w.Client
		f, err := New(cfg)
		if err != nil {
			t.Fatal(err)
		}
		return f
	}
	provider := map[string][]*Function{"acme": {says("hello")}}
	both := of(Config{Providers: provider, Integrations: map[string][]*Function{"crm": {says("hi")}}})
	out, err := CallFor[greeting](t.Context(), both, at("alice"), "greet", greeting{"Bob"})
	if err != nil || out.Name != "hi Bob of alice" {
		t.Errorf("answered %+v, %v", out, err)
	}
	if list, err := both.List(t.Context(), "crm"); err != nil || len(list) != 1 || list[0].Description != "hi" || !json.Valid(list[0].Input) {
		t.Errorf("listed %+v, %v", list, err)
	}
	one := of(Config{Providers: provider})
	for name, tt := range map[string]struct {
		to    Target
		fn    string
		input string
		want  error
		text  string
	}{
		"no input":       {at("alice"), "greet", "", ErrInput, "/name"},
		"bad input":      {at("alice"), "greet", `{"name":"x"}`, ErrInput, "/name"},
		"not JSON":       {at("alice"), "greet", `{`, ErrInput, ""},
		"no function":    {at("alice"), "other", `{}`, ErrUnknownFunction, `"other"`},
		"no connection":  {at("bob"), "greet", `{}`, tieline.ErrNotFound, `"bob"`},
		"no integration": {Target{"other", "alice"}, "greet", `{}`, tieline.ErrUnknownIntegration, `"other"`},
	} {
		_, err := one.Call(t.Context(), tt.to, tt.fn, json.RawMessage(tt.input))
		if !errors.Is(err, tt.want) || !strings.Contains(err.Error(), tt.text) {
			t.Errorf("%s: %v", name, err)
		}
	}
	// What is kept needs a Store.
	if _, err := one.Start(t.Context(), at("alice"), "greet", json.RawMessage(`{"name":"Bob"}`), RunOptions{}); !errors.Is(err, ErrNoStore) {
		t.Errorf("Start without a Store: %v", err)
	}
}

// A function that does not end in time is over, and one that returns what does not fit
// its schema is faulty.
func TestCallFails(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, "alice")
		slow := Define("slow", func(ctx context.Context, _ *Call, _ struct{}) (int, error) { <-ctx.Done(); return 0, ctx.Err() }, Options{Timeout: 3 * time.Second})
		bad := Define("bad", func(context.Context, *Call, struct{}) (greeting, error) { return greeting{"x"}, nil }, Options{})
		f, err := New(Config{Client: w.Client, Providers: map[string][]*Function{"acme": {slow, bad}}})
		if err != nil {
			t.Fatal(err)
		}
		began := time.Now()
		_, err = f.Call(t.Context(), at("alice"), "slow", nil)
		if !errors.Is(err, context.DeadlineExceeded) || !Temporary(err) || time.Since(began) != 3*time.Second || !strings.Contains(err.Error(), "took too long") {
			t.Errorf("after %v: %v", time.Since(began), err)
		}
		if _, err = f.Call(t.Context(), at("alice"), "bad", nil); !errors.Is(err, ErrBug) || !strings.Contains(err.Error(), "/name") {
			t.Errorf("an output that does not fit: %v", err)
		}
	})
}

// At most so many calls of a connection are under way; the next one waits, or gives up.
func TestCallsOfAConnection(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, "alice", "bob")
		var running, most atomic.Int64
		fn := Define("f", func(context.Context, *Call, struct{}) (int, error) {
			most.Store(max(most.Load(), running.Add(1)))
			time.Sleep(time.Second)
			running.Add(-1)
			return 0, nil
		}, Options{PerConnection: 2})
		f, err := New(Config{Client: w.Client, Providers: map[string][]*Function{"acme": {fn}}})
		if err != nil {
			t.Fatal(err)
		}
		began := time.Now()
		done := make(chan error, 6)
		for range 6 {
			go func() { _, err := f.Call(t.Context(), at("alice"), "f", nil); done <- err }()
		}
		synctest.Wait()
		ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
		defer cancel()
		if _, err := f.Call(ctx, at("alice"), "f", nil); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("without a place: %v", err)
		}
		for range 6 {
			if err := <-done; err != nil {
				t.Error(err)
			}
		}
		if most.Load() != 2 || time.Since(began) != 3*time.Second {
			t.Errorf("%d at once, for %v", most.Load(), time.Since(began))
		}
		if len(f.rooms) != 0 {
			t.Errorf("%d rooms are kept", len(f.rooms))
		}
	})
}

func TestKindOf(t *testing.T) {
	t.Parallel()
	for want, errs := range map[Kind][]error{
		"":            {nil},
		KindInput:     {&InputError{Err: errors.New("x")}, fmt.Errorf("x: %w", ErrInput)},
		KindBug:       {&BugError{Err: errors.New("x")}},
		KindReauth:    {tieline.ErrReauthRequired},
		KindRefused:   {&RefusedError{Status: 404}},
		KindTemporary: {&RefusedError{Status: 503}, &RefusedError{Status: 429}, context.DeadlineExceeded, tieline.ErrUnreachable, tieline.ErrRefreshFailed},
		KindFailed:    {errors.New("x")},
	} {
		for _, err := range errs {
			if got := KindOf(err); got != want {
				t.Errorf("KindOf(%v) = %q, want %q", err, got, want)
			}
		}
	}
}

func TestCheck(t *testing.T) {
	t.Parallel()
	answer := func(status int, after string) *http.Response {
		return &http.Response{StatusCode: status, Header: http.Header{"Retry-After": {after}}}
	}
	if err := Check(answer(204, "")); err != nil {
		t.Error(err)
	}
	var refused *RefusedError
	if err := Check(answer(404, "")); !errors.As(err, &refused) || !errors.Is(err, ErrRefused) || refused.Temporary() {
		t.Errorf("a 404: %v", err)
	}
	if err := Check(answer(429, "7")); !errors.As(err, &refused) || errors.Is(err, ErrRefused) || refused.RetryAfter != 7*time.Second {
		t.Errorf("a 429: %+v", refused)
	}
}
