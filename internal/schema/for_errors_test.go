package schema

import (
	"encoding/json"
	"fmt"
	"math/big"
	"reflect"
	"strings"
	"testing"
	"time"
	"unsafe"
)

type (
	selfPointer  *selfPointer
	writesOnly   struct{}
	readsOnly    struct{}
	textThenJSON struct{}
	badOwn       struct{}
	hidden       struct{ X int }
	hiddenTime   struct{ time.Time }
	Stamp        struct{ time.Time }
	pointerKey   struct{ X int }
)

func (writesOnly) MarshalJSON() ([]byte, error)       { return []byte("1"), nil }
func (*readsOnly) UnmarshalText([]byte) error         { return nil }
func (textThenJSON) MarshalText() ([]byte, error)     { return nil, nil }
func (*textThenJSON) UnmarshalJSON(data []byte) error { return nil }
func (badOwn) JSONSchema() json.RawMessage            { return json.RawMessage(`{"not": {}}`) }
func (*pointerKey) MarshalText() ([]byte, error)      { return nil, nil }
func (*pointerKey) UnmarshalText([]byte) error        { return nil }

func TestForErrors(t *testing.T) {
	type deep struct {
		Items []struct{ Of map[string]*[]chan int }
	}
	for _, test := range []struct {
		typ  reflect.Type
		want string
	}{
		{nil, "there is no type"},
		{reflect.TypeFor[deep](), "schema.deep.Items[].Of[][]: JSON has nothing for the type chan int"},
		{reflect.TypeFor[struct{ F func() }](), ".F: JSON has nothing for the type func()"},
		{reflect.TypeFor[[]complex64](), "[]: JSON has nothing for the type complex64"},
		{reflect.TypeFor[unsafe.Pointer](), "JSON has nothing for the type unsafe.Pointer"},
		{reflect.TypeFor[struct{ E error }](), ".E: error is an interface"},
		{reflect.TypeFor[map[float64]int](), "keys of type float64 are neither text nor integers"},
		{reflect.TypeFor[map[struct{ A int }]int](), "are neither text nor integers"},
		{reflect.TypeFor[map[pointerKey]int](), "are not read the way they are written"},
		{reflect.TypeFor[map[*pointerKey]int](), "are not read the way they are written"},
		{reflect.TypeFor[selfPointer](), "is a pointer to itself"},
		{reflect.TypeFor[struct{ W writesOnly }](), ".W: schema.writesOnly is not read the way it is written"},
		{reflect.TypeFor[readsOnly](), "is not read the way it is written"},
		{reflect.TypeFor[textThenJSON](), "is not read the way it is written"},
		{reflect.TypeFor[struct{ time.Time }](), "is not read the way it is written"},
		{reflect.TypeFor[map[string]big.Int](), "[]: big.Int is written by a method of its pointer"},
		{reflect.TypeFor[map[string][2]struct{ B big.Int }](), "[][].B: big.Int is written by a method of its pointer"},
		{reflect.TypeFor[struct{ B badOwn }](), ".B: JSONSchema of schema.badOwn: not: is no word"},
		{reflect.TypeFor[struct{ *hidden }](), ".hidden.X: encoding/json cannot set"},
		{reflect.TypeFor[struct {
			*hidden `json:"h"`
		}](), ".hidden: encoding/json cannot set"},
		{reflect.TypeFor[struct {
			hiddenTime `json:"h"`
			Stamp      // whose methods are of equal depth, so that the struct has none
		}](), ".hiddenTime: encoding/json cannot use the methods"},
		{reflect.TypeFor[struct {
			C colour `json:",string"`
		}](), ".C: the option string does not go with the methods"},
	} {
		if _, err := For(test.typ); err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%v: %v, want %s", test.typ, err, test.want)
		}
	}
	_, err := For(reflect.TypeFor[struct {
		A chan int
		B func()
	}]())
	if !strings.Contains(fmt.Sprint(err), ".A:") || !strings.Contains(err.Error(), ".B:") {
		t.Errorf("not all that there are: %v", err)
	}
	for _, typ := range []reflect.Type{
		reflect.TypeFor[map[string]*big.Int](), reflect.TypeFor[map[string][]big.Int](), reflect.TypeFor[struct{ hidden }](),
		reflect.TypeFor[struct {
			hidden `json:"h"`
		}](),
	} {
		mustFor(t, typ)
	}
}

// TestBadTags: a tag that cannot hold for its field is refused.
func TestBadTags(t *testing.T) {
	for _, test := range []struct {
		field any
		tag   reflect.StructTag
		want  string
	}{
		{"", `minimum:"1"`, "tag minimum: is no word for a string"},
		{1, `minLength:"1"`, "is no word for an integer"},
		{1, `minItems:"1"`, "is no word for an integer"},
		{1, `pattern:"1"`, "is no word for an integer"},
		{1, `minimum:"0.5"`, "needs an integer"},
		{1, `minimum:"+5"`, "needs an integer"},
		{uint8(1), `minimum:"-1"`, "is not between 0 and 255"},
		{uint8(1), `maximum:"300"`, "is not between 0 and 255"},
		{1, `minimum:"5" maximum:"4"`, "is not between 5 and"},
		{uint64(1), `exclusiveMinimum:"18446744073709551615"`, "leaves no value"},
		{1.5, `minimum:"NaN"`, "needs a number"},
		{1.5, `minimum:"0x1"`, "needs a number"},
		{1.5, `exclusiveMinimum:"1" maximum:"1"`, "leaves no value"},
		{"", `minLength:"-1"`, "needs a number from 0 up"},
		{"", `minLength:"2" maxLength:"1"`, "leaves no value"},
		{[]int{}, `minItems:"2" maxItems:"1"`, "leaves no value"},
		{[1]int{}, `maxItems:"1"`, "an array has one length"},
		{"", `pattern:"("`, "missing closing )"},
		{"", `format:"emial"`, "there is no such format"},
		{time.Time{}, `format:"date"`, "the type has a form of its own"},
		{1, `enum:"1,x"`, "tag enum"},
		{1, `enum:"1,1"`, "is there twice"},
		{1, `enum:"1,9" maximum:"5"`, "must be at most 5"},
		{"", `enum:"a,,b"`, "has an empty value"},
		{"", `enum:"a,b" maxLength:"0"`, "must have at most 0 characters"},
		{true, `enum:"yes"`, "tag enum"},
		{map[string]int{}, `enum:"1"`, "is no word for an object"},
		{struct{}{}, `minLength:"1"`, "is no word for an object"},
		{described(""), `minLength:"1"`, "is no word for a string"},
		{1, `example:"x"`, "tag example: is not JSON"},
		{1, `default:"9" maximum:"5"`, "tag default: the value must be at most 5"},
		{[]string{}, `example:"a"`, "is not JSON"},
		{described(""), `example:"left"`, "must be one of"},
		{1, `required:"yes"`, "the tag required is neither true nor false"},
	} {
		typ := reflect.StructOf([]reflect.StructField{{Name: "F", Type: reflect.TypeOf(test.field), Tag: test.tag}})
		if _, err := For(typ); err == nil || !strings.Contains(err.Error(), test.want) || !strings.Contains(err.Error(), ".F: ") {
			t.Errorf("%T %s: %v, want %s", test.field, test.tag, err, test.want)
		}
	}
}
