package webhook

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/hmac"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/sha512"
	"encoding/base64"
	"encoding/json"
	"math"
	"math/big"
	"slices"
	"strings"
	"time"

	"github.com/tieline/tieline/internal/jsonpath"
)

// defaultLeeway is the difference between clocks that RFC 7519 section 4.1.4 allows for.
const defaultLeeway = time.Minute

// jwtRule is a compiled [JWT].
type jwtRule struct {
	algorithms []string
	issuers    []string
	audiences  [][]part
	claims     map[string][]part
	leeway     time.Duration
}

// knownInJWT are the names that the values of [JWT] know.
func knownInJWT(name string) bool {
	return name == "url" || strings.HasPrefix(name, "param.") && len(name) > len("param.")
}

// complete reports whether there are the parameters of every claim and of one audience.
func (j *jwtRule) complete(params map[string]string) bool {
	for _, parts := range j.claims {
		if !known(parts, params) {
			return false
		}
	}
	return len(j.audiences) == 0 || slices.ContainsFunc(j.audiences, func(parts []part) bool { return known(parts, params) })
}

// known reports whether every parameter of the value is there.
func known(parts []part, params map[string]string) bool {
	return !slices.ContainsFunc(parts, func(p part) bool {
		name, ok := strings.CutPrefix(p.name, "param.")
		return ok && params[name] == ""
	})
}

// expand fills a value in. The URL is without its query, in which secrets may be.
func expand(parts []part, r *run) string {
	var b strings.Builder
	for _, p := range parts {
		switch {
		case p.name == "url":
			base, _, _ := strings.Cut(r.d.URL, "?")
			b.WriteString(base)
		case p.name != "":
			b.WriteString(r.in.Params[strings.TrimPrefix(p.name, "param.")])
		default:
			b.WriteString(p.literal)
		}
	}
	return b.String()
}

// token is a JWS in compact form (RFC 7515 section 7.1), not checked yet.
type token struct {
	alg, kid  string
	input     []byte // what is signed
	signature []byte
	claims    map[string]any
}

func parseToken(text string) (token, bool) {
	parts := strings.Split(text, ".")
	if len(parts) != 3 {
		return token{}, false
	}
	enc := base64.RawURLEncoding.Strict()
	head, errHead := enc.DecodeString(parts[0])
	body, errBody := enc.DecodeString(parts[1])
	signature, err := enc.DecodeString(parts[2])
	header, okHead := decodeJSON(head).(map[string]any)
	claims, okBody := decodeJSON(body).(map[string]any)
	if errHead != nil || errBody != nil || err != nil || !okHead || !okBody {
		return token{}, false
	}
	// RFC 7515 section 4.1.11: what is critical and not understood makes a token invalid.
	if _, critical := header["crit"]; critical {
		return token{}, false
	}
	alg, _ := header["alg"].(string)
	kid, _ := header["kid"].(string)
	input := []byte(parts[0] + "." + parts[1])
	return token{alg: alg, kid: kid, input: input, signature: signature, claims: claims}, true
}

func (m *method) verifyJWT(ctx context.Context, r *run) (string, error) {
	text, err := r.one(m.place.Header)
	if err != nil {
		return "", err
	}
	if !hasPrefixFold(text, m.prefix) {
		return "", fail(ErrMalformed, m.place.Header)
	}
	t, ok := parseToken(text[len(m.prefix):])
	// The scheme says which algorithms there are; the token only chooses among them
	// (RFC 8725 section 3.1).
	if !ok || !slices.Contains(m.jwt.algorithms, t.alg) {
		return "", fail(ErrMalformed, m.place.Header)
	}
	id, err := m.tokenSignature(ctx, r, t)
	if err != nil {
		return "", err
	}
	return id, m.jwt.check(r, t.claims)
}

// tokenSignature returns the ID of the secret that made the signature, if it was one.
func (m *method) tokenSignature(ctx context.Context, r *run, t token) (string, error) {
	if m.keySet == "" {
		for _, c := range m.candidates(r.in) {
			if t.checkMAC(c.key) {
				return c.id, nil
			}
		}
		return "", fail(ErrMismatch, m.place.Header)
	}
	set, err := fetchKeySet(ctx, r.in.Keys, m.keySet)
	if err != nil {
		return "", err
	}
	for _, k := range set {
		if t.kid != "" && k.kid != t.kid || k.alg != "" && k.alg != t.alg {
			continue
		}
		if t.checkKey(k.public) {
			return "", nil
		}
	}
	return "", fail(ErrMismatch, m.place.Header)
}

func (t token) checkMAC(key []byte) bool {
	newHash := sha256.New
	switch t.alg {
	case "HS256":
	case "HS512":
		newHash = sha512.New
	default:
		return false
	}
	h := hmac.New(newHash, key)
	h.Write(t.input)
	return hmac.Equal(h.Sum(nil), t.signature)
}

// checkKey checks the signatures of RFC 7518 sections 3.3 and 3.4 and RFC 8037.
func (t token) checkKey(key crypto.PublicKey) bool {
	digest := sha256.Sum256(t.input)
	switch key := key.(type) {
	case *rsa.PublicKey:
		return t.alg == "RS256" && rsa.VerifyPKCS1v15(key, crypto.SHA256, digest[:], t.signature) == nil
	case *ecdsa.PublicKey:
		if t.alg != "ES256" || key.Curve.Params().Name != "P-256" || len(t.signature) != 64 {
			return false
		}
		r, s := new(big.Int).SetBytes(t.signature[:32]), new(big.Int).SetBytes(t.signature[32:])
		return ecdsa.Verify(key, digest[:], r, s)
	case ed25519.PublicKey:
		return t.alg == "EdDSA" && ed25519.Verify(key, t.input, t.signature)
	}
	return false
}

// check judges the claims of a genuine token, RFC 7519 section 4.1. It has to expire.
func (j *jwtRule) check(r *run, claims map[string]any) error {
	expires, ok := moment(claims["exp"])
	if !ok {
		return fail(ErrClaim, "exp")
	}
	if !r.in.Now.Before(expires.Add(j.leeway)) {
		return fail(ErrStale, "exp")
	}
	for _, name := range []string{"nbf", "iat"} {
		if claims[name] == nil {
			continue
		}
		if at, ok := moment(claims[name]); !ok || r.in.Now.Before(at.Add(-j.leeway)) {
			return fail(ErrStale, name)
		}
	}
	if issuer, _ := claims["iss"].(string); len(j.issuers) > 0 && !slices.Contains(j.issuers, issuer) {
		return fail(ErrClaim, "iss")
	}
	if len(j.audiences) > 0 && !slices.ContainsFunc(j.audiences, func(want []part) bool {
		return known(want, r.in.Params) && slices.Contains(audiences(claims["aud"]), expand(want, r))
	}) {
		return fail(ErrClaim, "aud")
	}
	for name, want := range j.claims {
		if text, ok := jsonpath.Text(claims[name]); !ok || text != expand(want, r) {
			return fail(ErrClaim, name)
		}
	}
	return nil
}

// audiences reads aud, which is a text or a list of them.
func audiences(v any) []string {
	switch v := v.(type) {
	case string:
		return []string{v}
	case []any:
		var list []string
		for _, one := range v {
			if text, ok := one.(string); ok {
				list = append(list, text)
			}
		}
		return list
	}
	return nil
}

// moment reads a NumericDate. It may have a fraction, and has to be of this age.
func moment(v any) (time.Time, bool) {
	n, ok := v.(json.Number)
	if !ok {
		return time.Time{}, false
	}
	seconds, err := n.Float64()
	if err != nil || math.IsNaN(seconds) || seconds < 0 || seconds > 1<<40 {
		return time.Time{}, false
	}
	return time.Unix(int64(seconds), 0), true
}
