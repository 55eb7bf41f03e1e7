package spec

import (
	"fmt"
	"strings"
	"testing"
)

// What files say is shown with its places, of entries that cannot be used as well.
func TestInspect(t *testing.T) {
	t.Parallel()
	const text = `a:
  auth_mode: API_KEY
  proxy:
    base_url: https://${nothing}.example.test
b:
  alias: a
  docs: https://docs.example.test
  methods:
    b-oauth:
      auth_mode: NONE
      proxy: {headers: {x: y}}
c: {alias: missing}
`
	var got []string
	Options{Inspect: func(w Written) {
		file, line, column := w.Place("proxy.base_url")
		got = append(got, fmt.Sprintf("%s (%s, of %s) %s:%d:%d %s, inherits proxy from %q", w.Name, w.Alias, w.Provider.Service, file, line, column,
			w.Provider.AuthMode, w.Inherits["proxy"]))
	}}.Load(File{Name: "f.yaml", Data: []byte(text)})
	want := []string{
		`a (, of ) f.yaml:4:5 API_KEY, inherits proxy from ""`,
		`b (a, of ) f.yaml:4:5 API_KEY, inherits proxy from "a"`,
		`b-oauth (, of b) f.yaml:4:5 NONE, inherits proxy from ""`,
	}
	if strings.Join(got, "\n") != strings.Join(want, "\n") {
		t.Errorf("saw\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}
