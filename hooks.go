package tieline

import (
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/tieline/tieline/internal/oauth"
	"github.com/tieline/tieline/internal/sign"
)

// What is left to code, because no data could say it: what a few providers do with
// the secret of a token request, and an API that the application describes in the
// config of its integration. Everything else is data.

// hook changes a request to the token endpoint of a provider that has a way of its
// own to be told who asks.
func (s *Subject) hook(call *oauth.Call) error {
	switch s.provider.Name {
	case "agiloft":
		agiloft(call)
	case "revolut-business":
		return s.revolut(call)
	}
	return nil
}

// agiloft's refreshes have the beginning of the secret in place of the client.
func agiloft(call *oauth.Call) {
	const part = 20
	if call.Params["grant_type"] == "refresh_token" {
		call.Auth = oauth.AuthAbsent
		call.Params["md5_secret"] = call.ClientSecret[:min(part, len(call.ClientSecret))]
	}
}

// revolut knows a client by a statement whose issuer is the host of its callback
// (https://developer.revolut.com/docs/guides/manage-accounts/get-started/make-your-first-api-request).
func (s *Subject) revolut(call *oauth.Call) error {
	key, err := sign.ParseKey(call.ClientSecret, sign.Asymmetric)
	if err != nil {
		return signingFieldError("app.client_secret", err)
	}
	callback, err := url.Parse(s.core.callback)
	if err != nil {
		return &FieldError{Field: "CallbackURL", Reason: "must be an absolute URL"}
	}
	now := s.core.now()
	claims := map[string]any{
		"iss": callback.Hostname(), "sub": call.ClientID, "aud": "https://revolut.com",
		"iat": now.Unix(), "exp": now.Add(5 * time.Minute).Unix(),
	}
	assertion, err := sign.Sign(map[string]any{"alg": "RS256", "typ": "JWT"}, claims, key)
	if err != nil {
		return signingFieldError("app.client_secret", err)
	}
	call.Auth = oauth.AuthAbsent
	call.Params["client_assertion_type"], call.Params["client_assertion"] = assertionType, assertion
	delete(call.Params, "redirect_uri")
	return nil
}

// ownAPI is an API that the application describes itself, in the config of the
// integration: where the key goes, and where the API is.
type ownAPI struct {
	placement, name, value string
	base                   string
}

// ownAPI answers false for every other provider.
func (s *Subject) ownAPI() (ownAPI, bool) {
	for _, field := range []string{"keyPlacement", "keyName", "valueTemplate", "baseUrl"} {
		if _, ok := s.provider.IntegrationConfig.Get(field); !ok {
			return ownAPI{}, false
		}
	}
	return ownAPI{s.config["keyPlacement"], s.config["keyName"], s.config["valueTemplate"], s.config["baseUrl"]}, true
}

// attach puts the key where the application wants it.
func (o ownAPI) attach(key string, req *http.Request) error {
	value := key
	if o.value != "" {
		value = strings.ReplaceAll(o.value, "${apiKey}", key)
	}
	if o.placement == "query" {
		q := req.URL.Query()
		q.Set(o.name, value)
		req.URL.RawQuery = q.Encode()
		return nil
	}
	if !isHeaderName(o.name) || strings.ContainsAny(value, "\r\n\x00") {
		return &FieldError{Field: "config.keyName", Reason: "must be the name of a header, and its value one line"}
	}
	req.Header.Set(o.name, value)
	return nil
}

func (o ownAPI) baseURL() (*url.URL, error) {
	base, err := url.Parse(o.base)
	if err != nil || base.Host == "" || base.Scheme != "https" && base.Scheme != "http" || base.User != nil {
		return nil, &FieldError{Field: "config.baseUrl", Reason: "must be an http or https URL"}
	}
	return base, nil
}

// isHeaderName is the token of RFC 9110 section 5.6.2.
func isHeaderName(s string) bool { return isName(s, "!#$%&'*+-.^_`|~") && len(s) <= maxName }
