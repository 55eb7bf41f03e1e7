package tieline_test

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"time"

	"github.com/tieline/tieline"
	"github.com/tieline/tieline/store"
)

// Webhooks of all integrations arrive at one handler. What the application gets was
// checked, or says that it could not be.
func ExampleIntegrations_WebhookHandler() {
	ctx := context.Background()
	keys, err := tieline.ParseKeyring(tieline.GenerateKey())
	check(err)
	client, err := tieline.New(tieline.Config{Store: &store.Memory{}, Keys: keys, WebhookURL: "https://app.example.com/webhooks"})
	check(err)
	_, err = client.Integrations.Create(ctx, tieline.Integration{
		Key: "tasks", Provider: "linear",
		App: &tieline.OAuthApp{ClientID: "id", ClientSecret: tieline.NewSecret("secret"), WebhookSecret: tieline.NewSecret("lin_wh_secret")},
	})
	check(err)
	fmt.Println(client.Integrations.WebhookURL("tasks"))

	mux := http.NewServeMux()
	mux.Handle("/webhooks/", client.Integrations.WebhookHandler(tieline.WebhookOptions{
		Receive: func(_ context.Context, w tieline.Webhook) (tieline.WebhookResponse, error) {
			if !w.Verified {
				return tieline.WebhookResponse{Status: http.StatusForbidden}, nil
			}
			fmt.Println(w.Integration, w.Type, w.BodySigned)
			return tieline.WebhookResponse{}, nil
		},
	}))

	body := fmt.Sprintf(`{"type":"Issue","webhookTimestamp":%d}`, time.Now().UnixMilli())
	mac := hmac.New(sha256.New, []byte("lin_wh_secret"))
	mac.Write([]byte(body))
	for _, signature := range []string{hex.EncodeToString(mac.Sum(nil)), "forged"} {
		r := httptest.NewRequest(http.MethodPost, "/webhooks/tasks", strings.NewReader(body))
		r.Header.Set("Linear-Signature", signature)
		answer := httptest.NewRecorder()
		mux.ServeHTTP(answer, r)
		fmt.Println(strings.TrimSpace(fmt.Sprint(answer.Code, " ", answer.Body)))
	}
	// Output:
	// https://app.example.com/webhooks/tasks
	// tasks Issue true
	// 200
	// 401 {"error":"webhook_refused_malformed"}
}
