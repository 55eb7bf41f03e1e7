package webhook

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rsa"
	"encoding/base64"
	"encoding/json"
	"errors"
	"math/big"
)

const (
	// maxDocument bounds a key set in bytes. Google's has 2 KiB, Microsoft's 100 KiB.
	maxDocument = 1 << 20
	maxKeys     = 200
)

// fetch asks the key source. The context's error passes as it is.
func fetch(ctx context.Context, keys KeySource, url string) ([]byte, error) {
	document, err := keys.Fetch(ctx, url)
	if ctxErr := ctx.Err(); ctxErr != nil {
		return nil, ctxErr
	}
	if err == nil && len(document) > maxDocument {
		err = errors.New("webhook: the key document is too large")
	}
	if err != nil {
		e := fail(ErrUnavailable, "keys")
		e.cause = err
		return nil, e
	}
	return document, nil
}

// setKey is a key of a JWK set.
type setKey struct {
	kid, alg string
	public   crypto.PublicKey
}

// fetchKeySet returns the keys of a set that can check signatures. One that cannot be read
// is left out: a set may have keys of a kind that is not known here.
func fetchKeySet(ctx context.Context, source KeySource, url string) ([]setKey, error) {
	document, err := fetch(ctx, source, url)
	if err != nil {
		return nil, err
	}
	var set struct {
		Keys []jwk `json:"keys"`
	}
	if json.Unmarshal(document, &set) != nil || len(set.Keys) == 0 || len(set.Keys) > maxKeys {
		return nil, fail(ErrUnavailable, "keys")
	}
	var keys []setKey
	for _, k := range set.Keys {
		if public := k.public(); public != nil && (k.Use == "" || k.Use == "sig") {
			keys = append(keys, setKey{kid: k.Kid, alg: k.Alg, public: public})
		}
	}
	return keys, nil
}

// jwk has the members of RFC 7517 section 4, RFC 7518 section 6 and RFC 8037 section 2
// that a public key needs.
type jwk struct {
	Kty string `json:"kty"`
	Use string `json:"use"`
	Kid string `json:"kid"`
	Alg string `json:"alg"`
	Crv string `json:"crv"`
	N   string `json:"n"`
	E   string `json:"e"`
	X   string `json:"x"`
	Y   string `json:"y"`
}

func (k *jwk) public() crypto.PublicKey {
	switch k.Kty {
	case "RSA":
		n, e := number(k.N), number(k.E)
		if n == nil || e == nil || e.BitLen() > 31 {
			return nil
		}
		return usableKey(&rsa.PublicKey{N: n, E: int(e.Int64())})
	case "EC":
		return k.elliptic()
	case "OKP":
		raw, err := base64.RawURLEncoding.DecodeString(k.X)
		if err != nil || k.Crv != "Ed25519" || len(raw) != ed25519.PublicKeySize {
			return nil
		}
		return ed25519.PublicKey(raw)
	}
	return nil
}

func (k *jwk) elliptic() crypto.PublicKey {
	curve, ok := map[string]elliptic.Curve{"P-256": elliptic.P256(), "P-384": elliptic.P384()}[k.Crv]
	if !ok {
		return nil
	}
	size := (curve.Params().BitSize + 7) / 8
	x, errX := base64.RawURLEncoding.DecodeString(k.X)
	y, errY := base64.RawURLEncoding.DecodeString(k.Y)
	if errX != nil || errY != nil || len(x) != size || len(y) != size {
		return nil
	}
	point := append(append([]byte{4}, x...), y...)
	key, err := ecdsa.ParseUncompressedPublicKey(curve, point)
	if err != nil {
		return nil
	}
	return key
}

// number reads a positive number, or returns nil.
func number(text string) *big.Int {
	raw, err := base64.RawURLEncoding.DecodeString(text)
	if err != nil || len(raw) > maxRSABits/8+1 {
		return nil
	}
	n := new(big.Int).SetBytes(raw)
	if n.Sign() <= 0 {
		return nil
	}
	return n
}
