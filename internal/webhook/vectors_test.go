package webhook

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/pem"
	"net/http"
	"testing"
	"time"
)

// vector is a signature that a provider published, with the page it is on.
type vector struct {
	source, scheme, method string
	secret                 Secret
	request, url, body     string // POST when request is empty
	header                 map[string]string
	at                     time.Time
}

const (
	hubspotDocs = "https://developers.hubspot.com/docs/apps/developer-platform/build-apps/authentication/request-validation"
	hubspotBody = `[{"eventId":1,"subscriptionId":12345,"portalId":62515,"occurredAt":1564113600000,` +
		`"subscriptionType":"contact.creation","attemptNumber":0,"objectId":123,"changeSource":"CRM","changeFlag":"NEW","appId":54321}]`
	slackBody = "token=xyzz0WbapA4vBCDEFasx0q6G&team_id=T1DC2JH3J&team_domain=testteamnow&channel_id=G8PSS9T3V&channel_name=foobar" +
		"&user_id=U2CERLKJA&user_name=roadrunner&command=%2Fwebhook-collect&text=&response_url=https%3A%2F%2Fhooks.slack.com%2Fcommands" +
		"%2FT1DC2JH3J%2F397700885554%2F96rGlfmibIGlgcZRskXaIFfN&trigger_id=398738663015.47445629121.803a0bc887a14d10d2c447fce8b6703c"
)

func vectors() []vector {
	everybody := NewSecret(UseWebhook, "", "It's a Secret to Everybody")
	return []vector{
		{
			source: "https://docs.github.com/en/webhooks/using-webhooks/validating-webhook-deliveries",
			scheme: "github-app", method: "hmac", secret: everybody, body: "Hello, World!",
			header: map[string]string{"X-Hub-Signature-256": "sha256=757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17"},
		},
		{
			source: "https://developer.atlassian.com/cloud/jira/platform/webhooks/#secure-admin-webhooks",
			scheme: "jira", method: "signature", secret: everybody, body: "Hello World!",
			header: map[string]string{"X-Hub-Signature": "sha256=a4771c39fbe90f317c7824e83ddef3caae9cb3d976c214ace1f2937e133263c9"},
		},
		{
			source: "https://docs.slack.dev/authentication/verifying-requests-from-slack",
			scheme: "slack", method: "hmac", secret: NewSecret(UseWebhook, "", "8f742231b10e8888abcd99yyyzzz85a5"), body: slackBody,
			header: map[string]string{
				"Content-Type": "application/x-www-form-urlencoded", "X-Slack-Request-Timestamp": "1531420618",
				"X-Slack-Signature": "v0=a2114d57b48eac39b9ad189dd8316235a7b4a8d21a10bd27519666489c69b503",
			},
			at: time.Unix(1531420618, 0),
		},
		{
			source: "https://github.com/standard-webhooks/standard-webhooks",
			scheme: "standard-webhooks", method: "standard", secret: NewSecret(UseWebhook, "", "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"),
			body: `{"test": 2432232314}`,
			header: map[string]string{
				"Webhook-Id": "msg_p5jXN8AQM9LWM0D4loKWxJek", "Webhook-Timestamp": "1614265330",
				"Webhook-Signature": "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=",
			},
			at: time.Unix(1614265330, 0),
		},
		{
			source: "https://docs.svix.com/receiving/verifying-payloads/how-manual",
			scheme: "fathom", method: "standard", secret: NewSecret(UseWebhook, "", "whsec_plJ3nmyCDGBKInavdOK15jsl"),
			body: `{"event_type":"ping","data":{"success":true}}`,
			header: map[string]string{
				"Svix-Id": "msg_loFOjxBNrRLzqYUf", "Svix-Timestamp": "1731705121",
				"Svix-Signature": "v1,rAvfW3dJ/X/qxhsaXPOyyCGmRKsaKWcsNccKXlIktD0=",
			},
			at: time.Unix(1731705121, 0),
		},
	}
}

func hubspotVectors() []vector {
	client := NewSecret(UseClient, "", "yyyyyyyy-yyyy-yyyy-yyyy-yyyyyyyyyyyy")
	return []vector{
		{
			source: hubspotDocs, scheme: "hubspot", method: "v1", secret: client, body: hubspotBody,
			header: map[string]string{"X-HubSpot-Signature": "232db2615f3d666fe21a8ec971ac7b5402d33b9a925784df3ca654d05f4817de"},
		},
		{
			source: hubspotDocs, scheme: "hubspot", method: "v2", secret: client, request: http.MethodGet, url: "https://www.example.com/webhook_uri",
			header: map[string]string{
				"X-HubSpot-Signature": "eee2dddcc73c94d699f5e395f4b9d454a069a6855fbfa152e91e88823087200e", "X-HubSpot-Signature-Version": "v2",
			},
		},
		{
			source: hubspotDocs, scheme: "hubspot", method: "v2", secret: client, url: "https://www.example.com/webhook_uri",
			body: `{"example_field":"example_value"}`,
			header: map[string]string{
				"X-HubSpot-Signature": "9569219f8ba981ffa6f6f16aa0f48637d35d728c7e4d93d0d52efaa512af7900", "X-HubSpot-Signature-Version": "v2",
			},
		},
		{
			source: "https://github.com/HubSpot/hubspot-api-ruby (the tests of the provider's own client)",
			scheme: "hubspot", method: "v3", secret: client, url: "https://www.example.com/webhook_uri", body: `{'example_field':'example_value'}`,
			header: map[string]string{
				"X-HubSpot-Signature-V3": "RnbPH7+UMKVkbV32P8bz450N4M56aPmcru1+D3kSDtw=", "X-HubSpot-Request-Timestamp": "1700000300000",
			},
			at: time.UnixMilli(1700000300000),
		},
	}
}

func TestPublishedVectors(t *testing.T) {
	t.Parallel()
	for _, w := range append(vectors(), hubspotVectors()...) {
		t.Run(w.scheme+"/"+w.method+"/"+w.request, func(t *testing.T) {
			t.Parallel()
			d := Delivery{Method: http.MethodPost, URL: testURL, Header: make(http.Header), Body: []byte(w.body)}
			if w.request != "" {
				d.Method = w.request
			}
			if w.url != "" {
				d.URL = w.url
			}
			for name, value := range w.header {
				d.Header.Set(name, value)
			}
			in := Inputs{Secrets: []Secret{w.secret}, Now: w.at}
			if in.Now.IsZero() {
				in.Now = testNow
			}
			v := compile(t, w.scheme, builtin(t)[w.scheme])
			got, err := v.Verify(t.Context(), d, in)
			if err != nil || got.Status != Verified || got.Method != w.method {
				t.Errorf("%s: got %v by %q, %v", w.source, got.Status, got.Method, err)
			}
		})
	}
}

// TestHighLevelKeys checks the published keys against fingerprints that were noted apart
// from them, so that a letter changed in the file shows.
func TestHighLevelKeys(t *testing.T) {
	t.Parallel()
	want := map[string]string{
		"rsa":     "2f62045d413b1b7747e26770ce7f57840cbf86288cd20ceb90d299a62501fd25",
		"ed25519": "8b61d1d6cacbe28d7c3bc0516bb815258ec6edbba96cddc7f40c09ac708388e8", // the key itself
	}
	for _, m := range builtin(t)["highlevel"].Verify {
		block, _ := pem.Decode([]byte(m.PublicKeys[0]))
		if block == nil {
			t.Fatalf("%s: no PEM", m.Name)
		}
		got := hex.EncodeToString(block.Bytes[len(block.Bytes)-32:])
		if m.Name == "rsa" {
			sum := sha256.Sum256(block.Bytes)
			got = hex.EncodeToString(sum[:])
		}
		if got != want[m.Name] {
			t.Errorf("%s: got %s, want %s", m.Name, got, want[m.Name])
		}
	}
}
