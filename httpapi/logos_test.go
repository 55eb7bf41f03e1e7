package httpapi

import (
	"encoding/xml"
	"fmt"
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

func TestLogoContrast(t *testing.T) {
	t.Parallel()
	seen := map[string]bool{}
	for n := range 2000 {
		c := colour(fmt.Sprint(n))
		var r, g, b int
		if _, err := fmt.Sscanf(c, "#%02x%02x%02x", &r, &g, &b); err != nil {
			t.Fatal(c, err)
		}
		if ratio := 1.05 / (luminance(float64(r)/255, float64(g)/255, float64(b)/255) + 0.05); ratio < logoContrast-0.05 { // bytes are rounded
			t.Errorf("white on %s has a contrast of %.2f", c, ratio)
		}
		seen[c] = true
	}
	if len(seen) < 300 {
		t.Errorf("2000 names have %d colours", len(seen))
	}
	if black, white := luminance(0, 0, 0), luminance(1, 1, 1); black != 0 || white < 0.999 || white > 1.001 {
		t.Errorf("black has %v, white %v", black, white)
	}
	if r, g, b := fromHSL(120, 1, 0.5); r != 0 || g != 1 || b != 0 {
		t.Errorf("green is %v %v %v", r, g, b)
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
