package providertest

import (
	"cmp"
	"fmt"
	"net/url"
	"regexp"
	"slices"
	"strings"
)

// visit plays the consent page of the mode. The lock is held.
func (d *Dialect) visit(raw string) (url.Values, error) {
	switch d.mode {
	case "OAUTH2", "MCP_OAUTH2", "MCP_OAUTH2_GENERIC":
		if textOf(d.entry["installation"]) == "outbound" {
			return nil, fmt.Errorf("%w: %s begins at the provider: see Webhook", errDialect, d.name)
		}
		return d.visitOAuth2(raw)
	case "OAUTH1":
		return d.visitOAuth1(raw)
	case "APP", "CUSTOM":
		return d.visitInstallation(raw)
	case "INSTALL_PLUGIN":
		return d.visitPlugin(raw)
	}
	return nil, fmt.Errorf("%w: mode %s has no page to visit", errDialect, d.mode)
}

// authorization is what an authorization request must look like.
type authorization struct {
	endpoint *url.URL
	params   map[string]string // templates
	names    map[string]string // how the provider calls the standard parameters
	drop     string            // the standard parameter that must be absent
	resource string
	pkce     bool
}

// planned reads the authorization request from the entry.
func (d *Dialect) planned() authorization {
	a := authorization{
		endpoint: d.expandURL(textOf(d.entry["authorization_url"])),
		params:   map[string]string{"response_type": "code"},
		names:    map[string]string{},
		pkce:     d.pkce(),
	}
	if d.mode == "MCP_OAUTH2_GENERIC" {
		a.endpoint = d.expandURL(d.issuer() + "/authorize")
		a.resource, _ = d.configValue("mcp_server_url")
		a.params["resource"] = a.resource
	}
	for k, v := range templateMap(d.entry["authorization_params"]) {
		a.params[k] = v
	}
	for from, to := range mapOf(d.entry["authorization_url_replacements"]) {
		to, ok := to.(string)
		if !ok {
			continue
		}
		from, to = strings.TrimSuffix(from, "="), strings.TrimSuffix(to, "=")
		if to == "" {
			a.drop = from
			delete(a.params, from)
			continue
		}
		a.names[from] = to
	}
	for standard, name := range mapOf(d.entry["authorization_param_names"]) {
		if textOf(name) == "" {
			delete(a.params, standard)
			continue
		}
		a.names[standard] = textOf(name)
	}
	return a
}

func (a *authorization) name(standard string) string { return cmp.Or(a.names[standard], standard) }

func (d *Dialect) visitOAuth2(raw string) (url.Values, error) {
	const role = "authorize"
	a := d.planned()
	if a.endpoint == nil {
		return nil, fmt.Errorf("%w: %s has no usable authorization_url", errDialect, d.name)
	}
	query, err := d.authorizationQuery(raw, a)
	if err != nil {
		return nil, err
	}
	q, err := url.ParseQuery(query)
	if err != nil {
		return nil, fmt.Errorf("%w: the query of the authorization URL does not parse", errDialect)
	}
	if d.own("pushed_authorization_url") != "" {
		if q = d.pushed(q); q == nil {
			return nil, fmt.Errorf("%w: %s: the request was not pushed", errDialect, d.name)
		}
		query = q.Encode()
	}
	d.checkAuthorization(role, a, query, q)
	callback, state := q.Get(a.name("redirect_uri")), q.Get(a.name("state"))
	if callback == "" || state == "" {
		return nil, fmt.Errorf("%w: %s: no redirect URI or no state to send the user back with", errDialect, d.name)
	}
	code := d.grants.text("code-")
	d.grants.codes[code] = &visit{
		clientID: q.Get(a.name("client_id")), redirectURI: callback, challenge: q.Get("code_challenge"), resource: a.resource,
	}
	back := callbackQuery(callback)
	back.Set(cmp.Or(textOf(d.entry["authorization_code_param_in_callback"]), "code"), code)
	back.Set(cmp.Or(d.own("state_param_in_callback"), stateName(a)), state)
	d.metadata(back)
	return back, nil
}

// stateName is what the state is called on the way back: as on the way there.
func stateName(a authorization) string { return a.name("state") }

// callbackQuery is the query that the redirect URI itself has.
func callbackQuery(redirectURI string) url.Values {
	if u, err := url.Parse(redirectURI); err == nil {
		return u.Query()
	}
	return url.Values{}
}

// authorizationQuery checks where the URL leads, and returns its query: behind
// the fragment, for providers whose page wants it there.
func (d *Dialect) authorizationQuery(raw string, a authorization) (string, error) {
	where, query, _ := strings.Cut(raw, "?")
	if fragment := textOf(d.entry["authorization_url_fragment"]); fragment != "" {
		page, behind, found := strings.Cut(where, "#")
		if !found || behind != fragment {
			d.problem("authorize", "the fragment is %q, want %q before the query", behind, fragment)
		}
		where = page
	}
	u, err := url.Parse(where)
	if err != nil {
		return "", fmt.Errorf("%w: the authorization URL does not parse", errDialect)
	}
	if u.Fragment != "" || strings.Contains(query, "#") {
		d.problem("authorize", "the URL has a fragment: %s", raw)
	}
	if !sameEndpoint(a.endpoint, u) {
		d.problem("authorize", "the page is %s, want %s", where, a.endpoint)
	}
	return query, nil
}

// checkAuthorization checks the parameters.
func (d *Dialect) checkAuthorization(role string, a authorization, raw string, q url.Values) {
	v := d.newView(nil, nil)
	want := map[string]string{}
	for k, t := range a.params {
		want[a.name(k)] = t
	}
	for k, vs := range a.endpoint.Query() {
		want[k] = vs[0]
	}
	allowed := map[string]bool{a.name("state"): true, a.name("redirect_uri"): true, a.name("client_id"): true, a.name("scope"): true}
	if a.pkce {
		allowed["code_challenge"], allowed["code_challenge_method"] = true, true
	}
	if a.drop != "" {
		allowed[""] = true // what the reference system leaves of the dropped name
	}
	for _, p := range v.parameters("parameter", want, q, func(n string) bool { return allowed[n] || d.allows(role, n) }) {
		d.problem(role, "%s", p)
	}
	for name := range allowed {
		if len(q[name]) > 1 {
			d.problem(role, "parameter %s is given more than once", name)
		}
	}
	for _, p := range v.finish() {
		d.problem(role, "%s", p)
	}
	d.checkClientID(role, q.Get(a.name("client_id")), q.Get(a.name("redirect_uri")))
	d.checkState(role, q.Get(a.name("state")))
	if a.params["redirect_uri"] == "" && !a.endpoint.Query().Has("redirect_uri") {
		d.checkRedirect(role, q.Get(a.name("redirect_uri"))) // otherwise a name that was registered stands for it
	}
	if a.pkce {
		d.checkChallenge(role, q)
	}
	if _, fixed := a.params["scope"]; !fixed {
		d.checkScope(role, a.name("scope"), raw, q)
	}
}

func (d *Dialect) allows(role, name string) bool {
	return d.Override.Allow != nil && d.Override.Allow(role, name)
}

func (d *Dialect) checkState(role, state string) {
	switch {
	case state == "":
		d.problem(role, "state is missing")
	case len(state) < 16:
		d.problem(role, "state %q can be guessed", state)
	case d.grants.states[state]:
		d.problem(role, "state %q was used before", state)
	}
	d.grants.states[state] = true
}

func (d *Dialect) checkRedirect(role, redirectURI string) {
	if redirectURI == "" {
		d.problem(role, "redirect_uri is missing")
	} else if err := checkRedirectURI(redirectURI); err != nil {
		d.problem(role, "redirect_uri is %s", err)
	}
}

// checkClientID checks who asks: the app, a client that registered, or one whose
// ID is the URL of its description.
func (d *Dialect) checkClientID(role, id, redirectURI string) {
	switch kind := d.registration(); kind {
	case "static":
		if id != d.in.ClientID {
			d.problem(role, "client_id is %q, want %q", id, d.in.ClientID)
		}
	case "cimd":
		if u, err := url.Parse(id); err != nil || u.Scheme != "https" || u.Host == "" || u.Path == "" {
			d.problem(role, "client_id is %q, want an https URL with a path", id)
		}
	default:
		c := d.grants.clients[id]
		switch {
		case c == nil:
			d.problem(role, "client_id %q was never registered", id)
		case redirectURI != "" && !slices.Contains(c.redirectURIs, redirectURI):
			d.problem(role, "redirect_uri %q was not registered", redirectURI)
		}
	}
}

// registration is how the client gets its ID: static, dynamic or cimd.
func (d *Dialect) registration() string {
	switch d.mode {
	case "MCP_OAUTH2":
		return cmp.Or(textOf(d.entry["client_registration"]), "static")
	case "MCP_OAUTH2_GENERIC":
		return "dynamic"
	}
	return "static"
}

var challengeForm = regexp.MustCompile(`^[A-Za-z0-9_-]{43}$`) // of S256 (RFC 7636 section 4.2)

func (d *Dialect) checkChallenge(role string, q url.Values) {
	if m := q.Get("code_challenge_method"); m != "S256" {
		d.problem(role, "code_challenge_method is %q, want S256", m)
	}
	if !challengeForm.MatchString(q.Get("code_challenge")) {
		d.problem(role, "code_challenge is %q, which no SHA-256 gives", q.Get("code_challenge"))
	}
}

// scope is the scopes in the form that the provider wants.
func (d *Dialect) scope() string {
	return strings.Join(d.in.Scopes, d.separator())
}

func (d *Dialect) separator() string {
	if s, ok := d.entry["scope_separator"].(string); ok && s != "" {
		return s
	}
	return " "
}

func (d *Dialect) checkScope(role, name, raw string, q url.Values) {
	want := d.scope()
	if d.mode == "MCP_OAUTH2_GENERIC" {
		want = strings.Join(resourceScopes, " ")
	}
	if want == "" {
		if q.Has(name) && (q.Get(name) != "" || d.entry["authorization_url_skip_empty"] == true) {
			d.problem(role, "%s is %q, want none", name, q.Get(name))
		}
		return
	}
	got := q.Get(name)
	if slices.Contains(textsOf(d.entry["authorization_url_skip_encode"]), "scopes") {
		got = rawParameter(raw, name)
	}
	if got != want {
		d.problem(role, "%s is %q, want %q", name, got, want)
	}
}

// rawParameter is a parameter as it stands in the query, still encoded.
func rawParameter(query, name string) string {
	for _, p := range strings.Split(query, "&") {
		if v, ok := strings.CutPrefix(p, name+"="); ok {
			return v
		}
	}
	return ""
}
