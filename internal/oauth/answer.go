package oauth

import (
	"cmp"
	"strings"
	"time"

	"github.com/tieline/tieline/internal/jsonpath"
)

// Fields are dotted paths into the answer of a token endpoint. An empty one
// is the standard name of RFC 6749 section 5.1 or 5.2.
type Fields struct {
	AccessToken, RefreshToken, IDToken, TokenType, Scope string
	ExpiresIn, Error, ErrorDescription                   string

	// ExpiresAt is where the moment is at which the token expires. The standard
	// has no such field; an empty path looks nowhere.
	ExpiresAt       string
	ExpiresAtFormat ExpiresAtFormat // empty: ExpiresAuto
	ExpiresInUnit   time.Duration   // what a number in ExpiresIn counts; 0: seconds
	// ExpiryInToken lets the exp of an access token that is a JWT (RFC 7519
	// section 4.1.4) bound its life, or stand in for what the answer does not say.
	ExpiryInToken bool

	// Alternates are where to look, in order, when there is no access token: at
	// a string that is one, or at an object with the standard names in it.
	Alternates []string
}

// Answer is what a token endpoint said, as far as it could be understood.
type Answer struct {
	Status int

	AccessToken  string
	RefreshToken string // empty: keep the one there is
	IDToken      string
	TokenType    string
	Scope        string
	HasScope     bool          // the answer names the scope, if only as empty
	ExpiresIn    time.Duration // 0: absent, or nothing a lifetime could be
	// ExpiresAt is the moment the answer names, in UTC, and counts before
	// ExpiresIn; see Lifetime. It is zero if there is none, or one that is past or
	// more than 50 years away.
	ExpiresAt time.Time

	ErrorCode        string // only if it looks like a code
	ErrorDescription string // as given; not to be printed

	// Torn says that the answer is nothing as a whole, such as one that was cut
	// off: what was not found may have been in it.
	Torn bool

	// Values is the whole answer, nil if it could not be parsed as a whole.
	Values map[string]any
	// Raw is the answer as JSON, nil if it could not be parsed as a whole.
	Raw []byte
}

// Parse takes an answer apart, the refresh token first: an answer that is odd
// in any other way must not cost the grant. It never fails; what is not there
// stays empty.
//
// Tokens are looked for where the provider's data says, then where the standard
// has them, then at its alternates. Only an answer that has neither token there is
// searched as a whole: a token that stands elsewhere may be another one.
//
// now is when the answer came, for an expiry that counts from it.
func Parse(body []byte, f Fields, now time.Time) *Answer {
	a := parse(body, f.withDefaults(), now)
	if f.ExpiryInToken {
		a.boundByToken(now)
	}
	return a
}

func parse(body []byte, f Fields, now time.Time) *Answer {
	text := decodeText(body)
	objects, raw := parseWhole(text, maxNested)
	if len(objects) == 0 {
		a := &Answer{
			RefreshToken: scan(text, f.RefreshToken),
			AccessToken:  scan(text, f.AccessToken),
			ErrorCode:    ErrorCode(scan(text, f.Error)),
			Torn:         true,
		}
		at := ""
		if f.ExpiresAt != "" {
			at = scan(text, f.ExpiresAt)
		}
		a.readExpiry(at, scan(text, f.ExpiresIn), f, now)
		return a
	}
	values := objects[0]
	a := &Answer{TokenType: scalar(jsonpath.At(values, f.TokenType)), IDToken: scalar(jsonpath.At(values, f.IDToken))}
	a.readExpiry(jsonpath.At(values, f.ExpiresAt), jsonpath.At(values, f.ExpiresIn), f, now)
	if raw != nil {
		a.Values, a.Raw = values, raw
	}
	if scope := jsonpath.At(values, f.Scope); scope != nil {
		a.Scope, a.HasScope = scopeText(scope), true
	}
	a.readTokens(objects, text, f)
	a.readError(jsonpath.At(values, f.Error), jsonpath.At(values, f.ErrorDescription))
	return a
}

// readTokens finds the tokens.
func (a *Answer) readTokens(objects []map[string]any, text string, f Fields) {
	for _, values := range objects {
		a.take(scalar(jsonpath.At(values, f.AccessToken)), scalar(jsonpath.At(values, f.RefreshToken)))
	}
	for _, path := range f.Alternates {
		if a.AccessToken == "" {
			a.alternate(jsonpath.At(objects[0], path), f)
		}
	}
	standard := Fields{}.withDefaults()
	for _, values := range objects {
		if a.AccessToken == "" && a.RefreshToken == "" {
			a.take(scalar(values[standard.AccessToken]), scalar(values[standard.RefreshToken]))
		}
	}
	if a.AccessToken == "" && a.RefreshToken == "" {
		a.take(search(objects))
	}
	// Of a name that is there twice, the decoder keeps the last, even if it is
	// null or empty.
	if _, twice := objects[0][standard.RefreshToken]; twice && a.RefreshToken == "" {
		a.RefreshToken = scanString(text, standard.RefreshToken)
	}
}

// take keeps what is not known yet.
func (a *Answer) take(access, refresh string) {
	a.AccessToken = cmp.Or(a.AccessToken, access)
	a.RefreshToken = cmp.Or(a.RefreshToken, refresh)
}

func (f Fields) withDefaults() Fields {
	def := func(p *string, name string) {
		if *p == "" {
			*p = name
		}
	}
	def(&f.AccessToken, "access_token")
	def(&f.RefreshToken, "refresh_token")
	def(&f.IDToken, "id_token")
	def(&f.TokenType, "token_type")
	def(&f.ExpiresIn, "expires_in")
	def(&f.Scope, "scope")
	def(&f.Error, "error")
	def(&f.ErrorDescription, "error_description")
	return f
}

// alternate takes the token from another place, such as Slack's authed_user.
func (a *Answer) alternate(v any, f Fields) {
	m, ok := v.(map[string]any)
	if !ok {
		a.AccessToken = scalar(v)
		return
	}
	a.take(scalar(m["access_token"]), scalar(m["refresh_token"]))
	if d := f.lifetime(m["expires_in"]); d != 0 {
		a.ExpiresIn = d
	}
	if s, ok := m["scope"]; ok && !a.HasScope {
		a.Scope, a.HasScope = scopeText(s), true
	}
}

// readError accepts the standard string and the object that some APIs put in
// its place everywhere ({"error": {"code": …, "message": …}}).
func (a *Answer) readError(code, description any) {
	a.ErrorDescription = scalar(description)
	m, ok := code.(map[string]any)
	if !ok {
		a.ErrorCode = ErrorCode(scalar(code))
		return
	}
	for _, name := range []string{"code", "type", "status"} {
		if c := ErrorCode(scalar(m[name])); c != "" {
			a.ErrorCode = c
			break
		}
	}
	if a.ErrorDescription == "" {
		a.ErrorDescription = scalar(m["message"])
	}
}

func scalar(v any) string {
	if _, ok := v.(bool); ok {
		return ""
	}
	s, _ := jsonpath.Text(v)
	return s
}

func scopeText(v any) string {
	list, ok := v.([]any)
	if !ok {
		return scalar(v)
	}
	names := make([]string, 0, len(list))
	for _, item := range list {
		names = append(names, scalar(item))
	}
	return strings.Join(names, " ")
}

// maxLifetime is more than any token lives: servers that mean "for ever" send
// larger numbers.
const maxLifetime = 50 * 365 * 24 * time.Hour

// ErrorCode keeps what looks like an error code of RFC 6749. Anything else is
// text, which may hold anything, and becomes the empty string.
func ErrorCode(s string) string {
	if len(s) > 64 {
		return ""
	}
	for _, c := range []byte(s) {
		switch {
		case c >= 'a' && c <= 'z', c >= 'A' && c <= 'Z', c >= '0' && c <= '9', c == '_', c == '-', c == '.', c == ':':
		default:
			return ""
		}
	}
	return s
}
