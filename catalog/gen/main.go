// Command gen writes builtin.jsonl, the generated form of the built-in provider
// catalog, from the YAML files in its directory providers. It is run by go generate in the
// catalog directory, or from the root of the module:
//
//	go run ./catalog/gen
//
// It prints every problem of the files, and writes nothing when there is one:
// the built-in catalog has none, not even doubtful ones.
package main

import (
	"flag"
	"fmt"
	"io"
	"os"
	"path/filepath"

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
	data, problems, err := spec.EncodeSet(files...)
	for _, p := range problems {
		fmt.Fprintf(log, "%s: %s\n", p.Severity, p)
	}
	if err != nil {
		return err
	}
	if len(problems) > 0 {
		return fmt.Errorf("%d problems; nothing was written", len(problems))
	}
	return os.WriteFile(filepath.Join(dir, "builtin.jsonl"), data, 0o644)
}
