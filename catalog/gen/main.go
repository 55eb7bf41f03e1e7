// Command gen writes builtin.index and builtin.pack, the generated form of the
// built-in provider catalog, from the YAML files in its directory providers. It is run by go generate in the
// catalog directory, or from the root of the module:
//
//	go run ./catalog/gen
//
// It prints every problem of the files, and writes nothing when there is one:
// the built-in catalog has none, not even doubtful ones.
package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"

	"github.com/tieline/tieline/internal/pack"
	"github.com/tieline/tieline/internal/spec"
)

func main() {
	dir := flag.String("dir", "", "the directory of the catalog; default: catalog, or the current one in it")
	flag.Parse()
	if err := run(*dir, os.Stderr); err != nil {
		fmt.Fprintln(os.Stderr, "gen:", err)
		os.Exit(1)
	}
}

// run generates the file in dir and writes problems to log.
func run(dir string, log io.Writer) error {
	if dir == "" {
		dir = "."
		if _, err := os.Stat("catalog/catalog.go"); err == nil {
			dir = "catalog"
		}
	}
	files, err := spec.ReadDir(os.DirFS(filepath.Join(dir, "providers")))
	if err != nil {
		return err
	}
	entries, problems, err := spec.EncodeSet(files...)
	for _, p := range problems {
		fmt.Fprintf(log, "%s: %s\n", p.Severity, p)
	}
	if err != nil {
		return err
	}
	if len(problems) > 0 {
		return fmt.Errorf("%d problems; nothing was written", len(problems))
	}
	return write(filepath.Join(dir, "builtin.index"), filepath.Join(dir, "builtin.pack"), entries)
}

// write packs the entries, unless the files have them already: another version of
// Go may compress them to other bytes, which is no change.
func write(index, data string, entries []pack.Text) error {
	if have, err := read(index, data); err == nil && slices.Equal(have, entries) {
		return nil
	}
	p, err := pack.New(entries)
	if err != nil {
		return err
	}
	return errors.Join(os.WriteFile(index, []byte(p.Index), 0o644), os.WriteFile(data, []byte(p.Data), 0o644))
}

func read(index, data string) ([]pack.Text, error) {
	i, err1 := os.ReadFile(index)
	d, err2 := os.ReadFile(data)
	if err := errors.Join(err1, err2); err != nil {
		return nil, err
	}
	return pack.Pack{Index: string(i), Data: string(d)}.Texts()
}
