package webhook

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"net/http"
	"net/url"
	"strings"

	"github.com/tieline/tieline/internal/jsonpath"
)

const (
	// maxFound bounds how many values one place can have. Batches of deliveries have some
	// hundred elements at most.
	maxFound = 1000
	// maxName bounds a value that names a connection, a delivery or an event, in bytes.
	maxName = 1 << 10
)

// found is what a path led to.
type found struct {
	values []string
	// gaps says that an element of a list lacks the value, or that there are too many.
	gaps bool
}

// walk follows a path in which * stands for every element of a list. Objects and lists are
// no values.
func walk(v any, path string) found {
	var f found
	f.walk(v, path)
	return f
}

func (f *found) walk(v any, path string) {
	before, after, star := cutStar(path)
	v = jsonpath.At(v, before)
	if !star {
		if text, ok := jsonpath.Text(v); ok && len(f.values) < maxFound {
			f.values = append(f.values, text)
		} else {
			f.gaps = true
		}
		return
	}
	list, ok := v.([]any)
	if !ok {
		f.gaps = true
		return
	}
	for _, element := range list {
		if len(f.values) >= maxFound {
			f.gaps = true
			return
		}
		f.walk(element, after)
	}
}

// cutStar divides a path at its first * segment.
func cutStar(path string) (before, after string, star bool) {
	if path == "*" {
		return "", "", true
	}
	if rest, ok := strings.CutPrefix(path, "*."); ok {
		return "", rest, true
	}
	if before, after, ok := strings.Cut(path, ".*."); ok {
		return before, after, true
	}
	if before, ok := strings.CutSuffix(path, ".*"); ok {
		return before, "", true
	}
	return path, "", false
}

// find returns the values at the place.
func (r *run) find(p Place) found {
	var f found
	switch {
	case p.Body != "":
		r.parse()
		if r.body == nil {
			return found{gaps: true}
		}
		f = walk(r.body, p.Body)
	case p.Header != "":
		f.values = r.header[http.CanonicalHeaderKey(p.Header)]
	case p.Query != "":
		f.values = r.query[p.Query]
	case p.Form != "":
		r.parse()
		f.values = r.form[p.Form]
	}
	if p.Decode == "" {
		return f
	}
	inner := found{gaps: f.gaps}
	for _, text := range f.values {
		data := []byte(text)
		if p.Decode == "base64_json" {
			data = decodeBase64(text)
		}
		more := walk(decodeJSON(data), p.Then)
		inner.values = append(inner.values, more.values...)
		inner.gaps = inner.gaps || more.gaps
		if len(inner.values) > maxFound {
			return found{values: inner.values[:maxFound], gaps: true}
		}
	}
	return inner
}

// decodeBase64 reads either alphabet, padded or not; nil when it is neither.
func decodeBase64(text string) []byte {
	text = strings.TrimRight(text, "=")
	for _, enc := range []*base64.Encoding{base64.RawStdEncoding, base64.RawURLEncoding} {
		if data, err := enc.DecodeString(text); err == nil {
			return data
		}
	}
	return nil
}

// first returns the first usable value at the first place that has one. Of a header or
// parameter that is there twice none is usable.
func (r *run) first(places []Place) string {
	for _, p := range places {
		f := r.find(p)
		if len(f.values) > 1 && p.Body == "" {
			continue
		}
		for _, v := range f.values {
			if usableName(v) {
				return v
			}
		}
	}
	return ""
}

// usableName keeps out what no name is: nothing, controls, and what fills a store.
func usableName(v string) bool {
	return len(v) > 0 && len(v) <= maxName &&
		!strings.ContainsFunc(v, func(c rune) bool { return c < ' ' || c == 0x7f || c == '\uFFFD' })
}

// match returns what the rules find, each once and in their order.
func (r *run) match(rules []Rule) []Match {
	var matches []Match
	seen := make(map[Match]bool)
	for _, rule := range rules {
		f := r.find(rule.Place)
		if len(f.values) > 1 && rule.Body == "" {
			continue
		}
		for _, v := range f.values {
			m, ok := rule.match(v)
			if ok && !seen[m] && len(matches) < maxFound {
				seen[m] = true
				matches = append(matches, m)
			}
		}
	}
	return matches
}

func (rule Rule) match(v string) (Match, bool) {
	if !usableName(v) {
		return Match{}, false
	}
	if rule.TrimSuffix != "" {
		var ok bool
		if v, ok = strings.CutSuffix(v, rule.TrimSuffix); !ok || len(v) < 1 {
			return Match{}, false
		}
	}
	switch rule.Transform {
	case "sha256":
		sum := sha256.Sum256([]byte(v))
		v = hex.EncodeToString(sum[:])
	case "origin":
		u, err := url.Parse(v)
		if err != nil || u.Scheme == "" || u.Host == "" {
			return Match{}, false
		}
		v = u.Scheme + "://" + u.Host
	}
	switch {
	case rule.Config != "":
		return Match{In: InConfig, Key: rule.Config, Value: v}, true
	case rule.Metadata != "":
		return Match{In: InMetadata, Key: rule.Metadata, Value: v}, true
	}
	return Match{In: InTag, Key: rule.Tag, Value: v}, true
}
