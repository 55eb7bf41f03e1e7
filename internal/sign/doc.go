// Package sign makes the signatures that providers ask for: JSON Web Tokens
// (RFC 7515, 7518 and 7519), client assertions (RFC 7523), AWS Signature
// Version 4, OAuth 1.0a (RFC 5849) and the WSSE UsernameToken of X-WSSE.
//
// Nothing here does I/O or reads a clock, and nonces are parameters. The one
// exception is the salt of PS256, PS384 and PS512, which comes from crypto/rand:
// every other signature is a function of what goes in, ECDSA included (RFC
// 6979).
//
// Errors are fixed sentences and names of algorithms and headers. They hold no
// byte of a key, of a token or of a signed value. The types that hold secrets
// print as "[secret]".
package sign

import (
	"encoding/hex"
	"errors"
	"fmt"
	"io"
)

const redacted = "[secret]"

// nonceSize is the entropy of a nonce in bytes, that of a random UUID and more.
const nonceSize = 16

// NewNonce returns 16 bytes of random as 32 hexadecimal digits: a nonce for
// [OAuth1.Header] and [WSSE], a jti for [ClientAssertion]. It fails only when
// random does.
func NewNonce(random io.Reader) (string, error) {
	if random == nil {
		return "", errors.New("sign: a nonce needs a source of randomness")
	}
	var b [nonceSize]byte
	if _, err := io.ReadFull(random, b[:]); err != nil {
		return "", fmt.Errorf("sign: reading randomness: %w", err)
	}
	return hex.EncodeToString(b[:]), nil
}
