package tieline

import (
	"fmt"
	"iter"
	"slices"
	"strings"
	"sync"

	"github.com/tieline/tieline/catalog"
	"github.com/tieline/tieline/catalog/dialects"
	"github.com/tieline/tieline/internal/spec"
)

// Catalog is a set of providers. It does not change, and may be used by several
// goroutines; [Catalog.With] makes a new one. The zero Catalog is empty.
type Catalog struct {
	base     *Catalog // what set lies over; nil when there is nothing
	set      *spec.Set
	rejected map[string]Problem // why entries of the files are not in set
	builtin  bool

	// decoded has the built-in entries that were used so far, by name.
	decoded sync.Map // string to *spec.Entry
}

// Builtin returns the catalog that comes with Tieline. It costs nothing to make:
// a provider is read when it is first asked for.
//
// Each call makes a catalog with a cache of its own; keep the one you use.
func Builtin() *Catalog {
	return &Catalog{builtin: true}
}

// CatalogFile is a provider file: YAML in the format of Nango's providers.yaml
// with Tieline's additions, which docs/provider-format.md describes.
type CatalogFile struct {
	// Name is what problems call the file.
	Name string
	Data []byte
}

// LoadCatalog reads provider files and nothing else. The catalog has every
// provider that is usable; the problems say what is wrong with the others, and
// what is doubtful about these. A later file overlays an earlier one, entry by
// entry.
//
// Problems are in the order of the files and of their lines. A file that cannot
// be read at all is one problem.
func LoadCatalog(files ...CatalogFile) (*Catalog, []Problem) {
	return (&Catalog{}).With(files...)
}

// With returns a catalog with the providers of c and those of the files. An
// entry of the files replaces the one of the same name. Where single providers do
// things in their own way that the format has no words for, an entry of that name
// and mode gets what Tieline knows of it (see docs/provider-format.md, "Dialects"). It can build on an entry
// of c, also on the one of the same name, by giving it as its alias; entries of
// c stay as they are, those that build on a replaced one included. c does not
// change.
func (c *Catalog) With(files ...CatalogFile) (*Catalog, []Problem) {
	overlay, problems := builtinDialects()
	out, found := c.with(overlay, files)
	for _, p := range problems {
		found = append(found, newProblem(p))
	}
	return out, found
}

// with is [Catalog.With] with an overlay, or without one.
func (c *Catalog) with(overlay *spec.Overlay, files []CatalogFile) (*Catalog, []Problem) {
	in := make([]spec.File, len(files))
	for i, f := range files {
		in[i] = spec.File{Name: f.Name, Data: f.Data}
	}
	set, found := spec.Options{Base: catalogSource{c}, Overlay: overlay}.Load(in...)
	out := &Catalog{base: c, set: set, rejected: map[string]Problem{}}
	problems := make([]Problem, len(found))
	for i, p := range found {
		problems[i] = newProblem(p)
		if _, known := out.rejected[p.Entry]; p.Severity == spec.Rejected && p.Entry != "" && !known {
			out.rejected[p.Entry] = problems[i]
		}
	}
	return out, problems
}

// builtinDialects is read once, when the first file is.
var builtinDialects = sync.OnceValues(func() (*spec.Overlay, []spec.Problem) {
	return spec.ReadOverlay(spec.File{Name: "dialects.yaml", Data: dialects.File})
})

// catalogSource lets entries of files inherit from a catalog.
type catalogSource struct{ c *Catalog }

func (s catalogSource) Lookup(name string) (*spec.Entry, bool) {
	e, err := s.c.entry(name)
	return e, err == nil
}

// Get returns a provider by its name. The error is an [ErrUnknownProvider]; for
// an entry that is in a file but was rejected it says why.
func (c *Catalog) Get(name string) (Provider, error) {
	e, err := c.entry(name)
	if err != nil {
		return Provider{}, err
	}
	return newProvider(e), nil
}

// entry returns the compiled entry of a provider, which is shared.
func (c *Catalog) entry(name string) (*spec.Entry, error) {
	for ; c != nil; c = c.base {
		if e, ok := c.set.Lookup(name); ok {
			return e, nil
		}
		if p, ok := c.rejected[name]; ok {
			return nil, fmt.Errorf("%w %q: it was rejected: %s", ErrUnknownProvider, name, p)
		}
		if !c.builtin {
			continue
		}
		if e, ok := c.decoded.Load(name); ok {
			return e.(*spec.Entry), nil
		}
		data, ok, err := catalog.Lookup(name)
		if err != nil {
			return nil, fmt.Errorf("built-in provider: %w", err)
		}
		if ok {
			return c.decode(name, data)
		}
	}
	return nil, fmt.Errorf("%w %q", ErrUnknownProvider, name)
}

// decode reads a built-in entry for the first time. Two goroutines may both do
// so; one of the results stays.
func (c *Catalog) decode(name, data string) (*spec.Entry, error) {
	e, err := spec.DecodeEntry(name, data)
	if err != nil {
		return nil, fmt.Errorf("built-in provider: %w", err)
	}
	kept, _ := c.decoded.LoadOrStore(name, e)
	return kept.(*spec.Entry), nil
}

// Names returns the names of all providers, sorted.
func (c *Catalog) Names() []string {
	var out []string
	hidden := map[string]bool{} // rejected entries hide what they would have replaced
	for ; c != nil; c = c.base {
		own := c.set.Names()
		if c.builtin {
			own = slices.AppendSeq(own, catalog.Names())
		}
		for _, name := range own {
			if !hidden[name] {
				out = append(out, name)
			}
		}
		for name := range c.rejected {
			hidden[name] = true
		}
	}
	slices.Sort(out)
	return slices.Compact(out)
}

// All yields every provider in the order of their names.
func (c *Catalog) All() iter.Seq[Provider] {
	return c.named(func(string) bool { return true })
}

// Search yields the providers whose name contains text, in any case, in the
// order of their names. Empty text finds all.
func (c *Catalog) Search(text string) iter.Seq[Provider] {
	text = strings.ToLower(text)
	return c.named(func(name string) bool { return strings.Contains(strings.ToLower(name), text) })
}

func (c *Catalog) named(want func(name string) bool) iter.Seq[Provider] {
	return func(yield func(Provider) bool) {
		for _, name := range c.Names() {
			if !want(name) {
				continue
			}
			if p, err := c.Get(name); err == nil && !yield(p) {
				return
			}
		}
	}
}
