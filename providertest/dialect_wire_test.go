package providertest

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"gopkg.in/yaml.v3"
)

// The tests of a Dialect are scripts: a hand-written client that does everything
// right, and must give no problem, and a list of changes to its messages, each of
// which must give one.

// msg is a message of a script before it is written down.
type msg struct {
	method, url string
	header      http.Header
	form        url.Values     // the body, or for a visit the query
	json        map[string]any // the body
	raw         string         // the body, or for a visit the whole URL
}

// edit changes the message of a role.
type edit struct {
	name, role string
	change     func(m *msg)
	problem    string // part of what must be said
}

// wire carries messages to a Dialect.
type wire struct {
	t    *testing.T
	d    *Dialect
	edit *edit
	hits int
}

func (w *wire) apply(role string, m *msg) {
	if m.header == nil {
		m.header = http.Header{}
	}
	if w.edit != nil && w.edit.role == role {
		w.hits++
		w.edit.change(m)
	}
}

// wired is what came back.
type wired struct {
	status int
	header http.Header
	json   map[string]any
	form   url.Values
	text   string
}

func (r wired) str(path ...string) string { return textOf(dig(r.json, path...)) }

func (w *wire) do(role string, m msg) wired {
	w.t.Helper()
	if m.method == "" {
		m.method = http.MethodPost
		if role == "api" || role == "verify" {
			m.method = http.MethodGet
		}
	}
	if m.header == nil {
		m.header = http.Header{}
	}
	switch {
	case m.form != nil:
		m.header.Set("Content-Type", formType)
	case m.json != nil:
		m.header.Set("Content-Type", jsonType)
	}
	w.apply(role, &m)
	body := []byte(m.raw)
	switch {
	case m.raw != "":
	case m.form != nil:
		body = []byte(m.form.Encode())
	case m.json != nil:
		body, _ = json.Marshal(m.json)
	}
	r, err := http.NewRequestWithContext(w.t.Context(), m.method, m.url, bytes.NewReader(body))
	if err != nil {
		w.t.Fatal(err)
	}
	r.Header = m.header
	resp, err := w.d.RoundTrip(r)
	if err != nil {
		w.t.Fatal(err)
	}
	data, err := io.ReadAll(resp.Body)
	if err != nil {
		w.t.Fatal(err)
	}
	out := wired{status: resp.StatusCode, header: resp.Header, text: string(data)}
	_ = json.Unmarshal(data, &out.json)
	out.form, _ = url.ParseQuery(string(data))
	return out
}

// visit sends the user to a page. Without a callback the script is over.
func (w *wire) visit(m msg) (url.Values, bool) {
	w.t.Helper()
	w.apply("authorize", &m)
	to := m.url
	if len(m.form) > 0 {
		to += "?" + m.form.Encode()
	}
	if m.raw != "" {
		to = m.raw
	}
	back, err := w.d.Authorize(w.t.Context(), to)
	if err != nil && w.edit == nil {
		w.t.Fatal(err)
	}
	return back, err == nil
}

// testClock is the time of the tests' Dialects.
var testClock = time.Date(2031, 5, 6, 7, 8, 9, 0, time.UTC)

func newTestDialect(t *testing.T, name, entry string) *Dialect {
	t.Helper()
	var e map[string]any
	if err := yaml.Unmarshal([]byte(entry), &e); err != nil {
		t.Fatal(err)
	}
	d, err := NewDialect(name, e)
	if err != nil {
		t.Fatal(err)
	}
	d.Now = func() time.Time { return testClock }
	return d
}

// scripted runs a script as it is, and with each edit.
func scripted(t *testing.T, name, entry string, script func(w *wire), edits []edit) {
	t.Helper()
	t.Run("right", func(t *testing.T) {
		t.Parallel()
		d := newTestDialect(t, name, entry)
		script(&wire{t: t, d: d})
		for _, p := range d.Problems() {
			t.Errorf("a problem with a right client: %s", p)
		}
		if len(d.Log()) == 0 {
			t.Error("nothing was logged")
		}
	})
	for _, e := range edits {
		t.Run(strings.ReplaceAll(e.name, " ", "_"), func(t *testing.T) {
			t.Parallel()
			d := newTestDialect(t, name, entry)
			w := &wire{t: t, d: d, edit: &e}
			script(w)
			if w.hits == 0 {
				t.Fatalf("the script has no message of role %s", e.role)
			}
			got := d.Problems()
			for _, p := range got {
				if strings.Contains(p, e.problem) {
					return
				}
			}
			t.Errorf("problems %q, want one with %q", got, e.problem)
		})
	}
}

func bearer(token string) http.Header { return http.Header{"Authorization": {"Bearer " + token}} }

// Edits that many scripts share.

func set(k, v string) func(*msg) { return func(m *msg) { m.form.Set(k, v) } }
func del(k string) func(*msg)    { return func(m *msg) { m.form.Del(k) } }
func to(u string) func(*msg)     { return func(m *msg) { m.url = u } }
func hset(k, v string) func(*msg) {
	return func(m *msg) { m.header.Set(k, v) }
}
func hdel(k string) func(*msg) { return func(m *msg) { m.header.Del(k) } }
func by(method string) func(*msg) {
	return func(m *msg) { m.method = method }
}

func rename(from, to string) func(*msg) {
	return func(m *msg) {
		m.form.Set(to, m.form.Get(from))
		m.form.Del(from)
	}
}

// flip changes one character of a header's value near its end.
func flip(name string) func(*msg) {
	return func(m *msg) {
		v := []byte(m.header.Get(name))
		i := len(v) - 6
		if v[i] == 'A' {
			v[i] = 'B'
		} else {
			v[i] = 'A'
		}
		m.header.Set(name, string(v))
	}
}
