package kill

import "time"

// History is what was written down during a run. All times are of the wall clock
// of the one machine on which everything ran.
type History struct {
	Exchanges []Exchange // in the order of the provider's commits
	Kills     []Fault
	Pauses    []Fault
	Outages   []Fault // of the database; Process is 0
	Stalls    []Fault // when the machine did not let a process run; 0 is the referee's
	Restarts  int     // orderly ones

	Acks      []Ack
	Sightings []Sighting
	Deaths    []Death
	Finals    []Final

	Calls   int            // of callers
	Errors  map[string]int // what callers got instead of a credential
	Expired []Expired

	// Unsaved is what processes said that were to leave nothing behind, and
	// Crashes what those said that ended unasked.
	Unsaved, Crashes []string
	// Unsound is what the database says about itself, empty if all is well.
	Unsound string
}

// Token is a refresh token, and the access token that came with it: the
// generation of a grant of a connection. A connection gets another grant when it
// has lost one. Both count from 1.
type Token struct {
	Conn       string
	Grant, Gen int
}

// older says whether t came before o, of the same connection.
func (t Token) older(o Token) bool {
	return t.Grant < o.Grant || t.Grant == o.Grant && t.Gen < o.Gen
}

// Outcome is what became of a refresh token that was presented.
type Outcome string

// The outcomes.
const (
	Rotated Outcome = "rotated" // it was the live one
	Again   Outcome = "again"   // it was used before, and forgiven
	Reused  Outcome = "reused"  // it was used before, and the grant died of it
	Dead    Outcome = "dead"    // the grant was dead already
	Unknown Outcome = "unknown" // it was never issued
)

// Exchange is one request to a token endpoint.
type Exchange struct {
	Provider  string
	Process   int
	Presented Token
	Issued    int // generation; 0 for none
	Outcome   Outcome

	Arrived, Committed, Answered time.Time
}

// issued is the token that came of it.
func (x Exchange) issued() Token {
	return Token{Conn: x.Presented.Conn, Grant: x.Presented.Grant, Gen: x.Issued}
}

// accepted says whether a token came of it.
func (x Exchange) accepted() bool { return x.Issued != 0 }

// Fault is something that was done to a process, or to the database. It lasted
// from before the order until after it was carried out, or was over.
type Fault struct {
	Process    int
	Begin, End time.Time
}

// overlaps says whether the fault and the span have a moment in common.
func (f Fault) overlaps(begin, end time.Time) bool {
	return !f.End.Before(begin) && !f.Begin.After(end)
}

// Ack is a process that says that a new credential of a connection is stored.
type Ack struct {
	Process int
	Conn    string
	At      time.Time
	// Grant is set when the connection got a new grant by hand.
	Grant int
}

// Sighting is a caller that got a token which this process had not returned the
// call before.
type Sighting struct {
	Process int
	Token   Token
	Called  time.Time // when the call began
}

// Death is a connection that needs its user, and what it says why.
type Death struct {
	Provider string
	Conn     string
	Grant    int // of the one that was refused
	Code     string
}

// Final is what a fresh process finds in the end.
type Final struct {
	Provider string
	Conn     string
	Reauth   bool
	Token    Token // what is stored, unless Reauth
	Live     Token // what is live at the provider; Gen 0 when the grant is dead
}

// Expired is a token that had expired when a caller got it.
type Expired struct {
	Process int
	At      time.Time
	Late    time.Duration
}
