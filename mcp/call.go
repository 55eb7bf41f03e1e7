package mcp

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"time"

	sdk "github.com/modelcontextprotocol/go-sdk/mcp"

	"github.com/tieline/tieline"
	"github.com/tieline/tieline/functions"
)

// call calls a function. What goes wrong in it is a result, and an error is about the
// request.
func (s *Server) call(ctx context.Context, req *sdk.CallToolRequest) (*sdk.CallToolResult, error) {
	tools, err := s.tools(ctx, req)
	if err != nil {
		return nil, err
	}
	t := find(tools, req.Params.Name)
	if t == nil {
		return nil, errNoTool
	}
	to, input, err := t.arguments(req.Params.Arguments)
	if err != nil {
		return failure("The arguments do not fit: " + err.Error()), nil
	}
	out, err := s.fns.Call(ctx, to, t.info.Name, input)
	switch {
	case ctx.Err() != nil:
		return nil, ctx.Err() // nobody waits
	case err != nil:
		s.report(ctx, to, t.info.Name, err)
		return failure(s.explain(ctx, to, t, err)), nil
	case len(out) > s.o.MaxOutput:
		return failure(fmt.Sprintf("The output has %d bytes, more than the %d that can be read here. Ask for less.", len(out), s.o.MaxOutput)), nil
	}
	if t.wrapsOutput() {
		out = object{{outputName, out}}.json()
	}
	return &sdk.CallToolResult{
		Content:           []sdk.Content{&sdk.TextContent{Text: string(out)}},
		StructuredContent: json.RawMessage(out),
	}, nil
}

func failure(text string) *sdk.CallToolResult {
	return &sdk.CallToolResult{IsError: true, Content: []sdk.Content{&sdk.TextContent{Text: text}}}
}

// report logs a failure that is not the caller's.
func (s *Server) report(ctx context.Context, to functions.Target, function string, err error) {
	kind := functions.KindOf(err)
	if kind == functions.KindInput {
		return
	}
	s.log.LogAttrs(ctx, slog.LevelWarn, "a tool failed",
		slog.String(keyFunction, function), slog.String(keyIntegration, to.Integration), slog.String(keyConnection, to.Connection),
		slog.String(keyKind, string(kind)), errorAttr(err))
}

// explain is what a model reads of a failure.
func (s *Server) explain(ctx context.Context, to functions.Target, t *tool, err error) string {
	var refused *functions.RefusedError
	switch functions.KindOf(err) {
	case functions.KindInput:
		return explainInput(t, err)
	case functions.KindReauth:
		return s.explainReauth(ctx, to)
	case functions.KindTemporary:
		if errors.As(err, &refused) && refused.RetryAfter > 0 {
			return fmt.Sprintf("The service is busy. Try again in %v.", refused.RetryAfter.Round(time.Second))
		}
		return "The service did not answer in time, or not as it should. Try again later."
	case functions.KindRefused:
		if errors.As(err, &refused) {
			return fmt.Sprintf("The service refused, with status %d. To try the same again does not help.", refused.Status)
		}
		return "The service refused. To try the same again does not help."
	case functions.KindBug:
		return "The tool is faulty. To try again does not help."
	case functions.KindFailed:
		if s.o.Explain != nil {
			if text := s.o.Explain(ctx, t.info.Name, err); text != "" {
				return text
			}
		}
	}
	if errors.Is(err, tieline.ErrNotFound) {
		return "The connection is not there any more."
	}
	return "The tool failed."
}

func explainInput(t *tool, err error) string {
	var faults *functions.InputError
	switch {
	case !errors.As(err, &faults):
		return "The arguments do not fit."
	case !t.wrapsInput():
		return "The arguments do not fit:\n" + faults.Err.Error()
	}
	return "The argument " + inputName + " does not fit; paths begin in it:\n" + faults.Err.Error()
}

func (s *Server) explainReauth(ctx context.Context, to functions.Target) string {
	text := "The user has to connect this account again before it can be used."
	if s.o.ReconnectURL == nil {
		return text
	}
	url, err := s.o.ReconnectURL(ctx, to)
	if err != nil {
		s.log.LogAttrs(ctx, slog.LevelWarn, "there is no URL to connect again",
			slog.String(keyIntegration, to.Integration), slog.String(keyConnection, to.Connection), errorAttr(err))
	}
	if err != nil || url == "" {
		return text
	}
	return text + " They can do so at " + url
}
