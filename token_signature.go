package tieline

import (
	"crypto/hmac"
	"crypto/sha1"
	"crypto/sha256"
	"crypto/sha512"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"hash"
	"net/http"

	"github.com/tieline/tieline/internal/template"
)

// signatureHash is the hash of a signed token request.
func signatureHash(algorithm string) func() hash.Hash {
	switch algorithm {
	case "hmac_sha1":
		return sha1.New
	case "hmac_sha256":
		return sha256.New
	case "hmac_sha512":
		return sha512.New
	}
	return nil
}

// signTokenRequest signs a token request with the application's secret. The moment that is
// signed is that of the request, which a refresh may make more than once.
func (s *Subject) signTokenRequest(body []byte, header http.Header) error {
	sig := s.provider.TokenSignature
	env := s.withValues(func(r template.Ref) (string, bool) {
		return string(body), r == template.Ref{Name: "body"}
	}).env()
	if err := expandInto(sig.Headers, env, header.Set); err != nil {
		return err
	}
	text, err := sig.Text.Expand(env)
	if err != nil {
		return configError(err)
	}
	_, secret := s.client()
	if secret == "" {
		// An empty key makes a signature, too, and anybody can make it.
		return &FieldError{Field: "app.client_secret", Reason: "is required"}
	}
	newHash := signatureHash(sig.Algorithm)
	if newHash == nil {
		return fmt.Errorf("token_signature: algorithm %q is not known", sig.Algorithm)
	}
	mac := hmac.New(newHash, []byte(secret))
	_, _ = mac.Write([]byte(text))
	sum := mac.Sum(nil)
	if sig.Encoding == "base64" {
		header.Set(sig.Header, base64.StdEncoding.EncodeToString(sum))
	} else {
		header.Set(sig.Header, hex.EncodeToString(sum))
	}
	return nil
}
