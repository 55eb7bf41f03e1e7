package httpapi

import (
	"encoding/xml"
	"io"
	"strings"
	"testing"
)

func TestLogo(t *testing.T) {
	t.Parallel()
	w, _ := newPageWorld(t)
	a := w.call("GET", "/images/template-logos/github.svg", nil, "Authorization", "")
	if a.Code != 200 || a.Header().Get("Content-Type") != "image/svg+xml" || !strings.Contains(a.Body.String(), ">GH</text>") || !strings.Contains(a.Header().Get("Content-Security-Policy"), "sandbox") {
		t.Errorf("answered with %d %v %s", a.Code, a.Header(), a.Body)
	}
	again := w.call("GET", "/images/template-logos/github.svg", nil)
	if again.Body.String() != a.Body.String() {
		t.Error("the image is another one each time")
	}
	for _, name := range []string{"none.svg", "github.png", "github", "..%2Fx.svg"} {
		if a := w.call("GET", "/images/template-logos/"+name, nil); a.Code != 404 {
			t.Errorf("%s: answered with %d", name, a.Code)
		}
	}
	for p := range w.client.Providers.All() {
		dec := xml.NewDecoder(strings.NewReader(string(monogram(p.Name, p.DisplayName))))
		for {
			if _, err := dec.Token(); err == io.EOF {
				break
			} else if err != nil {
				t.Errorf("%s: %v", p.Name, err)
				break
			}
		}
	}
}

func TestInitials(t *testing.T) {
	t.Parallel()
	for name, want := range map[string]string{
		"GitHub": "GH", "Google Drive": "GD", "slack": "Sl", "x": "X", "": "?", "<&>": "?", "<b>Shop</b>": "BS", "7shifts": "7s", "Élan vital (EU)": "ÉV", "日本": "日本",
	} {
		if got := initials(name); got != want {
			t.Errorf("%q has %q, want %q", name, got, want)
		}
	}
}

// FuzzMonogram: an image is always XML, its text as long as it fits.
func FuzzMonogram(f *testing.F) {
	f.Add("github", "GitHub")
	f.Add("x", `"><script>alert(1)</script>`)
	f.Fuzz(func(t *testing.T, name, display string) {
		if n := len([]rune(initials(display))); n < 1 || n > 2 {
			t.Errorf("%q has %d initials", display, n)
		}
		dec := xml.NewDecoder(strings.NewReader(string(monogram(name, display))))
		for {
			if _, err := dec.Token(); err == io.EOF {
				return
			} else if err != nil {
				t.Fatal(err)
			}
		}
	})
}
