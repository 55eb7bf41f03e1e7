package spec

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/tieline/tieline/internal/template"
)

// checker compiles an entry and checks it. Compiling alone, for an entry that
// was checked before, reports only what makes it unusable.
type checker struct {
	*decoder
	entry *Entry
	p     *Provider // of entry
	vars  *vars
	used  map[template.Ref]bool // by any template
}

func (c *checker) reject(path, code, message string) { c.report(path, Rejected, code, message) }
func (c *checker) doubt(path, code, message string)  { c.report(path, Doubtful, code, message) }

func newChecker(d *decoder, e *Entry) *checker {
	return &checker{decoder: d, entry: e, p: &e.Provider}
}

// compile fills in the entry from its keys.
func (c *checker) compile() *Entry {
	c.vars = newVars(c.p)
	c.used = map[template.Ref]bool{}
	e := c.entry
	if !c.p.AuthMode.Valid() {
		c.reject("auth_mode", "auth-mode", fmt.Sprintf("there is no auth mode %q", c.p.AuthMode))
		return e
	}
	c.derive(e)
	c.authorization(e)
	c.token(e)
	c.refresh(e)
	c.signed(e)
	c.proxy(e)
	c.endpoints(e)
	c.dialect(e)
	c.affixes(e)
	for r := range c.used {
		c.vars.use([]template.Ref{r})
	}
	e.ConfigNames = sortedNames(c.vars.config)
	e.CredentialNames = sortedNames(c.vars.creds)
	return e
}

// options are what all templates of the entry have in common.
func (c *checker) options(path string, at site, step int) template.Options {
	return template.Options{
		Field:    path,
		Fallback: true,
		Allowed: func(r template.Ref) bool {
			exists, declared := c.vars.exists(r, at, step)
			if exists && !declared {
				c.doubt(path, "undeclared-variable", "nothing says where the value of ${"+r.String()+"} comes from")
			}
			if exists {
				c.used[r] = true
			}
			return exists
		},
	}
}

// failed reports what the template package found.
func (c *checker) failed(path string, err error) {
	code := "template"
	if unknown := new(template.UnknownRefError); errors.As(err, &unknown) {
		code = "unknown-variable"
	}
	c.reject(path, code, strings.TrimPrefix(err.Error(), path+": "))
}

func (c *checker) text(path, src string, at site) *template.Text {
	return c.textWith(path, src, c.options(path, at, 0))
}

func (c *checker) textWith(path, src string, o template.Options) *template.Text {
	t, err := template.Compile(src, o)
	if err != nil {
		c.failed(path, err)
		return nil
	}
	return t
}

// optionalText is text that is nil for an absent key.
func (c *checker) optionalText(path, src string, at site) *template.Text {
	if src == "" {
		return nil
	}
	return c.text(path, src, at)
}

// url compiles a URL; nil for an absent key.
func (c *checker) url(path, src string, at site, step int) *template.URL {
	if src == "" {
		return nil
	}
	u, err := template.CompileURL(src, c.urlOptions(path, at, step))
	if err != nil {
		c.failed(path, err)
		return nil
	}
	return u
}

func (c *checker) urlOptions(path string, at site, step int) template.Options {
	o := c.options(path, at, step)
	all := path == "authorization_url" && slices.Contains(c.p.AuthorizationURLSkipEncode, "base_url") ||
		path == "token_url" && slices.Contains(c.p.TokenURLSkipEncode, "base_url")
	o.CarriesPath = func(r template.Ref) bool {
		f, ok := c.vars.field(r)
		return all || ok && f.carriesPath()
	}
	o.CarriesDots = func(r template.Ref) bool {
		f, ok := c.vars.field(r)
		return ok && slices.ContainsFunc(append(slices.Clone(f.Enum), f.Example), func(s string) bool { return strings.Contains(s, ".") })
	}
	return o
}

// carriesPath reports whether values of the field may be "host/path": whether
// anything that is said of its values has a slash that is not part of "://".
func (f Field) carriesPath() bool {
	values := append(slices.Clone(f.Enum), f.Example)
	if f.DefaultValue != nil {
		values = append(values, *f.DefaultValue)
	}
	for _, v := range values {
		v = strings.TrimPrefix(strings.TrimPrefix(v, "https://"), "http://")
		if strings.Contains(strings.TrimSuffix(v, "/"), "/") {
			return true
		}
	}
	return patternHasSlash(f.Pattern)
}

// patternHasSlash reports whether a pattern speaks of a slash that belongs to the
// value: not that of a scheme, and not one that [^/] forbids.
func patternHasSlash(pattern string) bool {
	if !strings.Contains(pattern, "/") {
		return false
	}
	pattern = strings.ReplaceAll(strings.ReplaceAll(pattern, `\/`, "/"), "://", "")
	for {
		before, rest, found := strings.Cut(pattern, "[^")
		if strings.Contains(before, "/") || !found {
			return strings.Contains(before, "/")
		}
		_, pattern, _ = strings.Cut(rest, "]")
	}
}

// params compiles a flat map of parameters, sorted by name.
func (c *checker) params(path string, m Map, at site, position template.Position) []Param {
	out := make([]Param, 0, len(m))
	for _, e := range m {
		item := joinPath(path, e.Name)
		if !e.Value.IsScalar() {
			c.reject(item, "wrong-type", "a single value is expected here")
			continue
		}
		o := c.options(item, at, 0)
		o.Position = position
		if t := c.textWith(item, e.Value.Text, o); t != nil {
			out = append(out, Param{Name: e.Name, Value: t, Optional: c.vars.optional(t.Refs())})
		}
	}
	slices.SortFunc(out, func(a, b Param) int { return strings.Compare(a.Name, b.Name) })
	return out
}

// headers compiles a map of headers.
func (c *checker) headers(path string, m Map, at site) []Param {
	for _, e := range m {
		if !validHeaderName(e.Name) {
			c.reject(joinPath(path, e.Name), "header-name", "this is not the name of a header")
		}
	}
	return c.params(path, m, at, template.Header)
}

// validHeaderName reports whether a name is a token of RFC 9110 section 5.6.2.
func validHeaderName(name string) bool {
	for i := 0; i < len(name); i++ {
		c := name[i]
		if c >= 0x7f || c <= ' ' || strings.IndexByte(`"(),/:;<=>?@[\]{}`, c) >= 0 {
			return false
		}
	}
	return name != ""
}

// tree compiles a value that may nest.
func (c *checker) tree(path string, v Value, o func(path string) template.Options) Tree {
	out := Tree{Kind: v.Kind}
	switch v.Kind {
	case String:
		out.Text = c.textWith(path, v.Text, o(path))
		if out.Text != nil {
			out.Optional = c.vars.optional(out.Text.Refs())
		}
	case Number, Bool:
		out.Literal = v.Text
	case List:
		for i, item := range v.List {
			out.Items = append(out.Items, c.tree(fmt.Sprintf("%s[%d]", path, i), item, o))
		}
	case Object:
		for _, m := range v.Map {
			out.Members = append(out.Members, TreeMember{Name: m.Name, Tree: c.tree(joinPath(path, m.Name), m.Value, o)})
		}
	}
	return out
}

func (c *checker) object(path string, m Map, at site, step int) Tree {
	if len(m) == 0 {
		return Tree{Kind: Object}
	}
	return c.tree(path, Value{Kind: Object, Map: m}, func(path string) template.Options { return c.options(path, at, step) })
}
