package providertest

import (
	"bytes"
	"compress/gzip"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptrace"
	"syscall"
)

// RoundTripper returns a transport that hands requests to the Server without a
// network, in the caller's goroutine, and returns when they are answered or their
// context is done. It reaches no other host.
//
// It behaves as [http.Transport] does where clients can tell: the GetConn, WroteHeaders,
// WroteRequest and GotFirstResponseByte hooks of [httptrace.ClientTrace] fire; an
// answer that never comes is [io.EOF], one cut off [io.ErrUnexpectedEOF], a refused
// connection and an unknown host a [net.OpError]; and a gzipped answer is
// unpacked unless the request set Accept-Encoding itself.
func (s *Server) RoundTripper() http.RoundTripper { return inProcess{s} }

type inProcess struct{ s *Server }

// RoundTrip implements [http.RoundTripper].
func (t inProcess) RoundTrip(r *http.Request) (*http.Response, error) {
	if r.Body != nil {
		defer func() { _ = r.Body.Close() }() // a RoundTripper always closes it
	}
	ctx := r.Context()
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	trace := httptrace.ContextClientTrace(ctx)
	if trace != nil && trace.GetConn != nil {
		trace.GetConn(r.URL.Host)
	}
	if r.URL.Scheme != "http" || r.URL.Host != t.s.host {
		return nil, dialError(&net.DNSError{Err: "no such host", Name: r.URL.Hostname(), IsNotFound: true})
	}
	c, err := t.s.receive(r)
	if err != nil {
		if t.s.isClosed() {
			return nil, dialError(syscall.ECONNREFUSED)
		}
		return nil, err
	}
	if c.fault.Refused {
		_, _ = t.s.run(ctx, c)
		return nil, dialError(syscall.ECONNREFUSED)
	}
	traceSent(trace)
	a, err := t.serve(ctx, c)
	if err != nil {
		return nil, err
	}
	if trace != nil && trace.GotFirstResponseByte != nil {
		trace.GotFirstResponseByte()
	}
	return a.response(r)
}

// serve runs c, in a goroutine of its own if it outlives the client's interest.
func (t inProcess) serve(ctx context.Context, c *call) (Answer, error) {
	if !c.fault.Late {
		a, err := t.s.run(ctx, c)
		if err == nil {
			err = ctx.Err() // nobody is there any more to read the answer
		}
		return a, err
	}
	type outcome struct {
		a   Answer
		err error
	}
	done := make(chan outcome, 1)
	go func() { // Close waits for it, as for every call
		a, err := t.s.run(context.WithoutCancel(ctx), c)
		done <- outcome{a, err}
	}()
	select {
	case o := <-done:
		return o.a, o.err
	case <-ctx.Done():
		return Answer{}, ctx.Err()
	}
}

func (s *Server) isClosed() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.closed
}

func dialError(err error) error {
	return &net.OpError{Op: "dial", Net: "tcp", Err: err}
}

func traceSent(trace *httptrace.ClientTrace) {
	if trace == nil {
		return
	}
	if trace.WroteHeaders != nil {
		trace.WroteHeaders()
	}
	if trace.WroteRequest != nil {
		trace.WroteRequest(httptrace.WroteRequestInfo{})
	}
}

// response is the answer as a transport would hand it over.
func (a *Answer) response(r *http.Request) (*http.Response, error) {
	body := io.Reader(bytes.NewReader(a.Body))
	if a.truncated {
		body = io.MultiReader(bytes.NewReader(a.Body[:len(a.Body)/2]), cutOff{})
	}
	resp := &http.Response{
		Status:        fmt.Sprintf("%d %s", a.Status, http.StatusText(a.Status)),
		StatusCode:    a.Status,
		Proto:         "HTTP/1.1",
		ProtoMajor:    1,
		ProtoMinor:    1,
		Header:        http.Header{},
		Body:          io.NopCloser(body),
		ContentLength: int64(len(a.Body)),
		Request:       r,
	}
	for k, v := range a.Header {
		if len(v) > 0 {
			resp.Header[k] = v
		}
	}
	if r.Header.Get("Accept-Encoding") == "" && resp.Header.Get("Content-Encoding") == "gzip" {
		resp.Body = &unpacked{from: body}
		resp.Header.Del("Content-Encoding")
		resp.ContentLength = -1
		resp.Uncompressed = true
	}
	return resp, nil
}

// unpacked opens the gzip stream on the first read: a body that is none, or is
// cut off, fails there and not before.
type unpacked struct {
	from io.Reader
	zip  *gzip.Reader
}

func (u *unpacked) Read(p []byte) (int, error) {
	if u.zip == nil {
		zip, err := gzip.NewReader(u.from)
		if err != nil {
			return 0, err
		}
		u.zip = zip
	}
	return u.zip.Read(p)
}

func (u *unpacked) Close() error { return nil }

// cutOff ends a body before its announced end.
type cutOff struct{}

func (cutOff) Read([]byte) (int, error) { return 0, io.ErrUnexpectedEOF }
