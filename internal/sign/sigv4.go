package sign

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"strings"
	"time"
)

// UnsignedPayload is the payload hash of a body that is not signed. S3 takes it
// over TLS; other services do not.
const UnsignedPayload = "UNSIGNED-PAYLOAD"

const (
	sigV4Algorithm = "AWS4-HMAC-SHA256"
	sigV4Time      = "20060102T150405Z"
	sigV4Date      = "20060102"
)

var errNoURL = errors.New("sign: the request has no URL")

// HashBody returns the payload hash of a body, nil included, for [SigV4.Sign].
func HashBody(body []byte) string {
	sum := sha256.Sum256(body)
	return hex.EncodeToString(sum[:])
}

// SigV4 signs requests with AWS Signature Version 4, as the IAM User Guide
// describes it under "Create a signed AWS API request". It prints as "[secret]".
type SigV4 struct {
	AccessKeyID     string
	SecretAccessKey string
	SessionToken    string // of temporary credentials, else empty
	Region          string // such as "us-east-1"
	Service         string // such as "iam"; "s3" has rules of its own for the path
}

// Sign signs req as it would be sent at now. payloadHash is that of the body,
// from [HashBody], or [UnsignedPayload].
//
// It sets X-Amz-Date, X-Amz-Content-Sha256, Authorization and, with a session
// token, X-Amz-Security-Token, in place of what was there, and changes nothing
// else but the forms that servers and proxies read in different ways: the
// query is encoded again without changing names, values or their order, so that
// a space is never a plus sign; and the default port is taken off Host. The
// Header map is written to, so a RoundTripper has to clone the request first.
//
// All headers are signed but those that a proxy, an instrumented transport or
// the HTTP version may change on the way. Whatever changes the request later
// breaks the signature.
//
// It fails, leaving req as it was, when a field of s is missing or has
// characters that would break the header, and when req has no host, or a header
// that cannot be sent.
func (s SigV4) Sign(req *http.Request, payloadHash string, now time.Time) error {
	if req.URL == nil {
		return errNoURL
	}
	u := *req.URL
	u.RawQuery = wireQuery(u.RawQuery)
	signed := *req // shallow: what follows is undone by not copying it back
	signed.URL = &u
	if host := requestHost(req); req.Host != "" || host != u.Host {
		signed.Host = host
	}
	signed.Header = req.Header.Clone()
	if signed.Header == nil {
		signed.Header = make(http.Header)
	}
	setOnly(signed.Header, "X-Amz-Content-Sha256", payloadHash)
	auth, err := s.Authorization(&signed, payloadHash, now)
	if err != nil {
		return err
	}
	req.URL, req.Host = signed.URL, signed.Host
	if req.Header == nil {
		req.Header = make(http.Header)
	}
	setOnly(req.Header, "X-Amz-Content-Sha256", payloadHash)
	setOnly(req.Header, "X-Amz-Date", now.UTC().Format(sigV4Time))
	setOnly(req.Header, "X-Amz-Security-Token", s.SessionToken)
	setOnly(req.Header, "Authorization", auth)
	return nil
}

// setOnly makes value the only one of the header name, however its key was
// spelled; an empty value removes it.
func setOnly(h http.Header, name, value string) {
	for key := range h {
		if strings.EqualFold(key, name) {
			delete(h, key)
		}
	}
	if value != "" {
		h[name] = []string{value}
	}
}

// Authorization returns the value of the Authorization header for req and
// changes nothing. It signs the headers that req has, with X-Amz-Date as of now
// and with the session token, both of which the caller has to send; and
// X-Amz-Content-Sha256 only when it is there, as services other than S3 do not
// need it. It fails as [SigV4.Sign] does.
func (s SigV4) Authorization(req *http.Request, payloadHash string, now time.Time) (string, error) {
	if req.URL == nil {
		return "", errNoURL
	}
	return s.authorize(req, canonicalPath(wirePath(req.URL), singleEncoded(s.Service)), payloadHash, now.UTC())
}

// authorize is Authorization with the canonical path and a time in UTC.
func (s SigV4) authorize(req *http.Request, path, payloadHash string, now time.Time) (string, error) {
	if err := s.check(payloadHash); err != nil {
		return "", err
	}
	canonical, signedHeaders, err := s.canonicalRequest(req, path, payloadHash, now)
	if err != nil {
		return "", err
	}
	scope := now.Format(sigV4Date) + "/" + s.Region + "/" + s.Service + "/aws4_request"
	toSign := sigV4Algorithm + "\n" + now.Format(sigV4Time) + "\n" + scope + "\n" + HashBody([]byte(canonical))
	signature := hex.EncodeToString(hmacSHA256(s.signingKey(now), toSign))
	return sigV4Algorithm + " Credential=" + s.AccessKeyID + "/" + scope +
		", SignedHeaders=" + signedHeaders + ", Signature=" + signature, nil
}

func (s SigV4) signingKey(now time.Time) []byte {
	key := hmacSHA256([]byte("AWS4"+s.SecretAccessKey), now.Format(sigV4Date))
	for _, part := range []string{s.Region, s.Service, "aws4_request"} {
		key = hmacSHA256(key, part)
	}
	return key
}

func hmacSHA256(key []byte, message string) []byte {
	mac := hmac.New(sha256.New, key)
	mac.Write([]byte(message))
	return mac.Sum(nil)
}

func (s SigV4) check(payloadHash string) error {
	switch {
	case !isScopePart(s.AccessKeyID):
		return errors.New("sign: the AWS access key ID is missing or malformed")
	case s.SecretAccessKey == "":
		return errors.New("sign: the AWS secret access key is missing")
	case !isScopePart(s.Region):
		return errors.New("sign: the AWS region is missing or malformed")
	case !isScopePart(s.Service):
		return errors.New("sign: the AWS service is missing or malformed")
	case !isHeaderValue(s.SessionToken):
		return errors.New("sign: the AWS session token is malformed")
	case payloadHash == UnsignedPayload:
		return nil
	}
	if raw, err := hex.DecodeString(payloadHash); err != nil || len(raw) != sha256.Size ||
		strings.ToLower(payloadHash) != payloadHash {
		return errors.New("sign: the payload hash is not 64 lower-case hexadecimal digits")
	}
	return nil
}

// isScopePart reports whether s can stand between the slashes of a credential
// scope: no slash, comma, space, nor anything outside ASCII.
func isScopePart(s string) bool {
	for i := 0; i < len(s); i++ {
		if s[i] <= ' ' || s[i] >= 0x7f || s[i] == '/' || s[i] == ',' {
			return false
		}
	}
	return s != ""
}

// String returns "[secret]".
func (s SigV4) String() string { return redacted }

// Format writes "[secret]" whatever the verb.
func (s SigV4) Format(f fmt.State, _ rune) { _, _ = f.Write([]byte(redacted)) }

// LogValue returns "[secret]".
func (s SigV4) LogValue() slog.Value { return slog.StringValue(redacted) }

// MarshalText returns "[secret]".
func (s SigV4) MarshalText() ([]byte, error) { return []byte(redacted), nil }
