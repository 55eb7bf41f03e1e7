package e2e

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// needle is one way in which a secret could show.
type needle struct {
	how  string
	text []byte
}

// needles are the ways that are looked for: as it is, in halves, as part of
// something longer in base64 of either alphabet, percent-encoded, in hexadecimal,
// and escaped for JSON or Go once and twice.
func needles(secret []byte) []needle {
	text := string(secret)
	found := []needle{
		{"as it is", secret},
		{"query escaped", []byte(url.QueryEscape(text))},
		{"path escaped", []byte(url.PathEscape(text))},
		{"percent-encoded", []byte(percent(secret, "%%%02X"))},
		{"percent-encoded in lower case", []byte(percent(secret, "%%%02x"))},
		{"hexadecimal", []byte(hex.EncodeToString(secret))},
		{"hexadecimal in upper case", []byte(strings.ToUpper(hex.EncodeToString(secret)))},
		{"as bytes", []byte(strings.Trim(fmt.Sprint(secret), "[]"))},
	}
	for _, n := range slices.Clone(found) {
		found = append(found,
			needle{n.how + " in JSON", inner(jsonText(n.text))},
			needle{n.how + " in JSON in JSON", inner(jsonText(inner(jsonText(n.text))))},
			needle{n.how + " quoted", inner([]byte(strconv.Quote(string(n.text))))},
		)
	}
	half := len(secret) / 2
	found = append(found, needle{"first half", secret[:half]}, needle{"second half", secret[half:]})
	for shift := range 3 {
		for name, enc := range map[string]*base64.Encoding{"base64": base64.RawStdEncoding, "base64url": base64.RawURLEncoding} {
			found = append(found, needle{fmt.Sprint(name, " at ", shift), within(secret, shift, enc)})
		}
	}
	return found
}

// within is the part of a base64 text that stays the same whatever comes before
// and after the secret, when it begins shift bytes after a multiple of three.
func within(secret []byte, shift int, enc *base64.Encoding) []byte {
	// A character has 6 bits. The first whole one of the secret begins at or after
	// bit 8*shift, the last one ends at or before its end.
	padded := append(make([]byte, shift), secret...)
	text := enc.EncodeToString(padded)
	from := (8*shift + 5) / 6
	to := 8 * len(padded) / 6
	return []byte(text[from:to])
}

func percent(b []byte, format string) string {
	var s strings.Builder
	for _, c := range b {
		fmt.Fprintf(&s, format, c)
	}
	return s.String()
}

func jsonText(b []byte) []byte {
	out, err := json.Marshal(string(b))
	if err != nil {
		panic(err) // a string can be written
	}
	return out
}

// inner is a quoted text without its quotes.
func inner(b []byte) []byte { return bytes.TrimSuffix(bytes.TrimPrefix(b, []byte(`"`)), []byte(`"`)) }

// find says how a secret shows in a place, empty if it does not.
func find(place, secret []byte) string {
	for _, n := range needles(secret) {
		if bytes.Contains(place, n.text) {
			return n.how
		}
	}
	return ""
}

// The search finds what it should, wherever it is in something longer, and
// nothing else.
func TestFind(t *testing.T) {
	t.Parallel()
	secret := []byte(`s3cr+t/w"th %odd\chars&<and>=more?`)
	encodings := map[string]func([]byte) string{
		"itself":    func(b []byte) string { return string(b) },
		"std":       base64.StdEncoding.EncodeToString,
		"raw std":   base64.RawStdEncoding.EncodeToString,
		"url":       base64.URLEncoding.EncodeToString,
		"raw url":   base64.RawURLEncoding.EncodeToString,
		"query":     func(b []byte) string { return url.QueryEscape(string(b)) },
		"path":      func(b []byte) string { return url.PathEscape(string(b)) },
		"form":      func(b []byte) string { return url.Values{"x": {string(b)}}.Encode() },
		"hex":       hex.EncodeToString,
		"JSON":      func(b []byte) string { return string(jsonText(b)) },
		"JSON form": func(b []byte) string { return string(jsonText([]byte(url.QueryEscape(string(b))))) },
		"JSON twice": func(b []byte) string {
			return string(jsonText(jsonText(b)))
		},
		"Go":    func(b []byte) string { return fmt.Sprintf("%#v", string(b)) },
		"bytes": func(b []byte) string { return fmt.Sprint(b) },
		"cut":   func(b []byte) string { return string(b[:len(b)-len(b)/3]) },
	}
	for name, encode := range encodings {
		for before := range 4 {
			for after := range 4 {
				long := slices.Concat(noise(before), secret, noise(after))
				place := slices.Concat(noise(50), []byte(encode(long)), noise(50))
				if name == "cut" {
					place = slices.Concat(noise(50), []byte(encode(secret)), noise(50))
				}
				if find(place, secret) == "" {
					t.Fatalf("%s, %d bytes before and %d after: not found in %q", name, before, after, place)
				}
			}
		}
	}
	for range 20 {
		if how := find(noise(5000), secret); how != "" {
			t.Errorf("found %s in noise", how)
		}
	}
}

// noise is text that has nothing to do with anything.
func noise(n int) []byte {
	b := make([]byte, n)
	for i := range b {
		b[i] = byte('a' + rand.N(26))
	}
	return b
}
