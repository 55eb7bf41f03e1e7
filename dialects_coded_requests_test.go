package tieline

import (
	"io"
	"maps"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/tieline/tieline/providertest"
)

// The requests that codedProviders want.

func formFirst(in providertest.Inputs) wantedCall {
	return wantedCall{params: map[string]string{
		"grant_type": "authorization_code", "client_id": in.ClientID, "client_secret": in.ClientSecret,
		"code": theCode, "redirect_uri": theRedirect,
	}}
}

func formAgain(in providertest.Inputs) wantedCall {
	return wantedCall{params: map[string]string{
		"grant_type": "refresh_token", "client_id": in.ClientID, "client_secret": in.ClientSecret, "refresh_token": theRefresh,
	}}
}

type request = func(providertest.Inputs) wantedCall

// changed is a request with other parameters; an empty one is taken out.
func changed(f request, params map[string]string) request {
	return func(in providertest.Inputs) wantedCall {
		w := f(in)
		w.params = maps.Clone(w.params)
		for name, v := range params {
			if v == "" {
				delete(w.params, name)
			} else {
				w.params[name] = v
			}
		}
		return w
	}
}

func lacking(f request, names ...string) request {
	out := map[string]string{}
	for _, name := range names {
		out[name] = ""
	}
	return changed(f, out)
}

func renamed(f request, from, to string) request {
	return func(in providertest.Inputs) wantedCall {
		return changed(f, map[string]string{from: "", to: f(in).params[from]})(in)
	}
}

func asJSON(f request) request {
	return func(in providertest.Inputs) wantedCall {
		w := f(in)
		w.format = "json"
		return w
	}
}

// basicFirst has the client in the header, where the reference system has it
// twice, which RFC 6749 section 2.3 forbids, and which no documentation asks for.
func basicFirst(in providertest.Inputs) wantedCall {
	w := changed(lacking(formFirst, "client_id", "client_secret"), map[string]string{"code_verifier": theVerifier})(in)
	w.basic = in.ClientID + ":" + in.ClientSecret
	return w
}

func basicAgain(in providertest.Inputs) wantedCall {
	w := lacking(formAgain, "client_id", "client_secret")(in)
	w.basic = in.ClientID + ":" + in.ClientSecret
	return w
}

var (
	publicFirst = changed(formFirst, map[string]string{"client_secret": "", "code_verifier": theVerifier})
	publicAgain = lacking(formAgain, "client_secret")

	// Everybody's rule is to send the client, with the secret, once.
	agiloftFirst = lacking(basicFirst, "code_verifier")

	cloverFirst = asJSON(lacking(formFirst, "grant_type", "redirect_uri"))
	cloverAgain = asJSON(lacking(formAgain, "grant_type", "client_secret"))

	followupbossFirst = changed(basicFirst, map[string]string{"code_verifier": "", "state": theState})

	// The vendor's API refuses parameters that it does not know.
	stripeFirst = secretOnly(lacking(formFirst, "client_id", "client_secret", "redirect_uri"))
	stripeAgain = secretOnly(lacking(formAgain, "client_id", "client_secret"))

	accountsFirst = asJSON(renamed(formFirst, "code", "auth_code"))
	accountsAgain = asJSON(formAgain)

	sentryFirst = asJSON(lacking(formFirst, "redirect_uri"))
	sentryAgain = asJSON(formAgain)

	walmartFirst = walmartHeaders(lacking(basicFirst, "code_verifier"))
	walmartAgain = walmartHeaders(basicAgain)
)

// absorbFirst has a nonce and the headers of the API.
func absorbFirst(in providertest.Inputs) wantedCall {
	w := changed(formFirst, map[string]string{"nonce": aUUID})(in)
	w.header = map[string]string{"x-api-key": in.Config["restApiKey"], "x-api-version": "v1"}
	return w
}

// absorbAgain has the scopes in addition.
func absorbAgain(in providertest.Inputs) wantedCall {
	w := changed(formAgain, map[string]string{"nonce": aUUID, "scope": theScope})(in)
	w.header = absorbFirst(in).header
	return w
}

// agiloftAgain has the beginning of the secret under a name of its own.
func agiloftAgain(in providertest.Inputs) wantedCall {
	return changed(lacking(formAgain, "client_id", "client_secret"), map[string]string{"md5_secret": in.ClientSecret[:20]})(in)
}

func secretOnly(f request) request {
	return func(in providertest.Inputs) wantedCall {
		w := f(in)
		w.basic = in.ClientSecret + ":"
		return w
	}
}

func figmaFirst(in providertest.Inputs) wantedCall {
	w := asJSON(lacking(basicFirst, "code_verifier", "redirect_uri"))(in)
	w.query = map[string]string{"redirect_uri": theRedirect}
	return w
}

func figmaAgain(in providertest.Inputs) wantedCall {
	return asJSON(lacking(basicAgain, "grant_type"))(in)
}

// facebookFirst has the redirect URI in the query and in the body.
func facebookFirst(in providertest.Inputs) wantedCall {
	w := asJSON(changed(formFirst, map[string]string{"code_verifier": theVerifier}))(in)
	w.query = map[string]string{"redirect_uri": theRedirect}
	return w
}

func facebookAgain(in providertest.Inputs) wantedCall {
	return wantedCall{format: "query", params: map[string]string{
		"grant_type": "fb_exchange_token", "client_id": in.ClientID, "client_secret": in.ClientSecret, "fb_exchange_token": theAccess,
	}}
}

func adsFirst(in providertest.Inputs) wantedCall {
	return wantedCall{format: "json", params: map[string]string{
		"app_id": in.ClientID, "secret": in.ClientSecret, "auth_code": theCode,
	}}
}

func adminFirst(in providertest.Inputs) wantedCall {
	return wantedCall{params: map[string]string{
		"grant_type": "client_credentials", "client_id": in.ClientID, "client_secret": in.ClientSecret,
		"scope": "https://graph.microsoft.com/.default",
	}}
}

// adminConsent is a callback with the tenant, and without a code.
func adminConsent(c *codedProvider, back url.Values) {
	back.Set("tenant", c.Inputs().Config["tenantId"])
	back.Set("admin_consent", "True")
}

const walmartSeller = "10001234567"

func walmartConsent(_ *codedProvider, back url.Values) { back.Set("sellerId", walmartSeller) }

func walmartHeaders(f request) request {
	return func(in providertest.Inputs) wantedCall {
		w := f(in)
		w.header = map[string]string{
			"WM_SVC.NAME": "Walmart Marketplace", "WM_QOS.CORRELATION_ID": aUUID, "WM_PARTNER.ID": walmartSeller,
		}
		return w
	}
}

// The answers.

func pairAnswer(_ *codedProvider, _ bool, access, refresh string) (int, any) {
	return http.StatusOK, map[string]any{"access_token": access, "refresh_token": refresh, "expires_in": 3600, "token_type": "bearer"}
}

// created is an answer at another status than 200.
func created(c *codedProvider, again bool, access, refresh string) (int, any) {
	_, body := pairAnswer(c, again, access, refresh)
	return http.StatusCreated, body
}

func withoutExpiry(_ *codedProvider, _ bool, access, refresh string) (int, any) {
	return http.StatusOK, map[string]any{"access_token": access, "refresh_token": refresh, "token_type": "bearer"}
}

func accessOnly(c *codedProvider, _ bool, access, _ string) (int, any) {
	return http.StatusOK, map[string]any{"access_token": access, "expires_in": int(time.Until(c.until).Seconds()), "token_type": "bearer"}
}

func cloverAnswer(c *codedProvider, _ bool, access, refresh string) (int, any) {
	return http.StatusOK, map[string]any{
		"access_token": access, "access_token_expiration": c.until.Unix(),
		"refresh_token": refresh, "refresh_token_expiration": c.until.AddDate(1, 0, 0).Unix(),
	}
}

func corosAnswer(_ *codedProvider, again bool, access, refresh string) (int, any) {
	if again {
		return http.StatusOK, map[string]any{"result": "0000", "message": "OK"}
	}
	return http.StatusOK, map[string]any{
		"access_token": access, "refresh_token": refresh, "expires_in": 30 * 24 * 3600, "openId": "b8b2d9f5b7a94d35",
	}
}

// sentryAnswer has names of its own, and is a success because it is a 201.
func sentryAnswer(c *codedProvider, _ bool, access, refresh string) (int, any) {
	return http.StatusCreated, map[string]any{
		"id": "38", "token": access, "refreshToken": refresh, "dateCreated": time.Now().UTC().Format(time.RFC3339Nano),
		"expiresAt": c.until.UTC().Format("2006-01-02T15:04:05.000000Z"), "state": nil, "application": nil,
	}
}

// sentryInstalled answers the call that says that the installation is complete.
func sentryInstalled(c *codedProvider, r *http.Request) (int, any) {
	if r.Method != http.MethodPut {
		return 0, nil
	}
	body, _ := io.ReadAll(r.Body)
	if r.URL.Host != "sentry.io" || !strings.HasPrefix(r.URL.Path, "/api/0/sentry-app-installations/") || string(body) != `{"status":"installed"}` || r.Header.Get("Authorization") != "Bearer "+c.access {
		c.Problem("installed", "%s with %q and %q", r.URL, r.Header.Get("Authorization"), body)
		return http.StatusBadRequest, nil
	}
	return http.StatusOK, map[string]any{"status": "installed"}
}

func wrapped(_ *codedProvider, _ bool, access, refresh string) (int, any) {
	return http.StatusOK, map[string]any{"code": 0, "message": "OK", "request_id": "2026", "data": map[string]any{
		"access_token": access, "refresh_token": refresh, "expires_in": 86400, "refresh_token_expires_in": 31536000,
		"open_id": "723f24d7-e717-40f8-a2b6-cb8464cd23b4", "scope": "user.info.basic,video.list", "token_type": "Bearer",
	}}
}

func wrappedAds(_ *codedProvider, _ bool, access, _ string) (int, any) {
	return http.StatusOK, map[string]any{"code": 0, "message": "OK", "request_id": "2026", "data": map[string]any{
		"access_token": access, "advertiser_ids": []string{"6900000000000"}, "scope": []int{1, 4},
	}}
}

func slackAnswer(_ *codedProvider, _ bool, access, refresh string) (int, any) {
	return http.StatusOK, map[string]any{
		"ok": true, "access_token": access, "refresh_token": refresh, "expires_in": 43200, "token_type": "bot",
		"bot_user_id": "U0KRQLJ9H", "team": map[string]any{"id": "T9TK3CUKW", "name": "Acme"},
		"authed_user": map[string]any{"id": "U1234"},
	}
}

func shortLived(_ *codedProvider, _ bool, access, _ string) (int, any) {
	return http.StatusOK, map[string]any{"access_token": access, "user_id": "17841405793187218"}
}

// longLived answers the exchange for a token of 60 days, and its renewal. The
// vendor's own documentation has neither with the application's ID, and the
// renewal without the secret.
func longLived(prefix string) func(c *codedProvider, r *http.Request) (int, any) {
	return func(c *codedProvider, r *http.Request) (int, any) {
		w := wantedCall{method: http.MethodGet, format: "query", params: map[string]string{"access_token": theAccess}}
		switch {
		case strings.HasSuffix(r.URL.Path, "/refresh_access_token"):
			w.params["grant_type"] = prefix + "_refresh_token"
		case strings.HasSuffix(r.URL.Path, "/access_token"):
			w.params["grant_type"], w.params["client_secret"] = prefix+"_exchange_token", c.Inputs().ClientSecret
		default:
			return 0, nil
		}
		if !c.good("exchange", r, w) {
			return http.StatusBadRequest, map[string]any{"error": map[string]any{"type": "OAuthException", "code": 100}}
		}
		c.life = 60 * 24 * time.Hour
		c.access, _ = c.Issue(c.life)
		return http.StatusOK, map[string]any{"access_token": c.access, "token_type": "bearer", "expires_in": 60 * 24 * 3600}
	}
}
