package spec

import (
	"strings"
	"testing"

	"github.com/tieline/tieline/internal/template"
)

// Entries that cannot work where the file comes from, or need a rule of their
// own there, and do what their authors meant.
func TestNangoEntriesThatWork(t *testing.T) {
	t.Parallel()
	set, _ := loadNango(t)
	const config = "connectionConfig."
	tests := []struct {
		entry, what string
		make        func(e *Entry) *template.URL
		values      map[string]string
		want        string
	}{
		{"paycor", "keeps the query of its token URL", func(e *Entry) *template.URL { return e.TokenURL },
			m(config+"subscriptionKey", "k y"), "https://apis.paycor.com/sts/v1/common/token?subscription-key=k%20y"},
		{"dropbox-sign", "refreshes at its refresh URL", func(e *Entry) *template.URL { return e.RefreshURL }, nil, "https://app.hellosign.com/oauth/token?refresh"},
		{"teamwork", "finds a name with dots", func(e *Entry) *template.URL { return e.BaseURL },
			m(config+"installation.apiEndPoint", "https://acme.teamwork.com/"), "https://acme.teamwork.com/"},
		{"sage-people", "takes off the second scheme", func(e *Entry) *template.URL { return e.BaseURL },
			m(config+"instance_url", "https://acme.my.salesforce.com"), "https://acme.my.salesforce.com/services/apexrest/spapi"},
		{"amazon-selling-partner", "takes the alternative that is complete", func(e *Entry) *template.URL { return e.BaseURL },
			m(config+"region", "eu"), "https://sellingpartnerapi-eu.amazon.com"},
		{"amazon-selling-partner", "takes the first alternative", func(e *Entry) *template.URL { return e.BaseURL },
			m(config+"region", "eu", config+"subdomain", "sandbox.sellingpartnerapi"), "https://sandbox.sellingpartnerapi-eu.amazon.com"},
		{"perimeter81", "has dots in the middle of a host", func(e *Entry) *template.URL { return e.TokenURL },
			m(config+"domain", "eu.sase.checkpoint"), "https://api.eu.sase.checkpoint.com/api/v1/auth/authorize"},
		{"azure-devops", "has a path behind its host", func(e *Entry) *template.URL { return e.BaseURL },
			m(config+"organizationUrl", "dev.azure.com/acme"), "https://dev.azure.com/acme"},
		{"telegram", "has its key in the path", func(e *Entry) *template.URL { return e.BaseURL }, m("apiKey", "1:A/b"), "https://api.telegram.org/bot1:A%2Fb"},
		{"docuware", "follows its first answer", func(e *Entry) *template.URL { return e.Steps[0].URL },
			m("step1.IdentityServiceUrl", "https://login.docuware.cloud/id"), "https://login.docuware.cloud/id/.well-known/openid-configuration"},
	}
	for _, tt := range tests {
		e, ok := set.Lookup(tt.entry)
		if !ok {
			t.Errorf("no entry %s", tt.entry)
			continue
		}
		u, err := tt.make(e).Expand(env(tt.values))
		if err != nil || u.String() != tt.want {
			t.Errorf("%s %s: %v, %v, want %s", tt.entry, tt.what, u, err, tt.want)
		}
	}
}

// The parameters of a refresh are those of the entry, expanded, and its grant type
// is never that of the first request.
func TestNangoRefreshParams(t *testing.T) {
	t.Parallel()
	set, _ := loadNango(t)
	for entry, want := range map[string]string{
		"microsoft-dynamics-365-finance-and-operations": "resource=https%3A%2F%2Fcorp.operations.dynamics.com",
		"zendesk": "expires_in=1800", "basecamp": "type=refresh", "shopify": "expiring=1", "ahrefs": "", "webflow": "", "github": "",
	} {
		e, ok := set.Lookup(entry)
		if !ok {
			t.Errorf("no entry %s", entry)
			continue
		}
		form, err := e.RefreshParams.Form(env(m("connectionConfig.environmentUrl", "corp.operations.dynamics.com")))
		if err != nil || form.Encode() != want || e.Refresh.GrantType != "refresh_token" {
			t.Errorf("%s refreshes with %s and %s, %v, want %s", entry, e.Refresh.GrantType, form.Encode(), err, want)
		}
	}
	for _, name := range set.Names() {
		e, _ := set.Lookup(name)
		if _, ok := e.RefreshParams.Get("grant_type"); ok {
			t.Errorf("%s has a grant type among its refresh parameters", name)
		}
	}
}

func TestNangoHeaders(t *testing.T) {
	t.Parallel()
	set, _ := loadNango(t)
	header := func(entry, name string, values map[string]string) (string, bool, error) {
		e, ok := set.Lookup(entry)
		if !ok {
			t.Fatalf("no entry %s", entry)
		}
		for _, p := range e.ProxyHeaders {
			if p.Name == name {
				return p.Expand(env(values))
			}
		}
		t.Fatalf("%s has no header %s", entry, name)
		return "", false, nil
	}
	if v, send, err := header("google-ads", "login-customer-id", nil); send || err != nil {
		t.Errorf("an optional header without a value: %q, %v, %v", v, send, err)
	}
	if _, _, err := header("google-ads", "developer-token", nil); err == nil {
		t.Error("a header that is not optional has no value, and that is no error")
	}
	v, _, err := header("cisco-duo-admin", "authorization", m("credentials.username", "DI", "credentials.password", "key",
		"method", "GET", "host", "api-1.duosecurity.com", "path", "/admin/v1/users", "params", "limit=1"))
	if err != nil || !strings.HasPrefix(v, "Basic ") {
		t.Errorf("a signed header: %q, %v", v, err)
	}
	e, _ := set.Lookup("heymarket")
	if key, err := e.Token.SigningKey.Expand(env(m("credentials.apiSecretId", "id", "credentials.apiSecretKey", "key"))); err != nil || key != "id||key" {
		t.Errorf("a signing key of two values: %q, %v", key, err)
	}
}
