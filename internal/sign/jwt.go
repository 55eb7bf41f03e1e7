package sign

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"maps"
	"time"
)

// Sign returns the JWS compact serialization (RFC 7515 section 7.1) of payload
// under header.
//
// The algorithm is header["alg"]; without one it is that of the key, and the
// header gets it. The caller's map is not changed. Of payload, a []byte and a
// json.RawMessage are signed as they are, so that the caller decides on order
// and spaces; everything else is encoded as JSON: maps with sorted names,
// structs in the order of their fields, and < > & as themselves.
//
// It fails with [ErrNoKey], [ErrShortKey], an *[AlgError] when the algorithm is
// unknown, none, or does not fit the key, and when payload is no JSON.
func Sign(header map[string]any, payload any, key Key) (string, error) {
	name, isString := header["alg"].(string)
	if _, there := header["alg"]; there && !isString {
		return "", &AlgError{}
	}
	if name == "" {
		name = key.Alg()
	}
	alg, err := algFor(name, key)
	if err != nil {
		return "", err
	}
	if b64, there := header["b64"]; there && b64 != true {
		return "", errors.New("sign: an unencoded payload, RFC 7797, is not supported")
	}
	full := maps.Clone(header)
	if full == nil {
		full = make(map[string]any, 1)
	}
	full["alg"] = name
	head, err := encodePart(full)
	if err != nil {
		return "", errors.New("sign: the header is not JSON")
	}
	body, err := encodePart(payload)
	if err != nil {
		return "", errors.New("sign: the payload is not JSON")
	}
	enc := base64.RawURLEncoding
	token := enc.AppendEncode(nil, head)
	token = append(token, '.')
	token = enc.AppendEncode(token, body)
	sig, err := alg.sign(token, key)
	if err != nil {
		return "", err
	}
	token = append(token, '.')
	return string(enc.AppendEncode(token, sig)), nil
}

func encodePart(v any) ([]byte, error) {
	switch v := v.(type) {
	case []byte:
		return v, nil
	case json.RawMessage:
		return v, nil
	}
	var buf bytes.Buffer
	enc := json.NewEncoder(&buf)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(v); err != nil {
		return nil, err
	}
	return bytes.TrimSuffix(buf.Bytes(), []byte("\n")), nil
}

// defaultAssertionLife is the lifetime of a client assertion. Servers refuse
// long ones; five minutes is what they document most.
const defaultAssertionLife = 5 * time.Minute

// Assertion describes a JWT with which a client says who it is.
type Assertion struct {
	ClientID string        // iss and sub; required
	Audience string        // aud, usually the token URL; required
	ID       string        // jti, never used before; required
	IssuedAt time.Time     // iat; required
	Lifetime time.Duration // exp after iat, in whole seconds; 0 means 5 minutes

	// Header and Claims are added, such as x5t#S256. They replace what the
	// fields above, the key and the defaults would say.
	Header map[string]any
	Claims map[string]any
}

// ClientAssertion returns the client_assertion of private_key_jwt: RFC 7523
// sections 2.2 and 3, OpenID Connect Core section 9. The kid of a JWK becomes
// that of the header. It fails as [Sign] does, and when a required field is
// empty or the lifetime is not positive.
func ClientAssertion(a Assertion, key Key) (string, error) {
	if a.Lifetime == 0 {
		a.Lifetime = defaultAssertionLife
	}
	switch {
	case a.ClientID == "":
		return "", errors.New("sign: a client assertion needs a client ID")
	case a.Audience == "":
		return "", errors.New("sign: a client assertion needs an audience")
	case a.ID == "":
		return "", errors.New("sign: a client assertion needs a jti")
	case a.IssuedAt.IsZero():
		return "", errors.New("sign: a client assertion needs the time")
	case a.Lifetime < time.Second:
		return "", errors.New("sign: a client assertion needs a lifetime of a second at least")
	}
	header := map[string]any{"typ": "JWT"}
	if id := key.ID(); id != "" {
		header["kid"] = id
	}
	maps.Copy(header, a.Header)
	issued := a.IssuedAt.Unix()
	claims := map[string]any{
		"iss": a.ClientID,
		"sub": a.ClientID,
		"aud": a.Audience,
		"jti": a.ID,
		"iat": issued,
		"exp": issued + int64(a.Lifetime/time.Second),
	}
	maps.Copy(claims, a.Claims)
	return Sign(header, claims, key)
}
