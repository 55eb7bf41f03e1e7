package tieline

import (
	"errors"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tieline/tieline/store"
)

// verdict tries "key"/"alice" out.
func (w *modeWorld) verdict(want Verdict) {
	w.t.Helper()
	got, err := w.Connections.Verify(w.t.Context(), "key", "alice")
	w.note(err)
	if got != want || (err == nil) != (want == VerdictAccepted) {
		w.t.Errorf("%s: Verify = %q, %v; want %q; %q", w.name, got, err, want, w.provider.Problems())
	}
}

// staysRefused says whether nothing but the user can bring another credential.
func (e *modeEntry) staysRefused() bool {
	return e.mode == ModeOAuth1 || e.mode == ModeTBA || e.mode == ModeInstallPlugin
}

// In every mode a credential is tried out with what authenticates a call, and it is
// told apart whether it is refused, cannot be told, or only may not do this.
func TestModesVerify(t *testing.T) {
	t.Parallel()
	for _, e := range modeEntries() {
		// Where connecting tries a credential out, it is a call of its own.
		role := "api"
		if len(e.ask) > 0 && e.ask[len(e.ask)-1] == "verify" {
			role = "verify"
		}
		if !strings.Contains(e.yaml, "verification") {
			e.yaml += "  verify: [{url: /me}]\n"
			role = "verify"
		}
		t.Run(e.name, func(t *testing.T) {
			t.Parallel()
			inBubble(t, e, func(t *testing.T, w *modeWorld) {
				w.mustJoin()
				before := w.asked(role)
				w.verdict(VerdictAccepted)
				if w.asked(role) != before+1 {
					t.Errorf("asked %d times", w.asked(role)-before)
				}
				clear := w.fail(role, statusFault("503", http.StatusServiceUnavailable, shownBody))
				w.verdict(VerdictUnclear)
				clear()
				if got := w.status(); got != StatusActive {
					t.Errorf("after a 503: %s", got)
				}
				time.Sleep(time.Minute) // so that a 401 is a reason to renew it
				defer w.fail(role, statusFault("401", http.StatusUnauthorized, shownBody))()
				w.verdict(VerdictRefused)
				if got := w.status(); (got == StatusNeedsReauth) != e.staysRefused() {
					t.Errorf("after a 401: %s", got)
				}
			})
		})
	}
}

// An import that is not to be tried out is not, in any mode.
func TestImportSkipsVerification(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		entry  string
		cred   Credential
		config map[string]string
		app    AppCredential
	}{
		"API_KEY":   {keyEntry, &APIKey{Key: NewSecret("k")}, nil, nil},
		"JWT":       {modeNamed(t, "jwt").yaml, &JWT{Values: map[string]Secret{"username": NewSecret("u"), "secretKey": NewSecret("a-key-to-sign-with-that-is-long")}}, nil, nil},
		"SIGNATURE": {modeNamed(t, "signature").yaml, &Signature{Username: NewSecret("u"), Password: NewSecret("p")}, nil, nil},
		"TBA":       {modeNamed(t, "tba").yaml, &TBA{TokenID: NewSecret("t"), TokenSecret: NewSecret("s")}, map[string]string{"accountId": "1"}, &OAuthApp{ClientID: "c", ClientSecret: NewSecret("s")}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if name != "API_KEY" {
				tt.entry = "  auth_mode: " + name + "\n" + tt.entry
			} else {
				tt.entry += "  verify: [{url: /me}]\n"
			}
			c := clientOf(t, &store.Memory{}, tt.entry, answering(func(r *http.Request, _ string) *http.Response { return jsonResponse(r, 401, `{}`) }))
			if _, err := c.Integrations.Create(t.Context(), Integration{Key: "key", Provider: "acme", App: tt.app}); err != nil {
				t.Fatal(err)
			}
			in := ConnectionInput{Credential: tt.cred, Config: tt.config}
			if _, err := c.Connections.Import(t.Context(), "key", "alice", in); !errors.Is(err, ErrVerification) {
				t.Errorf("Import = %v", err)
			}
			in.SkipVerification = true
			if _, err := c.Connections.Import(t.Context(), "key", "alice", in); err != nil {
				t.Errorf("with SkipVerification: %v", err)
			}
		})
	}
}

// Connecting by a sign-in at the provider does not try the token out: that it was
// given is proof enough.
func TestSignInIsNotTriedOut(t *testing.T) {
	t.Parallel()
	asked := 0
	c := clientOf(t, &store.Memory{}, oauthEntry+"  verify: [{url: /me}]\n", answering(func(r *http.Request, _ string) *http.Response {
		if r.URL.Path == "/me" {
			asked++
		}
		return jsonResponse(r, 200, `{"access_token":"a","token_type":"bearer","expires_in":3600}`)
	}))
	signIn(t, c)
	if _, err := c.Connections.Import(t.Context(), "key", "bob", ConnectionInput{Credential: &OAuth2Token{AccessToken: NewSecret("b")}}); err != nil {
		t.Fatal(err)
	}
	if asked != 0 {
		t.Errorf("tokens were tried out %d times", asked)
	}
}

// gatekeeper answers calls by the token in them, and gives a new one for each
// request for one.
type gatekeeper struct {
	calls  map[string]int // to the status of a call with it; 0: 200
	tokens []string       // the answers of the token endpoint, the last for ever
	n      int
	asked  []string
}

func (g *gatekeeper) respond(r *http.Request, _ string) *http.Response {
	if r.URL.Host != "api.example.com" {
		g.asked = append(g.asked, "token")
		g.n++
		answer := g.tokens[min(g.n, len(g.tokens))-1]
		if strings.Contains(answer, "error") {
			return jsonResponse(r, 400, answer)
		}
		return jsonResponse(r, 200, answer)
	}
	token := strings.TrimPrefix(r.Header.Get("Authorization"), "Bearer ")
	g.asked = append(g.asked, token)
	return jsonResponse(r, max(200, g.calls[token]), `{}`)
}

func pairOf(access string) string {
	return `{"access_token":"` + access + `","refresh_token":"r","token_type":"bearer","expires_in":3600}`
}

var signedInTests = map[string]struct {
	tokens []string
	calls  map[string]int
	after  time.Duration // the sign-in
	want   Verdict
	target error
	asked  string
	status Status
}{
	"good":                       {[]string{pairOf("a")}, nil, time.Minute, VerdictAccepted, nil, "token a", StatusActive},
	"due":                        {[]string{pairOf("a"), pairOf("b")}, map[string]int{"a": 401}, 2 * time.Hour, VerdictAccepted, nil, "token token b", StatusActive},
	"ended early":                {[]string{pairOf("a"), pairOf("b")}, map[string]int{"a": 401}, time.Minute, VerdictAccepted, nil, "token a token b", StatusActive},
	"the new one as well":        {[]string{pairOf("a"), pairOf("b")}, map[string]int{"a": 401, "b": 401}, time.Minute, VerdictRefused, ErrVerification, "token a token b", StatusActive},
	"just issued":                {[]string{pairOf("a")}, map[string]int{"a": 401}, 0, VerdictUnclear, ErrRefreshFailed, "token a", StatusActive},
	"the grant is gone":          {[]string{pairOf("a"), `{"error":"invalid_grant"}`}, map[string]int{"a": 401}, time.Minute, VerdictRefused, ErrReauthRequired, "token a token token", StatusNeedsReauth},
	"due, and the grant is gone": {[]string{pairOf("a"), `{"error":"invalid_grant"}`}, nil, 2 * time.Hour, VerdictRefused, ErrReauthRequired, "token token token", StatusNeedsReauth},
	"due, and nobody there":      {[]string{pairOf("a"), `{"error":"temporarily_unavailable"}`}, nil, 2 * time.Hour, VerdictUnclear, ErrRefreshFailed, "token token", StatusActive},
	"a scope is missing":         {[]string{pairOf("a")}, map[string]int{"a": 403}, time.Minute, VerdictUnclear, ErrVerification, "token a", StatusActive},
	"no refresh token":           {[]string{`{"access_token":"a","token_type":"bearer"}`}, map[string]int{"a": 401}, time.Minute, VerdictRefused, ErrVerification, "token a a", StatusNeedsReauth},
	"no refresh token, expired":  {[]string{`{"access_token":"a","token_type":"bearer","expires_in":60}`}, nil, time.Hour, VerdictRefused, ErrReauthRequired, "token", StatusActive},
}

// A token that can be refreshed is refreshed by the refresh protocol and nothing
// else: what trying it out shows changes no row but one that nothing refreshes.
func TestVerifyOfASignIn(t *testing.T) {
	t.Parallel()
	for name, tt := range signedInTests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				g := &gatekeeper{tokens: tt.tokens, calls: tt.calls}
				c := clientOf(t, &store.Memory{}, oauthEntry+"  verify: [{url: /me}]\n", answering(g.respond))
				signIn(t, c)
				time.Sleep(tt.after)
				got, err := c.Connections.Verify(t.Context(), "key", "alice")
				if got != tt.want || !errors.Is(err, tt.target) || tt.target == nil && err != nil {
					t.Errorf("Verify = %q, %v", got, err)
				}
				if asked := strings.Join(g.asked, " "); asked != tt.asked {
					t.Errorf("asked %q, want %q", asked, tt.asked)
				}
				synctest.Wait()
				if conn, err := c.Connections.Get(t.Context(), "key", "alice"); err != nil || conn.Status != tt.status {
					t.Errorf("the connection is %s, %v", conn.Status, err)
				}
			})
		})
	}
}

// An application's own entry changes its mode under a connection.
func TestVerifyInAnotherMode(t *testing.T) {
	t.Parallel()
	var shared store.Memory
	fine := answering(func(r *http.Request, _ string) *http.Response { return jsonResponse(r, 200, `{}`) })
	c := clientOf(t, &shared, keyEntry, fine)
	if _, err := c.Integrations.Create(t.Context(), Integration{Key: "key", Provider: "acme"}); err != nil {
		t.Fatal(err)
	}
	if _, err := c.Connections.Create(t.Context(), "key", "alice", ConnectionInput{Credential: &APIKey{Key: NewSecret("k")}}); err != nil {
		t.Fatal(err)
	}
	changed := clientOf(t, &shared, "  auth_mode: BASIC\n  proxy: {base_url: 'https://api.example.com'}\n  verify: [{url: /me}]\n", fine)
	if got, err := changed.Connections.Verify(t.Context(), "key", "alice"); got != "" || !errors.Is(err, ErrWrongMode) {
		t.Errorf("Verify = %q, %v", got, err)
	}
}
