package httpapi

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/url"
	"strings"
	"unicode/utf8"
)

// readBody decodes a body that is a JSON object.
func readBody(r *http.Request) (*object, error) {
	data, err := readData(r)
	if err != nil {
		return nil, err
	}
	return parseBody(data)
}

// readData reads a body, up to the limit.
func readData(r *http.Request) ([]byte, error) {
	data, err := io.ReadAll(r.Body)
	switch {
	case errors.As(err, new(*http.MaxBytesError)):
		return nil, &problem{status: http.StatusRequestEntityTooLarge, code: "payload_too_large", message: "The body is too large"}
	case err != nil:
		return nil, &problem{status: http.StatusBadRequest, code: "invalid_json", message: "The body could not be read"}
	}
	return bytes.TrimSpace(data), nil
}

// parseBody takes a body apart. An empty one is an empty object.
func parseBody(data []byte) (*object, error) {
	if len(data) == 0 {
		data = []byte("{}")
	}
	value, err := decodeJSON(data)
	if err != nil {
		return nil, &problem{status: http.StatusBadRequest, code: "invalid_json", message: "The body is not JSON"}
	}
	members, ok := value.(map[string]any)
	if !ok {
		return nil, invalid("invalid_body", item{"invalid_type", "Invalid input: expected object, received " + typeOf(value), []string{}})
	}
	return newObject(members, memberOrder(data)), nil
}

// decodeJSON decodes one value, with numbers as they are written. What is not UTF-8 is
// no JSON.
func decodeJSON(data []byte) (any, error) {
	if !utf8.Valid(data) {
		return nil, errors.New("not UTF-8")
	}
	dec := json.NewDecoder(bytes.NewReader(data))
	dec.UseNumber()
	var v any
	if err := dec.Decode(&v); err != nil {
		return nil, err
	}
	if _, err := dec.Token(); err != io.EOF { //nolint:errorlint // json returns it bare
		return nil, errors.New("more than one value")
	}
	return v, nil
}

// memberOrder are the names of the outermost object's members, as they are written.
func memberOrder(data []byte) []string {
	dec := json.NewDecoder(bytes.NewReader(data))
	_, _ = dec.Token() // the data was decoded before, so nothing here fails
	var names []string
	known := map[string]bool{}
	for dec.More() {
		name, _ := dec.Token()
		text, _ := name.(string)
		if !known[text] {
			known[text] = true
			names = append(names, text)
		}
		var skip json.RawMessage
		if dec.Decode(&skip) != nil {
			break
		}
	}
	return names
}

// readQuery takes a query apart: k, k[] and k[name].
func readQuery(query url.Values) *object {
	members := map[string]any{}
	known := map[string]bool{}
	var order []string
	for _, name := range sortedKeys(query) {
		values := query[name]
		base, sub, nested := strings.Cut(name, "[")
		sub, closed := strings.CutSuffix(sub, "]")
		switch {
		case nested && closed && sub != "":
			inner, ok := members[base].(map[string]any)
			if !ok {
				inner = map[string]any{}
				members[base] = inner
			}
			inner[sub] = values[len(values)-1]
		case nested && closed:
			list, _ := members[base].([]any)
			for _, v := range values {
				list = append(list, v)
			}
			members[base] = list
		case len(values) == 1 && members[name] == nil:
			members[name] = values[0]
			base = name
		default:
			list, _ := members[name].([]any)
			for _, v := range values {
				list = append(list, v)
			}
			members[name] = list
			base = name
		}
		if !known[base] {
			known[base] = true
			order = append(order, base)
		}
	}
	return newObject(members, order)
}

// readHeader takes headers by their names in lower case.
func readHeader(h http.Header) *object {
	members := map[string]any{}
	for name, values := range h {
		if len(values) == 1 {
			members[strings.ToLower(name)] = values[0]
			continue
		}
		list := make([]any, len(values)) // two names are no name
		members[strings.ToLower(name)] = list
	}
	return newObject(members, nil)
}
