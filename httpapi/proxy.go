package httpapi

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/tieline/tieline"
)

// proxyPrefix is what stands before the provider's path.
const proxyPrefix = "/proxy"

const (
	// maxHops is how many redirects of a provider are followed.
	maxHops = 5
	// defaultIdle is how long a call may make no progress.
	defaultIdle = 5 * time.Minute
)

var (
	errHops = errors.New("the provider redirects too often")
	errIdle = errors.New("the call made no progress")
)

func (s *server) proxyRoute() route {
	return route{access: keyOnly, scopes: []string{ScopeProxy}, raw: true, serve: s.proxy}
}

// proxy passes a request on to the provider's API, with the credential of a
// connection, and the answer back.
func (s *server) proxy(w http.ResponseWriter, r *http.Request) error {
	switch r.Method {
	case http.MethodTrace, "TRACK", http.MethodConnect:
		// An answer to TRACE is the request as it arrived, with the credential.
		return &problem{status: http.StatusMethodNotAllowed, code: "method_not_allowed", message: "The path does not take this method"}
	}
	call, err := readProxyCall(r.Header)
	if err != nil {
		return err
	}
	target, err := s.proxyTarget(r, call)
	if err != nil {
		return s.proxyProblem(r.Context(), call, err)
	}
	ctx, idle := watch(r.Context(), s.options.ProxyIdle)
	defer idle.stop()
	req, err := call.request(ctx, r, target, idle)
	if err != nil {
		return err
	}
	defer func() { _ = req.Body.Close() }() // the transport may still read it
	if req.GetBody == nil {
		// Or the server would throw away a part of the body when the answer begins.
		_ = http.NewResponseController(w).EnableFullDuplex() // what cannot do so has no need to
	}
	resp, err := s.proxyClient(call).Do(req)
	if err != nil {
		return s.proxyProblem(ctx, call, err)
	}
	defer func() { _ = resp.Body.Close() }()
	return s.passBack(w, r, resp, idle)
}

// proxyTarget is what is called: a path below the base URL, or an absolute URL that
// the credential may be sent to.
func (s *server) proxyTarget(r *http.Request, call *proxyCall) (*url.URL, error) {
	raw := strings.TrimPrefix(r.URL.EscapedPath(), proxyPrefix)
	relative, err := pathURL(raw, r.URL.RawQuery)
	if err != nil {
		return nil, invalid("invalid_uri_params", item{"invalid_format", "Invalid URL", []string{}})
	}
	if call.override != "" {
		return s.overridden(r, call, raw)
	}
	// A whole URL as the path is taken for one if it may be: otherwise it is what
	// the API has in its paths.
	if whole, ok := wholeURL(strings.TrimPrefix(raw, "/"), r.URL.RawQuery); ok {
		allowed, err := s.client.Connections.Allows(r.Context(), call.integration, call.connection, whole)
		if err != nil {
			return nil, err
		}
		if allowed {
			return whole, nil
		}
	}
	return relative, nil
}

// overridden is a path below another base URL. The credential must be allowed
// there, or the request would be somebody else's by accident.
func (s *server) overridden(r *http.Request, call *proxyCall, raw string) (*url.URL, error) {
	target, ok := wholeURL(strings.TrimSuffix(call.override, "/")+raw, r.URL.RawQuery)
	if !ok {
		return nil, invalid("invalid_headers", item{"invalid_format", "Invalid URL", []string{"base-url-override"}})
	}
	allowed, err := s.client.Connections.Allows(r.Context(), call.integration, call.connection, target)
	if err != nil {
		return nil, err
	}
	if !allowed {
		return nil, errOverride
	}
	return target, nil
}

// pathURL is a relative URL with the path as it is written.
func pathURL(raw, query string) (*url.URL, error) {
	path, err := url.PathUnescape(raw)
	if err != nil {
		return nil, err
	}
	return &url.URL{Path: path, RawPath: raw, RawQuery: query}, nil
}

// wholeURL parses an absolute URL. Clients that tidy up paths leave one slash of
// the two.
func wholeURL(raw, query string) (*url.URL, bool) {
	scheme, rest, found := strings.Cut(raw, ":/")
	if scheme = strings.ToLower(scheme); !found || scheme != "https" && scheme != "http" {
		return nil, false
	}
	u, err := url.Parse(scheme + "://" + strings.TrimPrefix(rest, "/"))
	if err != nil || u.Host == "" || u.User != nil || u.RawQuery != "" || u.Fragment != "" {
		return nil, false
	}
	u.RawQuery = query
	return u, true
}

// proxyClient acts as the connection.
func (s *server) proxyClient(call *proxyCall) *http.Client {
	client := s.client.Connections.HTTPClientWith(call.integration, call.connection, tieline.ClientOptions{Retry: call.retry})
	var first *url.URL
	client.CheckRedirect = func(next *http.Request, via []*http.Request) error {
		if len(via) > maxHops {
			return errHops
		}
		if first == nil {
			first = next.Response.Request.URL // absolute, as it was called
		}
		next.Header.Del("Referer") // of another host's business
		if !call.follow && (next.URL.Scheme != first.Scheme || !strings.EqualFold(next.URL.Host, first.Host)) {
			for _, name := range call.custom {
				next.Header.Del(name)
			}
		}
		return nil
	}
	return client
}

// watchdog ends a call that makes no progress.
type watchdog struct {
	timer *time.Timer
	limit time.Duration
	end   context.CancelCauseFunc
}

func watch(ctx context.Context, limit time.Duration) (context.Context, *watchdog) {
	ctx, end := context.WithCancelCause(ctx)
	return ctx, &watchdog{limit: limit, end: end, timer: time.AfterFunc(limit, func() { end(errIdle) })}
}

// progress is told of every bit that moves.
func (d *watchdog) progress() { d.timer.Reset(d.limit) }

func (d *watchdog) stop() {
	d.timer.Stop()
	d.end(nil)
}
