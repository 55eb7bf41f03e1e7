package webhook

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"mime"
	"net/http"
	"net/url"
	"strings"
	"time"
)

const (
	// MaxBody is the largest body that is looked at, in bytes. Providers stay far below it;
	// GitHub, with the largest documented limit, sends 25 MB at most.
	MaxBody = 32 << 20
	// maxValue bounds what is read of one header or parameter. A JWT is 1 to 2 KiB.
	maxValue = 16 << 10
)

// Delivery is a request as it arrived.
type Delivery struct {
	Method string
	// URL is the absolute URL that the provider called, its query included, as the provider
	// spells it: behind a proxy the public one, because that is what is signed.
	URL    string
	Header http.Header
	Body   []byte // as received, undecoded
}

// Inputs is what a delivery is checked with.
type Inputs struct {
	// Secrets are the candidates; any of them may match, so that old and new secrets can be
	// in use together, and those of several connections.
	Secrets []Secret
	// Params are values that are no secrets, such as client_id, that tokens have to name.
	Params map[string]string
	Keys   KeySource // nil: methods with keys from elsewhere are not used
	Now    time.Time // required
}

// KeySource fetches a provider's published keys. The URL is from the scheme, or from a
// delivery and on one of the scheme's hosts. An implementation bounds time and size, keeps
// what it fetched for a while, follows no redirect to another host, and fetches again at
// most every few minutes, because a sender can make up key IDs.
type KeySource interface {
	Fetch(ctx context.Context, url string) (document []byte, err error)
}

// run is one delivery while it is looked at. What is decoded is decoded once.
type run struct {
	d      Delivery
	in     Inputs
	header map[string][]string
	url    *url.URL // nil: not an absolute URL
	query  url.Values
	form   url.Values
	body   any
	parsed bool // body and form are what they will be
}

func newRun(d Delivery, in Inputs) *run {
	r := &run{d: d, in: in, header: make(map[string][]string, len(d.Header))}
	for name, values := range d.Header { // a map made by hand may have one header in two spellings
		name = http.CanonicalHeaderKey(name)
		r.header[name] = append(r.header[name], values...)
	}
	u, err := url.Parse(d.URL)
	if err == nil && u.Host != "" {
		r.url = u
		// A query that is partly unreadable has no parameters: which ones it has would
		// depend on the reader.
		if q, err := url.ParseQuery(u.RawQuery); err == nil {
			r.query = q
		}
	}
	return r
}

// parse decodes the body, as JSON or as a form.
func (r *run) parse() {
	if r.parsed {
		return
	}
	r.parsed = true
	if types := r.header["Content-Type"]; len(types) == 1 {
		if t, _, err := mime.ParseMediaType(types[0]); err == nil && t == "application/x-www-form-urlencoded" {
			if form, err := url.ParseQuery(string(r.d.Body)); err == nil {
				r.form = form
			}
			return
		}
	}
	r.body = decodeJSON(r.d.Body)
}

// decodeJSON returns one JSON value, numbers as they are written, or nil.
func decodeJSON(text []byte) any {
	dec := json.NewDecoder(bytes.NewReader(text))
	dec.UseNumber()
	var v any
	if dec.Decode(&v) != nil {
		return nil
	}
	if _, err := dec.Token(); err != io.EOF { //nolint:errorlint // json returns it bare
		return nil
	}
	return v
}

// one returns the only value of a header.
func (r *run) one(name string) (string, error) {
	return only(r.header[http.CanonicalHeaderKey(name)], name)
}

// only returns the single value of a header or parameter. An empty one is malformed and
// not missing: somebody put it there.
func only(values []string, name string) (string, error) {
	switch {
	case len(values) == 0:
		return "", fail(ErrMissing, name)
	case len(values) > 1:
		return "", fail(ErrDuplicate, name)
	}
	v := values[0]
	if len(v) < 1 || len(v) > maxValue || strings.ContainsFunc(v, notPrintable) {
		return "", fail(ErrMalformed, name)
	}
	return v, nil
}

// notPrintable is everything but ASCII without controls.
func notPrintable(c rune) bool { return c < ' ' || c > '~' }
