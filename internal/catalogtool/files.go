package catalogtool

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/tieline/tieline/internal/spec"
)

// FindCatalog returns the catalog directory of the repository that dir is in: the
// nearest one upwards with a directory providers in it.
func FindCatalog(dir string) (string, error) {
	dir, err := filepath.Abs(dir)
	if err != nil {
		return "", err
	}
	for at := dir; ; at = filepath.Dir(at) {
		found := filepath.Join(at, "catalog")
		if s, err := os.Stat(filepath.Join(found, "providers")); err == nil && s.IsDir() {
			return found, nil
		}
		if at == filepath.Dir(at) {
			return "", fmt.Errorf("there is no catalog/providers in %s or above it: %w", dir, fs.ErrNotExist)
		}
	}
}

// ReadFiles reads provider files: those named, and all that end in .yaml of the
// directories named. Their names are the paths.
func ReadFiles(paths ...string) ([]spec.File, error) {
	var out []spec.File
	for _, path := range paths {
		info, err := os.Stat(path)
		if err != nil {
			return nil, err
		}
		if !info.IsDir() {
			data, err := os.ReadFile(path)
			if err != nil {
				return nil, err
			}
			out = append(out, spec.File{Name: path, Data: data})
			continue
		}
		files, err := spec.ReadDir(os.DirFS(path))
		if err != nil {
			return nil, fmt.Errorf("%s: %w", path, err)
		}
		for _, f := range files {
			out = append(out, spec.File{Name: filepath.Join(path, f.Name), Data: f.Data})
		}
	}
	if len(out) == 0 {
		return nil, errors.New("there are no files")
	}
	return out, nil
}
