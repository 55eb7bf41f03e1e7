package webhook

import (
	"testing"
)

func TestSchemesCompile(t *testing.T) {
	t.Parallel()
	schemes, err := Schemes()
	if err != nil {
		t.Fatal(err)
	}
	for name, s := range schemes {
		if _, problems := Compile(name, s); len(problems) > 0 {
			t.Errorf("%s: %v", name, problems)
		}
	}
}
