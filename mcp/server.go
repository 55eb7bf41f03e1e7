package mcp

import (
	"cmp"
	"context"
	"errors"
	"log/slog"
	"net/http"
	"runtime/debug"

	"github.com/modelcontextprotocol/go-sdk/jsonrpc"
	sdk "github.com/modelcontextprotocol/go-sdk/mcp"

	"github.com/tieline/tieline/functions"
)

// Connection is one that a caller may use.
type Connection struct {
	functions.Target
	// Label says whose it is or what for, to a model that has to choose between
	// several: "Alice's calendar". Default: nothing.
	Label string
}

// Options say who may do what. Connections is required.
type Options struct {
	// Connections are those that whoever sent a request may use. It is asked with
	// every request, so what it answers holds at once.
	//
	// [sdk.Request.GetExtra] has the HTTP header and what [auth.RequireBearerToken]
	// found out; it is nil for other transports. ctx has the values that a handler in
	// front of [Server.Handler] put there. An error that is a [jsonrpc.Error] is
	// answered as it is, any other one without its text.
	//
	// [auth.RequireBearerToken]: https://pkg.go.dev/github.com/modelcontextprotocol/go-sdk/auth#RequireBearerToken
	Connections func(ctx context.Context, req sdk.Request) ([]Connection, error)

	// Include decides which functions are tools. Default: all.
	Include func(functions.Info) bool
	// Annotations are hints about tools, by the function's name: that it only reads,
	// that it can be repeated. Default: none.
	Annotations map[string]*sdk.ToolAnnotations
	// ReconnectURL is where the user of a connection can authorize again. The model reads
	// it, and whoever keeps its conversations: better a page of the application's that
	// finds out who the user is, than one with a connect session in its URL. Default: the
	// tool says no more than that they have to.
	ReconnectURL func(ctx context.Context, to functions.Target) (string, error)
	// Explain is what a model is told of an error of a function's own
	// ([functions.KindFailed]); "" is nothing. Default: nothing.
	Explain func(ctx context.Context, function string, err error) string
	// MaxOutput bounds an output, in bytes: a model cannot read more, and is told to ask
	// for less. Default: 256 KiB.
	MaxOutput int
	// Logger gets what goes wrong. Default: nothing.
	Logger *slog.Logger

	// Implementation is what the server calls itself. Default: "tieline".
	Implementation sdk.Implementation
	// Server are options of the SDK's, such as instructions for models.
	Server sdk.ServerOptions
}

const (
	defaultMaxOutput = 256 << 10
	defaultName      = "tieline"
	defaultVersion   = "1"
)

// Server is an MCP server with the functions of its callers' connections as tools,
// beside those that the application adds itself. [sdk.Server.Run] serves one client,
// [Server.Handler] many. It is safe for concurrent use.
type Server struct {
	*sdk.Server
	fns *functions.Functions
	o   Options
	log *slog.Logger
}

// NewServer checks the Options.
func NewServer(fns *functions.Functions, o Options) (*Server, error) {
	switch {
	case fns == nil:
		return nil, errors.New("mcp: there are no Functions")
	case o.Connections == nil:
		return nil, errors.New("mcp: Options.Connections is required")
	case o.MaxOutput < 0:
		return nil, errors.New("mcp: Options.MaxOutput is negative")
	case o.Server.PageSize < 0:
		return nil, errors.New("mcp: Options.Server.PageSize is negative")
	}
	o.MaxOutput = cmp.Or(o.MaxOutput, defaultMaxOutput)
	o.Implementation.Name = cmp.Or(o.Implementation.Name, defaultName)
	o.Implementation.Version = cmp.Or(o.Implementation.Version, defaultVersion)
	var can sdk.ServerCapabilities
	if o.Server.Capabilities != nil {
		can = *o.Server.Capabilities
	}
	can.Tools = cmp.Or(can.Tools, &sdk.ToolCapabilities{ListChanged: true})
	o.Server.Capabilities = &can
	s := &Server{
		Server: sdk.NewServer(&o.Implementation, &o.Server),
		fns:    fns, o: o, log: cmp.Or(o.Logger, slog.New(slog.DiscardHandler)),
	}
	s.AddReceivingMiddleware(s.receive)
	return s, nil
}

// Handler serves the server over streamable HTTP, without sessions: any process
// can answer any request. It does not authenticate; put a handler in front that does.
// Requests have at most 4 MiB, and none comes from a page of another origin.
//
// Clients that speak a protocol before 2026-07-28 cannot cancel calls here, nor hear
// of [Server.Changed]. For those there is [sdk.NewStreamableHTTPHandler], whose
// sessions have the context of the first request: there, go by [sdk.Request.GetExtra].
func (s *Server) Handler() http.Handler {
	h := sdk.NewStreamableHTTPHandler(func(*http.Request) *sdk.Server { return s.Server }, &sdk.StreamableHTTPOptions{
		Stateless:                    true,
		PropagateRequestCancellation: true,
		Logger:                       s.o.Server.Logger,
	})
	return http.NewCrossOriginProtection().Handler(h)
}

// nobody is a tool that is never listed.
const nobody = "tieline-nobody"

// Changed tells the clients of this process that their tools may have changed; they
// list them again if they want to. Call it when connections come and go.
func (s *Server) Changed() {
	// The SDK tells of tools that are added or replaced, and of nothing else.
	s.AddTool(&sdk.Tool{Name: nobody, InputSchema: map[string]any{"type": "object"}},
		func(context.Context, *sdk.CallToolRequest) (*sdk.CallToolResult, error) {
			return nil, &jsonrpc.Error{Code: jsonrpc.CodeInvalidParams, Message: errNoTool.Error()}
		})
}

// receive answers for the tools that are functions.
func (s *Server) receive(next sdk.MethodHandler) sdk.MethodHandler {
	return func(ctx context.Context, method string, req sdk.Request) (sdk.Result, error) {
		switch r := req.(type) {
		case *sdk.ListToolsRequest:
			result, err := next(ctx, method, req)
			if list, ok := result.(*sdk.ListToolsResult); ok && err == nil {
				err = s.contained(ctx, func() error { return s.list(ctx, r, list) })
			}
			if err != nil {
				return nil, err
			}
			return result, nil
		case *sdk.CallToolRequest:
			var result *sdk.CallToolResult
			err := s.contained(ctx, func() (err error) {
				result, err = s.call(ctx, r)
				return err
			})
			switch {
			case errors.Is(err, errNoTool):
				return next(ctx, method, req)
			case err != nil:
				return nil, err
			}
			return result, nil
		}
		return next(ctx, method, req)
	}
}

// contained lets a panic of the application's in f be an error.
func (s *Server) contained(ctx context.Context, f func() error) (err error) {
	defer func() {
		if p := recover(); p != nil {
			s.log.LogAttrs(ctx, slog.LevelError, "a request panicked", slog.String(keyStack, string(debug.Stack())))
			err = errInternal("internal error")
		}
	}()
	return f()
}

func errInternal(text string) error {
	return &jsonrpc.Error{Code: jsonrpc.CodeInternalError, Message: text}
}

// list adds what a caller has to the tools that the application added itself.
func (s *Server) list(ctx context.Context, req *sdk.ListToolsRequest, list *sdk.ListToolsResult) error {
	tools, err := s.tools(ctx, req)
	if err != nil {
		return err
	}
	own := list.Tools
	list.Tools = []*sdk.Tool{}
	if req.Params == nil || req.Params.Cursor == "" {
		for _, t := range tools {
			list.Tools = append(list.Tools, t.listed(s.o.Annotations[t.info.Name]))
		}
	}
	for _, t := range own {
		if t.Name != nobody && find(tools, t.Name) == nil {
			list.Tools = append(list.Tools, t)
		}
	}
	list.CacheScope = "private" // it is one caller's
	return nil
}

// errNoTool: the caller has no function of this name.
var errNoTool = errors.New("no such tool")

// The keys of what is logged, as package functions has them.
const (
	keyFunction    = "function"
	keyIntegration = "integration"
	keyConnection  = "connection"
	keyKind        = "kind"
	keyError       = "error"
	keyStack       = "stack"
)
