package mcp_test

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/modelcontextprotocol/go-sdk/auth"
	"github.com/modelcontextprotocol/go-sdk/jsonrpc"
	sdk "github.com/modelcontextprotocol/go-sdk/mcp"

	"github.com/tieline/tieline/functions"
	"github.com/tieline/tieline/mcp"
)

// Callers of one server have their own tools, and each other's connections are not to
// be had, by whatever name.
func TestCallersAreApart(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.give("alice", at("crm", "a"), at("erp", "a"))
	w.give("bob", at("crm", "b"))
	w.give("carol")
	s := w.serverOf(nil, functions.Config{
		Providers:    map[string][]*functions.Function{"acme-key": {whose("owner")}},
		Integrations: map[string][]*functions.Function{"erp": {whose("stock")}},
	})
	for _, version := range []string{"", "2025-11-25"} {
		url := w.serve(s.Handler())
		alice, bob, carol := w.clientAt(url, "alice", nil, version), w.clientAt(url, "bob", nil, version), w.clientAt(url, "carol", nil, version)
		wantNames(t, alice, "owner", "stock")
		wantNames(t, bob, "owner")
		wantNames(t, carol)
		if text, failed := bob.call("owner", nil); failed || text != `{"connection":"crm/b","limit":0}` {
			t.Error(text)
		}
		for _, name := range []any{"crm/a", "erp/a", "a", "crm//a", "crm/a ", "", []string{"crm/b", "crm/a"}} {
			text, failed := bob.call("owner", args{"connection": name})
			if !failed || text != "The arguments do not fit: /connection has to be one of: crm/b" {
				t.Errorf("bob asks for %q: %s", name, text)
			}
		}
		for who, c := range map[string]*client{"bob/stock": bob, "carol/owner": carol} {
			_, err := c.CallTool(t.Context(), &sdk.CallToolParams{Name: strings.SplitN(who, "/", 2)[1]})
			var answer *jsonrpc.Error
			if !errors.As(err, &answer) || answer.Code != jsonrpc.CodeInvalidParams {
				t.Errorf("%s: %v", who, err)
			}
		}
	}
}

// What is decided holds with the next request, in a session that is under way.
func TestConnectionsAreTakenAway(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.give("alice", at("crm", "a"))
	c := w.client(w.server(nil, whose("owner")), nil, "2025-11-25")
	if text, failed := c.call("owner", nil); failed {
		t.Fatal(text)
	}
	w.give("alice")
	if _, err := c.CallTool(t.Context(), &sdk.CallToolParams{Name: "owner"}); err == nil {
		t.Error("the connection can still be used")
	}
}

// In a session over HTTP, too, each request is its sender's.
func TestSessionOfAnother(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.give("alice", at("crm", "a"))
	w.give("bob", at("crm", "b"))
	s := w.server(nil, whose("owner"))
	h := sdk.NewStreamableHTTPHandler(func(*http.Request) *sdk.Server { return s.Server }, nil)
	user := "alice"
	url := w.serve(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		r.Header.Set("X-User", user)
		h.ServeHTTP(rw, r)
	}))
	c := w.clientAt(url, "", nil, "2025-11-25")
	for _, user = range []string{"alice", "bob"} {
		if text, _ := c.call("owner", nil); text != `{"connection":"crm/`+user[:1]+`","limit":0}` {
			t.Errorf("%s: %s", user, text)
		}
	}
}

// With the SDK's own middleware for tokens, and with what a handler in front puts
// into the context.
func TestWhoAsks(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.give("alice", at("crm", "a"))
	type key struct{}
	s := w.server(func(o *mcp.Options) {
		o.Connections = func(ctx context.Context, req sdk.Request) ([]mcp.Connection, error) {
			if info := req.GetExtra().TokenInfo; info.UserID != "alice" || ctx.Value(key{}) != "alice" {
				t.Errorf("%+v, %v", info, ctx.Value(key{}))
			}
			return []mcp.Connection{at("crm", "a")}, nil
		}
	}, whose("owner"))
	front := http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		s.Handler().ServeHTTP(rw, r.WithContext(context.WithValue(r.Context(), key{}, "alice")))
	})
	verify := func(_ context.Context, token string, _ *http.Request) (*auth.TokenInfo, error) {
		if token != "t" {
			return nil, auth.ErrInvalidToken
		}
		return &auth.TokenInfo{UserID: "alice", Expiration: time.Now().Add(time.Hour)}, nil
	}
	url := w.serve(auth.RequireBearerToken(verify, nil)(front))
	for _, version := range []string{"", "2025-11-25"} {
		c := w.connect(&sdk.StreamableClientTransport{Endpoint: url, HTTPClient: &http.Client{Transport: bearer("t")}, MaxRetries: -1}, nil, version)
		wantNames(t, c, "owner")
		if text, failed := c.call("owner", nil); failed {
			t.Error(text)
		}
	}
	resp, err := http.Post(url, "application/json", strings.NewReader(`{"jsonrpc":"2.0","id":1,"method":"tools/list"}`))
	w.must(err)
	w.must(resp.Body.Close())
	if resp.StatusCode != http.StatusUnauthorized {
		t.Errorf("without a token: %s", resp.Status)
	}
}

// Why connections cannot be had is not told, but where the application says it for
// the purpose.
func TestConnectionsFail(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	var fail func() error
	c := w.client(w.server(func(o *mcp.Options) {
		o.Connections = func(context.Context, sdk.Request) ([]mcp.Connection, error) { return nil, fail() }
	}, whose("owner")), nil, "")
	const internal = "the server could not find out which tools there are; try again later"
	for _, test := range []struct {
		name string
		fail func() error
		want string
	}{
		{"an error", func() error { return errPrivate }, internal},
		{"an answer", func() error { return &jsonrpc.Error{Code: -32000, Message: "the trial has ended"} }, "the trial has ended"},
		{"a panic", func() error { panic(errPrivate) }, "internal error"},
	} {
		fail = test.fail
		_, listErr := c.ListTools(t.Context(), nil)
		_, callErr := c.CallTool(t.Context(), &sdk.CallToolParams{Name: "owner"})
		for _, err := range []error{listErr, callErr} {
			var answer *jsonrpc.Error
			if !errors.As(err, &answer) || answer.Message != test.want {
				t.Errorf("%s: %v, want %q", test.name, err, test.want)
			}
		}
	}
	if log := w.log.String(); !strings.Contains(log, errPrivate.Error()) || !strings.Contains(log, "a request panicked") {
		t.Errorf("the log is\n%s", log)
	}
}

// No page of another origin can use the cookies or the network of a user.
func TestOtherOrigin(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.give("alice", at("crm", "a"))
	url := w.serve(w.server(nil, whose("owner")).Handler())
	for origin, want := range map[string]int{"https://evil.example.com": http.StatusForbidden, "": http.StatusOK} {
		req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, url, strings.NewReader(`{"jsonrpc":"2.0","id":1,"method":"tools/list"}`))
		w.must(err)
		req.Header.Set("Content-Type", "application/json")
		req.Header.Set("Accept", "application/json, text/event-stream")
		req.Header.Set("X-User", "alice")
		if origin != "" {
			req.Header.Set("Origin", origin)
		}
		resp, err := http.DefaultClient.Do(req)
		w.must(err)
		w.must(resp.Body.Close())
		if resp.StatusCode != want {
			t.Errorf("from %q: %s", origin, resp.Status)
		}
	}
}
