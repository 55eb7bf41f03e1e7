package webhook

import (
	"encoding/hex"
	"errors"
	"net/http"
	"strings"
	"testing"

	"crypto/sha256"

	"github.com/google/go-cmp/cmp"
)

// ask is a challenge as a provider sends it.
type ask struct {
	name, scheme       string
	method, url, body  string
	header             map[string]string
	secret             Secret
	signer             *sample
	contentType, reply string
	replyHeader        [2]string
	offered            string
	err                error
}

func hook(name string) *sample {
	for _, s := range samples() {
		if s.scheme == name {
			return &s
		}
	}
	return nil
}

func asks() []ask {
	const text, object = "text/plain; charset=utf-8", "application/json"
	secret := NewSecret(UseWebhook, "right", plainSecret)
	validation := `{"event":"endpoint.url_validation","payload":{"plainToken":"abc"}}`
	encrypted := hex.EncodeToString(mac(sha256.New, plainSecret, "abc"))
	return []ask{
		{name: "slack signed", scheme: "slack", secret: secret, signer: hook("slack"), body: `{"type":"url_verification","challenge":"c1"}`, contentType: text, reply: "c1"},
		{name: "slack without a secret", scheme: "slack", body: `{"type":"url_verification","challenge":"c1"}`, contentType: text, reply: "c1"},
		{name: "slack unsigned", scheme: "slack", secret: secret, body: `{"type":"url_verification","challenge":"c1"}`, err: ErrMissing},
		{name: "microsoft", scheme: "microsoft-teams", secret: secret, url: "https://h.example.com/?validationToken=Validation%3A+Testing+%3Cb%3E", contentType: text, reply: "Validation: Testing <b>"},
		{name: "microsoft twice", scheme: "microsoft-client-credentials", secret: secret, url: "https://h.example.com/?validationToken=a&validationToken=b", err: ErrMissing},
		{name: "notion", scheme: "notion", body: `{"verification_token":"secret_x"}`, contentType: text, offered: "secret_x"},
		{name: "notion with a secret", scheme: "notion", secret: secret, body: `{"verification_token":"secret_x"}`, contentType: text},
		{name: "monday", scheme: "monday", secret: secret, body: `{"challenge":"</script>"}`, contentType: object, reply: `{"challenge":"\u003c/script\u003e"}`},
		{name: "zoom", scheme: "zoom", secret: secret, signer: hook("zoom"), body: validation, contentType: object, reply: `{"encryptedToken":"` + encrypted + `","plainToken":"abc"}`},
		{name: "zoom unsigned", scheme: "zoom", secret: secret, body: validation, err: ErrMissing},
		{name: "zoom without a secret", scheme: "zoom", body: validation, err: ErrMismatch},
		{name: "asana", scheme: "asana", header: map[string]string{"X-Hook-Secret": "s1"}, contentType: text, replyHeader: [2]string{"X-Hook-Secret", "s1"}, offered: "s1"},
		{name: "facebook", scheme: "facebook", method: http.MethodGet, secret: NewSecret(UseWebhook, "", plainSecret), url: "https://h.example.com/?hub.mode=subscribe&hub.verify_token=" + plainSecret + "&hub.challenge=1158201444", contentType: text, reply: "1158201444"},
		{name: "facebook other token", scheme: "facebook", method: http.MethodGet, secret: secret, url: "https://h.example.com/?hub.mode=subscribe&hub.verify_token=x&hub.challenge=1", err: ErrMismatch},
		{name: "facebook without a secret", scheme: "facebook", method: http.MethodGet, url: "https://h.example.com/?hub.mode=subscribe&hub.verify_token=&hub.challenge=1", err: ErrMismatch},
		{name: "discord", scheme: "discord", secret: NewSecret(UseWebhook, "", hook("discord").secret), signer: hook("discord"), body: `{"type":1}`, contentType: object, reply: `{"type":1}`},
		{name: "monday with GET", scheme: "monday", method: http.MethodGet, secret: secret, body: `{"challenge":"a"}`, err: ErrMissing},
		{name: "too long", scheme: "monday", body: `{"challenge":"` + strings.Repeat("a", maxChallenge+1) + `"}`, err: ErrMalformed},
		{name: "line break", scheme: "asana", header: map[string]string{"X-Hook-Secret": "a\r\nSet-Cookie: b"}, err: ErrMalformed},
		{name: "not ASCII", scheme: "monday", body: `{"challenge":"\u2028"}`, err: ErrMalformed},
	}
}

func TestChallenges(t *testing.T) {
	t.Parallel()
	for _, a := range asks() {
		t.Run(a.name, func(t *testing.T) {
			t.Parallel()
			d := Delivery{Method: http.MethodPost, URL: "https://h.example.com/", Header: make(http.Header), Body: []byte(a.body)}
			if a.method != "" {
				d.Method = a.method
			}
			if a.url != "" {
				d.URL = a.url
			}
			for name, value := range a.header {
				d.Header.Set(name, value)
			}
			if a.signer != nil {
				a.signer.sign(&d, a.body, testNow)
			}
			got, err := compile(t, a.scheme, builtin(t)[a.scheme]).Verify(t.Context(), d, Inputs{Secrets: []Secret{a.secret}, Now: testNow})
			if a.err != nil {
				if !errors.Is(err, a.err) || got.Answer != nil {
					t.Errorf("got %+v, %v, want %v", got.Answer, err, a.err)
				}
				return
			}
			if err != nil || got.Answer == nil {
				t.Fatalf("got no answer, %v", err)
			}
			a.check(t, got.Answer)
			if a.signer == nil && got.Status == Verified {
				t.Error("an unsigned challenge is verified")
			}
		})
	}
}

func (a ask) check(t *testing.T, got *Answer) {
	t.Helper()
	want := http.Header{
		"Content-Type": {a.contentType}, "X-Content-Type-Options": {"nosniff"},
		"Content-Security-Policy": {"default-src 'none'"}, "Cache-Control": {"no-store"},
	}
	if a.replyHeader[0] != "" {
		want.Set(a.replyHeader[0], a.replyHeader[1])
	}
	if diff := cmp.Diff(want, got.Header); diff != "" {
		t.Errorf("header (-want +got):\n%s", diff)
	}
	if got.Status != http.StatusOK || string(got.Body) != a.reply {
		t.Errorf("got %d %q, want 200 %q", got.Status, got.Body, a.reply)
	}
	if got.Offered.Reveal() != a.offered {
		t.Errorf("offered %q, want %q", got.Offered.Reveal(), a.offered)
	}
}

// TestSigningIsNoService makes sure that nobody unverified gets a MAC of what they choose:
// it could be the text of a delivery.
func TestSigningIsNoService(t *testing.T) {
	t.Parallel()
	s := builtin(t)["zoom"]
	s.Challenges[0].Secrets = []string{"client"} // so that there is a secret, and no signature is needed
	d := Delivery{Method: http.MethodPost, URL: "https://h.example.com/", Body: []byte(`{"event":"endpoint.url_validation","payload":{"plainToken":"v0:1:{}"}}`)}
	in := Inputs{Secrets: []Secret{NewSecret(UseClient, "", plainSecret)}, Now: testNow}
	got, err := compile(t, "zoom", s).Verify(t.Context(), d, in)
	if !errors.Is(err, ErrMismatch) || got.Answer != nil {
		t.Errorf("got %+v, %v, want a refusal", got.Answer, err)
	}
}
