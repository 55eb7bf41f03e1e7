// Command mcp gives a model tools that are functions of connections, over the Model
// Context Protocol.
//
//	go run ./examples/mcp
//
// needs no set-up and no network: the service that is connected is a small one on
// loopback, and the model is played by a few lines of code. To try it with a real one,
// add to the servers of an MCP client what this prints on stdin and stdout, or what it
// serves over HTTP:
//
//	go run ./examples/mcp -stdio
//	go run ./examples/mcp -addr 127.0.0.1:8808
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/signal"
	"syscall"
	"time"

	sdk "github.com/modelcontextprotocol/go-sdk/mcp"

	"github.com/tieline/tieline/functions"
	"github.com/tieline/tieline/mcp"
)

func main() {
	stdio := flag.Bool("stdio", false, "serve a client on stdin and stdout")
	addr := flag.String("addr", "", "serve clients over HTTP, at this address")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := run(ctx, *stdio, *addr, os.Stdin, os.Stdout)
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "mcp:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, stdio bool, addr string, in io.ReadCloser, out io.WriteCloser) error {
	api := httptest.NewServer(http.HandlerFunc(serveNotes))
	defer api.Close()
	client, err := connected(ctx, api.URL)
	if err != nil {
		return err
	}
	defer client.Close(context.WithoutCancel(ctx))
	fns, err := functions.New(functions.Config{Client: client, Providers: tools()})
	if err != nil {
		return err
	}
	server, err := mcp.NewServer(fns, mcp.Options{
		Connections: func(context.Context, sdk.Request) ([]mcp.Connection, error) { return connections(), nil },
		Annotations: map[string]*sdk.ToolAnnotations{"notes.search": {ReadOnlyHint: true}},
	})
	switch {
	case err != nil:
		return err
	case stdio:
		err := server.Run(ctx, &sdk.IOTransport{Reader: in, Writer: out})
		if ctx.Err() != nil {
			return nil
		}
		return err
	case addr != "":
		return serve(ctx, server, addr, out)
	}
	return demo(ctx, server, out)
}

// serve serves anybody who can reach the address. A real service puts a handler that
// authenticates in front, and goes by it in Options.Connections.
func serve(ctx context.Context, server *mcp.Server, addr string, out io.Writer) error {
	l, err := net.Listen("tcp", addr)
	if err != nil {
		return err
	}
	mux := http.NewServeMux()
	mux.Handle("/mcp", server.Handler())
	web := &http.Server{Handler: mux, ReadHeaderTimeout: 10 * time.Second}
	defer context.AfterFunc(ctx, func() { web.Close() })()
	fmt.Fprintf(out, "serving http://%s/mcp\n", l.Addr())
	if err := web.Serve(l); !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return nil
}

// demo is what a model and its client do.
func demo(ctx context.Context, server *mcp.Server, out io.Writer) error {
	near, far := sdk.NewInMemoryTransports()
	session, err := server.Connect(ctx, far, nil)
	if err != nil {
		return err
	}
	defer session.Close()
	model, err := sdk.NewClient(&sdk.Implementation{Name: "demo", Version: "1"}, nil).Connect(ctx, near, nil)
	if err != nil {
		return err
	}
	defer model.Close()
	for tool, err := range model.Tools(ctx, nil) {
		if err != nil {
			return err
		}
		fmt.Fprintf(out, "tool    %s: %s\n", tool.Name, tool.Description)
	}
	for _, args := range []map[string]any{
		{"text": "tea"},
		{"text": "tea", "connection": "notes/work"},
		{"text": "", "connection": "notes/home"},
		{"text": "tea", "connection": "notes/home"},
	} {
		result, err := model.CallTool(ctx, &sdk.CallToolParams{Name: "notes_search", Arguments: args})
		if err != nil {
			return err
		}
		fmt.Fprintf(out, "call    %v\n", args)
		for _, content := range result.Content {
			fmt.Fprintf(out, "answer  %s\n", content.(*sdk.TextContent).Text)
		}
	}
	return nil
}
