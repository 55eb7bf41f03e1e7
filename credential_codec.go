package tieline

import (
	"crypto/subtle"
	"fmt"
	"maps"
	"reflect"
	"slices"

	"github.com/tieline/tieline/internal/wire"
)

// The kinds of stored credential. The values are stored: add at the end.
const (
	kindOAuth2 = iota + 1
	kindClientCredentials
	kindAPIKey
	kindBasic
	kindNone
	kindTwoStep
	kindJWT
	kindSignature
	kindBill
	kindOAuth1
	kindTBA
	kindApp
	kindCustom
	kindAWS
	kindFields
)

// private is the part of a connection that can be read only with a key: the
// credential, what the provider told, and configuration that is secret.
type private struct {
	cred     Credential
	captured map[string]string // from callbacks and token responses
	secrets  map[string]string // fields of the connection config marked secret

	tail []byte
}

func (p *private) encode() []byte {
	b := wire.AppendBytes(make([]byte, 0, 512), p.cred.seal(nil))
	b = wire.AppendMap(b, p.captured)
	b = wire.AppendMap(b, p.secrets)
	return append(b, p.tail...)
}

func decodePrivate(b []byte) (*private, error) {
	r := wire.NewTextReader(b)
	cred, err := decodeCredential(r.Sub())
	if err != nil {
		return nil, err
	}
	p := &private{cred: cred, captured: r.Map(), secrets: r.Map()}
	p.tail = r.Rest()
	if err := r.Err(); err != nil {
		return nil, fmt.Errorf("sealed part: %w", err)
	}
	return p, nil
}

// with is a copy that has another credential, and the captured values of both.
func (p *private) with(cred Credential, captured map[string]string) *private {
	n := &private{cred: cred, captured: maps.Clone(p.captured), secrets: p.secrets, tail: p.tail}
	if len(captured) > 0 && n.captured == nil {
		n.captured = make(map[string]string, len(captured))
	}
	maps.Copy(n.captured, captured)
	return n
}

func (t *OAuth2Token) seal(b []byte) []byte { return t.fields(wire.AppendUint(b, kindOAuth2)) }

func (t *OAuth2Token) fields(b []byte) []byte {
	b = appendSecret(b, t.AccessToken)
	b = appendSecret(b, t.RefreshToken)
	b = wire.AppendString(b, t.TokenType)
	b = wire.AppendStrings(b, t.Scopes)
	b = wire.AppendTime(b, t.ExpiresAt)
	b = wire.AppendString(b, t.ClientID)
	b = appendSecret(b, t.ClientSecret)
	b = appendSecret(b, t.Raw)
	if len(t.Tokens) == 0 {
		return b
	}
	return appendExtra(b, t.Tokens)
}

func (c *ClientCredentials) seal(b []byte) []byte {
	b = wire.AppendUint(b, kindClientCredentials)
	b = wire.AppendString(b, c.ClientID)
	b = appendSecret(b, c.ClientSecret)
	b = appendSecret(b, c.Certificate)
	b = appendSecret(b, c.PrivateKey)
	b = appendSecret(b, c.Token)
	b = wire.AppendTime(b, c.ExpiresAt)
	b = wire.AppendStrings(b, c.Scopes)
	return appendSecret(b, c.Raw)
}

func (k *APIKey) seal(b []byte) []byte {
	return appendSecret(wire.AppendUint(b, kindAPIKey), k.Key)
}

func (p *Basic) seal(b []byte) []byte {
	return appendSecret(appendSecret(wire.AppendUint(b, kindBasic), p.Username), p.Password)
}

func (*None) seal(b []byte) []byte { return wire.AppendUint(b, kindNone) }

func decodeCredential(r wire.Reader) (Credential, error) {
	kind := r.Uint()
	cred := readCredential(kind, &r)
	if cred == nil {
		return nil, fmt.Errorf("credential of kind %d: %w", kind, wire.ErrMalformed)
	}
	if err := r.Err(); err != nil {
		return nil, fmt.Errorf("credential: %w", err)
	}
	return cred, nil
}

// readCredential answers nil for a kind that does not exist.
func readCredential(kind uint64, r *wire.Reader) Credential {
	switch kind {
	case kindOAuth2:
		return readOAuth2(r)
	case kindClientCredentials:
		return &ClientCredentials{
			ClientID: r.String(), ClientSecret: readSecret(r), Certificate: readSecret(r), PrivateKey: readSecret(r),
			Token: readSecret(r), ExpiresAt: r.Time(), Scopes: r.Strings(), Raw: readSecret(r),
		}
	case kindAPIKey:
		return &APIKey{Key: readSecret(r)}
	case kindBasic:
		return &Basic{Username: readSecret(r), Password: readSecret(r)}
	case kindNone:
		return &None{}
	case kindTwoStep:
		return readTwoStep(r)
	case kindJWT:
		return readJWT(r)
	case kindSignature:
		return readSignature(r)
	case kindBill:
		return readBill(r)
	case kindOAuth1:
		return readOAuth1(r)
	case kindTBA:
		return readTBA(r)
	case kindApp:
		return readAppToken(r)
	case kindCustom:
		return readCustom(r)
	case kindAWS:
		return readAWS(r)
	case kindFields:
		return readFields(r)
	}
	return nil
}

func readOAuth2(r *wire.Reader) *OAuth2Token {
	return &OAuth2Token{
		AccessToken: readSecret(r), RefreshToken: readSecret(r), TokenType: r.String(), Scopes: r.Strings(),
		ExpiresAt: r.Time(), ClientID: r.String(), ClientSecret: readSecret(r), Raw: readSecret(r),
		Tokens: readExtra(r),
	}
}

func appendSecret(b []byte, s Secret) []byte { return wire.AppendString(b, s.Reveal()) }

func readSecret(r *wire.Reader) Secret { return NewSecret(r.String()) }

// sameCredential says whether two credentials authenticate alike, that is,
// whether one that was refused is the one that is stored.
func sameCredential(a, b Credential) bool {
	if isNilCredential(a) || isNilCredential(b) || reflect.TypeOf(a) != reflect.TypeOf(b) {
		return false
	}
	x, ok := a.field("accessToken")
	y, both := b.field("accessToken")
	if ok && both && x+y != "" {
		return NewSecret(x).Equal(NewSecret(y))
	}
	return subtle.ConstantTimeCompare(a.seal(nil), b.seal(nil)) == 1
}

// scopesOf are the granted scopes, sorted, nil when the credential has none or
// does not say.
func scopesOf(c Credential) []string {
	var scopes []string
	switch c := c.(type) {
	case *OAuth2Token:
		scopes = c.Scopes
	case *ClientCredentials:
		scopes = c.Scopes
	case *CustomToken:
		scopes = c.User.Scopes
	}
	return slices.Sorted(slices.Values(scopes))
}

// isNilCredential also sees a nil pointer in a non-nil interface.
func isNilCredential(c Credential) bool { return c == nil || reflect.ValueOf(c).IsNil() }
