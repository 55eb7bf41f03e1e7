package e2e

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"math/rand/v2"
	"net/http"
	"runtime"
	"sync"
	"sync/atomic"
	"time"

	"github.com/tieline/tieline"
	"github.com/tieline/tieline/e2e/internal/authserver"
)

// report is what a process has to say for itself. Tokens are named by their
// hash.
type report struct {
	Calls  int // of Credential, or requests
	Checks int // of tokens at the resource server

	// Seen are the tokens that callers got, and when Tieline said they expire.
	Seen map[string]time.Time
	// Expired counts those that had expired when a caller got them, and Least is
	// the least that any had left to live.
	Expired int
	Least   time.Duration
	// Refusals are those that the resource server did not take.
	Refusals []refusal

	Slowest time.Duration // of the calls
	Failed  int           // calls that ended with an error
	Errors  []string      // the first of them

	Refreshed int            // refreshes that this process made
	Events    map[string]int // what else happened

	Leak bool // goroutines went on after Close
}

// refusal is a token that the resource server did not take.
type refusal struct {
	Token    string
	Received time.Time // when the caller got it
	Answered time.Time // when the caller had heard from the resource server
}

// maxErrors is how many errors a caller writes down.
const maxErrors = 5

// add puts another report into this one.
func (r *report) add(o report) {
	r.Calls += o.Calls
	r.Checks += o.Checks
	if len(o.Seen) > 0 && (len(r.Seen) == 0 || o.Least < r.Least) {
		r.Least = o.Least
	}
	if r.Seen == nil {
		r.Seen = map[string]time.Time{}
	}
	maps.Copy(r.Seen, o.Seen)
	r.Expired += o.Expired
	r.Refusals = append(r.Refusals, o.Refusals...)
	r.Slowest = max(r.Slowest, o.Slowest)
	r.Failed += o.Failed
	r.Errors = append(r.Errors, o.Errors...)
}

// call is the role of a process full of callers.
func (r role) call(in io.Reader, out io.Writer) error {
	before := runtime.NumGoroutine()
	var events tally
	p, err := r.open(func(c *tieline.Config) { c.OnEvent = events.count })
	if err != nil {
		return err
	}
	// Whoever started this process and is gone wants nothing any more.
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	input := bufio.NewReader(in)
	fmt.Fprintln(out, "ready")
	if _, err := input.ReadString('\n'); err != nil {
		return err
	}
	gone := make(chan struct{})
	go func() {
		defer close(gone)
		_, _ = input.ReadString('\n')
		cancel()
	}()

	total := r.callers(ctx, p)
	if err := p.close(); err != nil {
		return err
	}
	total.Leak = !settles(before + 1) // the one above
	total.Refreshed, total.Events = events.result()
	if err := json.NewEncoder(out).Encode(total); err != nil {
		return err
	}
	<-gone
	return nil
}

// callers runs all callers, and the Client's own background work beside them.
func (r role) callers(ctx context.Context, p *process) report {
	running, stop := context.WithCancel(ctx)
	var background, callers sync.WaitGroup
	background.Go(func() { _ = p.Run(running) })
	transport := &http.Transport{MaxIdleConnsPerHost: r.Callers}
	reports := make([]report, r.Callers)
	end := time.Now().Add(r.Duration)
	for i := range reports {
		c := &caller{process: p, me: r.Server + "/api/me", resource: &http.Client{Transport: transport}, report: &reports[i]}
		step := c.credential
		switch {
		case r.Handles && i > 0:
			c.handle = p.Connections.HTTPClient(integration, user)
			step = c.request
		case r.Handles:
			// One goes on looking at credentials, so that it is known when they
			// expire. Being refused is no news to it.
			c.resource = nil
		}
		callers.Go(func() { c.loop(ctx, end, step) })
	}
	callers.Wait()
	stop()
	background.Wait()
	transport.CloseIdleConnections()
	var total report
	for _, one := range reports {
		total.add(one)
	}
	return total
}

// caller is one user of a connection.
type caller struct {
	*process
	me       string       // an address of the resource server
	resource *http.Client // to it, as it comes; nil: not asked
	handle   *http.Client // to it, through Tieline
	*report

	token, hash string // the last one
}

// loop calls, and pauses for 5 to 20 ms, until the end.
func (c *caller) loop(ctx context.Context, end time.Time, step func(context.Context) error) {
	timer := time.NewTimer(0)
	defer timer.Stop()
	for time.Now().Before(end) {
		select {
		case <-timer.C:
		case <-ctx.Done():
			return
		}
		begin := time.Now()
		err := step(ctx)
		c.Calls++
		if err != nil {
			c.Failed++
			if len(c.Errors) < maxErrors {
				c.Errors = append(c.Errors, err.Error())
			}
		}
		c.Slowest = max(c.Slowest, time.Since(begin))
		timer.Reset(5*time.Millisecond + rand.N(15*time.Millisecond))
	}
}

// checkEvery is how many calls of one caller share a question to the resource
// server; each token that is new to the caller is asked about at once.
const checkEvery = 8

// credential asks for the credential and looks at it.
func (c *caller) credential(ctx context.Context) error {
	cred, err := c.Connections.Credential(ctx, integration, user)
	if err != nil {
		return err
	}
	received := time.Now()
	token := cred.(*tieline.OAuth2Token).AccessToken.Reveal()
	isNew := c.look(token, cred.Expiry(), received)
	if c.resource == nil || !isNew && c.Calls%checkEvery != 0 {
		return nil
	}
	return c.check(ctx, received)
}

// look writes down a token and when it expires, and says whether it is another
// one than the last.
func (c *caller) look(token string, expires, received time.Time) (isNew bool) {
	left := expires.Sub(received)
	if len(c.Seen) == 0 || left < c.Least {
		c.Least = left
	}
	if left <= 0 {
		c.Expired++
	}
	if c.Seen == nil {
		c.Seen = map[string]time.Time{}
	}
	if isNew = token != c.token; isNew {
		c.token, c.hash = token, authserver.Hash(token)
	}
	c.Seen[c.hash] = expires
	return isNew
}

// check asks the resource server about the last token.
func (c *caller) check(ctx context.Context, received time.Time) error {
	c.Checks++
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, c.me, nil)
	if err != nil {
		return err
	}
	req.Header.Set("Authorization", "Bearer "+c.token)
	status, err := do(c.resource, req)
	if err != nil {
		return err
	}
	switch status {
	case http.StatusOK:
	case http.StatusUnauthorized:
		c.Refusals = append(c.Refusals, refusal{Token: c.hash, Received: received, Answered: time.Now()})
	default:
		return fmt.Errorf("the resource server answered %d", status)
	}
	return nil
}

// request uses the resource server through the connection.
func (c *caller) request(ctx context.Context) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "/me", nil)
	if err != nil {
		return err
	}
	c.Checks++
	status, err := do(c.handle, req)
	if err == nil && status != http.StatusOK {
		err = fmt.Errorf("the resource server answered %d", status)
	}
	return err
}

// do makes a request and reads the answer, so that its connection can be used
// again.
func do(client *http.Client, req *http.Request) (status int, err error) {
	resp, err := client.Do(req)
	if err != nil {
		return 0, err
	}
	defer resp.Body.Close()
	_, err = io.Copy(io.Discard, resp.Body)
	return resp.StatusCode, err
}

// tally counts events.
type tally struct {
	refreshed atomic.Int64
	mu        sync.Mutex
	others    map[string]int
}

func (t *tally) count(_ context.Context, e tieline.Event) {
	if e.Type == tieline.EventRefreshed {
		t.refreshed.Add(1)
		return
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.others == nil {
		t.others = map[string]int{}
	}
	t.others[string(e.Type)]++
}

func (t *tally) result() (refreshed int, others map[string]int) {
	t.mu.Lock()
	defer t.mu.Unlock()
	return int(t.refreshed.Load()), maps.Clone(t.others)
}
