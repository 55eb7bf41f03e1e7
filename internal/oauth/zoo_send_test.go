package oauth

import (
	"bytes"
	"compress/gzip"
	"compress/zlib"
	"context"
	"encoding/binary"
	"io"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"
)

// delivery is an answer whose way through HTTP matters.
type delivery struct {
	name    string
	status  int // 0: 200
	header  map[string]string
	body    string
	length  int  // announced; 0: none, -1: that of the body
	abort   bool // the connection breaks after the body
	hang    bool // nothing follows, and the connection stays
	endless bool // junk follows for ever

	refresh string
	access  bool // an access token comes out, and so there is no error
}

func gzipped(s string) string {
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	_, _ = io.WriteString(w, s) // a bytes.Buffer does not fail
	_ = w.Close()
	return b.String()
}

func deflated(s string) string {
	var b bytes.Buffer
	w := zlib.NewWriter(&b)
	_, _ = io.WriteString(w, s)
	_ = w.Close()
	return b.String()
}

// firstOfTwo is a gzip stream that has all of s and then breaks off.
func firstOfTwo(s string) string {
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	_, _ = io.WriteString(w, s)
	_ = w.Flush()
	return b.String()
}

var (
	junk      = strings.Repeat("x", 1<<20)
	encodedIn = func(e string) map[string]string { return map[string]string{"Content-Encoding": e} }
	ofType    = func(t string) map[string]string { return map[string]string{"Content-Type": t} }
)

// deliveries follow the rule of the zoo: if a refresh token is in the body, it
// is kept, whatever the answer says of itself.
var deliveries = []delivery{
	{name: "plain", body: object, refresh: "RT", access: true},
	{name: "of no length", body: object, length: 0, refresh: "RT", access: true},
	{name: "longer than 1 MiB, the tokens first", body: `{` + tokens + `,"x":"` + junk + `"}`, refresh: "RT", access: true},
	{name: "longer than 1 MiB, the tokens last", body: `{"x":"` + junk + `",` + tokens + `}`, refresh: "RT", access: true},
	{name: "longer than 1 MiB, the limit within the refresh token", body: `{"x":"` + junk[:1<<20-30] + `",` + tokens + `}`, refresh: "RT", access: true},
	{name: "without an end", body: `{` + tokens + `,"x":"`, endless: true, refresh: "RT", access: true},
	{name: "without an end and without tokens", body: `{"x":"`, endless: true},
	{name: "shorter than announced", body: object, length: 500, abort: true, refresh: "RT", access: true},
	{name: "broken off after the refresh token", body: `{"refresh_token":"RT","access_token":"A`, abort: true, refresh: "RT"},
	{name: "broken off within the refresh token", body: `{"access_token":"AT","refresh_token":"R`, abort: true, access: true},
	{name: "never ending after the tokens", body: `{` + tokens + `,"x":"`, hang: true, refresh: "RT", access: true},
	{name: "gzip", header: encodedIn("gzip"), body: gzipped(object), refresh: "RT", access: true},
	{name: "gzip, broken off", header: encodedIn("gzip"), body: firstOfTwo(object), abort: true, refresh: "RT", access: true},
	{name: "gzip without its checksum", header: encodedIn("gzip"), body: gzipped(object)[:len(gzipped(object))-8], refresh: "RT", access: true},
	{name: "gzip by its old name", header: encodedIn("x-gzip"), body: gzipped(object), refresh: "RT", access: true},
	{name: "gzip that is none", header: encodedIn("gzip"), body: object, refresh: "RT", access: true},
	{name: "gzip that does not say so", body: gzipped(object), refresh: "RT", access: true},
	{name: "deflate, which nobody asked for", header: encodedIn("deflate"), body: deflated(object), refresh: "RT", access: true},
	{name: "identity", header: encodedIn("identity"), body: object, refresh: "RT", access: true},
	{name: "brotli that is none", header: encodedIn("br"), body: object, refresh: "RT", access: true},
	{name: "a form that says JSON", header: ofType("application/json"), body: "access_token=AT&refresh_token=RT", refresh: "RT", access: true},
	{name: "JSON that says form", header: ofType("application/x-www-form-urlencoded"), body: object, refresh: "RT", access: true},
	{name: "JSON that says HTML", header: ofType("text/html"), body: object, refresh: "RT", access: true},
	{name: "a type that is none", header: ofType(";;"), body: object, refresh: "RT", access: true},
	{name: "charset utf-8 in quotes", header: ofType(`application/json; charset="UTF-8"`), body: object, refresh: "RT", access: true},
	{name: "charset utf-16", header: ofType("application/json; charset=utf-16"), body: utf16Text(binary.BigEndian, "\ufeff"+object), refresh: "RT", access: true},
	{name: "charset utf-16le without a mark", header: ofType("application/json; charset=utf-16le"), body: utf16Text(binary.LittleEndian, object), refresh: "RT", access: true},
	{name: "charset utf-16le, a form", header: ofType("text/plain; charset=utf-16le"), body: utf16Text(binary.LittleEndian, "access_token=AT&refresh_token=RT"), refresh: "RT", access: true},
	{name: "charset latin-1", header: ofType("application/json; charset=iso-8859-1"), body: "{" + tokens + ",\"name\":\"Ren\xe9\"}", refresh: "RT", access: true},
	{name: "charset that is not known", header: ofType("application/json; charset=klingon"), body: object, refresh: "RT", access: true},
	{name: "201", status: 201, body: object, refresh: "RT", access: true},
	{name: "203", status: 203, body: object, refresh: "RT", access: true},
	{name: "206", status: 206, body: object, refresh: "RT", access: true},
	{name: "200 and an error beside the tokens", body: `{"error":"invalid_grant",` + tokens + `}`, refresh: "RT", access: true},
	{name: "200 and an error beside a refresh token", body: `{"error":"server_error","refresh_token":"RT"}`, refresh: "RT"},
	{name: "200 and a refresh token alone", body: `{"refresh_token":"RT"}`, refresh: "RT"},
	{name: "500 with tokens", status: 500, body: object, refresh: "RT"},
	{name: "502 with tokens in a page", status: 502, body: "<pre>" + object + "</pre>", refresh: "RT"},
	{name: "400 with tokens", status: 400, body: object, refresh: "RT"},
	{name: "302 with tokens", status: 302, header: map[string]string{"Location": "/elsewhere"}, body: object, refresh: "RT"},
	{name: "204", status: 204},
	{name: "200 and nothing", body: ""},
}

func (d delivery) serve(w http.ResponseWriter, r *http.Request) {
	_, _ = io.Copy(io.Discard, r.Body) // only then does the server notice that the client left
	for k, v := range d.header {
		w.Header().Set(k, v)
	}
	if d.length > 0 {
		w.Header().Set("Content-Length", strconv.Itoa(d.length))
	}
	if d.status != 0 {
		w.WriteHeader(d.status)
	}
	_, _ = io.WriteString(w, d.body) // the client may be gone
	if d.abort || d.hang || d.endless {
		_ = http.NewResponseController(w).Flush()
	}
	for d.endless && r.Context().Err() == nil {
		if _, err := io.WriteString(w, junk); err != nil {
			return
		}
	}
	if d.hang {
		<-r.Context().Done()
	}
	if d.abort {
		panic(http.ErrAbortHandler)
	}
}

func TestDeliveries(t *testing.T) {
	t.Parallel()
	for _, d := range deliveries {
		t.Run(d.name, func(t *testing.T) {
			t.Parallel()
			u, count := server(t, d.serve)
			ctx := t.Context()
			if d.hang {
				var cancel context.CancelFunc
				ctx, cancel = context.WithTimeout(ctx, 2*time.Second)
				defer cancel()
			}
			call := refresh(u)
			call.Params["refresh_token"] = "old"
			answer, failure := Send(ctx, transport(t), call, now)
			got := ""
			if answer != nil {
				got = answer.RefreshToken
			}
			if got != d.refresh || (failure == nil) != d.access {
				t.Errorf("refresh token %q, error %v, want %q and an access token: %t", clip(got), failure, d.refresh, d.access)
			}
			if failure == nil && answer.AccessToken != "AT" {
				t.Errorf("access token %q", clip(answer.AccessToken))
			}
			if *count != 1 {
				t.Errorf("%d requests were sent", *count)
			}
		})
	}
}
