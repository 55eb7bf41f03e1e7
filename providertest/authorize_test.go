package providertest

import (
	"context"
	"net/http"
	"net/url"
	"strings"
	"testing"
)

func TestAuthorizeSendsTheUserBack(t *testing.T) {
	t.Parallel()
	bothWays(t, Options{SendIssuer: true}, func(t *testing.T, a app) {
		callback, redirectURI, err := a.s.Authorize(t.Context(), a.authorizationURL())
		if err != nil {
			t.Fatal(err)
		}
		equal(t, "redirect URI", redirectURI, callbackURI)
		equal(t, "state", callback.Get("state"), "s t&te")
		equal(t, "iss", callback.Get("iss"), a.s.URL)
		equal(t, "error", callback.Get("error"), "")
		if callback.Get("code") == "" {
			t.Error("no code")
		}
		st := a.s.Stats()
		equal(t, "Authorizations", st.Authorizations, 1)
		equal(t, "authorize requests", st.Requests[Authorize], 2)
	})
}

func TestDeny(t *testing.T) {
	t.Parallel()
	a := inProcessApp(t, Options{SendIssuer: true})
	callback, _, err := a.s.Deny(t.Context(), a.authorizationURL("redirect_uri", "-"))
	if err != nil {
		t.Fatal(err)
	}
	equal(t, "error", callback.Get("error"), "access_denied")
	equal(t, "state", callback.Get("state"), "s t&te")
	equal(t, "iss", callback.Get("iss"), a.s.URL)
	equal(t, "code", callback.Has("code"), false)
	equal(t, "Denials", a.s.Stats().Denials, 1)
	equal(t, "Authorizations", a.s.Stats().Authorizations, 0)
}

func TestAuthorizeWithoutStateOrIssuer(t *testing.T) {
	t.Parallel()
	a := inProcessApp(t, Options{})
	callback, _, err := a.s.Authorize(t.Context(), a.authorizationURL("state", "-"))
	if err != nil {
		t.Fatal(err)
	}
	equal(t, "parameters", len(callback), 1)
}

// A redirect URI with a query of its own keeps it.
func TestRedirectURIKeepsItsQuery(t *testing.T) {
	t.Parallel()
	const uri = "https://app.example/callback?tenant=1"
	a := inProcessApp(t, Options{RedirectURIs: []string{uri}})
	callback, redirectURI, err := a.s.Authorize(t.Context(), a.authorizationURL("redirect_uri", uri))
	if err != nil {
		t.Fatal(err)
	}
	equal(t, "redirect URI", redirectURI, callbackURI)
	equal(t, "tenant", callback.Get("tenant"), "1")
	a.mustTokens(a.exchange(callback.Get("code"), "redirect_uri", uri))
}

func TestAuthorizationErrorsTheAppIsTold(t *testing.T) {
	t.Parallel()
	optional, forbidden := Options{PKCE: PKCEOptional}, Options{PKCE: PKCEForbidden}
	for _, tt := range []struct {
		name   string
		o      Options
		change []string
		want   string
	}{
		{"no response type", Options{}, []string{"response_type", "-"}, "invalid_request"},
		{"implicit flow", Options{}, []string{"response_type", "token"}, "unsupported_response_type"},
		{"no challenge", Options{}, []string{"code_challenge", "-"}, "invalid_request"},
		{"plain by default", Options{}, []string{"code_challenge_method", "-"}, "invalid_request"},
		{"plain", optional, []string{"code_challenge_method", "plain"}, "invalid_request"},
		{"short challenge", Options{}, []string{"code_challenge", "abc"}, "invalid_request"},
		{"padded challenge", Options{}, []string{"code_challenge", challengeOf(verifier)[:42] + "="}, "invalid_request"},
		{"challenge not supported", forbidden, nil, "invalid_request"},
		{"none needed", optional, []string{"code_challenge", "-", "code_challenge_method", "-"}, ""},
		{"none allowed", forbidden, []string{"code_challenge", "-", "code_challenge_method", "-"}, ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			a := inProcessApp(t, tt.o)
			callback, _, err := a.s.Authorize(t.Context(), a.authorizationURL(tt.change...))
			if err != nil {
				t.Fatal(err)
			}
			equal(t, "error", callback.Get("error"), tt.want)
			equal(t, "code", callback.Has("code"), tt.want == "")
			equal(t, "state", callback.Get("state"), "s t&te")
		})
	}
}

func TestParameterGivenTwice(t *testing.T) {
	t.Parallel()
	a := inProcessApp(t, Options{})
	callback, _, err := a.s.Authorize(t.Context(), a.authorizationURL()+"&scope=admin")
	if err != nil {
		t.Fatal(err)
	}
	equal(t, "error", callback.Get("error"), "invalid_request")
}

// Errors that must not send the user anywhere (RFC 6749 section 4.1.2.1).
func TestAuthorizationErrorsThatStay(t *testing.T) {
	t.Parallel()
	two := Options{RedirectURIs: []string{callbackURI, callbackURI + "/2"}}
	loopback := Options{AnyLoopbackRedirect: true}
	for _, tt := range []struct {
		name   string
		o      Options
		change []string
	}{
		{"unknown client", Options{}, []string{"client_id", "someone else"}},
		{"other redirect URI", Options{}, []string{"redirect_uri", "https://evil.example/"}},
		{"redirect URI one character longer", Options{}, []string{"redirect_uri", callbackURI + "/"}},
		{"redirect URI in capitals", Options{}, []string{"redirect_uri", strings.ToUpper(callbackURI)}},
		{"loopback not allowed", Options{}, []string{"redirect_uri", "http://127.0.0.1:1/"}},
		{"none of two named", two, []string{"redirect_uri", "-"}},
		{"not loopback", loopback, []string{"redirect_uri", "http://127.0.0.1.evil.example/"}},
		{"loopback as user name", loopback, []string{"redirect_uri", "http://127.0.0.1@evil.example/"}},
		{"loopback with a user name", loopback, []string{"redirect_uri", "http://app@127.0.0.1/"}},
		{"loopback with a fragment", loopback, []string{"redirect_uri", "http://127.0.0.1/#x"}},
		{"loopback with another scheme", loopback, []string{"redirect_uri", "ftp://127.0.0.1/"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			a := inProcessApp(t, tt.o)
			if callback, uri, err := a.s.Authorize(t.Context(), a.authorizationURL(tt.change...)); err == nil {
				t.Errorf("sent to %s with %v", uri, callback)
			}
			equal(t, "Authorizations", a.s.Stats().Authorizations, 0)
		})
	}
}

func TestLoopbackRedirects(t *testing.T) {
	t.Parallel()
	a := inProcessApp(t, Options{AnyLoopbackRedirect: true})
	for _, uri := range []string{"http://127.0.0.1:54321/cb", "http://[::1]:1/", "http://localhost/x?y=z"} {
		if _, _, err := a.s.Authorize(t.Context(), a.authorizationURL("redirect_uri", uri)); err != nil {
			t.Errorf("%s: %v", uri, err)
		}
	}
}

func TestRegisterRedirectURI(t *testing.T) {
	t.Parallel()
	a := inProcessApp(t, Options{RedirectURIs: []string{}})
	if _, _, err := a.s.Authorize(t.Context(), a.authorizationURL()); err == nil {
		t.Fatal("a redirect URI that nobody registered was accepted")
	}
	if err := a.s.RegisterRedirectURI(callbackURI); err != nil {
		t.Fatal(err)
	}
	a.connect()
	for _, bad := range []string{"/callback", "https://app.example/#", "https://app.example/%zz"} {
		if a.s.RegisterRedirectURI(bad) == nil {
			t.Errorf("%s was registered", bad)
		}
	}
}

func TestAuthorizeRefusesOtherAddresses(t *testing.T) {
	t.Parallel()
	a := inProcessApp(t, Options{})
	for _, bad := range []string{"https://provider.test/authorize", "http://other.test/authorize", a.s.URL + "/token", ":"} {
		if _, _, err := a.s.Authorize(t.Context(), bad); err == nil {
			t.Errorf("%s was opened", bad)
		}
	}
}

func TestAuthorizeMeetsFaults(t *testing.T) {
	t.Parallel()
	a := inProcessApp(t, Options{})
	a.s.Fail(Fault{Endpoint: Authorize, Status: http.StatusServiceUnavailable})
	if _, _, err := a.s.Authorize(t.Context(), a.authorizationURL()); err == nil || !strings.Contains(err.Error(), "503") {
		t.Errorf("got error %v, want one with the status", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, _, err := a.s.Authorize(ctx, a.authorizationURL())
	wantErr(t, "with a context that is done", err, context.Canceled)
}

// A person in a browser gets a page, and everything on it is escaped.
func TestConsentPage(t *testing.T) {
	t.Parallel()
	bothWays(t, Options{}, func(t *testing.T, a app) {
		const nasty = `"><script>alert('x')</script>`
		u, err := url.Parse(a.authorizationURL("scope", nasty, "login_hint", nasty, "state", nasty))
		if err != nil {
			t.Fatal(err)
		}
		u.RawQuery += `&x="><script>` // not escaped by whoever made the link
		page := a.do(a.request(http.MethodGet, u.RequestURI(), ""))
		equal(t, "status", page.status, http.StatusOK)
		equal(t, "type", page.header.Get("Content-Type"), htmlType)
		equal(t, "may be framed", strings.Contains(page.header.Get("Content-Security-Policy"), "frame-ancestors 'none'"), true)
		for _, part := range []string{`<form method="post"`, ">Allow<", ">Deny<", a.s.Credentials().ClientID} {
			if !strings.Contains(page.raw, part) {
				t.Errorf("the page lacks %s", part)
			}
		}
		if strings.Contains(page.raw, "<script>") || strings.Contains(page.raw, `"">`) {
			t.Error("the page holds what the request put into it, unescaped")
		}
		pressed := a.do(a.request(http.MethodPost, u.RequestURI(), "decision=allow", "Content-Type", formType))
		equal(t, "status", pressed.status, http.StatusSeeOther)
		if !strings.HasPrefix(pressed.header.Get("Location"), callbackURI+"?") {
			t.Errorf("sent to %s", pressed.header.Get("Location"))
		}
		pressed = a.do(a.request(http.MethodPost, u.RequestURI(), "", "Content-Type", formType))
		equal(t, "status without a decision", pressed.status, http.StatusBadRequest)
		pressed = a.do(a.request(http.MethodPut, u.RequestURI(), ""))
		equal(t, "status of PUT", pressed.status, http.StatusMethodNotAllowed)
	})
}
