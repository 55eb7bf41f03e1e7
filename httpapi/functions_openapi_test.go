package httpapi

import (
	"context"
	"encoding/json"
	"regexp"
	"strings"
	"testing"

	"github.com/tieline/tieline/functions"
)

// tree refers to itself and, twice, to another type.
type tree struct {
	Label    string `json:"label" example:"#/$defs/leaf"`
	Left     leaf   `json:"left"`
	Right    leaf   `json:"right"`
	Children []tree `json:"$ref"`
}

type leaf struct {
	Sort string `json:"enum" enum:"#,#/x"`
}

func grow() *functions.Function {
	return functions.Define("trees.grow-1", func(_ context.Context, _ *functions.Call, in tree) ([]tree, error) {
		return []tree{in}, nil
	}, functions.Options{})
}

func TestFunctionsOpenAPI(t *testing.T) {
	t.Parallel()
	w := newWorld(t).acting(grow())
	w.protected("GET", "/integrations/verified/openapi.json", nil)
	w.call("GET", "/integrations/verified/openapi.json", nil, "Authorization", w.keyWith(ScopeFunctionsList)).want(403, `{"error":{"code":"forbidden","message":"*"}}`)
	w.call("GET", "/integrations/none/openapi.json", nil).want(404, `{"error":{"code":"not_found","message":"*"}}`)
	w.call("GET", "/integrations/verified/openapi.json?x=1", nil).want(400, errorBody("invalid_query_params", "unrecognized_keys", `Unrecognized key: "x"`))
	w.integration("odd ~:.@key", "verified")
	a := w.call("GET", "/integrations/odd%20~:.@key/openapi.json", nil)
	var doc node
	if err := json.Unmarshal(a.Body.Bytes(), &doc); err != nil || a.Code != 200 {
		t.Fatalf("answered with %d %s", a.Code, a.Body)
	}
	paths := sortedKeys(doc["paths"].(node))
	if want := []string{"fail", "people.greet", "trees.grow-1"}; len(paths) != len(want) || paths[1] != "/integrations/odd%20~:.@key/functions/"+want[1] {
		t.Errorf("the paths are %q", paths)
	}
	refs := 0
	everywhere(doc, "#", func(n node, at string) {
		if ref, ok := n["$ref"].(string); ok {
			refs++
			if !strings.HasPrefix(ref, "#/components/") || resolve(doc, n) == nil {
				t.Errorf("%s: %s is not there", at, ref)
			}
		}
	})
	if refs < 20 {
		t.Errorf("there are %d references", refs)
	}
	for _, o := range operations(doc) {
		w.describes(doc, o)
	}
	if servers, _ := json.Marshal(doc["servers"]); doc["openapi"] != "3.1.0" || string(servers) != `[{"url":"`+testPublic+`"}]` {
		t.Errorf("openapi %v, servers %s", doc["openapi"], servers)
	}
}

// describes checks that an operation is the function's: what fits the body is taken,
// and what has to be there is missed.
func (w *world) describes(doc node, o operation) {
	w.t.Helper()
	body := o.node["requestBody"].(node)
	schema := resolve(doc, body["content"].(node)["application/json"].(node)["schema"])
	call := func(body any) answer { return w.call(o.method, o.path, body, "Connection-Id", "alice") }
	w.connect("odd ~:.@key", "alice")
	sample := node{}
	for name, property := range schema["properties"].(node) {
		sample[name] = (&sampler{doc: doc}).shallow(property)
	}
	if a := call(sample); a.Code == 404 || a.at("error.code") == "invalid_action_input" {
		w.t.Errorf("%s: %v is answered with %s", o, sample, a.Body)
	}
	if a := call(nil); (a.at("error.code") == "invalid_action_input") != body["required"].(bool) {
		w.t.Errorf("%s: no body is answered with %s", o, a.Body)
	}
}

// shallow is a value for a schema, with lists empty: a tree ends somewhere.
func (s *sampler) shallow(v any) any {
	schema := resolve(s.doc, v)
	if schema["type"] == "array" {
		return []any{}
	}
	if schema["type"] == "object" {
		out := node{}
		for name, property := range schema["properties"].(node) {
			out[name] = s.shallow(property)
		}
		return out
	}
	return s.samples(schema, "")[0]
}

// References move with their schema, and what only looks like one stays.
func TestMovedSchemas(t *testing.T) {
	t.Parallel()
	models := map[string]any{}
	w := newWorld(t).acting(grow())
	all, err := w.options.Functions.List(t.Context(), "verified")
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range all {
		if err := addModels(models, "#/x/", f); err != nil {
			t.Fatal(err)
		}
	}
	text, err := json.Marshal(models)
	if err != nil {
		t.Fatal(err)
	}
	refs := map[string]int{}
	for _, m := range regexp.MustCompile(`"\$ref":"([^"]*)"`).FindAllStringSubmatch(string(text), -1) {
		refs[m[1]]++
	}
	for _, ref := range []string{"#/x/trees.grow-1.input", "#/x/trees.grow-1.input/$defs/leaf", "#/x/trees.grow-1.output/$defs/tree", "#/x/trees.grow-1.output/$defs/leaf"} {
		if refs[ref] == 0 {
			t.Errorf("nothing refers to %s: %v", ref, refs)
		}
		delete(refs, ref)
	}
	if len(refs) > 0 {
		t.Errorf("there are references to %v", refs)
	}
	for _, value := range []string{`"examples":["#/$defs/leaf"]`, `"enum":["#","#/x"]`} {
		if !strings.Contains(string(text), value) {
			t.Errorf("%s is not in %s", value, text)
		}
	}
	given := map[string]any{"const": map[string]any{"$ref": "#"}, "default": map[string]any{"$ref": "#"}, "not": []any{map[string]any{"$ref": "#/a"}}, "items": map[string]any{"$ref": "other"}}
	got, _ := json.Marshal(moved(given, "#/x"))
	if string(got) != `{"const":{"$ref":"#"},"default":{"$ref":"#"},"items":{"$ref":"other"},"not":[{"$ref":"#/x/a"}]}` {
		t.Errorf("it became %s", got)
	}
}
