package record

import (
	"fmt"
	"time"

	"github.com/tieline/tieline/internal/wire"
)

// FunctionState is where a function's row stands.
type FunctionState uint8

// The values are stored: add at the end.
const (
	FunctionWaiting FunctionState = iota // for its time
	FunctionRunning                      // claimed
	FunctionDone
	FunctionFailed
)

// Function is the Data of an accepted run of a function, or of a function's schedule
// for a connection. A schedule is never done or failed.
type Function struct {
	Name string // of the function
	// Integration and Connection are the names of the connection when the row was
	// made. The row's Parent says which it is.
	Integration, Connection string

	State FunctionState
	// Claim marks who runs it, or who did last: random, 0 for nobody yet. Beat grows
	// with every write under a claim.
	Claim, Beat int64
	Attempts    int64 // that were begun: of the run, or of the interval

	CreatedAt, StartedAt, FinishedAt time.Time

	// ErrKind is the kind of the last failure, "" after a success. Its text is sealed.
	ErrKind string
	// Unwanted is when a process without the function came across the row first;
	// zero if none has since it ran.
	Unwanted time.Time

	// Of a schedule: the end of the last completed interval, and of the one that is
	// or was tried after it; how many are completed; how many attempts failed since;
	// whether it waits for the user; and the time between two points of its grid.
	From, To         time.Time
	Completed, Fails int64
	Paused           bool
	Every            int64 // nanoseconds

	// Gen counts the changes of what is sealed.
	Gen    int64
	Sealed []byte // a FunctionContent

	tail []byte
}

// Finished reports that a run is over.
func (f *Function) Finished() bool { return f.State == FunctionDone || f.State == FunctionFailed }

// ParseFunction takes Data apart. Sealed shares memory with it.
func ParseFunction(data []byte) (*Function, error) {
	r, err := open(data)
	if err != nil {
		return nil, err
	}
	f := &Function{
		Name: r.String(), Integration: r.String(), Connection: r.String(),
		State: FunctionState(r.Uint()), Claim: r.Int(), Beat: r.Int(), Attempts: r.Int(),
		CreatedAt: r.Time(), StartedAt: r.Time(), FinishedAt: r.Time(),
		ErrKind: r.String(), Unwanted: r.Time(),
		From: r.Time(), To: r.Time(), Completed: r.Int(), Fails: r.Int(), Paused: r.Bool(), Every: r.Int(),
		Gen: r.Int(), Sealed: r.View(),
	}
	f.tail = r.Rest()
	if err := r.Err(); err != nil {
		return nil, fmt.Errorf("record: function: %w", err)
	}
	return f, nil
}

// Encode is the opposite of ParseFunction.
func (f *Function) Encode() []byte {
	b := make([]byte, 1, 256+len(f.Sealed))
	b[0] = format
	for _, s := range []string{f.Name, f.Integration, f.Connection} {
		b = wire.AppendString(b, s)
	}
	b = wire.AppendUint(b, uint64(f.State))
	for _, n := range []int64{f.Claim, f.Beat, f.Attempts} {
		b = wire.AppendInt(b, n)
	}
	for _, t := range []time.Time{f.CreatedAt, f.StartedAt, f.FinishedAt} {
		b = wire.AppendTime(b, t)
	}
	b = wire.AppendString(b, f.ErrKind)
	for _, t := range []time.Time{f.Unwanted, f.From, f.To} {
		b = wire.AppendTime(b, t)
	}
	b = wire.AppendInt(wire.AppendInt(b, f.Completed), f.Fails)
	b = wire.AppendBool(b, f.Paused)
	b = wire.AppendInt(wire.AppendInt(b, f.Every), f.Gen)
	b = wire.AppendBytes(b, f.Sealed)
	return append(b, f.tail...)
}

// FunctionContent is what of a run or a schedule is the application's own.
type FunctionContent struct {
	Input       []byte // JSON, empty for the function's zero; gone once the run is over
	InputDigest []byte // of the input as it came
	Output      []byte // JSON
	Error       string // the text of the last failure
	Checkpoint  []byte // JSON

	Webhook       bool // started it
	WebhookID     string
	WebhookType   string
	WebhookHeader map[string][]string
	WebhookBody   []byte

	tail []byte
}

// ParseFunctionContent takes apart what Encode made. The result shares memory with
// it.
func ParseFunctionContent(plain []byte) (FunctionContent, error) {
	r := wire.NewReader(plain)
	c := FunctionContent{
		Input: r.View(), InputDigest: r.View(), Output: r.View(), Error: r.String(), Checkpoint: r.View(),
		Webhook: r.Bool(), WebhookID: r.String(), WebhookType: r.String(),
	}
	var ok bool
	c.WebhookHeader, ok = unpair(r.Strings())
	c.WebhookBody = r.View()
	c.tail = r.Rest()
	if r.Err() != nil || !ok {
		return FunctionContent{}, fmt.Errorf("record: function: %w", wire.ErrMalformed)
	}
	return c, nil
}

// Encode is the opposite of ParseFunctionContent.
func (c FunctionContent) Encode() []byte {
	b := make([]byte, 0, 256+len(c.Input)+len(c.Output)+len(c.Checkpoint)+len(c.WebhookBody))
	for _, p := range [][]byte{c.Input, c.InputDigest, c.Output} {
		b = wire.AppendBytes(b, p)
	}
	b = wire.AppendString(b, c.Error)
	b = wire.AppendBytes(b, c.Checkpoint)
	b = wire.AppendBool(b, c.Webhook)
	b = wire.AppendString(wire.AppendString(b, c.WebhookID), c.WebhookType)
	b = wire.AppendStrings(b, pair(c.WebhookHeader))
	b = wire.AppendBytes(b, c.WebhookBody)
	return append(b, c.tail...)
}
