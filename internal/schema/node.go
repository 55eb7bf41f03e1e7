package schema

import (
	"reflect"
	"regexp"
	"strconv"
)

// kind is the form of a value in JSON, as far as checking it differs.
type kind int

const (
	kindAny kind = iota
	kindBool
	kindInteger
	kindNumber
	kindString
	kindList
	kindMap
	kindObject
	kindNullable // null, or elem
	kindQuoted   // a string that holds elem
	kindOwn      // what a Describer says
)

// node is the schema of one type, or of one field where tags narrow its type. All
// that checking needs is worked out before: a check does not reflect. A node is not
// changed once For has returned.
type node struct {
	kind  kind
	typ   reflect.Type // nil inside a schema that a Describer says
	words []word       // what is published besides type, and what other fields say

	integerRule
	numberRule
	textRule
	choice
	listRule
	objectRule
	own *own // of kindOwn

	elem *node // of kindList, kindMap, kindNullable and kindQuoted
	// ifNull is what stands for the null that encoding/json writes for nil.
	ifNull string
	// readsJSON asks a type with an UnmarshalJSON of its own.
	readsJSON func(raw []byte) error
	// byPointer: it is written by a method that only its pointer has.
	byPointer bool
}

// word is a keyword of JSON Schema and its value.
type word struct {
	name string
	json string
}

// integerRule is of kindInteger, and of the keys of a map.
type integerRule struct {
	unsigned bool
	min, max whole
}

// numberRule is of kindNumber.
type numberRule struct {
	bits              int  // 32 or 64, or 0 for any number that JSON can write
	integral          bool // a fraction has to be zero
	low, high         *float64
	aboveLow          bool // low itself is out
	belowHigh         bool
	lowText, highText string // what a number has to be
}

// textRule is of kindString.
type textRule struct {
	minLength, maxLength int // -1: none
	pattern              *regexp.Regexp
	format               func(text []byte) bool
	formatName           string
	// readsText asks a type with an UnmarshalText of its own.
	readsText func(text []byte) error
}

// choice is an enum, of a bool, a number or a string. Which of its lists counts is a matter of the kind.
type choice struct {
	texts    []string
	wholes   []whole
	floats   []float64
	bools    []bool
	enumText string // as published; "": there is no enum
}

// listRule is of kindList.
type listRule struct {
	minItems, maxItems int // -1: none
}

// objectRule is of kindMap and kindObject.
type objectRule struct {
	fields []*field
	index  map[string]int
	// extra is the schema of members that are not fields. Nil: there are none.
	extra *node
	key   *keyRule // of a map whose keys are not just any text
}

// field is a member of an object.
type field struct {
	name     string
	node     *node
	required bool
	notes    []word // description, default, examples
}

// keyRule says which names the members of a map can have.
type keyRule struct {
	integerRule
	reads func(raw []byte) error // asks the type of the key about the name, in its quotes
}

// whole is an integer of 64 bits and a sign. Zero is not negative.
type whole struct {
	negative bool
	size     uint64
}

func (a whole) String() string {
	if a.negative {
		return "-" + strconv.FormatUint(a.size, 10)
	}
	return strconv.FormatUint(a.size, 10)
}

func (a whole) less(b whole) bool {
	switch {
	case a.negative != b.negative:
		return a.negative
	case a.negative:
		return a.size > b.size
	}
	return a.size < b.size
}

// next is the integer that follows a, by 1 or -1; ok is false at the end of 64 bits.
func (a whole) next(up bool) (whole, bool) {
	switch {
	case a.size == 0:
		return whole{negative: !up, size: 1}, true
	case a.negative == up:
		return whole{negative: a.negative && a.size > 1, size: a.size - 1}, true
	}
	a.size++
	return a, a.size != 0
}

// parseWhole reads a literal of JSON without fraction and exponent.
func parseWhole(literal []byte) (w whole, ok bool) {
	digits := literal
	if len(digits) > 0 && digits[0] == '-' {
		digits = digits[1:]
	}
	if len(digits) == 0 || len(digits) > 20 {
		return w, false
	}
	for _, d := range digits {
		if d < '0' || d > '9' {
			return w, false
		}
		n := uint64(d - '0')
		if w.size > (1<<64-1-n)/10 {
			return w, false
		}
		w.size = w.size*10 + n
	}
	w.negative = len(digits) < len(literal) && w.size > 0
	return w, true
}

// bounds are those of an integer type.
func bounds(k reflect.Kind, bits int) integerRule {
	switch k {
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64:
		half := uint64(1) << (bits - 1)
		return integerRule{min: whole{true, half}, max: whole{false, half - 1}}
	}
	return integerRule{unsigned: true, max: whole{false, 1<<bits - 1}}
}

// set has one value for a word, the last that was set.
func (n *node) set(name, json string) {
	for i := range n.words {
		if n.words[i].name == name {
			n.words[i].json = json
			return
		}
	}
	n.words = append(n.words, word{name, json})
}

// what the value has to be, in a sentence.
func (n *node) what() string {
	switch n.kind {
	case kindBool:
		return "true or false"
	case kindInteger:
		return "an integer"
	case kindNumber:
		if n.integral {
			return "an integer"
		}
		return "a number"
	case kindString:
		return "a string"
	case kindList:
		return "a list"
	case kindMap, kindObject:
		return "an object"
	case kindNullable:
		return n.elem.what() + " or null"
	case kindQuoted:
		return "a string that holds " + n.elem.what()
	case kindOwn:
		return n.own.types.what()
	}
	return "a value"
}
