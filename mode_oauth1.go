package tieline

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/url"
	"strings"

	"github.com/tieline/tieline/internal/oauth"
	"github.com/tieline/tieline/internal/outbound"
	"github.com/tieline/tieline/internal/sign"
	"github.com/tieline/tieline/internal/template"
)

// oauth1Mode is OAuth 1.0a (RFC 5849).
type oauth1Mode struct{}

const (
	keptToken  = "oauth_token"
	keptSecret = "oauth_token_secret"

	// maxOAuth1Answer bounds the answers of RFC 5849 section 2, in bytes.
	maxOAuth1Answer = 64 << 10
)

// Begin asks for temporary credentials (RFC 5849 section 2.1).
func (oauth1Mode) Begin(ctx context.Context, s *Subject, f *Flow) (*url.URL, error) {
	e := s.provider
	env := s.env()
	callback, err := withState(f.RedirectURL, f.State)
	if err != nil {
		return nil, err
	}
	request, err := expandURL(e.RequestURL, env, "request_url")
	if err != nil {
		return nil, err
	}
	form := url.Values{}
	if err := expandInto(e.RequestParams, env, form.Set); err != nil {
		return nil, err
	}
	answer, err := s.oauth1Call(ctx, cmp.Or(e.RequestHTTPMethod, http.MethodPost), request, form, "", "", url.Values{"oauth_callback": {callback}})
	if err != nil {
		return nil, err
	}
	// RFC 5849 section 2.1 wants a confirmation. Servers leave it out; one that
	// denies it is of OAuth 1.0, whose callback anybody could have chosen.
	if answer.Get("oauth_callback_confirmed") == "false" {
		return nil, &TokenError{Class: ClassConfig, Status: http.StatusOK, Code: "callback_not_confirmed"}
	}
	f.Keep = map[string]string{keptToken: answer.Get(keptToken), keptSecret: answer.Get(keptSecret)}

	target, err := expandURL(e.AuthorizationURL, env, "authorization_url")
	if err != nil {
		return nil, err
	}
	q := target.Query()
	if err := expandInto(e.AuthorizationParams, env, q.Set); err != nil {
		return nil, err
	}
	for name, v := range f.Params {
		q.Set(name, v)
	}
	if len(f.Scopes) > 0 {
		q.Set("scope", strings.Join(f.Scopes, e.ScopeSeparator))
	}
	q.Set(keptToken, f.Keep[keptToken])
	target.RawQuery = q.Encode()
	return target, nil
}

// Complete asks for the token credentials (RFC 5849 section 2.3).
func (oauth1Mode) Complete(ctx context.Context, s *Subject, f *Flow, callback url.Values) (Grant, error) {
	if callback.Get("denied") != "" {
		return Grant{}, &AuthorizationError{Code: "access_denied"}
	}
	verifier := callback.Get("oauth_verifier")
	switch {
	case verifier == "":
		return Grant{}, &FieldError{Field: "callback.oauth_verifier", Reason: "is missing"}
	case callback.Get(keptToken) != f.Keep[keptToken]:
		return Grant{}, &FieldError{Field: "callback.oauth_token", Reason: "is not the one that was sent"}
	}
	e := s.provider
	env := s.env()
	target, err := s.tokenURL(env)
	if err != nil {
		return Grant{}, err
	}
	form, err := e.TokenParams.Form(env)
	if err != nil {
		return Grant{}, configError(err)
	}
	began := s.core.now()
	extra := url.Values{"oauth_verifier": {verifier}}
	answer, err := s.oauth1Call(ctx, cmp.Or(e.TokenHTTPMethod, http.MethodPost), target, form, f.Keep[keptToken], f.Keep[keptSecret], extra)
	if err != nil {
		return Grant{}, err
	}
	raw := map[string]any{}
	for name := range answer {
		raw[name] = answer.Get(name)
	}
	text, err := json.Marshal(raw)
	if err != nil {
		return Grant{}, err
	}
	return Grant{
		Credential: &OAuth1Token{Token: NewSecret(answer.Get(keptToken)), TokenSecret: NewSecret(answer.Get(keptSecret)), Raw: NewSecret(string(text))},
		Captured:   s.capture(&oauth.Answer{Values: raw}, callback), IssuedAt: began,
	}, nil
}

func (oauth1Mode) Import(_ context.Context, s *Subject, _ bool) (Grant, error) {
	cred := s.private.cred.(*OAuth1Token)
	for name, v := range map[string]Secret{keptToken: cred.Token, keptSecret: cred.TokenSecret} {
		if err := checkText("credential."+name, v.Reveal(), 1, maxToken, printableASCII); err != nil {
			return Grant{}, err
		}
	}
	return Grant{Credential: cred}, nil
}

func (oauth1Mode) Attach(_ context.Context, s *Subject, req *http.Request) error {
	cred := s.private.cred.(*OAuth1Token)
	return s.signOAuth1(req, s.oauth1(cred.Token.Reveal(), cred.TokenSecret.Reveal()))
}

// oauth1 are the secrets that a request is signed with.
func (s *Subject) oauth1(token, tokenSecret string) sign.OAuth1 {
	id, secret := s.client()
	o := sign.OAuth1{
		ConsumerKey: id, ConsumerSecret: secret, Token: token, TokenSecret: tokenSecret,
		Method: sign.OAuth1Method(cmp.Or(s.provider.SignatureMethodName, string(sign.HMACSHA1))),
	}
	if strings.HasPrefix(string(o.Method), "RSA-") {
		// The consumer's secret is its private key then (RFC 5849 section 3.4.3).
		if key, err := sign.ParseKey(secret, sign.Asymmetric); err == nil {
			o.PrivateKey, o.ConsumerSecret = key, ""
		}
	}
	return o
}

// oauth1Call makes one of the calls of RFC 5849 section 2, once.
func (s *Subject) oauth1Call(ctx context.Context, method string, target *url.URL, form url.Values, token, tokenSecret string, extra url.Values) (url.Values, error) {
	u := *target
	var body io.Reader
	if method == http.MethodGet {
		u.RawQuery = joinQuery(u.RawQuery, form.Encode())
	} else if len(form) > 0 {
		body = strings.NewReader(form.Encode())
	}
	req, err := http.NewRequestWithContext(ctx, method, u.String(), body)
	if err != nil {
		return nil, badData(&FieldError{Field: "token_url", Reason: "cannot be used"})
	}
	req.GetBody = nil
	if body != nil {
		req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	req.Header.Set("User-Agent", "tieline")
	nonce, err := s.Random(16)
	if err != nil {
		return nil, err
	}
	signed := form
	if method == http.MethodGet {
		signed = nil
	}
	header, err := s.oauth1(token, tokenSecret).Header(method, req.URL, signed, nonce, s.core.now(), extra)
	if err != nil {
		return nil, badData(&FieldError{Field: "app", Reason: strings.TrimPrefix(err.Error(), "sign: ")})
	}
	req.Header.Set("Authorization", header)
	return s.oauth1Answer(ctx, req)
}

func (s *Subject) oauth1Answer(ctx context.Context, req *http.Request) (url.Values, error) {
	resp, err := s.roundTrip(req)
	if err != nil {
		return nil, unsent(ctx, err)
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(io.LimitReader(resp.Body, maxOAuth1Answer))
	if resp.StatusCode < 200 || resp.StatusCode > 299 {
		return nil, refusedLogin(resp, nil, s.core.now())
	}
	if err != nil {
		return nil, &TokenError{Class: ClassTransient, Status: resp.StatusCode, Err: outbound.SafeError(ctx, err)}
	}
	answer, err := url.ParseQuery(string(bytes.TrimSpace(b)))
	if err != nil || !isToken(answer.Get(keptToken)) || !isToken(answer.Get(keptSecret)) {
		return nil, &TokenError{Class: ClassTransient, Status: resp.StatusCode, Code: "no_token"}
	}
	return answer, nil
}

// expandURL gives a URL of the provider's data its values.
func expandURL(u *template.URL, env *template.Env, key string) (*url.URL, error) {
	if u == nil {
		return nil, badData(&FieldError{Field: key, Reason: "the provider's entry has none"})
	}
	target, err := u.Expand(env)
	if err != nil {
		return nil, configError(err)
	}
	return target, nil
}

// withState is a callback that brings the state along.
func withState(callback, state string) (string, error) {
	u, err := url.Parse(callback)
	if err != nil {
		return "", &FieldError{Field: "CallbackURL", Reason: "must be an absolute URL"}
	}
	u.RawQuery = joinQuery(u.RawQuery, "state="+url.QueryEscape(state))
	return u.String(), nil
}

func joinQuery(a, b string) string {
	if a == "" || b == "" {
		return a + b
	}
	return a + "&" + b
}

// tbaMode is NetSuite's token-based authentication: OAuth 1.0a with a token that
// was made by hand.
type tbaMode struct{}

func (m tbaMode) Create(ctx context.Context, s *Subject) (Grant, error) {
	return m.Import(ctx, s, true)
}

func (tbaMode) Import(ctx context.Context, s *Subject, verify bool) (Grant, error) {
	cred := *s.private.cred.(*TBA)
	v, err := checkFields(s.provider.Credentials, map[string]string{"token_id": cred.TokenID.Reveal(), "token_secret": cred.TokenSecret.Reveal()})
	if err != nil {
		return Grant{}, err
	}
	for _, name := range []string{"token_id", "token_secret"} {
		if err := checkText("credential."+name, v[name], 1, maxToken, printableASCII); err != nil {
			return Grant{}, err
		}
	}
	if (cred.ClientID == "") != cred.ClientSecret.IsZero() {
		return Grant{}, &FieldError{Field: "credential.client_id", Reason: "goes with a client secret"}
	}
	err = errors.Join(
		checkText("credential.client_id", cred.ClientID, 0, maxName, printableASCII),
		checkText("credential.client_secret", cred.ClientSecret.Reveal(), 0, maxSecret, printableASCII))
	if err != nil {
		return Grant{}, err
	}
	cred.TokenID, cred.TokenSecret = NewSecret(v["token_id"]), NewSecret(v["token_secret"])
	sub := s.withCredential(&cred)
	if id, _ := sub.client(); id == "" {
		return Grant{}, &FieldError{Field: "credential.client_id", Reason: "is required, as the integration has no app"}
	}
	if verify {
		err = sub.verify(ctx)
	}
	return Grant{Credential: &cred}, err
}

func (tbaMode) Attach(_ context.Context, s *Subject, req *http.Request) error {
	cred := s.private.cred.(*TBA)
	o := s.oauth1(cred.TokenID.Reveal(), cred.TokenSecret.Reveal())
	o.Method, o.Realm = sign.HMACSHA256, sign.TBARealm(s.config["accountId"])
	return s.signOAuth1(req, o)
}

// signOAuth1 signs a request when everything else about it is settled.
func (s *Subject) signOAuth1(req *http.Request, o sign.OAuth1) error {
	if err := s.attachParts(req, func(http.Header) {}); err != nil {
		return err
	}
	var form url.Values
	if isForm(req.Header) {
		body, err := peekBody(req)
		if err != nil {
			return err
		}
		form, _ = sign.FormBody(req.Header.Get("Content-Type"), body)
	}
	nonce, err := s.Random(16)
	if err != nil {
		return err
	}
	header, err := o.Header(req.Method, req.URL, form, nonce, s.core.now(), nil)
	if err != nil {
		return &FieldError{Field: "request", Reason: strings.TrimPrefix(err.Error(), "sign: ")}
	}
	req.Header.Set("Authorization", header)
	return nil
}
