package spec

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
)

// Families of modes that the same keys apply to.
var (
	codeModes  = []AuthMode{OAuth2, Custom, MCPOAuth2, MCPOAuth2Generic}
	oauthModes = []AuthMode{OAuth2, OAuth2CC, Custom, MCPOAuth2, MCPOAuth2Generic}
	tokenModes = []AuthMode{OAuth2, OAuth2CC, Custom, MCPOAuth2, MCPOAuth2Generic, TwoStep, OAuth1, App, Bill}
	ownModes   = []AuthMode{APIKey, Basic, OAuth2CC, TwoStep, JWT, Signed, TBA, Bill, AWSSigV4, InstallPlugin}
)

// appliesTo lists the modes in which a key has an effect. A key that is not
// here has one in every mode.
var appliesTo = sync.OnceValue(func() map[string][]AuthMode {
	withCredential := slices.DeleteFunc(AuthModes(), func(m AuthMode) bool { return m == None })
	withAuthorization := []AuthMode{OAuth2, OAuth1, App, Custom, MCPOAuth2}
	return map[string][]AuthMode{
		"authorization_url":                    withAuthorization,
		"authorization_params":                 {OAuth2, OAuth1, Custom, MCPOAuth2, MCPOAuth2Generic},
		"authorization_url_skip_encode":        withAuthorization,
		"authorization_url_skip_empty":         codeModes,
		"authorization_url_fragment":           codeModes,
		"authorization_url_replacements":       codeModes,
		"authorization_code_param_in_callback": codeModes,
		"authorization_code_param_in_webhook":  {OAuth2},
		"authorization_method":                 oauthModes,
		"installation":                         {OAuth2},
		"token_request_auth_method":            oauthModes,
		"token_url":                            tokenModes,
		"token_url_skip_encode":                tokenModes,
		"token_params":                         tokenModes,
		"token_headers":                        append([]AuthMode{TwoStep}, oauthModes...),
		"token_request_method":                 {TwoStep},
		"body_format":                          append([]AuthMode{TwoStep}, oauthModes...),
		"refresh_url":                          append([]AuthMode{TwoStep}, codeModes...),
		"refresh_params":                       codeModes,
		"refresh_token_params":                 {TwoStep},
		"refresh_token_headers":                {TwoStep},
		"scope_separator":                      append([]AuthMode{OAuth1, App}, oauthModes...),
		"default_scopes":                       append([]AuthMode{OAuth1, App}, oauthModes...),
		"disable_pkce":                         codeModes,
		"pkce":                                 codeModes,
		"alternate_access_token_response_path": oauthModes,
		"expires_in_unit":                      oauthModes,
		"token_expiration_buffer":              {OAuth2, OAuth2CC, Custom, MCPOAuth2, MCPOAuth2Generic, TwoStep, JWT, Signed, App, AWSSigV4, Bill},
		"token_response_metadata":              {OAuth2, OAuth2CC, Custom, MCPOAuth2, MCPOAuth2Generic, TwoStep, OAuth1},
		"redirect_uri_metadata":                {OAuth2, Custom, MCPOAuth2, MCPOAuth2Generic, OAuth1, App, InstallPlugin},
		"webhook_response_metadata":            {OAuth2, App, Custom},
		"request_url":                          {OAuth1},
		"request_params":                       {OAuth1},
		"request_http_method":                  {OAuth1},
		"token_http_method":                    {OAuth1},
		"signature_method":                     {OAuth1},
		"access_token_url":                     {TBA},
		"signature":                            {JWT, Signed, TwoStep},
		"token":                                {JWT, Signed, TwoStep},
		"token_response":                       {TwoStep},
		"token_response_headers":               {TwoStep},
		"token_expires_in_ms":                  {TwoStep},
		"additional_steps":                     {TwoStep},
		"assertion":                            {TwoStep},
		"assertion_option":                     {TwoStep},
		"client_registration":                  {MCPOAuth2, MCPOAuth2Generic},
		"registration_url":                     {MCPOAuth2, MCPOAuth2Generic},
		"registration_params":                  {MCPOAuth2, MCPOAuth2Generic},
		"auth_type":                            {InstallPlugin},
		"credentials":                          ownModes,
		"client_auth":                          oauthModes,
		"issuer":                               codeModes,
		"issuer_required":                      codeModes,
		"device_authorization_url":             codeModes,
		"pushed_authorization_url":             codeModes,
		"userinfo_url":                         append([]AuthMode{TwoStep, JWT}, oauthModes...),
		"revocation":                           append([]AuthMode{TwoStep, App, OAuth1}, oauthModes...),
		"introspection":                        append([]AuthMode{TwoStep, App}, oauthModes...),
		"refresh":                              append([]AuthMode{TwoStep}, oauthModes...),
		"authorization_param_names":            codeModes,
		"token_param_names":                    oauthModes,
		"response_fields":                      oauthModes,
		"state_param_in_callback":              append([]AuthMode{OAuth1, App, InstallPlugin}, codeModes...),
		"token_query_params":                   oauthModes,
		"token_repeated_params":                oauthModes,
		"token_signature":                      oauthModes,
		"expires_at_format":                    oauthModes,
		"expiry":                               oauthModes,
		"success":                              oauthModes,
		"then":                                 oauthModes,
		"additional_tokens":                    oauthModes,
		"discovery":                            withCredential,
		"verify":                               withCredential,
		"confirm_installation":                 {OAuth2, App, Custom},
		"uninstall":                            withCredential,
	}
})

// unread lists the keys that nothing acts on, in any mode.
var unread = []string{"auth", "decode_url", "refresh_token_response_metadata", "proxy_header_authorization", "pre_connection_creation_script"}

// checkKeys checks which keys are there, and the values that a key can have.
func (c *checker) checkKeys() {
	if !c.p.AuthMode.Valid() {
		return
	}
	applies := appliesTo()
	for _, key := range slices.Sorted(maps.Keys(c.keys)) {
		if slices.Contains(unread, key) {
			c.doubt(key, "unread-key", "nothing acts on this key")
		}
		if modes, ok := applies[key]; ok && !c.p.AuthMode.IsOwn() && !slices.Contains(modes, c.p.AuthMode) {
			c.doubt(key, "no-effect", fmt.Sprintf("the key has no effect with auth_mode %s", c.p.AuthMode))
		}
	}
	c.requiredKeys()
	c.choices()
	c.ownKeys()
}

// requiredKeys reports what the auth mode cannot do without.
func (c *checker) requiredKeys() {
	need := func(missing bool, key, why string) {
		if missing {
			c.reject(key, "missing-key", why)
		}
	}
	p := c.p
	noTokenURL, noAuthorizeURL := p.TokenURL.IsZero(), p.AuthorizationURL == ""
	const token, authorize = "the mode cannot do without a token_url", "the mode cannot do without an authorization_url"
	switch p.AuthMode {
	case OAuth2:
		need(noTokenURL, "token_url", token)
		need(noAuthorizeURL && p.Installation != "outbound", "authorization_url", authorize)
	case Custom, App, MCPOAuth2, OAuth1:
		need(noTokenURL, "token_url", token)
		need(noAuthorizeURL, "authorization_url", authorize)
		need(p.AuthMode == OAuth1 && p.RequestURL == "", "request_url", "OAuth 1.0a cannot do without a request_url")
		need(p.AuthMode == MCPOAuth2 && p.ClientRegistration == "dynamic" && p.RegistrationURL == "", "registration_url", "dynamic registration cannot do without a registration_url")
	case OAuth2CC, Bill:
		need(noTokenURL, "token_url", token)
	case TwoStep:
		need(noTokenURL, "token_url", token)
		need(p.TokenResponse == nil || p.TokenResponse.Token == nil, "token_response", "the mode cannot do without token_response.token, which says where the token is")
	case JWT:
		need(p.Signature == nil, "signature", "the mode cannot do without a signature")
		need(p.Token == nil || p.Token.SigningKey == "", "token", "the mode cannot do without token.signing_key")
	case Signed:
		need(p.Signature == nil, "signature", "the mode cannot do without a signature")
	case APIKey, Basic, TBA, AWSSigV4, InstallPlugin, MCPOAuth2Generic, None:
	}
	if p.AuthMode == OAuth2CC && p.TokenParams.Text("grant_type") == "" {
		c.doubt("token_params", "no-grant-type", "no grant_type is sent, so the token endpoint does not speak OAuth 2.0")
	}
	// A first request that can be repeated without the user is no code flow: its
	// grant is that of the application.
	if p.AuthMode.in(OAuth2, Custom) && c.grantDiffers() && !(p.Refresh != nil && p.Refresh.Grant == GrantReissue) {
		c.reject("token_params.grant_type", "bad-value", "the authorization code flow has the grant_type authorization_code")
	}
}

func (c *checker) grantDiffers() bool {
	grant := c.p.TokenParams.Text("grant_type")
	return grant != "" && grant != "authorization_code"
}

// choices reports values that are none of those a key can have.
func (c *checker) choices() {
	p := c.p
	c.choice(Rejected, "auth_type", p.AuthType, "BASIC")
	c.choice(Rejected, "installation", p.Installation, "outbound")
	c.choice(Rejected, "authorization_method", p.AuthorizationMethod, "header", "body")
	c.choice(Rejected, "token_request_auth_method", p.TokenRequestAuthMethod, "basic", "custom", "private_key_jwt")
	c.choice(Rejected, "token_request_method", strings.ToUpper(p.TokenRequestMethod), "GET", "POST")
	c.choice(Rejected, "request_http_method", strings.ToUpper(p.RequestHTTPMethod), "GET", "POST")
	c.choice(Rejected, "token_http_method", strings.ToUpper(p.TokenHTTPMethod), "GET", "POST")
	c.choice(Rejected, "body_format", p.BodyFormat, "form", "json", "xml", "query")
	c.choice(Rejected, "expires_in_unit", p.ExpiresInUnit, timeUnits...)
	c.choice(Rejected, "signature_method", p.SignatureMethod, "HMAC-SHA1", "PLAINTEXT")
	c.choice(Rejected, "client_registration", p.ClientRegistration, "dynamic", "static", "cimd")
	for i, s := range p.AuthorizationURLSkipEncode {
		c.choice(Rejected, fmt.Sprintf("authorization_url_skip_encode[%d]", i), s, "scopes", "base_url")
	}
	if s := p.Signature; s != nil {
		c.choice(Rejected, "signature.protocol", s.Protocol, "RSA", "HMAC", "EC", "WSSE")
		c.choice(Rejected, "signature.hmac_secret_encoding", s.HMACSecretEncoding, "hex", "utf8")
	}
	if r := p.TokenResponse; r != nil {
		c.choice(Rejected, "token_response.token_expiration_strategy", r.TokenExpirationStrategy, "expireIn", "expireAt")
	}
	if a := p.Assertion; a != nil {
		c.choice(Rejected, "assertion.type", a.Type, "jwt", "saml")
	}
	for i, s := range p.AdditionalSteps {
		c.choice(Rejected, fmt.Sprintf("additional_steps[%d].token_request_method", i), strings.ToUpper(s.TokenRequestMethod), "GET", "POST")
		c.choice(Rejected, fmt.Sprintf("additional_steps[%d].body_format", i), s.BodyFormat, "form", "json", "xml", "query")
	}
	c.atLeast("token_expiration_buffer", p.TokenExpirationBuffer, 0)
	if p.TokenExpiresInMS != nil {
		c.atLeast("token_expires_in_ms", *p.TokenExpiresInMS, 0)
	}
}

// choice reports a value that is not one of those allowed. An absent one is fine.
func (c *checker) choice(s Severity, path, value string, allowed ...string) {
	if value != "" && !slices.Contains(allowed, value) {
		c.report(path, s, "bad-value", fmt.Sprintf("the value is none of %s", strings.Join(allowed, ", ")))
	}
}

func (c *checker) atLeast(path string, value, least int64) {
	if value < least {
		c.reject(path, "bad-value", fmt.Sprintf("the number is less than %d", least))
	}
}
