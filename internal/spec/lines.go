package spec

import (
	"bytes"
	"fmt"
	"io/fs"
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

// EncodeSet loads provider files and returns their usable entries in the form of
// the built-in catalog: a line for each, sorted by name, with the name, a tab,
// and what [EncodeEntry] returns.
func EncodeSet(files ...File) (lines []byte, problems []Problem, err error) {
	set, problems := Load(files...)
	var buf bytes.Buffer
	for _, name := range set.Names() {
		e, _ := set.Lookup(name)
		data, err := EncodeEntry(e)
		if err != nil {
			return nil, problems, err
		}
		fmt.Fprintf(&buf, "%s\t%s\n", name, data)
	}
	return buf.Bytes(), problems, nil
}
