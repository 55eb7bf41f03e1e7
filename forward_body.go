package tieline

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"maps"
	"net/http"
	"slices"
	"strings"
	"unicode/utf8"
)

// webhookBody wraps a webhook. Names are in the order of the alphabet, as the
// reference system has them. What is JSON already is put in byte for byte, so that
// numbers and the order of names stay as the provider wrote them.
func webhookBody(m *outgoingWebhook) ([]byte, error) {
	payload, encoding, err := payloadJSON(m.payload)
	if err != nil {
		return nil, err
	}
	var b bytes.Buffer
	b.Grow(len(payload) + 1024)
	sep := byte('{')
	field := func(name string, value any) {
		raw, isRaw := value.(json.RawMessage)
		if !isRaw {
			raw, _ = json.Marshal(value) // strings and bools
		}
		b.WriteByte(sep)
		b.WriteString(`"` + name + `":`)
		b.Write(raw)
		sep = ','
	}
	if m.connection != "" {
		field("connectionId", m.connection)
	}
	if m.contentType != "" {
		field("contentType", m.contentType)
	}
	field("from", m.provider)
	field("payload", json.RawMessage(payload))
	field("payloadEncoding", encoding)
	field("providerConfigKey", m.integration)
	field("type", forwardType)
	field("verified", m.verified)
	b.WriteByte('}')
	return b.Bytes(), nil
}

// payloadJSON is a payload as JSON, and how it got there.
func payloadJSON(payload []byte) (value []byte, encoding string, err error) {
	switch text := utf8.Valid(payload); {
	case text && json.Valid(payload):
		return payload, "json", nil
	case text:
		value, err = plainJSON(string(payload))
		return value, "text", err
	}
	value, err = json.Marshal(base64.StdEncoding.EncodeToString(payload))
	return value, "base64", err
}

// plainJSON writes <, > and & as they are, as other languages do: receivers that check
// X-Nango-Signature parse a body and write it anew.
func plainJSON(v any) ([]byte, error) {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	err := enc.Encode(v)
	return bytes.TrimSuffix(b.Bytes(), []byte("\n")), err
}

// maxForwardedHeader bounds the provider's headers that are forwarded, in bytes of
// names and values: many servers take 8 KiB of headers in all.
const maxForwardedHeader = 6 << 10

// forwardedHeader are the headers of a provider's request that its receiver gets.
func forwardedHeader(in http.Header) http.Header {
	out := http.Header{}
	left := maxForwardedHeader
	for _, name := range slices.Sorted(maps.Keys(in)) {
		if !passes(strings.ToLower(name)) {
			continue
		}
		for _, v := range in[name] {
			if cost := len(name) + len(v) + 4; cost <= left && validHeaderValue(v) {
				out.Add(name, v)
				left -= cost
			}
		}
	}
	return out
}

// passes says whether a header, in lower case, is forwarded.
func passes(name string) bool {
	return isName(name, "!#$%&'*+-.^_`|~") && // a token of RFC 9110 section 5.6.2
		name != "te" && name != "via" && name != "range" &&
		!slices.ContainsFunc(headerStarts(), func(p string) bool { return strings.HasPrefix(name, p) }) &&
		!slices.ContainsFunc(headerEnds(), func(p string) bool { return strings.HasSuffix(name, p) })
}

func headerStarts() []string {
	return []string{
		// What the reference system leaves out.
		"host", "authorization", "connection", "keep-alive", "content-length", "content-type", "content-encoding", "cookie",
		"set-cookie", "referer", "user-agent", "sec-", "proxy-", "www-authenticate", "server",
		// What is about one hop, or about how a message is packed or cached.
		"transfer-encoding", "trailer", "upgrade", "expect", "accept-encoding", "content-range", "if-",
		// What a receiver would take for the word of its own proxy, or for another
		// method or path.
		"forwarded", "x-forwarded-", "x-real-ip", "x-client-ip", "true-client-ip", "cf-", "x-original-", "x-rewrite-",
		"x-http-method", "x-method-override",
		// What a receiver would check in place of our own signature.
		"webhook-", "svix-", "x-nango-",
	}
}

// headerEnds are those of headers that hold a secret itself, by which some providers
// show who they are. A receiver gets verified instead.
func headerEnds() []string {
	return []string{"-token", "-secret", "-password", "api-key", "apikey", "-authorization", "-auth"}
}

// validHeaderValue says whether net/http would send a value.
func validHeaderValue(v string) bool {
	return !strings.ContainsFunc(v, func(r rune) bool { return r < ' ' && r != '\t' || r == 0x7f })
}

// eventBody is the reference system's body of an event, with a few fields of our own.
func (c *core) eventBody(e Event, conn *Connection) ([]byte, error) {
	body := map[string]any{
		"from": c.forwarding.from(), "type": string(e.Type), "event": string(e.Type), "time": e.Time,
		"providerConfigKey": e.Integration, "provider": e.Provider, "success": e.Err == nil,
	}
	operation := map[EventType]string{
		EventConnected: "creation", EventReconnected: "override", EventConnectFailed: "creation",
		EventReauthRequired: "refresh", EventRefreshFailed: "refresh", EventRefreshed: "refresh",
	}[e.Type]
	if operation != "" {
		body["type"], body["operation"] = "auth", operation
	}
	if e.Connection != "" {
		body["connectionId"] = e.Connection
	}
	if entry, err := c.entry(e.Provider); err == nil {
		body["authMode"] = string(entry.AuthMode)
	}
	if e.Err != nil {
		body["error"] = map[string]string{"type": errorType(e.Err), "description": e.Err.Error()}
	}
	if conn != nil && len(conn.Tags) > 0 {
		body["tags"] = conn.Tags
	}
	if conn != nil && conn.EndUser != nil {
		body["endUser"] = endUserBody(conn.EndUser)
	}
	return plainJSON(body) // names of maps are sorted
}

func endUserBody(u *EndUser) map[string]any {
	body := map[string]any{"endUserId": u.ID}
	if u.Email != "" {
		body["endUserEmail"] = u.Email
	}
	if u.Organization != nil {
		body["organizationId"] = u.Organization.ID
	}
	if len(u.Tags) > 0 {
		body["tags"] = u.Tags
	}
	return body
}

// errorType is the shortest name of what went wrong.
func errorType(err error) string {
	var refresh *RefreshError
	var denied *AuthorizationError
	var token *TokenError
	switch {
	case errors.As(err, &refresh) && refresh.Failure.Code != "":
		return refresh.Failure.Code
	case errors.As(err, &denied):
		return denied.Code
	case errors.As(err, &token) && token.Code != "":
		return token.Code
	case errors.As(err, &token):
		return string(token.Class)
	case errors.Is(err, ErrVerification):
		return "verification_failed"
	}
	return "failed"
}
