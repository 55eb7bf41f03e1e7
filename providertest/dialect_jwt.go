package providertest

import (
	"cmp"
	"crypto"
	"crypto/ecdsa"
	"crypto/hmac"
	"crypto/rsa"
	"crypto/sha1"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"math/big"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"time"
)

// jwtRules is what a JSON Web Token that the client signs must look like.
type jwtRules struct {
	alg             string
	header, payload map[string]any // templates
	secret          []byte         // for HS256
	public          any            // *rsa.PublicKey or *ecdsa.PublicKey
	life            time.Duration
	atMost          bool // life is the longest allowed, not the exact one
	fresh           bool // iat must be about now
	view            *view
}

// claims are the parts of a token, decoded.
type claims struct{ header, payload map[string]any }

// check tells what is wrong with a token (RFC 7515, RFC 7519).
func (j *jwtRules) check(token string) (claims, []string) {
	var c claims
	parts := strings.Split(token, ".")
	if len(parts) != 3 {
		return c, []string{fmt.Sprintf("%q is no JSON Web Token", token)}
	}
	var raw [3][]byte
	for i, p := range parts {
		b, err := base64.RawURLEncoding.DecodeString(p)
		if err != nil {
			return c, []string{fmt.Sprintf("part %d of the JSON Web Token is no base64url without padding", i+1)}
		}
		raw[i] = b
	}
	if json.Unmarshal(raw[0], &c.header) != nil || json.Unmarshal(raw[1], &c.payload) != nil {
		return c, []string{"the JSON Web Token holds no JSON"}
	}
	var bad []string
	if alg := textOf(c.header["alg"]); alg != j.alg {
		bad = append(bad, fmt.Sprintf("the JWT's alg is %q, want %q", alg, j.alg))
	}
	if !j.signed([]byte(parts[0]+"."+parts[1]), raw[2]) {
		bad = append(bad, "the JWT's signature is wrong")
	}
	bad = append(bad, j.section("header", j.header, c.header, "alg", "typ")...)
	bad = append(bad, j.section("payload", j.payload, c.payload, "iat", "exp", "nbf")...)
	if typ, ok := c.header["typ"]; ok && j.header["typ"] == nil && typ != "JWT" {
		bad = append(bad, fmt.Sprintf("the JWT's typ is %v", typ))
	}
	bad = append(bad, j.view.finish()...)
	return c, append(bad, j.times(c.payload)...)
}

// signed verifies the signature with the algorithm of the entry.
func (j *jwtRules) signed(input, sig []byte) bool {
	sum := sha256.Sum256(input)
	switch j.alg {
	case "HS256":
		mac := hmac.New(sha256.New, j.secret)
		mac.Write(input)
		return hmac.Equal(mac.Sum(nil), sig)
	case "RS256":
		key, ok := j.public.(*rsa.PublicKey)
		return ok && rsa.VerifyPKCS1v15(key, crypto.SHA256, sum[:], sig) == nil
	case "PS256":
		key, ok := j.public.(*rsa.PublicKey)
		o := &rsa.PSSOptions{SaltLength: rsa.PSSSaltLengthEqualsHash, Hash: crypto.SHA256}
		return ok && rsa.VerifyPSS(key, crypto.SHA256, sum[:], sig, o) == nil
	case "ES256":
		key, ok := j.public.(*ecdsa.PublicKey)
		if !ok || len(sig) != 64 {
			return false
		}
		return ecdsa.Verify(key, sum[:], new(big.Int).SetBytes(sig[:32]), new(big.Int).SetBytes(sig[32:]))
	}
	return false
}

// section compares the header or the payload with its templates. An entry whose
// variables have no value is dropped; a list is split at commas.
func (j *jwtRules) section(what string, want, got map[string]any, free ...string) []string {
	var bad []string
	for _, k := range sortedKeys(want) {
		if k == "alg" {
			continue
		}
		if list, ok := want[k].([]any); ok {
			bad = append(bad, j.list(what+"."+k, list, got[k])...)
			continue
		}
		template := textOf(want[k])
		s, there := got[k].(string)
		switch resolved := j.view.resolved(template); {
		case !resolved && got[k] == nil:
		case !there:
			bad = append(bad, fmt.Sprintf("the JWT's %s.%s is %v, want text", what, k, got[k]))
		default:
			j.view.learn(template, s, false)
			if p := j.view.compare(template, s, false); p != "" {
				bad = append(bad, "the JWT's "+what+"."+k+" "+p)
			}
			delete(j.view.bound, "random") // each is its own
		}
	}
	for _, k := range sortedKeys(got) {
		if _, ok := want[k]; !ok && !slices.Contains(free, k) {
			bad = append(bad, fmt.Sprintf("the JWT's %s.%s is not asked for", what, k))
		}
	}
	return bad
}

func (j *jwtRules) list(what string, want []any, got any) []string {
	var expected []string
	for _, x := range want {
		text, known, _ := j.view.want(textOf(x), false)
		for _, part := range strings.Split(text, ",") {
			if part = strings.TrimSpace(part); known && part != "" {
				expected = append(expected, part)
			}
		}
	}
	if got != nil && len(expected) == 0 {
		return []string{fmt.Sprintf("the JWT's %s is %v, want none", what, got)}
	}
	if !slices.Equal(textsOf(got), expected) {
		return []string{fmt.Sprintf("the JWT's %s is %v, want %q", what, got, expected)}
	}
	return nil
}

// times checks iat and exp, in seconds since 1970.
func (j *jwtRules) times(payload map[string]any) []string {
	iat, ok1 := payload["iat"].(float64)
	exp, ok2 := payload["exp"].(float64)
	if !ok1 || !ok2 {
		return []string{"the JWT's iat or exp is no number"}
	}
	now := j.view.d.now()
	issued, expires := time.Unix(int64(iat), 0), time.Unix(int64(exp), 0)
	var bad []string
	if issued.After(now.Add(clockSkew)) || j.fresh && issued.Before(now.Add(-j.life-clockSkew)) {
		bad = append(bad, fmt.Sprintf("the JWT's iat is %s, and it is %s", issued.UTC(), now.UTC()))
	}
	if !expires.After(now) && !j.fresh {
		bad = append(bad, "the JWT has expired")
	}
	life := expires.Sub(issued)
	if j.atMost && life > j.life || !j.atMost && life != j.life {
		bad = append(bad, fmt.Sprintf("the JWT lives for %s, want %s", life, j.life))
	}
	return bad
}

// tokenRules are those of the entry's signature and token: a JWT of the mode JWT,
// or the ${token} of a sign-in.
func (d *Dialect) tokenRules(v *view) *jwtRules {
	j := &jwtRules{
		alg:     textOf(dig(d.entry, "token", "header", "alg")),
		header:  mapOf(dig(d.entry, "token", "header")),
		payload: mapOf(dig(d.entry, "token", "payload")),
		view:    v,
	}
	if ms, ok := numberOf(dig(d.entry, "token", "expires_in_ms")); ok {
		j.life = time.Duration(ms) * time.Millisecond
	}
	// The key is one text, also with "||" in it: there is no fallback here.
	key, _, _ := v.want(textOf(dig(d.entry, "token", "signing_key")), false)
	if textOf(dig(d.entry, "signature", "protocol")) != "HMAC" {
		j.public = publicOf(key)
		return j
	}
	j.secret = []byte(key)
	if textOf(dig(d.entry, "signature", "hmac_secret_encoding")) != "utf8" {
		j.secret, _ = hex.DecodeString(key)
	}
	return j
}

func publicOf(pemText string) any {
	key, err := parsePrivate(pemText)
	if err != nil {
		return nil
	}
	return key.Public()
}

// assertionRules are those of a client assertion that is a JWT.
func (d *Dialect) assertionRules(v *view) *jwtRules {
	key, _, _ := v.want(textOf(dig(d.entry, "assertion", "key")), false)
	j := &jwtRules{
		alg:     textOf(dig(d.entry, "assertion", "header", "alg")),
		header:  mapOf(dig(d.entry, "assertion", "header")),
		payload: mapOf(dig(d.entry, "assertion", "payload")),
		public:  publicOf(key),
		life:    time.Hour,
		view:    v,
	}
	if n, ok := numberOf(dig(d.entry, "assertion", "lifetimeInSeconds")); ok {
		j.life = time.Duration(n) * time.Second
	}
	return j
}

// checkAssertionClient checks private_key_jwt (RFC 7523 section 2.2).
func (d *Dialect) checkAssertionClient(h *hit, p url.Values, id string) {
	d.noAuthorization(h)
	d.equal(h.role, "parameter client_assertion_type", p["client_assertion_type"], "urn:ietf:params:oauth:client-assertion-type:jwt-bearer")
	if p.Has("client_id") {
		d.equal(h.role, "parameter client_id", p["client_id"], id)
	}
	if p.Has("client_secret") {
		d.problem(h.role, "parameter client_secret is sent beside an assertion")
	}
	key, err := parsePublicJWK(cmp.Or(d.in.Credentials["client_private_key"], d.in.ClientSecret))
	if err != nil {
		d.problem(h.role, "the inputs have no JSON Web Key")
		return
	}
	aud := *h.url
	aud.RawQuery = ""
	v := d.newView(nil, nil)
	v.values["kid"], v.values["id"], v.values["aud"] = keyID, id, aud.String()
	j := &jwtRules{
		alg: "RS256", public: key, life: 5 * time.Minute, atMost: true, view: v,
		header:  map[string]any{"kid": "${kid}"},
		payload: map[string]any{"iss": "${id}", "sub": "${id}", "aud": "${aud}", "jti": textOf(jtiOf(p.Get("client_assertion")))},
	}
	_, bad := j.check(p.Get("client_assertion"))
	for _, b := range bad {
		d.problem(h.role, "%s", b)
	}
	jti := "jti:" + jtiOf(p.Get("client_assertion"))
	if jti == "jti:" || d.grants.states[jti] {
		d.problem(h.role, "the assertion's jti is missing or was used before")
	}
	d.grants.states[jti] = true
	for _, n := range []string{"client_assertion_type", "client_assertion", "client_id", "client_secret"} {
		p.Del(n)
	}
}

func jtiOf(token string) string {
	parts := strings.Split(token, ".")
	if len(parts) != 3 {
		return ""
	}
	raw, _ := base64.RawURLEncoding.DecodeString(parts[1])
	var payload map[string]any
	_ = json.Unmarshal(raw, &payload) // a token that is none has no jti
	return textOf(payload["jti"])
}

// selfMade checks an API request whose token the client made by itself.
func (d *Dialect) selfMade(h *hit, v *view, p placement) (*issued, []string) {
	var expires time.Time
	v.open["accessToken"] = func(token string) []string {
		if d.mode == "SIGNATURE" {
			created, bad := d.checkWSSE(token)
			ms, _ := numberOf(dig(d.entry, "token", "expires_in_ms"))
			expires = created.Add(time.Duration(ms) * time.Millisecond)
			return bad
		}
		j := d.tokenRules(d.newView(nil, nil))
		j.fresh = true
		c, bad := j.check(token)
		exp, _ := c.payload["exp"].(float64)
		expires = time.Unix(int64(exp), 0)
		return bad
	}
	bad := d.placed(h, v, p)
	token, ok := v.bound["accessToken"]
	if !ok {
		return nil, append(bad, "there is no token")
	}
	for _, a := range d.grants.access {
		if a.value == token {
			return a, bad
		}
	}
	a := &issued{value: token, kind: "made", expires: expires}
	d.grants.access = append(d.grants.access, a)
	return a, bad
}

var wsseForm = regexp.MustCompile(`^UsernameToken Username="([^"]*)", ?PasswordDigest="([^"]*)", ?Nonce="([^"]*)", ?Created="([^"]*)"$`)

// checkWSSE checks a UsernameToken: the digest is the base64 of the hex digits of
// the SHA-1 of nonce, time and password.
func (d *Dialect) checkWSSE(token string) (time.Time, []string) {
	m := wsseForm.FindStringSubmatch(token)
	if m == nil {
		return time.Time{}, []string{fmt.Sprintf("%q is no UsernameToken", token)}
	}
	var bad []string
	if m[1] != d.in.Credentials["username"] {
		bad = append(bad, fmt.Sprintf("the UsernameToken is for %q", m[1]))
	}
	sum := sha1.Sum([]byte(m[3] + m[4] + d.in.Credentials["password"]))
	if want := base64.StdEncoding.EncodeToString([]byte(hex.EncodeToString(sum[:]))); m[2] != want {
		bad = append(bad, fmt.Sprintf("the PasswordDigest is %q, want %q", m[2], want))
	}
	if nonce, err := hex.DecodeString(m[3]); err != nil || len(nonce) != 16 {
		bad = append(bad, fmt.Sprintf("the Nonce is %q, want 16 bytes in hex", m[3]))
	}
	created, err := time.Parse(time.RFC3339, m[4])
	if err != nil || created.After(d.now().Add(clockSkew)) {
		bad = append(bad, fmt.Sprintf("Created is %q", m[4]))
	}
	return created, bad
}
