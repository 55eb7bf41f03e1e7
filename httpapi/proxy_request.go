package httpapi

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/tieline/tieline"
)

const (
	// customPrefix marks the headers that go along to the provider, without it.
	customPrefix = "Nango-Proxy-"
	// maxRetries is as often as a call is repeated at most.
	maxRetries = 10
	// maxReplay is the largest body that is kept so that a call can be repeated, in
	// bytes. Longer ones pass through once.
	maxReplay = 256 << 10

	patternStatuses = `^\d+(,\d+)*$`
)

// proxyCall is what the headers of a request to /proxy/ ask for.
type proxyCall struct {
	integration, connection string

	retry    tieline.RetryPolicy
	override string      // of the base URL; empty: none
	encoding string      // Accept-Encoding; empty: the answer comes decoded
	follow   bool        // custom headers go along to other hosts
	header   http.Header // for the provider
	custom   []string    // names in header that the caller has set
}

// readProxyCall reads the headers. What is wrong with them is reported in the order
// in which the reference reads them.
func readProxyCall(h http.Header) (*proxyCall, error) {
	o := readHeader(h)
	call := &proxyCall{header: http.Header{}}
	call.integration = integrationKey(o, "provider-config-key")
	call.connection = connectionID(o, "connection-id")
	retries := readRetries(o)
	call.override, _ = o.optionalText("base-url-override", emptyOr(isBaseURL))
	decompress, _ := o.optionalText("decompress", trueOrFalse)
	statuses, _ := o.optionalText("retry-on", emptyOr(matching(patternStatuses)))
	follow, _ := o.optionalText("forward-headers-on-redirect", trueOrFalse)
	o.optionalText("nango-activity-log-id", maxLength(maxName))
	for _, name := range []string{"nango-is-sync", "nango-is-dry-run"} {
		o.optionalText(name, trueOrFalse)
	}
	call.takeHeader(h, o)
	if err := o.err("invalid_headers"); err != nil {
		return nil, err
	}
	call.retry = tieline.RetryPolicy{Attempts: 1 + retries, Statuses: retriedStatuses(statuses)}
	call.follow = follow == "true"
	if decompress == "false" {
		if call.encoding = h.Get("Accept-Encoding"); call.encoding == "" {
			call.encoding = "identity"
		}
	}
	return call, nil
}

func readRetries(o *object) int {
	text, _ := o.optionalText("retries")
	if text == "" {
		return 0
	}
	n, err := strconv.Atoi(text)
	switch {
	case errors.Is(err, strconv.ErrRange) && !strings.HasPrefix(text, "-"):
		return maxRetries
	case err != nil && !errors.Is(err, strconv.ErrRange):
		o.report("invalid_type", "Invalid input: expected number, received NaN", o.at("retries"))
	case n < 0:
		o.report("too_small", "Too small: expected number to be >=0", o.at("retries"))
	}
	return max(0, min(n, maxRetries))
}

// retriedStatuses are those of a list that can be a reason to repeat a call.
func retriedStatuses(list string) []int {
	var statuses []int
	for text := range strings.SplitSeq(list, ",") {
		n, err := strconv.Atoi(text)
		if err == nil && n >= 400 && n <= 599 && n != http.StatusUnauthorized && !slices.Contains(statuses, n) {
			statuses = append(statuses, n)
		}
	}
	return statuses
}

// isBaseURL is what a path can be put behind.
func isBaseURL(s string) (string, string) {
	u, err := url.Parse(s)
	if err != nil || u.Scheme != "https" && u.Scheme != "http" || u.Host == "" || u.User != nil || strings.ContainsAny(s, "?#") {
		return "invalid_format", "Invalid URL"
	}
	return "", ""
}

func trueOrFalse(s string) (string, string) {
	if s != "true" && s != "false" && s != "" {
		return "invalid_value", `Invalid option: expected one of "true"|"false"`
	}
	return "", ""
}

// takeHeader takes the headers for the provider: what describes the body, and those
// with the prefix. The caller's own Authorization, cookies and the like stay here.
func (call *proxyCall) takeHeader(h http.Header, o *object) {
	for _, name := range []string{"Content-Type", "Content-Encoding", "Content-Language"} {
		if v := h.Get(name); v != "" {
			call.header.Set(name, v)
		}
	}
	for _, full := range sortedKeys(h) {
		name, ok := strings.CutPrefix(http.CanonicalHeaderKey(full), customPrefix)
		if !ok {
			continue
		}
		name = http.CanonicalHeaderKey(name)
		if !validName(name) || slices.ContainsFunc(h[full], func(v string) bool { return !validValue(v) }) {
			o.report("invalid_key", "Invalid header", o.at(strings.ToLower(full)))
			continue
		}
		if perHop(name) || name == "Host" || name == "Content-Length" || name == "Expect" {
			continue // they are about the way to here
		}
		call.header[name] = slices.Clone(h[full])
		call.custom = append(call.custom, name)
	}
}

// validName is a token of RFC 9110 section 5.6.2.
func validName(name string) bool {
	const token = "!#$%&'*+-.^_`|~0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
	return name != "" && strings.Trim(name, token) == ""
}

// validValue has no control character, so it cannot end the header that it is in.
func validValue(v string) bool {
	return !strings.ContainsFunc(v, func(c rune) bool { return c < ' ' && c != '\t' || c == 0x7f })
}

// perHop are the headers of one connection (RFC 9110 section 7.6.1), and those of a
// proxy.
func perHop(name string) bool {
	switch name {
	case "Connection", "Keep-Alive", "Te", "Trailer", "Transfer-Encoding", "Upgrade", "Http2-Settings":
		return true
	}
	return strings.HasPrefix(name, "Proxy-")
}

// request is the one that goes to the provider.
func (call *proxyCall) request(ctx context.Context, r *http.Request, target *url.URL, idle *watchdog) (*http.Request, error) {
	req, err := http.NewRequestWithContext(ctx, r.Method, "", nil)
	if err != nil {
		return nil, fmt.Errorf("request: %w", err)
	}
	req.URL, req.Host, req.Header = target, target.Host, call.header
	if call.encoding != "" && req.Header.Get("Accept-Encoding") == "" {
		req.Header.Set("Accept-Encoding", call.encoding)
	}
	return req, setProxyBody(req, r, idle)
}

// setProxyBody keeps a short body, so that the call can be repeated, and lets a long
// one through as it comes.
func setProxyBody(req, r *http.Request, idle *watchdog) error {
	req.Body = http.NoBody
	if r.ContentLength == 0 || r.Body == nil {
		return nil
	}
	body := &progressReader{r.Body, idle}
	req.ContentLength = r.ContentLength
	if r.ContentLength > maxReplay {
		req.Body = body
		return nil
	}
	head, err := io.ReadAll(io.LimitReader(body, maxReplay+1))
	switch {
	case err != nil:
		return &problem{status: http.StatusBadRequest, code: "invalid_body", message: "The body could not be read"}
	case len(head) > maxReplay:
		req.Body = struct {
			io.Reader
			io.Closer
		}{io.MultiReader(bytes.NewReader(head), body), body}
		return nil
	case len(head) == 0:
		req.ContentLength = 0
		return nil
	}
	req.ContentLength = int64(len(head))
	req.GetBody = func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(head)), nil }
	req.Body, _ = req.GetBody()
	return nil
}

// progressReader tells of what is read.
type progressReader struct {
	io.ReadCloser
	idle *watchdog
}

func (p *progressReader) Read(b []byte) (int, error) {
	p.idle.progress()
	return p.ReadCloser.Read(b)
}
