package schema

import (
	"encoding/json"
	"math/big"
	"reflect"
	"strings"
	"testing"
)

// union says its schema, and reads and writes itself.
type union struct{ value any }

func (u union) MarshalJSON() ([]byte, error)     { return json.Marshal(u.value) }
func (u *union) UnmarshalJSON(data []byte) error { return json.Unmarshal(data, &u.value) }
func (*union) JSONSchema() json.RawMessage {
	return json.RawMessage(`{"title": "either", "oneOf": [
		{"type": "object", "properties": {"kind": {"const": "a"}, "n": {"type": "integer", "minimum": 1}}, "required": ["kind"], "additionalProperties": false},
		{"type": "object", "properties": {"kind": {"enum": ["b"]}}, "required": ["kind", "more"], "additionalProperties": {"type": "string"}},
		{"type": ["integer", "null"]}
	]}`)
}

// even is a list of numbers, of even length: a type without methods for JSON.
type even []float64

func (even) JSONSchema() json.RawMessage {
	return json.RawMessage(`{"type":"array","items":{"minimum":0,"exclusiveMaximum":10},"minItems":2,"maxItems":4,
		"anyOf":[{"maxItems":2},{"minItems":4}], "allOf":[true, {"items":{"enum":[1,2.0,3]}}]}`)
}

// level says its schema and is written as a text.
type level struct{ colour }

func (level) JSONSchema() json.RawMessage {
	return json.RawMessage(`{"type":"string","maxLength":4,"pattern":"e","format":"anything"}`)
}

func TestDescribers(t *testing.T) {
	const none = "the value matches none of the schemas of oneOf"
	for _, test := range []struct {
		typ  reflect.Type
		json string
		want string
	}{
		{reflect.TypeFor[union](), `{"kind":"a"}`, ""},
		{reflect.TypeFor[union](), `{"kind":"a","n":2.0}`, ""},
		{reflect.TypeFor[union](), `{"kind":"\u0061"}`, ""},
		{reflect.TypeFor[union](), `{"kind":"b","more":"x"}`, ""},
		{reflect.TypeFor[union](), `null`, ""},
		{reflect.TypeFor[union](), `1e2`, ""},
		{reflect.TypeFor[union](), `1.5`, none},
		{reflect.TypeFor[union](), `{"kind":"a","n":0}`, none},
		{reflect.TypeFor[union](), `{"kind":"a","n":1,"m":[{}]}`, none},
		{reflect.TypeFor[union](), `{"kind":"b"}`, none},
		{reflect.TypeFor[union](), `{"kind":"b","more":{"x":[]}}`, none},
		{reflect.TypeFor[union](), `{"kind":"b","kind":"b"}`, "/kind is there twice"},
		{reflect.TypeFor[[]union](), `[{"kind":"a","n":{]`, "/0/n is an object where a name should be and is not (byte 18)"},
		{reflect.TypeFor[[]*union](), `[{"kind":[{"a":1,"b":2}]},true,{"kind":"a"}]`,
			"/0 matches none of the schemas of oneOf\n/1 matches none of the schemas of oneOf"},
		{reflect.TypeFor[even](), `[1,2]`, ""},
		{reflect.TypeFor[even](), `[1]`, "the value must have at least 2 items"},
		{reflect.TypeFor[even](), `[1,2,3]`, "the value matches none of the schemas of anyOf"},
		{reflect.TypeFor[even](), `[1,4]`, "/1 must be one of [1,2.0,3]"},
		{reflect.TypeFor[even](), `[-1,10]`, "/0 must be at least 0\n/1 must be less than 10"},
		{reflect.TypeFor[even](), `[1,"2"]`, "/1 must be one of [1,2.0,3]"},
		{reflect.TypeFor[even](), `null`, "the value must be a list, not null"},
		{reflect.TypeFor[*even](), `null`, ""},
		{reflect.TypeFor[level](), `"red"`, ""},
		{reflect.TypeFor[level](), `"green"`, "the value must have at most 4 characters"},
		{reflect.TypeFor[level](), `"bed"`, "the value is nothing that schema.level can be read from"},
		{reflect.TypeFor[big.Int](), `12345678901234567890123`, ""},
		{reflect.TypeFor[struct{ N *big.Int }](), `{"N":1.5}`, "/N is nothing that big.Int can be read from"},
		{reflect.TypeFor[described](), `"left"`, `the value must be one of ["up","down"]`},
		{reflect.TypeFor[described](), `["up"]`, `the value must be a string, not a list`},
	} {
		got := reason(mustFor(t, test.typ).Validate([]byte(test.json)))
		if got != test.want {
			t.Errorf("%s: %s\ngot:\n%s\nwant:\n%s", test.typ, test.json, got, test.want)
		}
	}
	if got := golden(t, reflect.TypeFor[union]()); !strings.HasPrefix(got, `{"title":"either","oneOf":[{"type":"object",`) {
		t.Errorf("not published as it is said: %s", got)
	}
}

func TestParseOwn(t *testing.T) {
	for text, want := range map[string]string{
		``:                            "there is no JSON",
		`[]`:                          "is neither an object nor true",
		`false`:                       "is neither an object nor true",
		`null`:                        "is neither an object nor true",
		`{"type":"text"}`:             "type: there is no type text",
		`{"type":1}`:                  "type: ",
		`{"type":"null","type":1}`:    "/type is there twice",
		`{"$ref":"#"}`:                "$ref: is no word that is understood",
		`{"items":{"if":true}}`:       "items: if: is no word that is understood",
		`{"properties":{"a":1}}`:      "properties: a: is neither",
		`{"properties":[]}`:           "properties: ",
		`{"required":"a"}`:            "required: ",
		`{"anyOf":[]}`:                "anyOf: is empty",
		`{"oneOf":{}}`:                "oneOf: ",
		`{"allOf":[{"minItems":""}]}`: "allOf: 0: minItems: needs a number from 0 up",
		`{"enum":[{}]}`:               "a list or object among the values",
		`{"enum":1}`:                  "enum: ",
		`{"enum":[1],"const":2}`:      "there is an enum and a const",
		`{"pattern":"("}`:             "missing closing )",
		`{"pattern":1}`:               "pattern: ",
		`{"minimum":"1"}`:             "minimum: needs a number",
		`{"additionalProperties":false,"required":["a"]}`: "required: a is not one of the properties",
	} {
		if _, err := parseOwn(json.RawMessage(text)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %s", text, err, want)
		}
	}
}
