package spec

import (
	"crypto"
	"crypto/ed25519"
	"crypto/hmac"
	"crypto/sha1"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/hex"
	"encoding/pem"
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
)

// refVars are the variables a template can see: objects, and texts without a prefix.
type refVars map[string]any

var (
	refVariable = regexp.MustCompile(`\$\{([A-Za-z0-9_.-]+)\}`)
	refMoment   = regexp.MustCompile(`\$\{now(?:([+-])(\d+):(\w+))?(?::([^}]*))?\}`)
	refFunction = regexp.MustCompile(`\$\{(base64|sha256Hex|sha256Base64|hmacSha1Hex|ed25519Sign|fingerprint|awsSigV4)\(`)
)

// refRandom is what ${random} is with a source of zeros.
const refRandom = "00000000-0000-4000-8000-000000000000"

// diffNow is the moment of every comparison.
func diffNow() time.Time { return time.Date(2026, 3, 9, 7, 5, 4, 321e6, time.UTC) }

// lookup finds a name: first as a path, then as one flat name with dots in it.
func (v refVars) lookup(name string) (string, bool) {
	var at any = map[string]any(v)
	for _, k := range strings.Split(name, ".") {
		m, ok := at.(map[string]any)
		if !ok {
			at = nil
			break
		}
		at = m[k]
	}
	if text, ok := at.(string); ok {
		return text, true
	}
	if text, ok := v[name].(string); ok {
		return text, true
	}
	space, rest, _ := strings.Cut(name, ".")
	m, _ := v[space].(map[string]any)
	text, ok := m[rest].(string)
	return text, ok
}

// expand replaces what can be replaced, and leaves everything else as it is written.
func (v refVars) expand(s string) string {
	for {
		calls := refFunction.FindAllStringSubmatchIndex(s, -1)
		if len(calls) == 0 {
			break
		}
		c := calls[len(calls)-1] // the innermost of the last
		name, rest := s[c[2]:c[3]], s[c[1]:]
		end := strings.Index(rest, ")}")
		if end < 0 {
			break
		}
		s = s[:c[0]] + refApply(name, v.expand(rest[:end])) + rest[end+2:]
	}
	s = refMoment.ReplaceAllStringFunc(s, refTime)
	return refVariable.ReplaceAllStringFunc(s, func(m string) string {
		name := m[2 : len(m)-1]
		if name == "random" {
			return refRandom
		}
		if text, ok := v.lookup(name); ok {
			return text
		}
		return m
	})
}

// choose is expand with a fallback: of two alternatives the first counts when
// anything at all was replaced in it. A third is never looked at.
func (v refVars) choose(s string) string {
	left, right, two := strings.Cut(s, "||")
	if !two {
		return v.expand(s)
	}
	left = strings.TrimSpace(left)
	if got := v.expand(left); got != left {
		return got
	}
	right, _, _ = strings.Cut(right, "||")
	return v.expand(strings.TrimSpace(right))
}

// expandTop replaces in the texts of an object, not in what nests.
func (v refVars) expandTop(m map[string]any) map[string]any {
	out := maps.Clone(m)
	for k, item := range out {
		if text, ok := item.(string); ok {
			out[k] = v.choose(text)
		}
	}
	return out
}

// expandAll replaces in every text of a value.
func (v refVars) expandAll(value any) any {
	switch value := value.(type) {
	case map[string]any:
		out := maps.Clone(value)
		for k := range out {
			out[k] = v.expandAll(out[k])
		}
		return out
	case []any:
		out := slices.Clone(value)
		for i := range out {
			out[i] = v.expandAll(out[i])
		}
		return out
	case string:
		return v.choose(value)
	}
	return value
}

func refApply(name, arg string) string {
	last := func() (string, string) {
		at := strings.LastIndex(arg, ",")
		if at < 0 {
			return arg, ""
		}
		return arg[:at], strings.TrimSpace(arg[at+1:])
	}
	switch name {
	case "base64":
		return base64.StdEncoding.EncodeToString([]byte(arg))
	case "sha256Hex":
		sum := sha256.Sum256([]byte(arg))
		return hex.EncodeToString(sum[:])
	case "sha256Base64":
		sum := sha256.Sum256([]byte(arg))
		return base64.StdEncoding.EncodeToString(sum[:])
	case "hmacSha1Hex":
		msg, key := last()
		mac := hmac.New(sha1.New, []byte(key))
		mac.Write([]byte(msg))
		return hex.EncodeToString(mac.Sum(nil))
	case "ed25519Sign":
		msg, key := last()
		if private, ok := refKey(key).(ed25519.PrivateKey); ok {
			return base64.StdEncoding.EncodeToString(ed25519.Sign(private, []byte(msg)))
		}
	case "fingerprint":
		if private, ok := refKey(arg).(crypto.Signer); ok {
			der, _ := x509.MarshalPKIXPublicKey(private.Public())
			sum := sha256.Sum256(der)
			return "SHA256:" + base64.StdEncoding.EncodeToString(sum[:])
		}
	case "awsSigV4":
		var args []string
		for a := range strings.SplitSeq(arg, ",") {
			args = append(args, strings.TrimSpace(a))
		}
		return diffSigned(name, args)
	}
	return "(no key)"
}

// diffSigned stands for a signature of the whole request, on both sides.
func diffSigned(name string, args []string) string {
	return name + "(" + strings.Join(args, "|") + ")"
}

func refKey(text string) any {
	block, _ := pem.Decode([]byte(strings.ReplaceAll(text, `\n`, "\n")))
	if block == nil {
		return nil
	}
	key, err := x509.ParsePKCS8PrivateKey(block.Bytes)
	if err != nil {
		key, _ := x509.ParsePKCS1PrivateKey(block.Bytes)
		return key
	}
	return key
}

// refTime writes ${now...} with the tokens of dayjs that occur.
func refTime(m string) string {
	part := refMoment.FindStringSubmatch(m)
	t := diffNow()
	if part[2] != "" {
		n, _ := strconv.Atoi(part[1] + part[2])
		switch strings.TrimSuffix(part[3], "s") {
		case "day":
			t = t.AddDate(0, 0, n)
		case "hour":
			t = t.Add(time.Duration(n) * time.Hour)
		case "minute":
			t = t.Add(time.Duration(n) * time.Minute)
		}
	}
	switch part[4] {
	case "":
		return t.Format("2006-01-02T15:04:05.000Z")
	case "X":
		return strconv.FormatInt(t.Unix(), 10)
	case "x":
		return strconv.FormatInt(t.UnixMilli(), 10)
	}
	text := regexp.MustCompile(`\[[^\]]*\]|YYYY|MMM|MM|ddd|DD|HH|mm|ss|SSS|ZZ|Z`).ReplaceAllStringFunc(part[4], func(token string) string {
		layout := map[string]string{
			"YYYY": "2006", "MMM": "Jan", "MM": "01", "ddd": "Mon", "DD": "02", "HH": "15", "mm": "04", "ss": "05", "ZZ": "-0700", "Z": "-07:00",
		}[token]
		switch {
		case token[0] == '[':
			return token[1 : len(token)-1]
		case token == "SSS":
			return "321"
		}
		return t.Format(layout)
	})
	return text
}
