package webhook

import (
	"context"
	"crypto"
	"encoding/base64"
	"encoding/hex"
	"hash"
	"slices"
	"strings"
	"time"
)

// method is a compiled [Method].
type method struct {
	name       string
	kind       string
	when       *When
	uses       []Use
	secretForm string
	place      Place
	inPath     bool // a secret as the last segment of the path
	prefix     string
	list       string
	decode     func(string) ([]byte, error)
	newHash    func() hash.Hash
	algorithm  string
	text       []part
	bodySigned bool
	timestamp  *timestamp
	id         string
	keys       []crypto.PublicKey
	keySet     string
	keyID      string
	signingKey *SigningKey
	jwt        *jwtRule
}

type timestamp struct {
	Timestamp
	tolerance time.Duration
}

// maxSignatures bounds how many signatures of one delivery are looked at. Rotation makes two.
const maxSignatures = 16

// lacks says what is missing of our own to use the method, or "".
func (m *method) lacks(r *run) string {
	switch {
	case m.kind == KindNone:
		return ReasonUnsigned
	case m.keySet != "" || m.signingKey != nil:
		if r.in.Keys == nil {
			return ReasonNoKeys
		}
	case len(m.keys) > 0:
	case len(m.candidates(r.in)) == 0:
		return ReasonNoSecret
	}
	if m.jwt != nil && !m.jwt.complete(r.in.Params) {
		return ReasonNoParam
	}
	return ""
}

// candidate is a secret in the form in which it is a key.
type candidate struct {
	id  string
	key []byte
}

// candidates are the secrets that the method can use. One that cannot be decoded is none:
// the provider cannot have signed with it.
func (m *method) candidates(in Inputs) []candidate {
	var list []candidate
	for _, s := range in.Secrets {
		if s.IsZero() || !slices.Contains(m.uses, s.use) {
			continue
		}
		if key := secretBytes(s.Reveal(), m.secretForm); len(key) > 0 {
			list = append(list, candidate{id: s.id, key: key})
		}
	}
	return list
}

func (m *method) verify(ctx context.Context, r *run) (string, error) {
	switch m.kind {
	case KindJWT:
		return m.verifyJWT(ctx, r)
	case KindToken, KindURLSecret:
		return m.verifyToken(r)
	case KindPublicKey:
		return m.verifyPublicKey(ctx, r)
	}
	return m.verifyMAC(ctx, r)
}

// signatures returns the decoded signatures of the delivery, one at least, and the
// timestamp that stands among them.
func (m *method) signatures(r *run) (signatures [][]byte, timestamp string, err error) {
	header := m.place.Header
	value, err := r.one(header)
	if err != nil {
		return nil, "", err
	}
	entries := []string{value}
	if m.list != "" {
		entries = strings.SplitN(value, m.list, maxSignatures+1)
		if len(entries) > maxSignatures {
			return nil, "", fail(ErrMalformed, header)
		}
	}
	var stamps []string
	for _, entry := range entries {
		entry = strings.TrimSpace(entry)
		if m.timestamp != nil && m.timestamp.Prefix != "" {
			if stamp, ok := strings.CutPrefix(entry, m.timestamp.Prefix); ok {
				stamps = append(stamps, stamp)
				continue
			}
		}
		text, ok := strings.CutPrefix(entry, m.prefix)
		if !ok {
			continue
		}
		data, err := m.decode(text)
		if err != nil || len(data) == 0 {
			return nil, "", fail(ErrMalformed, header)
		}
		signatures = append(signatures, data)
	}
	if len(signatures) == 0 {
		return nil, "", fail(ErrMalformed, header)
	}
	if m.timestamp != nil && m.timestamp.Prefix != "" {
		if timestamp, err = only(stamps, header); err != nil {
			return nil, "", err
		}
	}
	return signatures, timestamp, nil
}

// content resolves the signed text and checks the moment of signing. The moment is judged
// before the signature, which costs more.
func (m *method) content(r *run, stamp string) (signed, error) {
	if m.timestamp != nil {
		var err error
		if stamp, err = m.timestamp.check(r, stamp); err != nil {
			return signed{}, err
		}
	}
	id := ""
	if m.id != "" {
		var err error
		if id, err = r.one(m.id); err != nil {
			return signed{}, err
		}
	}
	return r.resolve(m.text, stamp, id)
}

// secretBytes returns the key that a secret stands for, or nil.
func secretBytes(secret, form string) []byte {
	var data []byte
	var err error
	switch form {
	case "base64":
		data, err = base64.StdEncoding.DecodeString(secret)
	case "hex":
		data, err = hex.DecodeString(secret)
	case "whsec":
		data, err = base64.StdEncoding.DecodeString(strings.TrimPrefix(secret, "whsec_"))
	case "sha256":
		h := crypto.SHA256.New()
		h.Write([]byte(secret))
		data = h.Sum(nil)
	default:
		data = []byte(secret)
	}
	if err != nil {
		return nil
	}
	return data
}

// decoder returns the decoding of a signature. Base64 is strict, so that a signature has
// one spelling only; base64url comes with and without padding.
func decoder(encoding string) func(string) ([]byte, error) {
	switch encoding {
	case "base64":
		return base64.StdEncoding.Strict().DecodeString
	case "base64url":
		return func(s string) ([]byte, error) {
			return base64.RawURLEncoding.Strict().DecodeString(strings.TrimRight(s, "="))
		}
	}
	return hex.DecodeString
}
