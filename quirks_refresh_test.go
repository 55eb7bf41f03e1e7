package tieline

import (
	"net/url"
	"testing"
)

// TestQuirksOfRefreshes is about how tokens are renewed and how long they live.
func TestQuirksOfRefreshes(t *testing.T) { runQuirks(t, append(refreshQuirks(), lifetimeQuirks()...)) }

func refreshQuirks() []quirk {
	const tenant = "11111111-1111-1111-1111-111111111111"
	return []quirk{
		{name: "33-rotating-refresh-token", provider: "zoom", answers: tokens("zoom.us/oauth/token"), steps: "authorize complete expire call expire call"},
		{
			name: "34-access-token-is-its-own-refresh", provider: "facebook", scopes: []string{"email"}, steps: "authorize complete refresh call credential",
			answers: map[string][]string{"graph.facebook.com/v22.0/oauth/access_token": {`{"access_token":"access-$n","token_type":"bearer","expires_in":5184000}`}},
		},
		{
			name: "34b-sign-in-refreshed-with-its-token", provider: "salesmsg", public: true, cred: typedIn(map[string]string{"apiKey": "aaa.bbb.ccc"}),
			answers: map[string][]string{"api.salesmessage.com/pub/v2.2/oauth/personal-token/refresh": {`{"access_token":"access-$n","expires_in":3600}`}},
			steps:   "create call expire call",
		},
		{
			name: "35-reissued-without-refresh-token", provider: "microsoft-admin", config: map[string]string{"tenantId": tenant},
			callback: url.Values{"tenant": {tenant}, "admin_consent": {"True"}}, steps: life,
			answers: map[string][]string{"login.microsoftonline.com/" + tenant + "/oauth2/v2.0/token": {`{"access_token":"access-$n","token_type":"Bearer","expires_in":3599}`}},
		},
		{
			name: "36-refresh-prolongs", provider: "coros", steps: "authorize complete expire call credential expire call",
			answers: map[string][]string{
				"open.coros.com/oauth2/accesstoken":   {`{"access_token":"access-$n","refresh_token":"refresh-$n","expires_in":2592000,"openId":"o1"}`},
				"open.coros.com/oauth2/refresh-token": {`{"result":"0000","message":"OK"}`},
			},
		},
	}
}

func lifetimeQuirks() []quirk {
	pair := `{"access_token":"access-$n","refresh_token":"refresh-$n"}`
	return []quirk{
		{
			name: "42-lifetime-in-milliseconds", provider: "fiserv", public: true, cred: typedClient, config: map[string]string{"hostUrl": "acme.fiservapps.com"},
			answers: map[string][]string{"cert.api.fiservapps.com/fts-apim/oauth2/v2": {`{"access_token":"access-$n","expires_in":900000}`}},
			steps:   "create credential expire call",
		},
		{
			name: "43-lifetime-in-days-hours-minutes", provider: "tableau", public: true, config: map[string]string{"hostname": "acme.online.tableau.com", "version": "3.4"},
			cred:    typedIn(map[string]string{"pat": "pat-1", "secret": "s1", "contentUrl": "site-1"}),
			answers: map[string][]string{"acme.online.tableau.com/api/3.4/auth/signin": {`{"credentials":{"token":"access-$n","estimatedTimeToExpiration":"1:02:30"}}`}},
			steps:   "create credential call",
		},
		{
			name: "44-lifetime-as-text", provider: "zoom", steps: "authorize complete credential",
			answers: map[string][]string{"zoom.us/oauth/token": {`{"access_token":"access-$n","refresh_token":"refresh-$n","expires_in":"3600"}`}},
		},
		{name: "45-lifetime-not-answered", provider: "jobber", answers: map[string][]string{"api.getjobber.com/api/oauth/token": {pair}}, steps: "authorize complete credential expire call"},
		{
			name: "45b-lifetime-not-answered-with-basic", provider: "workday-oauth",
			config:  map[string]string{"authorizationDomain": "wd5.myworkday.com", "tokenDomain": "wd5-services1.myworkday.com", "tenant": "acme"},
			answers: map[string][]string{"wd5-services1.myworkday.com/ccx/oauth2/acme/token": {pair}}, steps: "authorize complete credential expire call",
		},
		{
			name: "46-introspection-instead-of-lifetime", provider: "salesforce", steps: "authorize complete call wait:1m call",
			answers: map[string][]string{
				"login.salesforce.com/services/oauth2/token":        {`{"access_token":"access-$n","refresh_token":"refresh-$n","instance_url":"https://acme.my.salesforce.com","token_type":"Bearer","issued_at":"946684800000"}`},
				"acme.my.salesforce.com/services/oauth2/introspect": {`{"active":true,"exp":946692000,"token_type":"access_token"}`, `{"active":false}`},
				"login.salesforce.com/services/oauth2/introspect":   {`{"active":true,"exp":946692000,"token_type":"access_token"}`, `{"active":false}`},
			},
		},
		{
			name: "63-early-refresh-margin", provider: "exact-online", config: map[string]string{"extension": "nl"},
			answers: map[string][]string{"start.exactonline.nl/api/oauth2/token": {`{"access_token":"access-$n","refresh_token":"refresh-$n","token_type":"bearer","expires_in":"600"}`}},
			steps:   "authorize complete wait:9m call wait:45s call",
		},
	}
}
