package spec

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"mime"
	"slices"
	"strings"

	"github.com/tieline/tieline/internal/jsonpath"
	"github.com/tieline/tieline/internal/template"
)

// Read takes the values of a discovery out of an answer: JSON as encoding/json
// decodes it into any, best with [json.Decoder.UseNumber], so that a long number
// keeps its digits.
//
// With an error the values are those that were found, which may be none. The error
// has no part of the answer in it.
func (d *Discovery) Read(answer any, env *template.Env) (map[string]string, error) {
	if d.Select != nil {
		picked, err := d.Select.pick(answer, env)
		if err != nil {
			return nil, err
		}
		answer = picked
	}
	out := map[string]string{}
	var missing []string
	for _, v := range d.Values {
		if text := v.read(answer); text != "" {
			out[v.Name] = text
		} else {
			missing = append(missing, v.Name)
		}
	}
	if len(missing) > 0 {
		return out, fmt.Errorf("the answer has no value for %s", strings.Join(missing, ", "))
	}
	return out, nil
}

// pick returns the element that is selected.
func (s *Select) pick(answer any, env *template.Env) (any, error) {
	there := jsonpath.At(answer, s.Path)
	list, ok := there.([]any)
	if object, is := there.(map[string]any); is && len(s.Where) > 0 {
		list, ok = []any{object}, true
	}
	if !ok {
		return nil, errors.New("the answer has no list where one is expected")
	}
	want := make([]string, len(s.Where))
	for i, w := range s.Where {
		text, err := w.Value.Expand(env)
		if err != nil {
			return nil, err
		}
		want[i] = text
	}
	matches := slices.DeleteFunc(slices.Clone(list), func(element any) bool {
		for i, w := range s.Where {
			if !w.holds(jsonpath.At(element, w.Path), want[i]) {
				return true
			}
		}
		return false
	})
	switch {
	case len(matches) == 0:
		return nil, fmt.Errorf("none of the %d elements of the list is the one looked for", len(list))
	case len(matches) > 1 && s.Only:
		return nil, fmt.Errorf("%d elements of the list could be the one looked for", len(matches))
	}
	return matches[0], nil
}

func (c Condition) holds(v any, want string) bool {
	text, ok := jsonpath.Text(v)
	if !ok {
		return false
	}
	switch c.Test {
	case "equals":
		return text == want
	case "starts_with":
		return strings.HasPrefix(text, want)
	case "ends_with":
		return strings.HasSuffix(text, want)
	case "contains":
		return strings.Contains(text, want)
	}
	return false
}

// read returns the value, "" when there is none.
func (v DiscoveredValue) read(answer any) string {
	text, _ := jsonpath.Text(jsonpath.At(answer, v.Path))
	if v.Pattern != nil {
		m := v.Pattern.FindStringSubmatch(text)
		if m == nil {
			return ""
		}
		text = m[1]
	}
	if text == "" {
		return ""
	}
	switch v.Transform {
	case "sha256":
		sum := sha256.Sum256([]byte(text))
		return hex.EncodeToString(sum[:])
	case "lower":
		return strings.ToLower(text)
	case "strip_scheme":
		if scheme, rest, ok := strings.Cut(text, "://"); ok && !strings.Contains(scheme, "/") {
			return rest
		}
	}
	return text
}

// Holds reports whether an answer is one that the check is passed with.
// contentType is the header.
func (e Expect) Holds(status int, contentType string, body []byte) bool {
	good := status >= 200 && status < 300
	if len(e.Status) > 0 {
		good = slices.Contains(e.Status, status)
	}
	if !good || e.NotContains != "" && bytes.Contains(body, []byte(e.NotContains)) {
		return false
	}
	if e.ContentType != "" {
		if got, _, err := mime.ParseMediaType(contentType); err != nil || got != e.ContentType {
			return false
		}
	}
	if e.Path == "" {
		return true
	}
	dec := json.NewDecoder(bytes.NewReader(body))
	dec.UseNumber()
	var answer any
	if dec.Decode(&answer) != nil {
		return false
	}
	v := jsonpath.At(answer, e.Path)
	text, scalar := jsonpath.Text(v)
	if e.HasEquals {
		return scalar && text == e.Equals
	}
	return v != nil
}
