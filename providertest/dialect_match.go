package providertest

import (
	"fmt"
	"mime"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"time"
)

// view is what the values of one request are compared with. Some of them the
// server cannot know in advance: the time, random values, what the client signed.
// They are learned from where they stand openly, checked, and from then on the
// same in the whole request.
type view struct {
	d      *Dialect
	values map[string]string // of this request: method, path, accessToken, ...
	open   map[string]judge  // variables that the client makes
	bound  map[string]string // open and timed values seen
	when   time.Time         // what the client's ${now} was
	bad    []string
}

// judge tells what is wrong with a value that the client made.
type judge func(v string) []string

func (d *Dialect) newView(r *http.Request, body []byte) *view {
	v := &view{d: d, values: map[string]string{}, open: map[string]judge{}, bound: map[string]string{}}
	if r != nil {
		query := strings.ReplaceAll(r.URL.Query().Encode(), "+", "%20")
		v.values["method"] = r.Method
		v.values["host"] = strings.ToLower(r.URL.Host)
		v.values["path"] = r.URL.EscapedPath()
		v.values["params"] = query
		v.values["urlCanonicalParams"] = query
		v.values["bodyCanonicalParams"] = string(body)
		v.values["contentType"] = r.Header.Get("Content-Type")
		v.values["endpoint"] = r.URL.RequestURI()
	}
	return v
}

// get is a variable's value in this request.
func (v *view) get(name string) (string, bool) {
	if x, ok := v.values[name]; ok {
		return x, true
	}
	if x, ok := v.bound[name]; ok {
		return x, true
	}
	if m, ok := isMoment(name); ok {
		if v.when.IsZero() {
			return "", false
		}
		return m.text(v.when), true
	}
	if _, ok := v.open[name]; ok || name == "random" {
		return "", false
	}
	return v.d.get(name)
}

// shape is a regular expression for the text of p, with the names of its groups.
func (v *view) shape(p pattern) (*regexp.Regexp, []string) {
	var b strings.Builder
	var groups []string
	b.WriteString(`(?s)\A`)
	for _, x := range p {
		text, missing := x.eval(v.get)
		_, timed := isMoment(x.name)
		switch _, open := v.open[x.name]; {
		case len(missing) == 0:
			b.WriteString(regexp.QuoteMeta(text))
		case x.args == nil && (timed || open || x.name == "random"):
			groups = append(groups, x.name)
			b.WriteString(`(.+?)`)
		default:
			b.WriteString(`.*`)
		}
	}
	b.WriteString(`\z`)
	return regexp.MustCompile(b.String()), groups
}

// learn takes the values that only the client knows from a text. A text of
// another shape teaches nothing; compare will say so.
func (v *view) learn(template, actual string, fallback bool) {
	p, ok := v.choose(template, fallback)
	if !ok {
		return
	}
	re, groups := v.shape(p)
	m := re.FindStringSubmatch(actual)
	if m == nil {
		return
	}
	for i, name := range groups {
		got := m[i+1]
		if _, known := v.bound[name]; known {
			continue
		}
		v.bound[name] = got
		if mo, timed := isMoment(name); timed {
			t, near := mo.near(got, v.d.now())
			if !near {
				v.bad = append(v.bad, fmt.Sprintf("%q is not the time by ${%s}", got, name))
			} else if v.when.IsZero() {
				v.when = t
			}
			continue
		}
		if name == "random" && !isUUID4(got) {
			v.bad = append(v.bad, fmt.Sprintf("%q is no UUID of version 4 (${random})", got))
		}
		if j := v.open[name]; j != nil {
			v.bad = append(v.bad, j(got)...)
		}
	}
}

var uuid4 = regexp.MustCompile(`^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$`)

func isUUID4(s string) bool { return uuid4.MatchString(strings.ToLower(s)) }

// choose parses the alternative of template that counts.
func (v *view) choose(template string, fallback bool) (pattern, bool) {
	options := []string{template}
	if fallback {
		options = alternatives(template)
	}
	if len(options) == 2 {
		left, err := parsePattern(options[0])
		if err != nil {
			return nil, false
		}
		_, missing := left.eval(func(name string) (string, bool) {
			x, ok := v.get(name)
			_, timed := isMoment(name)
			_, open := v.open[name]
			return x, ok && x != "" || timed || open || name == "random"
		})
		if len(missing) == 0 {
			return left, true
		}
		options = options[1:]
	}
	p, err := parsePattern(options[0])
	return p, err == nil
}

// want is the text of template, or false where the client knows more than the
// server; missing says which variables have no value at all.
func (v *view) want(template string, fallback bool) (text string, known bool, missing []string) {
	p, ok := v.choose(template, fallback)
	if !ok {
		return "", false, []string{template}
	}
	text, unknown := p.eval(v.get)
	for _, n := range unknown {
		_, timed := isMoment(n)
		_, open := v.open[n]
		if !timed && !open && n != "random" && n != "awsSigV4" && n != "ed25519Sign" {
			missing = append(missing, n)
		}
	}
	return text, len(unknown) == 0, missing
}

// compare tells how actual differs from the template.
func (v *view) compare(template, actual string, fallback bool) string {
	text, known, missing := v.want(template, fallback)
	switch {
	case len(missing) > 0:
		return fmt.Sprintf("is %q, and nothing tells the value of %s", actual, strings.Join(missing, ", "))
	case known && text == actual:
		return ""
	case known:
		return fmt.Sprintf("is %q, want %q", actual, text)
	}
	p, _ := v.choose(template, fallback)
	if re, _ := v.shape(p); !re.MatchString(actual) {
		return fmt.Sprintf("is %q, want the form %q", actual, template)
	}
	return ""
}

// resolved tells whether every variable of a template has a value.
func (v *view) resolved(template string) bool {
	_, _, missing := v.want(template, true)
	return len(missing) == 0
}

// templateMap is a map of an entry whose values are templates, flat.
func templateMap(v any) map[string]string {
	out := map[string]string{}
	for k, x := range mapOf(v) {
		out[k] = textOf(x)
	}
	return out
}

// headers compares the headers that templates ask for with those that came.
// Names are compared without case, a content type without its parameters.
func (v *view) headers(templates map[string]string, h http.Header) []string {
	for _, name := range sortedKeys(templates) {
		if got := h.Values(name); len(got) == 1 {
			v.learn(templates[name], got[0], true)
		}
	}
	var out []string
	for _, name := range sortedKeys(templates) {
		if bad := v.header(name, templates[name], h.Values(name)); bad != "" {
			out = append(out, "header "+name+" "+bad)
		}
	}
	return out
}

func (v *view) header(name, template string, got []string) string {
	_, _, missing := v.want(template, true)
	switch {
	case len(missing) > 0:
		if len(got) > 0 {
			return fmt.Sprintf("is sent, although nothing tells the value of %s", strings.Join(missing, ", "))
		}
		return ""
	case len(got) == 0:
		return "is missing"
	case len(got) > 1:
		return "is sent more than once"
	}
	switch strings.ToLower(name) {
	case "content-type":
		want, _, _ := v.want(template, true)
		if mediaType(want) == mediaType(got[0]) {
			return ""
		}
	case "cookie":
		want, _, _ := v.want(template, true)
		if slices.Equal(cookies(want), cookies(got[0])) {
			return ""
		}
	}
	return v.compare(template, got[0], true)
}

func mediaType(s string) string {
	t, _, err := mime.ParseMediaType(s)
	if err != nil {
		return strings.ToLower(strings.TrimSpace(s))
	}
	return t
}

func cookies(s string) []string {
	var out []string
	for _, c := range strings.Split(s, ";") {
		out = append(out, strings.TrimSpace(c))
	}
	slices.Sort(out)
	return out
}

// parameters compares form or query parameters with templates.
func (v *view) parameters(what string, templates map[string]string, got url.Values, allowed func(string) bool) []string {
	for _, name := range sortedKeys(templates) {
		if len(got[name]) == 1 {
			v.learn(templates[name], got.Get(name), true)
		}
	}
	var out []string
	for _, name := range sortedKeys(templates) {
		_, _, missing := v.want(templates[name], true)
		switch g := got[name]; {
		case len(missing) > 0 && len(g) == 0:
		case len(g) == 0:
			out = append(out, what+" "+name+" is missing")
		case len(g) > 1:
			out = append(out, what+" "+name+" is given more than once")
		default:
			if bad := v.compare(templates[name], g[0], true); bad != "" {
				out = append(out, what+" "+name+" "+bad)
			}
		}
	}
	for _, name := range sortedKeys(got) {
		if _, ok := templates[name]; !ok && (allowed == nil || !allowed(name)) {
			out = append(out, what+" "+name+" is not asked for")
		}
	}
	return out
}

// finish is what else was wrong with the values that the client made.
func (v *view) finish() []string { return v.bad }
