package tieline

import (
	"bytes"
	"encoding/json"
	"io"
	"math"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/tieline/tieline/internal/jsonpath"
	"github.com/tieline/tieline/internal/spec"
)

// maxPeek is how much of an answer's body is looked at for when to come back, in
// bytes.
const maxPeek = 64 << 10

// askedWait is how long an answer asks to wait, by anything in its header: the
// longest counts. 0: it does not say, or what it says is past.
//
// Retry-After (RFC 9110 section 10.2.3) always counts, in both forms. What the
// provider's data names beside it tells when a window of calls ends, and counts
// only if the answer is about their number. A 500 that happens to say when the
// window ends need not wait for that.
func askedWait(r *spec.CompiledRetry, resp *http.Response, now time.Time) time.Duration {
	wait := max(secondsWait(resp.Header.Get("Retry-After")), momentWait(resp.Header.Get("Retry-After"), now))
	if !aboutLimit(r, resp) {
		return wait
	}
	for _, name := range r.At {
		wait = max(wait, momentWait(first(resp.Header, name), now))
	}
	for _, name := range r.After {
		wait = max(wait, secondsWait(first(resp.Header, name)))
	}
	return wait
}

// aboutLimit says whether an answer may have been given for the number of calls.
func aboutLimit(r *spec.CompiledRetry, resp *http.Response) bool {
	switch {
	case r.Exhausted(resp.Header):
		return true
	case r.Left(resp.Header):
		return false
	}
	return resp.StatusCode < 500 || resp.StatusCode == http.StatusServiceUnavailable
}

// first is the value of a header whose name is in canonical form.
func first(h http.Header, name string) string {
	if v := h[name]; len(v) > 0 {
		return v[0]
	}
	return ""
}

// mostSeconds is more than anybody asks to wait, and less than any moment since 2001.
const mostSeconds = 1e9

// secondsWait reads a number of seconds, which may have a fraction.
func secondsWait(text string) time.Duration {
	n, err := strconv.ParseFloat(strings.TrimSpace(text), 64)
	if err != nil || !(n > 0 && n < mostSeconds) {
		return 0
	}
	return time.Duration(n * float64(time.Second))
}

// firstMillis is the smallest number that is a moment in milliseconds. As seconds
// it would be in the year 5138, and as milliseconds it is in 1973.
const firstMillis = 1e11

// momentWait is how long it is until a moment: seconds or milliseconds since 1970,
// an HTTP date, or RFC 3339.
func momentWait(text string, now time.Time) time.Duration {
	at, ok := moment(strings.TrimSpace(text))
	if !ok {
		return 0
	}
	return max(0, at.Sub(now))
}

func moment(text string) (time.Time, bool) {
	if text == "" {
		return time.Time{}, false
	}
	if n, err := strconv.ParseFloat(text, 64); err == nil {
		if n < firstMillis {
			n *= 1000
		}
		return time.UnixMilli(int64(math.Round(n))), n > 0 && n < 1000*firstMillis
	}
	at, err := http.ParseTime(text)
	if err != nil {
		at, err = time.Parse(time.RFC3339, text)
	}
	return at, err == nil
}

// bodyWait is how long the body of an answer asks to wait, if that comes within
// drainTime. The caller reads it from its beginning all the same.
func bodyWait(b *spec.WaitInBody, resp *http.Response, now time.Time) time.Duration {
	if b == nil || resp.Body == nil || resp.Body == http.NoBody {
		return 0
	}
	p := peek(resp.Body)
	resp.Body = p
	timer := time.NewTimer(drainTime)
	defer timer.Stop()
	select {
	case <-p.done:
	case <-timer.C:
		return 0 // the caller is not kept from an answer that comes slowly
	}
	if p.err != nil {
		return 0
	}
	var answer any
	dec := json.NewDecoder(bytes.NewReader(p.head))
	dec.UseNumber()
	if dec.Decode(&answer) != nil {
		return 0
	}
	text, ok := jsonpath.Text(jsonpath.At(answer, b.Path))
	if !ok {
		return 0
	}
	found := b.Pattern.FindStringSubmatch(text)
	switch {
	case len(found) < 2:
		return 0
	case b.At:
		return momentWait(found[1], now)
	}
	return secondsWait(found[1])
}

// peeked is a body whose beginning is read ahead, and given back.
type peeked struct {
	body io.ReadCloser
	done chan struct{} // closed once head and err are there
	head []byte
	err  error // that was met after head, and ends the body
}

func peek(body io.ReadCloser) *peeked {
	p := &peeked{body: body, done: make(chan struct{})}
	go func() { // until body has so much, ends or is closed
		defer close(p.done)
		p.head, p.err = io.ReadAll(io.LimitReader(body, maxPeek))
	}()
	return p
}

// Read implements io.Reader.
func (p *peeked) Read(b []byte) (int, error) {
	<-p.done
	switch {
	case len(p.head) > 0:
		n := copy(b, p.head)
		p.head = p.head[n:]
		return n, nil
	case p.err != nil:
		return 0, p.err
	}
	return p.body.Read(b)
}

// Close implements io.Closer.
func (p *peeked) Close() error { return p.body.Close() }
