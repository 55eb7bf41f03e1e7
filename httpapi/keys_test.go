package httpapi

import (
	"encoding/base64"
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/tieline/tieline"
	"github.com/tieline/tieline/store"
)

func TestKeys(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	key, secret, err := w.keys.Create(t.Context(), "ci", ScopeIntegrationsList)
	if err != nil {
		t.Fatal(err)
	}
	list := func(secret string) answer {
		return w.call("GET", "/integrations", nil, "Authorization", "Bearer "+secret)
	}
	list(secret.Reveal()).want(200, `{"data":[]}`)
	list(strings.ToUpper(secret.Reveal())).want(401, unknownKey)
	w.call("POST", "/integrations", `{}`, "Authorization", "Bearer "+secret.Reveal()).want(403,
		`{"error":{"code":"forbidden","message":"Insufficient scope. Required: environment:integrations:create"}}`)
	other, _, err := w.keys.Create(t.Context(), "all")
	if err != nil {
		t.Fatal(err)
	}
	var ids []string
	for k, err := range w.keys.All(t.Context()) {
		if err != nil || k.CreatedAt.IsZero() || k.Name == "" {
			t.Errorf("%+v, %v", k, err)
		}
		ids = append(ids, k.ID)
	}
	want := []string{key.ID, other.ID}
	slices.Sort(want)
	if !slices.Equal(ids, want) {
		t.Errorf("the keys are %q, want %q", ids, want)
	}
	// Neither the key nor anything that opens as one is stored.
	page, err := w.store.List(t.Context(), store.Query{Kind: kindKey})
	if err != nil {
		t.Fatal(err)
	}
	for _, row := range page.Rows {
		if strings.Contains(row.Unique+string(row.Data)+strings.Join(row.Labels, " "), secret.Reveal()) {
			t.Errorf("the secret is in %+v", row)
		}
	}
	if err := w.keys.Revoke(t.Context(), key.ID); err != nil {
		t.Fatal(err)
	}
	list(secret.Reveal()).want(401, unknownKey)
	for _, id := range []string{key.ID, "static-1", "", "\x00"} {
		if err := w.keys.Revoke(t.Context(), id); !errors.Is(err, tieline.ErrNotFound) {
			t.Errorf("revoke %q: %v", id, err)
		}
	}
}

const unknownKey = `{"error":{"code":"unknown_account","message":"Authentication failed. The provided secret key does not match any account.","payload":{}}}`

func TestAuthorizationHeaders(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for header, code := range map[string]string{
		"Basic " + base64.StdEncoding.EncodeToString([]byte(testKey+":")): "malformed_auth_header",
		"Token " + testKey:                            "malformed_auth_header",
		"Bearer":                                      "invalid_secret_key_format",
		"Bearer ":                                     "invalid_secret_key_format",
		"Bearer x":                                    "invalid_secret_key_format",
		"Bearer " + testKey + "0":                     "invalid_secret_key_format",
		"Bearer " + testKey + " " + testKey:           "invalid_secret_key_format",
		"Bearer " + testKey[:35] + "g":                "invalid_secret_key_format",
		"Bearer " + testKey[:35] + "6":                "unknown_account",
		"Bearer " + newUUID():                         "unknown_account",
		"Bearer " + sessionPrefix:                     "invalid_connect_session_token_format",
		"Bearer " + sessionPrefix + testKey:           "invalid_connect_session_token_format",
		sessionPrefix + strings.Repeat("A", 64):       "invalid_connect_session_token_format",
		sessionPrefix + strings.Repeat("a", 64):       "unknown_connect_session_token",
		"Bearer " + strings.Repeat("0", 64):           "invalid_secret_key_format",
		"Bearer 00000000-0000-0000-0000-000000000000": "unknown_account",
	} {
		a := w.call("GET", "/integrations", nil, "Authorization", header)
		if a.Code != 401 || a.at("error.code") != code {
			t.Errorf("%q: answered with %d %s", header, a.Code, a.Body)
		}
		if strings.Contains(a.Body.String(), testKey) {
			t.Errorf("%q: shown in %s", header, a.Body)
		}
	}
	for _, header := range []string{"bearer " + testKey, "BEARER " + testKey, "Bearer  " + testKey, testKey} {
		w.call("GET", "/integrations", nil, "Authorization", header).want(200, `{"data":[]}`)
	}
	// Not in a query, where it would be logged on the way.
	w.protected("GET", "/integrations?secret_key="+testKey, nil)
}

func TestScopes(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		scope, want string
		granted     bool
	}{
		{ScopeProxy, ScopeProxy, true},
		{"*", ScopeProxy, true},
		{"environment:*", ScopeProxy, true},
		{"environment:connections:*", ScopeConnectionsRead, true},
		{"environment:connections:*", ScopeProxy, false},
		{"environment:connect*", ScopeConnectionsRead, false},
		{ScopeConnectionsRead, ScopeConnectionsReadCredentials, false},
		{"environment:proxy:*", ScopeProxy, false},
		{"", ScopeProxy, false},
		{"Environment:Proxy", ScopeProxy, false},
	} {
		if got := granted([]string{tc.scope}, tc.want); got != tc.granted {
			t.Errorf("%q grants %q: %v", tc.scope, tc.want, got)
		}
	}
	k, err := NewKeys(&store.Memory{})
	if err != nil {
		t.Fatal(err)
	}
	for _, scope := range []string{"", ":", "x:", ":*", "**", "environment:*:read", "environment proxy", "environment:connect*", "Environment:*", "x\x00"} {
		if _, _, err := k.Create(t.Context(), "x", scope); !errors.Is(err, tieline.ErrInvalid) {
			t.Errorf("%q: %v", scope, err)
		}
	}
	if _, err := NewKeys(nil, StaticKey{Secret: tieline.NewSecret("no-uuid")}); !errors.Is(err, tieline.ErrInvalid) || strings.Contains(err.Error(), "no-uuid") {
		t.Errorf("a key that is no UUID: %v", err)
	}
	if _, err := NewKeys(nil, StaticKey{Secret: tieline.NewSecret(testKey), Scopes: []string{"x:"}}); !errors.Is(err, tieline.ErrInvalid) {
		t.Errorf("a scope that is none: %v", err)
	}
}

// A small service has static keys alone.
func TestKeysWithoutAStore(t *testing.T) {
	t.Parallel()
	k, err := NewKeys(nil, StaticKey{Secret: tieline.NewSecret(testKey), Scopes: []string{ScopeProxy}})
	if err != nil {
		t.Fatal(err)
	}
	if got, err := k.find(t.Context(), testKey); err != nil || got.ID != "static-1" || !slices.Equal(got.Scopes, []string{ScopeProxy}) {
		t.Errorf("%+v, %v", got, err)
	}
	if _, err := k.find(t.Context(), newUUID()); !errors.Is(err, tieline.ErrNotFound) {
		t.Errorf("unknown: %v", err)
	}
	if _, _, err := k.Create(t.Context(), "x"); err == nil {
		t.Error("a key was made that is nowhere")
	}
	if err := k.Revoke(t.Context(), "x"); err == nil {
		t.Error("a key was revoked that is nowhere")
	}
	for key, err := range k.All(t.Context()) {
		t.Errorf("%+v, %v", key, err)
	}
}
