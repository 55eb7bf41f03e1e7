package tieline

import (
	"net/url"
	"regexp"
	"testing"
)

// TestQuirksOfTokenRequests is about the parameters and headers of token requests,
// and about what comes back.
func TestQuirksOfTokenRequests(t *testing.T) { runQuirks(t, append(tokenQuirks(), answerQuirks()...)) }

func tokenQuirks() []quirk {
	pair := `{"access_token":"access-$n","refresh_token":"refresh-$n","expires_in":3600}`
	return []quirk{
		{
			name: "18-token-parameter-names", provider: "tiktok-personal", scopes: []string{"user.info.basic", "video.list"},
			answers: tokens("open.tiktokapis.com/v2/oauth/token/"), steps: life,
		},
		{
			name: "18b-token-parameters-left-out", provider: "clover", config: map[string]string{"authorizeHost": "www.clover.com", "apiHost": "api.clover.com"},
			callback: url.Values{"code": {"code-1"}, "merchant_id": {"M1"}, "employee_id": {"E1"}, "client_id": {quirkClientID}},
			answers: map[string][]string{
				"api.clover.com/oauth/v2/token":   {`{"access_token":"access-$n","access_token_expiration":946688400,"refresh_token":"refresh-$n","refresh_token_expiration":978307200}`},
				"api.clover.com/oauth/v2/refresh": {`{"access_token":"access-$n","access_token_expiration":946695600,"refresh_token":"refresh-$n","refresh_token_expiration":978307200}`},
			},
			steps: "authorize complete call credential expire call",
		},
		{
			name: "18c-token-parameters-all-renamed", provider: "tiktok-ads", steps: "authorize complete call credential",
			answers: map[string][]string{"business-api.tiktok.com/open_api/v1.3/oauth2/access_token/": {`{"code":0,"message":"OK","data":{"access_token":"access-$n","advertiser_ids":["7"],"scope":[4]}}`}},
		},
		{name: "23-query-in-token-url", provider: "paycor", config: map[string]string{"subscriptionKey": "sub-1", "tenantId": "1"}, answers: tokens("apis.paycor.com/sts/v1/common/token"), steps: life},
		{name: "26-extra-token-parameter", provider: "zendesk", scopes: []string{"read"}, config: map[string]string{"subdomain": "acme"}, answers: tokens("acme.zendesk.com/oauth/tokens"), steps: life},
		{
			name: "26b-type-instead-of-grant", provider: "basecamp", config: map[string]string{"accountId": "999", "appDetails": "Acme (ops@example.com)"},
			answers: tokens("launchpad.37signals.com/authorization/token"), steps: life,
		},
		{name: "27-scope-at-refresh", provider: "microsoft-ads", answers: tokens("login.microsoftonline.com/common/oauth2/v2.0/token"), steps: life},
		{name: "27b-extra-refresh-parameter", provider: "bamboohr", scopes: []string{"email"}, config: map[string]string{"subdomain": "acme"}, answers: tokens("acme.bamboohr.com/token.php"), steps: life},
		{
			name: "28-headers-at-token-endpoint", provider: "absorb-lms", scopes: []string{"admin.v1", "offline_access"},
			config:  map[string]string{"portalRoute": "acme.myabsorb.com", "restApiKey": "rest-key-1"},
			answers: map[string][]string{"acme.myabsorb.com/oauth/token": {"201 " + pair}}, steps: life,
			rewrite: func(_ testing.TB, text string) string {
				return regexp.MustCompile(`nonce=([A-Za-z0-9._~-]{16,}|\{\{uuid\}\})`).ReplaceAllString(text, "nonce={{nonce}}")
			},
		},
		{
			name: "28b-headers-at-token-endpoint-from-callback", provider: "walmart", callback: url.Values{"code": {"code-1"}, "sellerId": {"seller-1"}},
			answers: tokens("marketplace.walmartapis.com/v3/token"), steps: life + " expire call",
		},
		{
			name: "28c-headers-of-a-sign-in", provider: "altrata", public: true, config: map[string]string{"hostname": "profile.altrata.com"},
			cred:    typedIn(map[string]string{"apiKey": "K1", "username": "user", "password": "pass"}),
			answers: tokens("api-auth.altrata.com/oauth2/token"), steps: "create call",
		},
		{
			name: "29-refresh-url", provider: "trustpilot", steps: life,
			answers: map[string][]string{
				"api.trustpilot.com/v1/oauth/oauth-business-users-for-applications/accesstoken": {pair},
				"api.trustpilot.com/v1/oauth/oauth-business-users-for-applications/refresh":     {pair},
			},
		},
	}
}

func answerQuirks() []quirk { return append(shapeQuirks(), outcomeQuirks()...) }

func shapeQuirks() []quirk {
	data := `{"code":0,"message":"OK","data":{"access_token":"access-$n","refresh_token":"refresh-$n","expires_in":86400,"open_id":"o1","scope":"user.info.basic"}}`
	bot := `{"ok":true,"token_type":"bot","access_token":"access-$n","refresh_token":"refresh-$n","expires_in":43200,"team":{"id":"T1"}`
	return []quirk{
		{
			name: "37-token-nested-in-answer", provider: "slack", steps: "authorize complete call",
			answers: map[string][]string{"slack.com/api/oauth.v2.access": {`{"ok":true,"team":{"id":"T1"},"authed_user":{"id":"U1","access_token":"access-$n","token_type":"user"}}`}},
		},
		{
			name: "37b-answer-in-data", provider: "tiktok-accounts", scopes: []string{"user.info.basic"}, steps: life,
			answers: map[string][]string{
				"business-api.tiktok.com/open_api/v1.3/tt_user/oauth2/token/":         {data},
				"business-api.tiktok.com/open_api/v1.3/tt_user/oauth2/refresh_token/": {data},
			},
		},
		{
			name: "38-several-tokens-in-one-answer", provider: "slack", scopes: []string{"channels:read", "chat:write"},
			answers: map[string][]string{"slack.com/api/oauth.v2.access": {
				bot + `,"authed_user":{"id":"U1","token_type":"user","access_token":"user-access-$n","refresh_token":"user-refresh-$n","expires_in":36000}}`,
				bot + `}`,
				`{"ok":true,"token_type":"user","access_token":"user-access-$n","refresh_token":"user-refresh-$n","expires_in":36000}`,
				bot + `}`,
				`{"ok":true,"token_type":"user","access_token":"user-access-$n","refresh_token":"user-refresh-$n","expires_in":36000}`,
			}},
			steps: "authorize complete credential expire call expire call",
		},
		{
			name: "38b-second-token-of-the-application", provider: "microsoft-teams-bot", steps: "authorize complete expire call",
			config: map[string]string{"tenantId": "11111111-1111-1111-1111-111111111111", "botHostTenantId": "22222222-2222-2222-2222-222222222222"},
			answers: map[string][]string{
				"login.microsoftonline.com/11111111-1111-1111-1111-111111111111/oauth2/v2.0/token": {`{"access_token":"access-$n","refresh_token":"refresh-$n","expires_in":3600}`},
				"login.microsoftonline.com/22222222-2222-2222-2222-222222222222/oauth2/v2.0/token": {`{"access_token":"bot-access-$n","expires_in":3600}`},
			},
		},
	}
}

func outcomeQuirks() []quirk {
	return []quirk{
		{
			name: "39-session-after-oauth", provider: "bullhorn", config: map[string]string{"username": "ann", "password": "p&ss"},
			answers: bullhornAnswers(), steps: "authorize complete call credential expire call",
		},
		{
			name: "39b-exchange-after-oauth", provider: "threads", steps: "authorize complete call credential",
			answers: map[string][]string{
				"graph.threads.net/oauth/access_token": {`{"access_token":"access-$n","user_id":17}`},
				"graph.threads.net/access_token":       {`500 {"error":{"message":"try again"}}`},
			},
		},
		{
			name: "40-error-with-status-200", provider: "slack", scopes: []string{"chat:write"}, steps: "authorize complete call",
			answers: map[string][]string{"slack.com/api/oauth.v2.access": {`{"ok":false,"error":"invalid_code","access_token":"access-$n"}`}},
		},
		{
			name: "40b-result-code-with-status-200", provider: "coros", steps: "authorize complete refresh credential",
			answers: map[string][]string{
				"open.coros.com/oauth2/accesstoken":   {`{"access_token":"access-$n","refresh_token":"refresh-$n","expires_in":2592000,"openId":"o1"}`},
				"open.coros.com/oauth2/refresh-token": {`{"result":"1019","message":"not now"}`},
			},
		},
		{
			name: "41-success-is-201", provider: "sentry-oauth", config: map[string]string{"hostname": "us.sentry.io", "actor": "ann"}, webhook: sentryWebhook,
			answers: map[string][]string{"sentry.io/api/0/sentry-app-installations/6ba7b810-9dad-11d1-80b4-00c04fd430c8/authorizations/": {`{"token":"access-$n","refreshToken":"refresh-$n","expiresAt":"2000-01-01T08:00:00Z"}`}},
			steps:   "install call",
		},
	}
}

const sentryWebhook = `{"action":"created","installation":{"uuid":"6ba7b810-9dad-11d1-80b4-00c04fd430c8"},` +
	`"data":{"installation":{"uuid":"6ba7b810-9dad-11d1-80b4-00c04fd430c8","code":"code-1","status":"pending"}}}`
