package catalogtool

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"

	"github.com/tieline/tieline/internal/pack"
	"github.com/tieline/tieline/internal/spec"
)

// Generate writes builtin.index and builtin.pack, the generated form of the catalog in
// dir, and the pages of its providers and of their evidence, from the YAML files in dir/providers. Problems go
// to log, and nothing is written when there is one: the built-in catalog has none, not
// even doubtful ones.
func Generate(dir string, log io.Writer) error {
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
	if err := write(filepath.Join(dir, "builtin.index"), filepath.Join(dir, "builtin.pack"), entries); err != nil {
		return err
	}
	if err := WriteList(dir, files); err != nil {
		return err
	}
	if _, err := os.Stat(filepath.Join(dir, "..", filepath.FromSlash(ClaimsFile))); errors.Is(err, fs.ErrNotExist) {
		return nil // a catalog of somebody else's
	}
	return WriteEvidence(dir, files)
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
	return errors.Join(os.WriteFile(index, []byte(p.Index), 0o644), os.WriteFile(data, p.Data, 0o644))
}

func read(index, data string) ([]pack.Text, error) {
	i, err1 := os.ReadFile(index)
	d, err2 := os.ReadFile(data)
	if err := errors.Join(err1, err2); err != nil {
		return nil, err
	}
	return pack.Pack{Index: string(i), Data: d}.Texts()
}
