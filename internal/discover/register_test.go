package discover

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/tieline/tieline/internal/outbound"
	"github.com/tieline/tieline/internal/redact"
)

const register = "https://as.example/register"

func client() ClientMetadata {
	return ClientMetadata{
		RedirectURIs: []string{"https://app.example/callback"}, ClientName: "App", GrantTypes: []string{"authorization_code", "refresh_token"},
		ResponseTypes: []string{"code"}, TokenEndpointAuthMethod: "none", Scope: "a b", SoftwareID: "s-1",
	}
}

var secrets = cmp.Comparer(func(a, b redact.Secret) bool { return a.Reveal() == b.Reveal() })

func TestRegister(t *testing.T) {
	t.Parallel()
	asked := Registered{
		ClientID: "c1", RedirectURIs: []string{"https://app.example/callback"}, GrantTypes: []string{"authorization_code", "refresh_token"},
		ResponseTypes: []string{"code"}, TokenEndpointAuthMethod: "none", Scope: "a b",
	}
	with := func(change func(*Registered)) Registered { r := asked; change(&r); return r }
	tests := []struct {
		name   string
		status int
		body   string
		want   Registered
	}{
		{"201, as asked", 201, `{"client_id":"c1"}`, asked},
		{"200", 200, `{"client_id":"c1","client_secret":null,"client_secret_expires_at":0}`, asked},
		{"everything else", 201, `{"client_id":"c1","client_secret":"cs","client_secret_expires_at":1893456000,"registration_access_token":"rat",
			"registration_client_uri":"https://as.example/register/c1","redirect_uris":["https://app.example/other"],"grant_types":["authorization_code"],
			"response_types":["code","none"],"token_endpoint_auth_method":"client_secret_post","scope":"a","client_id_issued_at":1}`, Registered{
			ClientID: "c1", ClientSecret: redact.New("cs"), ClientSecretExpiresAt: time.Date(2030, 1, 1, 0, 0, 0, 0, time.UTC), RegistrationAccessToken: redact.New("rat"),
			RegistrationClientURI: redact.New("https://as.example/register/c1"), RedirectURIs: []string{"https://app.example/other"}, GrantTypes: []string{"authorization_code"},
			ResponseTypes: []string{"code", "none"}, TokenEndpointAuthMethod: "client_secret_post", Scope: "a",
		}},
		{"never expires", 201, `{"client_id":"c1","client_secret":"cs","client_secret_expires_at":0}`, with(func(r *Registered) { r.ClientSecret = redact.New("cs") })},
		{"expiry in quotes", 201, `{"client_id":"c1","client_secret_expires_at":"1893456000"}`, with(func(r *Registered) { r.ClientSecretExpiresAt = time.Unix(1893456000, 0).UTC() })},
		{"expiry with an exponent", 201, `{"client_id":"c1","client_secret_expires_at":1.893456e9}`, with(func(r *Registered) { r.ClientSecretExpiresAt = time.Unix(1893456000, 0).UTC() })},
		{"a number for an ID", 201, `{"client_id":12345678901234567890}`, with(func(r *Registered) { r.ClientID = "12345678901234567890" })},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			w := newWeb(t, map[string]answer{"POST " + register: {status: tt.status, body: tt.body}})
			got, err := Register(t.Context(), w, register, client(), Options{})
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tt.want, got, secrets); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// checked is a RoundTripper that looks at the request.
type checked func(*http.Request) *http.Response

func (c checked) RoundTrip(req *http.Request) (*http.Response, error) { return c(req), nil }

func TestRegisterRequest(t *testing.T) {
	t.Parallel()
	var sent map[string]any
	rt := checked(func(req *http.Request) *http.Response {
		body, err := io.ReadAll(req.Body)
		if err != nil || json.Unmarshal(body, &sent) != nil {
			t.Errorf("body %q: %v", body, err)
		}
		if req.Method != "POST" || req.Header.Get("Content-Type") != "application/json" || req.ContentLength != int64(len(body)) {
			t.Errorf("%s with %s of %d bytes", req.Method, req.Header.Get("Content-Type"), req.ContentLength)
		}
		if req.GetBody != nil {
			t.Error("net/http can send the request again")
		}
		return &http.Response{StatusCode: 201, Body: io.NopCloser(strings.NewReader(`{"client_id":"c"}`))}
	})
	if _, err := Register(t.Context(), rt, register, client(), Options{}); err != nil {
		t.Fatal(err)
	}
	want := map[string]any{
		"redirect_uris": []any{"https://app.example/callback"}, "client_name": "App", "grant_types": []any{"authorization_code", "refresh_token"},
		"response_types": []any{"code"}, "token_endpoint_auth_method": "none", "scope": "a b", "software_id": "s-1",
	}
	if diff := cmp.Diff(want, sent); diff != "" {
		t.Error(diff)
	}
	sent = nil
	if _, err := Register(t.Context(), rt, register, ClientMetadata{RedirectURIs: []string{"app:/cb"}}, Options{}); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(map[string]any{"redirect_uris": []any{"app:/cb"}}, sent); diff != "" {
		t.Errorf("empty fields are sent: %s", diff)
	}
}

func TestRegisterRefused(t *testing.T) {
	t.Parallel()
	refusalOf := func(code string) string {
		return fmt.Sprintf(`{"error":%q,"error_description":"leak","client_secret":"leak"}`, code)
	}
	tests := []struct {
		name string
		answer
		want error
		code string
	}{
		{"redirect URI", answer{status: 400, body: refusalOf("invalid_redirect_uri")}, ErrInvalidRedirectURI, "invalid_redirect_uri"},
		{"metadata", answer{status: 400, body: refusalOf("invalid_client_metadata")}, ErrInvalidClientMetadata, "invalid_client_metadata"},
		{"statement", answer{status: 400, body: refusalOf("invalid_software_statement")}, ErrInvalidSoftwareStatement, "invalid_software_statement"},
		{"unapproved", answer{status: 403, body: refusalOf("unapproved_software_statement")}, ErrUnapprovedSoftwareStatement, "unapproved_software_statement"},
		{"a code of nobody", answer{status: 400, body: refusalOf("leak")}, ErrRefused, "refused"},
		{"a code of this package", answer{status: 400, body: refusalOf("mismatch")}, ErrRefused, "refused"},
		{"a code that is a number", answer{status: 400, body: `{"error":5}`}, ErrRefused, "refused"},
		{"closed registration", answer{status: 401, body: "leak"}, ErrRefused, "refused"},
		{"not there", answer{status: 404, body: "<html>leak"}, ErrRefused, "refused"},
		{"rate limited", answer{status: 429, body: refusalOf("invalid_redirect_uri")}, ErrStatus, "status"},
		{"broken", answer{status: 500, body: refusalOf("invalid_redirect_uri")}, ErrStatus, "status"},
		{"accepted for later", answer{status: 202, body: `{"client_id":"c"}`}, ErrStatus, "status"},
		{"redirect", redirect(307, register+"/"), ErrRedirect, "redirect"},
		{"redirect after the deed", redirect(303, register+"/c"), ErrRedirect, "redirect"},
		{"HTML", answer{body: "<html>leak"}, ErrNotJSON, "not_json"},
		{"truncated", answer{status: 201, body: `{"client_id":"leak","client_sec`}, ErrNotJSON, "not_json"},
		{"too large", answer{status: 201, body: `{"client_id":"` + strings.Repeat("leak", maxBody/4) + `"}`}, ErrTooLarge, "too_large"},
		{"no answer", answer{err: errors.New("leak")}, ErrUnreachable, "unreachable"},
		{"forbidden", answer{err: outbound.ErrForbidden}, outbound.ErrForbidden, "unreachable"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			w := newWeb(t, map[string]answer{register: tt.answer})
			got, err := Register(t.Context(), w, register, client(), Options{})
			if e := wantError(t, err, tt.want, StepRegistration); e.Code != tt.code {
				t.Errorf("code %q, want %q", e.Code, tt.code)
			}
			if len(w.requests()) != 1 || got.ClientID != "" {
				t.Errorf("requests %q, client %q", w.requests(), got.ClientID)
			}
		})
	}
}

func TestRegisteredErrors(t *testing.T) {
	t.Parallel()
	tests := []struct {
		body, field string
		want        error
	}{
		{`{}`, "client_id", ErrMissing},
		{`{"client_id":""}`, "client_id", ErrMissing},
		{`{"client_id":null,"Client_ID":"leak"}`, "client_id", ErrMissing},
		{`{"client_id":["leak"]}`, "client_id", ErrType},
		{`{"client_id":"leak\n"}`, "client_id", ErrType},
		{`{"client_id":"leaké"}`, "client_id", ErrType},
		{`{"client_id":"c","client_secret":5}`, "client_secret", ErrType},
		{`{"client_id":"c","client_secret":"leak\u0000"}`, "client_secret", ErrType},
		{`{"client_id":"c","token_endpoint_auth_method":"client_secret_basic"}`, "client_secret", ErrMissing},
		{`{"client_id":"c","client_secret_expires_at":-1}`, "client_secret_expires_at", ErrType},
		{`{"client_id":"c","client_secret_expires_at":1e300}`, "client_secret_expires_at", ErrType},
		{`{"client_id":"c","client_secret_expires_at":"leak"}`, "client_secret_expires_at", ErrType},
		{`{"client_id":"c","client_secret_expires_at":"NaN"}`, "client_secret_expires_at", ErrType},
		{`{"client_id":"c","client_secret_expires_at":true}`, "client_secret_expires_at", ErrType},
		{`{"client_id":"c","registration_client_uri":"http://leak.example"}`, "registration_client_uri", ErrURL},
		{`{"client_id":"c","registration_access_token":{}}`, "registration_access_token", ErrType},
		{`{"client_id":"c","redirect_uris":[1]}`, "redirect_uris", ErrType},
	}
	for _, tt := range tests {
		_, err := Register(t.Context(), newWeb(t, map[string]answer{register: {status: 201, body: tt.body}}), register, client(), Options{})
		if e := wantError(t, err, tt.want, StepRegistration); e.Field != tt.field || e.Status != 201 {
			t.Errorf("%s: field %q, status %d", tt.body, e.Field, e.Status)
		}
	}
}

func TestRegisterInput(t *testing.T) {
	t.Parallel()
	w := newWeb(t, nil)
	for _, endpoint := range []string{"", "/register", "http://as.example/register", "https://as.example/register#x", "https://u:p@as.example/register"} {
		_, err := Register(t.Context(), w, endpoint, client(), Options{PlainLoopback: true})
		if e := wantError(t, err, ErrURL, StepRegistration); e.Field != "registration_endpoint" {
			t.Errorf("%s: %v", endpoint, err)
		}
	}
	for _, uri := range []string{"", "/callback", "https://app.example/callback#f", "https:///callback", "https://u@app.example/", "%"} {
		_, err := Register(t.Context(), w, register, ClientMetadata{RedirectURIs: []string{"https://app.example/", uri}}, Options{})
		if e := wantError(t, err, ErrURL, StepRegistration); e.Field != "redirect_uris" {
			t.Errorf("%q: %v", uri, err)
		}
	}
	_, err := Register(t.Context(), w, register, ClientMetadata{}, Options{})
	wantError(t, err, ErrMissing, StepRegistration)
	if len(w.requests()) > 0 {
		t.Errorf("requests: %q", w.requests())
	}
	w.answers = map[string]answer{register: {status: 201, body: `{"client_id":"c"}`}}
	if _, err := Register(t.Context(), w, register, ClientMetadata{GrantTypes: []string{"client_credentials"}}, Options{}); err != nil {
		t.Errorf("a client without redirects: %v", err)
	}
}

func TestSecretsDoNotPrint(t *testing.T) {
	t.Parallel()
	r := Registered{ClientID: "c", ClientSecret: redact.New("leak1"), RegistrationAccessToken: redact.New("leak2"), RegistrationClientURI: redact.New("leak3")}
	j, err := json.Marshal(r)
	if err != nil {
		t.Fatal(err)
	}
	var log strings.Builder
	slog.New(slog.NewJSONHandler(&log, nil)).Info("x", "r", r, "s", r.ClientSecret)
	hidden := struct{ r Registered }{r}
	text, err := r.ClientSecret.MarshalText()
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range []string{fmt.Sprintf("%v %+v %#v %s %q %x", r, r, r, r.ClientSecret, r.ClientSecret, r.ClientSecret), fmt.Sprintf("%v %+v %#v", hidden, hidden, hidden),
		string(j), string(text), log.String(), r.ClientSecret.String() + r.ClientSecret.GoString() + r.ClientSecret.LogValue().String()} {
		if strings.Contains(s, "leak") || strings.Contains(s, fmt.Sprintf("%x", "leak")) {
			t.Errorf("a secret is printed: %s", s)
		}
	}
	if _, err := r.ClientSecret.GobEncode(); err == nil {
		t.Error("gob encodes a secret")
	}
	if !redact.New("").IsZero() || r.ClientSecret.IsZero() || r.ClientSecret.Reveal() != "leak1" {
		t.Error("content")
	}
}
