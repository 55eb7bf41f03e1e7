package catalogtool

import (
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/tieline/tieline/internal/spec"
)

// Claim is what an openly licensed catalog says of a provider.
type Claim struct {
	Entry   string // the name of ours
	Catalog string
	Fact    string // authorize, token, api or attach
	Value   string
}

// evidenceFacts are the facts that sources are counted for.
var evidenceFacts = []string{"authorize", "token", "api", "attach"}

// ReadClaims reads claims: a line for each, with tabs between the fields of [Claim].
// Lines that begin with # are comments.
func ReadClaims(data []byte) ([]Claim, error) {
	var out []Claim
	n := 0
	for line := range strings.Lines(string(data)) {
		n++
		line = strings.TrimSuffix(line, "\n")
		if line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		f := strings.Split(line, "\t")
		if len(f) != 4 || !slices.Contains(catalogs, f[1]) || !slices.Contains(evidenceFacts, f[2]) {
			return nil, fmt.Errorf("line %d is no claim", n)
		}
		out = append(out, Claim{f[0], f[1], f[2], f[3]})
	}
	return out, nil
}

// Agreement is how many sources say of a fact what our entry says.
type Agreement struct {
	Values []string // ours: one for each way to sign in that has the fact
	Vendor int      // pages and repositories of the vendor that the entry names for it
	Others int      // public clients that it names
	Agree  []string // catalogs
	Differ []string // catalogs that say something else
}

// Evidence is what there is for the facts of a service.
type Evidence struct {
	Entry string
	Facts map[string]Agreement
}

// Weigh counts the sources of every service in files.
func Weigh(files []spec.File, claims []Claim) []Evidence {
	set, _ := spec.Load(files...)
	var out []Evidence
	for _, name := range set.Names() {
		service, _ := set.Lookup(name)
		if service.Service != "" || service.AuthMode == spec.None {
			continue
		}
		entries := []*spec.Entry{service}
		for _, m := range service.Methods {
			if e, ok := set.Lookup(m); ok {
				entries = append(entries, e)
			}
		}
		e := Evidence{Entry: name, Facts: map[string]Agreement{}}
		for _, fact := range evidenceFacts {
			if a := weigh(fact, entries, claims); len(a.Values) > 0 || len(a.Differ) > 0 {
				e.Facts[fact] = a
			}
		}
		out = append(out, e)
	}
	return out
}

// weigh counts the sources of one fact of a service.
func weigh(fact string, entries []*spec.Entry, claims []Claim) Agreement {
	var a Agreement
	seen := map[string]bool{}
	for _, e := range entries {
		if v := factIn(fact, e); v != "" && !slices.Contains(a.Values, v) {
			a.Values = append(a.Values, v)
		}
		for _, s := range e.Sources {
			if seen[s] || strings.HasPrefix(s, notConfirmed) || !slices.Contains(factsOf(s), fact) {
				continue
			}
			seen[s] = true
			switch where := sourceOf(s); {
			case slices.Contains(catalogs, where):
			case strings.Contains(where, publicClients):
				a.Others++
			default:
				a.Vendor++
			}
		}
	}
	for _, c := range claims {
		if c.Fact != fact || c.Entry != entries[0].Name {
			continue
		}
		agrees := slices.ContainsFunc(a.Values, func(v string) bool { return SameFact(fact, v, c.Value) })
		list := &a.Differ
		if agrees {
			list = &a.Agree
		}
		if !slices.Contains(*list, c.Catalog) {
			*list = append(*list, c.Catalog)
		}
	}
	a.Differ = slices.DeleteFunc(a.Differ, func(c string) bool { return slices.Contains(a.Agree, c) })
	return a
}

// sourceOf is where a source is, without the facts.
func sourceOf(source string) string {
	if m := withFacts.FindStringSubmatch(source); m != nil {
		return m[1]
	}
	return source
}

// factIn is what an entry says of a fact; empty if it has none.
func factIn(fact string, e *spec.Entry) string {
	p := e.Provider
	switch {
	case fact == "authorize":
		return p.AuthorizationURL
	case fact == "token":
		return p.TokenURL.URL
	case fact == "api" && p.Proxy != nil:
		return p.Proxy.BaseURL
	case fact == "attach" && e.AuthMode == spec.Basic:
		return "basic"
	case fact == "attach" && e.AuthMode == spec.APIKey && p.Proxy != nil:
		return placeOfKey(p.Proxy)
	}
	return ""
}

// placeOfKey says where an API key goes: "header authorization Bearer".
func placeOfKey(p *spec.Proxy) string {
	for _, h := range p.Headers {
		if before, _, ok := strings.Cut(h.Value.Text, "${apiKey}"); ok {
			return strings.TrimSpace("header " + strings.ToLower(h.Name) + " " + strings.TrimSpace(before))
		}
		if strings.Contains(h.Value.Text, "base64(") && strings.EqualFold(h.Name, "authorization") {
			return "basic"
		}
	}
	for _, q := range p.Query {
		if strings.Contains(q.Value.Text, "${apiKey}") {
			return "query " + q.Name
		}
	}
	return ""
}

// SameFact reports whether two values of a fact mean the same. Of URLs, neither the
// scheme nor query, fragment and a slash at the end count, a variable is any text
// without a slash, and one of the alternatives is enough. Of the base of an API only
// the host counts, since some catalogs have a version behind it.
func SameFact(fact, a, b string) bool {
	if fact == "attach" {
		return strings.EqualFold(a, b)
	}
	for _, x := range strings.Split(a, "||") {
		for _, y := range strings.Split(b, "||") {
			x, y := bareURL(fact, x), bareURL(fact, y)
			if x == y || fits(x, y) || fits(y, x) {
				return true
			}
		}
	}
	return false
}

var placeholder = regexp.MustCompile(`\$\{[^}]*\}|\{\{[^}]*\}\}|\[[^\]/]*\]|\{[^}]*\}|<[^>]*>`)

// bareURL is the part of a URL that counts, with {} for variables.
func bareURL(fact, s string) string {
	s = strings.TrimSpace(placeholder.ReplaceAllString(s, "{}"))
	if i := strings.Index(s, "://"); i >= 0 {
		s = s[i+3:]
	}
	s, _, _ = strings.Cut(s, "?")
	s, _, _ = strings.Cut(s, "#")
	host, path, _ := strings.Cut(strings.TrimRight(s, "/"), "/")
	host = strings.ToLower(host)
	if fact == "api" || path == "" {
		return host
	}
	return host + "/" + path
}

// fits reports whether text is what a pattern with variables could be.
func fits(pattern, text string) bool {
	if !strings.Contains(pattern, "{}") || pattern == "{}" {
		return false
	}
	expr := strings.ReplaceAll(regexp.QuoteMeta(pattern), `\{\}`, `[^/]+`)
	return regexp.MustCompile("^" + expr + "$").MatchString(text)
}
