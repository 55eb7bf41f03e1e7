package tieline

import (
	"context"
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"math/big"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/tieline/tieline/store"
)

// A provider's question is answered without the application.
func TestWebhookChallenges(t *testing.T) {
	t.Parallel()
	w := newHookWorld(t, slackEntry, &store.Memory{}, nil)
	w.integration(nil)
	const body = `{"type":"url_verification","challenge":"<script>"}`
	rec := w.post("", body, w.slackHeaders(hookSecret, body, w.now)...)
	if rec.Code != 200 || rec.Body.String() != "<script>" || !strings.HasPrefix(rec.Header().Get("Content-Type"), "text/plain") ||
		rec.Header().Get("X-Content-Type-Options") != "nosniff" {
		t.Errorf("answered with %d %q %v", rec.Code, rec.Body, rec.Header())
	}
	if rec := w.post("", body, w.slackHeaders("wrong", body, w.now)...); rec.Code != 401 {
		t.Errorf("one that is not signed: %d", rec.Code)
	}
	if len(w.got) != 0 {
		t.Errorf("the application got %+v", w.got)
	}
}

// A secret that a provider offers is for the application to take, and only while it
// has none: a stranger must not replace it.
func TestWebhookSecretIsOffered(t *testing.T) {
	t.Parallel()
	w := newHookWorld(t, "  webhook_routing_script: notionWebhookRouting\n", &store.Memory{}, nil)
	w.integration(func(in *Integration) { in.App.(*OAuthApp).WebhookSecret = Secret{} })
	const offer = `{"verification_token":"secret-of-notion"}`
	if rec := w.post("", offer); rec.Code != 403 {
		t.Errorf("nobody takes secrets: %d", rec.Code)
	}
	var taken []string
	refuse := true
	w.handler = w.Integrations.WebhookHandler(WebhookOptions{
		Receive: w.receive,
		ReceiveSecret: func(ctx context.Context, hook Webhook, s Secret) error {
			if refuse {
				return errors.New("not expected")
			}
			taken = append(taken, s.Reveal())
			_, err := w.Integrations.Update(ctx, hook.Integration, func(i *Integration) error {
				i.WebhookSecrets = append([]Secret{s}, i.WebhookSecrets...)
				return nil
			})
			return err
		},
	})
	if rec := w.post("", offer); rec.Code != 403 {
		t.Errorf("the application refuses: %d", rec.Code)
	}
	refuse = false
	if rec := w.post("", offer); rec.Code != 200 || len(taken) != 1 || taken[0] != "secret-of-notion" {
		t.Fatalf("answered with %d, taken %v", rec.Code, taken)
	}
	const body = `{"id":"1"}`
	if rec := w.post("", body, "X-Notion-Signature", "sha256="+hookMAC("secret-of-notion", body)); rec.Code != 200 || !w.only().Verified {
		t.Errorf("a delivery signed with it: %d", rec.Code)
	}
	w.post("", `{"verification_token":"secret-of-eve"}`)
	if len(taken) != 1 || len(w.got) != 0 {
		t.Errorf("a second secret was taken: %v", taken)
	}
	if strings.Contains(w.log.String(), "secret-of-notion") {
		t.Error("the log has the secret")
	}
}

// The URL that is signed is the one that the provider called, whatever a proxy made
// of it.
func TestWebhookURLIsThePublicOne(t *testing.T) {
	t.Parallel()
	w := newHookWorld(t, "  webhook_routing_script: hubspotWebhookRouting\n", &store.Memory{}, nil)
	w.integration(nil)
	sign := func(called string) []string {
		ms := fmt.Sprint(w.now.UnixMilli())
		raw := hookMAC(hookSecret, "POST"+called+"[]"+ms)
		sum := make([]byte, 0, sha256.Size)
		_, _ = fmt.Sscanf(raw, "%x", &sum)
		return []string{"X-HubSpot-Request-Timestamp", ms, "X-HubSpot-Signature-v3", base64.StdEncoding.EncodeToString(sum)}
	}
	if rec := w.post("?a=b", "[]", sign(hookPrefix+"/key?a=b")...); rec.Code != 200 || !w.only().Verified {
		t.Errorf("answered with %d", rec.Code)
	}
	if rec := w.post("?a=b", "[]", sign(hookPrefix+"/key?a=c")...); rec.Code != 401 {
		t.Errorf("another query: %d", rec.Code)
	}
	w.core.webhooks = "" // nobody told: it is the URL of the request
	if rec := w.post("?a=b", "[]", sign("http://example.com/anywhere/key?a=b")...); rec.Code != 200 || !w.only().Verified {
		t.Errorf("without a configured URL: %d", rec.Code)
	}
}

// keyServer publishes the key that pubSub signs with.
type keyServer struct {
	key    *rsa.PrivateKey
	status int
	asked  int
}

func newKeyServer(t *testing.T) *keyServer {
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	return &keyServer{key: key, status: 200}
}

func (k *keyServer) RoundTrip(r *http.Request) (*http.Response, error) {
	k.asked++
	enc := base64.RawURLEncoding
	return jsonResponse(r, k.status, fmt.Sprintf(`{"keys":[{"kty":"RSA","kid":"1","n":"%s","e":"%s"}]}`,
		enc.EncodeToString(k.key.N.Bytes()), enc.EncodeToString(big.NewInt(int64(k.key.E)).Bytes()))), nil
}

// token is what Google sends with a push.
func (k *keyServer) token(t *testing.T, audience, account string, at time.Time) string {
	t.Helper()
	enc := base64.RawURLEncoding
	claims, err := json.Marshal(map[string]any{
		"iss": "https://accounts.google.com", "aud": audience, "email": account, "email_verified": true, "iat": at.Unix(), "exp": at.Add(time.Hour).Unix(),
	})
	if err != nil {
		t.Fatal(err)
	}
	text := enc.EncodeToString([]byte(`{"alg":"RS256","kid":"1"}`)) + "." + enc.EncodeToString(claims)
	sum := sha256.Sum256([]byte(text))
	sig, err := rsa.SignPKCS1v15(nil, k.key, crypto.SHA256, sum[:])
	if err != nil {
		t.Fatal(err)
	}
	return "Bearer " + text + "." + enc.EncodeToString(sig)
}

// A provider's keys are fetched when they are needed, not more than every few
// minutes, and used for a while longer when it is away.
func TestWebhookKeys(t *testing.T) {
	t.Parallel()
	keys := newKeyServer(t)
	w := newHookWorld(t, "  webhook_routing_script: gmailWebhookRouting\n", &store.Memory{}, keys)
	w.integration(func(in *Integration) { in.WebhookParams = map[string]string{"service_account": "push@example.com"} })
	push := func(account string) int {
		t.Helper()
		w.got = nil
		return w.post("", `{"message":{"messageId":"1"}}`, "Authorization", keys.token(t, hookPrefix+"/key", account, w.now)).Code
	}
	for _, step := range []struct {
		what          string
		later         time.Duration
		answers       int
		account       string
		status, asked int
	}{
		{"keys cannot be had", 0, 500, "push@example.com", 503, 1},
		{"nor at once again", 29 * time.Second, 200, "push@example.com", 503, 1},
		{"soon", 2 * time.Second, 200, "push@example.com", 200, 2},
		{"they are kept", 4 * time.Minute, 200, "push@example.com", 200, 2},
		{"another account", 0, 200, "eve@example.com", 401, 2},
		{"and asked for anew", 2 * time.Minute, 200, "push@example.com", 200, 3},
		{"the old ones do", 10 * time.Minute, 500, "push@example.com", 200, 4},
		{"for a day", 24 * time.Hour, 500, "push@example.com", 503, 5},
	} {
		w.now = w.now.Add(step.later)
		keys.status = step.answers
		if got := push(step.account); got != step.status || keys.asked != step.asked {
			t.Errorf("%s: answered with %d, asked %d times", step.what, got, keys.asked)
		}
	}
}

// Whoever can choose the URL of a key cannot fill the memory.
func TestWebhookKeysAreBounded(t *testing.T) {
	t.Parallel()
	w := newHookWorld(t, "", &store.Memory{}, answering(func(r *http.Request, _ string) *http.Response {
		if r.URL.Path == "/large" {
			return jsonResponse(r, 200, strings.Repeat("x", maxKeySet+1))
		}
		return jsonResponse(r, 200, `{}`)
	}))
	for n := range 3 * maxKeySets {
		if _, err := w.core.keySets.Fetch(t.Context(), fmt.Sprintf("https://example.com/%d", n)); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := w.core.keySets.Fetch(t.Context(), "https://example.com/large"); err == nil {
		t.Error("a document without end was taken")
	}
	if got := len(w.core.keySets.sets); got > maxKeySets {
		t.Errorf("%d documents are kept", got)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := w.core.keySets.Fetch(ctx, "https://example.com/new"); !errors.Is(err, context.Canceled) {
		t.Errorf("a done context: %v", err)
	}
}

// Every provider that the reference system has webhooks of is known by the name
// that its entry gives them.
func TestWebhookRoutingNames(t *testing.T) {
	t.Parallel()
	for _, name := range strings.Fields("affinity airtable attio autotask calCom calendly checkrPartner connectwisePsa fathom fillout folk " +
		"githubAppOauth githubApp gitlab gmail googleCalendar googleDrive google highlevel hubspot jira jobber jobdiva linear microsoftClientCredentials " +
		"microsoftTeams notion pagerduty salesforce sellsy sentryOauth shipstation shopify slack streak unauthenticated videoask xero") {
		w := newHookWorld(t, "  webhook_routing_script: "+name+"WebhookRouting\n", &store.Memory{}, nil)
		w.integration(nil)
		if w.post("", "{}"); len(w.got) > 0 && w.only().Reason == "no scheme" {
			t.Errorf("nothing is known about %s", name)
		}
	}
}

// A built-in provider says that it sends webhooks where there is a scheme of its name,
// and nowhere without one.
func TestWebhooksOfTheCatalog(t *testing.T) {
	t.Parallel()
	schemes, err := builtinSchemes()
	if err != nil {
		t.Fatal(err)
	}
	catalog := Builtin()
	for p := range catalog.All() {
		_, byName := schemes[p.Name]
		_, byScript := schemes[schemeNames(p.entry)[0]]
		if p.HasWebhooks != byScript || byName && !byScript {
			t.Errorf("%s: says %v; there is a scheme under its name: %v, under what its entry names: %v", p.Name, p.HasWebhooks, byName, byScript)
		}
	}
}
