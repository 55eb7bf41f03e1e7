package sign

import (
	"crypto/sha1" // what the protocol has
	"encoding/base64"
	"encoding/hex"
	"errors"
	"time"
)

// wsseTime is ISO 8601 with milliseconds, in UTC.
const wsseTime = "2006-01-02T15:04:05.000Z"

// WSSE returns the value of an X-WSSE header, a UsernameToken, as the Core API of
// Emarsys wants it. Its digest is base64 of the hexadecimal digits of SHA-1 of nonce, created and
// password, and not base64 of the bytes of the hash, which is what the
// UsernameToken Profile of OASIS says. nonce is used as it is ([NewNonce] makes
// one), and created is sent in UTC to the millisecond.
//
// It fails when one of them is missing, or has a control character.
func WSSE(username, password, nonce string, created time.Time) (string, error) {
	switch {
	case username == "" || password == "":
		return "", errors.New("sign: WSSE needs a user name and a password")
	case nonce == "" || created.IsZero():
		return "", errors.New("sign: WSSE needs a nonce and a time")
	case !isHeaderValue(username) || !isHeaderValue(nonce):
		return "", errors.New("sign: the WSSE user name or nonce has a control character")
	}
	at := created.UTC().Format(wsseTime)
	sum := sha1.Sum([]byte(nonce + at + password))
	digest := base64.StdEncoding.EncodeToString([]byte(hex.EncodeToString(sum[:])))
	return "UsernameToken Username=" + quoted(username) + `, PasswordDigest="` + digest +
		`", Nonce=` + quoted(nonce) + `, Created="` + at + `"`, nil
}
