package tieline

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"mime"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/tieline/tieline/internal/jsonpath"
	"github.com/tieline/tieline/internal/outbound"
	"github.com/tieline/tieline/internal/spec"
	"github.com/tieline/tieline/internal/template"
	"github.com/tieline/tieline/internal/xmlbody"
)

// maxLogin bounds the answer of a login, in bytes.
const maxLogin = 4 << 20

// loginCall is one request of a login.
type loginCall struct {
	method  string
	url     *url.URL
	format  spec.BodyFormat
	params  spec.Value // an Object, or Null for no body
	headers http.Header
}

// loginAnswer is what came back.
type loginAnswer struct {
	header http.Header
	raw    string
	value  any // decoded JSON or XML; the raw text when it is neither
}

// path finds text in the answer. An empty path is the whole of it.
func (a *loginAnswer) path(path string) (string, bool) {
	if path == "" {
		if text, ok := a.value.(string); ok {
			return strings.TrimSpace(text), true
		}
		return strings.TrimSpace(a.raw), true
	}
	return jsonpath.Text(a.at(path))
}

func (a *loginAnswer) at(path string) any { return jsonpath.At(a.value, path) }

// login makes the request once, on a connection of its own, and follows no
// redirect. The error has no text of the answer's.
func (s *Subject) login(ctx context.Context, call loginCall) (*loginAnswer, *TokenError) {
	req, err := call.request(ctx)
	if err != nil {
		return nil, badData(err)
	}
	resp, err := s.roundTrip(req)
	if err != nil {
		return nil, unsent(ctx, err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(io.LimitReader(resp.Body, maxLogin+1))
	switch {
	case resp.StatusCode < 200 || resp.StatusCode > 299:
		failure := refusedLogin(resp, body, s.core.now())
		if call.sent(failure.Code) || s.hasSecret(failure.Code) {
			failure.Code = ""
		}
		return nil, failure
	case err != nil:
		return nil, &TokenError{Class: ClassTransient, Status: resp.StatusCode, Err: outbound.SafeError(ctx, err)}
	case len(body) > maxLogin:
		return nil, &TokenError{Class: ClassTransient, Status: resp.StatusCode, Code: "answer_too_long"}
	}
	return &loginAnswer{header: resp.Header, raw: string(body), value: decodeLogin(resp.Header.Get("Content-Type"), body)}, nil
}

// unsent is a request without an answer. One that may not leave has not.
func unsent(ctx context.Context, err error) *TokenError {
	failure := &TokenError{Class: ClassTransient, Err: outbound.SafeError(ctx, err)}
	if errors.Is(err, outbound.ErrForbidden) {
		failure.Class = ClassNotSent
	}
	return failure
}

// hasSecret says whether a text is, or is a part of, what the credential holds:
// that may have been sent in a form in which it is not seen.
func (s *Subject) hasSecret(text string) bool {
	const tellsNothing = 5
	return len(text) > tellsNothing && bytes.Contains(s.private.cred.seal(nil), []byte(text))
}

// sent says whether an error code is, or has a part of, what was sent: servers
// echo.
func (c loginCall) sent(code string) bool {
	const tellsNothing = 5
	echoes := func(v string) bool {
		return len(code) > tellsNothing && strings.Contains(v, code) || len(v) > tellsNothing && strings.Contains(code, v)
	}
	for _, values := range c.headers {
		if slices.ContainsFunc(values, echoes) {
			return true
		}
	}
	return anyText(c.params, echoes)
}

// anyText says whether a test holds of any text in a value but the grant_type.
func anyText(v spec.Value, test func(string) bool) bool {
	if v.IsScalar() {
		return v.Kind == spec.String && test(v.Text)
	}
	for _, item := range v.List {
		if anyText(item, test) {
			return true
		}
	}
	for _, m := range v.Map {
		if m.Name != "grant_type" && anyText(m.Value, test) {
			return true
		}
	}
	return false
}

func (c loginCall) request(ctx context.Context) (*http.Request, error) {
	target := *c.url
	var body io.Reader
	contentType := ""
	if c.method != http.MethodGet || c.format == spec.BodyQuery {
		b, kind, err := encodeLogin(c.format, c.params, &target)
		if err != nil {
			return nil, err
		}
		if b != nil {
			body = bytes.NewReader(b)
		}
		contentType = kind
	}
	req, err := http.NewRequestWithContext(ctx, c.method, target.String(), body)
	if err != nil {
		return nil, &FieldError{Field: "token_url", Reason: "cannot be used"}
	}
	req.GetBody = nil // so that net/http never sends it twice
	for name, values := range c.headers {
		req.Header[name] = values
	}
	if contentType != "" && req.Header.Get("Content-Type") == "" {
		req.Header.Set("Content-Type", contentType)
	}
	if req.Header.Get("Accept") == "" && c.format != spec.BodyXML {
		req.Header.Set("Accept", "application/json")
	}
	if req.Header.Get("User-Agent") == "" {
		req.Header.Set("User-Agent", "tieline")
	}
	return req, nil
}

// encodeLogin writes parameters as a body, or into the query.
func encodeLogin(format spec.BodyFormat, params spec.Value, target *url.URL) (body []byte, contentType string, err error) {
	if params.Kind == spec.Null {
		return nil, "", nil
	}
	switch format {
	case spec.BodyJSON:
		body, err = json.Marshal(params)
		return body, "application/json", err
	case spec.BodyXML:
		body, err = xmlbody.Encode(params)
		return body, "application/xml", err
	}
	form := url.Values{}
	for _, m := range params.Map {
		if !m.Value.IsScalar() {
			return nil, "", &FieldError{Field: "token_params." + m.Name, Reason: "nests, which a form cannot"}
		}
		form.Set(m.Name, m.Value.Text)
	}
	if format != spec.BodyQuery {
		return []byte(form.Encode()), "application/x-www-form-urlencoded", nil
	}
	if target.RawQuery != "" && len(form) > 0 {
		target.RawQuery += "&"
	}
	target.RawQuery += form.Encode()
	return nil, "", nil
}

// decodeLogin reads an answer as what it looks like, whatever it is called.
func decodeLogin(contentType string, body []byte) any {
	text := bytes.TrimSpace(bytes.TrimPrefix(body, []byte("\xef\xbb\xbf")))
	kind, _, _ := mime.ParseMediaType(contentType)
	if bytes.HasPrefix(text, []byte("<")) && !strings.Contains(kind, "html") {
		if v, err := xmlbody.Decode(text); err == nil {
			return v
		}
	}
	dec := json.NewDecoder(bytes.NewReader(text))
	dec.UseNumber()
	var v any
	if err := dec.Decode(&v); err != nil || dec.More() {
		return string(text)
	}
	return v
}

// expandHeaders gives headers their values.
func expandHeaders(params []spec.Param, env *template.Env) (http.Header, error) {
	h := http.Header{}
	return h, expandInto(params, env, h.Set)
}
