package mcp_test

import (
	"context"
	"encoding/json"
	"errors"
	"maps"
	"slices"
	"strings"
	"testing"

	sdk "github.com/modelcontextprotocol/go-sdk/mcp"

	"github.com/tieline/tieline/functions"
	"github.com/tieline/tieline/mcp"
)

func wantNames(t *testing.T, c *client, want ...string) {
	t.Helper()
	if got := c.names(); !slices.Equal(got, want) {
		t.Errorf("tools are %q, want %q", got, want)
	}
}

func asJSON(t *testing.T, v any) string {
	t.Helper()
	data, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

func TestTool(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.give("alice", at("crm", "a"))
	hint := &sdk.ToolAnnotations{ReadOnlyHint: true, Title: "Owner"}
	s := w.server(func(o *mcp.Options) { o.Annotations = map[string]*sdk.ToolAnnotations{"owner.get": hint} }, whose("owner.get"))
	got := w.client(s, nil, "").tool("owner_get")
	if got.Description != "Tells whose connection it is." || got.Annotations == nil || !got.Annotations.ReadOnlyHint {
		t.Errorf("the tool is %+v", got)
	}
	const in = `{"$schema":"https://json-schema.org/draft/2020-12/schema","additionalProperties":false,"properties":{"limit":{"maximum":100,"minimum":1,"type":"integer"}},"type":"object"}`
	if s := asJSON(t, got.InputSchema); s != in {
		t.Errorf("the input is %s", s)
	}
	if s := asJSON(t, got.OutputSchema); !strings.Contains(s, `"required":["connection","limit"],"type":"object"`) {
		t.Errorf("the output is %s", s)
	}
}

func TestChoiceOfConnections(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	home := at("crm", "home")
	home.Label = "Alice's \"own\""
	w.give("alice", at("erp", "work"), home, home)
	c := w.client(w.server(nil, whose("owner.get")), nil, "")
	schema := c.tool("owner_get").InputSchema.(map[string]any)
	choice := asJSON(t, schema["properties"].(map[string]any)["connection"])
	if want := `{"description":"Which connection to use.\ncrm/home: Alice's \"own\"","enum":["erp/work","crm/home"],"type":"string"}`; choice != want {
		t.Errorf("the argument is %s, want %s", choice, want)
	}
	if required := asJSON(t, schema["required"]); required != `["connection"]` {
		t.Errorf("required are %s", required)
	}
	for _, name := range []string{"erp/work", "crm/home"} {
		if text, failed := c.call("owner_get", args{"limit": 3, "connection": name}); failed || text != `{"connection":"`+name+`","limit":3}` {
			t.Errorf("%s: %s", name, text)
		}
	}
	const want = "The arguments do not fit: /connection has to be one of: erp/work, crm/home"
	for _, wrong := range []args{nil, {"limit": 1}, {"connection": "crm/bob"}, {"connection": 1}, {"connection": "home"}, {"connection": nil}} {
		if text, failed := c.call("owner_get", wrong); !failed || text != want {
			t.Errorf("%v: %s", wrong, text)
		}
	}
	// Who has one left need not choose, and can still name it.
	w.give("alice", home)
	for _, right := range []args{nil, {"connection": "crm/home"}} {
		if text, failed := c.call("owner_get", right); failed {
			t.Errorf("%v: %s", right, text)
		}
	}
	if text, failed := c.call("owner_get", args{"connection": "erp/work"}); !failed {
		t.Errorf("a connection that was taken away: %s", text)
	}
}

func TestFunctionsThatDiffer(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.give("alice", at("crm", "a"), at("erp", "b"), at("erp", "c"), at("mail", "d"))
	named := functions.Define("find", func(_ context.Context, call *functions.Call, _ struct{}) (string, error) {
		return "crm " + call.Connection.ID, nil
	}, functions.Options{Description: "Finds a person."})
	other := functions.Define("find", func(_ context.Context, call *functions.Call, _ struct{}) (string, error) {
		return "other " + call.Connection.ID, nil
	}, functions.Options{Description: "Finds a parcel."})
	s := w.serverOf(nil, functions.Config{Integrations: map[string][]*functions.Function{"crm": {named}, "erp": {other}}})
	c := w.client(s, nil, "")
	wantNames(t, c, "find_crm", "find_erp")
	if text, failed := c.call("find_crm", nil); failed || text != `{"output":"crm a"}` {
		t.Error(text)
	}
	if text, failed := c.call("find_erp", args{"connection": "erp/c"}); failed || text != `{"output":"other c"}` {
		t.Error(text)
	}
	if text, failed := c.call("find_erp", args{"connection": "crm/a"}); !failed {
		t.Error(text)
	}
}

func TestInclude(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.give("alice", at("crm", "a"))
	s := w.server(func(o *mcp.Options) {
		o.Include = func(i functions.Info) bool { return i.Name != "secret" }
	}, whose("owner"), whose("secret"))
	c := w.client(s, nil, "")
	wantNames(t, c, "owner")
	if _, err := c.CallTool(t.Context(), &sdk.CallToolParams{Name: "secret"}); err == nil {
		t.Error("a function that is no tool can be called")
	}
}

// What the application adds itself stays, but for names that are taken.
func TestOwnTools(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.give("alice", at("crm", "a"))
	s := w.server(func(o *mcp.Options) { o.Server.PageSize = 1 }, whose("owner"))
	own := func(context.Context, *sdk.CallToolRequest) (*sdk.CallToolResult, error) {
		return &sdk.CallToolResult{Content: []sdk.Content{&sdk.TextContent{Text: "own"}}}, nil
	}
	for _, name := range []string{"first", "owner", "second"} {
		s.AddTool(&sdk.Tool{Name: name, InputSchema: args{"type": "object"}}, own)
	}
	c := w.client(s, nil, "")
	wantNames(t, c, "owner", "first", "second")
	if text, _ := c.call("second", nil); text != "own" {
		t.Error(text)
	}
	if text, _ := c.call("owner", nil); text != `{"connection":"crm/a","limit":0}` {
		t.Error(text)
	}
}

// A list is one caller's, and nobody else may be shown it from a cache.
func TestListIsPrivate(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.give("alice", at("crm", "a"))
	list, err := w.client(w.server(nil, whose("owner")), nil, "").ListTools(t.Context(), nil)
	if err != nil || list.CacheScope != "private" || list.TTLMs != 0 {
		t.Errorf("%+v, %v", list, err)
	}
}

func TestIntegrationIsGone(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.give("alice", at("crm", "a"))
	w.users["alice"] = append(w.users["alice"], at("gone", "b"))
	wantNames(t, w.client(w.server(nil, whose("owner")), nil, ""), "owner")
}

func TestChanged(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.give("alice")
	s := w.server(nil, whose("owner"))
	url := w.serve(s.Handler())
	heard := map[string]chan bool{"in process": make(chan bool, 9), "over HTTP": make(chan bool, 9), "in process, before 2026": make(chan bool, 9)}
	options := func(of string) *sdk.ClientOptions {
		return &sdk.ClientOptions{ToolListChangedHandler: func(context.Context, *sdk.ToolListChangedRequest) { heard[of] <- true }}
	}
	clients := map[string]*client{
		"in process":              w.client(s, options("in process"), ""),
		"over HTTP":               w.clientAt(url, "alice", options("over HTTP"), ""),
		"in process, before 2026": w.client(s, options("in process, before 2026"), "2025-11-25"),
	}
	for _, of := range slices.Sorted(maps.Keys(clients)) {
		wantNames(t, clients[of])
	}
	w.give("alice", at("crm", "a"))
	s.Changed()
	for of, c := range clients {
		<-heard[of]
		wantNames(t, c, "owner")
	}
}

func TestNewServer(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	fns, err := functions.New(functions.Config{Client: w.Client})
	w.must(err)
	of := func(context.Context, sdk.Request) ([]mcp.Connection, error) { return nil, errors.ErrUnsupported }
	for want, o := range map[string]mcp.Options{
		"mcp: Options.Connections is required":     {},
		"mcp: Options.MaxOutput is negative":       {Connections: of, MaxOutput: -1},
		"mcp: Options.Server.PageSize is negative": {Connections: of, Server: sdk.ServerOptions{PageSize: -1}},
	} {
		if _, err := mcp.NewServer(fns, o); err == nil || err.Error() != want {
			t.Errorf("NewServer = %v, want %q", err, want)
		}
	}
	if _, err := mcp.NewServer(nil, mcp.Options{Connections: of}); err == nil {
		t.Error("a server of no functions")
	}
}
