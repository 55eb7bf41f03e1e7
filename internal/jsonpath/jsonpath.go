// Package jsonpath walks the dotted paths with which provider data points into
// answers.
package jsonpath

import (
	"encoding/json"
	"strconv"
	"strings"
)

// At walks a dotted path into JSON as encoding/json decodes it into any. A number in
// it is a place in a list. A name that itself has dots is found too, in preference to
// the path. The empty path is the value itself. Nil: there is nothing there.
func At(v any, path string) any {
	if path == "" {
		return v
	}
	if m, ok := v.(map[string]any); ok {
		if found, ok := m[path]; ok {
			return found
		}
	}
	for name := range strings.SplitSeq(path, ".") {
		switch node := v.(type) {
		case map[string]any:
			v = node[name]
		case []any:
			i, err := strconv.Atoi(name)
			if err != nil || i < 0 || i >= len(node) {
				return nil
			}
			v = node[i]
		default:
			return nil
		}
	}
	return v
}

// Text is a string, number or boolean as text; ok is false for anything else.
func Text(v any) (text string, ok bool) {
	switch v := v.(type) {
	case string:
		return v, true
	case json.Number:
		return v.String(), true
	case float64:
		return strconv.FormatFloat(v, 'f', -1, 64), true
	case bool:
		return strconv.FormatBool(v), true
	}
	return "", false
}
