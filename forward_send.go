package tieline

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"sync"
	"time"

	"github.com/tieline/tieline/internal/oauth"
	"github.com/tieline/tieline/internal/outbound"
)

// answer is what became of an attempt to forward.
type answer struct {
	status     int   // of the receiver's answer, 0 without one
	err        error // why there is none; free of secrets
	retryAfter time.Duration
}

func (a answer) ok() bool { return a.status >= 200 && a.status <= 299 }

// gone says that the receiver wants no more (Standard Webhooks: 410).
func (a answer) gone() bool { return a.status == http.StatusGone }

func (a answer) reason() string {
	if a.err != nil {
		return a.err.Error()
	}
	return fmt.Sprintf("status %d", a.status)
}

// errNoReceiver: the list of URLs has become shorter.
var errNoReceiver = errors.New("Config.Forward.URLs has no such entry any more")

// send makes one attempt. Redirects are not followed: what is signed for one receiver
// is not for another.
func (c *core) send(ctx context.Context, m message) answer {
	content, err := c.openMessage(m)
	if err != nil {
		return answer{err: translate(err)}
	}
	target := content.URL
	if slot := m.rec.Slot; slot >= 0 {
		if slot >= int64(len(c.forwarding.urls)) {
			return answer{err: errNoReceiver}
		}
		target = c.forwarding.urls[slot]
	}
	ctx, cancel := context.WithTimeoutCause(ctx, forwardTimeout, errSlowReceiver)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, target, bytes.NewReader(content.Body))
	if err != nil {
		return answer{err: errors.New("the URL cannot be used")} // err quotes it
	}
	maps.Copy(req.Header, http.Header(content.Header))
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("User-Agent", "tieline")
	c.forwarding.sign(req.Header, m.rec.MessageID, c.now(), content.Body)
	resp, err := c.apiHTTP.RoundTrip(req)
	if err != nil {
		return answer{err: outbound.SafeError(ctx, err)}
	}
	drain(resp.Body)
	a := answer{status: resp.StatusCode}
	if a.status == http.StatusTooManyRequests || a.status == http.StatusServiceUnavailable {
		a.retryAfter = oauth.RetryAfter(resp.Header, c.now()) // an hour at most
	}
	return a
}

var errSlowReceiver = errors.New("no answer in time")

// rooms bound what is sent at the same time. Large messages, which are in memory
// whole, have a room of their own.
type rooms struct {
	small, large room
}

func newRooms() rooms {
	return rooms{small: room{each: 8, all: 256}, large: room{each: 1, all: 8}}
}

func (r *rooms) of(m message) *room {
	if m.large() {
		return &r.large
	}
	return &r.small
}

// room has places for attempts: at most each for one receiver, and all in all. So a
// receiver that hangs does not take the places of others.
type room struct {
	each, all int

	mu    sync.Mutex
	in    map[string]int
	n     int
	freed chan struct{} // closed when somebody leaves; nil while nobody waits
}

// tryEnter takes a place if there is one.
func (r *room) tryEnter(target string) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.tryEnterLocked(target)
}

func (r *room) tryEnterLocked(target string) bool {
	if r.n >= r.all || r.in[target] >= r.each {
		return false
	}
	if r.in == nil {
		r.in = map[string]int{}
	}
	r.in[target]++
	r.n++
	return true
}

// enter waits for a place. It answers false when stop is closed or ctx done first.
func (r *room) enter(ctx context.Context, stop <-chan struct{}, target string) bool {
	for {
		r.mu.Lock()
		if r.tryEnterLocked(target) {
			r.mu.Unlock()
			return true
		}
		if r.freed == nil {
			r.freed = make(chan struct{})
		}
		freed := r.freed
		r.mu.Unlock()
		select {
		case <-freed:
		case <-stop:
			return false
		case <-ctx.Done():
			return false
		}
	}
}

func (r *room) leave(target string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.n--
	if r.in[target]--; r.in[target] == 0 {
		delete(r.in, target)
	}
	if r.freed != nil {
		close(r.freed)
		r.freed = nil
	}
}
