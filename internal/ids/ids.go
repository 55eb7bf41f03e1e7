// Package ids writes the IDs of rows, and the hashes that stand for names in them.
package ids

import (
	"crypto/sha256"
	"encoding/base32"
	"encoding/binary"
)

func encoding() *base32.Encoding {
	return base32.NewEncoding("abcdefghijklmnopqrstuvwxyz234567").WithPadding(base32.NoPadding)
}

// Encode writes bytes in lower case without padding: 128 bits are 26 characters.
func Encode(b []byte) string { return encoding().EncodeToString(b) }

// Decode is the opposite of [Encode].
func Decode(id string) ([]byte, error) { return encoding().DecodeString(id) }

// Digest is a hash of parts, each with its length before it, so that no two lists of
// parts are one.
func Digest(parts ...string) []byte {
	h := sha256.New()
	for _, p := range parts {
		h.Write(binary.AppendUvarint(nil, uint64(len(p))))
		h.Write([]byte(p))
	}
	return h.Sum(nil)
}
