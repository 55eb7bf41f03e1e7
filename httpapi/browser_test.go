package httpapi

import (
	"net/http"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"strings"
	"testing"

	"github.com/tieline/tieline"
	"github.com/tieline/tieline/providertest"
)

// browser is a world's browser: it keeps cookies, and sends what browsers send.
type browser struct {
	w   *world
	jar map[string]*http.Cookie
	id  string // of the session that its page shows
}

func (w *world) browser() *browser { return &browser{w: w, jar: map[string]*http.Cookie{}} }

// do makes a request; headers are pairs. A body makes it a POST.
func (b *browser) do(method, target string, body any, headers ...string) answer {
	b.w.t.Helper()
	var pairs []string
	for _, c := range b.jar {
		pairs = append(pairs, c.Name+"="+c.Value)
	}
	all := append([]string{"Authorization", "", "Cookie", strings.Join(pairs, "; ")}, headers...)
	a := b.w.call(method, target, body, all...)
	for _, c := range a.Result().Cookies() {
		if c.MaxAge < 0 {
			delete(b.jar, c.Name)
			continue
		}
		b.jar[c.Name] = c
	}
	return a
}

// request is one of the page's script, to be made by other means.
func (b *browser) request(method, target, body string) *http.Request {
	r := httptest.NewRequestWithContext(b.w.t.Context(), method, target, strings.NewReader(body))
	for _, c := range b.jar {
		r.AddCookie(&http.Cookie{Name: c.Name, Value: c.Value})
	}
	r.Header.Set("Content-Type", "application/json")
	r.Header.Set("Sec-Fetch-Site", "same-origin")
	r.Header.Set(sessionHeader, b.id)
	return r
}

// visit opens a URL as a person does: by a link from somewhere else.
func (b *browser) visit(target string, headers ...string) answer {
	b.w.t.Helper()
	return b.do("GET", target, nil, append([]string{"Accept", "text/html,*/*", "Sec-Fetch-Site", "cross-site", "Sec-Fetch-Mode", "navigate"}, headers...)...)
}

// ask makes a request of the page's script.
func (b *browser) ask(method, path string, body any, headers ...string) answer {
	b.w.t.Helper()
	return b.do(method, "/connect/api/"+path, body, append([]string{"Accept", "application/json", "Sec-Fetch-Site", "same-origin", sessionHeader, b.id}, headers...)...)
}

// open follows a connect link to the page.
func (b *browser) open(token string) {
	b.w.t.Helper()
	a := b.visit("/connect?session_token=" + token)
	if a.Code != http.StatusSeeOther {
		b.w.t.Fatalf("the link was answered with %d %s", a.Code, a.Body)
	}
	a = b.visit("/connect")
	_, rest, _ := strings.Cut(a.Body.String(), `data-session="`)
	b.id, _, _ = strings.Cut(rest, `"`)
	if a.Code != http.StatusOK || b.id == "" {
		b.w.t.Fatalf("the page was answered with %d %s", a.Code, a.Body)
	}
}

// newPageWorld is a world with a provider to sign in at, as the integration "acme",
// and one that takes a key, as "acme-key".
func newPageWorld(t *testing.T, change ...func(*tieline.Config, *Options)) (*world, *providertest.Server) {
	t.Helper()
	provider, err := providertest.Start(providertest.Options{RedirectURIs: []string{testPublic + "/oauth/callback", testSecure + "/oauth/callback"}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(provider.Close)
	change = append([]func(*tieline.Config, *Options){func(cfg *tieline.Config, o *Options) {
		cfg.Providers, _ = cfg.Providers.With(
			tieline.CatalogFile{Name: "acme.yaml", Data: provider.ProvidersYAML()}, tieline.CatalogFile{Name: "page.yaml", Data: []byte(pageProviders)})
		cfg.Outbound.AllowPrivate = []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}
		o.Origins = []string{"https://app.example.com"}
	}}, change...)
	w := newWorld(t, change...)
	app := provider.Credentials()
	for _, in := range []tieline.Integration{
		{Key: "acme", Provider: "acme", App: &tieline.OAuthApp{ClientID: app.ClientID, ClientSecret: tieline.NewSecret(app.ClientSecret)}},
		{Key: "acme-key", Provider: "acme-key"},
		{Key: "shop", Provider: "shop"},
	} {
		if _, err := w.client.Integrations.Create(t.Context(), in); err != nil {
			t.Fatal(err)
		}
	}
	return w, provider
}

// testSecure is where a service is reached whose cookies are those of https.
const testSecure = "https://connect.example.com"

func secure(cfg *tieline.Config, o *Options) {
	cfg.CallbackURL, o.PublicURL = testSecure+"/oauth/callback", testSecure
}

const pageProviders = `
shop:
  display_name: <b>Shop</b> & "Co"
  docs: https://example.com
  docs_connect: https://example.com/help#top
  auth_mode: API_KEY
  connection_config:
    subdomain: {type: string, title: Shop, description: The name <i>of</i> your shop, prefix: "https://", suffix: .example.com, format: hostname, example: acme, doc_section: name}
    region: {type: string, title: Region, enum: [eu, us], default_value: eu}
    cell: {type: string, title: Cell, pattern: '^[0-9]+$', visible_when: {field: region, equals: us}}
    account: {type: string, title: Account, automated: true}
    hint: {type: string, title: Hint, hidden: true}
    private_key: {type: string, title: Key, description: In PEM, optional: true}
  credentials: {apiKey: {type: string, title: API key, description: The key}}
  proxy: {base_url: "https://${connectionConfig.subdomain}.example.com", headers: {x-key: "${apiKey}"}}
role:
  display_name: Role
  docs: https://example.com
  auth_mode: AWS_SIGV4
  proxy: {base_url: "https://example.com"}
`

// signIn goes through a sign-in at the provider and back, and returns the result page.
func (b *browser) signIn(provider *providertest.Server, decide func(target string) url.Values) answer {
	b.w.t.Helper()
	a := b.ask("POST", "authorize/acme", map[string]any{"config": map[string]string{}})
	target, _ := a.at("url").(string)
	if a.Code != http.StatusOK || target == "" {
		b.w.t.Fatalf("authorize was answered with %d %s", a.Code, a.Body)
	}
	if decide == nil {
		decide = b.consent(provider)
	}
	return b.visit("/oauth/callback?" + decide(target).Encode())
}

func (b *browser) consent(provider *providertest.Server) func(string) url.Values {
	return func(target string) url.Values {
		b.w.t.Helper()
		callback, _, err := provider.Authorize(b.w.t.Context(), target)
		if err != nil {
			b.w.t.Fatal(err)
		}
		return callback
	}
}

// checkPage checks what every page has to have.
func checkPage(t *testing.T, a answer) {
	t.Helper()
	h := a.Header()
	want := map[string]string{
		"Content-Security-Policy": pagePolicy, "X-Frame-Options": "DENY", "Referrer-Policy": "no-referrer",
		"X-Content-Type-Options": "nosniff", "Cache-Control": "no-store", "Content-Type": "text/html; charset=utf-8",
	}
	for name, value := range want {
		if got := h.Get(name); got != value {
			t.Errorf("%s is %q, want %q", name, got, value)
		}
	}
	for _, directive := range []string{"default-src 'none'", "script-src 'self'", "frame-ancestors 'none'", "base-uri 'none'", "form-action 'none'"} {
		if !strings.Contains(h.Get("Content-Security-Policy"), directive) {
			t.Errorf("the policy lacks %s", directive)
		}
	}
	if strings.Contains(h.Get("Content-Security-Policy"), "unsafe") {
		t.Error("the policy has something unsafe")
	}
	text := a.Body.String()
	for _, inline := range []string{" style=", "<style", " onclick=", " onload=", "javascript:", "http-equiv"} {
		if strings.Contains(text, inline) {
			t.Errorf("the page has %s", inline)
		}
	}
	for rest := text; ; {
		_, after, found := strings.Cut(rest, "<script")
		if !found {
			break
		}
		if tag, body, _ := strings.Cut(after, ">"); !strings.Contains(tag, ` src="`) || !strings.HasPrefix(body, "</script>") {
			t.Errorf("the page has a script of its own: %s", tag)
		}
		rest = after
	}
}

// isRedirect checks where an answer leads.
func isRedirect(t *testing.T, a answer, status int, want string) {
	t.Helper()
	if got := a.Header().Get("Location"); a.Code != status || got != want {
		t.Errorf("answered with %d to %q, want %d to %q", a.Code, got, status, want)
	}
}
