package catalogtool

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/tieline/tieline/internal/spec"
)

// nangoFiles returns the provider file of another project that the format comes from,
// which is used as test data where it is at hand and is no part of this project.
func nangoFiles(t testing.TB) []spec.File {
	t.Helper()
	path := os.Getenv("TIELINE_NANGO_PROVIDERS")
	named := path != ""
	if !named {
		dir, err := FindCatalog(".")
		if err != nil {
			t.Fatal(err)
		}
		path = filepath.Join(dir, "..", "..", "shared", "data", "nango-providers.yaml")
	}
	data, err := os.ReadFile(path)
	switch {
	case err != nil && named:
		t.Fatal(err)
	case err != nil:
		t.Skipf("no provider file to test with: set TIELINE_NANGO_PROVIDERS to the path of one, or put it at %s", path)
	}
	return []spec.File{{Name: "providers.yaml", Data: data}}
}

// today is the date that tests take for today.
var today = time.Date(2026, 11, 27, 12, 0, 0, 0, time.UTC)
