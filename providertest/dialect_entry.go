package providertest

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
)

// dig follows keys through nested maps.
func dig(v any, path ...string) any {
	for _, k := range path {
		m, ok := v.(map[string]any)
		if !ok {
			return nil
		}
		v = m[k]
	}
	return v
}

// mapOf is v as a map, or an empty one.
func mapOf(v any) map[string]any {
	m, _ := v.(map[string]any)
	return m
}

// textOf writes a scalar as a form does.
func textOf(v any) string {
	switch v := v.(type) {
	case nil:
		return ""
	case string:
		return v
	case float64:
		return strconv.FormatFloat(v, 'f', -1, 64)
	default:
		return fmt.Sprint(v)
	}
}

func textsOf(v any) []string {
	list, _ := v.([]any)
	var out []string
	for _, x := range list {
		out = append(out, textOf(x))
	}
	return out
}

func numberOf(v any) (int64, bool) {
	n, err := strconv.ParseInt(textOf(v), 10, 64)
	return n, err == nil
}

func sortedKeys[V any](m map[string]V) []string {
	out := make([]string, 0, len(m))
	for k := range m {
		out = append(out, k)
	}
	slices.Sort(out)
	return out
}

// walk visits the strings of v with the path to each.
func walk(v any, path []string, visit func(path []string, s string)) {
	switch v := v.(type) {
	case map[string]any:
		for _, k := range sortedKeys(v) {
			walk(v[k], append(path[:len(path):len(path)], k), visit)
		}
	case []any:
		for _, x := range v {
			walk(x, path, visit)
		}
	case string:
		visit(path, v)
	}
}

// forms are the parts of an entry that describe fields; their text is for people.
var forms = []string{"connection_config", "credentials", "integration_config", "assertion_option"}

// templates visits every string of the entry that may hold a template.
func templates(entry map[string]any, visit func(path []string, s string)) {
	walk(entry, nil, func(path []string, s string) {
		if strings.Contains(s, "${") && !slices.Contains(forms, path[0]) {
			visit(path, s)
		}
	})
}

func checkPatterns(entry map[string]any) error {
	var bad error
	templates(entry, func(path []string, s string) {
		for _, a := range alternatives(s) {
			if _, err := parsePattern(a); err != nil && bad == nil {
				bad = fmt.Errorf("%s: %w", strings.Join(path, "."), err)
			}
		}
	})
	return bad
}

// withBody is r with the body to read again.
func withBody(r *http.Request, body []byte) *http.Request {
	r = r.Clone(r.Context())
	r.Body = io.NopCloser(bytes.NewReader(body))
	return r
}

// withPath is r with another path.
func withPath(r *http.Request, path string) *http.Request {
	r = r.Clone(r.Context())
	r.URL.Path, r.URL.RawPath = path, ""
	return r
}

// looseParameters reads the parameters of a request in whatever form they are.
func looseParameters(r *http.Request, body []byte) url.Values {
	out := url.Values{}
	var object map[string]any
	if json.Unmarshal(body, &object) == nil {
		for k, v := range object {
			out.Set(k, textOf(v))
		}
		return out
	}
	if form, err := url.ParseQuery(string(body)); err == nil && len(body) > 0 {
		return form
	}
	return r.URL.Query()
}

// anyAnswer is an answer of a hook: text as it is, anything else as JSON.
func anyAnswer(status int, body any) Answer {
	switch body := body.(type) {
	case nil:
		return textAnswer(status, "")
	case string:
		return textAnswer(status, body)
	case map[string]any:
		return jsonAnswer(status, body)
	default:
		data, err := json.Marshal(body)
		if err != nil {
			return textAnswer(http.StatusInternalServerError, "the answer cannot be encoded")
		}
		return Answer{Status: status, Header: http.Header{"Content-Type": {jsonType}}, Body: data}
	}
}

// recorder is the [http.ResponseWriter] of a fault.
type recorder struct {
	header http.Header
	status int
	body   bytes.Buffer
}

func (w *recorder) Header() http.Header { return w.header }

func (w *recorder) WriteHeader(status int) {
	if w.status == 0 {
		w.status = status
	}
}

func (w *recorder) Write(p []byte) (int, error) {
	w.WriteHeader(http.StatusOK)
	return w.body.Write(p)
}

func (w *recorder) answer() Answer {
	w.WriteHeader(http.StatusOK)
	return Answer{Status: w.status, Header: w.header, Body: w.body.Bytes()}
}

// setPath puts v at a dotted path of nested objects.
func setPath(object map[string]any, path string, v any) {
	names := strings.Split(path, ".")
	for _, n := range names[:len(names)-1] {
		next, ok := object[n].(map[string]any)
		if !ok {
			next = map[string]any{}
			object[n] = next
		}
		object = next
	}
	object[names[len(names)-1]] = v
}
