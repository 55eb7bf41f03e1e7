package tieline

import (
	"encoding/base64"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tieline/tieline/store"
)

func TestForwardConfig(t *testing.T) {
	t.Parallel()
	long := func(n int) Secret { return NewSecret("whsec_" + base64.StdEncoding.EncodeToString(make([]byte, n))) }
	good := []Secret{NewForwardSecret()}
	urls := []string{receiverA}
	for _, tt := range []struct {
		name   string
		f      Forward
		fields string
	}{
		{"nothing", Forward{}, ""},
		{"secrets alone", Forward{Secrets: good}, ""},
		{"two of each", Forward{URLs: []string{receiverA, receiverB}, Secrets: []Secret{long(24), long(64)}}, ""},
		{"loopback", Forward{URLs: []string{"http://127.0.0.1:8080/"}, Secrets: good}, ""},
		{"all events", Forward{Secrets: good, Events: forwardableEvents()}, ""},
		{"no secret", Forward{URLs: urls}, "Forward.Secrets"},
		{"events without a secret", Forward{Events: []EventType{EventConnected}}, "Forward.Secrets"},
		{"a key without a secret", Forward{NangoKey: NewSecret(nangoKey)}, "Forward.Secrets"},
		{"plain http", Forward{URLs: []string{"http://a.example.com"}, Secrets: good}, "Forward.URLs[0]"},
		{"no URL", Forward{URLs: []string{receiverA, ""}, Secrets: good}, "Forward.URLs[1]"},
		{"a password", Forward{URLs: []string{"https://u:p@a.example.com"}, Secrets: good}, "Forward.URLs[0]"},
		{"a long URL", Forward{URLs: []string{receiverB + "/" + strings.Repeat("x", maxURL)}, Secrets: good}, "Forward.URLs[0]"},
		{"twice the same", Forward{URLs: []string{receiverA, receiverA}, Secrets: good}, "Forward.URLs[1]"},
		{"six URLs", Forward{URLs: strings.Fields("https://1.a https://2.a https://3.a https://4.a https://5.a https://6.a"), Secrets: good}, "Forward.URLs"},
		{"a short secret", Forward{URLs: urls, Secrets: []Secret{long(23)}}, "Forward.Secrets[0]"},
		{"a long secret", Forward{URLs: urls, Secrets: []Secret{good[0], long(65)}}, "Forward.Secrets[1]"},
		{"no whsec", Forward{URLs: urls, Secrets: []Secret{NewSecret(strings.TrimPrefix(forwardSecret, "whsec_"))}}, "Forward.Secrets[0]"},
		{"no base64", Forward{URLs: urls, Secrets: []Secret{NewSecret("whsec_canary-canary!")}}, "Forward.Secrets[0]"},
		{"a line break", Forward{URLs: urls, Secrets: []Secret{NewSecret(forwardSecret + "\n")}}, "Forward.Secrets[0]"},
		{"a short Nango key", Forward{Secrets: good, NangoKey: NewSecret("canary")}, "Forward.NangoKey"},
		{"no such event", Forward{Secrets: good, Events: []EventType{"connection.eaten"}}, "Forward.Events[0]"},
		{"failures to forward", Forward{Secrets: good, Events: []EventType{EventForwardFailed}}, "Forward.Events[0]"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			_, err := New(Config{Store: &store.Memory{}, Keys: testKeys(t), Forward: tt.f})
			var field *FieldError
			switch {
			case tt.fields == "" && err != nil:
				t.Errorf("New = %v", err)
			case tt.fields != "" && (!errors.Is(err, ErrInvalid) || !errors.As(err, &field) || field.Field != tt.fields):
				t.Errorf("New = %v, want one about %s", err, tt.fields)
			case err != nil && strings.Contains(err.Error(), "canary"):
				t.Errorf("New shows a value: %v", err)
			}
		})
	}
}

// Whatever there is can be forwarded, but for the failure to do so.
func TestForwardableEvents(t *testing.T) {
	t.Parallel()
	all := []string{string(EventForwardFailed)}
	for _, e := range forwardableEvents() {
		all = append(all, string(e))
	}
	slices.Sort(all)
	diff(t, "events", documented(t, "Events"), all)
}

func TestNewForwardSecret(t *testing.T) {
	t.Parallel()
	a, b := NewForwardSecret(), NewForwardSecret()
	key, err := forwardKey(a)
	if err != nil || len(key) != 32 || a.Equal(b) {
		t.Errorf("a key of %d bytes, %v", len(key), err)
	}
}

// A receiver that has any of the secrets can check a message, and nobody can change
// one.
func TestForwardSignatures(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		newest := NewForwardSecret()
		w := newForwardWorld(t, nil, func(c *Config) {
			c.Forward.Secrets = []Secret{newest, NewSecret(forwardSecret)}
			c.Forward.NangoKey = NewSecret(nangoKey)
		})
		w.forward(hook(1))
		w.settle()
		g := w.received()[0]
		for _, secret := range []string{newest.Reveal(), forwardSecret} {
			if err := verified(g, secret, time.Now()); err != nil {
				t.Error(err)
			}
		}
		if first, _, _ := strings.Cut(g.header.Get("webhook-signature"), " "); !strings.HasPrefix(first, "v1,") {
			t.Errorf("signature %q", first)
		} else {
			g.header.Set("webhook-signature", first)
		}
		if err := verified(g, newest.Reveal(), time.Now()); err != nil {
			t.Errorf("the newest secret does not come first: %v", err)
		}
		if err := verified(g, forwardSecret, time.Now()); err == nil {
			t.Error("the first signature is that of the second secret")
		}
		g.body += " "
		if err := verified(g, newest.Reveal(), time.Now()); err == nil {
			t.Error("a changed body is accepted")
		}
	})
}

// The reference system's headers, computed with another program:
// printf '%s' 'KEY{"a":1}' | sha256sum; printf '%s' '{"a":1}' | openssl dgst -sha256 -hmac KEY
func TestNangoSignatures(t *testing.T) {
	t.Parallel()
	plan, err := (&Forward{Secrets: []Secret{NewForwardSecret()}, NangoKey: NewSecret(nangoKey)}).plan()
	if err != nil {
		t.Fatal(err)
	}
	h := http.Header{}
	plan.sign(h, "msg_1", time.Unix(1_800_000_000, 0), []byte(`{"a":1}`))
	diff(t, "headers", [3]string{
		"7fb86a78147bffc807641a45d1f717600ad3122563d8a280a47f1671d261ee0b",
		"b1354957018f152fde436f6624c5e8f94d95121aeb464ed6b38841d8aca39ee5",
		"1800000000",
	}, [3]string{h.Get("X-Nango-Signature"), h.Get("X-Nango-Hmac-Sha256"), h.Get("Webhook-Timestamp")})

	without, err := (&Forward{Secrets: []Secret{NewForwardSecret()}}).plan()
	if err != nil {
		t.Fatal(err)
	}
	h = http.Header{}
	without.sign(h, "msg_1", time.Unix(1_800_000_000, 0), nil)
	if len(h) != 3 || without.from() != "tieline" || plan.from() != "nango" {
		t.Errorf("without a key: %v from %s", h, without.from())
	}
}

func TestForwardSecretsAreNotPrinted(t *testing.T) {
	t.Parallel()
	f := Forward{Secrets: []Secret{NewSecret(forwardSecret)}, NangoKey: NewSecret(nangoKey)}
	if text := fmt.Sprintf("%v %+v %#v", f, f, f); strings.Contains(text, "canary") || strings.Contains(text, forwardSecret) {
		t.Error(text)
	}
}
