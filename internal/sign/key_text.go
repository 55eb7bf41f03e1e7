package sign

import (
	"crypto/x509"
	"encoding/base64"
	"strings"
	"unicode"
)

// maxBase64Layers is how often a key may be wrapped in base64: consoles tell
// users to encode the PEM, and some do it twice.
const maxBase64Layers = 2

// maxDER bounds a decoded key in bytes; RSA of 8192 bits has about 4700. It
// also bounds the time that checking the primes takes.
const maxDER = 6 << 10

// parsePrivate reads a private key in any of its textual forms.
func parsePrivate(text string, layers int) (*material, Problem) {
	text = trimKey(text)
	switch {
	case text == "":
		return nil, ProblemEmpty
	case text[0] == '{':
		return parseJWK(text)
	case strings.Contains(text, "-----BEGIN "):
		return parsePEM(text)
	}
	raw, ok := decodeBase64(text)
	if !ok {
		return nil, ProblemUnknown
	}
	if len(raw) > 0 && raw[0] == 0x30 { // an ASN.1 SEQUENCE: the body of a PEM without its frame
		if m, problem := parseDER(raw); problem != ProblemDamaged {
			return m, problem
		}
	}
	if layers == 0 {
		return nil, ProblemUnknown
	}
	return parsePrivate(string(raw), layers-1)
}

// trimKey removes what surrounds a pasted key: spaces, a byte order mark and
// one pair of quotes.
func trimKey(text string) string {
	text = strings.TrimFunc(text, isBlank)
	if n := len(text); n >= 2 && text[0] == text[n-1] && strings.IndexByte("\"'`", text[0]) >= 0 {
		text = strings.TrimFunc(text[1:n-1], isBlank)
	}
	return text
}

// isBlank reports whether r is a space or one of the invisible characters that
// editors and web pages leave in what is copied from them.
func isBlank(r rune) bool { return unicode.IsSpace(r) || r == '\u200b' || r == '\ufeff' }

// dense removes blanks and line breaks, also those that a form, JSON or an
// environment variable turned into the characters \n and \r, escaped once or
// more.
func dense(text string) string {
	if strings.IndexByte(text, '\\') >= 0 {
		text = unescapeBreaks(text)
	}
	return strings.Map(func(r rune) rune {
		if isBlank(r) {
			return -1
		}
		return r
	}, text)
}

// unescapeBreaks turns every run of backslashes that an n or r follows into a
// line break, and one before a line break or at the end, a continuation, into
// nothing.
func unescapeBreaks(text string) string {
	var b strings.Builder
	for i := 0; i < len(text); i++ {
		if text[i] != '\\' {
			b.WriteByte(text[i])
			continue
		}
		for i < len(text) && text[i] == '\\' {
			i++
		}
		switch {
		case i < len(text) && (text[i] == 'n' || text[i] == 'r'):
			b.WriteByte('\n')
		case i < len(text):
			b.WriteByte(text[i])
		}
	}
	return b.String()
}

// decodeBase64 takes both alphabets of RFC 4648, padded or not, in lines or not.
func decodeBase64(text string) ([]byte, bool) {
	text = strings.TrimRight(dense(text), "=")
	text = strings.NewReplacer("-", "+", "_", "/").Replace(text)
	raw, err := base64.RawStdEncoding.DecodeString(text)
	return raw, err == nil
}

// parsePEM finds the first private key among the blocks of text (RFC 7468, but
// with no care for lines). It does not use encoding/pem, which wants BEGIN and
// END on lines of their own.
func parsePEM(text string) (*material, Problem) {
	found := ProblemUnknown
	for {
		_, rest, ok := strings.Cut(text, "-----BEGIN ")
		if !ok {
			return nil, found
		}
		label, rest, ok := strings.Cut(rest, "-----")
		if !ok {
			return nil, ProblemTruncated
		}
		body, rest, ok := strings.Cut(rest, "-----END ")
		if !ok {
			return nil, ProblemTruncated
		}
		m, problem := parseBlock(strings.TrimSpace(label), body)
		if problem == "" || isPrivateLabel(label) {
			return m, problem
		}
		if problem != ProblemUnknown {
			found = problem
		}
		text = rest
	}
}

func isPrivateLabel(label string) bool { return strings.HasSuffix(label, "PRIVATE KEY") }

func parseBlock(label, body string) (*material, Problem) {
	switch {
	case label == "CERTIFICATE":
		return nil, ProblemCertificate
	case label == "OPENSSH PRIVATE KEY":
		return nil, ProblemOpenSSH
	case strings.HasPrefix(label, "ENCRYPTED"),
		// The headers of the old encrypted form, RFC 1421 section 4.6.1. A
		// hyphen is not in the alphabet of the body.
		strings.Contains(body, "Proc-Type"), strings.Contains(body, "DEK-Info"):
		return nil, ProblemEncrypted
	case strings.HasSuffix(label, "PUBLIC KEY"):
		return nil, ProblemPublic
	case !isPrivateLabel(label): // such as EC PARAMETERS before the key
		return nil, ProblemUnknown
	}
	der, ok := decodeBase64(body)
	if !ok {
		return nil, ProblemDamaged
	}
	return parseDER(der)
}

// parseDER tries the three forms whatever the label said, as users relabel
// keys: PKCS #8 (RFC 5958), PKCS #1 (RFC 8017) and SEC 1 (RFC 5915).
func parseDER(der []byte) (*material, Problem) {
	if len(der) > maxDER {
		return nil, ProblemTooLong
	}
	if key, err := x509.ParsePKCS8PrivateKey(der); err == nil {
		return newMaterial(key)
	}
	if key, err := x509.ParsePKCS1PrivateKey(der); err == nil {
		return newMaterial(key)
	}
	if key, err := x509.ParseECPrivateKey(der); err == nil {
		return newMaterial(key)
	}
	if _, err := x509.ParsePKIXPublicKey(der); err == nil {
		return nil, ProblemPublic
	}
	if _, err := x509.ParsePKCS1PublicKey(der); err == nil {
		return nil, ProblemPublic
	}
	if _, err := x509.ParseCertificate(der); err == nil {
		return nil, ProblemCertificate
	}
	return nil, ProblemDamaged
}
