package sign

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/rsa"
	"encoding/hex"
	"fmt"
	"log/slog"
	"strings"
)

const (
	// maxKeyText bounds what ParseKey looks at, in bytes. RSA of 8192 bits as
	// base64 of base64 of a PEM is about 12 KiB.
	maxKeyText = 32 << 10

	// minRSABits is where crypto/rsa stops signing. RFC 7518 section 3.3 asks
	// for 2048, but providers still hand out shorter keys and only they could
	// replace them.
	minRSABits = 1024

	// maxRSABits is that of crypto/tls. It bounds the time that checking the
	// primes takes.
	maxRSABits = 8192
)

// Problem says what is wrong with the text of a key.
type Problem string

// What [ParseKey] can find wrong.
const (
	ProblemEmpty       Problem = "it is empty"
	ProblemTooLong     Problem = "it is longer than a key can be"
	ProblemUnknown     Problem = "it is neither PEM, nor base64 of PEM or DER, nor a JWK"
	ProblemTruncated   Problem = "the PEM has no END line; a part is missing"
	ProblemDamaged     Problem = "the content cannot be read as a private key; a part is missing or was changed, or the type is not supported"
	ProblemEncrypted   Problem = "it is encrypted with a passphrase; decrypt it first"
	ProblemPublic      Problem = "it is a public key; the private key is needed"
	ProblemCertificate Problem = "it is a certificate; the private key is needed"
	ProblemOpenSSH     Problem = "it is in OpenSSH form; convert it to PKCS #8"
	ProblemUnsupported Problem = "its type or curve is not supported; RSA, EC P-256, P-384 and P-521, and Ed25519 are"
	ProblemShort       Problem = "the RSA key has fewer than 1024 bits"
	ProblemHuge        Problem = "the RSA key has more than 8192 bits"
	ProblemHex         Problem = "it is not hexadecimal"
	ProblemSecret      Problem = "it is a private key in PEM, where a shared secret is needed"
	ProblemJWK         Problem = "the JWK is not valid JSON, or lacks a member of a private key"
	ProblemJWKMismatch Problem = "the public and the private part of the JWK do not belong together"
	ProblemJWKSet      Problem = "the JWK set does not hold exactly one private key"
)

// KeyError is the answer of [ParseKey] to text that is no usable key. It tells
// what is wrong and nothing of the text.
type KeyError struct{ Problem Problem }

func (e *KeyError) Error() string { return "sign: the key cannot be used: " + string(e.Problem) }

// Encoding says how [ParseKey] has to take the text.
type Encoding int

const (
	// Asymmetric is a private key: PEM, base64 of it, DER, or a JWK. A shared
	// secret is never guessed from text that was meant to be one.
	Asymmetric Encoding = iota
	// SecretHex is an HMAC secret in hexadecimal digits.
	SecretHex
	// SecretUTF8 is an HMAC secret whose bytes are those of the text.
	SecretUTF8
)

// Key signs. Make it with [ParseKey]; the zero Key signs nothing. It prints as
// "[secret]".
type Key struct {
	// A pointer, so that fmt shows an address even for a Key in somebody's
	// unexported field.
	m *material
}

// material is one of a signer and a secret.
type material struct {
	signer crypto.Signer // *rsa.PrivateKey, *ecdsa.PrivateKey or ed25519.PrivateKey
	secret []byte
	id     string
	alg    string // the only algorithm that a JWK allows, or empty
}

// ParseKey reads a key the way users paste it. A private key may have literal
// \n for line breaks, none at all, CRLF, quotes or spaces around it, and may be
// base64 of its PEM, or base64 of that. Encrypted keys are refused. A JWK (RFC
// 7517, 7518 section 6, 8037) keeps its kid; a JWK of kty oct is a secret.
//
// A secret is taken byte by byte, with the spaces around a hexadecimal one
// removed. RFC 7518 section 3.2 asks for as many bytes as the hash has; shorter
// ones are accepted because the provider chooses them.
//
// The error is a *[KeyError].
func ParseKey(text string, as Encoding) (Key, error) {
	m, problem := parseKey(text, as)
	if problem != "" {
		return Key{}, &KeyError{Problem: problem}
	}
	return Key{m: m}, nil
}

func parseKey(text string, as Encoding) (*material, Problem) {
	switch {
	case len(text) > maxKeyText:
		return nil, ProblemTooLong
	case strings.TrimSpace(text) == "":
		return nil, ProblemEmpty
	case as == SecretHex:
		secret, err := hex.DecodeString(strings.TrimSpace(text))
		if err != nil {
			return nil, ProblemHex
		}
		return &material{secret: secret}, ""
	case as == SecretUTF8:
		// Signing with the text of a private key would give the provider, who
		// has to know a shared secret, nothing to check it with.
		if strings.Contains(text, "PRIVATE KEY-----") {
			return nil, ProblemSecret
		}
		return &material{secret: []byte(text)}, ""
	}
	return parsePrivate(text, maxBase64Layers)
}

// newMaterial checks what crypto/x509 or a JWK gave.
func newMaterial(key any) (*material, Problem) {
	switch key := key.(type) {
	case *rsa.PrivateKey:
		if bits := key.N.BitLen(); bits < minRSABits {
			return nil, ProblemShort
		} else if bits > maxRSABits {
			return nil, ProblemHuge
		}
		return &material{signer: key}, ""
	case *ecdsa.PrivateKey:
		if coordinateSize(key) == 0 {
			return nil, ProblemUnsupported
		}
		return &material{signer: key}, ""
	case ed25519.PrivateKey:
		return &material{signer: key}, ""
	}
	return nil, ProblemUnsupported
}

// IsZero reports whether k signs nothing.
func (k Key) IsZero() bool { return k.m == nil }

// ID returns the kid of the JWK that k was, or "".
func (k Key) ID() string {
	if k.m == nil {
		return ""
	}
	return k.m.id
}

// Kind names the type: "RSA", "EC P-256", "EC P-384", "EC P-521", "Ed25519",
// "HMAC", or "" for the zero Key.
func (k Key) Kind() string {
	if k.m == nil {
		return ""
	}
	switch s := k.m.signer.(type) {
	case *rsa.PrivateKey:
		return "RSA"
	case *ecdsa.PrivateKey:
		return "EC " + s.Curve.Params().Name
	case ed25519.PrivateKey:
		return "Ed25519"
	}
	return "HMAC"
}

// Alg returns the JWS algorithm to use when nothing else says one: that of the
// JWK, else RS256, ES256, ES384, ES512, EdDSA or HS256. It is "" for the zero
// Key.
func (k Key) Alg() string {
	if k.m == nil {
		return ""
	}
	if k.m.alg != "" {
		return k.m.alg
	}
	return map[string]string{
		"RSA": "RS256", "EC P-256": "ES256", "EC P-384": "ES384", "EC P-521": "ES512",
		"Ed25519": "EdDSA", "HMAC": "HS256",
	}[k.Kind()]
}

// Signer returns the private key as a crypto.Signer. A shared secret has none.
func (k Key) Signer() (crypto.Signer, bool) {
	if k.m == nil || k.m.signer == nil {
		return nil, false
	}
	return k.m.signer, true
}

// String returns "[secret]".
func (k Key) String() string { return redacted }

// Format writes "[secret]" whatever the verb.
func (k Key) Format(f fmt.State, _ rune) { _, _ = f.Write([]byte(redacted)) }

// LogValue returns "[secret]".
func (k Key) LogValue() slog.Value { return slog.StringValue(redacted) }

// MarshalText returns "[secret]".
func (k Key) MarshalText() ([]byte, error) { return []byte(redacted), nil }
