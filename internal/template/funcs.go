package template

import (
	"crypto"
	"crypto/ed25519"
	"crypto/hmac"
	"crypto/sha1" // Duo's API is signed with HMAC-SHA1; nothing else uses it.
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/hex"
	"encoding/pem"
	"errors"
	"fmt"
	"strings"
)

// function is one of the functions a template may call.
type function struct {
	name string
	// split divides the content of the parentheses into arguments. It answers
	// with what is wrong, or "".
	split func([]part) ([][]part, string)
	// apply appends the result to dst. Nil means that only Env.Sign can tell.
	apply func(dst []byte, args []string) ([]byte, error)
}

// functions is the constant table of what exists. A single argument may contain
// commas; of two arguments the second begins after the last comma; awsSigV4
// takes key, secret, region, service and an optional host.
var functions = map[string]function{
	"base64":       {name: "base64", split: oneArg, apply: base64Func},
	"sha256Hex":    {name: "sha256Hex", split: oneArg, apply: sha256HexFunc},
	"sha256Base64": {name: "sha256Base64", split: oneArg, apply: sha256Base64Func},
	"fingerprint":  {name: "fingerprint", split: oneArg, apply: fingerprintFunc},
	"hmacSha1Hex":  {name: "hmacSha1Hex", split: twoArgs, apply: hmacSHA1HexFunc},
	"ed25519Sign":  {name: "ed25519Sign", split: twoArgs, apply: ed25519SignFunc},
	"awsSigV4":     {name: "awsSigV4", split: sigV4Args},
}

func oneArg(content []part) ([][]part, string) {
	if len(content) == 0 {
		return nil, "needs an argument"
	}
	return [][]part{content}, ""
}

func twoArgs(content []part) ([][]part, string) {
	for i := len(content) - 1; i >= 0; i-- {
		if content[i].kind != literalPart {
			continue
		}
		at := strings.LastIndexByte(content[i].lit, ',')
		if at < 0 {
			continue
		}
		first, second := cutParts(content, i, at)
		second = trimParts(second)
		if len(first) == 0 || len(second) == 0 {
			return nil, "has an empty argument"
		}
		return [][]part{first, second}, ""
	}
	return nil, "needs two arguments"
}

func sigV4Args(content []part) ([][]part, string) {
	var args [][]part
	for i := 0; i < len(content); i++ {
		if content[i].kind != literalPart {
			continue
		}
		if at := strings.IndexByte(content[i].lit, ','); at >= 0 {
			first, rest := cutParts(content, i, at)
			args = append(args, trimParts(first))
			content, i = rest, -1
		}
	}
	args = append(args, trimParts(content))
	if len(args) != 4 && len(args) != 5 {
		return nil, "needs four or five arguments"
	}
	for _, a := range args {
		if len(a) == 0 {
			return nil, "has an empty argument"
		}
	}
	return args, ""
}

// cutParts divides content at the comma at byte at of the literal content[i].
func cutParts(content []part, i, at int) (before, after []part) {
	comma := content[i]
	before = append(before, content[:i]...)
	if at > 0 {
		before = append(before, part{kind: literalPart, offset: comma.offset, lit: comma.lit[:at]})
	}
	if at+1 < len(comma.lit) {
		after = append(after, part{kind: literalPart, offset: comma.offset + at + 1, lit: comma.lit[at+1:]})
	}
	return before, append(after, content[i+1:]...)
}

// append adds the expansion of p to dst.
func (p *part) append(dst []byte, env *Env, field string) ([]byte, error) {
	if env == nil {
		env = &Env{}
	}
	switch p.kind {
	case literalPart:
		return append(dst, p.lit...), nil
	case refPart:
		v, ok := env.lookup(p.ref)
		if !ok {
			return nil, &MissingError{Field: field, Ref: p.ref}
		}
		return append(dst, v...), nil
	case nowPart:
		return p.now.append(dst, env.time()), nil
	case randomPart:
		id, err := env.uuid()
		return append(dst, id...), err
	case callPart:
		return p.call.append(dst, env, field)
	}
	panic("template: a part of no kind")
}

func (c *callExpr) append(dst []byte, env *Env, field string) ([]byte, error) {
	var space [5]string
	args := space[:0]
	for _, parts := range c.args {
		buf := make([]byte, 0, 96)
		var err error
		for i := range parts {
			if buf, err = parts[i].append(buf, env, field); err != nil {
				return nil, err
			}
		}
		args = append(args, string(buf))
	}
	if c.fn.apply == nil {
		if env.Sign == nil {
			return nil, &UnsupportedError{Field: field, Func: c.fn.name}
		}
		out, err := env.Sign(c.fn.name, append([]string(nil), args...))
		if err != nil {
			return nil, fmt.Errorf("%s${%s(...)}: %w", prefix(field), c.fn.name, err)
		}
		return append(dst, out...), nil
	}
	out, err := c.fn.apply(dst, args)
	if err != nil {
		return nil, c.argError(field, err)
	}
	return out, nil
}

// argError names the variable behind the last argument, the key, which is the
// only one that a function can find fault with.
func (c *callExpr) argError(field string, err error) error {
	for _, p := range c.args[len(c.args)-1] {
		if p.kind == refPart {
			return &ValueError{Field: field, Ref: p.ref, Reason: err.Error()}
		}
	}
	return fmt.Errorf("%s${%s(...)}: %w", prefix(field), c.fn.name, err)
}

func base64Func(dst []byte, args []string) ([]byte, error) {
	return base64.StdEncoding.AppendEncode(dst, []byte(args[0])), nil
}

func sha256HexFunc(dst []byte, args []string) ([]byte, error) {
	sum := sha256.Sum256([]byte(args[0]))
	return hex.AppendEncode(dst, sum[:]), nil
}

func sha256Base64Func(dst []byte, args []string) ([]byte, error) {
	sum := sha256.Sum256([]byte(args[0]))
	return base64.StdEncoding.AppendEncode(dst, sum[:]), nil
}

func hmacSHA1HexFunc(dst []byte, args []string) ([]byte, error) {
	mac := hmac.New(sha1.New, []byte(args[1]))
	mac.Write([]byte(args[0]))
	return hex.AppendEncode(dst, mac.Sum(nil)), nil
}

// ed25519SignFunc signs args[0] with the PEM private key args[1], RFC 8032.
func ed25519SignFunc(dst []byte, args []string) ([]byte, error) {
	key, err := privateKey(args[1])
	if err != nil {
		return nil, err
	}
	signer, ok := key.(ed25519.PrivateKey)
	if !ok {
		return nil, errors.New("it is not an Ed25519 private key")
	}
	return base64.StdEncoding.AppendEncode(dst, ed25519.Sign(signer, []byte(args[0]))), nil
}

// fingerprintFunc names the public half of a PEM private key the way Snowflake
// wants it in the iss claim: "SHA256:" and the base64 SHA-256 of its DER form.
// See https://docs.snowflake.com/en/developer-guide/sql-api/authenticating.
func fingerprintFunc(dst []byte, args []string) ([]byte, error) {
	key, err := privateKey(args[0])
	if err != nil {
		return nil, err
	}
	pub, ok := key.(interface{ Public() crypto.PublicKey })
	if !ok {
		return nil, errors.New("its public key cannot be derived")
	}
	der, err := x509.MarshalPKIXPublicKey(pub.Public())
	if err != nil {
		return nil, errors.New("its public key cannot be encoded")
	}
	sum := sha256.Sum256(der)
	dst = append(dst, "SHA256:"...)
	return base64.StdEncoding.AppendEncode(dst, sum[:]), nil
}

// privateKey reads a PEM private key: PKCS #8, PKCS #1 or SEC 1. Line breaks
// that a form or an environment variable turned into the two characters \n
// are restored. Its errors do not contain the key.
func privateKey(text string) (any, error) {
	text = strings.ReplaceAll(strings.TrimSpace(text), `\n`, "\n")
	block, _ := pem.Decode([]byte(text))
	if block == nil {
		return nil, errors.New("it is not a PEM private key")
	}
	if key, err := x509.ParsePKCS8PrivateKey(block.Bytes); err == nil {
		return key, nil
	}
	if key, err := x509.ParsePKCS1PrivateKey(block.Bytes); err == nil {
		return key, nil
	}
	if key, err := x509.ParseECPrivateKey(block.Bytes); err == nil {
		return key, nil
	}
	return nil, errors.New("it is not a private key in PKCS #8, PKCS #1 or SEC 1 form")
}
