package webhook

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"strings"
	"testing"
	"time"
)

func TestZeroVerifier(t *testing.T) {
	t.Parallel()
	got, err := new(Verifier).Verify(t.Context(), hook("slack").deliver(testNow), hook("slack").inputs(testNow))
	if err != nil || got.Status != Unverified || got.Reason != ReasonNoScheme {
		t.Errorf("got %v (%s), %v", got.Status, got.Reason, err)
	}
}

func TestUnverifiedSaysWhy(t *testing.T) {
	t.Parallel()
	tests := []struct {
		scheme string
		in     Inputs
		want   string
	}{
		{"unauthenticated", Inputs{Secrets: []Secret{NewSecret(UseWebhook, "", plainSecret)}}, ReasonUnsigned},
		{"xero", Inputs{}, ReasonNoSecret},
		{"standard-webhooks", Inputs{Secrets: []Secret{NewSecret(UseWebhook, "", "no base64!")}}, ReasonNoSecret},
		{"xero", Inputs{Secrets: []Secret{NewSecret(UseClient, "", plainSecret)}}, ReasonNoSecret},
		{"connectwise-psa", Inputs{}, ReasonNoKeys},
		{"gmail", Inputs{Keys: keyDocuments{}}, ReasonNoParam},
	}
	for _, tt := range tests {
		tt.in.Now = testNow
		d := Delivery{Method: http.MethodPost, URL: testURL, Body: []byte(`{}`)}
		got, err := compile(t, tt.scheme, builtin(t)[tt.scheme]).Verify(t.Context(), d, tt.in)
		if err != nil || got.Status != Unverified || got.Reason != tt.want {
			t.Errorf("%s: got %v (%s), %v, want %q", tt.scheme, got.Status, got.Reason, err, tt.want)
		}
	}
}

// TestSenderCannotChooseToBeUnverified leaves a method without a secret beside one with.
func TestSenderCannotChooseToBeUnverified(t *testing.T) {
	t.Parallel()
	bot := *hook("microsoft-teams")
	for _, s := range samples() {
		if s.method == "bot" {
			bot = s
		}
	}
	in := bot.inputs(testNow)
	in.Keys, in.Secrets = nil, []Secret{NewSecret(UseWebhook, "", base64Secret)}
	refused(t, bot.verifier(t), bot.deliver(testNow), in, "a token for a method that is not in use", ErrMissing)
}

// TestLengthExtension makes what an attacker without the secret can make of a hash that
// they saw: the hash of the secret, the body, the padding of SHA-256 and more.
func TestLengthExtension(t *testing.T) {
	t.Parallel()
	body := `[{"portalId":1}]`
	text := plainSecret + body
	padding := append([]byte{0x80}, make([]byte, 64-(len(text)+9)%64)...)
	padding = binary.BigEndian.AppendUint64(padding, uint64(len(text))*8)
	if (len(text)+len(padding))%64 != 0 {
		t.Fatal("the padding is wrong")
	}
	forged := append(append([]byte(body), padding...), `,"more"`...)
	sum := sha256.Sum256(append([]byte(plainSecret), forged...))
	d := Delivery{Method: http.MethodPost, URL: testURL, Body: forged, Header: make(http.Header)}
	d.Header.Set("x-hubspot-signature", hex.EncodeToString(sum[:]))
	in := Inputs{Secrets: []Secret{NewSecret(UseClient, "", plainSecret)}, Now: testNow}
	refused(t, compile(t, "hubspot", builtin(t)["hubspot"]), d, in, "an extended body", ErrMalformed)
}

func TestSigningKeyHosts(t *testing.T) {
	t.Parallel()
	var s sample
	for _, s = range samples() {
		if s.scheme == "connectwise-psa" {
			break
		}
	}
	for _, u := range []string{
		"https://myconnectwise.net/k", "https://evilmyconnectwise.net/k", "http://na.myconnectwise.net/k",
		"https://na.myconnectwise.net.evil.com/k", "https://na.myconnectwise.net:8443/k", "https://a@na.myconnectwise.net/k",
		"https://127.0.0.1/k", "//na.myconnectwise.net/k", "", "https://na.myconnectwise.net@evil.com/k",
	} {
		body, _ := json.Marshal(map[string]any{"Metadata": map[string]string{"key_url": u}})
		s.body = string(body)
		in := s.inputs(testNow)
		in.Keys = keyDocuments{u: `{"signing_key":"` + plainSecret + `"}`}
		refused(t, s.verifier(t), s.deliver(testNow), in, u, ErrMalformed, ErrMissing)
	}
}

// TestKeysUnavailable makes sure that a broken key source verifies nothing and refuses
// nothing either.
func TestKeysUnavailable(t *testing.T) {
	t.Parallel()
	for _, s := range samples() {
		if s.keys == nil {
			continue
		}
		for what, document := range map[string]string{
			"missing": "", "no JSON": "<html>", "no keys": `{"keys":[]}`, "an empty key": `{"signing_key":""}`, "huge": strings.Repeat(" ", maxDocument) + keySet("k1"),
		} {
			in, docs := s.inputs(testNow), keyDocuments{}
			for u := range s.keys {
				if document != "" {
					docs[u] = document
				}
			}
			in.Keys = docs
			got, err := s.verifier(t).Verify(t.Context(), s.deliver(testNow), in)
			if got.Status == Verified || !errors.Is(err, ErrUnavailable) || errors.Is(err, ErrRefused) {
				t.Errorf("%s: %s: got %v, %v", s.scheme, what, got.Status, err)
			}
			if what == "missing" && !errors.Is(err, errNoDocument) {
				t.Errorf("%s: the cause is lost: %v", s.scheme, err)
			}
		}
	}
}

// canceling is a key source during which the caller goes away.
type canceling struct{ cancel context.CancelFunc }

func (c canceling) Fetch(context.Context, string) ([]byte, error) {
	c.cancel()
	return []byte(keySet("k1")), nil
}

func TestContext(t *testing.T) {
	t.Parallel()
	done, cancel := context.WithCancel(t.Context())
	cancel()
	s := hook("slack")
	if _, err := s.verifier(t).Verify(done, s.deliver(testNow), s.inputs(testNow)); !errors.Is(err, context.Canceled) || errors.Is(err, ErrRefused) {
		t.Errorf("before: got %v", err)
	}
	gmail := hook("gmail")
	during, cancel := context.WithCancel(t.Context())
	in := gmail.inputs(testNow)
	in.Keys = canceling{cancel}
	if _, err := gmail.verifier(t).Verify(during, gmail.deliver(testNow), in); !errors.Is(err, context.Canceled) || errors.Is(err, ErrUnavailable) {
		t.Errorf("during: got %v", err)
	}
}

func TestBounds(t *testing.T) {
	t.Parallel()
	s := hook("xero")
	d := s.deliver(testNow)
	d.Body = make([]byte, MaxBody+1)
	refused(t, s.verifier(t), d, s.inputs(testNow), "a huge body", ErrTooLarge)
	if _, err := s.verifier(t).Verify(t.Context(), s.deliver(testNow), Inputs{Secrets: s.inputs(testNow).Secrets}); err == nil || errors.Is(err, ErrRefused) {
		t.Errorf("without a time: got %v", err)
	}
	pagerduty := hook("pagerduty")
	many := pagerduty.edit(pagerduty.deliver(testNow), func(v string) string {
		return strings.Repeat("v0=,", maxSignatures) + v[strings.LastIndex(v, ",")+1:]
	})
	refused(t, pagerduty.verifier(t), many, pagerduty.inputs(testNow), "many signatures", ErrMalformed)
	google := hook("google")
	long := google.edit(google.deliver(testNow), func(string) string { return strings.Repeat("a", maxValue+1) })
	refused(t, google.verifier(t), long, google.inputs(testNow), "a long token", ErrMalformed)
}

// TestTimestampForms tries what a lax reader of numbers takes.
func TestTimestampForms(t *testing.T) {
	t.Parallel()
	s := hook("slack")
	for _, stamp := range []string{"+" + seconds(testNow), "0x1", seconds(testNow) + ".0", " " + seconds(testNow), "1e9", "-1", "1_0", "99999999999999999999", ""} {
		d := s.deliver(testNow)
		d.Header.Set("x-slack-request-timestamp", stamp)
		d.Header.Set("x-slack-signature", "v0="+hexMAC("v0:"+stamp+":"+string(d.Body)))
		refused(t, s.verifier(t), d, s.inputs(testNow), fmt.Sprintf("%q", stamp), ErrMalformed)
	}
}

// TestBase64HasOneSpelling changes the bits of a last letter that mean nothing.
func TestBase64HasOneSpelling(t *testing.T) {
	t.Parallel()
	s := hook("xero")
	other := s.edit(s.deliver(testNow), func(v string) string {
		raw, _ := base64.StdEncoding.DecodeString(v)
		for c := 'A'; c <= 'z'; c++ {
			spelled := v[:len(v)-2] + string(c) + "="
			if again, err := base64.StdEncoding.DecodeString(spelled); err == nil && spelled != v && string(again) == string(raw) {
				return spelled
			}
		}
		t.Fatal("there is no other spelling")
		return ""
	})
	refused(t, s.verifier(t), other, s.inputs(testNow), "another spelling", ErrMalformed)
}

func TestSecretsDoNotPrint(t *testing.T) {
	t.Parallel()
	s := NewSecret(UseWebhook, "id", plainSecret)
	j, _ := json.Marshal(struct{ S Secret }{s})
	in := Inputs{Secrets: []Secret{s}}
	for _, text := range []string{fmt.Sprintf("%v %+v %#v %s %q", s, s, s, s, s), fmt.Sprintf("%+v %#v", in, &in), string(j), slog.AnyValue(s).Resolve().String()} {
		if strings.Contains(text, plainSecret) {
			t.Errorf("it prints: %s", text)
		}
	}
}

// TestSchemeIsCopied changes a scheme after it was compiled.
func TestSchemeIsCopied(t *testing.T) {
	t.Parallel()
	s := hook("slack")
	scheme := builtin(t)["slack"]
	v := compile(t, "slack", scheme)
	scheme.Verify[0].Timestamp.Header = "x"
	scheme.Connection[0].Config = "changed"
	scheme.Challenges[0].Value.Body = "x"
	s.body = `{"type":"url_verification","challenge":"c","team_id":"T"}`
	got, err := v.Verify(t.Context(), s.deliver(testNow), s.inputs(testNow.Add(time.Second)))
	if err != nil || got.Answer == nil || string(got.Answer.Body) != "c" || got.Matches[0].Key != "team.id" {
		t.Errorf("got %+v, %v", got, err)
	}
}

// TestKeysOfTheSet takes the key that the delivery names, if it is one for signatures.
func TestKeysOfTheSet(t *testing.T) {
	t.Parallel()
	var s sample
	for _, s = range samples() {
		if s.scheme == "shipstation" && s.keys != nil {
			break
		}
	}
	for what, set := range map[string]string{
		"another ID":         keySet("k2"),
		"a key to encrypt":   strings.Replace(keySet("k1"), `"sig"`, `"enc"`, 1),
		"a damaged key":      strings.Replace(keySet("k1"), `"n":"`, `"n":"!`, 1),
		"a key without type": strings.Replace(keySet("k1"), `"kty":"RSA"`, `"kty":""`, 1),
	} {
		s.keys = map[string]string{"https://api.shipengine.com/jwks": set}
		refused(t, s.verifier(t), s.deliver(testNow), s.inputs(testNow), what, ErrMismatch)
	}
}
