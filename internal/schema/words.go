package schema

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// narrow does what the tags of a field say.
func (f *field) narrow(tag reflect.StructTag) error {
	for _, name := range [...]string{
		"minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum",
		"minLength", "maxLength", "pattern", "format", "minItems", "maxItems", "enum",
	} {
		text, ok := tag.Lookup(name)
		if !ok {
			continue
		}
		n, err := f.node.with(name, text)
		if err != nil {
			return fmt.Errorf("tag %s: %w", name, err)
		}
		f.node = n
	}
	if text := tag.Get("description"); text != "" {
		f.notes = append(f.notes, word{"description", quote(text)})
	}
	for _, name := range [...]string{"default", "example"} {
		text, ok := tag.Lookup(name)
		if !ok {
			continue
		}
		value, err := f.node.sample(text)
		if err != nil {
			return fmt.Errorf("tag %s: %w", name, err)
		}
		if name == "example" {
			name, value = "examples", "["+value+"]"
		}
		f.notes = append(f.notes, word{name, value})
	}
	return nil
}

// with is a narrower copy of a node: a word is about what can be null or is quoted,
// and about the elements of a list unless it is about lists.
func (n *node) with(name, text string) (*node, error) {
	narrow := *n
	narrow.words = slices.Clone(n.words)
	inner := n.kind == kindNullable || n.kind == kindQuoted || n.kind == kindList && !strings.HasSuffix(name, "Items")
	var err error
	switch {
	case inner:
		narrow.elem, err = n.elem.with(name, text)
	case name == "enum":
		var values []string
		for value := range strings.SplitSeq(text, ",") {
			value = strings.TrimSpace(value)
			if n.kind == kindString {
				value = quote(value)
			}
			values = append(values, value)
		}
		err = narrow.choose(values)
	default:
		err = narrow.limit(name, text)
	}
	return &narrow, err
}

// sample is the JSON of a value that a tag gives: text for a string, JSON for the rest.
func (n *node) sample(text string) (string, error) {
	value := n.literal(text)
	var compact bytes.Buffer
	if err := json.Compact(&compact, []byte(value)); err != nil {
		return "", errors.New("is not JSON")
	}
	c := checker{data: compact.Bytes()}
	if c.run(n); len(c.errs) > 0 {
		return "", c.errs
	}
	return compact.String(), nil
}

func (n *node) literal(text string) string {
	switch {
	case n.kind == kindString:
		return quote(text)
	case n.kind == kindQuoted:
		return quote(n.elem.literal(text))
	case n.kind == kindNullable && (text != "null" || n.elem.kind == kindString):
		return n.elem.literal(text)
	case n.kind == kindAny || n.kind == kindOwn:
		if !json.Valid([]byte(text)) || n.kind == kindOwn && n.own.types == 1<<typeString {
			return quote(text)
		}
	}
	return text
}

// limit sets a word that narrows the values of a node.
func (n *node) limit(name, text string) (err error) {
	size := 0
	switch name {
	case "minLength", "maxLength", "minItems", "maxItems":
		if size, err = strconv.Atoi(text); err != nil || size < 0 {
			return errors.New("needs a number from 0 up")
		}
		text = strconv.Itoa(size)
	}
	switch {
	case n.kind == kindInteger && strings.HasSuffix(name, "imum"):
		err = n.limitWhole(name, text)
	case n.kind == kindNumber && strings.HasSuffix(name, "imum"):
		err = n.limitFloat(name, text)
	case n.kind == kindString && name == "minLength":
		n.minLength = size
	case n.kind == kindString && name == "maxLength":
		n.maxLength = size
	case n.kind == kindString && name == "pattern":
		n.pattern, err = regexp.Compile(text)
		text = quote(text)
	case n.kind == kindString && name == "format":
		if n.format != nil {
			return errors.New("the type has a form of its own")
		}
		if n.format, n.formatName = formatOf(text); n.format == nil {
			return errors.New("there is no such format")
		}
		text = quote(text)
	case n.kind == kindList && name == "minItems":
		err = n.limitItems(size, n.maxItems)
	case n.kind == kindList && name == "maxItems":
		err = n.limitItems(n.minItems, size)
	default:
		return errors.New("is no word for " + n.what())
	}
	if err == nil && n.maxLength >= 0 && n.maxLength < n.minLength {
		err = errors.New("leaves no value")
	}
	n.set(name, text)
	return err
}

func (n *node) limitItems(low, high int) error {
	if n.typ != nil && n.typ.Kind() == reflect.Array {
		return errors.New("an array has one length")
	}
	n.minItems, n.maxItems = low, high
	if high >= 0 && high < low {
		return errors.New("leaves no value")
	}
	return nil
}

// limitWhole narrows the bounds of an integer, which its type has set.
func (n *node) limitWhole(name, text string) error {
	w, ok := parseWhole([]byte(text))
	if !ok || !canonical([]byte(text)) {
		return errors.New("needs an integer")
	}
	low := strings.HasSuffix(name, "Minimum") || name == "minimum"
	if strings.HasPrefix(name, "exclusive") {
		if w, ok = w.next(low); !ok {
			return errors.New("leaves no value")
		}
	}
	if w.less(n.min) || n.max.less(w) {
		return errors.New("is not between " + n.min.String() + " and " + n.max.String())
	}
	if low {
		n.min = w
	} else {
		n.max = w
	}
	return nil
}

func (n *node) limitFloat(name, text string) error {
	f, err := strconv.ParseFloat(text, 64)
	if err != nil || !json.Valid([]byte(text)) {
		return errors.New("needs a number")
	}
	exclusive := strings.HasPrefix(name, "exclusive")
	reason := map[string]string{
		"minimum": "at least ", "maximum": "at most ",
		"exclusiveMinimum": "more than ", "exclusiveMaximum": "less than ",
	}[name] + text
	switch name {
	case "minimum", "exclusiveMinimum":
		if n.low == nil || *n.low < f || *n.low == f && exclusive {
			n.low, n.aboveLow, n.lowText = &f, exclusive, reason
		}
	default:
		if n.high == nil || *n.high > f || *n.high == f && exclusive {
			n.high, n.belowHigh, n.highText = &f, exclusive, reason
		}
	}
	if n.low != nil && n.high != nil && (*n.low > *n.high || *n.low == *n.high && (n.aboveLow || n.belowHigh)) {
		return errors.New("leaves no value")
	}
	return nil
}

// choose lets a node be one of these values, in JSON, which it has to accept.
func (n *node) choose(values []string) error {
	switch n.kind {
	case kindBool, kindInteger, kindNumber, kindString:
	default:
		return errors.New("is no word for " + n.what())
	}
	narrow := *n
	for i, value := range values {
		if value == "" || value == `""` {
			return errors.New("has an empty value")
		}
		c := checker{data: []byte(value)}
		if c.run(n); len(c.errs) > 0 {
			return fmt.Errorf("%s: %w", value, c.errs)
		}
		if slices.Contains(values[:i], value) {
			return errors.New(value + " is there twice")
		}
		switch n.kind {
		case kindBool:
			narrow.bools = append(narrow.bools, value == "true")
		case kindInteger:
			w, _ := parseWhole([]byte(value))
			narrow.wholes = append(narrow.wholes, w)
		case kindNumber:
			f, _ := strconv.ParseFloat(value, 64)
			narrow.floats = append(narrow.floats, f)
		default:
			var s string
			if err := json.Unmarshal([]byte(value), &s); err != nil {
				return err
			}
			narrow.texts = append(narrow.texts, s)
		}
	}
	narrow.enumText = "[" + strings.Join(values, ",") + "]"
	*n = narrow
	return nil
}

// quote is a text as JSON.
func quote(text string) string {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	_ = e.Encode(text) // of a string there is no error
	return strings.TrimSuffix(b.String(), "\n")
}
