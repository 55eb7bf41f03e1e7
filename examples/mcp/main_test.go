package main

import (
	"bufio"
	"context"
	"io"
	"strings"
	"testing"

	sdk "github.com/modelcontextprotocol/go-sdk/mcp"
)

// start runs the command until the end of the test. in and out are the ends that its
// client has.
func start(t *testing.T, stdio bool, addr string) (in io.WriteCloser, out io.ReadCloser) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	stdin, in := io.Pipe()
	out, stdout := io.Pipe()
	done := make(chan error)
	go func() {
		err := run(ctx, stdio, addr, stdin, stdout)
		stdout.Close()
		done <- err
	}()
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
	return in, out
}

func find(t *testing.T, transport sdk.Transport) {
	t.Helper()
	session, err := sdk.NewClient(&sdk.Implementation{Name: "test"}, nil).Connect(t.Context(), transport, nil)
	if err != nil {
		t.Fatal(err)
	}
	result, err := session.CallTool(t.Context(), &sdk.CallToolParams{
		Name: "notes_search", Arguments: map[string]any{"text": "plants", "connection": "notes/home"},
	})
	if err != nil {
		t.Fatal(err)
	}
	if text := result.Content[0].(*sdk.TextContent).Text; text != `{"notes":["Water the plants"]}` {
		t.Error(text)
	}
	if err := session.Close(); err != nil {
		t.Error(err)
	}
}

func TestDemo(t *testing.T) {
	_, out := start(t, false, "")
	text, err := io.ReadAll(out)
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		"tool    notes_search: Finds notes by a word in them.\n",
		"answer  The arguments do not fit: /connection has to be one of: notes/home, notes/work\n",
		"answer  {\"notes\":[\"Tea kitchen: mend the kettle\",\"Tea with the auditors on Monday\"]}\n",
		"answer  {\"notes\":[\"Buy green tea\"]}\n",
	} {
		if !strings.Contains(string(text), want) {
			t.Errorf("the output has no %q:\n%s", want, text)
		}
	}
}

func TestStdio(t *testing.T) {
	in, out := start(t, true, "")
	find(t, &sdk.IOTransport{Reader: out, Writer: in})
}

func TestHTTP(t *testing.T) {
	_, out := start(t, false, "127.0.0.1:0")
	line, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		t.Fatal(err)
	}
	find(t, &sdk.StreamableClientTransport{Endpoint: strings.TrimSpace(strings.TrimPrefix(line, "serving "))})
}
