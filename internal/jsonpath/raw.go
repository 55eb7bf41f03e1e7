package jsonpath

import (
	"bytes"
	"encoding/json"
	"strconv"
	"strings"
)

// Raw walks a path as [At] does, in JSON that is not decoded yet, and returns what
// is there as it is written. Nil: there is nothing there, or data is not JSON.
func Raw(data json.RawMessage, path string) json.RawMessage {
	if path == "" {
		return data
	}
	if found, ok := member(data, path); ok {
		return found
	}
	for name := range strings.SplitSeq(path, ".") {
		var ok bool
		if data, ok = member(data, name); !ok {
			return nil
		}
	}
	return data
}

// member is the one of an object by its name, or of a list by its place.
func member(data json.RawMessage, name string) (json.RawMessage, bool) {
	switch head := bytes.TrimLeft(data, " \t\r\n"); {
	case len(head) == 0:
	case head[0] == '{':
		var object map[string]json.RawMessage
		if json.Unmarshal(data, &object) == nil {
			found, ok := object[name]
			return found, ok
		}
	case head[0] == '[':
		i, err := strconv.Atoi(name)
		var list []json.RawMessage
		if err == nil && json.Unmarshal(data, &list) == nil && i >= 0 && i < len(list) {
			return list[i], true
		}
	}
	return nil, false
}
