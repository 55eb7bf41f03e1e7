package discover

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/tieline/tieline/internal/outbound"
)

const (
	mcp     = "https://mcp.example/api/mcp"
	atPath  = "https://mcp.example/.well-known/oauth-protected-resource/api/mcp"
	atRoot  = "https://mcp.example/.well-known/oauth-protected-resource"
	minimal = `{"resource":"https://mcp.example/api/mcp","authorization_servers":["https://as.example"]}`
)

func TestProtectedResource(t *testing.T) {
	t.Parallel()
	whole := Resource{Resource: mcp, AuthorizationServers: []string{"https://as.example"}}
	host := whole
	host.Resource = "https://mcp.example"
	root := answer{body: `{"resource":"https://mcp.example","authorization_servers":["https://as.example"]}`}
	tests := []struct {
		name    string
		answers map[string]answer
		opts    Options
		want    Resource
		asked   []string
	}{
		{name: "named by the challenge, on another host", answers: map[string]answer{
			mcp:                          challenge(`Basic realm="x"`, `Bearer scope="b a", resource_metadata="https://meta.example/m?x=1"`),
			"https://meta.example/m?x=1": {body: minimal},
			atPath:                       {body: `{"resource":"https://mcp.example/api/mcp","authorization_servers":["https://wrong.example"]}`},
		}, want: Resource{Resource: mcp, AuthorizationServers: []string{"https://as.example"}, ChallengeScopes: []string{"b", "a"}}, asked: []string{mcp, "https://meta.example/m?x=1"}},
		{name: "named, but not there", answers: map[string]answer{mcp: challenge(`Bearer resource_metadata="https://meta.example/m"`), atPath: {body: minimal}},
			want: whole, asked: []string{mcp, "https://meta.example/m", atPath}},
		{name: "the well-known place named, but not there", answers: map[string]answer{mcp: challenge(`Bearer resource_metadata="` + atPath + `"`), atRoot: root},
			want: host, asked: []string{mcp, atPath, atRoot}},
		{name: "named with a 403", answers: map[string]answer{mcp: {status: 403, header: http.Header{"Www-Authenticate": {`Bearer resource_metadata="https://meta.example/m"`}}},
			"https://meta.example/m": {body: minimal}}, want: whole, asked: []string{mcp, "https://meta.example/m"}},
		{name: "at the path", answers: map[string]answer{mcp: challenge("Bearer"), atPath: {body: minimal}}, want: whole, asked: []string{mcp, atPath}},
		{name: "the resource allows no GET", answers: map[string]answer{mcp: {status: 405}, atPath: {body: minimal}}, want: whole, asked: []string{mcp, atPath}},
		{name: "the resource redirects to a login page", answers: map[string]answer{mcp: redirect(302, "https://login.example/"), atPath: {body: minimal}}, want: whole, asked: []string{mcp, atPath}},
		{name: "the resource does not answer", answers: map[string]answer{mcp: {err: errors.New("leak")}, atPath: {body: minimal}}, want: whole, asked: []string{mcp, atPath}},
		{name: "the resource redirects within itself", answers: map[string]answer{mcp: redirect(307, "/api/mcp/"), mcp + "/": challenge(`Bearer resource_metadata="https://meta.example/m"`),
			"https://meta.example/m": {body: minimal}}, want: whole, asked: []string{mcp, mcp + "/", "https://meta.example/m"}},
		{name: "at the root, of the resource", answers: map[string]answer{atRoot: {body: minimal}}, want: whole, asked: []string{mcp, atPath, atRoot}},
		{name: "at the root, of the host", answers: map[string]answer{atRoot: root}, want: host, asked: []string{mcp, atPath, atRoot}},
		{name: "the root named", answers: map[string]answer{mcp: challenge(`Bearer resource_metadata="` + atRoot + `"`), atRoot: root}, want: host, asked: []string{mcp, atRoot}},
		{name: "of a part of the host", answers: map[string]answer{mcp: challenge(`Bearer resource_metadata="` + atRoot + `/api"`),
			atRoot + "/api": {body: `{"resource":"https://mcp.example/api"}`}}, want: Resource{Resource: "https://mcp.example/api"}, asked: []string{mcp, atRoot + "/api"}},
		{name: "start pages are passed over", answers: map[string]answer{mcp: {body: "<html>"}, atPath: {body: "<html>"}, atRoot: {body: minimal}}, want: whole, asked: []string{mcp, atPath, atRoot}},
		{name: "case and port", answers: map[string]answer{atPath: {body: `{"resource":"HTTPS://MCP.example:443/api/mcp"}`}}, want: Resource{Resource: "HTTPS://MCP.example:443/api/mcp"}, asked: []string{mcp, atPath}},
		{name: "a slash more, allowed", opts: Options{LooseSlash: true}, answers: map[string]answer{atPath: {body: `{"resource":"https://mcp.example/api/mcp/"}`}},
			want: Resource{Resource: mcp + "/"}, asked: []string{mcp, atPath}},
		{name: "everything", answers: map[string]answer{atPath: {header: http.Header{"Content-Type": {"text/plain"}}, body: "\ufeff" + `{"resource":"https://mcp.example/api/mcp","x":[{}],
			"authorization_servers":["http://plain.example","https://as.example","https://as2.example/t","https://q.example?x"],
			"scopes_supported":["a","b c","\"","é"],"bearer_methods_supported":"header","resource_name":"R","Resource":"https://evil.example"}`}},
			want: Resource{Resource: mcp, AuthorizationServers: []string{"https://as.example", "https://as2.example/t"}, ScopesSupported: []string{"a", "b", "c"},
				BearerMethodsSupported: []string{"header"}, Name: "R"}, asked: []string{mcp, atPath}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			w := newWeb(t, tt.answers)
			got, err := ProtectedResource(t.Context(), w, mustURL(t, mcp+"#fragment"), tt.opts)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tt.want, got) + cmp.Diff(tt.asked, w.requests()); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestProtectedResourceErrors(t *testing.T) {
	t.Parallel()
	of := func(resource string) answer { return answer{body: fmt.Sprintf(`{"resource":%q}`, resource)} }
	named := func(place string) answer { return challenge(`Bearer resource_metadata="` + place + `"`) }
	tests := []struct {
		name    string
		answers map[string]answer
		opts    Options
		want    error
		field   string
		asked   int // requests
	}{
		{"none", map[string]answer{mcp: {status: 401}}, Options{}, ErrNone, "", 3},
		{"of another host", map[string]answer{atPath: of("https://leak.example/api/mcp")}, Options{}, ErrMismatch, "resource", 3},
		{"of another path", map[string]answer{atPath: of("https://mcp.example/api/other")}, Options{}, ErrMismatch, "resource", 3},
		{"of the host, at the path", map[string]answer{atPath: of("https://mcp.example")}, Options{}, ErrMismatch, "resource", 3},
		{"of a slash more", map[string]answer{atPath: of("https://mcp.example/api/mcp/")}, Options{}, ErrMismatch, "resource", 3},
		{"of the host, at a place of no meaning", map[string]answer{mcp: named("https://mcp.example/m"), "https://mcp.example/m": of("https://mcp.example")}, Options{}, ErrMismatch, "resource", 4},
		{"of another host that describes itself", map[string]answer{mcp: named("https://leak.example/.well-known/oauth-protected-resource"),
			"https://leak.example/.well-known/oauth-protected-resource": of("https://leak.example")}, Options{}, ErrMismatch, "resource", 4},
		{"of a sibling that describes itself", map[string]answer{mcp: named(atRoot + "/ap"), atRoot + "/ap": of("https://mcp.example/ap")}, Options{}, ErrMismatch, "resource", 4},
		{"no resource", map[string]answer{atRoot: {body: `{"authorization_servers":["https://leak.example"]}`}}, Options{}, ErrMissing, "resource", 3},
		{"resource in another case", map[string]answer{atRoot: {body: `{"Resource":"https://mcp.example"}`}}, Options{}, ErrMissing, "resource", 3},
		{"resource is a number", map[string]answer{atRoot: {body: `{"resource":5}`}}, Options{}, ErrType, "resource", 3},
		{"resource is relative", map[string]answer{atRoot: of("/api/mcp")}, Options{}, ErrURL, "resource", 3},
		{"servers are numbers", map[string]answer{atPath: {body: `{"resource":"https://mcp.example/api/mcp","authorization_servers":[5]}`}}, Options{}, ErrType, "authorization_servers", 2},
		{"all servers on http", map[string]answer{atPath: {body: `{"resource":"https://mcp.example/api/mcp","authorization_servers":["http://leak.example"]}`}}, Options{}, ErrURL, "authorization_servers", 2},
		{"named on http", map[string]answer{mcp: named("http://mcp.example/m")}, Options{PlainLoopback: true}, ErrURL, "resource_metadata", 1},
		{"named with user information", map[string]answer{mcp: named("https://leak@mcp.example/m")}, Options{}, ErrURL, "resource_metadata", 1},
		{"named relative", map[string]answer{mcp: named("/m")}, Options{}, ErrURL, "resource_metadata", 1},
		{"forbidden", map[string]answer{mcp: {err: outbound.ErrForbidden}}, Options{}, outbound.ErrForbidden, "", 1},
		{"named at a forbidden address", map[string]answer{mcp: named("https://10.0.0.1/m"), "https://10.0.0.1/m": {err: outbound.ErrForbidden}, atPath: {body: minimal}}, Options{}, outbound.ErrForbidden, "", 2},
		{"unreachable", map[string]answer{atPath: {err: errors.New("leak")}, atRoot: {body: minimal}}, Options{}, ErrUnreachable, "", 2},
		{"overloaded", map[string]answer{atPath: {status: 503, body: "leak"}, atRoot: {body: minimal}}, Options{}, ErrStatus, "", 2},
		{"rate limited", map[string]answer{atPath: {status: 429, body: "leak"}, atRoot: {body: minimal}}, Options{}, ErrStatus, "", 2},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			w := newWeb(t, tt.answers)
			_, err := ProtectedResource(t.Context(), w, mustURL(t, mcp), tt.opts)
			if e := wantError(t, err, tt.want, StepResource); e.Field != tt.field {
				t.Errorf("field %q, want %q", e.Field, tt.field)
			}
			if got := w.requests(); len(got) != tt.asked {
				t.Errorf("%d requests, want %d: %q", len(got), tt.asked, got)
			}
		})
	}
}

// Without metadata the caller goes on with what is known.
func TestNoneKeepsTheChallenge(t *testing.T) {
	t.Parallel()
	w := newWeb(t, map[string]answer{mcp: challenge(`Bearer scope="files:read"`)})
	got, err := ProtectedResource(t.Context(), w, mustURL(t, mcp), Options{})
	wantError(t, err, ErrNone, StepResource)
	if diff := cmp.Diff(Resource{Resource: mcp, ChallengeScopes: []string{"files:read"}}, got); diff != "" {
		t.Error(diff)
	}
}

func TestResourceURL(t *testing.T) {
	t.Parallel()
	for _, raw := range []string{"http://mcp.example/", "https://u@mcp.example/", "/mcp", "mailto:a@b", "https://"} {
		w := newWeb(t, nil)
		_, err := ProtectedResource(t.Context(), w, mustURL(t, raw), Options{PlainLoopback: true})
		if e := wantError(t, err, ErrURL, StepResource); e.Field != "resource" || len(w.requests()) > 0 {
			t.Errorf("%s: %v after %q", raw, err, w.requests())
		}
	}
}

func TestDoneContext(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	w := newWeb(t, map[string]answer{mcp: {err: context.Canceled}, atPath: {body: minimal}})
	_, err := ProtectedResource(ctx, w, mustURL(t, mcp), Options{})
	wantError(t, err, context.Canceled, StepResource)
	if len(w.requests()) > 1 {
		t.Errorf("requests after the context was done: %q", w.requests())
	}
}
