package providertest

import (
	"encoding/json"
	"fmt"
	"net/http"
	"time"
)

// Fault is one way for the provider to misbehave. [Server.Fail] arms it.
//
// Its fields work in the order in which they stand here: which requests it
// strikes, what happens before the provider looks at the request, what is
// answered, and what becomes of the answer. The zero Fault strikes the next
// request, and does nothing to it.
//
// A fault that brings an answer of its own (Status, OAuthError, Body, Empty or
// Redirect) keeps the request from being processed, as a gateway in front of the
// provider would, unless Process is set. All others leave the real answer, of a
// request that was processed, and change it.
type Fault struct {
	// Endpoint is where it strikes. Empty means everywhere.
	Endpoint Endpoint
	// When says of each request at the endpoint whether it strikes. Nil means
	// yes. The form of the request is parsed and its body unread.
	When func(*http.Request) bool
	// Times is how many requests it strikes: zero means one, Always all until
	// it is cleared.
	Times int

	// Refused fails the request as if nobody listened: nothing is sent. That
	// can be done in process only; a listener treats it as Dropped.
	Refused bool
	// Dropped closes the connection once the request has been read. It is not
	// processed. (net/http repeats a GET by itself when that happens on a
	// connection it has used before, but no POST.)
	Dropped bool
	// Delay passes before the request is processed. A client that gives up
	// meanwhile leaves it unprocessed, unless Late is set.
	Delay time.Duration
	// Late processes the request after Delay even though its client has given
	// up, like one that was held up in a queue.
	Late bool

	// Process has the provider process the request, so that codes are used and
	// tokens are rotated, though the answer is another.
	Process bool
	// Status is the answer's, 200 to 599. Alone, it answers with a gateway's
	// HTML page; with Process and below 300, with the real answer's body.
	Status int
	// OAuthError answers with this error code as RFC 6749 section 5.2 has it;
	// Status is then 400 unless set.
	OAuthError string
	// Body is the answer's; Status is then 200 unless set.
	Body string
	// Empty answers with no body at all.
	Empty bool
	// Redirect is where the answer sends the client; Status is then 307 unless set.
	Redirect string
	// RetryAfter is a header field of the answer: seconds, or an HTTP date
	// (t.UTC().Format(http.TimeFormat)).
	RetryAfter string
	// ContentType replaces the answer's. Without it, that of Body is guessed.
	ContentType string
	// Header is added to the answer's, and replaces it field by field. A nil
	// value leaves the field out.
	Header http.Header

	// RefreshToken overrules, for the refresh it strikes, whether the refresh
	// token rotates and what the answer says of it.
	RefreshToken RefreshTokenAnswer
	// Fields are set in the answer's JSON object, in place of what is there.
	// A json.RawMessage is written as it is, apart from white space.
	Fields map[string]any
	// Omit are left out of the answer's JSON object.
	Omit []string
	// Padding adds a field of so many bytes to the answer's JSON object. It
	// sorts before refresh_token.
	Padding int
	// Edit changes the answer after all of the above, however it likes. It is
	// called even if the answer is then Lost, and may block.
	Edit func(*Answer)
	// Form writes the answer's JSON object as application/x-www-form-urlencoded.
	Form bool
	// BOM puts a UTF-8 byte order mark before the body.
	BOM bool
	// Gzip compresses the body, asked for or not.
	Gzip bool

	// DelayAfter passes after the request was processed, before the answer.
	// A client that gives up meanwhile never learns what happened.
	DelayAfter time.Duration
	// Lost has the request processed, and then closes the connection without an answer.
	Lost bool
	// Truncated sends half of the body, and then closes the connection.
	Truncated bool
}

// Always is the Times of a [Fault] that strikes until it is cleared.
const Always = -1

// RefreshTokenAnswer says what one refresh does to the refresh token.
type RefreshTokenAnswer string

// The answers. With the first two, the refresh token presented stays good.
const (
	RefreshTokenAbsent  RefreshTokenAnswer = "absent"  // not rotated, and not in the answer
	RefreshTokenSame    RefreshTokenAnswer = "same"    // not rotated, and repeated in the answer
	RefreshTokenRotated RefreshTokenAnswer = "rotated" // rotated, whatever Options.Rotation says
)

// injected is an armed fault, or a function that makes them.
type injected struct {
	fault Fault
	left  int
	make  func(*http.Request) *Fault
}

// Fail arms f. Of several armed faults, the one armed first that fits strikes a
// request, alone. The function returned disarms it. Fail panics when a field of
// f is out of its range.
func (s *Server) Fail(f Fault) (clear func()) {
	f.check()
	left := f.Times
	if left == 0 {
		left = 1
	}
	return s.arm(&injected{fault: f, left: left})
}

// FailFunc arms a function that is asked about every request which no fault armed
// before it strikes. The fault it returns strikes that request, its Endpoint,
// When and Times being ignored; nil means none. It may be called from many
// goroutines at once, and may block: the request then waits.
func (s *Server) FailFunc(f func(*http.Request) *Fault) (clear func()) {
	return s.arm(&injected{make: f, left: Always})
}

// ClearFaults disarms all faults. Requests already struck stay struck.
func (s *Server) ClearFaults() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.faults = nil
}

func (s *Server) arm(i *injected) (clear func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.faults = append(s.faults, i)
	return func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.disarm(i)
	}
}

// disarm takes i out. The caller holds mu. Other requests may be reading the old list.
func (s *Server) disarm(i *injected) {
	var rest []*injected
	for _, other := range s.faults {
		if other != i {
			rest = append(rest, other)
		}
	}
	s.faults = rest
}

// pickFault returns the fault that strikes c. Hooks run without the lock.
func (s *Server) pickFault(c *call) Fault {
	s.mu.Lock()
	armed := s.faults
	s.mu.Unlock()
	for _, i := range armed {
		switch {
		case i.make != nil:
			if f := i.make(c.hookRequest()); f != nil {
				f.check()
				s.count(func(st *Stats) { st.Faults++ })
				return *f
			}
		case !i.fault.Endpoint.covers(c.kind), i.fault.When != nil && !i.fault.When(c.hookRequest()):
		case s.take(i):
			return i.fault
		}
	}
	return Fault{}
}

// take uses one of i's strikes up, if it has any left.
func (s *Server) take(i *injected) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if i.left == 0 {
		return false
	}
	s.stats.Faults++
	if i.left > 0 {
		i.left--
	}
	if i.left == 0 {
		s.disarm(i)
	}
	return true
}

// covers says whether e, to aim at, includes the endpoint of a request.
func (e Endpoint) covers(kind Endpoint) bool {
	switch e {
	case Any:
		return true
	case Token:
		return kind == Token || kind == Exchange || kind == Refresh || kind == ClientCredentials
	}
	return e == kind
}

func (f *Fault) check() {
	bad := func(field string) { panic("providertest: Fault." + field + " is out of range") }
	switch f.Endpoint {
	case Any, Authorize, Token, Exchange, Refresh, ClientCredentials, Revoke, API, Other:
	default:
		bad("Endpoint")
	}
	switch f.RefreshToken {
	case "", RefreshTokenAbsent, RefreshTokenSame, RefreshTokenRotated:
	default:
		bad("RefreshToken")
	}
	if f.Status != 0 && (f.Status < 200 || f.Status > 599) {
		bad(fmt.Sprintf("Status %d", f.Status))
	}
	if f.Times < Always {
		bad("Times")
	}
	if f.Padding < 0 {
		bad("Padding")
	}
	if _, err := json.Marshal(f.Fields); err != nil {
		bad("Fields")
	}
}

// ownAnswer says whether the fault brings an answer of its own.
func (f *Fault) ownAnswer() bool {
	return f.Status != 0 || f.OAuthError != "" || f.Body != "" || f.Empty || f.Redirect != ""
}

// processes says whether the provider processes the request.
func (f *Fault) processes() bool {
	return f.Process || f.Lost || !f.ownAnswer()
}
