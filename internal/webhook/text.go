package webhook

import (
	"io"
	"slices"
	"strings"
	"unicode/utf8"
)

// part is a piece of a signed text: a literal, or a name.
type part struct {
	name    string // empty: a literal
	literal string
}

// parseText divides a text at its ${...}. It returns what is wrong with it, or "".
func parseText(text string, allowed func(name string) bool) ([]part, string) {
	var parts []part
	for text != "" {
		before, rest, ok := strings.Cut(text, "${")
		if before != "" {
			parts = append(parts, part{literal: before})
		}
		if !ok {
			break
		}
		name, after, ok := strings.Cut(rest, "}")
		if !ok {
			return nil, "a ${ has no }"
		}
		if !allowed(name) {
			return nil, "${" + name + "} is not known here"
		}
		parts = append(parts, part{name: name})
		text = after
	}
	return parts, ""
}

// has reports whether the parts use the name.
func has(parts []part, name string) bool {
	return slices.ContainsFunc(parts, func(p part) bool { return p.name == name })
}

// knownInText are the names that [Method.Text] knows.
func knownInText(name string) bool {
	switch name {
	case "body", "timestamp", "id", "method", "url", "url_unescaped", "host", "path", "query", "secret":
		return true
	}
	header, ok := strings.CutPrefix(name, "header.")
	return ok && validHeader(header)
}

// signed is the text of one delivery, ready to be hashed. The secret is filled in for
// each candidate; the body is never copied.
type signed struct {
	pieces [][]byte
	secret int // the piece that is the secret, -1 without one
}

// resolve fills the parts in.
func (r *run) resolve(parts []part, timestamp, id string) (signed, error) {
	s := signed{secret: -1}
	for _, p := range parts {
		if p.name == "secret" {
			s.secret = len(s.pieces)
		}
		piece, err := r.piece(p, timestamp, id)
		if err != nil {
			return signed{}, err
		}
		s.pieces = append(s.pieces, piece)
	}
	return s, nil
}

func (r *run) piece(p part, timestamp, id string) ([]byte, error) {
	if header, ok := strings.CutPrefix(p.name, "header."); ok {
		v, err := r.one(header)
		return []byte(v), err
	}
	if slices.Contains([]string{"url", "url_unescaped", "host", "path", "query"}, p.name) && r.url == nil {
		return nil, fail(ErrMalformed, "URL")
	}
	switch p.name {
	case "":
		return []byte(p.literal), nil
	case "body":
		return r.d.Body, nil
	case "timestamp":
		return []byte(timestamp), nil
	case "id":
		return []byte(id), nil
	case "method":
		return []byte(r.d.Method), nil
	case "url":
		return []byte(r.d.URL), nil
	case "url_unescaped":
		return []byte(unescapeReserved(r.d.URL)), nil
	case "host":
		return []byte(r.url.Host), nil
	case "path":
		return []byte(r.url.EscapedPath()), nil
	case "query":
		return []byte(r.url.RawQuery), nil
	}
	return nil, nil // secret
}

// write hashes the text with the given secret in its place.
func (s signed) write(w io.Writer, secret []byte) {
	for i, piece := range s.pieces {
		if i == s.secret {
			piece = secret
		}
		_, _ = w.Write(piece)
	}
}

// isText reports whether everything but the secret is UTF-8.
func (s signed) isText() bool {
	return !slices.ContainsFunc(s.pieces, func(piece []byte) bool { return !utf8.Valid(piece) })
}

// unescapeReserved decodes the escapes that HubSpot decodes before it signs, and no other:
// those of : / ? @ ! $ ' ( ) * , and ;.
// https://developers.hubspot.com/docs/apps/developer-platform/build-apps/authentication/request-validation
func unescapeReserved(u string) string {
	return strings.NewReplacer(
		"%3A", ":", "%3a", ":", "%2F", "/", "%2f", "/", "%3F", "?", "%3f", "?", "%40", "@",
		"%21", "!", "%24", "$", "%27", "'", "%28", "(", "%29", ")",
		"%2A", "*", "%2a", "*", "%2C", ",", "%2c", ",", "%3B", ";", "%3b", ";",
	).Replace(u)
}

// validHeader reports whether name is a token of RFC 9110 section 5.6.2.
func validHeader(name string) bool {
	return name != "" && !strings.ContainsFunc(name, func(c rune) bool {
		return c > '~' || c <= ' ' || strings.ContainsRune(`"(),/:;<=>?@[\]{}`, c)
	})
}
