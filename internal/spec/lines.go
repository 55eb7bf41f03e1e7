package spec

import (
	"fmt"
	"io/fs"

	"github.com/tieline/tieline/internal/pack"
)

// ReadDir reads the provider files of a directory: all that end in .yaml, in
// the order of their names.
func ReadDir(dir fs.FS) ([]File, error) {
	names, err := fs.Glob(dir, "*.yaml")
	if err != nil {
		return nil, err
	}
	files := make([]File, 0, len(names))
	for _, name := range names {
		data, err := fs.ReadFile(dir, name)
		if err != nil {
			return nil, err
		}
		files = append(files, File{Name: name, Data: data})
	}
	if len(files) == 0 {
		return nil, fmt.Errorf("there is no .yaml file in the directory: %w", fs.ErrNotExist)
	}
	return files, nil
}

// EncodeSet loads provider files and returns their usable entries, sorted by name,
// each as [EncodeEntry] has it.
func EncodeSet(files ...File) (entries []pack.Text, problems []Problem, err error) {
	set, problems := Load(files...)
	for _, name := range set.Names() {
		e, _ := set.Lookup(name)
		data, err := EncodeEntry(e)
		if err != nil {
			return nil, problems, err
		}
		entries = append(entries, pack.Text{Name: name, Text: string(data)})
	}
	return entries, problems, nil
}
