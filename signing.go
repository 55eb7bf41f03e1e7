package tieline

import (
	"cmp"
	"crypto/rsa"
	"encoding/base64"
	"errors"
	"strings"
	"time"

	"github.com/tieline/tieline/internal/saml"
	"github.com/tieline/tieline/internal/sign"
	"github.com/tieline/tieline/internal/spec"
	"github.com/tieline/tieline/internal/template"
)

// signToken makes the token that the provider's data describes (RFC 7519), good
// from now on.
func (s *Subject) signToken() (token string, expires time.Time, err error) {
	t := s.provider.Token
	if t == nil || t.SigningKey == nil {
		return "", time.Time{}, &FieldError{Field: "token.signing_key", Reason: "the provider's entry has none"}
	}
	env := s.env()
	key, err := s.signingKey(t.SigningKey, env)
	if err != nil {
		return "", time.Time{}, err
	}
	header, err := claims(t.Header, env)
	if err != nil {
		return "", time.Time{}, err
	}
	payload, err := claims(t.Payload, env)
	if err != nil {
		return "", time.Time{}, err
	}
	now := s.core.now()
	expires = now.Add(t.Lifetime)
	payload["iat"], payload["exp"] = now.Unix(), expires.Unix()
	token, err = sign.Sign(header, payload, key)
	if err != nil {
		return "", time.Time{}, signingError(t.SigningKey, err)
	}
	return token, expires, nil
}

// signingKey reads the key that a template names.
func (s *Subject) signingKey(t *template.Text, env *template.Env) (sign.Key, error) {
	text, err := t.Expand(env)
	if err != nil {
		return sign.Key{}, configError(err)
	}
	as := sign.Asymmetric
	if sig := s.provider.Signature; sig != nil && sig.Protocol == "HMAC" && s.provider.Token != nil && t == s.provider.Token.SigningKey {
		as = sign.SecretHex
		if sig.HMACSecretEncoding == "utf8" {
			as = sign.SecretUTF8
		}
	}
	key, err := sign.ParseKey(text, as)
	if err != nil {
		return sign.Key{}, signingError(t, err)
	}
	return key, nil
}

// signingError names the field that the key comes from.
func signingError(t *template.Text, err error) error {
	field := "credential"
	if refs := t.Refs(); len(refs) > 0 {
		r := refs[0]
		r.Name, _, _ = strings.Cut(r.Name, ".")
		field = cmp.Or(fieldOf(r), field)
	}
	return &FieldError{Field: field, Reason: strings.TrimPrefix(err.Error(), "sign: ")}
}

// claims expands a header or a payload. What has no value is left out, as
// optional claims are; a list in one text is separated by commas.
func claims(t spec.Tree, env *template.Env) (map[string]any, error) {
	out := map[string]any{}
	for _, m := range t.Members {
		v, err := m.Tree.Expand(env)
		if missingValue(err) {
			continue
		}
		if err != nil {
			return nil, configError(err)
		}
		switch v.Kind {
		case spec.String:
			if v.Text != "" {
				out[m.Name] = v.Text
			}
		case spec.List:
			var list []string
			for _, item := range v.List {
				for part := range strings.SplitSeq(item.Text, ",") {
					if part = strings.TrimSpace(part); part != "" {
						list = append(list, part)
					}
				}
			}
			if len(list) > 0 {
				out[m.Name] = list
			}
		default:
			out[m.Name] = v
		}
	}
	return out, nil
}

// assertion makes the statement that is traded for a token: a JWT (RFC 7523) or
// SAML (RFC 7522).
func (s *Subject) assertion() (text string, expires time.Time, err error) {
	a := s.provider.Assertion
	expires = s.core.now().Add(a.Lifetime)
	if a.SAML {
		text, err = s.samlAssertion(a)
		return text, expires, err
	}
	env := s.env()
	key, err := s.signingKey(a.Key, env)
	if err != nil {
		return "", time.Time{}, err
	}
	header, err := claims(a.Header, env)
	if err != nil {
		return "", time.Time{}, err
	}
	payload, err := claims(a.Payload, env)
	if err != nil {
		return "", time.Time{}, err
	}
	payload["iat"], payload["exp"] = s.core.now().Unix(), expires.Unix()
	if text, err = sign.Sign(header, payload, key); err != nil {
		return "", time.Time{}, signingError(a.Key, err)
	}
	return text, expires, nil
}

func (s *Subject) samlAssertion(a *spec.CompiledAssertion) (string, error) {
	env := s.env()
	var firstErr error
	text := func(t *template.Text) string {
		if t == nil {
			return ""
		}
		v, err := t.Expand(env)
		if err != nil && firstErr == nil {
			firstErr = configError(err)
		}
		return v
	}
	out := saml.Assertion{
		Issuer: text(a.Issuer), NameID: text(a.NameIdentifier), NameIDFormat: s.provider.Provider.Assertion.NameIdentifierFormat,
		Recipient: text(a.Recipient), InResponseTo: text(a.InResponseTo), SessionIndex: text(a.SessionIndex),
		AuthnContextClassRef: s.provider.Provider.Assertion.AuthnContextClassRef, ID: text(a.UID), Lifetime: a.Lifetime,
	}
	for _, t := range a.Audiences {
		out.Audiences = append(out.Audiences, text(t))
	}
	for _, p := range a.Attributes {
		if v := text(p.Value); v != "" {
			out.Attributes = append(out.Attributes, saml.Attribute{Name: p.Name, Values: []string{v}})
		}
	}
	key, err := s.samlKey(a, env)
	if firstErr != nil || err != nil {
		if firstErr == nil {
			firstErr = err
		}
		return "", firstErr
	}
	b, err := out.XML(s.core.now(), s.core.rand, key, []byte(s.provider.Provider.Assertion.Cert))
	if err != nil {
		return "", &FieldError{Field: "assertion", Reason: err.Error()}
	}
	return base64.StdEncoding.EncodeToString(b), nil
}

// samlKey is nil where the provider's data names no key: the assertion is then
// not signed.
func (s *Subject) samlKey(a *spec.CompiledAssertion, env *template.Env) (*rsa.PrivateKey, error) {
	if a.Key == nil {
		return nil, nil
	}
	key, err := s.signingKey(a.Key, env)
	if err != nil {
		return nil, err
	}
	signer, _ := key.Signer()
	private, ok := signer.(*rsa.PrivateKey)
	if !ok {
		return nil, signingError(a.Key, errors.New("must be an RSA key"))
	}
	return private, nil
}

func signingFieldError(field string, err error) error {
	return &FieldError{Field: field, Reason: strings.TrimPrefix(err.Error(), "sign: ")}
}

// pemText undoes what happens to line breaks in a form with one line.
func pemText(s Secret) string { return strings.ReplaceAll(s.Reveal(), `\n`, "\n") }
