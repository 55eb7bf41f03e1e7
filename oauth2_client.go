package tieline

import (
	"context"
	"crypto/tls"
	"net/http"
	"net/url"

	"github.com/tieline/tieline/internal/oauth"
	"github.com/tieline/tieline/internal/outbound"
	"github.com/tieline/tieline/internal/sign"
)

// assertionType is the client_assertion_type of RFC 7523 section 2.2.
const assertionType = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"

// assertClient has the client say who it is with a signed statement instead of a
// secret (private_key_jwt, RFC 7523 section 2.2, OpenID Connect Core section 9).
func (s *Subject) assertClient(call *oauth.Call) error {
	text, field := call.ClientSecret, "app.client_secret"
	if cc, ok := s.private.cred.(*ClientCredentials); ok {
		field = "credential.client_private_key"
		if !cc.PrivateKey.IsZero() {
			text = cc.PrivateKey.Reveal()
		}
	}
	key, err := sign.ParseKey(text, sign.Asymmetric)
	if err != nil {
		return signingFieldError(field, err)
	}
	id, err := s.Random(16)
	if err != nil {
		return err
	}
	// The token endpoint stands for the server also at its other endpoints: every
	// server has to take that (RFC 9126 section 2).
	audience, err := s.tokenURL(s.env())
	if err != nil {
		return err
	}
	audience.RawQuery = ""
	assertion, err := sign.ClientAssertion(sign.Assertion{ClientID: call.ClientID, Audience: audience.String(), ID: id, IssuedAt: s.core.now()}, key)
	if err != nil {
		return signingFieldError(field, err)
	}
	call.Auth = oauth.AuthNone
	call.Params["client_assertion_type"], call.Params["client_assertion"] = assertionType, assertion
	return nil
}

// push sends the parameters of an authorization ahead, and leaves in the URL only
// a reference to them (RFC 9126).
func (s *Subject) push(ctx context.Context, target *url.URL, params map[string]string) (*url.URL, error) {
	endpoint, err := expandURL(s.provider.PushedAuthorizationURL, s.env(), "pushed_authorization_url")
	if err != nil {
		return nil, err
	}
	call, err := s.tokenCall()
	if err != nil {
		return nil, err
	}
	call.URL, call.Names, call.Method, call.Format = endpoint, nil, http.MethodPost, oauth.Form
	for name, v := range params {
		if to, ok := s.provider.AuthorizationParamNames[name]; ok {
			name = to
		}
		if name != "" && name != "client_id" {
			call.Params[name] = v
		}
	}
	// RFC 9126 section 2.2: the reference is where a token would be.
	call.Fields, call.Success, call.QueryParams = oauth.Fields{AccessToken: "request_uri"}, oauth.Success{}, nil
	answer, failure := s.send(ctx, call)
	if failure != nil {
		return nil, newTokenError(failure)
	}
	q := target.Query()
	q.Set("client_id", params["client_id"])
	q.Set("request_uri", answer.AccessToken)
	target.RawQuery = q.Encode()
	return target, nil
}

// certified is a way out that presents the connection's client certificate, where
// it has one (RFC 8705). The server's certificate is checked as always.
func (s *Subject) certified(rt http.RoundTripper) (http.RoundTripper, error) {
	cc, ok := s.private.cred.(*ClientCredentials)
	if !ok || cc.Certificate.IsZero() {
		return rt, nil
	}
	cert, err := tls.X509KeyPair([]byte(pemText(cc.Certificate)), []byte(pemText(cc.PrivateKey)))
	if err != nil {
		return nil, &FieldError{Field: "credential.client_certificate", Reason: "and the private key must be a pair in PEM"}
	}
	return outbound.WithCertificate(rt, cert), nil
}
