package tieline

import (
	"encoding/base64"
	"encoding/binary"
	"fmt"
	"io"

	"github.com/tieline/tieline/internal/ids"
)

func (c *core) newRowID() (string, error) {
	b, err := c.random(16)
	if err != nil {
		return "", err
	}
	return ids.Encode(b), nil
}

// newToken is 32 random bytes as 43 characters of base64url, which is also what
// RFC 7636 section 4.1 recommends for a PKCE verifier.
func (c *core) newToken() (string, error) {
	b, err := c.random(32)
	if err != nil {
		return "", err
	}
	return base64.RawURLEncoding.EncodeToString(b), nil
}

// newConnectionID is a random UUID (RFC 9562, version 4).
func (c *core) newConnectionID() (string, error) {
	b, err := c.random(16)
	if err != nil {
		return "", err
	}
	b[6] = b[6]&0x0f | 0x40
	b[8] = b[8]&0x3f | 0x80
	return fmt.Sprintf("%x-%x-%x-%x-%x", b[:4], b[4:6], b[6:8], b[8:10], b[10:]), nil
}

// newMark is a random number other than 0.
func (c *core) newMark() (int64, error) {
	b, err := c.random(8)
	if err != nil {
		return 0, err
	}
	return int64(binary.BigEndian.Uint64(b) | 1), nil
}

func (c *core) random(n int) ([]byte, error) {
	b := make([]byte, n)
	if _, err := io.ReadFull(c.rand, b); err != nil {
		return nil, fmt.Errorf("read randomness: %w", err)
	}
	return b, nil
}

// numberOf is the numeric ID that goes with a row ID: 53 of its random bits, so
// that it survives a trip through JavaScript, and never 0.
func numberOf(rowID string) int64 {
	b, err := ids.Decode(rowID)
	if err != nil || len(b) < 8 {
		return 0
	}
	return max(1, int64(binary.BigEndian.Uint64(b)>>11))
}
