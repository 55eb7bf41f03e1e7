package main

import (
	"fmt"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/tieline/tieline/internal/catalogtool"
	"github.com/tieline/tieline/internal/spec"
)

// builtin reads the files of the built-in catalog. Their names are relative to the
// current directory where that is shorter.
func builtin() (dir string, files []spec.File, err error) {
	if dir, err = catalogtool.FindCatalog("."); err != nil {
		return "", nil, err
	}
	path := filepath.Join(dir, "providers")
	if here, err := os.Getwd(); err == nil {
		if short, err := filepath.Rel(here, path); err == nil && len(short) < len(path) {
			path = short
		}
	}
	files, err = catalogtool.ReadFiles(path)
	return dir, files, err
}

// lint prints everything that is wrong with files.
func (c *command) lint() error {
	house := c.flags.Bool("house", false, "the rules of the built-in catalog")
	notes := c.flags.Bool("notes", true, "what other programs read differently; never of the built-in catalog")
	paths, err := c.parse(0, math.MaxInt)
	if err != nil {
		return err
	}
	o := catalogtool.LintOptions{House: *house, Notes: *notes, Now: c.now}
	dir, files, err := builtin()
	if len(paths) == 0 || err == nil && isBuiltin(dir, paths) {
		o.House, o.Files, o.Notes = true, true, false
	}
	if len(paths) > 0 {
		if err == nil {
			o.Base, _ = spec.Load(files...)
		}
		files, err = catalogtool.ReadFiles(paths...)
	}
	if err != nil {
		return err
	}
	findings := catalogtool.Lint(files, o)
	for _, f := range findings {
		fmt.Fprintln(c.out, f)
	}
	if len(findings) > 0 {
		return errFound
	}
	return nil
}

// isBuiltin reports whether all paths are of the built-in catalog, which is in dir.
func isBuiltin(dir string, paths []string) bool {
	return !slices.ContainsFunc(paths, func(path string) bool {
		abs, err := filepath.Abs(path)
		if err != nil {
			return true
		}
		rel, err := filepath.Rel(filepath.Join(dir, "providers"), abs)
		return err != nil || !filepath.IsLocal(rel)
	})
}

// show prints a resolved entry.
func (c *command) show() error {
	in := c.flags.String("in", "", "a file or a directory; default: the built-in catalog")
	args, err := c.parse(1, 1)
	if err != nil {
		return err
	}
	var files []spec.File
	if *in == "" {
		_, files, err = builtin()
	} else {
		files, err = catalogtool.ReadFiles(*in)
	}
	if err != nil {
		return err
	}
	text, err := catalogtool.Show(files, args[0])
	if err != nil {
		return err
	}
	_, err = c.out.Write(text)
	return err
}

// diff prints how a file differs from the built-in catalog.
func (c *command) diff() error {
	names := c.flags.Bool("v", false, "list the entries that only one of the two has")
	only := c.flags.String("only", "", "the keys to compare, with commas between them")
	args, err := c.parse(1, 1)
	if err != nil {
		return err
	}
	theirs, err := catalogtool.ReadFiles(args[0])
	if err != nil {
		return err
	}
	_, ours, err := builtin()
	if err != nil {
		return err
	}
	o := catalogtool.DiffOptions{Names: *names}
	if *only != "" {
		o.Only = strings.Split(*only, ",")
	}
	return catalogtool.Diff(c.out, theirs, ours, o)
}

// convert prints an entry of another catalog as one of ours.
func (c *command) convert() error {
	args, err := c.parse(2, 2)
	if err != nil {
		return err
	}
	files, err := catalogtool.ReadFiles(args[0])
	if err != nil {
		return err
	}
	text, err := catalogtool.Import(files, args[1])
	if err != nil {
		return err
	}
	_, err = c.out.Write(text)
	return err
}

// list prints or writes the page of providers.
func (c *command) list() error {
	return c.page(catalogtool.WriteList, func(_ string, files []spec.File) ([]byte, error) { return catalogtool.List(files), nil })
}

// page prints a page about the built-in catalog, or writes it into the repository.
func (c *command) page(write func(dir string, files []spec.File) error, text func(dir string, files []spec.File) ([]byte, error)) error {
	toFile := c.flags.Bool("write", false, "write the page of the repository")
	if _, err := c.parse(0, 0); err != nil {
		return err
	}
	dir, files, err := builtin()
	if err != nil {
		return err
	}
	if *toFile {
		return write(dir, files)
	}
	page, err := text(dir, files)
	if err != nil {
		return err
	}
	_, err = c.out.Write(page)
	return err
}

// evidence prints how many sources agree with the entries of the built-in catalog.
func (c *command) evidence() error {
	return c.page(catalogtool.WriteEvidence, func(dir string, files []spec.File) ([]byte, error) {
		all, err := catalogtool.ReadEvidence(dir, files)
		return catalogtool.EvidencePage(all), err
	})
}

// gen writes what is generated of the built-in catalog.
func (c *command) gen() error {
	if _, err := c.parse(0, 0); err != nil {
		return err
	}
	dir, err := catalogtool.FindCatalog(".")
	if err != nil {
		return err
	}
	return catalogtool.Generate(dir, c.flags.Output())
}
