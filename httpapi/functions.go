package httpapi

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/tieline/tieline"
	"github.com/tieline/tieline/functions"
)

const (
	defaultFunctions = 20 // on a page of a listing
	maxFunctions     = 100
)

func (s *server) functionRoutes() []route {
	const one = "/integrations/{key}/functions/{name}"
	routes := []route{
		{method: "GET", pattern: "/scripts/config", scopes: []string{ScopeIntegrationsListFunctions}, serve: s.scriptsConfig},
		{method: "GET", pattern: "/integrations/{key}/functions", scopes: []string{ScopeFunctionsList}, serve: s.listFunctions},
		{method: "GET", pattern: one, scopes: []string{ScopeFunctionsRead}, serve: s.getFunction},
		{method: "GET", pattern: one + "/code", scopes: []string{ScopeFunctionsRead}, serve: s.functionCode},
		{method: "DELETE", pattern: one, scopes: []string{ScopeFunctionsDelete}, serve: s.deleteFunction},
		{method: "GET", pattern: "/integrations/{key}/openapi.json", scopes: []string{ScopeFunctionsRead}, serve: s.functionsOpenAPI},
	}
	for n := range routes {
		routes[n].access, routes[n].jsonOnly = keyOnly, true
		routes[n].serve = s.withFunctions(routes[n].serve)
	}
	return routes
}

// The kinds of function that clients know. Every function here can be called, and is
// an action, also one on a schedule.
const (
	kindAction = "action"
	kindSync   = "sync"
	kindEvent  = "on-event"
)

// oneOf accepts one of a few texts.
func oneOf(texts ...string) rule {
	return func(s string) (string, string) {
		if !slices.Contains(texts, s) {
			return "invalid_value", `Invalid option: expected one of "` + strings.Join(texts, `"|"`) + `"`
		}
		return "", ""
	}
}

// trimmed applies a rule to a text without the space around it.
func trimmed(check rule) rule {
	return func(s string) (string, string) { return check(strings.TrimSpace(s)) }
}

// functionJSON is a function as listings show it. The names of its models are those of
// their schemas.
func functionJSON(f functions.Info) (map[string]any, error) {
	input, output := modelNames(f.Name)
	models := map[string]any{}
	if err := addModels(models, "#/definitions/", f); err != nil {
		return nil, err
	}
	out := map[string]any{
		"name": f.Name, "type": kindAction, "description": f.Description, "scopes": []string{},
		"input": input, "returns": []string{output}, "json_schema": map[string]any{"definitions": models},
		"enabled": true, "source": "repo",
	}
	if f.Every > 0 {
		out["runs"] = every(f.Every)
	}
	if len(f.Webhooks) > 0 {
		out["webhookSubscriptions"] = f.Webhooks
	}
	return out, nil
}

// every is a schedule in the words that clients know.
func every(d time.Duration) string {
	for _, unit := range []struct {
		d    time.Duration
		name string
	}{{24 * time.Hour, "d"}, {time.Hour, "h"}, {time.Minute, "m"}, {time.Second, "s"}} {
		if d%unit.d == 0 {
			return fmt.Sprintf("every %d%s", d/unit.d, unit.name)
		}
	}
	return fmt.Sprintf("every %dms", d.Milliseconds())
}

// scriptsConfig lists the functions of all integrations.
func (s *server) scriptsConfig(w http.ResponseWriter, r *http.Request) error {
	q := readQuery(r.URL.Query())
	format, _ := q.optionalText("format", oneOf("nango", "openai"))
	q.strict()
	if err := q.err("invalid_query_params"); err != nil {
		return err
	}
	all, err := s.sortedIntegrations(r, func(tieline.Integration) bool { return true })
	if err != nil {
		return err
	}
	configs, tools := []any{}, []openAITool{}
	for _, in := range all {
		found, err := s.options.Functions.List(r.Context(), in.Key)
		if err != nil {
			return err
		}
		if len(found) == 0 {
			continue
		}
		actions := make([]map[string]any, len(found))
		for n, f := range found {
			if actions[n], err = configJSON(f); err != nil {
				return err
			}
			tools = addTool(tools, f)
		}
		configs = append(configs, map[string]any{
			"providerConfigKey": in.Key, "provider": in.Provider, "actions": actions, "syncs": []any{}, "on-events": []any{},
		})
	}
	if format == "openai" {
		writeJSON(w, http.StatusOK, map[string]any{"data": tools})
		return nil
	}
	writeJSON(w, http.StatusOK, configs)
	return nil
}

// configJSON is a function with what else its configuration has.
func configJSON(f functions.Info) (map[string]any, error) {
	out, err := functionJSON(f)
	if err == nil {
		out["endpoints"], out["models"], out["features"], out["sdk_version"] = []any{}, []any{}, []any{}, nil
	}
	return out, err
}

// openAITool is a function as models of OpenAI are told of it.
type openAITool struct {
	Name        string          `json:"name"`
	Description string          `json:"description"`
	Parameters  json.RawMessage `json:"parameters"` // refers to nothing outside
}

// addTool adds a function that takes an object. One that several integrations have is
// one tool.
func addTool(tools []openAITool, f functions.Info) []openAITool {
	if !isObject(f.Input) || slices.ContainsFunc(tools, func(t openAITool) bool {
		return t.Name == f.Name && t.Description == f.Description && bytes.Equal(t.Parameters, f.Input)
	}) {
		return tools
	}
	return append(tools, openAITool{f.Name, f.Description, f.Input})
}

func (s *server) listFunctions(w http.ResponseWriter, r *http.Request) error {
	q := readQuery(r.URL.Query())
	kind, _ := q.optionalText("type", oneOf(kindSync, kindAction, kindEvent))
	search, _ := q.optionalText("search", trimmed(minLength(1)), maxLength(maxName))
	search = strings.ToLower(strings.TrimSpace(search))
	page := number(q, "page", 0, maxScan, 0)
	limit := number(q, "limit", 1, maxFunctions, defaultFunctions)
	q.strict()
	if err := q.err("invalid_query_params"); err != nil {
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
	all = slices.DeleteFunc(all, func(f functions.Info) bool {
		return kind != "" && kind != kindAction || !strings.Contains(strings.ToLower(f.Name), search)
	})
	data := []map[string]any{}
	for _, f := range all[min(page*limit, len(all)):min((page+1)*limit, len(all))] {
		one, err := functionJSON(f)
		if err != nil {
			return err
		}
		data = append(data, one)
	}
	writeJSON(w, http.StatusOK, map[string]any{"data": data, "pagination": map[string]int{"total": len(all), "page": page, "limit": limit}})
	return nil
}

// functionsOf are the functions of an integration, by their names.
func (s *server) functionsOf(r *http.Request, key string) ([]functions.Info, error) {
	if _, err := s.integration(r.Context(), key); err != nil {
		return nil, err
	}
	return s.options.Functions.List(r.Context(), key)
}

// functionInPath is the {key} and the {name} of a path.
func functionInPath(r *http.Request) (key, name string, err error) {
	path := newObject(map[string]any{"uniqueKey": r.PathValue("key"), "name": r.PathValue("name")}, nil)
	key = integrationKey(path, "uniqueKey")
	name = path.text("name", matching(patternAction), maxLength(maxName))
	return key, name, path.err("invalid_uri_params")
}

// function is the one in the path, if it is of the type in the query, if there is one.
func (s *server) function(r *http.Request, kind string) (functions.Info, error) {
	key, name, err := functionInPath(r)
	if err != nil {
		return functions.Info{}, err
	}
	all, err := s.functionsOf(r, key)
	if err != nil {
		return functions.Info{}, err
	}
	n := slices.IndexFunc(all, func(f functions.Info) bool { return f.Name == name })
	if n < 0 || kind != "" && kind != kindAction {
		return functions.Info{}, notFound("Function does not exist")
	}
	return all[n], nil
}

// kindInQuery reads the type, which may be absent.
func kindInQuery(r *http.Request) (string, error) {
	q := readQuery(r.URL.Query())
	kind, _ := q.optionalText("type", oneOf(kindSync, kindAction, kindEvent))
	q.strict()
	return kind, q.err("invalid_query_params")
}

func (s *server) getFunction(w http.ResponseWriter, r *http.Request) error {
	kind, err := kindInQuery(r)
	if err != nil {
		return err
	}
	f, err := s.function(r, kind)
	if err != nil {
		return err
	}
	data, err := functionJSON(f)
	if err != nil {
		return err
	}
	writeJSON(w, http.StatusOK, map[string]any{"data": data})
	return nil
}

// functionCode has nothing to show: functions are compiled into the application.
func (s *server) functionCode(_ http.ResponseWriter, r *http.Request) error {
	kind, err := kindInQuery(r)
	if err != nil {
		return err
	}
	f, err := s.function(r, kind)
	if err != nil {
		return err
	}
	return notFound("Source file for '%s' not found", f.Name)
}

// deleteFunction deletes nothing: functions come and go with the application's code.
func (s *server) deleteFunction(_ http.ResponseWriter, r *http.Request) error {
	q := readQuery(r.URL.Query())
	kind := q.text("type", oneOf(kindSync, kindAction))
	q.strict()
	if err := q.err("invalid_query_params"); err != nil {
		return err
	}
	if _, err := s.function(r, kind); err != nil {
		return err
	}
	return &problem{status: http.StatusBadRequest, code: "function_managed_by_deploy", message: "Functions are part of the service's code, and are deleted there"}
}
