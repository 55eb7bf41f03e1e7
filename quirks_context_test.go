package tieline

import (
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"net/url"
	"testing"
	"time"
)

// TestQuirksOfContext is about what has to be known beside the credential: where the
// API is, who the tenant is, and how a connection begins.
func TestQuirksOfContext(t *testing.T) { runQuirks(t, append(contextQuirks(), hostQuirks()...)) }

func contextQuirks() []quirk {
	return []quirk{
		{
			name: "21-code-under-another-name", provider: "amazon-selling-partner", steps: life,
			config:   map[string]string{"applicationId": "amzn1.app.1", "domain": "sellercentral.amazon.com", "subdomain": "sellingpartnerapi", "region": "na"},
			callback: url.Values{"spapi_oauth_code": {"code-1"}, "selling_partner_id": {"SP1"}},
			answers:  tokens("api.amazon.com/auth/o2/token"),
		},
		{
			name: "22-state-under-another-name", provider: "crisp-plugin-install", state: "payload", callback: url.Values{"website_id": {"w1"}},
			app: func() AppCredential {
				return &PluginApp{AppLink: "https://app.crisp.chat/initiate/plugin/p1/", Username: "user", Password: NewSecret("pass")}
			},
			answers: map[string][]string{"api.crisp.chat/v1/plugin/connect/account": {`{}`}}, steps: "authorize complete call",
		},
		{
			name: "47-answer-value-needed-later", provider: "zoho", scopes: []string{"ZohoCRM.modules.ALL"}, steps: life,
			callback: url.Values{"code": {"code-1"}, "location": {"in"}, "accounts-server": {"https://accounts.zoho.in"}},
			answers: map[string][]string{"accounts.zoho.in/oauth/v2/token": {
				`{"access_token":"access-$n","refresh_token":"refresh-$n","api_domain":"https://www.zohoapis.in","token_type":"Bearer","expires_in":3600}`,
			}},
		},
		{
			name: "48-callback-value-needed-later", provider: "myob", scopes: []string{"CompanyFile"}, callback: url.Values{"code": {"code-1"}, "businessId": {"biz-1"}},
			answers: tokens("secure.myob.com/oauth2/v1/authorize"), steps: "authorize complete call",
		},
		{
			name: "49-base-url-discovered", provider: "mailchimp", steps: "authorize complete call",
			answers: map[string][]string{
				"login.mailchimp.com/oauth2/token":    {`{"access_token":"access-$n","expires_in":0,"scope":null}`},
				"login.mailchimp.com/oauth2/metadata": {`{"dc":"us6","accountname":"Acme","api_endpoint":"https://us6.api.mailchimp.com"}`},
			},
		},
		{
			name: "50-tenant-looked-up", provider: "xero", steps: "authorize complete call",
			answers: map[string][]string{
				"identity.xero.com/connect/token": {`{"access_token":"access-$n","refresh_token":"refresh-$n","expires_in":1800}`},
				"api.xero.com/connections":        {`[{"id":"c1","authEventId":"e1","tenantId":"t1","tenantType":"ORGANISATION"}]`},
			},
		},
		{
			name: "50b-site-looked-up", provider: "jira", config: map[string]string{"subdomain": "acme"}, steps: "authorize complete",
			answers: map[string][]string{
				"auth.atlassian.com/oauth/token":                     {`{"access_token":"access-$n","refresh_token":"refresh-$n","expires_in":3600}`},
				"api.atlassian.com/oauth/token/accessible-resources": {`[{"id":"cloud-1","name":"acme","url":"https://acme.atlassian.net"}]`},
				"api.atlassian.com/me":                               {`{"account_id":"a1"}`},
			},
		},
		{
			name: "61-begun-at-the-provider", provider: "sentry-oauth", config: map[string]string{"hostname": "us.sentry.io", "actor": "ann"}, webhook: sentryWebhook,
			answers: map[string][]string{
				"sentry.io/api/0/sentry-app-installations/6ba7b810-9dad-11d1-80b4-00c04fd430c8/authorizations/": {`201 {"token":"access-$n","refreshToken":"refresh-$n","expiresAt":"2000-01-01T08:00:00Z"}`, `201 {"token":"access-$n","refreshToken":"refresh-$n","expiresAt":"2000-01-01T20:00:00Z"}`},
				"sentry.io/api/0/sentry-app-installations/6ba7b810-9dad-11d1-80b4-00c04fd430c8/":                {`{"status":"installed"}`},
			},
			steps: "install credential expire call",
		},
	}
}

func hostQuirks() []quirk {
	par := map[string][]string{
		"as.example.com/par":    {`201 {"request_uri":"urn:ietf:params:oauth:request_uri:abc","expires_in":60}`},
		"as.example.com/token":  {`{"access_token":"access-$n","refresh_token":"refresh-$n","expires_in":3600}`},
		"as.example.com/revoke": {`{}`},
	}
	return []quirk{
		{name: "51-host-of-the-tenant", provider: "okta", scopes: []string{"openid"}, config: map[string]string{"subdomain": "acme"}, answers: tokens("acme.okta.com/oauth2/v1/token"), steps: life},
		{
			name: "52-api-of-the-tenant", provider: "netsuite", config: map[string]string{"accountId": "tst-123"}, steps: "authorize complete call",
			answers: tokens("tst-123.suitetalk.api.netsuite.com/services/rest/auth/oauth2/v1/token"),
		},
		{name: "53-region-given", provider: "intercom", config: map[string]string{"region": "eu"}, answers: tokens("api.eu.intercom.io/auth/eagle/token"), steps: "authorize complete call"},
		{name: "53b-region-not-given", provider: "intercom", answers: tokens("api.intercom.io/auth/eagle/token"), steps: "authorize complete call"},
		{name: "57-token-in-another-header", provider: "shopify", scopes: []string{"read_products"}, config: map[string]string{"subdomain": "acme"}, answers: tokens("acme.myshopify.com/admin/oauth/access_token"), steps: life},
		{name: "58-application-in-api-header", provider: "etsy", scopes: []string{"listings_r"}, answers: tokens("api.etsy.com/v3/public/oauth/token"), steps: "authorize complete call"},
		{
			name: "59-client-certificate", provider: "adp", public: true, cred: certifiedClient,
			answers: tokens("accounts.adp.com/auth/oauth/v2/token"), steps: "create call",
		},
		{
			name: "60-pushed-and-revoked", provider: "pushed", own: pushedEntry, scopes: []string{"read", "write"}, answers: par,
			callback: url.Values{"code": {"code-1"}, "iss": {"https://as.example.com"}}, steps: "authorize complete call delete",
		},
		{
			name: "60b-another-issuer", provider: "pushed", own: pushedEntry, answers: par,
			callback: url.Values{"code": {"code-1"}, "iss": {"https://as.example.net"}}, steps: "authorize complete",
		},
	}
}

const pushedEntry = `
pushed:
  display_name: Pushed
  categories: [other]
  docs: https://docs.example.com
  auth_mode: OAUTH2
  authorization_url: https://as.example.com/authorize
  pushed_authorization_url: https://as.example.com/par
  token_url: https://as.example.com/token
  issuer: https://as.example.com
  issuer_required: true
  revocation: {url: https://as.example.com/revoke}
  proxy: {base_url: https://api.example.com}
`

// certifiedClient is a client with a certificate of its own making.
func certifiedClient() Credential {
	key := quirkKey()
	made := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: quirkClientID},
		NotBefore: time.Unix(946684800, 0), NotAfter: time.Unix(2524608000, 0),
	}
	der, err := x509.CreateCertificate(rand.Reader, made, made, &key.PublicKey, key)
	if err != nil {
		panic(err)
	}
	return &ClientCredentials{
		ClientID: quirkClientID, ClientSecret: NewSecret(quirkSecret), PrivateKey: NewSecret(quirkPEM()),
		Certificate: NewSecret(string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}))),
	}
}
