package schema

import (
	"bytes"
	"encoding/json"
	"math/big"
	"reflect"
	"strings"
	"testing"
	"time"
)

// golden is the schema of a type without $schema, whose form is the same for all.
func golden(t *testing.T, typ reflect.Type) string {
	t.Helper()
	got := mustFor(t, typ).JSON()
	if !json.Valid(got) {
		t.Fatalf("not JSON: %s", got)
	}
	rest, ok := bytes.CutPrefix(got, []byte(`{"$schema":"https://json-schema.org/draft/2020-12/schema"`))
	if !ok {
		t.Fatalf("no $schema: %s", got)
	}
	return "{" + strings.TrimPrefix(string(rest), ",")
}

type goldenNotes struct {
	Name  string    `json:"name" description:"who <it> is" example:"Ann" minLength:"1" pattern:"^A"`
	Size  *int8     `json:"size" enum:"1, 2" default:"2" minimum:"0"`
	Price float64   `json:"price,omitempty" exclusiveMinimum:"0" example:"1.50"`
	Tags  []string  `json:"tags" enum:"a,b" minItems:"1" maxItems:"4" example:"[\"a\"]"`
	ID    int64     `json:"id,string"`
	Site  *string   `json:"site" format:"uri" required:"true"`
	State described `json:"state" description:"where to"`
	Maybe *described
	Own   described
	Any   any           `example:"{\"a\": 1}" description:"all"`
	Wait  time.Duration `json:"wait,omitzero" minimum:"0" maximum:"9"`
}

func TestJSON(t *testing.T) {
	for _, test := range []struct {
		typ  reflect.Type
		want string
	}{
		{reflect.TypeFor[any](), `{}`},
		{reflect.TypeFor[bool](), `{"type":"boolean"}`},
		{reflect.TypeFor[*uint8](), `{"type":["integer","null"],"minimum":0,"maximum":255}`},
		{reflect.TypeFor[int64](), `{"type":"integer","minimum":-9223372036854775808,"maximum":9223372036854775807}`},
		{reflect.TypeFor[uint64](), `{"type":"integer","minimum":0,"maximum":18446744073709551615}`},
		{reflect.TypeFor[[]byte](), `{"type":"string","contentEncoding":"base64"}`},
		{reflect.TypeFor[[2]bool](), `{"type":"array","minItems":2,"maxItems":2,"items":{"type":"boolean"}}`},
		{reflect.TypeFor[map[int8]*string](), `{"type":"object","additionalProperties":{"type":["string","null"]},"propertyNames":{"pattern":"^(0|-?[1-9][0-9]*)$"}}`},
		{reflect.TypeFor[map[uint]any](), `{"type":"object","additionalProperties":{},"propertyNames":{"pattern":"^(0|[1-9][0-9]*)$"}}`},
		{reflect.TypeFor[time.Time](), `{"type":"string","format":"date-time"}`},
		{reflect.TypeFor[json.Number](), `{"type":"number"}`},
		{reflect.TypeFor[*colour](), `{"type":["string","null"]}`},
		{reflect.TypeFor[big.Int](), `{}`},
		{reflect.TypeFor[described](), `{"type":"string","enum":["up","down"]}`},
		{reflect.TypeFor[struct{}](), `{"type":"object","properties":{},"additionalProperties":false}`},
		{reflect.TypeFor[treeNode](), `{"type":"object","properties":{` +
			`"Value":{"type":"integer","minimum":-9223372036854775808,"maximum":9223372036854775807},` +
			`"Left":{"anyOf":[{"$ref":"#"},{"type":"null"}]},"Kids":{"type":"array","items":{"$ref":"#"}},` +
			`"Named":{"type":"object","additionalProperties":{"anyOf":[{"$ref":"#"},{"type":"null"}]}}},` +
			`"required":["Value","Kids","Named"],"additionalProperties":false}`},
		{reflect.TypeFor[ring](), `{"type":"array","items":{"$ref":"#"}}`},
		{reflect.TypeFor[[]ring](), `{"type":"array","items":{"$ref":"#/$defs/ring"},"$defs":{"ring":{"type":"array","items":{"$ref":"#/$defs/ring"}}}}`},
		{reflect.TypeFor[[]page[time.Time]](), `{"type":"array","items":{"type":"object","properties":{` +
			`"items":{"type":"array","items":{"type":"string","format":"date-time"}},` +
			`"next":{"type":["string","null"],"format":"date-time"}},"required":["items"],"additionalProperties":false}}`},
		{reflect.TypeFor[goldenNotes](), `{"type":"object","properties":{` +
			`"name":{"type":"string","description":"who <it> is","examples":["Ann"],"minLength":1,"pattern":"^A"},` +
			`"size":{"type":["integer","null"],"default":2,"minimum":0,"maximum":127,"enum":[1,2,null]},` +
			`"price":{"type":"number","examples":[1.50],"exclusiveMinimum":0},` +
			`"tags":{"type":"array","examples":[["a"]],"minItems":1,"maxItems":4,"items":{"type":"string","enum":["a","b"]}},` +
			`"id":{"type":"string","contentMediaType":"application/json","contentSchema":{"type":"integer","minimum":-9223372036854775808,"maximum":9223372036854775807}},` +
			`"site":{"type":["string","null"],"format":"uri"},` +
			`"state":{"allOf":[{"type":"string","enum":["up","down"]}],"description":"where to"},` +
			`"Maybe":{"anyOf":[{"type":"string","enum":["up","down"]},{"type":"null"}]},` +
			`"Own":{"type":"string","enum":["up","down"]},` +
			`"Any":{"description":"all","examples":[{"a":1}]},` +
			`"wait":{"type":"integer","minimum":0,"maximum":9}},` +
			`"required":["name","tags","id","site","state","Own","Any"],"additionalProperties":false}`},
	} {
		if got := golden(t, test.typ); got != test.want {
			t.Errorf("%s:\ngot  %s\nwant %s", test.typ, got, test.want)
		}
	}
}

// TestDefs: named structs are in $defs when they are used more than once, under names
// of their own.
func TestDefs(t *testing.T) {
	type Item struct{ A bool }
	first := reflect.TypeFor[Item]()
	typ := reflect.TypeFor[struct {
		X, Y Item
		P    page[Item]
		Q    *page[Item]
		Once base
	}]()
	got := golden(t, typ)
	if n := strings.Count(got, `{"$ref":"#/$defs/Item"}`); n != 4 {
		t.Errorf("%d references to %s: %s", n, first, got)
	}
	for _, part := range []string{`"$defs":{"Item":{`, `"page_Item":{"type"`, `"Q":{"anyOf":[{"$ref":"#/$defs/page_Item"},{"type":"null"}]}`} {
		if !strings.Contains(got, part) {
			t.Errorf("no %s in %s", part, got)
		}
	}
	if strings.Contains(got, `"base"`) {
		t.Errorf("what is used once is in $defs: %s", got)
	}
	both := golden(t, reflect.StructOf([]reflect.StructField{
		{Name: "A", Type: first}, {Name: "B", Type: first}, {Name: "C", Type: otherItem()}, {Name: "D", Type: otherItem()},
	}))
	if !strings.Contains(both, `"D":{"$ref":"#/$defs/schema_Item"}`) {
		t.Errorf("two types of one name: %s", both)
	}
}

func otherItem() reflect.Type {
	type Item struct{ B bool }
	return reflect.TypeFor[Item]()
}

func TestJSONIsACopy(t *testing.T) {
	s := mustFor(t, reflect.TypeFor[bool]())
	clear(s.JSON())
	if !json.Valid(s.JSON()) {
		t.Error("the caller's changes are in the schema")
	}
}
