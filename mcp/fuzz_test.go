package mcp

import (
	"encoding/json"
	"slices"
	"testing"
)

// What comes out of arguments is a connection of the caller's and JSON, whatever goes
// in.
func FuzzArguments(f *testing.F) {
	for _, seed := range []string{
		``, `null`, `{}`, `[]`, `{"city":"x"}`, `{"connection":"crm/a","city":"x"}`, `{"connection":"crm/c"}`,
		`{"connection":"crm/b","input":[1,{"connection":2}]}`, `{"connection":["crm/a"]}`, `{"\u0063onnection":"crm/a"}`, `{} {}`, `{"a":1}x`,
	} {
		f.Add([]byte(seed))
	}
	tools := []*tool{
		{info: infoOf[place, string](f), choices: two}, {info: infoOf[place, string](f), choices: two[:1]},
		{info: infoOf[any, string](f), choices: two}, {info: infoOf[any, string](f), choices: two[:1]},
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		for _, tool := range tools {
			to, input, err := tool.arguments(data)
			if err != nil {
				continue
			}
			if !slices.ContainsFunc(tool.choices, func(c Connection) bool { return c.Target == to }) {
				t.Errorf("%q: %v", data, to)
			}
			if len(data) > 0 && json.Valid(data) && !json.Valid(input) {
				t.Errorf("%q: %q", data, input)
			}
			if object, err := parseObject(input); !tool.wrapsInput() && (err != nil || object.get(connectionName) != nil) {
				t.Errorf("%q: %q", data, input)
			}
		}
	})
}
