package httpapi

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/tieline/tieline"
)

// submit sends a form in a session.
func (w *world) submit(token, path, query string, body any) answer {
	w.t.Helper()
	return w.call("POST", path+"?connect_session_token="+token+query, body, "Authorization", "")
}

// formCase is one form, filled in well.
type formCase struct {
	path, key, query string
	body             fields
	asks             bool   // the provider is asked
	status           int    // of the answer if it refuses
	code             string // likewise
}

func formCases() []formCase {
	const tested = "connection_test_failed"
	return []formCase{
		{"/api-auth/api-key/", "app-id", "&params[APP_ID]=A", fields{"apiKey": "canary-k"}, true, 400, tested},
		{"/api-auth/basic/", "basic", "", fields{"username": "canary-u", "password": "canary-p"}, true, 400, tested},
		{"/auth/tba/", "tba", "&params[accountId]=7", fields{"token_id": "canary-i", "token_secret": "canary-s"}, true, 400, "invalid_credentials"},
		{"/auth/jwt/", "jwt", "", fields{"username": "u", "secretKey": "canary-k"}, true, 400, tested},
		{"/auth/two-step/", "two-step", "", fields{"username": "u", "password": "canary-p"}, true, 400, tested},
		{"/auth/bill/", "bill", "", fields{"username": "u", "password": "canary-p", "organization_id": "o", "dev_key": "canary-d"}, true, 400, tested},
		{"/auth/signature/", "signature", "", fields{"username": "u", "password": "canary-p", "type": "WSSE"}, true, 400, tested},
		{"/auth/aws-sigv4/", "aws", "", fields{"role_arn": "arn:aws:iam::123456789012:role/x", "region": "eu-west-1"}, true, 502, "aws_sigv4_sts_request_failed"},
		{"/oauth2/auth/", "cc", "", fields{"client_id": "c", "client_secret": "canary-s"}, true, 400, "client_credentials_fetch_error"},
		{"/auth/unauthenticated/", "none", "", fields{}, false, 0, ""},
	}
}

func TestForms(t *testing.T) {
	t.Parallel()
	w, api := connectWorld(t)
	user := &tieline.EndUser{ID: "u1"}
	for _, c := range formCases() {
		t.Run(c.path, func(t *testing.T) {
			token := w.session(tieline.Session{EndUser: user, Tags: map[string]string{"a": "b"}, WebhookURL: "https://example.com/hook"})
			if c.asks {
				api.answers(401, `{"error":"invalid_client"}`)
				a := w.submit(token, c.path+c.key, c.query, c.body)
				if a.Code != c.status || a.at("error.code") != c.code {
					t.Errorf("refused: answered with %d %s", a.Code, a.Body)
				}
				api.answers(0, "")
			}
			// The session goes on after a failure, and ends with the connection.
			a := w.submit(token, c.path+c.key, c.query, c.body).want(200, `{"connectionId":"*","providerConfigKey":"`+c.key+`"}`)
			id, _ := a.at("connectionId").(string)
			conn, err := w.client.Connections.Get(t.Context(), c.key, id)
			if err != nil || conn.EndUser == nil || conn.EndUser.ID != "u1" || conn.Tags["a"] != "b" || conn.WebhookURL != "https://example.com/hook" {
				t.Fatalf("the connection is %+v: %v", conn, err)
			}
			if !isUUID(id) {
				t.Errorf("the ID is %q", id)
			}
			calls := api.count()
			w.submit(token, c.path+c.key, c.query, c.body).want(401, `{"error":{"code":"connect_session_used","payload":{},"message":"The connect session has made its connection. Start a new one."}}`)
			if api.count() != calls {
				t.Error("the provider was asked for a session that is used up")
			}
			other := "github"
			w.submit(w.session(tieline.Session{}), c.path+other, "", c.body).want(400, `{"error":{"code":"invalid_auth_mode","payload":{},"message":"The integration's provider does not connect this way"}}`)
		})
	}
	if log := w.log.String(); strings.Contains(log, "canary") || strings.Contains(log, sessionPrefix) {
		t.Error("the log has a secret")
	}
}

// One connection comes of a session, however many are tried at once.
func TestFormsAtOnce(t *testing.T) {
	t.Parallel()
	w, api := connectWorld(t)
	const n = 4
	var gate sync.WaitGroup // all of them are at the provider before one is answered
	gate.Add(n)
	api.during = func() { gate.Done(); gate.Wait() }
	token := w.session(tieline.Session{})
	codes := make(chan int, n)
	for range n {
		go func() {
			codes <- w.submit(token, "/api-auth/api-key/app-id", "", fields{"apiKey": "k"}).Code
		}()
	}
	count := map[int]int{}
	for range n {
		count[<-codes]++
	}
	if count[200] != 1 || count[401] != n-1 {
		t.Errorf("the answers are %v", count)
	}
	if ids := strings.Fields(w.call("GET", "/connections?integrationId=app-id", nil).ids()); len(ids) != 1 {
		t.Errorf("the connections are %v", ids)
	}
}

func TestCasesUnauthenticated(t *testing.T) {
	t.Parallel()
	w, _ := connectWorld(t)
	const path = "/auth/unauthenticated/none"
	t.Run("2.19 session", func(t *testing.T) {
		w.submit(w.session(tieline.Session{}), path, "", fields{}).want(200, `{"connectionId":"*","providerConfigKey":"none"}`)
	})
	t.Run("2.19 webhook_url", func(t *testing.T) {
		a := w.submit(w.session(tieline.Session{}), path, "&params[webhook_url]=https://example.com", fields{})
		id, _ := a.at("connectionId").(string)
		if c, err := w.client.Connections.Get(t.Context(), "none", id); err != nil || len(c.Config) != 0 || c.WebhookURL != "" {
			t.Errorf("the connection is %+v: %v", c, err)
		}
	})
	t.Run("2.19 other integration", func(t *testing.T) {
		token := w.session(tieline.Session{Integrations: []string{"github"}})
		for _, key := range []string{"none", "nothing"} {
			if a := w.submit(token, "/auth/unauthenticated/"+key, "", fields{}); a.Code != 400 || a.at("error.code") != "integration_not_allowed" {
				t.Errorf("answered with %d %s", a.Code, a.Body)
			}
		}
	})
	t.Run("2.19 connection_id", func(t *testing.T) {
		w.submit(w.session(tieline.Session{}), path, "&connection_id=x", fields{}).want(400,
			errorBody("invalid_query_params", "custom", "connection_id is forbidden when using session token", "connection_id"))
	})
	t.Run("2.19 reconnect", func(t *testing.T) {
		before := w.imported("none", "alice", tieline.ConnectionInput{Metadata: []byte(`{"a":1}`), Tags: map[string]string{"a": "b"}})
		token := w.session(tieline.Session{Reconnect: &tieline.ConnectionName{Integration: "none", ID: "alice"}, Tags: map[string]string{"c": "d"}, EndUser: &tieline.EndUser{ID: "u2"}})
		w.submit(token, path, "", fields{}).want(200, `{"connectionId":"alice","providerConfigKey":"none"}`)
		after, err := w.client.Connections.Get(t.Context(), "none", "alice")
		if err != nil || after.RowID != before.RowID || string(after.Metadata) != `{"a":1}` || len(after.Tags) != 1 || after.Tags["c"] != "d" || after.EndUser.ID != "u2" {
			t.Errorf("the connection is %+v: %v", after, err)
		}
		if a := w.submit(w.session(tieline.Session{Reconnect: &tieline.ConnectionName{Integration: "none", ID: "alice"}}), "/api-auth/basic/basic", "", fields{"username": "u", "password": "p"}); a.at("error.code") != "integration_not_allowed" {
			t.Errorf("answered with %d %s", a.Code, a.Body)
		}
	})
	t.Run("unknown integration", func(t *testing.T) {
		if a := w.submit(w.session(tieline.Session{}), "/auth/unauthenticated/nothing", "", fields{}); a.Code != 404 || a.at("error.code") != "unknown_provider_config" {
			t.Errorf("answered with %d %s", a.Code, a.Body)
		}
	})
	t.Run("no session", func(t *testing.T) {
		w.protected("POST", path, fields{})
		w.call("POST", path, fields{}).want(401, `{"error":{"code":"invalid_connect_session_token_format","payload":{},
			"message":"Authentication failed. The provided connect session token is not following correct format: nango_connect_session_RANDOM)"}}`)
	})
}

func TestReconnectOfWhatIsGone(t *testing.T) {
	t.Parallel()
	w, _ := connectWorld(t)
	const path = "/auth/unauthenticated/none"
	w.imported("none", "bob", tieline.ConnectionInput{})
	token := w.session(tieline.Session{Reconnect: &tieline.ConnectionName{Integration: "none", ID: "bob"}})
	for range 2 { // not of one that has its ID, either
		if err := w.client.Connections.Delete(t.Context(), "none", "bob", tieline.DeleteOptions{}); err != nil {
			t.Fatal(err)
		}
		if a := w.submit(token, path, "", fields{}); a.Code != 400 || a.at("error.code") != "invalid_connection" {
			t.Errorf("answered with %d %s", a.Code, a.Body)
		}
		w.imported("none", "bob", tieline.ConnectionInput{})
		if a := w.submit(token, path, "", fields{}); a.Code != 400 || a.at("error.code") != "invalid_connection" {
			t.Errorf("answered with %d %s", a.Code, a.Body)
		}
	}
}

// configOf is the config of the connection that an answer is about.
func (w *world) configOf(key string, a answer) map[string]string {
	w.t.Helper()
	id, _ := a.at("connectionId").(string)
	c, err := w.client.Connections.Get(w.t.Context(), key, id)
	if err != nil {
		w.t.Fatalf("answered with %d %s: %v", a.Code, a.Body, err)
	}
	return c.Config
}

func TestFormInput(t *testing.T) {
	t.Parallel()
	w, api := connectWorld(t)
	const path = "/api-auth/api-key/app-id"
	submit := func(s tieline.Session, query string, body any) answer {
		return w.submit(w.session(s), path, query, body)
	}
	good := fields{"apiKey": "k"}
	t.Run("defaults come before what the user says", func(t *testing.T) {
		s := tieline.Session{Defaults: map[string]tieline.SessionDefaults{"app-id": {Config: map[string]string{"APP_ID": "decided", "webhook_secret": "s"}}}}
		if got := w.configOf("app-id", submit(s, "&params[APP_ID]=mine", good)); got["APP_ID"] != "decided" || len(got) != 1 {
			t.Errorf("the config is %v", got)
		}
	})
	t.Run("what is not the user's to say", func(t *testing.T) {
		for _, name := range []string{"webhook_secret", "token_name"} {
			submit(tieline.Session{}, "&params["+name+"]=x", good).want(400, errorBody("invalid_query_params", "custom", "cannot be set here", "params", name))
		}
		if a := submit(tieline.Session{}, "&params[other]=x", good); a.Code != 400 || !strings.Contains(a.Body.String(), `"path":["params","other"]`) {
			t.Errorf("answered with %d %s", a.Code, a.Body)
		}
		submit(tieline.Session{}, "&foo=x", good).want(400, errorBody("invalid_query_params", "unrecognized_keys", `Unrecognized key: "foo"`))
		submit(tieline.Session{}, "&params=x", good).want(400, errorBody("invalid_query_params", "invalid_type", "Invalid input: expected object, received string", "params"))
	})
	t.Run("bodies", func(t *testing.T) {
		submit(tieline.Session{}, "", fields{}).want(400, undefined("apiKey"))
		submit(tieline.Session{}, "", fields{"apiKey": "k", "b": 1}).want(400, errorBody("invalid_body", "unrecognized_keys", `Unrecognized key: "b"`))
		submit(tieline.Session{}, "", fields{"apiKey": strings.Repeat("k", 1025)}).want(400, errorBody("invalid_body", "too_big", "Too big: expected string to have <=1024 characters", "apiKey"))
		if a := w.submit(w.session(tieline.Session{}), "/auth/two-step/two-step", "", fields{"username": "u"}); a.Code != 400 || !strings.Contains(a.Body.String(), `"path":["password"]`) {
			t.Errorf("answered with %d %s", a.Code, a.Body)
		}
		for code, body := range map[string]fields{"missing_client_id": {}, "missing_client_secret": {"client_id": "x"}} {
			if a := w.submit(w.session(tieline.Session{}), "/oauth2/auth/cc", "", body); a.Code != 400 || a.at("error.code") != code {
				t.Errorf("answered with %d %s", a.Code, a.Body)
			}
		}
		if a := w.submit(w.session(tieline.Session{}), "/auth/aws-sigv4/aws", "", fields{"role_arn": "a", "external_id": "guessed"}); a.Code != 400 || !strings.Contains(a.Body.String(), `"path":["external_id"]`) {
			t.Errorf("answered with %d %s", a.Code, a.Body)
		}
	})
	t.Run("a provider that is down", func(t *testing.T) {
		api.answers(503, "{}")
		defer api.answers(0, "")
		submit(tieline.Session{}, "", good).want(400, `{"error":{"code":"connection_test_failed",
			"message":"The provider could not be asked whether the credentials are right. Try again later (it answered with status 503)"}}`)
	})
	t.Run("a connection that begins at the provider", func(t *testing.T) {
		if a := w.submit(w.session(tieline.Session{}), "/auth/oauth-outbound/oauth", "", nil); a.Code != 400 || a.at("error.code") != "invalid_auth_mode" {
			t.Errorf("answered with %d %s", a.Code, a.Body)
		}
	})
}

func TestReconnectKeeps(t *testing.T) {
	t.Parallel()
	w, api := connectWorld(t)
	good := fields{"apiKey": "k"}
	t.Run("a reconnect keeps what is not given", func(t *testing.T) {
		w.imported("app-id", "alice", tieline.ConnectionInput{Credential: key("old"), Config: map[string]string{"APP_ID": "A"}})
		again := tieline.Session{Reconnect: &tieline.ConnectionName{Integration: "app-id", ID: "alice"}}
		if got := w.configOf("app-id", w.submit(w.session(again), "/api-auth/api-key/app-id", "", good)); got["APP_ID"] != "A" {
			t.Errorf("the config is %v", got)
		}
		if got := w.configOf("app-id", w.submit(w.session(again), "/api-auth/api-key/app-id", "&params[APP_ID]=B", good)); got["APP_ID"] != "B" {
			t.Errorf("the config is %v", got)
		}
	})
	t.Run("a reconnect keeps what is secret", func(t *testing.T) {
		in := tieline.ConnectionInput{Credential: key("old"), Config: map[string]string{"client_key": "canary", "region": "r"}}
		w.imported("secretive", "alice", in)
		again := tieline.Session{Reconnect: &tieline.ConnectionName{Integration: "secretive", ID: "alice"}}
		a := w.submit(w.session(again), "/api-auth/api-key/secretive", "", good)
		if a.Code != 200 || api.header("X-Client") != "canary" {
			t.Errorf("answered with %d %s, the provider got %q", a.Code, a.Body, api.header("X-Client"))
		}
		a = w.submit(w.session(again), "/api-auth/api-key/secretive", "&params[client_key]=new", good)
		if c, err := w.client.Connections.Get(t.Context(), "secretive", "alice"); a.Code != 200 || api.header("X-Client") != "new" || err != nil || c.Config["region"] != "r" {
			t.Errorf("answered with %d %s, the config is %v", a.Code, a.Body, c.Config)
		}
		if log := w.log.String(); strings.Contains(log, "canary") {
			t.Error("the log has a secret")
		}
	})
}

// What was decided for the user and is secret, the user's browser does not see.
func TestSecretDefaults(t *testing.T) {
	t.Parallel()
	w, _ := connectWorld(t)
	config := map[string]string{"client_key": "canary", "region": "r"}
	token := w.session(tieline.Session{Defaults: map[string]tieline.SessionDefaults{"secretive": {Config: config}}})
	a := w.call("GET", "/connect/session", nil, "Authorization", "Bearer "+token)
	if strings.Contains(a.Body.String(), "canary") || a.at("data.integrations_config_defaults.secretive.connection_config.region") != "r" {
		t.Errorf("answered with %s", a.Body)
	}
	if a := w.submit(token, "/api-auth/api-key/secretive", "", fields{"apiKey": "k"}); a.Code != 200 {
		t.Errorf("answered with %d %s", a.Code, a.Body)
	}
}

// A key that cannot be signed with is the user's fault, and no provider's.
func TestFormProblem(t *testing.T) {
	t.Parallel()
	err := error(&tieline.TokenError{Class: tieline.ClassConfig, Err: &tieline.FieldError{Field: "credential.privateKey", Reason: "is no key"}})
	var p *problem
	if !errors.As(form{}.problem(err), &p) || p.code != "invalid_body" || len(p.items) != 1 || strings.Join(p.items[0].Path, ".") != "privateKey" {
		t.Errorf("the problem is %+v", p)
	}
	err = &tieline.TokenError{Class: tieline.ClassNotSent, Err: tieline.ErrForbidden}
	if !errors.As(form{}.problem(err), &p) || p.code != "connection_test_failed" || !strings.Contains(p.message, "could not be asked") {
		t.Errorf("the problem is %+v", p)
	}
}

// Some logins sign a statement with a key that is typed in beside.
func TestAssertionOption(t *testing.T) {
	t.Parallel()
	cred, err := readTwoStep(newObject(fields{"username": "u", "assertionOption": fields{"privateKey": "k"}}, []string{"assertionOption", "username"}))
	login, _ := cred.(*tieline.TwoStep)
	if err != nil || login.Options["privateKey"].Reveal() != "k" || len(login.Values) != 1 || login.Values["username"].Reveal() != "u" {
		t.Errorf("%d options and %d values: %v", len(login.Options), len(login.Values), err)
	}
}

func TestKeyWithItsID(t *testing.T) {
	t.Parallel()
	o := newObject(fields{"privateKey": fields{"id": "i", "secret": "s"}, "n": "text"}, []string{"n", "privateKey"})
	if got := typedIn(o); got["privateKey"].Reveal() != "i:s" || got["n"].Reveal() != "text" || len(*o.items) != 0 {
		t.Errorf("%d values, %v", len(got), *o.items)
	}
	o = newObject(fields{"privateKey": fields{"id": "i"}, "b": true}, []string{"b", "privateKey"})
	if typedIn(o); len(*o.items) != 2 {
		t.Errorf("%v", *o.items)
	}
}

// Somebody who has another user's link connects nothing.
func TestConfirmUser(t *testing.T) {
	t.Parallel()
	w, api := connectWorld(t, func(_ *tieline.Config, o *Options) {
		o.ConfirmUser = func(r *http.Request, s tieline.Session) error {
			if s.EndUser == nil || r.Header.Get("X-User") != s.EndUser.ID {
				return errors.New("secret reason")
			}
			return nil
		}
	})
	token := w.session(tieline.Session{EndUser: &tieline.EndUser{ID: "victim"}})
	post := func(user string) answer {
		return w.call("POST", "/api-auth/api-key/app-id?connect_session_token="+token, fields{"apiKey": "k"}, "Authorization", "", "X-User", user)
	}
	post("attacker").want(403, `{"error":{"code":"forbidden","message":"This session belongs to another user"}}`)
	if api.count() != 0 {
		t.Error("the provider was asked")
	}
	if a := post("victim"); a.Code != 200 {
		t.Errorf("answered with %d %s", a.Code, a.Body)
	}
}

// A session that ends while the provider is asked has made nothing.
func TestFormOfExpiredSession(t *testing.T) {
	t.Parallel()
	var mu sync.Mutex
	now := time.Now()
	w, api := connectWorld(t, func(cfg *tieline.Config, _ *Options) {
		cfg.Now = func() time.Time { mu.Lock(); defer mu.Unlock(); return now }
	})
	api.during = func() { mu.Lock(); defer mu.Unlock(); now = now.Add(31 * time.Minute) }
	if a := w.submit(w.session(tieline.Session{}), "/api-auth/api-key/app-id", "", fields{"apiKey": "k"}); a.Code != 401 {
		t.Errorf("answered with %d %s", a.Code, a.Body)
	}
	if got := w.call("GET", "/connections", nil).ids(); got != "" {
		t.Errorf("there are %q", got)
	}
}

// Somebody who does not wait for the answer has used the session all the same.
func TestFormOfWhoLeaves(t *testing.T) {
	t.Parallel()
	w, api := connectWorld(t)
	token := w.session(tieline.Session{})
	ctx, leave := context.WithCancel(t.Context())
	api.during = leave
	r := httptest.NewRequestWithContext(ctx, "POST", "/api-auth/api-key/app-id?connect_session_token="+token, strings.NewReader(`{"apiKey":"k"}`))
	w.server.ServeHTTP(httptest.NewRecorder(), r)
	s, err := w.client.Sessions.Get(t.Context(), strings.TrimPrefix(token, sessionPrefix))
	if err != nil || s.Made == nil {
		t.Errorf("the session is %+v: %v", s, err)
	}
	if a := w.submit(token, "/api-auth/api-key/app-id", "", fields{"apiKey": "k"}); a.Code != 401 {
		t.Errorf("answered with %d", a.Code)
	}
}
