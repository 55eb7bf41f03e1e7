package httpapi

import (
	"net/http"
	"strings"
	"testing"

	"github.com/tieline/tieline"
)

func TestPageAPIChoices(t *testing.T) {
	t.Parallel()
	w, _ := newPageWorld(t)
	b := w.browser()
	b.open(w.session(tieline.Session{EndUser: alice.EndUser, Integrations: []string{"shop", "acme"}}))
	b.ask("GET", "integrations", nil).want(200, `{"integrations":[
		{"key":"shop","name":"<b>Shop</b> & \"Co\"","provider":"<b>Shop</b> & \"Co\"","logo":"images/template-logos/shop.svg"},
		{"key":"acme","name":"Acme","provider":"Acme","logo":"images/template-logos/acme.svg"}]}`)
	b.ask("GET", "integrations/acme-key", nil).want(400, `{"error":{"code":"integration_not_allowed","message":"*"}}`)
	b.ask("GET", "status", nil).want(200, `{"finished":false,"connection":null,"expiresAt":"*"}`)
}

func TestPageAPIFields(t *testing.T) {
	t.Parallel()
	w, _ := newPageWorld(t)
	b := w.browser()
	b.open(w.session(alice))
	const rest = `
		{"group":"config","name":"region","title":"Region","kind":"text","required":false,"enum":["eu","us"],"value":"eu"},
		{"group":"config","name":"cell","title":"Cell","kind":"text","required":true,"visibleWhen":{"field":"region","equals":"us"}},
		{"group":"config","name":"private_key","title":"Key","description":"In PEM","kind":"text","secret":true,"lines":true},
		{"group":"credentials","name":"apiKey","title":"API key","description":"The key","kind":"text","required":true,"secret":true}]}`
	const head = `{"key":"shop","name":"*","provider":"*","logo":"*","signIn":false,"help":"https://example.com/help#top","fields":[`
	b.ask("GET", "integrations/shop", nil).want(200, strings.ReplaceAll(head+`
		{"group":"config","name":"subdomain","title":"Shop","description":"The name <i>of</i> your shop","example":"acme","kind":"text","required":true,
			"prefix":"https://","suffix":".example.com","help":"https://example.com/help#name"},`+rest, `"required":false,`, ""))

	// What the application has decided is not asked for.
	b.open(w.session(tieline.Session{Defaults: map[string]tieline.SessionDefaults{"shop": {Config: map[string]string{"subdomain": "a"}, DocsConnect: "javascript:alert(1)"}}}))
	b.ask("GET", "integrations/shop", nil).want(200, strings.NewReplacer(`"required":false,`, "", `"help":"https://example.com/help#top",`, "").Replace(head+rest))

	a := b.ask("GET", "integrations/acme", nil)
	if a.at("signIn") != true || a.at("fields") == nil {
		t.Errorf("answered with %s", a.Body)
	}
}

func TestPageAPIForm(t *testing.T) {
	t.Parallel()
	w, provider := newPageWorld(t)
	token := w.session(alice)
	b := w.browser()
	b.open(token)
	post := func(key string, body any) answer { return b.ask("POST", "connections/"+key, body) }
	fields := func(config, credentials map[string]string) map[string]any {
		return map[string]any{"config": config, "credentials": credentials}
	}
	text := func(v ...string) map[string]string {
		m := map[string]string{}
		for n := 0; n < len(v); n += 2 {
			m[v[n]] = v[n+1]
		}
		return m
	}
	post("shop", fields(text("subdomain", "a/b"), text("apiKey", "k"))).want(400,
		errorBody("invalid_body", "custom", "This is not a host name. Example: acme", "config", "subdomain"))
	post("shop", fields(text("region", "us", "cell", "x", "subdomain", "a"), text("apiKey", "k"))).want(400,
		errorBody("invalid_body", "custom", "This does not have the required form.", "config", "cell"))
	post("shop", fields(text("region", "mars", "subdomain", "a"), text("apiKey", "k"))).want(400,
		errorBody("invalid_body", "custom", "This is none of the choices: eu, us.", "config", "region"))
	post("shop", fields(text("account", "1", "subdomain", "a"), text("apiKey", "k"))).want(400,
		errorBody("invalid_query_params", "custom", "cannot be set here", "params", "account"))
	post("acme-key", fields(text(), text())).want(400, errorBody("invalid_body", "custom", "A value is required.", "credentials", "apiKey"))
	post("acme-key", fields(text(), text("apiKey", "x", "other", "y"))).want(400, errorBody("invalid_body", "custom", "There is no field of this name", "credentials", "other"))
	post("acme-key", `{"credentials":{"apiKey":1}}`).want(400, errorBody("invalid_body", "invalid_type", "Invalid input: expected string, received number", "credentials", "apiKey"))
	post("acme-key", `{"foo":1}`).want(400, errorBody("invalid_body", "unrecognized_keys", `Unrecognized key: "foo"`))
	post("acme-key", `{`).want(400, `{"error":{"code":"invalid_json","message":"*"}}`)
	post("acme", fields(text(), text())).want(400, `{"error":{"code":"invalid_auth_mode","message":"*"}}`)
	wrong := post("acme-key", fields(text(), text("apiKey", "wrong-key")))
	wrong.want(400, `{"error":{"code":"connection_test_failed","message":"*"}}`)
	b.ask("GET", "status", nil).want(200, `{"finished":false,"connection":null,"expiresAt":"*"}`)

	key := provider.Credentials().APIKey
	right := post("acme-key", fields(text(), text("apiKey", key)))
	right.want(200, `{"connectionId":"*","providerConfigKey":"acme-key","name":"*"}`)
	made := w.made(token)
	if made.ID != right.at("connectionId") || made.EndUser.ID != "u-1" {
		t.Errorf("made %v", made)
	}
	post("acme-key", fields(text(), text("apiKey", key))).want(401, `{"error":{"code":"connect_session_used","message":"*","payload":{}}}`)
	b.ask("POST", "authorize/acme", nil).want(401, `{"error":{"code":"connect_session_used","message":"*","payload":{}}}`)
	if a := b.visit("/connect"); a.Code != 200 {
		t.Errorf("the page of a session that is over: %d", a.Code)
	}
	w.silent(key, "wrong-key", token[len(sessionPrefix):])
}

// What the connection has is in the form already when it is made anew; its secrets and
// those that the catalog knows are not.
func TestPageAPIReconnectForm(t *testing.T) {
	t.Parallel()
	w, _ := newPageWorld(t)
	config := map[string]string{"subdomain": "acme", "region": "us", "cell": "7", "private_key": "secret"}
	conn, err := w.client.Connections.Import(t.Context(), "shop", "c", tieline.ConnectionInput{Credential: &tieline.APIKey{Key: tieline.NewSecret("k")}, Config: config})
	if err != nil {
		t.Fatal(err)
	}
	name := conn.Name()
	b := w.browser()
	b.open(w.session(tieline.Session{Reconnect: &name}))
	a := b.ask("GET", "integrations/shop", nil)
	for _, want := range []string{`"value":"acme"`, `"value":"us"`, `"value":"7"`, `"reconnect":true`} {
		if !strings.Contains(a.Body.String(), want) {
			t.Errorf("no %s in %s", want, a.Body)
		}
	}
	if strings.Contains(a.Body.String(), `"secret"}`) || strings.Contains(a.Body.String(), `"value":"secret"`) {
		t.Errorf("answered with %s", a.Body)
	}
	b.ask("POST", "connections/shop", map[string]any{"config": map[string]string{"cell": "8"}, "credentials": map[string]string{"apiKey": "k2"}}).want(200,
		`{"connectionId":"c","providerConfigKey":"shop","name":"*"}`)
	if err := w.client.Connections.Delete(t.Context(), "shop", "c", tieline.DeleteOptions{}); err != nil {
		t.Fatal(err)
	}
	b.open(w.session(alice))
	f := newPageField(groupConfig, tieline.Field{Name: "x", Secret: true, Default: "d", HasDefault: true}, map[string]string{"x": "y"}, "")
	if f.Value != "" || !f.Secret {
		t.Errorf("the field is %+v", f)
	}
}

// Only the page itself can use what its cookie allows.
func TestPageAPICrossSite(t *testing.T) {
	t.Parallel()
	w, provider := newPageWorld(t)
	token := w.session(alice)
	b := w.browser()
	b.open(token)
	key := map[string]any{"credentials": map[string]string{"apiKey": provider.Credentials().APIKey}}
	for _, tt := range []struct {
		name    string
		headers []string
		code    string
		status  int
	}{
		{"another site", []string{"Sec-Fetch-Site", "cross-site"}, "cross_origin_request", 403},
		{"another site, by origin alone", []string{"Sec-Fetch-Site", "", "Origin", "https://evil.example.com"}, "cross_origin_request", 403},
		{"a sister site", []string{"Sec-Fetch-Site", "same-site", "Origin", "http://evil.localhost"}, "cross_origin_request", 403},
		{"an application's page", []string{"Sec-Fetch-Site", "cross-site", "Origin", "https://app.example.com"}, "cross_origin_request", 403},
		{"no header of the page", []string{sessionHeader, ""}, "cross_origin_request", 403},
		{"another session's page", []string{sessionHeader, "x"}, "session_changed", 409},
		{"no cookie", []string{"Cookie", ""}, "unknown_connect_session_token", 401},
		{"a form", []string{"Content-Type", "application/x-www-form-urlencoded"}, "invalid_content_type", 415},
	} {
		t.Run(tt.name, func(t *testing.T) {
			for _, path := range []string{"connections/acme-key", "authorize/acme"} {
				a := b.ask("POST", path, key, tt.headers...)
				if a.Code != tt.status || a.at("error.code") != tt.code || len(a.Result().Cookies()) > 0 {
					t.Errorf("%s: answered with %d %s", path, a.Code, a.Body)
				}
			}
		})
	}
	for _, path := range []string{"status", "integrations", "integrations/acme"} {
		if a := b.ask("GET", path, nil, sessionHeader, ""); a.Code != http.StatusForbidden {
			t.Errorf("%s: answered with %d", path, a.Code)
		}
		if a := b.ask("GET", path, nil); a.Header().Get("Access-Control-Allow-Origin") != "" {
			t.Errorf("%s: other origins may read it", path)
		}
	}
	if s, err := w.client.Sessions.Get(t.Context(), token[len(sessionPrefix):]); err != nil || s.Made != nil {
		t.Errorf("the session is %v, %v", s, err)
	}
}

// Every auth mode has a way on the page: a form that yields its credential, or a
// sign-in.
func TestPageAPIModes(t *testing.T) {
	t.Parallel()
	modes := []tieline.AuthMode{
		tieline.ModeOAuth2, tieline.ModeOAuth2CC, tieline.ModeOAuth1, tieline.ModeAPIKey, tieline.ModeBasic, tieline.ModeTwoStep, tieline.ModeJWT, tieline.ModeSignature, tieline.ModeApp,
		tieline.ModeCustom, tieline.ModeTBA, tieline.ModeBill, tieline.ModeAWSSigV4, tieline.ModeInstallPlugin, tieline.ModeMCPOAuth2, tieline.ModeMCPOAuth2Generic, tieline.ModeNone, "OWN",
	}
	for _, mode := range modes {
		p := tieline.Provider{Name: "x", AuthMode: mode}
		if mode == tieline.ModeTwoStep || mode == tieline.ModeJWT || mode == "OWN" {
			p.CredentialFields = []tieline.Field{{Name: "id"}, {Name: "privateKey", Secret: true}}
		}
		values := map[string]string{}
		for _, f := range formFields(p, tieline.Session{}, nil, nil, "") {
			values[f.Name] = "value of " + f.Name
		}
		cred, err := formCredential(p, tieline.Session{}, values)
		if signsIn(p) {
			if err == nil || len(values) > 0 {
				t.Errorf("%s: a form with %v for a provider where one signs in, %v", mode, values, err)
			}
			continue
		}
		if err != nil || cred.Type() != mode {
			t.Errorf("%s: %T, %v", mode, cred, err)
		}
		if len(values) == 0 != (mode == tieline.ModeNone) {
			t.Errorf("%s: the form has %v", mode, values)
		}
	}
}

func TestPageAWSExternalID(t *testing.T) {
	t.Parallel()
	one, two := tieline.Session{ID: "one"}, tieline.Session{ID: "two"}
	p := tieline.Provider{AuthMode: tieline.ModeAWSSigV4, CredentialFields: []tieline.Field{{Name: "role_arn"}}}
	fields := formFields(p, one, nil, nil, "")
	last := fields[len(fields)-1]
	if last.Name != "external_id" || !last.Fixed || !isUUID(last.Value) || last.Value == externalID(two) {
		t.Errorf("the field is %+v", last)
	}
	cred, err := formCredential(p, one, map[string]string{"role_arn": "r", "external_id": "of somebody else"})
	if aws, ok := cred.(*tieline.AWS); err != nil || !ok || aws.ExternalID != last.Value {
		t.Errorf("the credential is %+v, %v", cred, err)
	}
}
