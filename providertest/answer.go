package providertest

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
)

const (
	formType = "application/x-www-form-urlencoded"
	jsonType = "application/json"
	htmlType = "text/html; charset=utf-8"
	textType = "text/plain; charset=utf-8"
)

// Answer is what goes back to the client, for [Fault.Edit] to change.
type Answer struct {
	Status int
	Header http.Header
	Body   []byte

	// AccessToken and RefreshToken are what the provider really issued, or
	// repeated, for this request; empty if nothing. Changing them has no effect.
	AccessToken, RefreshToken string

	truncated bool
}

func textAnswer(status int, text string) Answer {
	return Answer{Status: status, Header: http.Header{"Content-Type": {textType}}, Body: []byte(text)}
}

// jsonAnswer marks the answer as not to be stored, which RFC 6749 section 5.1 asks for.
func jsonAnswer(status int, object map[string]any) Answer {
	return Answer{
		Status: status,
		Header: http.Header{"Content-Type": {jsonType}, "Cache-Control": {"no-store"}},
		Body:   encode(object),
	}
}

// oauthAnswer is an error of RFC 6749 section 5.2.
func oauthAnswer(status int, code, description string) Answer {
	return jsonAnswer(status, map[string]any{"error": code, "error_description": description})
}

// encode writes JSON without escaping <, > and &.
func encode(object map[string]any) []byte {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(object); err != nil {
		return []byte(fmt.Sprintf("providertest: cannot encode the answer: %v", err))
	}
	return bytes.TrimSuffix(b.Bytes(), []byte("\n"))
}

// shape makes of the real answer, or of nothing, what the fault wants sent.
func (f *Fault) shape(a *Answer) {
	if f.ownAnswer() {
		f.replace(a)
	}
	f.editJSON(a)
	if f.RetryAfter != "" {
		a.Header.Set("Retry-After", f.RetryAfter)
	}
	if f.ContentType != "" {
		a.Header.Set("Content-Type", f.ContentType)
	}
	for k, v := range f.Header {
		a.Header[http.CanonicalHeaderKey(k)] = slices.Clone(v)
	}
	if f.Edit != nil {
		f.edit(a)
	}
	if f.Form {
		a.toForm()
	}
	if f.BOM {
		a.Body = append([]byte("\ufeff"), a.Body...)
	}
	if f.Gzip {
		a.compress()
	}
	a.truncated = f.Truncated
	a.fitStatus()
}

// fitStatus drops the body where there must not be one (RFC 9110 sections 15.3.5 and 15.4.5).
func (a *Answer) fitStatus() {
	if a.Status == http.StatusNoContent || a.Status == http.StatusNotModified {
		a.Body = nil
		a.Header.Del("Content-Type")
	}
}

// edit lets the hook change the answer, and holds it to what can be sent.
func (f *Fault) edit(a *Answer) {
	f.Edit(a)
	if a.Status < 200 || a.Status > 599 {
		*a = textAnswer(http.StatusInternalServerError, fmt.Sprintf("providertest: Fault.Edit made the status %d\n", a.Status))
	}
	if a.Header == nil {
		a.Header = http.Header{}
	}
}

// replace puts the fault's own answer in a's place.
func (f *Fault) replace(a *Answer) {
	issued := *a
	status := func(otherwise int) int {
		if f.Status != 0 {
			return f.Status
		}
		return otherwise
	}
	switch {
	case f.Redirect != "":
		*a = textAnswer(status(http.StatusTemporaryRedirect), f.Body)
		a.Header.Set("Location", f.Redirect)
	case f.OAuthError != "":
		*a = oauthAnswer(status(http.StatusBadRequest), f.OAuthError, "a fault says so")
	case f.Body != "":
		*a = textAnswer(status(http.StatusOK), f.Body)
		a.Header.Set("Content-Type", guessType(f.Body))
	case f.Empty:
		*a = textAnswer(status(http.StatusOK), "")
		a.Header.Del("Content-Type")
	case f.Process && f.Status < 300:
		a.Status = f.Status
	default:
		text := fmt.Sprintf("%d %s", f.Status, http.StatusText(f.Status))
		*a = textAnswer(f.Status, "<!doctype html>\n<html><head><title>"+text+"</title></head><body><h1>"+text+"</h1></body></html>\n")
		a.Header.Set("Content-Type", htmlType)
	}
	a.AccessToken, a.RefreshToken = issued.AccessToken, issued.RefreshToken
}

func guessType(body string) string {
	switch body[0] {
	case '{', '[':
		return jsonType
	case '<':
		return htmlType
	}
	return textType
}

// object decodes the body, keeping numbers and nested values as they are written.
func (a *Answer) object() (map[string]any, bool) {
	var raw map[string]json.RawMessage
	if json.Unmarshal(a.Body, &raw) != nil || raw == nil {
		return nil, false
	}
	object := make(map[string]any, len(raw))
	for k, v := range raw {
		object[k] = v
	}
	return object, true
}

func (f *Fault) editJSON(a *Answer) {
	if len(f.Fields) == 0 && len(f.Omit) == 0 && f.Padding == 0 {
		return
	}
	object, ok := a.object()
	if !ok {
		return
	}
	maps.Copy(object, f.Fields)
	if f.Padding > 0 {
		object["padding"] = strings.Repeat("x", f.Padding)
	}
	for _, name := range f.Omit {
		delete(object, name)
	}
	a.Body = encode(object)
}

// toForm rewrites a JSON object as a form. Nested values stay JSON.
func (a *Answer) toForm() {
	object, ok := a.object()
	if !ok {
		return
	}
	form := url.Values{}
	for k, v := range object {
		raw, _ := v.(json.RawMessage)
		var text string
		if json.Unmarshal(raw, &text) != nil {
			text = string(raw)
		}
		form.Set(k, text)
	}
	a.Body = []byte(form.Encode())
	a.Header.Set("Content-Type", formType)
}

func (a *Answer) compress() {
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	_, _ = w.Write(a.Body) // a bytes.Buffer does not fail
	_ = w.Close()
	a.Body = b.Bytes()
	a.Header.Set("Content-Encoding", "gzip")
}

// write sends the answer, and when it is to be cut off, half of it.
func (a *Answer) write(w http.ResponseWriter) {
	maps.Copy(w.Header(), a.Header)
	length := len(a.Body)
	if a.truncated {
		length = max(length, 1) // so that even an empty body can be cut off
	}
	w.Header().Set("Content-Length", strconv.Itoa(length))
	if a.Status == http.StatusNoContent || a.Status == http.StatusNotModified {
		w.Header().Del("Content-Length")
	}
	w.WriteHeader(a.Status)
	if a.truncated {
		_, _ = w.Write(a.Body[:len(a.Body)/2]) // the client may be gone
		_ = http.NewResponseController(w).Flush()
		panic(http.ErrAbortHandler)
	}
	_, _ = w.Write(a.Body)
}
