package mcp

import (
	"context"
	"encoding/json"
	"slices"
	"strings"
	"testing"

	"github.com/google/jsonschema-go/jsonschema"

	"github.com/tieline/tieline"
	"github.com/tieline/tieline/functions"
	"github.com/tieline/tieline/store"
)

type place struct {
	City string `json:"city"`
}

type order struct {
	From place    `json:"from"`
	To   place    `json:"to"`
	Via  []*order `json:"via,omitempty"`
}

type trip struct {
	Zeal string `json:"zeal"`
	From place  `json:"from"`
	To   place  `json:"to"`
}

type call struct {
	Connection string `json:"connection"`
}

// infoOf describes a function of two types.
func infoOf[In, Out any](t testing.TB) functions.Info {
	t.Helper()
	keys, err := tieline.ParseKeyring(tieline.GenerateKey())
	if err != nil {
		t.Fatal(err)
	}
	client, err := tieline.New(tieline.Config{Store: &store.Memory{}, Keys: keys})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := client.Integrations.Create(t.Context(), tieline.Integration{Key: "crm", Provider: "github-pat"}); err != nil {
		t.Fatal(err)
	}
	fn := functions.Define("f", func(_ context.Context, _ *functions.Call, _ In) (out Out, err error) { return }, functions.Options{})
	fns, err := functions.New(functions.Config{Client: client, Integrations: map[string][]*functions.Function{"crm": {fn}}})
	if err != nil {
		t.Fatal(err)
	}
	infos, err := fns.List(t.Context(), "crm")
	if err != nil {
		t.Fatal(err)
	}
	return infos[0]
}

func accepts(t *testing.T, schema json.RawMessage, value string) bool {
	t.Helper()
	var s jsonschema.Schema
	if err := json.Unmarshal(schema, &s); err != nil {
		t.Fatalf("%v in %s", err, schema)
	}
	r, err := s.Resolve(nil)
	if err != nil {
		t.Fatalf("%v in %s", err, schema)
	}
	var v any
	if err := json.Unmarshal([]byte(value), &v); err != nil {
		t.Fatal(err)
	}
	return r.Validate(v) == nil
}

var two = []Connection{{Target: functions.Target{Integration: "crm", Connection: "a"}}, {Target: functions.Target{Integration: "crm", Connection: "b"}}}

// An independent implementation of JSON Schema reads what tools publish, and what it
// accepts is taken apart into the input.
func TestInputSchemas(t *testing.T) {
	t.Parallel()
	const from = `"from":{"city":"x"},"to":{"city":"y"}`
	open := functions.Info{Input: json.RawMessage(`{"type": "object", "properties": {"a": {"type": "string"}}}`)}
	for name, test := range map[string]struct {
		info    functions.Info
		wrapped bool
		input   string
		wrong   string // is refused in the place of the input
	}{
		"struct":           {infoOf[trip, string](t), false, `{"zeal":"z",` + from + `}`, `{"zeal":1,` + from + `}`},
		"no fields":        {infoOf[struct{}, string](t), false, `{}`, `{"a":1}`},
		"refers to itself": {infoOf[order, string](t), true, `{` + from + `,"via":[{` + from + `}]}`, `{` + from + `,"via":[{"from":1}]}`},
		"has connection":   {infoOf[call, string](t), true, `{"connection":"x"}`, `{}`},
		"more is allowed":  {open, true, `{"connection":1}`, `{"a":1}`},
		"a pointer":        {infoOf[*order, string](t), true, `{` + from + `,"via":[{` + from + `}]}`, `1`},
		"a map":            {infoOf[map[string]int, string](t), true, `{"connection":1}`, `{"a":"b"}`},
		"a list":           {infoOf[[]trip, string](t), true, `[{"zeal":"z",` + from + `}]`, `[{}]`},
		"a string":         {infoOf[string, string](t), true, `"x"`, `1`},
		"anything":         {infoOf[any, string](t), true, `null`, `1,"other":1`},
	} {
		for n := range 2 {
			s := &shape{t: t, tool: tool{info: test.info, choices: two[:n+1]}, name: name}
			if s.wrapsInput() != test.wrapped {
				t.Errorf("%s: wrapped is %v", name, !test.wrapped)
			}
			s.want(test.input, "crm/b", true)
			s.want(test.wrong, "crm/b", false)
			to, input, err := s.arguments(s.args(test.input, "crm/b"))
			if err != nil || to != two[n].Target || string(input) != test.input {
				t.Errorf("%s: %s for %v, %v", name, input, to, err)
			}
			if n > 0 {
				s.want(test.input, "crm/c", false)
				s.want(test.input, "", false)
			}
			if text := string(s.inputSchema()); test.wrapped && (accepts(t, s.inputSchema(), `{"connection":"crm/b"}`) || strings.Contains(text, "$schema")) {
				t.Errorf("%s: the schema is %s", name, text)
			}
		}
	}
}

// shape is a tool whose arguments are tried out.
type shape struct {
	tool
	t    *testing.T
	name string
}

// args are the arguments with an input, and with a connection if it is not "" and there
// is a choice.
func (s *shape) args(input, connection string) json.RawMessage {
	var members []string
	if len(s.choices) > 1 && connection != "" {
		members = append(members, `"connection":"`+connection+`"`)
	}
	if s.wrapsInput() {
		members = append(members, `"input":`+input)
	} else if inner := input[1 : len(input)-1]; inner != "" {
		members = append(members, inner)
	}
	return json.RawMessage("{" + strings.Join(members, ",") + "}")
}

func (s *shape) want(input, connection string, accepted bool) {
	s.t.Helper()
	args := string(s.args(input, connection))
	if accepts(s.t, s.inputSchema(), args) != accepted {
		s.t.Errorf("%s: %s accepts %s: %v", s.name, s.inputSchema(), args, !accepted)
	}
}

func TestOutputSchemas(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		info   functions.Info
		output string
		wrong  string
	}{
		"struct":           {infoOf[struct{}, order](t), `{"from":{"city":"x"},"to":{"city":"y"}}`, `{}`},
		"a map":            {infoOf[struct{}, map[string]int](t), `{"a":1}`, `{"a":"x"}`},
		"a pointer":        {infoOf[struct{}, *place](t), `{"output":null}`, `{"output":1}`},
		"a list":           {infoOf[struct{}, []place](t), `{"output":[{"city":"x"}]}`, `{"output":[{}]}`},
		"refers to itself": {infoOf[struct{}, []order](t), `{"output":[{"from":{"city":"x"},"to":{"city":"y"},"via":[null]}]}`, `{"output":[{"from":{"city":"x"},"to":{"city":"y"},"via":[1]}]}`},
		"a number":         {infoOf[struct{}, int](t), `{"output":1}`, `1`},
	} {
		schema := (&tool{info: test.info}).outputSchema()
		if !accepts(t, schema, test.output) || accepts(t, schema, test.wrong) {
			t.Errorf("%s: %s", name, schema)
		}
		if root, err := parseObject(schema); err != nil || string(root.get("type")) != `"object"` {
			t.Errorf("%s: the root is no object: %s", name, schema)
		}
	}
}

// A model reads properties in the order in which the application has them.
func TestOrderStays(t *testing.T) {
	t.Parallel()
	info := infoOf[trip, string](t)
	schema := (&tool{info: info, choices: two}).inputSchema()
	const want = `"properties":{"connection":{"type":"string","description":"Which connection to use.","enum":["crm/a","crm/b"]},"zeal":{"type":"string"},"from":`
	if !strings.Contains(string(schema), want) || !strings.Contains(string(schema), `"required":["connection","zeal","from","to"]`) || strings.Contains(string(schema), `"properties":{"zeal"`) {
		t.Errorf("the schema is %s", schema)
	}
	if schema := (&tool{info: info, choices: two[:1]}).inputSchema(); string(schema) != string(info.Input) {
		t.Errorf("the schema of one connection is %s, not the function's", schema)
	}
}

func TestArgumentsThatAreNone(t *testing.T) {
	t.Parallel()
	several := &tool{info: infoOf[place, string](t), choices: two}
	for _, args := range []string{``, `null`} {
		if _, input, err := (&tool{info: several.info, choices: two[:1]}).arguments(json.RawMessage(args)); err != nil || string(input) != "{}" {
			t.Errorf("%q: %s, %v", args, input, err)
		}
	}
	for _, args := range []string{`[]`, `"x"`, `{`, `{"connection"`, `{"connection":"crm/a","connection":"crm/b"}`} {
		if to, _, err := several.arguments(json.RawMessage(args)); err == nil {
			t.Errorf("%s: %v", args, to)
		}
	}
	wrapped := &tool{info: infoOf[string, string](t), choices: two[:1]}
	if _, input, err := wrapped.arguments(json.RawMessage(`{"input":"x","input":"y"}`)); err == nil {
		t.Errorf("the input came twice: %s", input)
	}
	// What came twice is for the function's own schema to refuse.
	_, input, err := several.arguments(json.RawMessage(`{"city":"x","connection":"crm/a","city":"y"}`))
	if err != nil || string(input) != `{"city":"x","city":"y"}` {
		t.Errorf("%s, %v", input, err)
	}
}

func TestToolNames(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("a", 64)
	full := []string{"contacts.list", "a.b_c", "a_b.c", "x_y", "x.y", "find/Acme CRM", long, long + "a", long + ".b"}
	want := []string{
		"contacts_list", "a_b_c_5b8f934a", "a_b_c_a3715283", "x_y", "x_y_b24ca9b7", "find_Acme_CRM",
		long, long[:55] + "_635361c4", long[:55] + "_da66174c",
	}
	if got := toolNames(full); !slices.Equal(got, want) {
		t.Errorf("the names are\n%q, want\n%q", got, want)
	}
}
