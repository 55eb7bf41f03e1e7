package mcp_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	sdk "github.com/modelcontextprotocol/go-sdk/mcp"

	"github.com/tieline/tieline"
	"github.com/tieline/tieline/functions"
	"github.com/tieline/tieline/mcp"
)

func TestCall(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.give("alice", at("crm", "a"))
	c := w.client(w.server(nil, whose("owner.get")), nil, "")
	result, err := c.CallTool(t.Context(), &sdk.CallToolParams{Name: "owner_get", Arguments: args{"limit": 7}})
	if err != nil || result.IsError {
		t.Fatal(result, err)
	}
	const want = `{"connection":"crm/a","limit":7}`
	if text, structured := textOf(t, result), asJSON(t, result.StructuredContent); text != want || structured != want {
		t.Errorf("text %s, structured %s", text, structured)
	}
	if w.provider.Stats().APICalls != 1 {
		t.Errorf("the provider: %+v", w.provider.Stats())
	}
}

// The faults have the pointers that a model needs.
func TestBadInput(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.give("alice", at("crm", "a"))
	type filter struct {
		And  []filter `json:"and,omitempty"`
		Name string   `json:"name"`
	}
	runs := 0
	find := functions.Define("find", func(_ context.Context, _ *functions.Call, in filter) (int, error) {
		runs++
		return len(in.And), nil
	}, functions.Options{})
	c := w.client(w.server(nil, whose("owner"), find), nil, "")
	for _, test := range []struct {
		tool string
		args any
		want string
	}{
		{"owner", args{"limit": 1000}, "The arguments do not fit:\n/limit must be at most 100"},
		{"owner", args{"limit": "x", "size": 1}, "The arguments do not fit:\n/limit must be an integer, not a string\n/size is not known"},
		{"owner", []int{1}, "The arguments do not fit: the arguments are no JSON object"},
		{"find", args{"name": "x"}, "The arguments do not fit: there is an argument other than input"},
		{"find", args{"input": args{}, "x": 1}, "The arguments do not fit: there is an argument other than input"},
		{"find", nil, "The arguments do not fit: /input is missing, or there more than once"},
		{"find", args{"input": args{"name": "x", "and": []any{args{"name": 1}}}}, "The argument input does not fit; paths begin in it:\n/and/0/name must be a string, not a number"},
	} {
		if text, failed := c.call(test.tool, test.args); !failed || text != test.want {
			t.Errorf("%s of %v: %q, want %q", test.tool, test.args, text, test.want)
		}
	}
	if text, failed := c.call("find", args{"input": args{"name": "x", "and": []any{args{"name": "y"}}}}); failed || text != `{"output":1}` || runs != 1 {
		t.Errorf("%s; %d runs", text, runs)
	}
	if w.log.String() != "" {
		t.Errorf("what callers do wrong is logged:\n%s", w.log)
	}
}

var errPrivate = errors.New("select * from customers at 10.0.0.7")

// failing fails as its input says.
func failing() *functions.Function {
	return functions.Define("fail", func(ctx context.Context, call *functions.Call, in struct {
		As string `json:"as"`
	},
	) (string, error) {
		switch in.As {
		case "refused", "busy":
			status := map[string]int{"refused": 403, "busy": 429}[in.As]
			return "", fmt.Errorf("%w: %w", errPrivate, &functions.RefusedError{Status: status, RetryAfter: 20 * time.Second})
		case "panic":
			panic(errPrivate)
		case "reauth":
			return "", fmt.Errorf("%w: %w", errPrivate, tieline.ErrReauthRequired)
		case "own":
			return "", errPrivate
		case "input":
			return "", &functions.InputError{Err: errors.New("/as is of last year")}
		case "late":
			<-ctx.Done()
			return "", ctx.Err()
		case "unreachable":
			return "", fmt.Errorf("%w: %w", errPrivate, tieline.ErrUnreachable)
		}
		return "ok", nil
	}, functions.Options{Timeout: 100 * time.Millisecond})
}

// A model is told what it can do about a failure, and nothing of the inside.
func TestFailures(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.give("alice", at("crm", "a"))
	c := w.client(w.server(nil, failing()), nil, "")
	for as, want := range map[string]string{
		"refused":     "The service refused, with status 403. To try the same again does not help.",
		"busy":        "The service is busy. Try again in 20s.",
		"panic":       "The tool is faulty. To try again does not help.",
		"reauth":      "The user has to connect this account again before it can be used.",
		"own":         "The tool failed.",
		"input":       "The arguments do not fit:\n/as is of last year",
		"late":        "The service did not answer in time, or not as it should. Try again later.",
		"unreachable": "The service did not answer in time, or not as it should. Try again later.",
	} {
		if text, failed := c.call("fail", args{"as": as}); !failed || text != want {
			t.Errorf("%s: %q, want %q", as, text, want)
		}
	}
	if text, failed := c.call("fail", args{"as": ""}); failed || text != `{"output":"ok"}` {
		t.Errorf("after all that: %s", text)
	}
	for _, logged := range []string{"function=fail integration=crm connection=a kind=bug", "kind=refused", errPrivate.Error()} {
		if !strings.Contains(w.log.String(), logged) {
			t.Errorf("the log has no %q:\n%s", logged, w.log)
		}
	}
}

func TestExplain(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.give("alice", at("crm", "a"))
	c := w.client(w.server(func(o *mcp.Options) {
		o.Explain = func(_ context.Context, function string, err error) string {
			return fmt.Sprintf("%s: no customer (%v)", function, errors.Is(err, errPrivate))
		}
	}, failing()), nil, "")
	if text, failed := c.call("fail", args{"as": "own"}); !failed || text != "fail: no customer (true)" {
		t.Error(text)
	}
	if text, _ := c.call("fail", args{"as": "refused"}); strings.Contains(text, "customer") {
		t.Errorf("Explain was asked about another failure: %s", text)
	}
}

// A user who took their grant back hears where to give it again, and then it works.
func TestReauth(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.give("alice", at("mail", "a"))
	var broken error
	s := w.server(func(o *mcp.Options) {
		o.ReconnectURL = func(_ context.Context, to functions.Target) (string, error) {
			return "https://app.example.com/connect/" + to.Integration + "/" + to.Connection, broken
		}
	}, whose("owner"))
	c := w.client(s, nil, "")
	if text, failed := c.call("owner", nil); failed {
		t.Fatal(text)
	}
	w.provider.RevokeAll()
	if _, err := w.Connections.Refresh(t.Context(), "mail", "a", nil); !errors.Is(err, tieline.ErrReauthRequired) {
		t.Fatal(err)
	}
	want := "The user has to connect this account again before it can be used. They can do so at https://app.example.com/connect/mail/a"
	for range 2 {
		if text, failed := c.call("owner", nil); !failed || text != want {
			t.Errorf("after the end of the grant: %q", text)
		}
	}
	broken = errPrivate
	if text, failed := c.call("owner", nil); !failed || text != "The user has to connect this account again before it can be used." {
		t.Errorf("without a URL: %q", text)
	}
	w.signIn("a")
	if text, failed := c.call("owner", nil); failed {
		t.Errorf("after they did: %s", text)
	}
}

func TestConnectionIsGone(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.give("alice", at("crm", "a"))
	c := w.client(w.server(nil, whose("owner")), nil, "")
	w.must(w.Connections.Delete(t.Context(), "crm", "a", tieline.DeleteOptions{}))
	if text, failed := c.call("owner", nil); !failed || text != "The connection is not there any more." {
		t.Error(text)
	}
}

func TestLargeOutput(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.give("alice", at("crm", "a"))
	large := functions.Define("large", func(_ context.Context, _ *functions.Call, in query) (string, error) {
		return strings.Repeat("x", in.Limit*1000-2), nil
	}, functions.Options{})
	c := w.client(w.server(func(o *mcp.Options) { o.MaxOutput = 50_000 }, large), nil, "")
	if text, failed := c.call("large", args{"limit": 50}); failed || len(text) != 50_000+len(`{"output":}`) {
		t.Errorf("%d bytes, %v", len(text), failed)
	}
	const want = "The output has 51000 bytes, more than the 50000 that can be read here. Ask for less."
	if text, failed := c.call("large", args{"limit": 51}); !failed || text != want {
		t.Error(text)
	}
}

// A caller that gives up ends the function.
func TestCancellation(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.give("alice", at("crm", "a"))
	began, ended := make(chan bool), make(chan error)
	slow := functions.Define("slow", func(ctx context.Context, _ *functions.Call, _ struct{}) (string, error) {
		began <- true
		<-ctx.Done()
		ended <- context.Cause(ctx)
		return "", ctx.Err()
	}, functions.Options{Timeout: time.Hour})
	s := w.server(nil, slow)
	stateful := sdk.NewStreamableHTTPHandler(func(*http.Request) *sdk.Server { return s.Server }, nil)
	for name, c := range map[string]*client{
		"in process":                          w.client(s, nil, ""),
		"in process, before 2026":             w.client(s, nil, "2025-06-18"),
		"over HTTP":                           w.clientAt(w.serve(s.Handler()), "alice", nil, ""),
		"over HTTP with sessions, since ever": w.clientAt(w.serve(stateful), "alice", nil, ""),
	} {
		ctx, cancel := context.WithCancel(t.Context())
		answer := make(chan error)
		go func() {
			_, err := c.CallTool(ctx, &sdk.CallToolParams{Name: "slow"})
			answer <- err
		}()
		<-began
		cancel()
		if err := <-ended; !errors.Is(err, context.Canceled) {
			t.Errorf("%s: the function ended by %v", name, err)
		}
		if err := <-answer; !errors.Is(err, context.Canceled) {
			t.Errorf("%s: the call ended by %v", name, err)
		}
	}
	if w.log.String() != "" {
		t.Errorf("a call that was given up is logged:\n%s", w.log)
	}
}

func TestConcurrentCalls(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	var all []mcp.Connection
	for i := range 8 {
		all = append(all, at("crm", fmt.Sprint(i)))
	}
	w.give("alice", all...)
	s := w.server(nil, whose("owner"))
	url := w.serve(s.Handler())
	clients := []*client{w.client(s, nil, ""), w.clientAt(url, "alice", nil, ""), w.clientAt(url, "alice", nil, "2025-11-25")}
	var calls sync.WaitGroup
	for i := range 96 {
		calls.Go(func() {
			name := "crm/" + fmt.Sprint(i%8)
			params := &sdk.CallToolParams{Name: "owner", Arguments: args{"connection": name, "limit": i + 1}}
			result, err := clients[i%len(clients)].CallTool(context.Background(), params)
			if err != nil {
				t.Error(err)
				return
			}
			if text := result.Content[0].(*sdk.TextContent).Text; text != fmt.Sprintf(`{"connection":%q,"limit":%d}`, name, i+1) {
				t.Errorf("%s: %s", name, text)
			}
		})
	}
	calls.Wait()
}
