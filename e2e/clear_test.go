package e2e

import (
	"bytes"
	"encoding/base64"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/tieline/tieline"
	"github.com/tieline/tieline/e2e/internal/authserver"
	"github.com/tieline/tieline/store"
)

func TestNothingInTheClear(t *testing.T) {
	t.Parallel()
	l := newLife(t)
	l.connects()
	l.uses()
	l.isRefused()
	l.fails()
	l.seeDisk(t, l.site) // with requests and refreshes in the write-ahead log
	l.loses()
	l.isDamaged()
	l.ends()
	l.checkControls()

	secrets := l.secrets(l.own)
	if len(secrets) < 40 {
		t.Errorf("only %d secrets existed", len(secrets))
	}
	for where, how := range l.findings(secrets) {
		t.Errorf("%s: %s", where, how)
	}
	t.Logf("%d secrets; log %d, values %d, disk %d bytes", len(secrets), len(l.places()["log"]), len(l.places()["values"]), len(l.disk))
}

// life is that of a few connections, watched by a witness.
type life struct {
	*world
	witness
	t     *testing.T
	own   map[string]string // secrets that never reached the server
	clock *clock
}

func newLife(t *testing.T) *life {
	t.Helper()
	l := &life{t: t, own: map[string]string{}, clock: newClock()}
	l.world = newWorld(t, authserver.Options{}, func(c *tieline.Config) {
		l.config(c)
		l.clock.config(c)
		c.Refresh = tieline.RefreshPolicy{Confirm: 20 * time.Millisecond, RetryMin: time.Millisecond, RetryMax: time.Millisecond}
	})
	return l
}

// must is for steps that have to work.
func (l *life) must(v any, err error) {
	l.t.Helper()
	l.see(v)
	if err != nil {
		l.see(err)
		l.t.Fatal(err)
	}
}

// mustNot is for steps that have to fail.
func (l *life) mustNot(v any, err error) {
	l.t.Helper()
	l.see(v)
	l.see(err)
	if err == nil {
		l.t.Error("a step that has to fail did not")
	}
}

// flow takes the user to the server and back.
func (l *life) flow(id string, deny bool) (binding string, callback url.Values) {
	l.t.Helper()
	binding, callback = l.visit(tieline.AuthorizeOptions{ConnectionID: id}, deny)
	l.own["binding of "+id] = binding
	return binding, callback
}

func (l *life) complete(binding string, callback url.Values) (tieline.Connection, error) {
	return l.Connections.Complete(l.t.Context(), binding, callback)
}

func (l *life) connects() {
	for _, id := range []string{user, "bob", "carol"} {
		l.must(l.complete(l.flow(id, false)))
	}
	l.must(l.machine("m", l.server.ClientSecret))
	l.flow("nobody", false) // stays in the database: never completed
}

// echoes are ways in which a token endpoint can send back what it was sent. The
// code "invalid_grant" is not among them: it would be believed.
var echoes = []authserver.Echo{
	{Status: http.StatusInternalServerError, Code: "server_error"},
	{Status: http.StatusInternalServerError},
	{Status: http.StatusBadRequest, Code: "invalid_request"},
	{Status: http.StatusBadRequest},
	{Status: http.StatusUnauthorized, Code: "invalid_client"},
	{Status: http.StatusUnauthorized},
	{Status: http.StatusTooManyRequests},
	{Status: http.StatusOK},
}

// uses does what an application does with a connection.
func (l *life) uses() {
	ctx := l.t.Context()
	cred, err := l.Connections.Credential(ctx, integration, user)
	l.must(cred, err)
	l.must(l.refresh(integration, user))
	l.must(l.Connections.Refresh(ctx, integration, user, cred))
	l.must(l.refresh(machines, "m"))
	l.must(l.Connections.Get(ctx, integration, user))
	l.must(l.Integrations.Get(ctx, integration))
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "/me", nil)
	l.must(nil, err)
	status, err := do(l.Connections.HTTPClient(integration, user), req)
	l.must(status, err)
	if status != http.StatusOK {
		l.t.Errorf("the API answered %d", status)
	}
	l.must(l.Connections.SetMetadata(ctx, integration, user, []byte(`{"plan":"free"}`)))
}

// isRefused goes through the ways in which an authorization fails.
func (l *life) isRefused() {
	binding, callback := l.flow("dave", false)
	l.own["somebody's binding"] = strings.Repeat("wrong", 9)
	l.mustNot(l.complete(l.own["somebody's binding"], callback))
	twice := url.Values{"state": slices.Repeat(callback["state"], 2), "code": callback["code"]}
	l.mustNot(l.complete(binding, twice))
	_, stolen := l.flow("erin", false)
	l.mustNot(l.complete(binding, url.Values{"state": callback["state"], "code": stolen["code"]}))
	l.mustNot(l.complete(binding, callback))
	l.mustNot(l.complete(l.flow("frank", true)))

	// A server that sends back what it was sent.
	for _, echo := range echoes {
		binding, callback := l.flow("grace", false)
		l.server.Echo(1, echo)
		l.mustNot(l.complete(binding, callback))
	}
	l.own["wrong client secret"] = "the-wrong-secret-of-a-machine"
	l.mustNot(l.machine("n", l.own["wrong client secret"]))
	// Values that are refused for what they are.
	l.own["malformed binding"] = "a-binding-with-\x00-in-it-that-is-long-enough-for-one"
	l.mustNot(l.complete(l.own["malformed binding"], callback))
	l.own["malformed client secret"] = "a-client-secret-with-\x7f-in-it"
	l.mustNot(l.Connections.Authorize(l.t.Context(), integration, tieline.AuthorizeOptions{
		ClientID: "app", ClientSecret: tieline.NewSecret(l.own["malformed client secret"]),
	}))
	l.own["malformed token"] = "an-access-token-with-a\nline-break"
	l.mustNot(l.Connections.Import(l.t.Context(), integration, "i", tieline.ConnectionInput{
		Credential: &tieline.OAuth2Token{AccessToken: tieline.NewSecret(l.own["malformed token"])},
	}))
}

// fails goes through the ways in which a refresh fails and can be tried again.
func (l *life) fails() {
	for _, echo := range echoes {
		l.server.Echo(100, echo)
		l.mustNot(l.refresh(integration, "bob"))
		l.mustNot(l.refresh(machines, "m"))
	}
	l.server.Echo(0, authserver.Echo{})
	l.must(l.refresh(integration, "bob"))
}

// refresh asks until the server has been asked: a caller that comes while an
// earlier refresh is being written down gets the outcome of that one.
func (l *life) refresh(key, id string) (tieline.Credential, error) {
	l.t.Helper()
	before := len(l.server.Referee.Exchanges())
	ticker := time.NewTicker(time.Millisecond)
	defer ticker.Stop()
	for {
		cred, err := l.Connections.Refresh(l.t.Context(), key, id, nil)
		if len(l.server.Referee.Exchanges()) > before || l.t.Context().Err() != nil {
			return cred, err
		}
		l.see(err)
		<-ticker.C
	}
}

// loses lets somebody else use a refresh token, which costs the grant.
func (l *life) loses() {
	ctx := l.t.Context()
	stolen := l.token("carol").RefreshToken.Reveal()
	for range 2 {
		if _, err := l.server.Refresh(ctx, stolen); err != nil {
			l.t.Fatal(err)
		}
	}
	l.mustNot(l.Connections.Refresh(ctx, integration, "carol", nil))
	l.clock.advance(authserver.AccessTokenLife)
	l.mustNot(l.Connections.Credential(ctx, integration, "carol"))
	l.must(l.Connections.Get(ctx, integration, "carol"))
}

// isDamaged reads with another key.
func (l *life) isDamaged() {
	other := l.site
	other.Key = tieline.GenerateKey()
	l.own["another encryption key"] = other.Key
	p, err := other.open(l.witness.config)
	l.must(nil, err)
	l.mustNot(p.Connections.Credential(l.t.Context(), integration, user))
	l.mustNot(p.complete(l.t, l.own["binding of nobody"]))
	l.must(nil, p.close())
	_, err = tieline.ParseKeyring(other.Key + "," + other.Key[1:])
	l.mustNot(nil, err)
}

// complete is a callback with a state that nobody knows.
func (p *process) complete(t *testing.T, binding string) (tieline.Connection, error) {
	return p.Connections.Complete(t.Context(), binding, url.Values{"state": {binding}, "code": {binding}})
}

// ends deletes everything, while there is a server and when there is none.
func (l *life) ends() {
	ctx := l.t.Context()
	l.must(nil, l.Connections.Delete(ctx, integration, user, tieline.DeleteOptions{}))
	l.server.Close()
	l.mustNot(l.Connections.Refresh(ctx, integration, "bob", nil))
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "/me", nil)
	l.must(nil, err)
	_, err = do(l.Connections.HTTPClient(integration, "bob"), req)
	l.mustNot(nil, err)
	l.must(nil, l.Connections.Delete(ctx, integration, "bob", tieline.DeleteOptions{}))
	l.seeDisk(l.t, l.site)
	l.must(nil, l.process.close())
	l.seeDisk(l.t, l.site) // the write-ahead log is in the file by now
}

// checkControls looks for what has to be there: a search that finds nothing
// because it looks at nothing would pass.
func (l *life) checkControls() {
	for _, want := range []tieline.EventType{
		tieline.EventConnected, tieline.EventConnectFailed, tieline.EventRefreshed,
		tieline.EventRefreshFailed, tieline.EventReauthRequired, tieline.EventDisconnected,
	} {
		if !bytes.Contains(l.events.Bytes(), []byte(want)) || !bytes.Contains(l.log.Bytes(), []byte(want)) {
			l.t.Errorf("no event %s", want)
		}
	}
	for place, want := range map[string]string{"disk": "SQLite format 3", "log": `"level":"WARN"`, "values": "[secret]"} {
		if !bytes.Contains(l.places()[place], []byte(want)) {
			l.t.Errorf("no %q in %s", want, place)
		}
	}
	if !bytes.Contains(l.disk, []byte("carol")) {
		l.t.Error("the copies of the database lack a connection's name, which is no secret")
	}
}

// A secret that is written on purpose is found wherever it was written.
func TestCanaryIsFound(t *testing.T) {
	t.Parallel()
	var w witness
	world := newWorld(t, authserver.Options{}, w.config)
	world.connect(user)
	canary := map[string][]byte{"canary": []byte("a canary that sings/in+a=coal mine")}
	w.seeDisk(t, world.site)
	if found := w.findings(canary); len(found) != 0 {
		t.Fatalf("found before it was written: %v", found)
	}

	encoded := base64.StdEncoding.EncodeToString(append([]byte("user:"), canary["canary"]...))
	debugLogger(&w.log).Debug("request", "header", "Basic "+encoded)
	w.see(&url.Error{Op: "Get", URL: "http://127.0.0.1/?code=" + url.QueryEscape(string(canary["canary"])), Err: http.ErrServerClosed})
	row := store.Row{Key: store.Key{Kind: "canary", ID: "1"}, Data: canary["canary"]}
	if _, err := world.store.Put(t.Context(), row); err != nil {
		t.Fatal(err)
	}
	if db := w.seeDisk(t, world.site); bytes.Count(db, canary["canary"]) != 1 {
		t.Error("it is not in the copy of the write-ahead log")
	}
	found := w.findings(canary)
	for _, place := range []string{"log", "values", "disk"} {
		if found["canary in "+place] == "" {
			t.Errorf("not found in %s", place)
		}
	}
}
