package oauth

import (
	"encoding/json"
	"errors"
	"io"
	"net/url"
	"regexp"
	"strings"
	"sync"

	"github.com/tieline/tieline/internal/xmlbody"
)

// maxNested is how often text in text is unpacked, and how deep an answer is
// searched.
const maxNested = 6

// parseWhole reads an answer as JSON, or in form encoding as the first drafts of
// OAuth 2 had it and some servers still do. It returns the objects in it, one
// after the other or in a list, the first of them also as JSON. raw is nil if the
// answer is neither an object nor a form itself.
func parseWhole(text string, nested int) (objects []map[string]any, raw []byte) {
	switch {
	case nested == 0 || text == "":
		return nil, nil
	case text[0] == '{':
		return parseObjects(text)
	case text[0] == '[':
		var list []any
		if decode(text, &list) == nil {
			return objectsIn(list), nil
		}
	case text[0] == '"':
		var inner string
		if decode(text, &inner) == nil {
			objects, _ = parseWhole(decodeText([]byte(inner)), nested-1)
			return objects, nil
		}
	case strings.HasPrefix(text, "<?xml"):
		return parseXML(text)
	case isForm(text):
		return parseForm(text)
	}
	return nil, nil
}

// parseXML reads a document that says it is XML. A page for people is no answer,
// even if it is well-formed.
func parseXML(text string) (objects []map[string]any, raw []byte) {
	v, err := xmlbody.Decode([]byte(text))
	values, ok := v.(map[string]any)
	if err != nil || !ok || values["html"] != nil {
		return nil, nil
	}
	if raw, err = json.Marshal(values); err != nil {
		return nil, nil
	}
	return []map[string]any{values}, raw
}

// decode reads the value that text begins with. What follows is not part of it.
func decode(text string, v any) error {
	dec := json.NewDecoder(strings.NewReader(text))
	dec.UseNumber()
	return dec.Decode(v)
}

func parseObjects(text string) (objects []map[string]any, raw []byte) {
	dec := json.NewDecoder(strings.NewReader(text))
	dec.UseNumber()
	for {
		var values map[string]any
		err := dec.Decode(&values)
		switch {
		case errors.Is(err, io.EOF), err != nil && len(objects) > 0:
			return objects, raw // what follows is not part of it
		case err != nil:
			return nil, nil
		case len(values) == 0:
			continue
		case len(objects) == 0:
			raw = []byte(strings.TrimSpace(text[:dec.InputOffset()]))
		}
		objects = append(objects, values)
	}
}

func objectsIn(list []any) (objects []map[string]any) {
	for _, v := range list {
		if m, ok := v.(map[string]any); ok {
			objects = append(objects, m)
		}
	}
	return objects
}

var formStart = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`^[?#]?[A-Za-z_][A-Za-z0-9_.%-]*=`) })

func isForm(text string) bool { return formStart().MatchString(text) }

// parseForm reads as much as can be read: a field that is not encoded as it
// should be is taken as it is, and the first that is not empty counts.
func parseForm(text string) (objects []map[string]any, raw []byte) {
	values := map[string]any{}
	pairs := strings.FieldsFunc(strings.TrimLeft(text, "?#"), func(r rune) bool { return r == '&' || r == '\n' || r == '\r' })
	for _, pair := range pairs {
		name, value, ok := strings.Cut(pair, "=")
		if !ok {
			continue
		}
		name, value = unescape(name), unescape(value)
		if values[name] == nil || values[name] == "" {
			values[name] = value
		}
	}
	raw, err := json.Marshal(values)
	if err != nil {
		return nil, nil
	}
	return []map[string]any{values}, raw
}

func unescape(s string) string {
	if u, err := url.QueryUnescape(s); err == nil {
		return u
	}
	return s
}

// search finds the tokens of an answer that has them nowhere near the place where
// they should be: in a wrapper, in a list, in JSON within a string, or under a
// name of other case. The outermost count.
func search(objects []map[string]any) (access, refresh string) {
	level := make([]any, len(objects))
	for i, m := range objects {
		level[i] = m
	}
	for depth := 0; depth < maxNested && len(level) > 0; depth++ {
		var below []any
		for _, v := range level {
			switch v := v.(type) {
			case map[string]any:
				for name, child := range v {
					switch {
					case strings.EqualFold(name, "access_token") && scalar(child) != "":
						access = scalar(child)
					case strings.EqualFold(name, "refresh_token") && scalar(child) != "":
						refresh = scalar(child)
					default:
						below = append(below, child)
					}
				}
			case []any:
				below = append(below, v...)
			case string:
				if inner := decodeText([]byte(v)); strings.HasPrefix(inner, "{") {
					found, _ := parseObjects(inner)
					for _, m := range found {
						below = append(below, m)
					}
				}
			}
		}
		if access != "" || refresh != "" {
			return access, refresh
		}
		level = below
	}
	return "", ""
}
