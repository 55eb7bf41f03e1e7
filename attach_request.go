package tieline

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/tieline/tieline/internal/sign"
	"github.com/tieline/tieline/internal/spec"
	"github.com/tieline/tieline/internal/template"
)

// maxSigned bounds a request body that has to be known before it can be sent,
// because it is signed or because something is put into it, in bytes.
const maxSigned = 32 << 20

// requestEnv gives the templates of one request their values, those that speak of
// the request among them.
func (s *Subject) requestEnv(req *http.Request) *template.Env {
	now := s.core.now()
	env := s.env()
	env.Now = func() time.Time { return now }
	env.Lookup = func(r template.Ref) (string, bool) {
		if r.Space == "" {
			if v, ok := requestValue(req, r.Name); ok {
				return v, true
			}
		}
		return s.lookup(r)
	}
	env.Sign = func(name string, args []string) (string, error) {
		if name != "awsSigV4" || len(args) < 4 {
			return "", fmt.Errorf("there is no function %s", name)
		}
		body, err := peekBody(req)
		if err != nil {
			return "", err
		}
		signed := req
		if len(args) > 4 && args[4] != "" {
			copied := *req
			copied.Host, signed = args[4], &copied
		}
		v4 := sign.SigV4{AccessKeyID: args[0], SecretAccessKey: args[1], Region: args[2], Service: args[3]}
		return v4.Authorization(signed, sign.HashBody(body), now)
	}
	return env
}

// requestValue is what a template may say of the request it belongs to.
func requestValue(req *http.Request, name string) (string, bool) {
	switch name {
	case "method":
		return req.Method, true
	case "host":
		if req.Host != "" {
			return req.Host, true
		}
		return req.URL.Host, true
	case "path":
		return pathOf(req.URL), true
	case "endpoint":
		if req.URL.RawQuery != "" {
			return pathOf(req.URL) + "?" + req.URL.RawQuery, true
		}
		return pathOf(req.URL), true
	case "contentType":
		return req.Header.Get("Content-Type"), true
	case "urlCanonicalParams":
		return canonicalParams(req.URL.Query()), true
	case "params":
		// Duo's rule: the query of a call without a body, the form of one with.
		if !hasBody(req) {
			return canonicalParams(req.URL.Query()), true
		}
		form, ok := formOf(req)
		return canonicalParams(form), ok || !isForm(req.Header)
	case "bodyCanonicalParams":
		if form, ok := formOf(req); ok {
			return canonicalParams(form), true
		}
		body, err := peekBody(req)
		return string(body), err == nil
	}
	return "", false
}

func pathOf(u *url.URL) string {
	if p := u.EscapedPath(); p != "" {
		return p
	}
	return "/"
}

// canonicalParams are parameters sorted by name, encoded as RFC 3986 has it.
func canonicalParams(v url.Values) string { return strings.ReplaceAll(v.Encode(), "+", "%20") }

func hasBody(req *http.Request) bool { return req.Body != nil && req.Body != http.NoBody }

func isForm(h http.Header) bool {
	kind, _, err := mime.ParseMediaType(h.Get("Content-Type"))
	return err == nil && kind == "application/x-www-form-urlencoded"
}

func formOf(req *http.Request) (url.Values, bool) {
	if !isForm(req.Header) {
		return nil, false
	}
	body, err := peekBody(req)
	if err != nil {
		return nil, false
	}
	form, err := url.ParseQuery(string(body))
	return form, err == nil
}

// peekBody reads the body and leaves an equal one in its place.
func peekBody(req *http.Request) ([]byte, error) {
	if !hasBody(req) {
		return nil, nil
	}
	b, err := io.ReadAll(io.LimitReader(req.Body, maxSigned+1))
	_ = req.Body.Close()
	if err != nil {
		return nil, fmt.Errorf("read the request's body: %w", err)
	}
	if len(b) > maxSigned {
		return nil, &FieldError{Field: "body", Reason: fmt.Sprintf("is longer than %d bytes, and has to be signed or added to", maxSigned)}
	}
	setBody(req, b)
	return b, nil
}

func setBody(req *http.Request, b []byte) {
	req.ContentLength = int64(len(b))
	req.GetBody = func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(b)), nil }
	req.Body, _ = req.GetBody()
}

// addBody puts what the provider's data wants to be part of every body into this
// one: an object of JSON, or a form. It replaces what the caller has there.
func (s *Subject) addBody(req *http.Request, env *template.Env) error {
	switch req.Method {
	case http.MethodPost, http.MethodPut, http.MethodPatch, http.MethodDelete:
	default:
		return nil
	}
	v, err := s.provider.ProxyBody.Expand(env)
	if err != nil {
		return configError(err)
	}
	body, err := peekBody(req)
	if err != nil {
		return err
	}
	if isForm(req.Header) {
		form, err := url.ParseQuery(string(body))
		if err != nil {
			return &FieldError{Field: "body", Reason: "is not the form that its type says"}
		}
		for _, m := range v.Map {
			if m.Value.IsScalar() {
				form.Set(m.Name, m.Value.Text)
			}
		}
		setBody(req, []byte(form.Encode()))
		return nil
	}
	object := map[string]any{}
	if len(bytes.TrimSpace(body)) > 0 {
		dec := json.NewDecoder(bytes.NewReader(body))
		dec.UseNumber()
		if err := dec.Decode(&object); err != nil || object == nil || trailing(dec) {
			return &FieldError{Field: "body", Reason: "must be a JSON object or a form, as the provider wants its credential in it"}
		}
	}
	merge(object, v.Map)
	if body, err = json.Marshal(object); err != nil {
		return err
	}
	if req.Header.Get("Content-Type") == "" {
		req.Header.Set("Content-Type", "application/json")
	}
	setBody(req, body)
	return nil
}

// merge puts values into an object, as deep as they go.
func merge(object map[string]any, values spec.Map) {
	for _, m := range values {
		below, ok := object[m.Name].(map[string]any)
		switch {
		case m.Value.Kind == spec.Object && ok:
			merge(below, m.Value.Map)
		case m.Value.Kind == spec.Object && len(m.Value.Map) == 0:
		default:
			object[m.Name] = m.Value
		}
	}
}

// trailing says whether something follows what was decoded.
func trailing(dec *json.Decoder) bool {
	_, err := dec.Token()
	return !errors.Is(err, io.EOF)
}
