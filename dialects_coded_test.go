package tieline

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"io"
	"maps"
	"mime"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/tieline/tieline/providertest"
)

// codedProviders do more than their entry says: what the reference system has code
// for. They are played as that system's code and the vendors' documentation have
// them, whatever the client sends.
var codedProviders = map[string]func(*providertest.Dialect){
	"absorb-lms":         (&codedSpec{plain: true, first: absorbFirst, again: absorbAgain, answer: created}).play,
	"agiloft":            (&codedSpec{plain: true, unsaid: true, first: agiloftFirst, again: agiloftAgain, keeps: true}).play,
	"apollo":             func(d *providertest.Dialect) { d.Override.API = signedIn },
	"braintree":          braintree,
	"braintree-sandbox":  braintree,
	"clover":             (&codedSpec{plain: true, first: cloverFirst, again: cloverAgain, answer: cloverAnswer}).play,
	"coros":              (&codedSpec{plain: true, unsaid: true, first: formFirst, again: formAgain, answer: corosAnswer, prolongs: true, life: 30 * 24 * time.Hour}).play,
	"coros-sandbox":      (&codedSpec{plain: true, unsaid: true, first: formFirst, again: formAgain, answer: corosAnswer, prolongs: true, life: 30 * 24 * time.Hour}).play,
	"docusign":           docusign("account.docusign.com"),
	"docusign-sandbox":   docusign("account-d.docusign.com"),
	"facebook":           (&codedSpec{first: facebookFirst, again: facebookAgain, answer: accessOnly, life: 60 * 24 * time.Hour}).play,
	"fanvue":             (&codedSpec{first: basicFirst, again: basicAgain}).play,
	"figjam":             (&codedSpec{plain: true, first: figmaFirst, again: figmaAgain, keeps: true}).play,
	"figma":              (&codedSpec{plain: true, first: figmaFirst, again: figmaAgain, keeps: true}).play,
	"followupboss":       (&codedSpec{plain: true, first: followupbossFirst, again: basicAgain}).play,
	"google-calendar":    primaryCalendar,
	"heygen":             (&codedSpec{first: publicFirst, again: publicAgain}).play,
	"instagram":          (&codedSpec{plain: true, unsaid: true, first: formFirst, answer: shortLived, api: longLived("ig")}).play,
	"jobber":             (&codedSpec{plain: true, first: lacking(formFirst, "redirect_uri"), again: formAgain, answer: withoutExpiry}).play,
	"mercury":            (&codedSpec{first: lacking(publicFirst, "client_id"), again: lacking(publicAgain, "client_id")}).play,
	"meta-marketing-api": (&codedSpec{first: facebookFirst, again: facebookAgain, answer: accessOnly, life: 60 * 24 * time.Hour}).play,
	"microsoft-admin":    (&codedSpec{plain: true, unsaid: true, first: adminFirst, again: adminFirst, answer: accessOnly, consent: adminConsent}).play,
	"posthog-oauth":      (&codedSpec{first: publicFirst, again: publicAgain}).play,
	"sentry-oauth":       (&codedSpec{first: sentryFirst, again: sentryAgain, answer: sentryAnswer, api: sentryInstalled}).play,
	"shopline-oauth":     shopline,
	"slack":              (&codedSpec{plain: true, first: formFirst, again: formAgain, answer: slackAnswer}).play,
	"stripe-app":         (&codedSpec{plain: true, first: stripeFirst, again: stripeAgain, answer: withoutExpiry}).play,
	"stripe-app-sandbox": (&codedSpec{plain: true, first: stripeFirst, again: stripeAgain, answer: withoutExpiry}).play,
	"threads":            (&codedSpec{plain: true, unsaid: true, first: formFirst, answer: shortLived, api: longLived("th")}).play,
	"tiktok-accounts":    (&codedSpec{plain: true, unsaid: true, first: accountsFirst, again: accountsAgain, answer: wrapped}).play,
	"tiktok-ads":         (&codedSpec{plain: true, unsaid: true, first: adsFirst, answer: wrappedAds, life: -1}).play,
	"tiktok-personal":    (&codedSpec{plain: true, unsaid: true, first: renamed(formFirst, "client_id", "client_key"), again: renamed(formAgain, "client_id", "client_key")}).play,
	"walmart":            (&codedSpec{plain: true, first: walmartFirst, again: walmartAgain, keeps: true, consent: walmartConsent}).play,
	"workday-oauth":      (&codedSpec{first: basicFirst, again: basicAgain, answer: withoutExpiry}).play,

	"google-calendar-mcp": primaryCalendar,
}

// Values of a wanted request that are known only when it comes.
const (
	theCode     = "<code>"
	theRedirect = "<redirect>"
	theVerifier = "<verifier>"
	theRefresh  = "<refresh>"
	theAccess   = "<access>"
	theState    = "<state>"
	theScope    = "<scope>"
	aUUID       = "<uuid>"
)

// wantedCall is what a request must be: nothing more and nothing less.
type wantedCall struct {
	method string // POST when empty
	format string // "form" when empty, "json", "query"
	query  map[string]string
	params map[string]string
	basic  string // the user and the password, with a colon between
	header map[string]string
}

// codedSpec says what a provider wants and answers.
type codedSpec struct {
	plain  bool // there is no PKCE: a challenge is a mistake
	unsaid bool // and the entry does not say so
	first  func(in providertest.Inputs) wantedCall
	again  func(in providertest.Inputs) wantedCall // nil: nothing can be refreshed there
	// answer makes the body of an answer from a new pair of tokens.
	answer   func(c *codedProvider, again bool, access, refresh string) (int, any)
	api      func(c *codedProvider, r *http.Request) (int, any)
	consent  func(c *codedProvider, back url.Values)
	keeps    bool          // the first refresh token is the only one there ever is
	prolongs bool          // a refresh makes the same tokens live longer
	life     time.Duration // of a token; an hour when 0, for ever when negative
}

// codedProvider is a provider at work.
type codedProvider struct {
	codedSpec
	*providertest.Dialect

	code, redirect, challenge, state, scope string
	spent                                   bool
	access, refresh                         string
	until                                   time.Time // of a token that is prolonged
}

func (s *codedSpec) play(d *providertest.Dialect) {
	c := &codedProvider{codedSpec: *s, Dialect: d}
	d.Override.Authorize = c.visit
	d.Override.Token = func(r *http.Request, _ url.Values) (int, any) { return c.token("token", r) }
	d.Override.Refresh = func(r *http.Request, _ url.Values) (int, any) { return c.token("refresh", r) }
	d.Override.API = c.call
	if c.api != nil {
		d.Override.Other = func(r *http.Request, _ []byte) (int, any) { return c.api(c, r) }
	}
}

// visit is that of the Dialect, which knows how the entry's URL has to look, but
// for PKCE.
func (c *codedProvider) visit(u *url.URL) (url.Values, error) {
	q := u.Query()
	c.challenge = q.Get("code_challenge")
	for _, name := range []string{"redirect_uri", "redirectUri"} {
		if v := q.Get(name); v != "" {
			c.redirect = v
		}
	}
	c.state, c.scope = q.Get("state"), q.Get("scope")
	text := u.String()
	if c.plain {
		if q.Has("code_challenge") || q.Has("code_challenge_method") {
			c.Problem("authorize", "there is a code challenge, which the provider does not know")
		}
		text = c.challenged(u)
	}
	hook := c.Override.Authorize
	c.Override.Authorize = nil
	defer func() { c.Override.Authorize = hook }()
	back, err := c.Authorize(context.Background(), text)
	if err != nil {
		return nil, err
	}
	c.code = back.Get("code")
	if c.consent != nil {
		c.consent(c, back)
	}
	return back, nil
}

// challenged adds a challenge, where the entry has it that there must be one.
func (c *codedProvider) challenged(u *url.URL) string {
	if !c.unsaid {
		return u.String()
	}
	with := *u
	sum := sha256.Sum256(nil)
	with.RawQuery += "&code_challenge_method=S256&code_challenge=" + base64.RawURLEncoding.EncodeToString(sum[:])
	return with.String()
}

// token answers a token request or a refresh.
func (c *codedProvider) token(role string, r *http.Request) (int, any) {
	again := role == "refresh" || c.spent
	want := c.first
	if again {
		want = c.again
	}
	if want == nil {
		c.Problem(role, "there are no refreshes here")
		return http.StatusBadRequest, map[string]any{"error": "invalid_grant"}
	}
	if !c.good(role, r, want(c.Inputs())) {
		return http.StatusBadRequest, map[string]any{"error": "invalid_grant"}
	}
	c.spent = true
	return c.issue(again)
}

func (c *codedProvider) issue(again bool) (int, any) {
	life := c.life
	switch {
	case life == 0:
		life = time.Hour
	case life < 0:
		life = 0
	}
	answer := c.answer
	if answer == nil {
		answer = pairAnswer
	}
	if c.prolongs && again {
		c.until = time.Now().Add(life)
		return answer(c, true, c.access, c.refresh)
	}
	access, refresh := c.Issue(life)
	c.access, c.until = access, time.Now().Add(life)
	if !c.keeps || c.refresh == "" {
		c.refresh = refresh // else what is answered is of no use
	}
	return answer(c, again, access, refresh)
}

// call answers a call to the API. A token that was prolonged is alive.
func (c *codedProvider) call(r *http.Request) (int, any) {
	if c.api != nil {
		if status, body := c.api(c, r); status != 0 {
			return status, body
		}
	}
	if !c.prolongs {
		return 0, nil
	}
	if r.Header.Get("Authorization") != "Bearer "+c.access {
		c.Problem("api", "header authorization is %q", r.Header.Get("Authorization"))
		return http.StatusUnauthorized, nil
	}
	if time.Now().After(c.until) {
		return http.StatusUnauthorized, nil
	}
	return http.StatusOK, map[string]any{}
}

var anyUUID = regexp.MustCompile(`^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$`)

// value is what stands for a placeholder; actual is what was sent.
func (c *codedProvider) value(want, actual string) string {
	switch want {
	case theCode:
		if c.code == "" && strings.HasPrefix(actual, "code-") {
			return actual // it came in a webhook
		}
		return c.code
	case theRedirect:
		return c.redirect
	case theVerifier:
		if sum := sha256.Sum256([]byte(actual)); base64.RawURLEncoding.EncodeToString(sum[:]) == c.challenge {
			return actual
		}
		return "the verifier of " + c.challenge
	case theRefresh:
		return c.refresh
	case theAccess:
		return c.access
	case theState:
		return c.state
	case theScope:
		return c.scope
	case aUUID:
		if anyUUID.MatchString(actual) {
			return actual
		}
	}
	return want
}

// good compares a request with what it must be, and notes every difference.
func (c *codedProvider) good(role string, r *http.Request, w wantedCall) bool {
	before := len(c.Problems())
	body, _ := io.ReadAll(r.Body)
	method := http.MethodPost
	if w.method != "" {
		method = w.method
	}
	if r.Method != method {
		c.Problem(role, "the method is %s, want %s", r.Method, method)
	}
	query, params := r.URL.Query(), url.Values{}
	kind, _, _ := mime.ParseMediaType(r.Header.Get("Content-Type"))
	switch w.format {
	case "query":
		params, query = query, url.Values{}
		if len(body) > 0 {
			c.Problem(role, "there is a body: %q", body)
		}
	case "json":
		var object map[string]string
		if err := json.Unmarshal(body, &object); err != nil || kind != "application/json" {
			c.Problem(role, "the body is no JSON object of text: %q, %s", body, kind)
		}
		for k, v := range object {
			params.Set(k, v)
		}
	default:
		form, err := url.ParseQuery(string(body))
		if err != nil || kind != "application/x-www-form-urlencoded" {
			c.Problem(role, "the body is no form: %q, %s", body, kind)
		}
		params = form
	}
	c.compare(role, "query", w.query, query)
	c.compare(role, "parameter", w.params, params)
	c.checkHeader(role, r, w)
	return len(c.Problems()) == before
}

func (c *codedProvider) checkHeader(role string, r *http.Request, w wantedCall) {
	auth := ""
	if w.basic != "" {
		auth = "Basic " + base64.StdEncoding.EncodeToString([]byte(w.basic))
	}
	if got := r.Header.Get("Authorization"); got != auth {
		c.Problem(role, "header authorization is %q, want %q", got, auth)
	}
	for name, want := range w.header {
		if got := r.Header.Get(name); got != c.value(want, got) {
			c.Problem(role, "header %s is %q, want %q", name, got, c.value(want, got))
		}
	}
}

func (c *codedProvider) compare(role, what string, want map[string]string, got url.Values) {
	names := slices.Collect(maps.Keys(want))
	for name := range got {
		if _, ok := want[name]; !ok {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	for _, name := range names {
		w, wanted := want[name]
		switch g := got[name]; {
		case !wanted:
			c.Problem(role, "%s %s is %q and not asked for", what, name, g)
		case len(g) != 1:
			c.Problem(role, "%s %s is there %d times", what, name, len(g))
		case g[0] != c.value(w, g[0]):
			c.Problem(role, "%s %s is %q, want %q", what, name, g[0], c.value(w, g[0]))
		}
	}
}
