package httpapi

import (
	_ "embed" // for the frame
	"encoding/json"
	"net/http"
	"net/url"
	"strings"

	"github.com/tieline/tieline/functions"
)

// functionsFrame is an OpenAPI document around the functions of an integration.
//
//go:embed functions.json
var functionsFrame []byte

// modelNames are what the schemas of a function are called, wherever there are others.
func modelNames(function string) (input, output string) {
	return function + ".input", function + ".output"
}

// addModels adds the schemas of a function to those of a document. at is where the
// document has them.
func addModels(models map[string]any, at string, f functions.Info) error {
	input, output := modelNames(f.Name)
	for name, text := range map[string]json.RawMessage{input: f.Input, output: f.Output} {
		schema, err := decodeJSON(text)
		if err != nil {
			return err
		}
		if members, ok := schema.(map[string]any); ok {
			delete(members, "$schema") // the document has one
		}
		models[name] = moved(schema, at+name)
	}
	return nil
}

// moved is a schema that is no document of its own any more: what it refers to is below
// base.
func moved(schema any, base string) any {
	switch s := schema.(type) {
	case []any:
		for n := range s {
			s[n] = moved(s[n], base)
		}
	case map[string]any:
		for word, v := range s {
			switch word {
			case "$ref":
				ref, _ := v.(string)
				if inside, ok := strings.CutPrefix(ref, "#"); ok {
					s[word] = base + inside
				}
			case "const", "enum", "default", "examples": // values, not schemas
			case "properties", "patternProperties", "$defs":
				if named, ok := v.(map[string]any); ok {
					for name := range named {
						named[name] = moved(named[name], base)
					}
				}
			default:
				s[word] = moved(v, base)
			}
		}
	}
	return schema
}

// shape is what matters of an input's schema as a whole.
type shape struct {
	Type     any      `json:"type"`
	Required []string `json:"required"`
}

func shapeOf(schema json.RawMessage) (s shape) {
	_ = json.Unmarshal(schema, &s) // a schema without these is of another shape
	return s
}

func isObject(schema json.RawMessage) bool { return shapeOf(schema).Type == "object" }

// functionsOpenAPI describes the functions of an integration, each an operation of its
// own, in the words of OpenAPI 3.1.
func (s *server) functionsOpenAPI(w http.ResponseWriter, r *http.Request) error {
	if err := noQuery(r); err != nil {
		return err
	}
	key, err := keyInPath(r)
	if err != nil {
		return err
	}
	all, err := s.functionsOf(r, key)
	if err != nil {
		return err
	}
	var doc map[string]any
	if err := json.Unmarshal(functionsFrame, &doc); err != nil {
		return err
	}
	doc["info"] = map[string]string{"title": "Functions of " + key, "version": "1"}
	doc["servers"] = []map[string]string{{"url": s.options.PublicURL}}
	paths := map[string]any{}
	models, _ := doc["components"].(map[string]any)["schemas"].(map[string]any)
	for _, f := range all {
		if err := addModels(models, "#/components/schemas/", f); err != nil {
			return err
		}
		paths["/integrations/"+url.PathEscape(key)+"/functions/"+f.Name] = map[string]any{"post": operationJSON(f)}
	}
	doc["paths"] = paths
	writeJSON(w, http.StatusOK, doc)
	return nil
}

// operationJSON is a function as an operation.
func operationJSON(f functions.Info) map[string]any {
	ref := func(kind, name string) map[string]string {
		return map[string]string{"$ref": "#/components/" + kind + "/" + name}
	}
	content := func(model string) map[string]any {
		return map[string]any{"application/json": map[string]any{"schema": ref("schemas", model)}}
	}
	input, output := modelNames(f.Name)
	operation := map[string]any{
		"operationId": f.Name,
		"parameters":  []any{ref("parameters", "ConnectionId"), ref("parameters", "IdempotencyKey"), ref("parameters", "Async")},
		"requestBody": map[string]any{"required": !isObject(f.Input) || len(shapeOf(f.Input).Required) > 0, "content": content(input)},
		"responses": map[string]any{
			"200":     map[string]any{"description": "The output", "content": content(output)},
			"202":     ref("responses", "Accepted"),
			"default": ref("responses", "Failed"),
		},
	}
	if f.Description != "" {
		operation["description"] = f.Description
	}
	return operation
}
