package httpapi

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"net/http"
	"strings"
	"testing"

	"github.com/tieline/tieline"
)

func TestWebhooks(t *testing.T) {
	t.Parallel()
	var got []tieline.Webhook
	w := newWorld(t, func(_ *tieline.Config, o *Options) {
		o.MaxBody = 10 // is that of other requests
		o.Webhooks.MaxBody = 1000
		o.Webhooks.Receive = func(_ context.Context, hook tieline.Webhook) (tieline.WebhookResponse, error) {
			got = append(got, hook)
			return tieline.WebhookResponse{Status: http.StatusAccepted, Body: []byte(`taken`)}, nil
		}
	})
	in := tieline.Integration{Key: "a:b c", Provider: "faced", App: &tieline.OAuthApp{ClientID: "foo", ClientSecret: tieline.NewSecret("bar"), WebhookSecret: tieline.NewSecret("token")}}
	if _, err := w.client.Integrations.Create(t.Context(), in); err != nil {
		t.Fatal(err)
	}
	url, _ := w.call("GET", "/integrations/a:b%20c?include=webhook", nil).at("data.webhook_url").(string)
	path, ok := strings.CutPrefix(url, testPublic)
	if !ok || path != "/webhook/"+defaultEnvironment+"/a%3Ab%20c" {
		t.Fatalf("the URL is %q", url)
	}
	const body = `{"object":"page","entry":[]}`
	m := hmac.New(sha256.New, []byte("bar"))
	m.Write([]byte(body))
	signature := "sha256=" + hex.EncodeToString(m.Sum(nil))
	post := func(path, signature string) answer {
		return w.call("POST", path, body, "Authorization", "", "Content-Type", "text/plain", "X-Hub-Signature-256", signature)
	}
	if a := post(path, signature); a.Code != 202 || a.Body.String() != "taken" {
		t.Errorf("answered with %d %s", a.Code, a.Body)
	}
	if len(got) != 1 || !got[0].Verified || got[0].Integration != "a:b c" || string(got[0].Body) != body {
		t.Errorf("the application got %+v", got)
	}
	post(path, "sha256=00").want(401, `{"error":"*"}`)
	post(path, "").want(401, `{"error":"*"}`)
	post("/webhook/"+defaultEnvironment+"/none", signature).want(404, `{"error":"unknown_integration"}`)
	for _, environment := range []string{"11111111-0000-0000-0000-000000000000", "x", "%20"} {
		post("/webhook/"+environment+"/a:b%20c", signature).want(404, `{"error":{"code":"unknown_environment","message":"There is no such environment"}}`)
	}
	for _, path := range []string{"/webhook", "/webhook/", "/webhook/" + defaultEnvironment, "/webhook/" + defaultEnvironment + "/", "/webhook/" + defaultEnvironment + "/a/b"} {
		post(path, signature).want(404, noPath)
	}
	w.call("POST", path, strings.Repeat("x", 1001)).want(413, `{"error":"payload_too_large"}`)
	w.call("DELETE", path, nil).want(405, `{"error":{"code":"method_not_allowed","message":"The path does not take this method"}}`)
	// The provider asks whether the URL is ours.
	ask := func(token string) answer {
		return w.call("GET", path+"?hub.mode=subscribe&hub.challenge=1234&hub.verify_token="+token, nil, "Authorization", "")
	}
	if a := ask("token"); a.Code != 200 || a.Body.String() != "1234" {
		t.Errorf("answered with %d %s", a.Code, a.Body)
	}
	if a := ask("other"); a.Code < 400 || strings.Contains(a.Body.String(), "1234") {
		t.Errorf("answered with %d %s", a.Code, a.Body)
	}
	if len(got) != 1 {
		t.Errorf("the application got %d deliveries", len(got))
	}
}
