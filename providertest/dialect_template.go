package providertest

import (
	"crypto/ed25519"
	"crypto/hmac"
	"crypto/sha1"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"regexp"
	"strings"
)

// pattern is a parsed string of an entry: literal text with ${...} in between.
type pattern []piece

// piece is literal text (name empty), a variable (args nil) or a call.
type piece struct {
	text string
	name string
	args []pattern
}

var (
	callForm  = regexp.MustCompile(`(?s)^(base64|sha256Hex|sha256Base64|hmacSha1Hex|ed25519Sign|awsSigV4|fingerprint)\((.*)\)$`)
	errTpl    = errors.New("providertest: template")
	errNoCall = errors.New("the value cannot be computed, only verified")
)

// parsePattern reads a template (section 2 of the format's description).
func parsePattern(s string) (pattern, error) {
	var out pattern
	for s != "" {
		start := strings.Index(s, "${")
		if start < 0 {
			return append(out, piece{text: s}), nil
		}
		if start > 0 {
			out = append(out, piece{text: s[:start]})
		}
		end := closingBrace(s[start:])
		if end < 0 {
			return nil, fmt.Errorf("%w: no end of %q", errTpl, s[start:])
		}
		p, err := parseExpression(s[start+2 : start+end])
		if err != nil {
			return nil, err
		}
		out = append(out, p)
		s = s[start+end+1:]
	}
	return out, nil
}

// closingBrace is the place of the brace that ends the expression s begins with, or -1.
func closingBrace(s string) int {
	depth := 0
	for i := 0; i < len(s); i++ {
		switch {
		case strings.HasPrefix(s[i:], "${"):
			depth++
			i++
		case s[i] == '}':
			depth--
			if depth == 0 {
				return i
			}
		}
	}
	return -1
}

func parseExpression(s string) (piece, error) {
	m := callForm.FindStringSubmatch(s)
	if m == nil {
		if s == "" || strings.ContainsAny(s, "${}") {
			return piece{}, fmt.Errorf("%w: %q is no variable and no call", errTpl, s)
		}
		return piece{name: s}, nil
	}
	p := piece{name: m[1], args: []pattern{}}
	for _, a := range splitArgs(m[1], m[2]) {
		arg, err := parsePattern(a)
		if err != nil {
			return piece{}, err
		}
		p.args = append(p.args, arg)
	}
	return p, nil
}

// splitArgs splits at commas outside of nested expressions: all of them for
// awsSigV4, the last for the functions of a message and a key.
func splitArgs(fn, s string) []string {
	commas := outside(s, ",")
	switch fn {
	case "awsSigV4":
		var out []string
		from := 0
		for _, i := range commas {
			out = append(out, strings.TrimSpace(s[from:i]))
			from = i + 1
		}
		return append(out, strings.TrimSpace(s[from:]))
	case "hmacSha1Hex", "ed25519Sign":
		if len(commas) > 0 {
			i := commas[len(commas)-1]
			return []string{s[:i], strings.TrimSpace(s[i+1:])}
		}
	}
	return []string{s}
}

// outside lists the places of sep in s that are in no ${...}.
func outside(s, sep string) []int {
	var at []int
	depth := 0
	for i := 0; i < len(s); i++ {
		switch {
		case strings.HasPrefix(s[i:], "${"):
			depth++
			i++
		case s[i] == '}' && depth > 0:
			depth--
		case depth == 0 && strings.HasPrefix(s[i:], sep):
			at = append(at, i)
			i += len(sep) - 1
		}
	}
	return at
}

// alternatives splits "a || b"; what follows a second || is discarded.
func alternatives(s string) []string {
	at := outside(s, "||")
	switch len(at) {
	case 0:
		return []string{s}
	case 1:
		return []string{strings.TrimSpace(s[:at[0]]), strings.TrimSpace(s[at[0]+2:])}
	default:
		return []string{strings.TrimSpace(s[:at[0]]), strings.TrimSpace(s[at[0]+2 : at[1]])}
	}
}

// getter tells the value of a variable, "now:..." and "random" included.
type getter func(name string) (string, bool)

// eval is the text of p, and the names of the variables that have no value.
func (p pattern) eval(get getter) (string, []string) {
	var b strings.Builder
	var missing []string
	for _, x := range p {
		v, miss := x.eval(get)
		b.WriteString(v)
		missing = append(missing, miss...)
	}
	return b.String(), missing
}

func (x piece) eval(get getter) (string, []string) {
	if x.name == "" {
		return x.text, nil
	}
	if x.args == nil {
		if v, ok := get(x.name); ok {
			return v, nil
		}
		return "", []string{x.name}
	}
	var args, missing []string
	for _, a := range x.args {
		v, miss := a.eval(get)
		args, missing = append(args, v), append(missing, miss...)
	}
	if len(missing) > 0 {
		return "", missing
	}
	v, err := apply1(x.name, args)
	if err != nil {
		return "", []string{x.name}
	}
	return v, nil
}

// names lists the variables of p, also of those inside calls.
func (p pattern) names() []string {
	var out []string
	for _, x := range p {
		if x.args == nil && x.name != "" {
			out = append(out, x.name)
		}
		for _, a := range x.args {
			out = append(out, a.names()...)
		}
	}
	return out
}

// apply1 computes a function of the template language.
func apply1(fn string, args []string) (string, error) {
	digest := sha256.Sum256([]byte(args[0]))
	switch fn {
	case "base64":
		return base64.StdEncoding.EncodeToString([]byte(args[0])), nil
	case "sha256Hex":
		return hex.EncodeToString(digest[:]), nil
	case "sha256Base64":
		return base64.StdEncoding.EncodeToString(digest[:]), nil
	case "fingerprint":
		return fingerprint(args[0])
	}
	if len(args) < 2 {
		return "", fmt.Errorf("%w: %s needs two arguments", errTpl, fn)
	}
	switch fn {
	case "hmacSha1Hex":
		mac := hmac.New(sha1.New, []byte(args[1]))
		mac.Write([]byte(args[0]))
		return hex.EncodeToString(mac.Sum(nil)), nil
	case "ed25519Sign":
		key, err := parsePrivate(args[1])
		if err != nil {
			return "", err
		}
		ed, ok := key.(ed25519.PrivateKey)
		if !ok {
			return "", fmt.Errorf("%w: not an Ed25519 key", errTpl)
		}
		return base64.StdEncoding.EncodeToString(ed25519.Sign(ed, []byte(args[0]))), nil
	}
	return "", errNoCall
}

// fingerprint is how Snowflake names a public key: "SHA256:" and the base64 of
// the digest of its SubjectPublicKeyInfo.
func fingerprint(pemText string) (string, error) {
	key, err := parsePrivate(pemText)
	if err != nil {
		return "", err
	}
	der, err := x509.MarshalPKIXPublicKey(key.Public())
	if err != nil {
		return "", err
	}
	digest := sha256.Sum256(der)
	return "SHA256:" + base64.StdEncoding.EncodeToString(digest[:]), nil
}
