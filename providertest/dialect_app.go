package providertest

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"
)

// planApp plans APP and CUSTOM: tokens of an installation and, for CUSTOM, of a user.
func (d *Dialect) planApp() {
	d.learned["installation_id"] = "38631545"
	if d.mode == "CUSTOM" {
		d.addIf("refresh", d.tokenURL(), d.refreshOAuth2, d.isRefresh)
		d.add("token", d.tokenURL(), d.exchange)
		d.add("app-token", textOf(dig(d.entry, "token_url", "APP")), d.installationToken)
		return
	}
	d.add("token", textOf(d.entry["token_url"]), d.installationToken)
}

// visitInstallation plays the page where the user installs the app.
func (d *Dialect) visitInstallation(raw string) (url.Values, error) {
	const role = "authorize"
	u, err := url.Parse(raw)
	page := d.expandURL(textOf(d.entry["authorization_url"]))
	if err != nil || page == nil {
		return nil, fmt.Errorf("%w: the installation URL does not parse", errDialect)
	}
	if !sameEndpoint(page, u) {
		d.problem(role, "the page is %s, want %s", u, page)
	}
	q := u.Query()
	for name := range q {
		if name != "state" && !d.allows(role, name) {
			d.problem(role, "parameter %s is not asked for", name)
		}
	}
	d.checkState(role, q.Get("state"))
	back := url.Values{"state": {q.Get("state")}, "setup_action": {"install"}, "installation_id": {d.learned["installation_id"]}}
	if d.mode == "CUSTOM" {
		code := d.grants.text("code-")
		d.grants.codes[code] = &visit{clientID: d.in.ClientID}
		back.Set("code", code)
	}
	d.metadata(back)
	return back, nil
}

// installationToken answers with a token of the installation: a JWT that the app
// signs asks for it.
func (d *Dialect) installationToken(h *hit) Answer {
	before := len(d.problems)
	if h.r.Method != http.MethodPost {
		d.problem(h.role, "the method is %s, want POST", h.r.Method)
	}
	token, ok := strings.CutPrefix(h.r.Header.Get("Authorization"), "Bearer ")
	if !ok {
		d.problem(h.role, "header authorization is %q, want a Bearer token", h.r.Header.Get("Authorization"))
	}
	v := d.newView(nil, nil)
	v.values["app"] = d.in.AppID
	j := &jwtRules{
		alg: "RS256", public: publicOf(d.in.PrivateKeyPEM), life: 11 * time.Minute, atMost: true, fresh: true, view: v,
		payload: map[string]any{"iss": "${app}"},
	}
	c, bad := j.check(token)
	for _, b := range bad {
		d.problem(h.role, "%s", b)
	}
	if exp, _ := c.payload["exp"].(float64); time.Unix(int64(exp), 0).After(d.now().Add(10*time.Minute + 10*time.Second)) {
		d.problem(h.role, "the JWT ends more than ten minutes from now")
	}
	if accept := h.r.Header.Get("Accept"); !strings.HasPrefix(accept, "application/vnd.github") {
		d.problem(h.role, "header accept is %q, want GitHub's media type", accept)
	}
	var object map[string]any
	if len(h.body) > 0 && (json.Unmarshal(h.body, &object) != nil || len(object) > 0) {
		d.problem(h.role, "the body is %q, want {}", h.body)
	}
	if len(d.problems) > before {
		return jsonAnswer(http.StatusUnauthorized, map[string]any{"message": "see Problems"})
	}
	a := d.newAccess(tokenLife)
	out := map[string]any{"token": a.value, "expires_at": a.expires.UTC().Format(time.RFC3339)}
	if d.Override.Answer != nil {
		d.Override.Answer(h.role, out)
	}
	return jsonAnswer(http.StatusCreated, out)
}

// visitPlugin plays a marketplace where the user installs the plugin: the state
// goes there and comes back as payload.
func (d *Dialect) visitPlugin(raw string) (url.Values, error) {
	const role = "authorize"
	u, err := url.Parse(raw)
	page := parsed(d.in.AppLink)
	if err != nil || page == nil {
		return nil, fmt.Errorf("%w: the installation URL does not parse", errDialect)
	}
	if !sameEndpoint(page, u) {
		d.problem(role, "the page is %s, want %s", u, page)
	}
	want := page.Query()
	want.Set("payload", u.Query().Get("payload"))
	for _, bad := range compareValues("query", want, u.Query(), nil) {
		d.problem(role, "%s", bad)
	}
	d.checkState(role, u.Query().Get("payload"))
	back := url.Values{"payload": {u.Query().Get("payload")}}
	d.metadata(back)
	return back, nil
}
