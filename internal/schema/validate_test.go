package schema

import (
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"testing"
)

// verdict is what is wrong with a value, "" for nothing.
type verdict struct {
	typ  reflect.Type
	json string
	want string
}

func (v verdict) check(t *testing.T) {
	t.Helper()
	if got := reason(mustFor(t, v.typ).Validate([]byte(v.json))); got != v.want {
		t.Errorf("%s: %s\ngot:\n%s\nwant:\n%s", v.typ, v.json, got, v.want)
	}
}

func TestObjects(t *testing.T) {
	type order struct {
		Name string `json:"name"`
		Item struct {
			Count uint8 `json:"count"`
		} `json:"item,omitzero"`
	}
	for _, test := range []verdict{
		{reflect.TypeFor[order](), ` {"name":"a"} ` + "\n\t\r", ""},
		{reflect.TypeFor[order](), `{"Name":"a"}`, "/Name is not known; a member is called \"name\"\n/name is missing"},
		{reflect.TypeFor[order](), `{"name":1,"item":{"count":256,"x":[]},"name":"b"}`,
			"/name must be a string, not a number\n/item/count must be at most 255\n/item/x is not known\n/name is there twice"},
		{reflect.TypeFor[order](), `{"n\u0061me":"a"}`, ""},
		{reflect.TypeFor[order](), `{"n\u0061me":"a","name":"b"}`, "/name is there twice"},
		{reflect.TypeFor[order](), `[]`, "the value must be an object, not a list"},
		{reflect.TypeFor[order](), `null`, "the value must be an object, not null"},
		{reflect.TypeFor[order](), ``, "the value is missing: there is no JSON (byte 0)"},
		{reflect.TypeFor[order](), `{"name":"a"} x`, "the value is followed by something else (byte 13)"},
		{reflect.TypeFor[order](), `{"name":"a"}{}`, "the value is followed by something else (byte 12)"},
		{reflect.TypeFor[order](), `{"name":"a",}`, "the value is an object where a name should be and is not (byte 12)"},
		{reflect.TypeFor[order](), `{"name" "a"}`, "the value is an object that lacks a colon (byte 8)"},
		{reflect.TypeFor[order](), `{"name":"a" "b":1}`, "the value is an object that lacks a comma or its end (byte 12)"},
		{reflect.TypeFor[order](), `{"name":`, "/name is not valid JSON (byte 8)"},
		{reflect.TypeFor[order](), `{"name":"a`, "/name ends within a string (byte 10)"},
		{reflect.TypeFor[order](), `{"item":{"count":-1},"name":tru}`, "/item/count must be at least 0, without a sign\n/name must be a string, not true or false\n/name is not valid JSON (byte 28)"},
	} {
		test.check(t)
	}
}

func TestListsAndScalars(t *testing.T) {
	for _, test := range []verdict{
		{reflect.TypeFor[[]int](), `[1 2]`, "the value is a list that lacks a comma or its end (byte 3)"},
		{reflect.TypeFor[[]int](), `[1,]`, "the value is a list with a comma before its end (byte 3)"},
		{reflect.TypeFor[[]int](), `[,1]`, "/0 is not valid JSON (byte 1)"},
		{reflect.TypeFor[[]int](), `[01]`, "the value is a list that lacks a comma or its end (byte 2)"},
		{reflect.TypeFor[[]int](), `[1.0,1e2,1.,1]`, "/0 must be an integer, written without fraction and exponent\n/1 must be an integer, written without fraction and exponent\n/2 has a number without digits behind its point (byte 9)"},
		{reflect.TypeFor[[]int](), `[-]`, "/0 is not valid JSON (byte 1)"},
		{reflect.TypeFor[[]float64](), `[1e+]`, "/0 has a number without digits in its exponent (byte 1)"},
		{reflect.TypeFor[[]int64](), `[9223372036854775807,-9223372036854775808,-0]`, ""},
		{reflect.TypeFor[[]int64](), `[9223372036854775808,-9223372036854775809]`, "/0 must be at most 9223372036854775807\n/1 must be at least -9223372036854775808"},
		{reflect.TypeFor[[]uint64](), `[18446744073709551615,18446744073709551616,-0]`, "/1 must be at most 18446744073709551615\n/2 must be at least 0, without a sign"},
		{reflect.TypeFor[[]string](), "[\"\xff\"]", "/0 has a string that is not valid UTF-8 (byte 1)"},
		{reflect.TypeFor[[]string](), `["\ud83d\ude00","\ud83d"]`, "/1 has an escape in a string that JSON does not know (byte 17)"},
		{reflect.TypeFor[[]string](), `["\ude00\ud83d"]`, "/0 has an escape in a string that JSON does not know (byte 2)"},
		{reflect.TypeFor[[]string](), `["\x"]`, "/0 has an escape in a string that JSON does not know (byte 2)"},
		{reflect.TypeFor[[]string](), "[\"a\nb\"]", "/0 has a control character in a string (byte 3)"},
	} {
		test.check(t)
	}
}

func TestMapsAndRules(t *testing.T) {
	for _, test := range []verdict{
		{reflect.TypeFor[any](), `{"a":[{"b":1,"c":2,"b":3}],"a":1}`, "/a/0/b is there twice\n/a is there twice"},
		{reflect.TypeFor[any](), "\x00", "the value is missing: there is no JSON (byte 0)"},
		{reflect.TypeFor[map[string]bool](), `{"a/b~c":1,"":0}`, "/a~1b~0c must be true or false, not a number\n/ must be true or false, not a number"},
		{reflect.TypeFor[map[int8]bool](), `{"-128":true,"128":true,"+1":true,"-0":true,"0":true}`,
			"/128 has a name that must be at most 127\n/+1 must have an integer for a name, without leading zero or plus sign\n/-0 must have an integer for a name, without leading zero or plus sign"},
		{reflect.TypeFor[map[colour]int](), `{"red":1,"pink":1}`, "/pink has a name that the type of the map's keys cannot be read from"},
		{reflect.TypeFor[[]colour](), `["red","\u0062lue","pink"]`, "/2 is nothing that schema.colour can be read from"},
		{reflect.TypeFor[[2]int](), `[1]`, "the value must have at least 2 items"},
		{reflect.TypeFor[quotedShape](), `{"i":"1","F":"0x1","B":"null","S":"\"a\"","L":[1]}`,
			"/F must be a string that holds a number\n/B must be a string that holds true or false"},
		{reflect.TypeFor[quotedShape](), `{"i":" 1","u":null,"F":"1.5","B":"true","S":"a","L":[]}`,
			`/i must be a string that holds an integer of this schema: {"type":"integer","minimum":-9223372036854775808,"maximum":9223372036854775807}` +
				"\n/S must be a string that holds a string"},
		{reflect.TypeFor[ruled](), `{"name":"É","level":0,"ratio":0,"kind":"Small","tags":["w","x","x","x"],"mail":"a","size":4}`,
			"/name must have at least 2 characters\n/level must be at least 1\n/ratio must be more than 0\n" +
				`/kind must be one of ["small","large"]` + "\n" + `/tags/0 must be one of ["x","y","z"]` + "\n" +
				"/tags must have at most 3 items\n/mail must be an email address\n/size must be one of [1,2,3]"},
		{reflect.TypeFor[ruled](), `{"name":"éa1","level":9,"ratio":1.01,"kind":"small","tags":[],"mail":null,"size":null}`,
			"/name must match ^[a-zé]+$\n/ratio must be at most 1"},
	} {
		test.check(t)
	}
}

func reason(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}

func TestDepth(t *testing.T) {
	for _, typ := range []reflect.Type{reflect.TypeFor[any](), reflect.TypeFor[ring]()} {
		s := mustFor(t, typ)
		nest := func(n int) []byte { return []byte(strings.Repeat("[", n) + strings.Repeat("]", n)) }
		if err := s.Validate(nest(MaxDepth)); err != nil {
			t.Error(err)
		}
		if got := reason(s.Validate(nest(MaxDepth + 1))); !strings.HasSuffix(got, "/0/0 nests deeper than 100 (byte 100)") {
			t.Error(got)
		}
	}
}

// TestManyNames: repetition is found in objects of any size, inside each other too.
func TestManyNames(t *testing.T) {
	for _, typ := range []reflect.Type{reflect.TypeFor[any](), reflect.TypeFor[map[string]any]()} {
		s := mustFor(t, typ)
		for _, n := range []int{1, 15, 16, 17, 18, 40} {
			var members []string
			for i := range n {
				members = append(members, fmt.Sprintf(`"n%d":{"n%d":{"n0":1},"x":0}`, i, i))
			}
			if err := s.Validate([]byte("{" + strings.Join(members, ",") + "}")); err != nil {
				t.Fatal(n, err)
			}
			for i := range n {
				again := slices.Concat(members, []string{fmt.Sprintf(`"n%d":0`, i)})
				if got := reason(s.Validate([]byte("{" + strings.Join(again, ",") + "}"))); got != fmt.Sprintf("/n%d is there twice", i) {
					t.Fatalf("%d of %d: %s", i, n, got)
				}
			}
		}
	}
}

// TestManyFields: so is it in structs of any size.
func TestManyFields(t *testing.T) {
	var fields []reflect.StructField
	var members []string
	for i := range 300 {
		name := fmt.Sprintf("N%d", i)
		fields = append(fields, reflect.StructField{Name: name, Type: reflect.TypeFor[bool]()})
		members = append(members, `"`+name+`":true`)
	}
	s := mustFor(t, reflect.StructOf(fields))
	slices.Reverse(members)
	if err := s.Validate([]byte("{" + strings.Join(members, ",") + "}")); err != nil {
		t.Error(err)
	}
	if got := reason(s.Validate([]byte("{" + strings.Join(members[1:], ",") + `,"N280":true}`))); got != "/N280 is there twice\n/N299 is missing" {
		t.Error(got)
	}
}

func TestErrors(t *testing.T) {
	s := mustFor(t, reflect.TypeFor[[]bool]())
	err := s.Validate([]byte("[" + strings.Repeat("1,", 30) + "{]"))
	var all Errors
	if !errors.As(err, &all) || len(all) != MaxErrors || all[MaxErrors-1].Path != "/19" {
		t.Errorf("%d errors: %v", len(all), err)
	}
	var one *Error
	if !errors.As(err, &one) || one.Path != "/0" {
		t.Errorf("not an *Error: %v", err)
	}
	long := "x" + strings.Repeat("é", 99)
	err = mustFor(t, reflect.TypeFor[map[string]bool]()).Validate([]byte(`{"` + long + `":1}`))
	if want := "/x" + strings.Repeat("é", 49) + "… must be true or false, not a number"; reason(err) != want {
		t.Errorf("a long name: %v", err)
	}
}

// TestNoValuesInErrors: reasons quote the schema and never what may be secret.
func TestNoValuesInErrors(t *testing.T) {
	for _, typ := range shapes() {
		for _, text := range []string{`"hunter2"`, `["hunter2"]`, `{"Name":"hunter2","level":"hunter2","kind":"hunter2","Addr":"hunter2","Col":"hunter2","Self":"hunter2"}`, `"hunter2`, `{"a":hunter2}`} {
			if got := reason(mustFor(t, typ).Validate([]byte(text))); strings.Contains(got, "hunter2") {
				t.Errorf("%s: %s", typ, got)
			}
		}
	}
}

func TestFormats(t *testing.T) {
	for format, texts := range map[string][2][]string{
		"date":      {{"2024-02-29", "0001-01-01"}, {"2023-02-29", "2024-2-9", "2024-02-29T00:00:00Z", ""}},
		"date-time": {{"2024-02-29T23:59:59Z", "2024-02-29T23:59:59.123456789+05:30"}, {"2024-02-29", "2024-02-29 23:59:59Z", "2024-02-29T23:59:59", "2024-02-29T24:00:00Z", "2024-02-29T23:59:59,5Z", "2024-02-29T23:59:59+24:00", "2024-02-29T23:59:59+01:60", "2024-02-29T3:59:59Z", "2024-02-29T3:59:59.5Z", "2024-02-29t23:59:59z"}},
		"email":     {{"a@b.example", "a.b+c@d.e", "ü@ü.example"}, {"a", "a@", "@b", "A <a@b.c>", "<a@b.c>", "a@b.c, d@e.f", " a@b.c", "a b@c.d"}},
		"hostname":  {{"localhost", "a-b.example", "1.2", strings.Repeat("a", 63)}, {"", "a.", "-a", "a-", "a_b", "a..b", "ü", strings.Repeat("a", 64), strings.Repeat("a.", 127) + "a"}},
		"ipv4":      {{"1.2.3.4"}, {"1.2.3", "01.2.3.4", "256.1.1.1", "::1", "::ffff:1.2.3.4", ""}},
		"ipv6":      {{"::", "::1", "2001:db8::1", "::ffff:1.2.3.4"}, {"1.2.3.4", "fe80::1%eth0", ":::", "[::1]"}},
		"uri":       {{"https://a.example/b?c=d#e", "mailto:a@b.c", "urn:x:y", "https://a.example/%C3%BC"}, {"/a", "a", "https://a b", "https://a/ü", "https://a/%zz", "https://a/%a", "//a", ""}},
		"uuid":      {{"00000000-0000-0000-0000-000000000000", "ABCDEFab-0123-4567-89ab-0123456789af"}, {"", "0000000000000000000000000000000000000", "00000000-0000-0000-0000-00000000000g", "00000000+0000-0000-0000-000000000000"}},
	} {
		check, what := formatOf(format)
		if check == nil || what == "" {
			t.Fatal(format)
		}
		for i, list := range texts {
			for _, text := range list {
				if check([]byte(text)) != (i == 0) {
					t.Errorf("%s: %q: %t", format, text, i != 0)
				}
			}
		}
	}
	for text, want := range map[string]bool{"": true, "AA==": true, "AAA=": true, "AAAA": true, "+/09": true, "A": false, "AA=": false, "AAA": false, "A===": false, "AA=A": false, "AA\n==": false, "-_AA": false, "====": false} {
		if isBase64([]byte(text)) != want {
			t.Errorf("base64: %q: %t", text, !want)
		}
	}
}
