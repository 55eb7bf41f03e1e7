package tieline

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/tieline/tieline/providertest"
)

type object = map[string]any

// whatever is a value that the Dialect makes up.
const whatever = "*"

// theClientID is the client ID of the credential.
const theClientID = "<client ID>"

// unsigned is a JWT whose signature nobody looks at.
func unsigned(claims string) string {
	part := base64.RawURLEncoding.EncodeToString
	return part([]byte(`{"alg":"RS256"}`)) + "." + part([]byte(claims)) + "." + part([]byte("signature"))
}

func hashOf(s string) string {
	sum := sha256.Sum256([]byte(s))
	return hex.EncodeToString(sum[:])
}

// lookUpCase is a provider, and what has to be known of a connection to it.
type lookUpCase struct {
	name     string
	provider string
	config   map[string]string
	answers  map[string]any // by URL
	token    string         // the access token, where what is in it counts
	response object         // more of the token response
	want     map[string]string
	calls    []string // that have to be made, with their methods
}

var xeroTenants = []any{
	object{"tenantId": "t-old", "authEventId": "event-1", "tenantType": "ORGANISATION"},
	object{"tenantId": "t-new", "authEventId": "event-2", "tenantType": "ORGANISATION"},
}

var jiraSites = []any{
	object{"id": "cloud-old", "url": "https://acme-old.atlassian.net", "name": "acme-old"},
	object{"id": "cloud-new", "url": "https://acme.atlassian.net", "name": "acme"},
}

var lookUpCases = []lookUpCase{
	{provider: "attio", answers: map[string]any{"https://api.attio.com/v2/self": object{"active": true, "workspace_id": "ws-1"}},
		want: map[string]string{"workspace_id": "ws-1"}},
	{provider: "basecamp", config: map[string]string{"accountId": ""}, answers: map[string]any{"https://launchpad.37signals.com/authorization.json": object{"accounts": []any{
		object{"product": "campfire", "id": 44}, object{"product": "bc3", "id": 99999999},
	}}}, want: map[string]string{"accountId": "99999999"}},
	{name: "two accounts", provider: "basecamp", config: map[string]string{"accountId": ""}, answers: map[string]any{"https://launchpad.37signals.com/authorization.json": object{"accounts": []any{
		object{"product": "bc3", "id": 44}, object{"product": "bc3", "id": 45},
	}}}},
	{provider: "calendly", answers: map[string]any{"https://api.calendly.com/users/me": object{"resource": object{
		"current_organization": "https://api.calendly.com/organizations/AAAA1111",
	}}}, response: object{"owner": "https://api.calendly.com/users/U1"},
		want: map[string]string{"organizationId": "AAAA1111", "owner": "https://api.calendly.com/users/U1"}},
	{provider: "docusign", answers: map[string]any{"https://account.docusign.com/oauth/userinfo": object{"accounts": []any{
		object{"account_id": "a1", "is_default": false, "base_uri": "https://demo9.docusign.net"},
		object{"account_id": "a2", "is_default": true, "base_uri": "https://na3.docusign.net"},
	}}}, want: map[string]string{"accountId": "a2", "baseUri": "https://na3.docusign.net"}},
	{provider: "hubspot", answers: map[string]any{"https://api.hubapi.com/account-info/v3/details": object{"portalId": 62515}},
		want: map[string]string{"portalId": "62515"}},
	{provider: "google-calendar", answers: map[string]any{"https://www.googleapis.com/calendar/v3/calendars/primary": object{"id": "ann@example.com"}},
		want: map[string]string{"emailAddressHash": hashOf("ann@example.com")}},
	{provider: "google-mail", answers: map[string]any{"https://gmail.googleapis.com/gmail/v1/users/me/profile": object{"emailAddress": "ann@example.com"}},
		want: map[string]string{"emailAddressHash": hashOf("ann@example.com")}},
	{provider: "highlevel-white-label", response: object{"companyId": "co-1", "locationId": "lo-1"},
		want: map[string]string{"companyId": "co-1", "locationId": "lo-1"}},
	{name: "of a company", provider: "highlevel", response: object{"companyId": "co-1"}, want: map[string]string{"companyId": "co-1"}},
	{provider: "jira", config: map[string]string{"subdomain": "acme"}, answers: map[string]any{
		"https://api.atlassian.com/oauth/token/accessible-resources": jiraSites, "https://api.atlassian.com/me": object{"account_id": "me-1"},
	}, want: map[string]string{"cloudId": "cloud-new", "baseUrl": "https://acme.atlassian.net", "accountId": "me-1"}},
	{name: "one site", provider: "confluence", config: map[string]string{"subdomain": ""}, answers: map[string]any{
		"https://api.atlassian.com/oauth/token/accessible-resources": jiraSites[:1], "https://api.atlassian.com/me": object{"account_id": "me-1"},
	}, want: map[string]string{"cloudId": "cloud-old", "baseUrl": "https://acme-old.atlassian.net", "accountId": "me-1"}},
	{name: "which site", provider: "jira", config: map[string]string{"subdomain": ""}, answers: map[string]any{
		"https://api.atlassian.com/oauth/token/accessible-resources": jiraSites, "https://api.atlassian.com/me": object{"account_id": "me-1"},
	}, want: map[string]string{"accountId": "me-1"}},
	{provider: "atlassian-government-cloud", config: map[string]string{"subdomain": "acme"}, answers: map[string]any{
		"https://api.atlassian-us-gov-mod.com/oauth/token/accessible-resources": []any{object{"id": "gov", "url": "https://acme.atlassian-us-gov-mod.net"}},
		"https://api.atlassian-us-gov-mod.com/me":                               object{"account_id": "me-1"},
	}, want: map[string]string{"cloudId": "gov", "baseUrl": "https://acme.atlassian-us-gov-mod.net", "accountId": "me-1"}},
	{provider: "jobber", answers: map[string]any{"https://api.getjobber.com/api/graphql": object{"data": object{"account": object{"id": "Z2lk"}}}},
		want: map[string]string{"accountId": "Z2lk"}},
	{provider: "linear", answers: map[string]any{"https://api.linear.app/graphql": object{"data": object{"viewer": object{"organization": object{"id": "org-1"}}}}},
		want: map[string]string{"organizationId": "org-1"}},
	{provider: "mailchimp", answers: map[string]any{"https://login.mailchimp.com/oauth2/metadata": object{"dc": "us6", "role": "owner"}},
		want: map[string]string{"dc": "us6"}},
	{provider: "microsoft-teams", token: unsigned(`{"tid":"tenant-1"}`), want: map[string]string{"tenantId": "tenant-1"}},
	{provider: "one-drive", token: unsigned(`{"tid":"tenant-1"}`), want: map[string]string{"tenantId": "tenant-1"}},
	{name: "no JWT", provider: "sharepoint-online", token: "opaque-token-of-a-personal-account"},
	{provider: "procore", config: map[string]string{"companyId": ""}, answers: map[string]any{
		"https://api.procore.com/rest/v1.0/companies": []any{object{"id": 11}, object{"id": 12}},
	}, want: map[string]string{"companyId": "11"}},
	{name: "chosen", provider: "procore", config: map[string]string{"companyId": "12"}},
	{provider: "gusto", answers: map[string]any{"https://api.gusto.com/v1/token_info": object{"scope": "companies:read", "resource": object{"type": "Company", "uuid": "co-1"}}},
		want: map[string]string{"companyUuid": "co-1"}},
	{provider: "gusto-demo", answers: map[string]any{"https://api.gusto-demo.com/v1/token_info": object{"resource": object{"type": "Company", "uuid": "co-1"}}},
		want: map[string]string{"companyUuid": "co-1"}},
	{name: "of the application", provider: "gusto", answers: map[string]any{"https://api.gusto.com/v1/token_info": object{"resource": object{"type": "Oauth::Application", "uuid": "app-1"}}}},
	{provider: "snowflake", config: map[string]string{"snowflake_account_url": "acme-one.snowflakecomputing.com"}, answers: map[string]any{
		"https://acme-one.snowflakecomputing.com/api/v2/statements": object{"code": "090001", "data": []any{[]any{"ANN"}}},
	}, want: map[string]string{"username": "ANN"}, calls: []string{"POST https://acme-one.snowflakecomputing.com/api/v2/statements"}},
	{provider: "adobe-umapi", want: map[string]string{"clientId": theClientID}},
	{provider: "checkr-partner", answers: map[string]any{"https://api.checkr.com/v1/nodes": object{"data": []any{}}},
		response: object{"checkr_account_id": "ca-1"}, want: map[string]string{"accountHierarchyEnabled": "true", "checkr_account_id": "ca-1"}},
	{name: "without", provider: "checkr-partner-staging", response: object{"checkr_account_id": "ca-1"},
		want: map[string]string{"accountHierarchyEnabled": "false", "checkr_account_id": "ca-1"}},
	{name: "busy", provider: "checkr-partner", answers: map[string]any{"https://api.checkr.com/v1/nodes": http.StatusServiceUnavailable},
		response: object{"checkr_account_id": "ca-1"}, want: map[string]string{"checkr_account_id": "ca-1"}},
	{provider: "sage-200", config: map[string]string{"edition": "sage200extra", "company_id": "", "site_id": ""}, answers: map[string]any{
		"https://api.columbus.sage.com/uk/sage200extra/accounts/v1/sites": []any{object{"site_id": "s-1", "company_id": 1, "company_name": "Acme"}},
	}, want: map[string]string{"company_id": "1", "site_id": "s-1"}},
	{name: "two companies", provider: "sage-200", config: map[string]string{"edition": "sage200extra", "company_id": "", "site_id": ""}, answers: map[string]any{
		"https://api.columbus.sage.com/uk/sage200extra/accounts/v1/sites": []any{object{"site_id": "s-1", "company_id": 1}, object{"site_id": "s-1", "company_id": 2}},
	}},
	{provider: "rippling-shop-app", config: map[string]string{"appName": "acme"}, answers: map[string]any{"https://api.rippling.com/platform/api/mark_app_installed": object{"ok": true}},
		calls: []string{"POST https://api.rippling.com/platform/api/mark_app_installed"}},
	{name: "not there", provider: "rippling-shop-app", config: map[string]string{"appName": "acme"}},
	{provider: "sellsy", token: unsigned(`{"corpId":4711}`), want: map[string]string{"corpid": "4711"}},
	{provider: "sellsy-oauth2-cc", token: unsigned(`{"corpId":4711}`), want: map[string]string{"corpid": "4711"}},
	{provider: "sophos-central", answers: map[string]any{"https://api.central.sophos.com/whoami/v1": object{
		"id": "s-1", "idType": "tenant", "apiHosts": object{"global": "https://api.central.sophos.com", "dataRegion": "https://api-us01.central.sophos.com"},
	}}, want: map[string]string{"tenantId": "s-1", "dataRegion": "https://api-us01.central.sophos.com"}},
	{provider: "workable", config: map[string]string{"subdomain": ""}, answers: map[string]any{
		"https://www.workable.com/spi/v3/accounts": object{"accounts": []any{object{"id": "1", "subdomain": "acme"}, object{"id": "2", "subdomain": "other"}}},
	}, want: map[string]string{"subdomain": "acme"}},
	{provider: "xero", answers: map[string]any{"https://api.xero.com/connections": xeroTenants[:1]}, token: unsigned(`{"authentication_event_id":"event-9"}`),
		want: map[string]string{"tenant_id": "t-old", "authEventId": "event-9"}},
	{name: "of several", provider: "xero", answers: map[string]any{"https://api.xero.com/connections": xeroTenants},
		token: unsigned(`{"authentication_event_id":"event-2"}`), want: map[string]string{"tenant_id": "t-new", "authEventId": "event-2"}},
	{name: "unclear", provider: "xero", answers: map[string]any{"https://api.xero.com/connections": xeroTenants}},
	{provider: "zoho-crm", config: map[string]string{"extension": "", "accounts-server": ""}, response: object{"api_domain": "https://www.zohoapis.eu"},
		want: map[string]string{"extension": "eu", "api_domain": "https://www.zohoapis.eu", "accounts-server": whatever}},
}

// What providers say of a connection when it is made becomes part of it.
func TestLookUpsAreCaptured(t *testing.T) {
	t.Parallel()
	entries := referenceEntries(t)
	catalog, _ := LoadCatalog(CatalogFile{Name: "providers.yaml", Data: referenceFile(t)})
	for _, tt := range lookUpCases {
		t.Run(strings.TrimSpace(tt.provider+" "+tt.name), func(t *testing.T) {
			t.Parallel()
			w, err := newDialectWorld(t, catalog, tt.provider, entries[tt.provider])
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { _ = w.Close(t.Context()) })
			for name, v := range tt.config {
				if v == "" {
					delete(w.in.Config, name)
				} else {
					w.in.Config[name] = v
				}
			}
			w.in.Discovered = nil
			w.provider.Use(w.in)
			if tt.provider == "jobber" {
				codedProviders[tt.provider](w.provider)
			}
			var calls []string
			tt.play(w.provider, &calls)
			mode := AuthMode(w.provider.Mode())
			if _, err := w.Integrations.Create(t.Context(), Integration{Key: "key", Provider: tt.provider, App: w.app(mode)}); err != nil {
				t.Fatal(err)
			}
			if err := w.connect(t.Context(), mode); err != nil {
				t.Fatal(err)
			}
			conn, err := w.Connections.Get(t.Context(), "key", "alice")
			if err != nil {
				t.Fatal(err)
			}
			for name, v := range tt.want {
				if v == theClientID && conn.Captured[name] == w.in.Credentials["client_id"] {
					conn.Captured[name] = theClientID
				}
				if v == whatever && conn.Captured[name] != "" {
					conn.Captured[name] = whatever
				}
			}
			if diff := cmp.Diff(tt.want, conn.Captured); diff != "" {
				t.Errorf("captured (-want +got):\n%s", diff)
			}
			for _, call := range tt.calls {
				if !slices.Contains(calls, call) {
					t.Errorf("%s was not called; %q were", call, calls)
				}
			}
			for _, p := range w.provider.Problems() {
				t.Error(p)
			}
		})
	}
}

// play answers the look-ups of a case, and only those that carry the credential.
func (tt *lookUpCase) play(d *providertest.Dialect, calls *[]string) {
	access := ""
	d.Override.Answer = func(_ string, answer map[string]any) {
		for k, v := range tt.response {
			answer[k] = v
		}
		if tt.token != "" {
			answer["access_token"] = tt.token
		}
		access, _ = answer["access_token"].(string)
	}
	answer := func(r *http.Request) (int, any) {
		u := *r.URL
		u.RawQuery = ""
		*calls = append(*calls, r.Method+" "+u.String())
		body, ok := tt.answers[u.String()]
		if !ok {
			return http.StatusNotFound, object{}
		}
		want := "Bearer " + access
		if d.Mode() == "API_KEY" {
			want = "Bearer " + d.Inputs().Credentials["apiKey"]
		}
		if got := r.Header.Get("Authorization"); got != want {
			d.Problem("look-up", "header authorization is %q, want %q", got, want)
			return http.StatusUnauthorized, nil
		}
		if status, is := body.(int); is {
			return status, nil
		}
		var query struct{ Query string }
		if strings.HasSuffix(u.Path, "/graphql") {
			if err := json.NewDecoder(r.Body).Decode(&query); err != nil || r.Method != http.MethodPost || query.Query == "" {
				d.Problem("look-up", "%s with the query %q, %v", r.Method, query.Query, err)
			}
		}
		return http.StatusOK, body
	}
	d.Override.API = answer
	d.Override.Other = func(r *http.Request, _ []byte) (int, any) { return answer(r) }
	if coded := d.Override.Token; coded != nil {
		d.Override.Token = func(r *http.Request, form url.Values) (int, any) {
			status, body := coded(r, form)
			if answer, ok := body.(object); ok {
				access, _ = answer["access_token"].(string)
			}
			return status, body
		}
	}
}
