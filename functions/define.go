package functions

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"strings"
	"time"

	"github.com/tieline/tieline/internal/schema"
)

// Options are how a Function runs. The zero Options are defaults that work.
type Options struct {
	// Description says what the function does, for listings and for models that
	// choose between tools.
	Description string
	// Timeout bounds one attempt. Default: a minute.
	Timeout time.Duration
	// Attempts is how often a run is tried in the background while its failures are
	// [Temporary]. A call at once is one attempt. Default: 5.
	Attempts int
	// PerConnection is how many calls may be under way for one connection, in this
	// process; further ones wait. Runs on a schedule are one at a time in all
	// processes whatever it says. Default: no limit.
	PerConnection int

	// Every puts the function on a schedule: it runs for every connection, each
	// time that much later. At least a second. Default: none. The input of such
	// runs is the zero In.
	Every time.Duration
	// Webhooks are the types of verified webhooks that start the function for each
	// connection they are about, in the words of the provider; "*" is any. The input
	// of such runs is the zero In, and [Call.Webhook] has what came.
	Webhooks []string
}

const (
	defaultTimeout  = time.Minute
	defaultAttempts = 5
	minEvery        = time.Second
)

// Function is a function with a name, made by [Define]. It does not change.
type Function struct {
	name string
	o    Options
	in   *schema.Schema
	out  *schema.Schema
	none []byte // the input of a caller that gives none
	// run takes the input as JSON; nil is the zero In, which need not fit the schema.
	run func(ctx context.Context, call *Call, input []byte) ([]byte, error)
	err error // what is wrong with it, for New to say
}

// Define makes a Function of f. In and Out are what encoding/json reads and writes;
// the tags description, enum, minimum, maximum, minLength, maxLength, minItems,
// maxItems, pattern, format, example, default and required add to their schemas.
//
// The name has letters, digits, dots, hyphens and underscores, 128 at most. What is
// wrong with the name, the options or the types is an error of [New], so that
// functions can be package variables.
func Define[In, Out any](name string, f func(ctx context.Context, call *Call, in In) (Out, error), o Options) *Function {
	fn := &Function{name: name, o: o.withDefaults(), none: []byte("null")}
	if k := reflect.TypeFor[In]().Kind(); k == reflect.Struct || k == reflect.Map {
		fn.none = []byte("{}")
	}
	in, inErr := schema.For(reflect.TypeFor[In]())
	out, outErr := schema.For(reflect.TypeFor[Out]())
	fn.in, fn.out = in, out
	fn.err = errors.Join(checkName(name), o.check(), describe("input", inErr), describe("output", outErr))
	if f == nil {
		fn.err = errors.Join(fn.err, errors.New("there is no Go function"))
	}
	fn.run = func(ctx context.Context, call *Call, input []byte) ([]byte, error) {
		var v In
		if input != nil {
			if err := in.Decode(input, &v); err != nil {
				return nil, &InputError{Err: err}
			}
		}
		result, err := f(ctx, call, v)
		if err != nil {
			return nil, &returnedError{err}
		}
		data, err := out.Encode(result)
		if err != nil {
			return nil, &BugError{Err: fmt.Errorf("output: %w", err)}
		}
		return data, nil
	}
	return fn
}

// Name is what the function is called.
func (f *Function) Name() string { return f.name }

func (o Options) withDefaults() Options {
	if o.Timeout == 0 {
		o.Timeout = defaultTimeout
	}
	if o.Attempts == 0 {
		o.Attempts = defaultAttempts
	}
	return o
}

func (o Options) check() error {
	switch {
	case o.Timeout < 0:
		return errors.New("the Timeout is negative")
	case o.Attempts < 0:
		return errors.New("the Attempts are negative")
	case o.PerConnection < 0:
		return errors.New("the PerConnection is negative")
	case o.Every != 0 && o.Every < minEvery:
		return fmt.Errorf("the Every is %v, less than %v", o.Every, minEvery)
	}
	return nil
}

const maxName = 128

func checkName(name string) error {
	const letters = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-"
	if name == "" || len(name) > maxName || strings.Trim(name, letters) != "" {
		return fmt.Errorf("the name %q is not one of letters, digits, dots, hyphens and underscores, 1 to %d", name, maxName)
	}
	return nil
}

func describe(what string, err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("%s: %w", what, err)
}

// Info describes a Function.
type Info struct {
	Name        string          `json:"name"`
	Description string          `json:"description,omitempty"`
	Input       json.RawMessage `json:"input"`  // a JSON Schema, draft 2020-12
	Output      json.RawMessage `json:"output"` // another
	// Every is the schedule, 0 for none; Webhooks are what starts the function.
	Every    time.Duration `json:"-"`
	Webhooks []string      `json:"webhooks,omitempty"`
}

func (f *Function) info() Info {
	return Info{Name: f.name, Description: f.o.Description, Input: f.in.JSON(), Output: f.out.JSON(), Every: f.o.Every, Webhooks: f.o.Webhooks}
}
