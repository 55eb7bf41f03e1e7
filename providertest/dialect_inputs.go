package providertest

import (
	"cmp"
	"maps"
	"regexp"
	"slices"
	"strings"
)

// Inputs is what the integration and the connection are created with. All of it
// is invented, and satisfies the entry's own patterns.
type Inputs struct {
	// ClientID and ClientSecret are the app's, where the app has them: OAUTH2,
	// OAUTH1, TBA (the consumer), CUSTOM and MCP_OAUTH2 with a static client.
	// OAUTH2_CC has its own in Credentials, and its scopes in Config, as
	// oauth_scopes with commas.
	ClientID, ClientSecret string
	// AppLink, AppID and PrivateKeyPEM are for APP, CUSTOM and INSTALL_PLUGIN.
	AppLink, AppID, PrivateKeyPEM string
	Scopes                        []string
	// IntegrationConfig has the fields of integration_config; for INSTALL_PLUGIN
	// the plugin's username and password.
	IntegrationConfig map[string]string
	// Config is the connection config.
	Config map[string]string
	// Credentials is what the user types.
	Credentials map[string]string
	// AssertionOption has the values that are used once, to sign an assertion.
	AssertionOption map[string]string
	// Discovered is connection config that the reference system's code looks up
	// after a connection was made. An application may supply it instead.
	Discovered map[string]string
}

// slug is a text for names, of small letters and digits.
func slug(s string) string {
	return strings.ToLower(strings.Trim(regexp.MustCompile(`[^A-Za-z0-9]+`).ReplaceAllString(s, "-"), "-"))
}

// invent fills d.in and d.learned.
func (d *Dialect) invent() error {
	m, err := keys()
	if err != nil {
		return err
	}
	d.in = Inputs{
		IntegrationConfig: map[string]string{}, Config: map[string]string{},
		Credentials: map[string]string{}, AssertionOption: map[string]string{}, Discovered: map[string]string{},
	}
	d.learned = map[string]string{}
	p := d.positions()
	for _, name := range d.fieldNames("integration_config", "") {
		d.in.IntegrationConfig[name] = d.value("integration_config", name, p, m)
	}
	for _, name := range d.fieldNames("assertion_option", "assertionOption.") {
		d.in.AssertionOption[name] = d.value("assertion_option", name, p, m)
	}
	for _, name := range d.fieldNames("credentials", "credentials.") {
		if !d.madeCredential(name) {
			d.in.Credentials[name] = d.value("credentials", name, p, m)
		}
	}
	d.modeInputs(m)
	for _, name := range d.fieldNames("connection_config", "connectionConfig.") {
		v := d.value("connection_config", name, p, m)
		switch d.source(name) {
		case fromProvider:
			d.learned[name] = v
			if d.declaredForUser(name) {
				d.in.Config[name] = v
			}
		case fromCode:
			d.in.Discovered[name] = cmp.Or(d.sameAsCredential(name), v)
		case fromIntegration:
		default:
			d.in.Config[name] = v
		}
	}
	d.followCallback()
	return nil
}

// followCallback makes what is found in the callback fit what the callback has.
func (d *Dialect) followCallback() {
	for _, step := range d.discoveries("callback") {
		for _, f := range findings(step) {
			v, ok := d.learned[f.path]
			if !ok {
				continue
			}
			d.learned[f.name] = v
			if re, err := regexp.Compile(f.pattern); err == nil && f.pattern != "" {
				if m := re.FindStringSubmatch(v); len(m) > 1 {
					d.learned[f.name] = m[1]
				}
			}
		}
	}
}

// declaredForUser tells whether the form asks for a field although the provider
// tells it too.
func (d *Dialect) declaredForUser(name string) bool {
	spec := mapOf(dig(d.entry, "connection_config", name))
	return len(spec) > 0 && spec["automated"] != true
}

// sameAsCredential is the value of a discovered field that only repeats one of
// the credentials, such as clientId.
func (d *Dialect) sameAsCredential(name string) string {
	if name == "clientId" {
		return cmp.Or(d.in.Credentials["client_id"], d.in.ClientID)
	}
	return ""
}

// fieldNames lists the declared fields of a section and those that a template
// uses without a declaration.
func (d *Dialect) fieldNames(section, prefix string) []string {
	names := maps.Clone(mapOf(d.entry[section]))
	if names == nil {
		names = map[string]any{}
	}
	if prefix != "" {
		templates(d.entry, func(_ []string, s string) {
			for _, v := range variables(s) {
				if name, ok := strings.CutPrefix(v, prefix); ok && names[name] == nil {
					names[name] = true
				}
			}
		})
	}
	if section == "connection_config" {
		for _, list := range []string{"token_response_metadata", "redirect_uri_metadata", "webhook_response_metadata", "connection_configuration"} {
			for _, name := range textsOf(d.entry[list]) {
				names[name] = true
			}
		}
		list, _ := d.entry["discovery"].([]any)
		for _, step := range list {
			maps.Copy(names, mapOf(mapOf(step)["values"]))
		}
		if d.usesBare("apiSubdomain") {
			names["apiSubdomain"] = true
		}
	}
	return sortedKeys(names)
}

// usesBare tells whether a template names a field without its prefix, which is a
// mistake in the entry whose meaning is plain.
func (d *Dialect) usesBare(name string) bool {
	found := false
	templates(d.entry, func(_ []string, s string) { found = found || slices.Contains(variables(s), name) })
	return found
}

func variables(s string) []string {
	var out []string
	for _, a := range alternatives(s) {
		if p, err := parsePattern(a); err == nil {
			out = append(out, p.names()...)
		}
	}
	return out
}

// source is where a connection config value comes from.
type source int

const (
	fromUser        source = iota
	fromProvider           // the token response, the callback or a webhook
	fromCode               // a look-up after the connection was made
	fromIntegration        // the integration's own configuration
)

func (d *Dialect) source(name string) source {
	for _, list := range []string{"token_response_metadata", "redirect_uri_metadata", "webhook_response_metadata"} {
		if slices.Contains(textsOf(d.entry[list]), name) {
			return fromProvider
		}
	}
	automated := dig(d.entry, "connection_config", name, "automated") == true
	switch {
	case d.discovered(name):
		return fromProvider
	case slices.Contains(textsOf(d.entry["connection_configuration"]), name):
		return fromCode
	case d.isApp() && (name == "installation_id"):
		return fromProvider
	case d.isApp() && (name == "appPublicLink"):
		return fromIntegration
	case d.mode == "AWS_SIGV4" && name == "service":
		return fromIntegration
	case automated && textOf(d.entry["post_connection_script"]) != "":
		return fromCode
	}
	return fromUser
}

func (d *Dialect) isApp() bool { return d.mode == "APP" || d.mode == "CUSTOM" }

// madeCredential tells whether a credential is made or learned, not typed.
func (d *Dialect) madeCredential(name string) bool {
	if base, _, dotted := strings.Cut(name, "."); dotted {
		// raw.x is in the token response; key.id and key.secret are halves of key.
		return base == "raw" || dig(d.entry, "credentials", base) != nil
	}
	declared := mapOf(dig(d.entry, "credentials", name))
	switch name {
	case "assertion":
		return d.entry["assertion"] != nil
	case "token", "_cookies":
		return len(declared) == 0
	}
	// Where the integration has the value, the user types another one, to see
	// whose wins; a field of the integration alone is not asked for.
	return len(declared) == 0 && dig(d.entry, "integration_config", name) != nil
}

// modeInputs adds what a mode needs whether or not the entry declares it.
func (d *Dialect) modeInputs(m material) {
	r := seeded(d.name + "/app")
	text := func(n int) string { return randomText(r, n, alphanumeric) }
	switch d.mode {
	case "OAUTH2", "MCP_OAUTH2", "OAUTH1", "CUSTOM", "TBA":
		if d.registration() == "static" {
			// A space, and letters that a form and a Basic header treat differently.
			d.in.ClientID, d.in.ClientSecret = "app-"+text(12)+"/1", "cs "+text(20)+awkward
			if ownAuths[d.own("client_auth")] == byAssertion {
				d.in.ClientSecret = m.jwk
			}
		}
	}
	switch d.mode {
	case "OAUTH2", "MCP_OAUTH2":
		d.in.Scopes = d.someScopes()
	case "OAUTH1":
		if d.entry["scope_separator"] != nil {
			d.in.Scopes = d.someScopes()
		}
	case "TBA":
		d.in.Credentials["token_id"], d.in.Credentials["token_secret"] = text(32), text(20)+awkward
	case "APP", "CUSTOM":
		d.in.AppLink, d.in.AppID, d.in.PrivateKeyPEM = "https://github.com/apps/dialect", "271828", m.rsa
	case "INSTALL_PLUGIN":
		d.in.AppLink = "https://marketplace.example.com/install/plugin"
		d.in.IntegrationConfig["username"] = "plugin-" + text(8)
		d.in.IntegrationConfig["password"] = "pass:" + text(20) + awkward
	case "AWS_SIGV4":
		d.in.IntegrationConfig["awsAccessKeyId"] = "AKIA" + randomText(r, 16, "ABCDEFGHIJKLMNOP234567")
		d.in.IntegrationConfig["awsSecretAccessKey"] = text(38) + "+/"
	default:
		d.standardCredentials(text)
	}
}

// awkward is at the end of secrets: letters that a query and a form must escape.
const awkward = "+/=%&~?"

// standardCredentials adds the credentials that a mode has without a declaration.
func (d *Dialect) standardCredentials(text func(int) string) {
	add := func(name, v string) {
		if _, ok := d.in.Credentials[name]; !ok {
			d.in.Credentials[name] = v
		}
	}
	switch d.mode {
	case "OAUTH2_CC":
		add("client_id", "client-"+text(12))
		if textOf(d.entry["token_request_auth_method"]) != "private_key_jwt" {
			add("client_secret", "cs "+text(20)+awkward)
		}
		if dig(d.entry, "token_params", "scope") == nil && dig(d.entry, "connection_config", "oauth_scopes") == nil {
			// There is no app to ask for scopes: the connection does.
			d.in.Config["oauth_scopes"] = strings.Join(d.someScopes(), ",")
		}
	case "API_KEY":
		if where := d.positions(); where["apiKey"] == inURLPath || where["credentials.apiKey"] == inURLPath {
			add("apiKey", "key-"+text(20))
		}
		add("apiKey", "key-"+text(20)+awkward)
	case "BASIC", "SIGNATURE":
		add("username", "user-"+text(8)+"@example.com")
		add("password", "pass:"+text(20)+awkward)
	case "BILL":
		add("username", "user@example.com")
		add("password", "pass:"+text(20)+awkward)
		add("organization_id", "org-"+text(16))
		add("dev_key", "dev-"+text(20)+awkward)
	}
}

// someScopes are the entry's own, or two that show what joins them.
func (d *Dialect) someScopes() []string {
	if list := textsOf(d.entry["default_scopes"]); len(list) > 0 {
		return list
	}
	return []string{"read:all", "write"}
}
