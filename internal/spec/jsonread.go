package spec

import (
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"strconv"
	"strings"
)

// jsonReader reads what [EncodeEntry] wrote. It does what encoding/json does for
// these types in a tenth of the time, because it reads once and its strings are
// parts of the input: the first use of a provider should cost a program nothing
// that anyone notices. The input is our own, so an error is a broken build
// rather than something to explain.
type jsonReader struct {
	src string
	pos int
}

var errJSON = errors.New("not the JSON of an entry")

// readJSON fills a Provider, or another type of this package, from src.
func readJSON(src string, v any) (err error) {
	defer func() {
		if p := recover(); p != nil {
			if p != errJSON {
				panic(p)
			}
			err = errJSON
		}
	}()
	r := jsonReader{src: src}
	r.into(reflect.ValueOf(v).Elem())
	r.space()
	if r.pos != len(r.src) {
		return errJSON
	}
	return nil
}

// fail ends the reading; readJSON turns it into an error.
func (r *jsonReader) fail() { panic(errJSON) }

func (r *jsonReader) space() {
	for r.pos < len(r.src) && (r.src[r.pos] == ' ' || r.src[r.pos] == '\n' || r.src[r.pos] == '\t' || r.src[r.pos] == '\r') {
		r.pos++
	}
}

// next returns the next byte that is not space, without taking it.
func (r *jsonReader) next() byte {
	r.space()
	if r.pos == len(r.src) {
		r.fail()
	}
	return r.src[r.pos]
}

func (r *jsonReader) take(c byte) {
	if r.next() != c {
		r.fail()
	}
	r.pos++
}

// more takes the separator before another element, or the end of a list or
// object.
func (r *jsonReader) more(first bool, end byte) bool {
	if r.next() == end {
		r.pos++
		return false
	}
	if !first {
		r.take(',')
	}
	return true
}

// word takes true, false, null or a number.
func (r *jsonReader) word() string {
	r.space()
	start := r.pos
	for r.pos < len(r.src) && strings.IndexByte(",]} \n\t\r", r.src[r.pos]) < 0 {
		r.pos++
	}
	return r.src[start:r.pos]
}

// text takes a string. Most have no escapes and are a part of the input.
func (r *jsonReader) text() string {
	r.take('"')
	start := r.pos
	end := strings.IndexByte(r.src[start:], '"')
	if end < 0 {
		r.fail()
	}
	if s := r.src[start : start+end]; strings.IndexByte(s, '\\') < 0 {
		r.pos += end + 1
		return s
	}
	return r.escapedText(start)
}

// escapedText takes the rest of a string with escapes, which begins at start.
func (r *jsonReader) escapedText(start int) string {
	for ; r.pos < len(r.src); r.pos++ {
		switch r.src[r.pos] {
		case '\\':
			r.pos++
		case '"':
			r.pos++
			var out string
			if json.Unmarshal([]byte(r.src[start-1:r.pos]), &out) != nil {
				r.fail()
			}
			return out
		}
	}
	r.fail()
	return ""
}

// object calls f for each key, which has to take the value.
func (r *jsonReader) object(f func(key string)) {
	r.take('{')
	for first := true; r.more(first, '}'); first = false {
		key := r.text()
		r.take(':')
		f(key)
	}
}

func (r *jsonReader) list(f func()) {
	r.take('[')
	for first := true; r.more(first, ']'); first = false {
		f()
	}
}

// into takes a value of the type of v.
func (r *jsonReader) into(v reflect.Value) {
	if r.next() == 'n' {
		r.word() // null leaves the zero value
		return
	}
	switch out := v.Addr().Interface().(type) {
	case *string:
		*out = r.text()
		return
	case *[]string:
		r.list(func() { *out = append(*out, r.text()) })
		return
	case *map[string]string:
		*out = r.stringMap()
		return
	case *Value:
		*out = r.value(0)
		return
	case *Map:
		*out = r.value(0).Map
		return
	case *Fields:
		r.object(func(name string) {
			if *out == nil {
				*out = make(Fields, 0, 4)
			}
			*out = append(*out, Field{Name: name})
			r.structure(reflect.ValueOf(&(*out)[len(*out)-1]).Elem())
		})
		return
	case *TokenURL:
		if r.next() == '{' {
			out.ByMode = r.stringMap()
		} else {
			out.URL = r.text()
		}
		return
	}
	r.kind(v)
}

func (r *jsonReader) kind(v reflect.Value) {
	switch v.Kind() {
	case reflect.String:
		v.SetString(r.text())
	case reflect.Bool:
		word := r.word()
		if word != "true" && word != "false" {
			r.fail()
		}
		v.SetBool(word == "true")
	case reflect.Int64:
		n, err := strconv.ParseInt(r.word(), 10, 64)
		if err != nil {
			r.fail()
		}
		v.SetInt(n)
	case reflect.Pointer:
		v.Set(reflect.New(v.Type().Elem()))
		r.into(v.Elem())
	case reflect.Slice:
		r.list(func() {
			item := reflect.New(v.Type().Elem()).Elem()
			r.into(item)
			v.Set(reflect.Append(v, item))
		})
	case reflect.Struct:
		r.structure(v)
	default:
		panic(fmt.Sprintf("spec: no way to read a %s", v.Type()))
	}
}

func (r *jsonReader) structure(v reflect.Value) {
	keys := keysOf(v.Type())
	r.object(func(key string) {
		index, ok := keys[key]
		if !ok {
			r.value(0)
			return
		}
		r.into(v.FieldByIndex(index))
	})
}

func (r *jsonReader) stringMap() map[string]string {
	out := map[string]string{}
	r.object(func(key string) { out[key] = r.text() })
	return out
}

func (r *jsonReader) value(depth int) Value {
	if depth > maxDepth {
		r.fail()
	}
	switch r.next() {
	case '"':
		return Value{Kind: String, Text: r.text()}
	case '{':
		out := Value{Kind: Object, Map: Map{}}
		r.object(func(key string) { out.Map = append(out.Map, Member{Name: key, Value: r.value(depth + 1)}) })
		return out
	case '[':
		out := Value{Kind: List}
		r.list(func() { out.List = append(out.List, r.value(depth+1)) })
		return out
	}
	switch word := r.word(); {
	case word == "null":
		return Value{}
	case word == "true" || word == "false":
		return Value{Kind: Bool, Text: word}
	case isJSONNumber(word):
		return Value{Kind: Number, Text: word}
	}
	r.fail()
	return Value{}
}
