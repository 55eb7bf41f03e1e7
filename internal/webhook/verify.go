package webhook

import (
	"context"
	"errors"
	"slices"
	"strings"
)

// Status says how much a delivery is to be believed.
type Status int

const (
	// Unverified: anybody may have sent it.
	Unverified Status = iota
	// Verified: whoever sent it had the secret or the key.
	Verified
)

// String returns "unverified" or "verified".
func (s Status) String() string {
	if s == Verified {
		return "verified"
	}
	return "unverified"
}

// The values of [Result.Reason].
const (
	ReasonNoScheme  = "no scheme"                       // nothing is known about the provider
	ReasonUnsigned  = "the provider signs nothing"      // kind none
	ReasonNoSecret  = "no secret"                       // none that the scheme could use
	ReasonNoKeys    = "no key source"                   // Inputs.Keys is nil
	ReasonNoParam   = "a parameter is not configured"   // a JWT cannot be judged without it
	ReasonChallenge = "a challenge before verification" // see Result.Answer
)

// Result is what is known of a delivery that was not refused.
type Result struct {
	Status Status
	Reason string // why it is unverified, one of the Reason constants
	Method string // that verified it, as the scheme names it
	// SecretID is the ID of the secret that matched. A connection's own secret proves the
	// connection too.
	SecretID string
	// BodySigned reports that the signature covers the body. A token does not: who sees
	// one can send another body with it.
	BodySigned bool

	// Answer, if there is one, is what the provider waits for. The delivery is a handshake
	// then and has nothing to forward.
	Answer *Answer

	// ConnectionID is the connection that the delivery names outright, Matches are values
	// of connections. Of both, what stands in a header or in the query is covered by few
	// signatures; where SecretID names a connection, that one counts.
	ConnectionID string
	Matches      []Match
	DeliveryID   string // the same when the provider tries again; empty when it gives none
	EventType    string
}

// In says in which part of a connection a [Match] is looked for.
type In string

// The parts.
const (
	InConfig   In = "config"
	InMetadata In = "metadata"
	InTag      In = "tag"
)

// Match is a value that the connections have which the delivery is about.
type Match struct {
	In    In
	Key   string // a config key, a path in the metadata, or the name of a tag
	Value string
}

// Verifier checks deliveries by one scheme. Make it with [Compile]; the zero Verifier
// verifies nothing. It is safe for concurrent use.
type Verifier struct {
	name       string
	methods    []*method
	challenges []*challenge
	scheme     Scheme
}

// Verify checks a delivery. A refusal is an *[Error]; a context that is done, and a zero
// Inputs.Now, are errors of their own.
func (v *Verifier) Verify(ctx context.Context, d Delivery, in Inputs) (Result, error) {
	if err := ctx.Err(); err != nil {
		return Result{}, err
	}
	if in.Now.IsZero() {
		return Result{}, errors.New("webhook: Inputs.Now is needed")
	}
	if len(d.Body) > MaxBody {
		return Result{}, v.named(fail(ErrTooLarge, "body"), "")
	}
	r := newRun(d, in)
	answer, err := v.answer(r, Before, Unverified)
	if err != nil {
		return Result{}, err
	}
	if answer != nil {
		return Result{Reason: ReasonChallenge, Answer: answer}, nil
	}
	result, err := v.authenticate(ctx, r)
	if err != nil {
		return Result{}, err
	}
	if result.Answer, err = v.answer(r, After, result.Status); err != nil {
		return Result{}, err
	}
	result.ConnectionID = r.first(v.scheme.ConnectionID)
	result.Matches = r.match(v.scheme.Connection)
	result.DeliveryID = r.first(v.scheme.DeliveryID)
	result.EventType = r.first(v.scheme.EventType)
	return result, nil
}

// Names returns what a delivery says of its connections, on its word alone, as
// [Result.ConnectionID] and [Result.Matches]. It is for finding the connections whose
// secrets the delivery is then checked with.
func (v *Verifier) Names(d Delivery) (connectionID string, matches []Match) {
	if len(d.Body) > MaxBody {
		return "", nil
	}
	r := newRun(d, Inputs{})
	return r.first(v.scheme.ConnectionID), r.match(v.scheme.Connection)
}

// Uses reports whether a delivery may be made with a secret of this use.
func (v *Verifier) Uses(use Use) bool {
	return slices.ContainsFunc(v.methods, func(m *method) bool { return slices.Contains(m.uses, use) })
}

// Rules are what names connections: which values of theirs [Result.Matches] can have.
func (v *Verifier) Rules() []Rule { return slices.Clone(v.scheme.Connection) }

// authenticate lets the first usable method that the delivery uses decide. A method is
// usable when there is something to check with; the sender has no say in that, and so
// cannot choose to be unverified.
func (v *Verifier) authenticate(ctx context.Context, r *run) (Result, error) {
	reason := ReasonNoScheme
	var usable []*method
	for _, m := range v.methods {
		if lacks := m.lacks(r); lacks != "" {
			reason = lacks
			continue
		}
		usable = append(usable, m)
	}
	for _, m := range usable {
		if !m.used(r) {
			continue
		}
		id, err := m.verify(ctx, r)
		if err != nil {
			return Result{}, v.named(err, m.name)
		}
		return Result{Status: Verified, Method: m.name, SecretID: id, BodySigned: m.bodySigned}, nil
	}
	if len(usable) > 0 {
		return Result{}, v.named(fail(ErrMissing, usable[0].field()), usable[0].name)
	}
	return Result{Reason: reason}, nil
}

// named puts the names of scheme and method into an *Error. Context errors pass.
func (v *Verifier) named(err error, method string) error {
	var e *Error
	if errors.As(err, &e) {
		e.Scheme, e.Method = v.name, method
	}
	return err
}

// used reports whether the delivery was signed with this method, well or badly.
func (m *method) used(r *run) bool {
	if m.when != nil {
		f := r.find(Place{Header: m.when.Header})
		ok := false
		for _, v := range f.values {
			// Equals and Prefix are constants of the scheme and no secrets.
			ok = ok || m.when.Equals != "" && strings.EqualFold(v, m.when.Equals) || m.when.Prefix != "" && hasPrefixFold(v, m.when.Prefix)
		}
		if !ok {
			return false
		}
	}
	switch {
	case m.place.Header != "":
		return len(r.find(m.place).values) > 0
	case m.place.Query != "":
		return len(r.query[m.place.Query]) > 0
	case m.place.Body != "":
		return len(r.find(m.place).values) > 0
	}
	return m.inPath
}

func hasPrefixFold(s, prefix string) bool {
	return len(s) >= len(prefix) && strings.EqualFold(s[:len(prefix)], prefix)
}

// field names where the signature should have been.
func (m *method) field() string {
	for _, name := range []string{m.place.Header, m.place.Query, m.place.Body} {
		if name != "" {
			return name
		}
	}
	return "URL"
}
