package discover

import (
	"encoding/json"
	"errors"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/tieline/tieline/internal/outbound"
)

const (
	issuer   = "https://as.example/t1"
	atOAuth  = "https://as.example/.well-known/oauth-authorization-server/t1"
	atOpenID = "https://as.example/.well-known/openid-configuration/t1"
	appended = "https://as.example/t1/.well-known/openid-configuration"
)

// metadata is a minimal document with changes: a nil value leaves a field out.
func metadata(changes map[string]any) string {
	doc := map[string]any{"issuer": issuer, "authorization_endpoint": "https://as.example/authorize", "token_endpoint": "https://as.example/token"}
	maps.Copy(doc, changes)
	maps.DeleteFunc(doc, func(_ string, v any) bool { return v == nil })
	b, err := json.Marshal(doc)
	if err != nil {
		panic(err)
	}
	return string(b)
}

func small(name string) Server {
	return Server{Issuer: name, AuthorizationEndpoint: "https://as.example/authorize", TokenEndpoint: "https://as.example/token"}
}

func TestAuthorizationServer(t *testing.T) {
	t.Parallel()
	html := answer{body: "<!doctype html><title>leak</title>"}
	good := answer{body: metadata(nil)}
	tests := []struct {
		name, issuer string
		answers      map[string]answer
		opts         Options
		want         Server
		asked        []string
	}{
		{"RFC 8414", issuer, map[string]answer{atOAuth: good, atOpenID: html}, Options{}, small(issuer), []string{atOAuth}},
		{"OpenID Connect, inserted", issuer, map[string]answer{atOpenID: good, appended: html}, Options{}, small(issuer), []string{atOAuth, atOpenID}},
		{"OpenID Connect, appended", issuer, map[string]answer{appended: good}, Options{}, small(issuer), []string{atOAuth, atOpenID, appended}},
		{"start pages are passed over", issuer, map[string]answer{atOAuth: html, atOpenID: {body: `{"message":"leak"}`}, appended: good}, Options{}, small(issuer), []string{atOAuth, atOpenID, appended}},
		{"another issuer is passed over", issuer, map[string]answer{atOAuth: {body: metadata(map[string]any{"issuer": "https://as.example"})}, appended: good}, Options{}, small(issuer), []string{atOAuth, atOpenID, appended}},
		{"a redirect elsewhere is passed over", issuer, map[string]answer{atOAuth: redirect(302, "https://leak.example/"), atOpenID: good}, Options{}, small(issuer), []string{atOAuth, atOpenID}},
		{"no path", "https://as.example", map[string]answer{"https://as.example/.well-known/openid-configuration": {body: metadata(map[string]any{"issuer": "https://as.example"})}}, Options{},
			small("https://as.example"), []string{"https://as.example/.well-known/oauth-authorization-server", "https://as.example/.well-known/openid-configuration"}},
		{"a slash, exact", issuer + "/", map[string]answer{atOAuth: {body: metadata(map[string]any{"issuer": issuer + "/"})}}, Options{}, small(issuer + "/"), []string{atOAuth}},
		{"a slash less, allowed", issuer + "/", map[string]answer{atOAuth: good}, Options{LooseSlash: true}, small(issuer), []string{atOAuth}},
		{"a slash more, allowed", issuer, map[string]answer{atOAuth: {body: metadata(map[string]any{"issuer": issuer + "/"})}}, Options{LooseSlash: true}, small(issuer + "/"), []string{atOAuth}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			w := newWeb(t, tt.answers)
			got, err := AuthorizationServer(t.Context(), w, tt.issuer, tt.opts)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Error(diff)
			}
			if diff := cmp.Diff(tt.asked, w.requests()); diff != "" {
				t.Error("requests:", diff)
			}
		})
	}
}

// Every field arrives where it belongs: what is stored as JSON is read back as a
// document.
func TestServerFields(t *testing.T) {
	t.Parallel()
	want := Server{
		Issuer: issuer, AuthorizationEndpoint: "https://as.example/a?x=1", TokenEndpoint: "https://as.example/t", RegistrationEndpoint: "https://as.example/r",
		RevocationEndpoint: "https://as.example/v", IntrospectionEndpoint: "https://as.example/i", PushedAuthorizationRequestEndpoint: "https://as.example/p",
		RequirePushedAuthorizationRequests: true, DeviceAuthorizationEndpoint: "https://as.example/d", UserinfoEndpoint: "https://other.example/u", JWKSURI: "https://as.example/j",
		ScopesSupported: []string{"s1", "s2"}, ResponseTypesSupported: []string{"code"}, GrantTypesSupported: []string{"authorization_code", "refresh_token"},
		TokenEndpointAuthMethodsSupported: []string{"none"}, CodeChallengeMethodsSupported: []string{"plain", "S256"},
		AuthorizationResponseIssParameterSupported: true, ClientIDMetadataDocumentSupported: true,
	}
	doc, err := json.Marshal(want)
	if err != nil {
		t.Fatal(err)
	}
	got, err := AuthorizationServer(t.Context(), newWeb(t, map[string]answer{atOAuth: {body: string(doc)}}), issuer, Options{})
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	names := map[string]any{}
	if err := json.Unmarshal(doc, &names); err != nil || len(names) != 18 {
		t.Errorf("%d fields: %v", len(names), err)
	}
}

func TestServerTolerance(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name    string
		changes map[string]any
		change  func(*Server)
	}{
		{"empty and unknown fields", map[string]any{"registration_endpoint": "", "jwks_uri": "", "x": []any{1, nil}, "code_challenge_methods_supported": []any{}}, func(*Server) {}},
		{"words for lists", map[string]any{"scopes_supported": "a b", "code_challenge_methods_supported": "S256"}, func(s *Server) {
			s.ScopesSupported, s.CodeChallengeMethodsSupported = []string{"a", "b"}, []string{"S256"}
		}},
		{"words for booleans", map[string]any{"client_id_metadata_document_supported": "true", "require_pushed_authorization_requests": "false"}, func(s *Server) { s.ClientIDMetadataDocumentSupported = true }},
		{"no grant at the authorization endpoint", map[string]any{"authorization_endpoint": nil, "grant_types_supported": []string{"client_credentials"}}, func(s *Server) {
			s.AuthorizationEndpoint, s.GrantTypesSupported = "", []string{"client_credentials"}
		}},
		{"no grant at the token endpoint", map[string]any{"token_endpoint": nil, "grant_types_supported": []string{"implicit"}}, func(s *Server) {
			s.TokenEndpoint, s.GrantTypesSupported = "", []string{"implicit"}
		}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			got, err := AuthorizationServer(t.Context(), newWeb(t, map[string]answer{atOAuth: {body: metadata(tt.changes)}}), issuer, Options{})
			if err != nil {
				t.Fatal(err)
			}
			want := small(issuer)
			tt.change(&want)
			if diff := cmp.Diff(want, got); diff != "" {
				t.Error(diff)
			}
		})
	}
	nulls := strings.Replace(metadata(nil), "{", `{"scopes_supported":null,"jwks_uri":null,"require_pushed_authorization_requests":null,`, 1)
	if _, err := AuthorizationServer(t.Context(), newWeb(t, map[string]answer{atOAuth: {body: nulls}}), issuer, Options{}); err != nil {
		t.Errorf("null for absent: %v", err)
	}
}

func TestServerErrors(t *testing.T) {
	t.Parallel()
	good := answer{body: metadata(nil)}
	tests := []struct {
		name  string
		body  string
		want  error
		field string
	}{
		{"HTML", "<html>leak</html>", ErrNotJSON, ""},
		{"empty", "", ErrNotJSON, ""},
		{"truncated", metadata(nil)[:60], ErrNotJSON, ""},
		{"two documents", metadata(nil) + metadata(nil), ErrNotJSON, ""},
		{"null", "null", ErrNotJSON, ""},
		{"a list", "[" + metadata(nil) + "]", ErrNotJSON, ""},
		{"a string", `"leak"`, ErrNotJSON, ""},
		{"too deep", strings.Repeat(`{"a":`, 20000), ErrNotJSON, ""},
		{"too large", `{"x":"` + strings.Repeat("leak", maxBody/4) + `"}`, ErrTooLarge, ""},
		{"another issuer", metadata(map[string]any{"issuer": "https://leak.example"}), ErrMismatch, "issuer"},
		{"issuer with a slash more", metadata(map[string]any{"issuer": issuer + "/"}), ErrMismatch, "issuer"},
		{"issuer in another case", metadata(map[string]any{"issuer": "https://AS.example/t1"}), ErrMismatch, "issuer"},
		{"issuer with a port", metadata(map[string]any{"issuer": "https://as.example:443/t1"}), ErrMismatch, "issuer"},
		{"no issuer", metadata(map[string]any{"issuer": nil, "Issuer": issuer}), ErrMissing, "issuer"},
		{"issuer is a list", metadata(map[string]any{"issuer": []string{issuer}}), ErrType, "issuer"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			w := newWeb(t, map[string]answer{atOpenID: {body: tt.body}})
			_, err := AuthorizationServer(t.Context(), w, issuer, Options{})
			if e := wantError(t, err, tt.want, StepServer); e.Field != tt.field || e.Status != 200 {
				t.Errorf("field %q, status %d", e.Field, e.Status)
			}
			if len(w.requests()) != 3 {
				t.Errorf("requests %q, want all places", w.requests())
			}
			// The same document does not hide a good one.
			w.answers[appended] = good
			if _, err := AuthorizationServer(t.Context(), w, issuer, Options{}); err != nil {
				t.Errorf("with a good one after it: %v", err)
			}
		})
	}
}

// What the right document says is final, wherever others are.
func TestServerFinalErrors(t *testing.T) {
	t.Parallel()
	type c = map[string]any
	tests := []struct {
		name    string
		changes c
		want    error
		field   string
	}{
		{"no authorization endpoint", c{"authorization_endpoint": nil}, ErrMissing, "authorization_endpoint"},
		{"an empty one", c{"authorization_endpoint": "", "grant_types_supported": []string{"authorization_code"}}, ErrMissing, "authorization_endpoint"},
		{"no token endpoint", c{"token_endpoint": nil}, ErrMissing, "token_endpoint"},
		{"no token endpoint with two grants", c{"token_endpoint": nil, "grant_types_supported": []string{"implicit", "refresh_token"}}, ErrMissing, "token_endpoint"},
		{"PAR required, not there", c{"require_pushed_authorization_requests": true}, ErrMissing, "pushed_authorization_request_endpoint"},
		{"only plain", c{"code_challenge_methods_supported": []string{"plain"}}, ErrPKCE, "code_challenge_methods_supported"},
		{"only plain, as a word", c{"code_challenge_methods_supported": "plain"}, ErrPKCE, "code_challenge_methods_supported"},
		{"s256", c{"code_challenge_methods_supported": []string{"s256"}}, ErrPKCE, "code_challenge_methods_supported"},
		{"methods are no words", c{"code_challenge_methods_supported": []any{"S256", 1}}, ErrType, "code_challenge_methods_supported"},
		{"scopes are an object", c{"scopes_supported": c{"leak": 1}}, ErrType, "scopes_supported"},
		{"a boolean is a number", c{"client_id_metadata_document_supported": 1}, ErrType, "client_id_metadata_document_supported"},
		{"a boolean is a word", c{"require_pushed_authorization_requests": "leak"}, ErrType, "require_pushed_authorization_requests"},
		{"two wrong fields", c{"token_endpoint": "/leak", "jwks_uri": 5}, ErrURL, "token_endpoint"},
		{"an endpoint is a number", c{"token_endpoint": 5}, ErrType, "token_endpoint"},
	}
	for _, field := range []string{"authorization_endpoint", "token_endpoint", "registration_endpoint", "revocation_endpoint", "introspection_endpoint",
		"pushed_authorization_request_endpoint", "device_authorization_endpoint", "userinfo_endpoint", "jwks_uri"} {
		for _, bad := range []string{"http://as.example/leak", "/leak", "leak", "https://as.example/leak#f", "https://leak@as.example/", "javascript:leak()", "http://localhost/leak"} {
			tests = append(tests, struct {
				name    string
				changes c
				want    error
				field   string
			}{field + " " + bad, c{field: bad}, ErrURL, field})
		}
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			w := newWeb(t, map[string]answer{atOAuth: {body: metadata(tt.changes)}, atOpenID: {body: metadata(nil)}})
			_, err := AuthorizationServer(t.Context(), w, issuer, Options{})
			if e := wantError(t, err, tt.want, StepServer); e.Field != tt.field {
				t.Errorf("field %q, want %q", e.Field, tt.field)
			}
			if len(w.requests()) != 1 {
				t.Errorf("requests %q", w.requests())
			}
		})
	}
}

func TestServerAnswers(t *testing.T) {
	t.Parallel()
	good := answer{body: metadata(nil)}
	tests := []struct {
		name  string
		first answer
		want  error // nil: the next place is asked
	}{
		{"404", answer{status: 404}, nil},
		{"401", answer{status: 401}, nil},
		{"400", answer{status: 400}, nil},
		{"408", answer{status: 408}, ErrStatus},
		{"425", answer{status: 425}, ErrStatus},
		{"429", answer{status: 429}, ErrStatus},
		{"500", answer{status: 500, body: "leak"}, ErrStatus},
		{"503", answer{status: 503, body: metadata(nil)}, ErrStatus},
		{"204", answer{status: 204}, ErrStatus},
		{"201", answer{status: 201, body: metadata(nil)}, ErrStatus},
		{"no answer", answer{err: errors.New("leak")}, ErrUnreachable},
		{"forbidden", answer{err: outbound.ErrForbidden}, outbound.ErrForbidden},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			w := newWeb(t, map[string]answer{atOAuth: tt.first, atOpenID: good})
			_, err := AuthorizationServer(t.Context(), w, issuer, Options{})
			if tt.want == nil {
				if err != nil {
					t.Errorf("%v, want the document of the next place", err)
				}
				return
			}
			if e := wantError(t, err, tt.want, StepServer); e.Status != tt.first.status || len(w.requests()) != 1 {
				t.Errorf("status %d, requests %q", e.Status, w.requests())
			}
		})
	}
	_, err := AuthorizationServer(t.Context(), newWeb(t, nil), issuer, Options{})
	wantError(t, err, ErrNone, StepServer)
}

func TestIssuer(t *testing.T) {
	t.Parallel()
	for _, raw := range []string{"", "as.example", "http://as.example", "http://localhost", "https://as.example?x", "https://as.example?", "https://as.example/#", "https://u@as.example"} {
		w := newWeb(t, nil)
		_, err := AuthorizationServer(t.Context(), w, raw, Options{})
		if e := wantError(t, err, ErrURL, StepServer); e.Field != "issuer" || len(w.requests()) > 0 {
			t.Errorf("%q: %v after %q", raw, err, w.requests())
		}
	}
	local := strings.ReplaceAll(metadata(nil), "https://as.example", "http://localhost:1234")
	w := newWeb(t, map[string]answer{"http://localhost:1234/.well-known/oauth-authorization-server/t1": {body: local}})
	if _, err := AuthorizationServer(t.Context(), w, "http://localhost:1234/t1", Options{PlainLoopback: true}); err != nil {
		t.Errorf("plain http on loopback, allowed: %v", err)
	}
}

func TestDefaultServer(t *testing.T) {
	t.Parallel()
	want := Server{Issuer: "https://m.example", AuthorizationEndpoint: "https://m.example/authorize", TokenEndpoint: "https://m.example/token", RegistrationEndpoint: "https://m.example/register"}
	if diff := cmp.Diff(want, DefaultServer(Origin(mustURL(t, "https://M.example/v1/mcp")))); diff != "" {
		t.Error(diff)
	}
}

// What is accepted keeps the rules, whatever else the document holds.
func FuzzMetadata(f *testing.F) {
	f.Add([]byte(metadata(nil)), issuer, false)
	f.Add([]byte(metadata(map[string]any{"code_challenge_methods_supported": []string{"plain"}, "jwks_uri": "http://127.0.0.1/"})), issuer, true)
	f.Add([]byte(minimal), mcp, false)
	f.Add([]byte(`{"issuer":"https://as.example/t1","token_endpoint":`), issuer, false)
	f.Fuzz(func(t *testing.T, body []byte, id string, loose bool) {
		doc, ok := parseObject(body)
		if !ok {
			return
		}
		opts := Options{PlainLoopback: loose, LooseSlash: loose}
		if s, failure := parseServer(doc, id, opts); failure == nil {
			if !opts.same(s.Issuer, id) {
				t.Fatalf("issuer %q for %q", s.Issuer, id)
			}
			for _, e := range []string{s.AuthorizationEndpoint, s.TokenEndpoint, s.RegistrationEndpoint, s.RevocationEndpoint, s.IntrospectionEndpoint,
				s.PushedAuthorizationRequestEndpoint, s.DeviceAuthorizationEndpoint, s.UserinfoEndpoint, s.JWKSURI} {
				if e != "" && opts.parse(e) == nil {
					t.Fatalf("endpoint %q", e)
				}
			}
			if m := s.CodeChallengeMethodsSupported; len(m) > 0 && !slices.Contains(m, "S256") {
				t.Fatalf("methods %q", m)
			}
		}
		u := opts.parse(id)
		if u == nil {
			return
		}
		for _, place := range resourcePlaces(u) {
			r, failure := parseResource(doc, u, place, opts)
			if failure != nil {
				continue
			}
			if stated := opts.parse(r.Resource); stated == nil || !sameOrigin(stated, u) {
				t.Fatalf("resource %q for %q", r.Resource, id)
			}
			for _, i := range r.AuthorizationServers {
				if opts.parseIssuer(i) == nil {
					t.Fatalf("issuer %q", i)
				}
			}
		}
	})
}
