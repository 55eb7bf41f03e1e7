package webhook

import (
	"context"
	"crypto/ed25519"
	"crypto/sha1"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"strings"
	"time"
)

// keyDocuments is a KeySource of fixed documents.
type keyDocuments map[string]string

var errNoDocument = errors.New("no document there")

func (k keyDocuments) Fetch(_ context.Context, url string) ([]byte, error) {
	document, ok := k[url]
	if !ok {
		return nil, errNoDocument
	}
	return []byte(document), nil
}

// plainHMAC is the sample of an HMAC-SHA256 of the body.
func plainHMAC(scheme string, use Use, name, prefix string, sum func(string) string) sample {
	return sample{scheme: scheme, method: "hmac", use: use, where: name, sign: header(name, func(body string, _ time.Time) string { return prefix + sum(body) })}
}

func named(method string, s sample) sample {
	s.method = method
	return s
}

func standard(scheme, method, family string) sample {
	return sample{
		scheme: scheme, method: method, use: UseWebhook, secret: "whsec_" + base64Secret, where: family + "-signature", tolerance: 5 * time.Minute,
		sign: func(d *Delivery, body string, at time.Time) {
			d.Header.Set(family+"-id", "msg_1")
			d.Header.Set(family+"-timestamp", seconds(at))
			d.Header.Set(family+"-signature", "v2,xx v1,"+b64MAC("msg_1."+seconds(at)+"."+body))
		},
	}
}

// stamped is a signature with a timestamp in a header of its own.
func stamped(scheme, name, stampName, prefix, before, between string) sample {
	return sample{
		scheme: scheme, method: "hmac", use: UseWebhook, where: name, tolerance: 5 * time.Minute,
		sign: func(d *Delivery, body string, at time.Time) {
			d.Header.Set(stampName, seconds(at))
			d.Header.Set(name, prefix+hexMAC(before+seconds(at)+between+body))
		},
	}
}

func stripeLike(scheme, name string, tolerance time.Duration) sample {
	return sample{
		scheme: scheme, method: "hmac", use: UseWebhook, where: name, tolerance: tolerance,
		sign: header(name, func(body string, at time.Time) string {
			return "t=" + seconds(at) + ",v0=ignored,v1=" + hexMAC(seconds(at)+"."+body)
		}),
	}
}

// sent is the secret itself; where is a header, or query: or body: and a name.
func sent(scheme, method, where string) sample {
	s := sample{scheme: scheme, method: method, use: UseConnection, where: where}
	s.sign = func(d *Delivery, _ string, _ time.Time) {
		kind, name, ok := strings.Cut(where, ":")
		switch {
		case !ok:
			d.Header.Set(where, plainSecret)
		case kind == "query":
			d.URL += "&" + name + "=" + plainSecret
		}
	}
	if strings.HasPrefix(where, "body:") {
		s.body = `{"value":[{"clientState":"` + plainSecret + `"},{"clientState":"` + plainSecret + `"}]}`
	}
	return s
}

func bearer(scheme, method, alg string, prefix string, claims map[string]any) sample {
	return sample{
		scheme: scheme, method: method, use: UseClient, where: "authorization", tolerance: 10 * time.Minute,
		sign: header("authorization", func(_ string, at time.Time) string {
			all := map[string]any{"iat": at.Unix(), "exp": at.Add(5 * time.Minute).Unix()}
			for name, value := range claims {
				all[name] = value
			}
			return prefix + jws(alg, "k1", all)
		}),
	}
}

func samples() []sample {
	list := []sample{
		plainHMAC("github-app", UseWebhook, "x-hub-signature-256", "sha256=", hexMAC),
		plainHMAC("github-app-oauth", UseWebhook, "x-hub-signature-256", "sha256=", hexMAC),
		plainHMAC("facebook", UseClient, "x-hub-signature-256", "sha256=", hexMAC),
		named("signature", plainHMAC("jira", UseWebhook, "x-hub-signature", "sha256=", hexMAC)),
		plainHMAC("xero", UseWebhook, "x-xero-signature", "", b64MAC),
		plainHMAC("attio", UseWebhook, "attio-signature", "", hexMAC),
		named("legacy", plainHMAC("attio", UseWebhook, "x-attio-signature", "", hexMAC)),
		plainHMAC("notion", UseWebhook, "x-notion-signature", "sha256=", hexMAC),
		plainHMAC("shopify", UseClient, "x-shopify-hmac-sha256", "", b64MAC),
		plainHMAC("pagerduty", UseConnection, "x-pagerduty-signature", "v1="+strings.Repeat("0", 64)+",v1=", hexMAC),
		plainHMAC("autotask", UseWebhook, "x-hook-signature", "sha1=", func(b string) string { return base64.StdEncoding.EncodeToString(sha1MAC(b)) }),
		plainHMAC("jobdiva", UseWebhook, "x-hub-signature", "sha1=", func(b string) string { return hex.EncodeToString(sha1MAC(b)) }),
		plainHMAC("cal-com", UseWebhook, "x-cal-signature-256", "", hexMAC),
		plainHMAC("jobber", UseClient, "x-jobber-hmac-sha256", "", b64MAC),
		plainHMAC("checkr-partner", UseClient, "x-checkr-signature", "", hexMAC),
		plainHMAC("sentry-oauth", UseClient, "sentry-hook-signature", "", hexMAC),
		plainHMAC("asana", UseConnection, "x-hook-signature", "", hexMAC),
		stamped("slack", "x-slack-signature", "x-slack-request-timestamp", "v0=", "v0:", ":"),
		stamped("zoom", "x-zm-signature", "x-zm-request-timestamp", "v0=", "v0:", ":"),
		stripeLike("stripe", "stripe-signature", 5*time.Minute),
		stripeLike("calendly", "calendly-webhook-signature", 3*time.Minute),
		standard("standard-webhooks", "standard", "webhook"),
		standard("fathom", "standard", "svix"),
		standard("folk", "standard", "webhook"),
		standard("gitlab", "signature", "webhook"),
		sent("gitlab", "token", "x-gitlab-token"),
		sent("google", "token", "x-goog-channel-token"),
		sent("google-drive", "token", "x-goog-channel-token"),
		sent("google-calendar", "token", "x-goog-channel-token"),
		sent("streak", "token", "x-streak-webhook-token"),
		sent("videoask", "token", "nango-webhook-secret"),
		sent("videoask", "token", "tieline-webhook-secret"),
		sent("microsoft-client-credentials", "token", "body:clientState"),
		sent("microsoft-teams", "clientState", "body:clientState"),
		sent("affinity", "url_secret", "query:secret"),
		sent("fillout", "url_secret", "query:secret"),
		sent("salesforce", "url_secret", "query:secret"),
		sent("shipstation", "url", "query:secret"),
		bearer("jira", "bearer", "HS256", "Bearer ", nil),
		named("jwt", bearer("monday", "jwt", "HS256", "", nil)),
	}
	list[len(list)-1].use = UseWebhook
	return append(list, moreSamples()...)
}

func moreSamples() []sample {
	airtable := plainHMAC("airtable", UseConnection, "x-airtable-content-mac", "hmac-sha256=", hexMAC)
	airtable.secret = base64Secret
	linear := plainHMAC("linear", UseWebhook, "linear-signature", "", hexMAC)
	linear.body, linear.tolerance = `{"type":"Issue","webhookTimestamp":`+millis(testNow)+`}`, time.Minute
	sellsy := plainHMAC("sellsy", UseWebhook, "x-webhook-signature", "", func(body string) string {
		sum := sha1.Sum([]byte(plainSecret + body))
		return hex.EncodeToString(sum[:])
	})
	sellsy.method = "hash"
	outgoing := plainHMAC("microsoft-teams", UseWebhook, "authorization", "HMAC ", b64MAC)
	outgoing.method, outgoing.secret = "outgoing", base64Secret
	bot := bearer("microsoft-teams", "bot", "RS256", "Bearer ", map[string]any{"iss": "https://api.botframework.com", "aud": "app-1"})
	bot.keys = map[string]string{"https://login.botframework.com/v1/.well-known/keys": keySet("k1")}
	bot.params = map[string]string{"client_id": "app-1"}
	gmail := bearer("gmail", "jwt", "RS256", "Bearer ", map[string]any{
		"iss": "https://accounts.google.com", "aud": "https://hooks.example.com/in/abc", "email": "push@p.iam.gserviceaccount.com", "email_verified": true,
	})
	gmail.keys = map[string]string{"https://www.googleapis.com/oauth2/v3/certs": keySet("k1")}
	gmail.params = map[string]string{"service_account": "push@p.iam.gserviceaccount.com"}
	return append([]sample{airtable, linear, sellsy, outgoing, bot, gmail}, keySamples()...)
}

func keySamples() []sample {
	const keyURL = "https://na.myconnectwise.net/v4_6_release/apis/key/1"
	key := sha256.Sum256([]byte(plainSecret))
	connectwise := plainHMAC("connectwise-psa", UseWebhook, "x-content-signature", "", func(body string) string {
		return base64.StdEncoding.EncodeToString(mac(sha256.New, string(key[:]), body))
	})
	connectwise.body = `{"Metadata":{"key_url":"` + keyURL + `"}}`
	connectwise.keys = map[string]string{keyURL: `{"signing_key":"` + plainSecret + `"}`}
	return append(hubspotSamples(), connectwise,
		sample{
			scheme: "highlevel", method: "rsa", where: "x-wh-signature", publicKey: publicPEM(&rsaKey().PublicKey),
			sign: header("x-wh-signature", func(body string, _ time.Time) string { return rsaSign(body) }),
		},
		sample{
			scheme: "highlevel", method: "ed25519", where: "x-ghl-signature", publicKey: publicPEM(edKey().Public()),
			sign: header("x-ghl-signature", func(body string, _ time.Time) string {
				return base64.StdEncoding.EncodeToString(ed25519.Sign(edKey(), []byte(body)))
			}),
		},
		sample{
			scheme: "shipstation", method: "signature", where: "x-shipengine-rsa-sha256-signature", tolerance: 5 * time.Minute,
			keys: map[string]string{"https://api.shipengine.com/jwks": keySet("k1")},
			sign: func(d *Delivery, body string, at time.Time) {
				d.Header.Set("x-shipengine-timestamp", at.Format(time.RFC3339))
				d.Header.Set("x-shipengine-rsa-sha256-key-id", "k1")
				d.Header.Set("x-shipengine-rsa-sha256-signature", rsaSign(at.Format(time.RFC3339)+"."+body))
			},
		},
		sample{
			scheme: "discord", method: "public_key", use: UseWebhook, where: "x-signature-ed25519", tolerance: 5 * time.Minute,
			secret: hex.EncodeToString(edKey().Public().(ed25519.PublicKey)),
			sign: func(d *Delivery, body string, at time.Time) {
				d.Header.Set("x-signature-timestamp", seconds(at))
				d.Header.Set("x-signature-ed25519", hex.EncodeToString(ed25519.Sign(edKey(), []byte(seconds(at)+body))))
			},
		},
	)
}

func hubspotSamples() []sample {
	v1 := plainHMAC("hubspot", UseClient, "x-hubspot-signature", "", func(body string) string { return hexSum(plainSecret + body) })
	v1.method = "v1"
	return []sample{
		v1,
		{
			scheme: "hubspot", method: "v2", use: UseClient, where: "x-hubspot-signature",
			sign: func(d *Delivery, body string, _ time.Time) {
				d.Header.Set("x-hubspot-signature-version", "v2")
				d.Header.Set("x-hubspot-signature", hexSum(plainSecret+"POST"+testURL+body))
			},
		},
		{
			scheme: "hubspot", method: "v3", use: UseClient, where: "x-hubspot-signature-v3", tolerance: 5 * time.Minute,
			sign: func(d *Delivery, body string, at time.Time) {
				d.Header.Set("x-hubspot-request-timestamp", millis(at))
				d.Header.Set("x-hubspot-signature", "beside it")
				d.Header.Set("x-hubspot-signature-v3", b64MAC("POSThttps://hooks.example.com/in/abc?x=a:b"+body+millis(at)))
			},
		},
	}
}
