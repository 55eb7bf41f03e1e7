package tieline

import "testing"

// TestQuirksOfAuthorization is about the page that users are sent to.
func TestQuirksOfAuthorization(t *testing.T) { runQuirks(t, authorizeQuirks()) }

func authorizeQuirks() []quirk { return append(scopeQuirks(), pageQuirks()...) }

func scopeQuirks() []quirk {
	return []quirk{
		{
			name: "01-comma-scope-separator", provider: "zoom", scopes: []string{"meeting:read", "user:read"},
			answers: tokens("zoom.us/oauth/token"), steps: life,
		},
		{
			name: "02-plus-scope-separator-raw", provider: "pennylane", scopes: []string{"customer_invoices", "supplier_invoices"},
			answers: tokens("app.pennylane.com/oauth/token"), steps: "authorize complete",
		},
		{
			name: "02b-plus-scope-separator-encoded", provider: "workable-oauth", scopes: []string{"r_candidates", "r_jobs"},
			config: map[string]string{"subdomain": "acme"}, steps: "authorize",
		},
		{
			name: "03-empty-scope-omitted", provider: "pipedrive", steps: life,
			answers: map[string][]string{"oauth.pipedrive.com/oauth/token": {`{"access_token":"access-$n","refresh_token":"refresh-$n","expires_in":3600,"api_domain":"https://acme.pipedrive.com"}`}},
		},
		{name: "03b-empty-scope-omitted-with-pkce", provider: "drchrono", answers: tokens("app.drchrono.com/o/token/"), steps: "authorize complete"},
		{
			name: "04-fixed-scope", provider: "aircall", scopes: []string{"another"},
			answers: tokens("api.aircall.io/v1/oauth/token"), steps: life,
		},
		{name: "04b-fixed-scope-star", provider: "precisefp", scopes: []string{"another"}, steps: "authorize"},
	}
}

func pageQuirks() []quirk {
	return []quirk{
		{name: "17-authorize-parameter-names", provider: "tiktok-ads", steps: "authorize"},
		{name: "17b-authorize-parameter-names-camel", provider: "walmart", steps: "authorize"},
		{name: "19-no-response-type", provider: "monday", answers: tokens("auth.monday.com/oauth2/token"), steps: "authorize complete"},
		{
			name: "19b-extra-authorize-parameter", provider: "reddit", scopes: []string{"identity", "read"},
			answers: tokens("www.reddit.com/api/v1/access_token"), steps: life,
		},
		{name: "20-query-behind-fragment", provider: "apollo-oauth", answers: tokens("app.apollo.io/api/v1/oauth/token"), steps: "authorize complete"},
		{
			name: "20b-query-behind-fragment-renamed", provider: "shopline-oauth", scopes: []string{"read_orders", "read_products"},
			config: map[string]string{"handle": "acme"}, steps: "authorize",
		},
		{
			name: "24-no-pkce", provider: "autodesk", scopes: []string{"data:read", "data:write"},
			answers: tokens("developer.api.autodesk.com/authentication/v2/token"), steps: "authorize complete",
		},
		{
			name: "25-pkce-required", provider: "airtable", scopes: []string{"data.records:read"},
			answers: tokens("airtable.com/oauth2/v1/token"), steps: "authorize complete",
		},
		{name: "30-offline-by-parameter", provider: "google", scopes: []string{"openid"}, answers: tokens("oauth2.googleapis.com/token"), steps: life},
		{name: "30b-offline-by-another-parameter", provider: "dropbox", steps: "authorize"},
		{name: "31-offline-by-scope", provider: "atlassian", steps: "authorize"},
		{
			name: "32-refresh-token-at-consent-only", provider: "zoho", scopes: []string{"ZohoCRM.modules.ALL"}, config: map[string]string{"extension": "eu"},
			answers: map[string][]string{"accounts.zoho.eu/oauth/v2/token": {
				`{"access_token":"access-$n","refresh_token":"refresh-$n","expires_in":3600}`,
				`{"access_token":"access-$n","expires_in":3600}`,
			}},
			steps: "authorize complete expire call expire call",
		},
		{name: "54-audience", provider: "lever", scopes: []string{"candidates:read:admin"}, steps: "authorize"},
		{name: "55-response-mode-query", provider: "auth0", scopes: []string{"openid"}, config: map[string]string{"subdomain": "acme"}, steps: "authorize"},
		{name: "56-nonce", provider: "twinfield", config: map[string]string{"cluster": "accounting"}, steps: "authorize"},
		{name: "56b-nonce-hybrid", provider: "datev", scopes: []string{"openid"}, steps: "authorize"},
		{
			name: "62-password-in-authorize-url", provider: "bullhorn", config: map[string]string{"username": "ann", "password": "p&ss"},
			steps: "authorize",
		},
	}
}
