package httpapi

import (
	"errors"
	"fmt"
	"hash/fnv"
	"math"
	"net/http"
	"strings"
	"unicode"

	"github.com/tieline/tieline"
)

// providerLogo draws a provider's initials on a colour of its own. The artwork of
// vendors is theirs to hand out.
func (s *server) providerLogo(w http.ResponseWriter, r *http.Request) error {
	name, ok := strings.CutSuffix(r.PathValue("file"), ".svg")
	if !ok {
		return notFound("There is no such file")
	}
	p, err := s.client.Providers.Get(name)
	if errors.Is(err, tieline.ErrUnknownProvider) {
		return notFound("There is no such file")
	}
	if err != nil {
		return err
	}
	h := w.Header()
	h.Set("Content-Type", "image/svg+xml")
	h.Set("Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'; sandbox")
	h.Set("Cache-Control", "public, max-age=86400")
	_, _ = w.Write(monogram(p.Name, p.DisplayName)) // the browser is gone if this fails
	return nil
}

// monogram is an SVG image of 64 by 64.
func monogram(name, display string) []byte {
	return fmt.Appendf(nil, `<svg xmlns="http://www.w3.org/2000/svg" width="64" height="64" viewBox="0 0 64 64" aria-hidden="true">`+
		`<rect width="64" height="64" rx="14" fill="%s"/>`+
		`<text x="32" y="33" fill="#fff" font-family="system-ui,-apple-system,'Segoe UI',Roboto,sans-serif" font-size="26" font-weight="600" text-anchor="middle" dominant-baseline="central">%s</text></svg>`,
		colour(name), initials(display))
}

// initials are one or two letters or digits: of the first two words, or the first
// two capitals of a single one, as in GitHub.
func initials(name string) string {
	words := strings.FieldsFunc(name, func(r rune) bool { return !unicode.IsLetter(r) && !unicode.IsDigit(r) })
	if len(words) == 0 {
		return "?"
	}
	first := []rune(words[0])
	out := []rune{unicode.ToUpper(first[0])}
	if len(words) > 1 {
		return string(append(out, unicode.ToUpper([]rune(words[1])[0])))
	}
	for _, r := range first[1:] {
		if unicode.IsUpper(r) {
			return string(append(out, r))
		}
	}
	if len(first) > 1 {
		out = append(out, unicode.ToLower(first[1]))
	}
	return string(out)
}

// logoContrast is what white text on a logo has at least: WCAG 2 level AA.
const logoContrast = 4.5

// colour is the same for the same name, and dark enough for white text.
func colour(name string) string {
	h := fnv.New32a()
	_, _ = h.Write([]byte(name)) // never fails
	hue := float64(h.Sum32() % 360)
	for light := 0.5; ; light -= 0.02 {
		r, g, b := fromHSL(hue, 0.55, light)
		if 1.05/(luminance(r, g, b)+0.05) >= logoContrast || light < 0.1 {
			return fmt.Sprintf("#%02x%02x%02x", byte(math.Round(r*255)), byte(math.Round(g*255)), byte(math.Round(b*255)))
		}
	}
}

// fromHSL converts to red, green and blue, all from 0 to 1.
func fromHSL(hue, saturation, light float64) (r, g, b float64) {
	a := saturation * min(light, 1-light)
	at := func(n float64) float64 {
		k := math.Mod(n+hue/30, 12)
		return light - a*max(-1, min(k-3, 9-k, 1))
	}
	return at(0), at(8), at(4)
}

// luminance is the relative luminance of WCAG 2.
func luminance(r, g, b float64) float64 {
	linear := func(c float64) float64 {
		if c <= 0.04045 {
			return c / 12.92
		}
		return math.Pow((c+0.055)/1.055, 2.4)
	}
	return 0.2126*linear(r) + 0.7152*linear(g) + 0.0722*linear(b)
}
