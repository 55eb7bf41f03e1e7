package sign

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/hmac"
	"crypto/rand"
	"crypto/rsa"
	_ "crypto/sha256" // for crypto.SHA256
	_ "crypto/sha512" // for crypto.SHA384 and crypto.SHA512
	"encoding/asn1"
	"errors"
	"math/big"
	"strings"
)

// AlgError is the answer to an algorithm that is unknown, refused or of
// another type than the key.
type AlgError struct {
	Alg  string // one that this package knows, or "none", or empty
	Kind string // the Kind of the key, or empty when that is not what is wrong
}

func (e *AlgError) Error() string {
	switch {
	case e.Alg == "none":
		return "sign: the algorithm none signs nothing and is refused"
	case e.Alg == "":
		return "sign: the algorithm is not supported"
	case e.Kind == "":
		return "sign: the key is not for the algorithm " + e.Alg
	}
	return "sign: the algorithm " + e.Alg + " needs another key than one of type " + e.Kind
}

// ErrNoKey is the answer to signing with the zero [Key].
var ErrNoKey = errors.New("sign: there is no key")

// ErrShortKey is the answer to an RSA key too short for the algorithm: PS512
// needs 1034 bits.
var ErrShortKey = errors.New("sign: the RSA key is too short for the algorithm")

type family int

const (
	familyHMAC family = iota + 1
	familyPKCS1
	familyPSS
	familyECDSA
	familyEd25519
)

type algorithm struct {
	family family
	hash   crypto.Hash
	kind   string // that the key must have
}

// algorithms is the constant table of RFC 7518 section 3.1, RFC 8037 section
// 3.1 and RFC 9864 section 2.2.
var algorithms = map[string]algorithm{
	"HS256":   {familyHMAC, crypto.SHA256, "HMAC"},
	"HS384":   {familyHMAC, crypto.SHA384, "HMAC"},
	"HS512":   {familyHMAC, crypto.SHA512, "HMAC"},
	"RS256":   {familyPKCS1, crypto.SHA256, "RSA"},
	"RS384":   {familyPKCS1, crypto.SHA384, "RSA"},
	"RS512":   {familyPKCS1, crypto.SHA512, "RSA"},
	"PS256":   {familyPSS, crypto.SHA256, "RSA"},
	"PS384":   {familyPSS, crypto.SHA384, "RSA"},
	"PS512":   {familyPSS, crypto.SHA512, "RSA"},
	"ES256":   {familyECDSA, crypto.SHA256, "EC P-256"},
	"ES384":   {familyECDSA, crypto.SHA384, "EC P-384"},
	"ES512":   {familyECDSA, crypto.SHA512, "EC P-521"},
	"EdDSA":   {familyEd25519, 0, "Ed25519"},
	"Ed25519": {familyEd25519, 0, "Ed25519"},
}

// algFor checks that name is an algorithm and fits the key.
func algFor(name string, key Key) (algorithm, error) {
	if key.IsZero() {
		return algorithm{}, ErrNoKey
	}
	if strings.EqualFold(name, "none") {
		return algorithm{}, &AlgError{Alg: "none"}
	}
	alg, ok := algorithms[name]
	if !ok {
		return algorithm{}, &AlgError{}
	}
	if alg.kind != key.Kind() {
		return algorithm{}, &AlgError{Alg: name, Kind: key.Kind()}
	}
	if key.m.alg != "" && key.m.alg != name { // RFC 7517 section 4.4, RFC 8725 section 3.1
		return algorithm{}, &AlgError{Alg: name}
	}
	return alg, nil
}

// sign returns the signature of the JWS signing input, RFC 7518 section 3.
func (a algorithm) sign(input []byte, key Key) ([]byte, error) {
	if a.family == familyHMAC {
		mac := hmac.New(a.hash.New, key.m.secret)
		mac.Write(input)
		return mac.Sum(nil), nil
	}
	if a.family == familyEd25519 {
		return ed25519.Sign(key.m.signer.(ed25519.PrivateKey), input), nil
	}
	h := a.hash.New()
	h.Write(input)
	digest := h.Sum(nil)
	switch a.family {
	case familyPKCS1:
		return signPKCS1(key.m.signer.(*rsa.PrivateKey), a.hash, digest)
	case familyPSS:
		// Section 3.5: the salt is as long as the hash.
		opts := &rsa.PSSOptions{SaltLength: rsa.PSSSaltLengthEqualsHash}
		sig, err := rsa.SignPSS(rand.Reader, key.m.signer.(*rsa.PrivateKey), a.hash, digest, opts)
		if err != nil {
			return nil, ErrShortKey
		}
		return sig, nil
	}
	return signECDSA(key.m.signer.(*ecdsa.PrivateKey), a.hash, digest)
}

func signPKCS1(key *rsa.PrivateKey, hash crypto.Hash, digest []byte) ([]byte, error) {
	sig, err := rsa.SignPKCS1v15(nil, key, hash, digest)
	if err != nil {
		return nil, ErrShortKey
	}
	return sig, nil
}

// signECDSA returns r and s, each as long as a coordinate (RFC 7518 section
// 3.4). Without a source of randomness crypto/ecdsa signs as RFC 6979 says.
func signECDSA(key *ecdsa.PrivateKey, hash crypto.Hash, digest []byte) ([]byte, error) {
	der, err := key.Sign(nil, digest, hash)
	if err != nil {
		return nil, errors.New("sign: the EC key cannot sign")
	}
	var sig struct{ R, S *big.Int }
	if _, err := asn1.Unmarshal(der, &sig); err != nil {
		return nil, errors.New("sign: the EC key cannot sign")
	}
	size := coordinateSize(key)
	out := make([]byte, 2*size)
	sig.R.FillBytes(out[:size])
	sig.S.FillBytes(out[size:])
	return out, nil
}

// coordinateSize is that of the curve in bytes, or 0 for a curve that no JWS
// algorithm uses.
func coordinateSize(key *ecdsa.PrivateKey) int {
	switch params := key.Curve.Params(); params.Name {
	case "P-256", "P-384", "P-521":
		return (params.BitSize + 7) / 8
	}
	return 0
}
