package mcp

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"log/slog"
	"maps"
	"slices"
	"strings"

	"github.com/modelcontextprotocol/go-sdk/jsonrpc"
	sdk "github.com/modelcontextprotocol/go-sdk/mcp"

	"github.com/tieline/tieline"
	"github.com/tieline/tieline/functions"
)

// tool is a function as one caller has it.
type tool struct {
	name    string
	info    functions.Info
	choices []Connection // that it can be called with, at least one
}

// tools are those of whoever sent a request, in the order of their functions' names.
func (s *Server) tools(ctx context.Context, req sdk.Request) ([]*tool, error) {
	conns, err := s.o.Connections(ctx, req)
	if err != nil {
		var answer *jsonrpc.Error
		if errors.As(err, &answer) {
			return nil, answer
		}
		return nil, s.internal(ctx, "a caller's connections could not be found", err)
	}
	seen := map[functions.Target]bool{}
	byIntegration := map[string][]functions.Info{}
	choices := make([]Connection, 0, len(conns))
	for _, conn := range conns {
		if seen[conn.Target] {
			continue
		}
		seen[conn.Target] = true
		choices = append(choices, conn)
		if _, ok := byIntegration[conn.Integration]; ok {
			continue
		}
		if byIntegration[conn.Integration], err = s.functionsOf(ctx, conn.Integration); err != nil {
			return nil, err
		}
	}
	return arrange(byIntegration, choices), nil
}

// functionsOf are the functions of an integration. One that is gone or cannot be read
// has none; it does not take the others with it.
func (s *Server) functionsOf(ctx context.Context, integration string) ([]functions.Info, error) {
	infos, err := s.fns.List(ctx, integration)
	switch {
	case err == nil:
	case errors.Is(err, tieline.ErrNotFound):
		return nil, nil
	case errors.Is(err, tieline.ErrDamaged), errors.Is(err, tieline.ErrUnknownKey), errors.Is(err, tieline.ErrNewerFormat):
		s.log.LogAttrs(ctx, slog.LevelError, "an integration has no tools: it cannot be read",
			slog.String(keyIntegration, integration), errorAttr(err))
		return nil, nil
	default:
		return nil, s.internal(ctx, "tools could not be listed", err)
	}
	if s.o.Include != nil {
		infos = slices.DeleteFunc(infos, func(i functions.Info) bool { return !s.o.Include(i) })
	}
	return infos, nil
}

// internal logs an error, and is what is answered instead of it.
func (s *Server) internal(ctx context.Context, text string, err error) error {
	s.log.LogAttrs(ctx, slog.LevelError, text, errorAttr(err))
	return errInternal("the server could not find out which tools there are; try again later")
}

func errorAttr(err error) slog.Attr { return slog.String(keyError, err.Error()) }

// arrange makes tools of functions: one for all integrations whose functions of a name
// are the same, or else one for each.
func arrange(byIntegration map[string][]functions.Info, conns []Connection) []*tool {
	type variants map[string]functions.Info // by integration
	byName := map[string]variants{}
	for integration, infos := range byIntegration {
		for _, info := range infos {
			if byName[info.Name] == nil {
				byName[info.Name] = variants{}
			}
			byName[info.Name][integration] = info
		}
	}
	var tools []*tool
	var full []string // of each tool
	for _, name := range slices.Sorted(maps.Keys(byName)) {
		of := byName[name]
		integrations := slices.Sorted(maps.Keys(of))
		first := of[integrations[0]]
		groups := [][]string{integrations}
		if slices.ContainsFunc(integrations, func(i string) bool { return !same(first, of[i]) }) {
			groups = slices.Collect(slices.Chunk(integrations, 1))
		}
		for _, group := range groups {
			t := &tool{info: of[group[0]]}
			for _, conn := range conns {
				if slices.Contains(group, conn.Integration) {
					t.choices = append(t.choices, conn)
				}
			}
			tools = append(tools, t)
			suffix := ""
			if len(groups) > 1 {
				suffix = "/" + group[0]
			}
			full = append(full, name+suffix)
		}
	}
	for i, name := range toolNames(full) {
		tools[i].name = name
	}
	return tools
}

// same reports whether a model would see no difference.
func same(a, b functions.Info) bool {
	return a.Description == b.Description && bytes.Equal(a.Input, b.Input) && bytes.Equal(a.Output, b.Output)
}

func find(tools []*tool, name string) *tool {
	i := slices.IndexFunc(tools, func(t *tool) bool { return t.name == name })
	if i < 0 {
		return nil
	}
	return tools[i]
}

// maxToolName is what model APIs take.
const maxToolName = 64

// toolNames are names for tools that differ, as package documentation says.
func toolNames(full []string) []string {
	uses := map[string]int{}
	for _, name := range full {
		uses[plain(name)]++
	}
	out := make([]string, len(full))
	for i, name := range full {
		out[i] = plain(name)
		if len(out[i]) > maxToolName || uses[out[i]] > 1 && out[i] != name {
			out[i] = hashed(name)
		}
	}
	return out
}

// plain has an underscore for whatever model APIs do not take.
func plain(name string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case 'a' <= r && r <= 'z', 'A' <= r && r <= 'Z', '0' <= r && r <= '9', r == '-', r == '_':
			return r
		}
		return '_'
	}, name)
}

// hashed has the beginning of a name, and tells it from all others.
func hashed(name string) string {
	sum := sha256.Sum256([]byte(name))
	end := "_" + hex.EncodeToString(sum[:4])
	name = plain(name)
	return name[:min(len(name), maxToolName-len(end))] + end
}
