package webhook

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"crypto/subtle"
	"net/url"
	"path"
	"slices"
	"strings"

	"github.com/tieline/tieline/internal/jsonpath"
)

// verifyMAC checks an HMAC, or a hash with the secret in its text.
func (m *method) verifyMAC(ctx context.Context, r *run) (string, error) {
	signatures, stamp, err := m.signatures(r)
	if err != nil {
		return "", err
	}
	text, err := m.content(r, stamp)
	if err != nil {
		return "", err
	}
	// Who knows the hash of secret and body can compute the hash of both with more behind
	// them. What is put behind begins with the byte 0x80, which is never UTF-8 there.
	if m.kind == KindHash && !text.isText() {
		return "", fail(ErrMalformed, "body")
	}
	candidates := m.candidates(r.in)
	if m.signingKey != nil {
		if candidates, err = m.fetchSigningKey(ctx, r); err != nil {
			return "", err
		}
	}
	for _, c := range candidates {
		sum := m.sum(text, c.key)
		for _, signature := range signatures {
			if hmac.Equal(sum, signature) {
				return c.id, nil
			}
		}
	}
	return "", fail(ErrMismatch, m.place.Header)
}

func (m *method) sum(text signed, key []byte) []byte {
	if m.kind == KindHash {
		h := m.newHash()
		text.write(h, key)
		return h.Sum(nil)
	}
	h := hmac.New(m.newHash, key)
	text.write(h, nil)
	return h.Sum(nil)
}

// fetchSigningKey fetches the secret from where the delivery says that it is.
func (m *method) fetchSigningKey(ctx context.Context, r *run) ([]candidate, error) {
	const field = "signing key URL"
	where := r.first(m.signingKey.From)
	if where == "" {
		return nil, fail(ErrMissing, field)
	}
	u, err := url.Parse(where)
	if err != nil || u.Scheme != "https" || u.User != nil || u.Port() != "" || !m.signingKey.allows(u.Hostname()) {
		return nil, fail(ErrMalformed, field)
	}
	document, err := fetch(ctx, r.in.Keys, u.String())
	if err != nil {
		return nil, err
	}
	secret, ok := jsonpath.Text(jsonpath.At(decodeJSON(document), m.signingKey.Field))
	key := secretBytes(secret, m.secretForm)
	if !ok || len(secret) < 1 || len(key) < 1 {
		return nil, fail(ErrUnavailable, field)
	}
	return []candidate{{key: key}}, nil
}

func (k *SigningKey) allows(host string) bool {
	host = strings.ToLower(host)
	return slices.ContainsFunc(k.Hosts, func(allowed string) bool {
		if strings.HasPrefix(allowed, ".") {
			return strings.HasSuffix(host, allowed) && len(host) > len(allowed)
		}
		return host == allowed
	})
}

// verifyToken compares the secret itself.
func (m *method) verifyToken(r *run) (string, error) {
	values, err := m.tokens(r)
	if err != nil {
		return "", err
	}
	for _, c := range m.candidates(r.in) {
		if allSame(values, c.key) {
			return c.id, nil
		}
	}
	return "", fail(ErrMismatch, m.field())
}

// tokens returns every token that has to match.
func (m *method) tokens(r *run) ([]string, error) {
	if m.inPath {
		if r.url == nil {
			return nil, fail(ErrMalformed, "URL")
		}
		return []string{path.Base(r.url.Path)}, nil
	}
	f := r.find(m.place)
	if m.place.Body != "" {
		// An element without the token is one that the provider did not send.
		if f.gaps || len(f.values) == 0 {
			return nil, fail(ErrMissing, m.place.Body)
		}
		return f.values, nil
	}
	v, err := only(f.values, m.field())
	if err != nil {
		return nil, err
	}
	if !hasPrefixFold(v, m.prefix) {
		return nil, fail(ErrMalformed, m.field())
	}
	return []string{v[len(m.prefix):]}, nil
}

// allSame compares hashes, so that not even the length of the secret shows in the time
// that it takes.
func allSame(values []string, secret []byte) bool {
	want := sha256.Sum256(secret)
	same := len(values) > 0
	for _, v := range values {
		got := sha256.Sum256([]byte(v))
		same = subtle.ConstantTimeCompare(got[:], want[:]) == 1 && same
	}
	return same
}
