package sign

import (
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"
)

// canonicalRequest returns the canonical request and the list of signed
// headers.
func (s SigV4) canonicalRequest(req *http.Request, path, payloadHash string, now time.Time) (canonical, signed string, err error) {
	headers, err := s.canonicalHeaders(req, now)
	if err != nil {
		return "", "", err
	}
	method := req.Method
	if method == "" {
		method = http.MethodGet
	}
	var b strings.Builder
	b.WriteString(method + "\n" + path + "\n" + canonicalQuery(req.URL.RawQuery) + "\n")
	names := make([]string, len(headers))
	for i, h := range headers {
		b.WriteString(h.name + ":" + h.value + "\n")
		names[i] = h.name
	}
	signed = strings.Join(names, ";")
	b.WriteString("\n" + signed + "\n" + payloadHash)
	return b.String(), signed, nil
}

// singleEncoded reports whether the service takes object keys as they are
// instead of normalising paths: S3 and what is built on it.
func singleEncoded(service string) bool {
	switch service {
	case "s3", "s3express", "s3-object-lambda", "s3-outposts":
		return true
	}
	return false
}

// wirePath returns the path of the request line that net/http sends.
func wirePath(u *url.URL) string {
	path := u.EscapedPath()
	if u.Opaque != "" {
		path = u.Opaque
		if rest, ok := strings.CutPrefix(path, "//"); ok { // with a host before the path
			_, path, _ = strings.Cut(rest, "/")
		}
		path, _, _ = strings.Cut(path, "?")
	}
	if !strings.HasPrefix(path, "/") {
		path = "/" + path
	}
	return path
}

// canonicalPath encodes the path as sent. S3 decodes and encodes once; all
// others normalise (RFC 3986 section 5.2.4, and runs of slashes become one) and
// encode what is already encoded once more.
func canonicalPath(path string, once bool) string {
	if once {
		return percentEncode(percentDecode(path), "/")
	}
	return percentEncode(normalisePath(path), "/")
}

func normalisePath(path string) string {
	segments := strings.Split(path, "/")
	kept := make([]string, 0, len(segments))
	slash := false // whether the path ends in one
	for _, segment := range segments {
		slash = false
		switch segment {
		case "", ".":
			slash = true
		case "..":
			slash = true
			kept = kept[:max(0, len(kept)-1)]
		default:
			kept = append(kept, segment)
		}
	}
	out := "/" + strings.Join(kept, "/")
	if slash && len(kept) > 0 {
		out += "/"
	}
	return out
}

// canonicalQuery sorts by encoded name, then by encoded value. A name without a
// value has an empty one.
func canonicalQuery(raw string) string {
	params := parseQuery(raw)
	for i := range params {
		params[i] = param{name: percentEncode(params[i].name, ""), value: percentEncode(params[i].value, "")}
	}
	slices.SortFunc(params, func(a, b param) int {
		if c := strings.Compare(a.name, b.name); c != 0 {
			return c
		}
		return strings.Compare(a.value, b.value)
	})
	return joinParams(params)
}

// wireQuery is raw with the encoding that is signed, in the given order.
func wireQuery(raw string) string {
	params := parseQuery(raw)
	for i, p := range params {
		params[i] = param{name: percentEncode(p.name, ""), value: percentEncode(p.value, ""), bare: p.bare}
	}
	return joinParams(params)
}

func joinParams(params []param) string {
	var b strings.Builder
	for i, p := range params {
		if i > 0 {
			b.WriteByte('&')
		}
		b.WriteString(p.name)
		if !p.bare {
			b.WriteString("=" + p.value)
		}
	}
	return b.String()
}

// header is one header in canonical form.
type header struct{ name, value string }

// canonicalHeaders returns what is signed, sorted by name.
func (s SigV4) canonicalHeaders(req *http.Request, now time.Time) ([]header, error) {
	host := requestHost(req)
	if !isScopePart(host) {
		return nil, errors.New("sign: the request has no host, or one with characters that a host cannot have")
	}
	values := map[string][]string{"host": {host}, "x-amz-date": {now.Format(sigV4Time)}}
	if s.SessionToken != "" {
		values["x-amz-security-token"] = []string{s.SessionToken}
	}
	if req.ContentLength > 0 && req.Body != nil && len(req.TransferEncoding) == 0 {
		values["content-length"] = []string{fmt.Sprint(req.ContentLength)}
	}
	hopByHop := connectionTokens(req.Header)
	keys := make([]string, 0, len(req.Header))
	for key := range req.Header {
		keys = append(keys, key)
	}
	slices.Sort(keys) // two spellings of a name are sent, and so signed, in this order
	for _, key := range keys {
		name := strings.ToLower(key)
		if unsignedHeader(name) || slices.Contains(hopByHop, name) || len(req.Header[key]) == 0 {
			continue
		}
		if !isToken(key) {
			return nil, errors.New("sign: a header has a name that cannot be sent")
		}
		for _, v := range req.Header[key] {
			if !isHeaderValue(v) {
				return nil, errors.New("sign: the header " + name + " has a value that cannot be sent")
			}
		}
		values[name] = append(values[name], req.Header[key]...)
	}
	out := make([]header, 0, len(values))
	for name, list := range values {
		for i, v := range list {
			list[i] = canonicalValue(v)
		}
		out = append(out, header{name, strings.Join(list, ",")})
	}
	slices.SortFunc(out, func(a, b header) int { return strings.Compare(a.name, b.name) })
	return out, nil
}

// unsignedHeader reports whether the header name, in lower case, is left out:
// signed elsewhere or set by Authorization itself, hop-by-hop (RFC 9110 section
// 7.6.1), not sent from the Header map by net/http, or likely to be changed by
// what is between here and the service.
func unsignedHeader(name string) bool {
	switch name {
	case "authorization", "x-amz-date", "x-amz-security-token",
		"host", "content-length", "transfer-encoding", "trailer",
		"connection", "keep-alive", "proxy-connection", "proxy-authenticate", "proxy-authorization",
		"te", "upgrade", "expect",
		"user-agent", "accept-encoding", "cookie",
		"forwarded", "via", "x-forwarded-for", "x-forwarded-host", "x-forwarded-proto",
		"x-amzn-trace-id", "traceparent", "tracestate", "baggage":
		return true
	}
	return false
}

// connectionTokens returns the headers that Connection names, in lower case.
func connectionTokens(h http.Header) []string {
	var names []string
	for key, list := range h {
		if !strings.EqualFold(key, "Connection") {
			continue
		}
		for _, v := range list {
			for name := range strings.SplitSeq(v, ",") {
				names = append(names, strings.ToLower(strings.TrimSpace(name)))
			}
		}
	}
	return names
}

// canonicalValue trims, and turns runs of spaces into one, in quotes too.
func canonicalValue(v string) string {
	v = strings.Trim(v, " \t")
	for strings.Contains(v, "  ") {
		v = strings.ReplaceAll(v, "  ", " ")
	}
	return v
}

// requestHost is the Host header of req without the default port of the scheme,
// which HTTP libraries send or not as they like.
func requestHost(req *http.Request) string {
	host := req.Host
	if host == "" && req.URL != nil {
		host = req.URL.Host
	}
	scheme := ""
	if req.URL != nil {
		scheme = strings.ToLower(req.URL.Scheme)
	}
	return trimPort(host, scheme)
}

// trimPort removes the default port of scheme, which is in lower case.
func trimPort(host, scheme string) string {
	switch scheme {
	case "http":
		return strings.TrimSuffix(host, ":80")
	case "https":
		return strings.TrimSuffix(host, ":443")
	}
	return host
}

// isHeaderValue is RFC 9110 section 5.5: no control characters but the tab.
func isHeaderValue(v string) bool {
	for i := 0; i < len(v); i++ {
		if v[i] < ' ' && v[i] != '\t' || v[i] == 0x7f {
			return false
		}
	}
	return true
}

// isToken is RFC 9110 section 5.6.2.
func isToken(s string) bool {
	for i := 0; i < len(s); i++ {
		c := s[i]
		letter := 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9'
		if !letter && strings.IndexByte("!#$%&'*+-.^_`|~", c) < 0 {
			return false
		}
	}
	return s != ""
}
