package spec

import (
	"os"
	"path/filepath"
	"testing"
)

// nangoFile returns the provider file of another project that the format comes
// from, which is used as test data where it is at hand and is no part of this
// project.
func nangoFile(t testing.TB) []byte {
	t.Helper()
	if path := os.Getenv("TIELINE_NANGO_PROVIDERS"); path != "" {
		data, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		return data
	}
	dir, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	for ; dir != filepath.Dir(dir); dir = filepath.Dir(dir) {
		if _, err := os.Stat(filepath.Join(dir, "go.mod")); err == nil {
			break
		}
	}
	path := filepath.Join(dir, "..", "shared", "data", "nango-providers.yaml")
	data, err := os.ReadFile(path)
	if err != nil {
		t.Skipf("no provider file to test with: set TIELINE_NANGO_PROVIDERS to the path of one, or put it at %s", path)
	}
	return data
}
