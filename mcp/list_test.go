package mcp_test

import (
	"context"
	"encoding/json"
	"errors"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/modelcontextprotocol/go-sdk/jsonrpc"
	sdk "github.com/modelcontextprotocol/go-sdk/mcp"

	"github.com/tieline/tieline/functions"
	"github.com/tieline/tieline/mcp"
	"github.com/tieline/tieline/store"
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

// answers is a function whose output is text.
func answers[In any](text, description string) *functions.Function {
	return functions.Define("find", func(_ context.Context, call *functions.Call, _ In) (string, error) {
		return text + " " + call.Connection.ID, nil
	}, functions.Options{Description: description})
}

func TestFunctionsThatDiffer(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.give("alice", at("crm", "a"), at("erp", "b"), at("erp", "c"), at("mail", "d"))
	number := functions.Define("find", func(context.Context, *functions.Call, struct{}) (int, error) { return 0, nil }, functions.Options{Description: "Finds."})
	one := answers[struct{}]("one", "Finds.")
	for name, test := range map[string]struct {
		other *functions.Function
		want  []string
	}{
		"only in what they do":  {answers[struct{}]("other", "Finds."), []string{"find"}},
		"in their descriptions": {answers[struct{}]("other", "Finds a parcel."), []string{"find_crm", "find_erp"}},
		"in their inputs":       {answers[query]("other", "Finds."), []string{"find_crm", "find_erp"}},
		"in their outputs":      {number, []string{"find_crm", "find_erp"}},
	} {
		s := w.serverOf(nil, functions.Config{Integrations: map[string][]*functions.Function{"crm": {one}, "erp": {test.other}}})
		if got := w.client(s, nil, "").names(); !slices.Equal(got, test.want) {
			t.Errorf("%s: tools are %q", name, got)
		}
	}
	s := w.serverOf(nil, functions.Config{Integrations: map[string][]*functions.Function{"crm": {one}, "erp": {answers[query]("other", "Finds.")}}})
	c := w.client(s, nil, "")
	for _, test := range []struct {
		tool string
		args any
		want string
	}{
		{"find_crm", nil, `{"output":"one a"}`},
		{"find_erp", args{"connection": "erp/c"}, `{"output":"other c"}`},
		{"find_erp", args{"connection": "crm/a"}, "The arguments do not fit: /connection has to be one of: erp/b, erp/c"},
	} {
		if text, _ := c.call(test.tool, test.args); text != test.want {
			t.Errorf("%s: %s, want %s", test.tool, text, test.want)
		}
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
	_, err := c.ListTools(t.Context(), &sdk.ListToolsParams{Cursor: "none"})
	var answer *jsonrpc.Error
	if !errors.As(err, &answer) || answer.Code != jsonrpc.CodeInvalidParams {
		t.Errorf("a cursor that is none: %v", err)
	}
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

// One integration that is gone, or cannot be read, does not take the others with it.
func TestIntegrationIsGone(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.give("alice", at("crm", "a"), at("erp", "b"))
	w.users["alice"] = append(w.users["alice"], at("gone", "c"))
	row, err := store.GetUnique(t.Context(), w.store, "integration", "erp")
	w.must(err)
	row.Data = []byte("damaged")
	_, err = w.store.Put(t.Context(), row)
	w.must(err)
	c := w.client(w.server(nil, whose("owner")), nil, "")
	wantNames(t, c, "owner")
	if text, failed := c.call("owner", nil); failed || text != `{"connection":"crm/a","limit":0}` {
		t.Error(text)
	}
	if log := w.log.String(); !strings.Contains(log, "it cannot be read\" integration=erp") || strings.Contains(log, "gone") {
		t.Errorf("the log is\n%s", log)
	}
}

// A Store that fails is no reason to say that there are no tools.
func TestStoreFails(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.give("alice", at("crm", "a"))
	c := w.client(w.server(nil, whose("owner")), nil, "")
	w.must(w.store.Close())
	_, err := c.ListTools(t.Context(), nil)
	var answer *jsonrpc.Error
	if !errors.As(err, &answer) || answer.Code != jsonrpc.CodeInternalError || strings.Contains(answer.Message, "closed") {
		t.Errorf("ListTools = %v", err)
	}
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
		if _, err := c.CallTool(t.Context(), &sdk.CallToolParams{Name: "tieline-nobody"}); err == nil {
			t.Error("a tool that is there for the notification can be called")
		}
	}
}

// What the application says of the SDK's server holds.
func TestServerOptions(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.give("alice", at("crm", "a"))
	capabilities := &sdk.ServerCapabilities{Completions: &sdk.CompletionCapabilities{}}
	s := w.server(func(o *mcp.Options) {
		o.Server.Instructions, o.Server.Capabilities = "Be kind.", capabilities
		o.Implementation.Name = "own"
	}, whose("owner"))
	got := w.client(s, nil, "2025-11-25").InitializeResult()
	if got.Instructions != "Be kind." || got.ServerInfo.Name != "own" || got.Capabilities.Completions == nil || got.Capabilities.Tools == nil {
		t.Errorf("the server says %s", asJSON(t, got))
	}
	if capabilities.Tools != nil {
		t.Error("the application's own value was changed")
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
