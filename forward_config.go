package tieline

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/tieline/tieline/queue"
)

// Forward says where webhooks of providers, and the Client's own events, are handed
// on to. The zero value forwards nothing.
//
// What is to be forwarded is first written into the Store. It is sent until the
// receiver answers 2xx, at once and then ever more rarely for about three days; the
// repetitions are the work of [Client.Run]. A receiver gets each message at least
// once, in no particular order, and tells doubles by the header webhook-id.
type Forward struct {
	// URLs are the receivers, at most 5; each message goes to each of them. They are
	// https, or http to a loopback address that [Outbound] allows. A message about a
	// connection that has a [Connection.WebhookURL] goes there instead. A message
	// waits for the place in this list and not for the URL, so that a URL which was
	// wrong can be corrected.
	URLs []string

	// Secrets sign what is sent, as Standard Webhooks (https://www.standardwebhooks.com)
	// says: each is "whsec_" and the base64 of 24 to 64 random bytes, as
	// [NewForwardSecret] makes it. Every one of them signs, so that a receiver can
	// move to a new one; the newest comes first. Required if anything is forwarded.
	// Without URLs, only what is about a connection with one of its own is sent.
	Secrets []Secret

	// NangoKey, if there is one, adds the two headers that receivers of Nango's
	// webhooks check, X-Nango-Hmac-Sha256 and X-Nango-Signature, made with this key
	// of at least 16 bytes. The Client's own events are then from "nango".
	NangoKey Secret

	// Events are the types of the Client's own events that are forwarded. nil means
	// EventConnected, EventReconnected, EventConnectFailed and EventReauthRequired;
	// an empty list none. EventForwardFailed cannot be forwarded.
	Events []EventType

	// Queue carries wake-ups to whoever runs [Client.Run], so that what waits is sent
	// when its time comes. Default: none is needed, Run looks at the Store every ten
	// seconds or so. With a Queue it looks for what is to be forwarded every half a
	// minute or so, which finds what the Queue lost. It may be that of the functions as
	// well.
	Queue queue.Queue
}

const (
	maxForwardURLs     = 5
	forwardSecretStart = "whsec_"
	// The lengths of a key, in bytes, are those of the specification of Standard Webhooks.
	minForwardKey, maxForwardKey = 24, 64
	minNangoKey                  = 16
)

// NewForwardSecret makes a new random secret for [Forward]. Reveal it once, for the
// receiver's configuration and the application's own.
func NewForwardSecret() Secret {
	key := make([]byte, 32)
	_, _ = rand.Read(key) // never fails
	return NewSecret(forwardSecretStart + base64.StdEncoding.EncodeToString(key))
}

// forwardPlan is a Forward that was checked.
type forwardPlan struct {
	urls   []string
	keys   [][]byte
	nango  []byte
	events map[EventType]bool
	queue  queue.Queue // nil: none
}

// plan checks a Forward.
func (f *Forward) plan() (forwardPlan, error) {
	p := forwardPlan{urls: slices.Clone(f.URLs), nango: []byte(f.NangoKey.Reveal()), events: map[EventType]bool{}, queue: f.Queue}
	var problems []error
	wrong := func(field, reason string) {
		problems = append(problems, &FieldError{Field: "Forward." + field, Reason: reason})
	}
	if len(f.URLs) > maxForwardURLs {
		wrong("URLs", fmt.Sprintf("has more than %d entries", maxForwardURLs))
	}
	for i, u := range f.URLs {
		field := fmt.Sprintf("URLs[%d]", i)
		switch {
		case u == "":
			wrong(field, "is required")
		case len(u) > maxURL:
			wrong(field, fmt.Sprintf("is longer than %d bytes", maxURL))
		case slices.Index(f.URLs, u) < i:
			wrong(field, "is given twice")
		}
		problems = append(problems, checkURL("Forward."+field, u))
	}
	for i, s := range f.Secrets {
		key, err := forwardKey(s)
		if err != nil {
			wrong(fmt.Sprintf("Secrets[%d]", i), err.Error())
		}
		p.keys = append(p.keys, key)
	}
	if len(f.Secrets) == 0 && (len(f.URLs) > 0 || len(f.Events) > 0 || !f.NangoKey.IsZero()) {
		wrong("Secrets", "is required to forward anything")
	}
	if n := len(p.nango); n > 0 && n < minNangoKey {
		wrong("NangoKey", fmt.Sprintf("is shorter than %d bytes", minNangoKey))
	}
	events := f.Events
	if events == nil {
		events = []EventType{EventConnected, EventReconnected, EventConnectFailed, EventReauthRequired}
	}
	for i, e := range events {
		if !slices.Contains(forwardableEvents(), e) {
			wrong(fmt.Sprintf("Events[%d]", i), "is no event that can be forwarded")
		}
		p.events[e] = true
	}
	return p, errors.Join(problems...)
}

func forwardableEvents() []EventType {
	return []EventType{
		EventConnected, EventReconnected, EventDisconnected, EventConnectFailed, EventInstallationUnconfirmed,
		EventRefreshed, EventRefreshFailed, EventReauthRequired, EventVerified, EventUnsaved, EventScopeChanged, EventTakenOver,
		EventIntegrationRefused, EventIntegrationAccepted,
	}
}

// forwardKey decodes a secret. Errors do not show it.
func forwardKey(s Secret) ([]byte, error) {
	text, ok := strings.CutPrefix(s.Reveal(), forwardSecretStart)
	key, err := base64.StdEncoding.Strict().DecodeString(text)
	if !ok || err != nil || strings.ContainsAny(text, "\r\n") {
		return nil, errors.New("must be " + forwardSecretStart + " and base64")
	}
	if len(key) < minForwardKey || len(key) > maxForwardKey {
		return nil, fmt.Errorf("must have %d to %d bytes behind its base64", minForwardKey, maxForwardKey)
	}
	return key, nil
}

// sign puts the headers of a message into h that prove who sent it and when. The
// time is that of the attempt, as receivers refuse what is old.
func (p *forwardPlan) sign(h http.Header, id string, now time.Time, body []byte) {
	stamp := strconv.FormatInt(now.Unix(), 10)
	signatures := make([]string, len(p.keys))
	for i, key := range p.keys {
		mac := hmac.New(sha256.New, key)
		mac.Write([]byte(id + "." + stamp + "."))
		mac.Write(body)
		signatures[i] = "v1," + base64.StdEncoding.EncodeToString(mac.Sum(nil))
	}
	h.Set("Webhook-Id", id)
	h.Set("Webhook-Timestamp", stamp)
	h.Set("Webhook-Signature", strings.Join(signatures, " "))
	if len(p.nango) == 0 {
		return
	}
	// The first of the two is weak, as it can be extended by whoever has seen one;
	// receivers that can choose check the second.
	plain := sha256.New()
	plain.Write(p.nango)
	plain.Write(body)
	mac := hmac.New(sha256.New, p.nango)
	mac.Write(body)
	h.Set("X-Nango-Signature", hex.EncodeToString(plain.Sum(nil)))
	h.Set("X-Nango-Hmac-Sha256", hex.EncodeToString(mac.Sum(nil)))
}

// from is who the Client's own events are from.
func (p *forwardPlan) from() string {
	if len(p.nango) > 0 {
		return "nango"
	}
	return "tieline"
}
