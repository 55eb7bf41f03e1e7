package sign

import (
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rsa"
	"crypto/subtle"
	"encoding/base64"
	"encoding/json"
	"math/big"
)

// jwk has the members of RFC 7517 section 4 and RFC 7518 section 6 that a
// private key needs. The numbers are base64url without padding.
type jwk struct {
	Kty string `json:"kty"`
	Kid string `json:"kid"`
	Alg string `json:"alg"`
	Crv string `json:"crv"`
	K   string `json:"k"`
	N   string `json:"n"`
	E   string `json:"e"`
	D   string `json:"d"`
	P   string `json:"p"`
	Q   string `json:"q"`
	X   string `json:"x"`
	Y   string `json:"y"`

	Keys []jwk `json:"keys"` // a set, RFC 7517 section 5
}

func (k *jwk) private() bool { return k.D != "" || k.K != "" }

func parseJWK(text string) (*material, Problem) {
	var k jwk
	if err := json.Unmarshal([]byte(text), &k); err != nil {
		return nil, ProblemJWK
	}
	if k.Kty == "" && len(k.Keys) > 0 {
		// Consoles offer the private key inside a set, beside its public half.
		at := -1
		for i := range k.Keys {
			if k.Keys[i].private() {
				if at >= 0 {
					return nil, ProblemJWKSet
				}
				at = i
			}
		}
		if at < 0 {
			return nil, ProblemJWKSet
		}
		k = k.Keys[at]
	}
	m, problem := k.material()
	if problem != "" {
		return nil, problem
	}
	m.id, m.alg = k.Kid, k.Alg
	return m, ""
}

func (k *jwk) material() (*material, Problem) {
	switch k.Kty {
	case "RSA":
		return k.rsa()
	case "EC":
		return k.ec()
	case "OKP":
		return k.okp()
	case "oct":
		secret, ok := jwkBytes(k.K)
		if !ok {
			return nil, ProblemJWK
		}
		return &material{secret: secret}, ""
	case "":
		return nil, ProblemJWK
	}
	return nil, ProblemUnsupported
}

// rsa needs the primes (RFC 7518 section 6.3.2); a JWK with d alone is legal
// but nobody makes one. The other values are computed again.
func (k *jwk) rsa() (*material, Problem) {
	n, okN := jwkInt(k.N)
	e, okE := jwkInt(k.E)
	if !okN || !okE || !e.IsInt64() || e.Int64() > 1<<31-1 {
		return nil, ProblemJWK
	}
	if k.D == "" {
		return nil, ProblemPublic
	}
	d, okD := jwkInt(k.D)
	p, okP := jwkInt(k.P)
	q, okQ := jwkInt(k.Q)
	if !okD || !okP || !okQ {
		return nil, ProblemJWK
	}
	key := &rsa.PrivateKey{
		PublicKey: rsa.PublicKey{N: n, E: int(e.Int64())},
		D:         d,
		Primes:    []*big.Int{p, q},
	}
	// Size and product first: validating primes of 40000 bits takes minutes.
	m, problem := newMaterial(key)
	if problem != "" {
		return nil, problem
	}
	if d.BitLen() > n.BitLen() || new(big.Int).Mul(p, q).Cmp(n) != 0 {
		return nil, ProblemJWKMismatch
	}
	key.Precompute()
	if key.Validate() != nil {
		return nil, ProblemJWKMismatch
	}
	return m, ""
}

func (k *jwk) ec() (*material, Problem) {
	curve, ok := map[string]elliptic.Curve{
		"P-256": elliptic.P256(), "P-384": elliptic.P384(), "P-521": elliptic.P521(),
	}[k.Crv]
	if !ok {
		return nil, ProblemUnsupported
	}
	if k.D == "" {
		return nil, ProblemPublic
	}
	d, ok := jwkInt(k.D)
	size := (curve.Params().BitSize + 7) / 8
	if !ok || d.BitLen() > size*8 {
		return nil, ProblemJWK
	}
	// RFC 7518 section 6.2.2.1 fixes the length of d; some libraries drop its
	// leading zeros.
	key, err := ecdsa.ParseRawPrivateKey(curve, d.FillBytes(make([]byte, size)))
	if err != nil {
		return nil, ProblemJWK
	}
	point, err := key.PublicKey.Bytes()
	if err != nil || !samePart(k.X, point[1:1+size]) || !samePart(k.Y, point[1+size:]) {
		return nil, ProblemJWKMismatch
	}
	return newMaterial(key)
}

// okp reads Ed25519 of RFC 8037 section 2.
func (k *jwk) okp() (*material, Problem) {
	if k.Crv != "Ed25519" {
		return nil, ProblemUnsupported
	}
	if k.D == "" {
		return nil, ProblemPublic
	}
	seed, ok := jwkBytes(k.D)
	if !ok || len(seed) != ed25519.SeedSize {
		return nil, ProblemJWK
	}
	key := ed25519.NewKeyFromSeed(seed)
	if !samePart(k.X, key[ed25519.SeedSize:]) {
		return nil, ProblemJWKMismatch
	}
	return newMaterial(key)
}

// samePart reports whether the number text, if it is there, is want.
func samePart(text string, want []byte) bool {
	if text == "" {
		return true
	}
	got, ok := jwkInt(text)
	if !ok || got.BitLen() > len(want)*8 {
		return false
	}
	return subtle.ConstantTimeCompare(got.FillBytes(make([]byte, len(want))), want) == 1
}

func jwkBytes(text string) ([]byte, bool) {
	b, err := base64.RawURLEncoding.DecodeString(text)
	return b, err == nil && len(b) > 0
}

// jwkInt reads a positive number.
func jwkInt(text string) (*big.Int, bool) {
	b, ok := jwkBytes(text)
	if !ok {
		return nil, false
	}
	n := new(big.Int).SetBytes(b)
	return n, n.Sign() > 0
}
