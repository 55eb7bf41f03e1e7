package httpapi

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/tieline/tieline/functions"
)

// scheduled is a function on a schedule.
func scheduled() *functions.Function {
	return functions.Define("people.watch", func(context.Context, *functions.Call, struct{}) (struct{}, error) {
		return struct{}{}, nil
	}, functions.Options{Every: 90 * time.Minute, Webhooks: []string{"person.created"}})
}

const greetJSON = `{"name":"people.greet","type":"action","description":"Greets a person.","scopes":[],"input":"people.greet.input","returns":["people.greet.output"],
	"enabled":true,"source":"repo","json_schema":{"definitions":{
		"people.greet.input":{"type":"object","additionalProperties":false,"required":["name"],"properties":{
			"name":{"type":"string","minLength":1},"age":{"type":"integer","minimum":"*","maximum":150},
			"tags":{"type":"array","items":{"type":"string","enum":["a~b","c/d"]}}}},
		"people.greet.output":{"type":"object","additionalProperties":false,"required":["text"],"properties":{"text":{"type":"string"}}}}}}`

func TestCasesDeleteFunction(t *testing.T) {
	t.Parallel()
	w := newWorld(t).acting()
	const path = "/integrations/verified/functions/people.greet"
	t.Run("2.7.1", func(t *testing.T) {
		w.protected("DELETE", path+"?type=action", nil)
		w.call("DELETE", path+"?type=action", nil, "Authorization", w.keyWith(ScopeFunctionsRead)).want(403,
			`{"error":{"code":"forbidden","message":"Insufficient scope. Required: environment:functions:delete"}}`)
		w.call("DELETE", path, nil).want(400, errorBody("invalid_query_params", "invalid_type", "Invalid input: expected string, received undefined", "type"))
		w.call("DELETE", path+"?type=on-event", nil).want(400, errorBody("invalid_query_params", "invalid_value", `Invalid option: expected one of "sync"|"action"`, "type"))
		w.call("DELETE", path+"?type=action", nil).want(400, `{"error":{"code":"function_managed_by_deploy","message":"*"}}`)
		for _, target := range []string{path + "?type=sync", "/integrations/verified/functions/none?type=action", "/integrations/none/functions/people.greet?type=action"} {
			w.call("DELETE", target, nil).want(404, `{"error":{"code":"not_found","message":"*"}}`)
		}
		w.call("GET", path, nil).want(200, `{"data":"*"}`)
	})
}

func TestCasesFunctionCode(t *testing.T) {
	t.Parallel()
	w := newWorld(t).acting()
	t.Run("2.7.2", func(t *testing.T) {
		w.protected("GET", "/integrations/verified/functions/people.greet/code", nil)
		w.call("GET", "/integrations/none/functions/people.greet/code", nil).want(404, `{"error":{"code":"not_found","message":"Integration \"none\" does not exist"}}`)
		w.call("GET", "/integrations/verified/functions/none/code", nil).want(404, `{"error":{"code":"not_found","message":"Function does not exist"}}`)
		for _, query := range []string{"", "?type=action"} {
			w.call("GET", "/integrations/verified/functions/people.greet/code"+query, nil).want(404,
				`{"error":{"code":"not_found","message":"Source file for 'people.greet' not found"}}`)
		}
	})
}

func TestCasesGetFunction(t *testing.T) {
	t.Parallel()
	w := newWorld(t).acting(scheduled())
	get := func(target string) answer { return w.call("GET", "/integrations/"+target, nil) }
	t.Run("2.7.3", func(t *testing.T) {
		w.protected("GET", "/integrations/verified/functions/people.greet", nil)
		w.call("GET", "/integrations/verified/functions/people.greet", nil, "Authorization", w.keyWith(ScopeFunctionsList)).want(403,
			`{"error":{"code":"forbidden","message":"Insufficient scope. Required: environment:functions:read"}}`)
		get("verified/functions/none").want(404, `{"error":{"code":"not_found","message":"Function does not exist"}}`)
		get("none/functions/people.greet").want(404, `{"error":{"code":"not_found","message":"Integration \"none\" does not exist"}}`)
		for _, query := range []string{"", "?type=action"} {
			get("verified/functions/people.greet"+query).want(200, `{"data":`+greetJSON+`}`)
		}
		get("verified/functions/people.greet?type=sync").want(404, `{"error":{"code":"not_found","message":"Function does not exist"}}`)
	})
	get("verified/functions/people.watch").want(200, `{"data":{"name":"people.watch","type":"action","description":"","scopes":[],"input":"people.watch.input",
		"returns":["people.watch.output"],"json_schema":"*","enabled":true,"source":"repo","runs":"every 90m","webhookSubscriptions":["person.created"]}}`)
	get("verified/functions/a%20b").want(400, errorBody("invalid_uri_params", "invalid_format", "Invalid string: must match pattern /"+patternAction+"/", "name"))
	get("verified/functions/people.greet?x=y").want(400, errorBody("invalid_query_params", "unrecognized_keys", `Unrecognized key: "x"`))
}

func TestCasesListFunctions(t *testing.T) {
	t.Parallel()
	w := newWorld(t).acting(scheduled())
	w.integration("github", "github")
	list := func(query string) answer { return w.call("GET", "/integrations/verified/functions"+query, nil) }
	names := func(a answer) string {
		a.t.Helper()
		data, _ := a.at("data").([]any)
		var all []string
		for _, f := range data {
			all = append(all, f.(map[string]any)["name"].(string))
		}
		return strings.Join(all, " ")
	}
	t.Run("2.7.4", func(t *testing.T) {
		w.protected("GET", "/integrations/verified/functions", nil)
		w.call("GET", "/integrations/verified/functions", nil, "Authorization", w.keyWith(ScopeConnectionsRead)).want(403,
			`{"error":{"code":"forbidden","message":"Insufficient scope. Required: environment:functions:list"}}`)
		list("?env=dev").want(400, errorBody("invalid_query_params", "unrecognized_keys", `Unrecognized key: "env"`))
		w.call("GET", "/integrations/none/functions", nil).want(404, `{"error":{"code":"not_found","message":"Integration \"none\" does not exist"}}`)
		if a := list("").want(200, `{"data":"*","pagination":{"total":3,"page":0,"limit":20}}`); names(a) != "fail people.greet people.watch" {
			t.Errorf("they are %s", names(a))
		}
		list("?type=action&search=%20GREET").want(200, `{"data":[`+greetJSON+`],"pagination":{"total":1,"page":0,"limit":20}}`)
	})
	for query, want := range map[string]string{
		"?limit=2": "fail people.greet", "?limit=2&page=1": "people.watch", "?limit=2&page=2": "", "?page=100000&limit=100": "", "?search=people": "people.greet people.watch",
		"?type=sync": "", "?type=on-event": "",
	} {
		if a := list(query); a.Code != 200 || names(a) != want {
			t.Errorf("%s: answered with %d: %s", query, a.Code, a.Body)
		}
	}
	w.call("GET", "/integrations/github/functions", nil).want(200, `{"data":[],"pagination":{"total":0,"page":0,"limit":20}}`)
	for query, message := range map[string]string{
		"?limit=0": "Too small: expected number to be >=1", "?limit=101": "Too big: expected number to be <=100", "?page=-1": "Too small: expected number to be >=0",
		"?type=x": `Invalid option: expected one of "sync"|"action"|"on-event"`, "?search=%20": "Too small: expected string to have >=1 characters",
	} {
		if a := list(query); a.Code != 400 || !strings.HasSuffix(a.reported()[0], message) {
			t.Errorf("%s: answered with %d %s", query, a.Code, a.Body)
		}
	}
}

func TestScriptsConfig(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.call("GET", "/scripts/config", nil).want(404, `{"error":{"code":"not_found","message":"There are no functions here"}}`)
	w.acting(functions.Define("count", func(_ context.Context, _ *functions.Call, in int) (int, error) { return in + 1, nil }, functions.Options{}))
	w.protected("GET", "/scripts/config", nil)
	w.call("GET", "/scripts/config", nil, "Authorization", w.keyWith(ScopeIntegrationsList)).want(403,
		`{"error":{"code":"forbidden","message":"Insufficient scope. Required: environment:integrations:list_functions"}}`)
	w.integration("github", "github") // has none
	w.integration("second", "verified")
	greets := strings.TrimSuffix(greetJSON, "}") + `,"endpoints":[],"models":[],"features":[],"sdk_version":null}`
	for _, query := range []string{"", "?format=nango"} {
		w.call("GET", "/scripts/config"+query, nil).want(200, `[
			{"providerConfigKey":"verified","provider":"verified","actions":["*","*",`+greets+`],"syncs":[],"on-events":[]},
			{"providerConfigKey":"second","provider":"verified","actions":"*","syncs":[],"on-events":[]}]`)
	}
	// A tool has to take an object, and is one however many integrations have it.
	w.call("GET", "/scripts/config?format=openai", nil).want(200, `{"data":[{"name":"fail","description":"","parameters":"*"},
		{"name":"people.greet","description":"Greets a person.","parameters":{"$schema":"*","type":"object","required":["name"],"properties":"*","additionalProperties":false}}]}`)
	w.call("GET", "/scripts/config?format=xml", nil).want(400, errorBody("invalid_query_params", "invalid_value", `Invalid option: expected one of "nango"|"openai"`, "format"))
}

func TestSchedulesInWords(t *testing.T) {
	t.Parallel()
	for d, want := range map[time.Duration]string{
		time.Second: "every 1s", 90 * time.Second: "every 90s", time.Minute: "every 1m", time.Hour: "every 1h", 36 * time.Hour: "every 36h",
		48 * time.Hour: "every 2d", 1500 * time.Millisecond: "every 1500ms",
	} {
		if got := every(d); got != want {
			t.Errorf("%v: %q, want %q", d, got, want)
		}
	}
}
