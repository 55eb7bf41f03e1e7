package functions

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"iter"
	"log/slog"
	"net/http"
	"time"

	"github.com/tieline/tieline"
)

// Call is one call of a function, with everything that belongs to its connection.
// It is valid until the function returns.
type Call struct {
	// Connection is the connection as it was when the call began, without its
	// captured values.
	Connection tieline.Connection
	// Log has the names of the function, the connection and the run.
	Log *slog.Logger
	// RunID is the run's, empty for a call at once without an idempotency key.
	// Attempt counts from 1.
	RunID   string
	Attempt int
	// Interval is what a run on a schedule is about; the zero Interval for others.
	Interval Interval
	// Webhook is what started the run, nil for others.
	Webhook *Webhook

	client     *tieline.Client
	checkpoint json.RawMessage
	save       func(ctx context.Context, checkpoint json.RawMessage) error
}

// Interval is the time that a run on a schedule is about. The intervals of a function
// and a connection follow one another without a gap, and each is completed once:
// where a run failed, or nobody was there to run, the next one is longer.
type Interval struct {
	From, To time.Time // From is zero for the first
}

// Webhook is a verified webhook that started a run.
type Webhook struct {
	ID     string // the provider's for the delivery, empty if it has none
	Type   string
	Header http.Header
	Body   []byte
}

// HTTPClient is the connection's client: it attaches the credential, keeps it fresh,
// and repeats requests as the provider's data says. See
// [tieline.Connections.HTTPClient].
func (c *Call) HTTPClient() *http.Client {
	return c.client.Connections.HTTPClient(c.Connection.Integration, c.Connection.ID)
}

// Pages yields the pages of a list. See [tieline.Connections.Pages].
func (c *Call) Pages(ctx context.Context, req tieline.PageRequest) iter.Seq2[tieline.Page, error] {
	return c.client.Connections.Pages(ctx, c.Connection.Integration, c.Connection.ID, req)
}

// Items yields the items of a list. See [tieline.Connections.Items].
func (c *Call) Items(ctx context.Context, req tieline.PageRequest) iter.Seq2[json.RawMessage, error] {
	return c.client.Connections.Items(ctx, c.Connection.Integration, c.Connection.ID, req)
}

// maxAnswer bounds what Get reads, in bytes.
const maxAnswer = 32 << 20

// Get asks for a URL, relative to the provider's base URL or absolute, and decodes
// the JSON of the answer into v. An answer that is no success is a [RefusedError].
func (c *Call) Get(ctx context.Context, url string, v any) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return err
	}
	req.Header.Set("Accept", "application/json")
	resp, err := c.HTTPClient().Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	if err := Check(resp); err != nil {
		return err
	}
	data, err := io.ReadAll(io.LimitReader(resp.Body, maxAnswer+1))
	if err != nil {
		return err
	}
	if len(data) > maxAnswer {
		return fmt.Errorf("the answer has more than %d bytes", maxAnswer)
	}
	return json.Unmarshal(data, v)
}

// Metadata decodes the connection's metadata into v, and reports whether there is
// any.
func (c *Call) Metadata(v any) (ok bool, err error) {
	if len(c.Connection.Metadata) == 0 {
		return false, nil
	}
	return true, json.Unmarshal(c.Connection.Metadata, v)
}

// Checkpoint decodes what the function last saved for this connection into v, and
// reports whether there is any. A call at once has none.
func (c *Call) Checkpoint(v any) (ok bool, err error) {
	if len(c.checkpoint) == 0 {
		return false, nil
	}
	return true, json.Unmarshal(c.checkpoint, v)
}

// errNoCheckpoint: there is nowhere to keep one.
var errNoCheckpoint = errors.New("functions: a call at once has no checkpoint")

// maxCheckpoint bounds a checkpoint, in bytes.
const maxCheckpoint = 256 << 10

// SaveCheckpoint keeps v, as JSON of at most 256 KiB, for the next attempt or the
// next interval to go on from. Once it has returned nil, v outlives the process. It
// fails where another process has taken the run over; the function should stop then.
func (c *Call) SaveCheckpoint(ctx context.Context, v any) error {
	data, err := json.Marshal(v)
	if err != nil {
		return err
	}
	if len(data) > maxCheckpoint {
		return fmt.Errorf("functions: the checkpoint has %d bytes, more than %d", len(data), maxCheckpoint)
	}
	if c.save == nil {
		return errNoCheckpoint
	}
	if err := c.save(ctx, data); err != nil {
		return err
	}
	c.checkpoint = data
	return nil
}
