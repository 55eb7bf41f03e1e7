package httpapi

import (
	"context"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"github.com/tieline/tieline"
	"github.com/tieline/tieline/providertest"
)

func TestOAuthConnectRoute(t *testing.T) {
	t.Parallel()
	w, provider := newPageWorld(t, secure)
	session := alice
	session.Defaults = map[string]tieline.SessionDefaults{"acme": {Params: map[string]string{"prompt": "login"}}}
	token := w.session(session)
	b := w.browser()
	a := b.do("GET", "/oauth/connect/acme?authorization_params[prompt]=none&authorization_params[login_hint]=bob&authorization_params[x]=undefined&user_scope=a&ws_client_id=1&connect_session_token="+token, nil)
	if a.Code != http.StatusFound {
		t.Fatalf("answered with %d %s", a.Code, a.Body)
	}
	target, err := url.Parse(a.Header().Get("Location"))
	if err != nil {
		t.Fatal(err)
	}
	q := target.Query()
	if !strings.HasPrefix(target.String(), provider.URL+"/") || q.Get("prompt") != "login" || q.Get("login_hint") != "bob" || q.Get("user_scope") != "a" || q.Has("x") {
		t.Errorf("sent to %s", target)
	}
	if strings.Contains(target.String(), token[len(sessionPrefix):]) {
		t.Error("the provider is told the token")
	}
	if len(b.jar) != 2 {
		t.Errorf("cookies %v", b.jar)
	}
	for name, c := range b.jar {
		if !strings.HasPrefix(name, "__Host-tieline_") || !c.HttpOnly || !c.Secure || c.SameSite != http.SameSiteLaxMode || c.Path != "/" {
			t.Errorf("cookie %s", c)
		}
	}
	callback := b.consent(provider)(target.String())
	a = b.visit("/oauth/callback?" + callback.Encode())
	checkPage(t, a)
	conn := w.made(token)
	if a.Code != http.StatusOK || conn.EndUser.ID != "u-1" || !strings.Contains(a.Body.String(), `data-outcome="connected"`) || !strings.Contains(a.Body.String(), `data-connection="`+conn.ID+`"`) ||
		!strings.Contains(a.Body.String(), `data-origins="[&#34;https://app.example.com&#34;]"`) {
		t.Errorf("answered with %d %s", a.Code, a.Body)
	}
	if len(b.jar) != 1 {
		t.Errorf("cookies %v", b.jar)
	}
	w.silent(callback.Get("code"), callback.Get("state"), token[len(sessionPrefix):])
	if a := b.do("GET", "/oauth/connect/acme?connect_session_token="+token, nil); a.Code != http.StatusUnauthorized || a.at("error.code") != "connect_session_used" {
		t.Errorf("a second connection: %d %s", a.Code, a.Body)
	}
}

// made is the connection that was made in a session.
func (w *world) made(token string) tieline.Connection {
	w.t.Helper()
	s, err := w.client.Sessions.Get(w.t.Context(), strings.TrimPrefix(token, sessionPrefix))
	if err != nil || s.Made == nil {
		w.t.Fatalf("the session is %+v, %v", s, err)
	}
	conn, err := w.client.Connections.Get(w.t.Context(), s.Made.Integration, s.Made.ID)
	if err != nil {
		w.t.Fatal(err)
	}
	return conn
}

// silent checks that the log has none of these.
func (w *world) silent(secrets ...string) {
	w.t.Helper()
	for _, s := range secrets {
		if s == "" || strings.Contains(w.log.String(), s) {
			w.t.Errorf("the log has %q", s)
		}
	}
}

func TestOAuthConnectRefuses(t *testing.T) {
	t.Parallel()
	w, _ := newPageWorld(t)
	token := w.session(tieline.Session{Integrations: []string{"acme", "acme-key"}})
	at := func(path, query string) answer {
		return w.call("GET", "/oauth/connect/"+path+"?connect_session_token="+token+query, nil, "Authorization", "")
	}
	for _, tt := range []struct {
		name, path, query string
		status            int
		code              string
	}{
		{"no such integration", "none", "", 400, "integration_not_allowed"},
		{"another integration", "shop", "", 400, "integration_not_allowed"},
		{"another mode", "acme-key", "", 400, "invalid_auth_mode"},
		{"connection_id", "acme", "&connection_id=x", 400, "invalid_query_params"},
		{"unknown", "acme", "&foo=bar", 400, "invalid_query_params"},
		{"the flow's own parameter", "acme", "&authorization_params[state]=x", 400, "invalid_query_params"},
		{"a redirect of one's own", "acme", "&authorization_params[redirect_uri]=https://evil.example.com", 400, "invalid_query_params"},
		{"a refresh token", "acme", "&credentials[oauth_refresh_token_override]=x", 400, "invalid_query_params"},
		{"half an app", "acme", "&credentials[oauth_client_id_override]=x", 400, "invalid_query_params"},
		{"config that is not asked for", "acme", "&params[foo]=x", 400, "invalid_query_params"},
		{"a key that is none", "a%23b", "", 400, "invalid_uri_params"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			a := at(tt.path, tt.query)
			if a.Code != tt.status || a.at("error.code") != tt.code || a.Header().Get("Location") != "" || len(a.Result().Cookies()) > 0 {
				t.Errorf("answered with %d %s", a.Code, a.Body)
			}
		})
	}
	if a := w.call("HEAD", "/oauth/connect/acme?connect_session_token="+token, nil); a.Code != http.StatusMethodNotAllowed {
		t.Errorf("HEAD: answered with %d", a.Code)
	}
	if a := w.call("GET", "/oauth/connect/acme", nil, "Authorization", ""); a.Code != http.StatusUnauthorized {
		t.Errorf("without a token: answered with %d", a.Code)
	}
	if a := w.browser().visit("/oauth/connect/acme"); a.Code != http.StatusUnauthorized || !strings.Contains(a.Body.String(), "Nothing to connect here") {
		t.Errorf("without a token, in a browser: answered with %d %s", a.Code, a.Body)
	}
}

func TestOAuthCallbackErrors(t *testing.T) {
	t.Parallel()
	w, provider := newPageWorld(t)
	deny := func(target string) url.Values {
		callback, _, err := provider.Deny(t.Context(), target)
		if err != nil {
			t.Fatal(err)
		}
		return callback
	}
	token := w.session(alice)
	b := w.browser()
	b.open(token)
	isError := func(a answer, status int, code, title string) {
		t.Helper()
		checkPage(t, a)
		text := a.Body.String()
		if a.Code != status || !strings.Contains(text, `data-outcome="error"`) || !strings.Contains(text, `data-code="`+code+`"`) || !strings.Contains(text, title) {
			t.Errorf("answered with %d %s", a.Code, text)
		}
	}
	denied := b.signIn(provider, deny)
	isError(denied, 400, "access_denied", "Nothing was connected")
	if !strings.Contains(denied.Body.String(), `href="../connect"`) {
		t.Error("there is no way back")
	}
	isError(b.visit("/oauth/callback"), 400, "state", "no longer valid")
	isError(b.visit("/oauth/callback?state=unknown&code=x"), 400, "state", "no longer valid")
	isError(w.browser().visit("/oauth/callback?state=unknown&code=x"), 400, "state", "no longer valid")

	// Another browser has the callback: the code is worth nothing there, and is still
	// good in the right one.
	a := b.ask("POST", "authorize/acme", map[string]any{})
	callback := b.consent(provider)(a.at("url").(string))
	other := w.browser()
	other.open(w.session(alice))
	other.ask("POST", "authorize/acme", map[string]any{})
	isError(other.visit("/oauth/callback?"+callback.Encode()), 400, "state", "no longer valid")
	if a := b.do("HEAD", "/oauth/callback?"+callback.Encode(), nil); a.Code != http.StatusMethodNotAllowed {
		t.Errorf("HEAD: answered with %d", a.Code)
	}
	if a := b.visit("/oauth/callback?" + callback.Encode()); a.Code != 200 {
		t.Errorf("answered with %d %s", a.Code, a.Body)
	}
	w.made(token)
	isError(b.visit("/oauth/callback?"+callback.Encode()), 401, "connect_session_used", "Already connected")
	w.silent(callback.Get("code"), callback.Get("state"))
}

// Two tabs sign in at once, in one session: the first one makes its connection.
func TestOAuthSecondTab(t *testing.T) {
	t.Parallel()
	w, provider := newPageWorld(t)
	token := w.session(alice)
	b := w.browser()
	b.open(token)
	first := b.consent(provider)(b.ask("POST", "authorize/acme", map[string]any{}).at("url").(string))
	second := b.consent(provider)(b.ask("POST", "authorize/acme", map[string]any{}).at("url").(string))
	if a := b.visit("/oauth/callback?" + second.Encode()); a.Code != 200 {
		t.Errorf("answered with %d %s", a.Code, a.Body)
	}
	made := w.made(token)
	a := b.visit("/oauth/callback?" + first.Encode())
	if a.Code != http.StatusUnauthorized || !strings.Contains(a.Body.String(), "Already connected") {
		t.Errorf("answered with %d %s", a.Code, a.Body)
	}
	page, err := w.client.Connections.List(t.Context(), tieline.Filter{}, "", 0)
	if err != nil || len(page.Connections) != 1 || page.Connections[0].ID != made.ID {
		t.Errorf("the connections are %v, %v", page, err)
	}
	if got := len(provider.Grants()); got != 1 {
		t.Errorf("there are %d grants: the code of the late tab was used", got)
	}
}

// Two tabs of two sessions: each makes its own connection.
func TestOAuthTwoSessions(t *testing.T) {
	t.Parallel()
	w, provider := newPageWorld(t)
	one, two := w.session(alice), w.session(tieline.Session{EndUser: &tieline.EndUser{ID: "u-2"}})
	b := w.browser()
	b.open(one)
	first := b.consent(provider)(b.ask("POST", "authorize/acme", map[string]any{}).at("url").(string))
	oldID := b.id
	b.open(two)
	second := b.consent(provider)(b.ask("POST", "authorize/acme", map[string]any{}).at("url").(string))
	for _, callback := range []url.Values{first, second} {
		if a := b.visit("/oauth/callback?" + callback.Encode()); a.Code != 200 {
			t.Errorf("answered with %d %s", a.Code, a.Body)
		}
	}
	if a, b := w.made(one), w.made(two); a.EndUser.ID != "u-1" || b.EndUser.ID != "u-2" || a.ID == b.ID {
		t.Errorf("the connections are %v and %v", a, b)
	}
	b.id = oldID // the first tab still shows the first session
	if a := b.ask("GET", "status", nil); a.Code != http.StatusConflict || a.at("error.code") != "session_changed" {
		t.Errorf("answered with %d %s", a.Code, a.Body)
	}
}

func TestOAuthSameWindow(t *testing.T) {
	t.Parallel()
	w, provider := newPageWorld(t)
	b := w.browser()
	b.open(w.session(alice))
	a := b.ask("POST", "authorize/acme", map[string]any{"sameWindow": true})
	callback := b.consent(provider)(a.at("url").(string))
	isRedirect(t, b.visit("/oauth/callback?"+callback.Encode()), http.StatusSeeOther, testPublic+"/connect")
	if a := b.ask("GET", "status", nil); a.at("finished") != true || a.at("connection.providerConfigKey") != "acme" || a.at("connection.name") != "Acme" {
		t.Errorf("the status is %s", a.Body)
	}
}

func TestOAuthReconnect(t *testing.T) {
	t.Parallel()
	w, provider := newPageWorld(t)
	token := w.session(alice)
	b := w.browser()
	b.open(token)
	if a := b.signIn(provider, nil); a.Code != 200 {
		t.Fatalf("answered with %d %s", a.Code, a.Body)
	}
	made := w.made(token)
	name := made.Name()
	again := w.session(tieline.Session{Reconnect: &name})
	b.open(again)
	if a := b.ask("GET", "integrations", nil); !strings.Contains(a.Body.String(), `"key":"acme"`) || strings.Contains(a.Body.String(), "shop") {
		t.Errorf("to choose from: %s", a.Body)
	}
	if a := b.signIn(provider, nil); a.Code != 200 {
		t.Fatalf("answered with %d %s", a.Code, a.Body)
	}
	if now := w.made(again); now.RowID != made.RowID || now.ID != made.ID {
		t.Errorf("reconnected %v, was %v", now.Name(), made.Name())
	}
}

func TestOAuthManyFlows(t *testing.T) {
	t.Parallel()
	w, _ := newPageWorld(t, secure)
	b := w.browser()
	b.open(w.session(alice))
	for range 3 * maxFlows {
		if a := b.ask("POST", "authorize/acme", map[string]any{}); a.Code != 200 {
			t.Fatalf("answered with %d %s", a.Code, a.Body)
		}
	}
	if len(b.jar) > maxFlows+2 {
		t.Errorf("the browser has %d cookies", len(b.jar))
	}
}

func TestAppInstalledWithoutState(t *testing.T) {
	t.Parallel()
	w, _ := newPageWorld(t)
	for _, path := range []string{"/oauth/callback", "/app-auth/connect"} {
		a := w.browser().visit(path+"?installation_id=1&setup_action=install", "Referer", "https://evil.example.com/")
		checkPage(t, a)
		if a.Code != 200 || !strings.Contains(a.Body.String(), "The app is installed") || strings.Contains(a.Body.String(), "evil") || a.Header().Get("Location") != "" {
			t.Errorf("%s: answered with %d %s", path, a.Code, a.Body)
		}
	}
	a := w.browser().visit("/app-auth/connect?installation_id=1&setup_action=install&state=x")
	if a.Code != 400 {
		t.Errorf("with a state: answered with %d", a.Code)
	}
}

// FuzzNoOpenRedirect: whatever a link says, nobody is sent anywhere but to the page.
func FuzzNoOpenRedirect(f *testing.F) {
	for _, s := range []string{"next=https://evil.example", "redirect_uri=//evil.example", "session_token=//evil.example", "integration=https://evil.example", "state=x&code=y", "installation_id=1&redirect=https://evil.example", "%zz"} {
		for _, p := range []string{"/connect", "/connect/", "/oauth/callback", "/app-auth/connect", "//evil.example/connect", "/oauth/connect/acme", "/oauth/connect/%2F%2Fevil.example"} {
			f.Add(p, s, "https://evil.example/")
		}
	}
	f.Fuzz(func(t *testing.T, path, query, referer string) {
		if _, err := url.ParseRequestURI(testPublic + path); err != nil || !strings.HasPrefix(path, "/") || strings.ContainsAny(path+query+referer, " \r\n\t#") {
			return // no request could have it
		}
		w, _ := newPageWorld(t)
		b := w.browser()
		b.open(w.session(alice))
		for _, token := range []string{"", "&connect_session_token=" + w.session(alice)} {
			target := testPublic + path + "?" + query + token
			if _, err := url.ParseRequestURI(target); err != nil {
				return
			}
			a := b.visit(target, "Referer", referer, "X-Forwarded-Host", "evil.example")
			to := a.Header().Get("Location")
			if to != "" && to != testPublic+"/connect" && !strings.HasPrefix(to, testPublic+"/connect?integration=") {
				t.Errorf("%s leads to %s", target, to)
			}
		}
	})
}

// Whoever leaves while the connection is made has used the session all the same.
func TestOAuthOfWhoLeaves(t *testing.T) {
	t.Parallel()
	w, provider := newPageWorld(t)
	for _, way := range []string{"sign-in", "form"} {
		token := w.session(alice)
		b := w.browser()
		b.open(token)
		r := b.request("POST", "/connect/api/connections/acme-key", `{"credentials":{"apiKey":"`+provider.Credentials().APIKey+`"}}`)
		if way == "sign-in" {
			callback := b.consent(provider)(b.ask("POST", "authorize/acme", map[string]any{}).at("url").(string))
			r = b.request("GET", "/oauth/callback?"+callback.Encode(), "")
		}
		ctx, leave := context.WithCancel(t.Context())
		provider.Fail(providertest.Fault{When: func(*http.Request) bool { leave(); return true }})
		w.server.ServeHTTP(httptest.NewRecorder(), r.WithContext(ctx))
		if ctx.Err() == nil {
			t.Errorf("%s: the provider was not asked", way)
		}
		leave()
		w.made(token)
	}
}
