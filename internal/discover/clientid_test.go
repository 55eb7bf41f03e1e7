package discover

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestCheckClientID(t *testing.T) {
	t.Parallel()
	for _, good := range []string{
		"https://app.example/client.json", "https://app.example:8443/oauth/client", "https://app.example/a/", "https://app.example/.well-known/client",
		"https://app.example/...", "https://app.example/a%2Fb", "https://[2001:db8::1]/client",
	} {
		if err := CheckClientID(good); err != nil {
			t.Errorf("%s: %v", good, err)
		}
	}
	for _, bad := range []string{
		"", "client", "/client", "http://app.example/client", "http://localhost/client", "https://app.example", "https://app.example/", "https:///client", "https:client",
		"https://app.example/client#", "https://app.example/client#f", "https://u@app.example/client", "https://u:p@app.example/client", "https://@app.example/client",
		"https://app.example/./client", "https://app.example/a/../client", "https://app.example/..", "https://app.example/%2e/client", "https://app.example/.%2E/client",
		"https://app.example/client?x=1", "https://app.example/client?", "https://app.example:443/client", "https://app.example:/client", "https://App.example/client",
		"HTTPS://app.example/client", "https://app.example/cli ent", "https://app.example/clié", "https://app.exämple/client", "https://app.example/a\\b", "https://app.example/\n",
		"https://app.example/" + strings.Repeat("x", maxURL),
	} {
		wantError(t, CheckClientID(bad), ErrClientID, StepDocument)
	}
}

func TestClientDocument(t *testing.T) {
	t.Parallel()
	const id = "https://app.example/client.json"
	doc, err := ClientDocument(id, []string{"https://app.example/callback", "http://127.0.0.1/callback"}, "App <& Söhne>")
	if err != nil {
		t.Fatal(err)
	}
	var got map[string]any
	if err := json.Unmarshal(doc, &got); err != nil {
		t.Fatal(err)
	}
	want := map[string]any{
		"client_id": id, "client_name": "App <& Söhne>", "redirect_uris": []any{"https://app.example/callback", "http://127.0.0.1/callback"},
		"grant_types": []any{"authorization_code", "refresh_token"}, "response_types": []any{"code"}, "token_endpoint_auth_method": "none",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}

	uris := []string{"https://app.example/callback"}
	_, err = ClientDocument("http://app.example/client", uris, "App")
	wantError(t, err, ErrClientID, StepDocument)
	_, err = ClientDocument(id, nil, "App")
	wantError(t, err, ErrMissing, StepDocument)
	_, err = ClientDocument(id, []string{"/callback"}, "App")
	wantError(t, err, ErrURL, StepDocument)
	_, err = ClientDocument(id, uris, "")
	wantError(t, err, ErrMissing, StepDocument)
	_, err = ClientDocument(id, uris, strings.Repeat("x", maxDocument))
	wantError(t, err, ErrTooLarge, StepDocument)
}
