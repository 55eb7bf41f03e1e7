package discover

import "strings"

// Challenge is one challenge of a WWW-Authenticate header (RFC 9110 section
// 11.6.1).
type Challenge struct {
	Scheme  string            // in lower case
	Token68 string            // instead of Params
	Params  map[string]string // by name in lower case; of a repeated one the first
}

// ParseChallenges reads the values of all WWW-Authenticate headers of an answer,
// each of which may hold several challenges. What cannot be read ends the
// reading of that value, and what came before it stays.
func ParseChallenges(values []string) []Challenge {
	var all []Challenge
	for _, v := range values {
		s := scanner{rest: v}
		all = append(all, s.challenges()...)
	}
	return all
}

type scanner struct{ rest string }

func (s *scanner) challenges() []Challenge {
	var all []Challenge
	for {
		s.separators()
		scheme := s.token()
		if scheme == "" {
			return all
		}
		c := Challenge{Scheme: strings.ToLower(scheme)}
		if !s.spaces() && s.rest != "" && s.rest[0] != ',' {
			return all // not a scheme
		}
		ok := s.content(&c)
		all = append(all, c)
		if !ok {
			return all
		}
	}
}

// content reads what follows a scheme and a space: a token68 or parameters. It
// reports whether what comes next is the end or the next challenge.
func (s *scanner) content(c *Challenge) bool {
	if s.rest == "" || s.rest[0] == ',' || s.token68(c) {
		return true
	}
	for {
		s.separators()
		before := s.rest
		name := strings.ToLower(s.token())
		if name == "" {
			return s.rest == ""
		}
		s.spaces()
		if !strings.HasPrefix(s.rest, "=") {
			s.rest = before // the scheme of the next challenge
			return true
		}
		s.rest = s.rest[1:]
		s.spaces()
		value, ok := s.value()
		if !ok {
			return false
		}
		if c.Params == nil {
			c.Params = map[string]string{}
		}
		if _, repeated := c.Params[name]; !repeated {
			c.Params[name] = value
		}
		// Whether a comma follows is left to be: some servers write none.
	}
}

// value reads a token or a quoted string. Servers leave URLs unquoted, so that
// anything up to a comma or a space counts as a token here, also nothing at all.
func (s *scanner) value() (string, bool) {
	if strings.HasPrefix(s.rest, `"`) {
		return s.quoted()
	}
	end := strings.IndexAny(s.rest, ", \t\"")
	if end < 0 {
		end = len(s.rest)
	}
	v := s.rest[:end]
	s.rest = s.rest[end:]
	return v, true
}

// quoted reads a quoted string (RFC 9110 section 5.6.4). It fails if it does not
// end.
func (s *scanner) quoted() (string, bool) {
	var b strings.Builder
	for i := 1; i < len(s.rest); i++ {
		switch c := s.rest[i]; c {
		case '"':
			s.rest = s.rest[i+1:]
			return b.String(), true
		case '\\':
			if i++; i == len(s.rest) {
				return "", false
			}
			b.WriteByte(s.rest[i])
		default:
			b.WriteByte(c)
		}
	}
	return "", false
}

// token68 reads one that is followed by a comma or the end.
func (s *scanner) token68(c *Challenge) bool {
	end := 0
	for end < len(s.rest) && (isAlnum(s.rest[end]) || strings.IndexByte("-._~+/", s.rest[end]) >= 0) {
		end++
	}
	if end == 0 {
		return false
	}
	for end < len(s.rest) && s.rest[end] == '=' {
		end++
	}
	text, rest := s.rest[:end], strings.TrimLeft(s.rest[end:], " \t")
	if rest != "" && rest[0] != ',' {
		return false
	}
	c.Token68, s.rest = text, rest
	return true
}

// token reads a token (RFC 9110 section 5.6.2), "" if there is none.
func (s *scanner) token() string {
	end := 0
	for end < len(s.rest) && (isAlnum(s.rest[end]) || strings.IndexByte("!#$%&'*+-.^_`|~", s.rest[end]) >= 0) {
		end++
	}
	t := s.rest[:end]
	s.rest = s.rest[end:]
	return t
}

// spaces skips them and reports whether there were any.
func (s *scanner) spaces() bool {
	before := len(s.rest)
	s.rest = strings.TrimLeft(s.rest, " \t")
	return len(s.rest) < before
}

// separators skips commas too: a list may have empty elements (RFC 9110 section
// 5.6.1.2).
func (s *scanner) separators() { s.rest = strings.TrimLeft(s.rest, " \t,") }

func isAlnum(c byte) bool {
	return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9'
}
