package webhook

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/hex"
	"encoding/pem"
)

// Sizes of RSA keys that are used, in bits. Below is too weak to prove anything; above,
// checking takes long enough to be an attack.
const (
	minRSABits = 2048
	maxRSABits = 8192
)

// verifyPublicKey checks a signature that only the provider could make.
func (m *method) verifyPublicKey(ctx context.Context, r *run) (string, error) {
	signatures, stamp, err := m.signatures(r)
	if err != nil {
		return "", err
	}
	text, err := m.content(r, stamp)
	if err != nil {
		return "", err
	}
	keys, err := m.publicKeys(ctx, r)
	if err != nil {
		return "", err
	}
	var message []byte
	if m.algorithm == "ed25519" { // the only one that cannot hash as it goes
		for _, piece := range text.pieces {
			message = append(message, piece...)
		}
	} else {
		h := sha256.New()
		text.write(h, nil)
		message = h.Sum(nil)
	}
	for _, key := range keys {
		for _, signature := range signatures {
			if checkSignature(m.algorithm, key.public, message, signature) {
				return key.id, nil
			}
		}
	}
	return "", fail(ErrMismatch, m.place.Header)
}

// publicKey is a key and the ID of the secret that it was given as, if it was.
type publicKey struct {
	id     string
	public crypto.PublicKey
}

func (m *method) publicKeys(ctx context.Context, r *run) ([]publicKey, error) {
	var keys []publicKey
	switch {
	case m.keySet != "":
		kid, err := r.one(m.keyID)
		if err != nil {
			return nil, err
		}
		set, err := fetchKeySet(ctx, r.in.Keys, m.keySet)
		if err != nil {
			return nil, err
		}
		for _, k := range set {
			if k.kid == kid {
				keys = append(keys, publicKey{public: k.public})
			}
		}
	case len(m.keys) > 0:
		for _, k := range m.keys {
			keys = append(keys, publicKey{public: k})
		}
	default:
		for _, c := range m.candidates(r.in) {
			if k := parsePublicKey(string(c.key)); k != nil {
				keys = append(keys, publicKey{id: c.id, public: k})
			}
		}
	}
	if len(keys) == 0 {
		return nil, fail(ErrMismatch, "key")
	}
	return keys, nil
}

// checkSignature checks a signature of the digest, or of Ed25519 the message. A key of
// another type made no such signature.
func checkSignature(algorithm string, key crypto.PublicKey, message, signature []byte) bool {
	switch key := key.(type) {
	case *rsa.PublicKey:
		return algorithm == "rsa_sha256" && rsa.VerifyPKCS1v15(key, crypto.SHA256, message, signature) == nil
	case *ecdsa.PublicKey:
		return algorithm == "ecdsa_sha256" && ecdsa.VerifyASN1(key, message, signature)
	case ed25519.PublicKey:
		return algorithm == "ed25519" && ed25519.Verify(key, message, signature)
	}
	return false
}

// parsePublicKey reads PEM (PKIX or a certificate), or an Ed25519 key in hex or base64. It
// returns nil for what is none, and for RSA keys of sizes that are not used.
func parsePublicKey(text string) crypto.PublicKey {
	if block, _ := pem.Decode([]byte(text)); block != nil {
		if block.Type == "CERTIFICATE" {
			cert, err := x509.ParseCertificate(block.Bytes)
			if err != nil {
				return nil
			}
			return usableKey(cert.PublicKey)
		}
		key, err := x509.ParsePKIXPublicKey(block.Bytes)
		if err != nil {
			return nil
		}
		return usableKey(key)
	}
	raw, err := hex.DecodeString(text)
	if err != nil {
		raw = decodeBase64(text)
	}
	if len(raw) != ed25519.PublicKeySize {
		return nil
	}
	return ed25519.PublicKey(raw)
}

// usableKey returns the key, or nil for one that is not used.
func usableKey(key any) crypto.PublicKey {
	switch key := key.(type) {
	case *rsa.PublicKey:
		if bits := key.N.BitLen(); bits < minRSABits || bits > maxRSABits {
			return nil
		}
		return key
	case *ecdsa.PublicKey:
		return key
	case ed25519.PublicKey:
		return key
	}
	return nil
}
