package sign

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"io"
	"math"
	"strconv"
	"strings"
	"time"
)

// maxToken bounds the tokens that [Claims] reads, in bytes. Headers of HTTP
// servers end far below.
const maxToken = 64 << 10

// lastSecond is 9999-12-31T23:59:59Z, the last time that RFC 3339, and so JSON,
// can express.
const lastSecond = 253402300799

// Claims reads the claims of a JWT (RFC 7519) without verifying it: they are
// hints from whoever sent the token and decide nothing. Numbers are
// json.Number. It reports false for everything else, opaque and encrypted
// tokens included.
func Claims(token string) (map[string]any, bool) {
	if len(token) > maxToken {
		return nil, false
	}
	header, rest, ok := strings.Cut(token, ".")
	if !ok {
		return nil, false
	}
	payload, sig, ok := strings.Cut(rest, ".")
	if !ok || strings.Contains(sig, ".") {
		return nil, false
	}
	if _, ok := decodeObject(header); !ok {
		return nil, false
	}
	return decodeObject(payload)
}

func decodeObject(part string) (map[string]any, bool) {
	raw, err := base64.RawURLEncoding.DecodeString(strings.TrimRight(part, "="))
	if err != nil {
		return nil, false
	}
	dec := json.NewDecoder(bytes.NewReader(raw))
	dec.UseNumber()
	var object map[string]any
	if err := dec.Decode(&object); err != nil || object == nil {
		return nil, false
	}
	if _, err := dec.Token(); err != io.EOF { // something follows
		return nil, false
	}
	return object, true
}

// ExpiryOf returns the exp of an unverified JWT, RFC 7519 section 4.1.4, in UTC
// and to the second, rounded towards the past. It reports false when there is
// none, or one before 1970 or after the year 9999. Digits in a string are
// taken too: some issuers write them so.
func ExpiryOf(token string) (time.Time, bool) {
	claims, ok := Claims(token)
	if !ok {
		return time.Time{}, false
	}
	var text string
	switch exp := claims["exp"].(type) {
	case json.Number:
		text = exp.String()
	case string:
		if strings.Trim(exp, "0123456789") != "" { // ParseFloat takes much more
			return time.Time{}, false
		}
		text = exp
	default:
		return time.Time{}, false
	}
	seconds, err := strconv.ParseFloat(text, 64)
	if err != nil || !(seconds > 0 && seconds <= lastSecond) {
		return time.Time{}, false
	}
	return time.Unix(int64(math.Floor(seconds)), 0).UTC(), true
}
