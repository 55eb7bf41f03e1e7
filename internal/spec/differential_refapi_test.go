package spec

import (
	"maps"
	"regexp"
	"strings"
)

// The reference's calls of an API.

// diffRequest is what templates can say of a call, on both sides.
func diffRequest() map[string]string {
	return map[string]string{
		"method": "POST", "host": "api.host", "path": "/the/path", "endpoint": "/the/path?q=1", "params": "q=1",
		"bodyCanonicalParams": "b=2", "urlCanonicalParams": "q=1", "contentType": "application/json",
	}
}

// stored is the credential as the reference keeps it.
func (in diffInputs) stored(mode string) map[string]any {
	out := objects(in.allCreds())
	switch mode {
	case "OAUTH2", "MCP_OAUTH2", "MCP_OAUTH2_GENERIC", "CUSTOM", "APP":
		out["access_token"], out["refresh_token"] = diffAccess, diffRefresh
	case "OAUTH2_CC", "JWT", "SIGNATURE", "TWO_STEP":
		out["token"] = diffAccess
	}
	for name, v := range in.creds {
		if below, ok := strings.CutPrefix(name, "raw."); ok {
			raw, _ := out["raw"].(map[string]any)
			if raw == nil {
				raw = map[string]any{}
			}
			raw[below] = v
			out["raw"] = raw
		}
	}
	return out
}

var refFirstConfig = regexp.MustCompile(`connectionConfig\.(\w+)`)

// refBaseURL joins base and endpoint and expands them together, unencoded. Of two
// alternatives the first counts if the first config value named anywhere in the
// text is there. Config is reached by path only, under another name.
func refBaseURL(template, endpoint string, in diffInputs, mode string) (webURL, string) {
	if left, right, two := strings.Cut(template, "||"); two {
		template = strings.TrimSpace(right)
		if m := refFirstConfig.FindStringSubmatch(left + "||" + right); m != nil && in.config[m[1]] != "" {
			template = strings.TrimSpace(left)
		}
	}
	text := strings.TrimSuffix(template, "/") + "/" + strings.TrimLeft(endpoint, "/")
	stored := in.stored(mode)
	vars := refVars{"credentials": stored}
	maps.Copy(vars, stored)
	config := map[string]any{}
	for name, v := range in.config {
		if !strings.Contains(name, ".") {
			config[name] = v
		}
	}
	vars["connection_config"] = config
	text = strings.ReplaceAll(text, "connectionConfig", "connection_config")
	u, ok := parseWeb(vars.expand(text))
	if !ok {
		return webURL{}, "value"
	}
	return u, ""
}

// refAPI is one POST to the API, with an empty JSON object as its body.
func refAPI(e refEntry, in diffInputs) *call {
	if !e.has("proxy", "base_url") {
		return failed("no proxy")
	}
	u, bad := refBaseURL(e.text("proxy", "base_url"), diffEndpoint, in, e.mode())
	if bad != "" {
		return failed(bad)
	}
	c := newCall()
	c.putWeb(u)
	all := in.apiVars(e.mode())
	for name, v := range e.object("proxy", "query") {
		if text := all.choose(refText(v)); !strings.Contains(text, "${") {
			c.fields["query."+name] = text
		}
	}
	c.put("body", e.object("proxy", "body"))
	for name, v := range c.fields {
		if strings.HasPrefix(name, "body.") {
			if c.fields[name] = all.choose(v); strings.Contains(c.fields[name], "${") {
				delete(c.fields, name)
			}
		}
	}
	delete(c.fields, "body")
	if standard := in.standardHeader(e); standard != "" {
		c.fields["header.authorization"] = standard
	}
	for name, v := range e.object("proxy", "headers") {
		text, send := in.apiHeader(e.mode(), refText(v))
		if send {
			c.fields["header."+strings.ToLower(name)] = text
		}
	}
	return c
}

// apiVars is everything there is to see for a call.
func (in diffInputs) apiVars(mode string) refVars {
	stored := in.stored(mode)
	vars := refVars{"credentials": stored, "connectionConfig": objects(in.config), "accessToken": diffAccess}
	maps.Copy(vars, stored)
	for name, v := range diffRequest() {
		vars[name] = v
	}
	return vars
}

// apiHeader expands a header. What it can see depends on the mode, and on whether
// it speaks of the config: then everything but the token, and it is left out when
// something is missing. Else it is sent as it is written.
func (in diffInputs) apiHeader(mode, template string) (text string, send bool) {
	if strings.Contains(template, "connectionConfig") {
		vars := in.apiVars(mode)
		delete(vars, "accessToken")
		text = vars.choose(template)
		return text, !strings.Contains(text, "${")
	}
	var vars refVars
	switch mode {
	case "OAUTH2":
		vars = refVars{"accessToken": diffAccess, "clientId": in.id, "clientSecret": in.secret}
	case "JWT", "OAUTH2_CC", "SIGNATURE":
		vars = refVars{"accessToken": diffAccess}
	default:
		vars = in.apiVars(mode)
		delete(vars, "connectionConfig")
		if mode != "TWO_STEP" {
			delete(vars, "accessToken")
		}
	}
	return vars.choose(template), true
}

// standardHeader is the Authorization header of the mode, which a header of the
// entry may replace.
func (in diffInputs) standardHeader(e refEntry) string {
	switch e.mode() {
	case "BASIC":
		return refBasic(in.creds["username"], in.creds["password"])
	case "INSTALL_PLUGIN":
		return refBasic(in.shared["username"], in.shared["password"])
	case "TWO_STEP":
		for name, v := range e.object("proxy", "headers") {
			text := refText(v)
			if strings.Contains(text, "${accessToken}") || strings.EqualFold(name, "cookie") && strings.Contains(text, "${credentials._cookies}") {
				return ""
			}
		}
		return "Bearer " + diffAccess
	case "OAUTH2", "MCP_OAUTH2", "MCP_OAUTH2_GENERIC", "OAUTH2_CC", "JWT", "SIGNATURE", "APP", "CUSTOM":
		return "Bearer " + diffAccess
	}
	return ""
}

// refVerify is the first call that tries a credential out, in the modes that do.
func refVerify(e refEntry, in diffInputs) *call {
	switch e.mode() {
	case "API_KEY", "BASIC", "TBA", "JWT", "SIGNATURE", "INSTALL_PLUGIN":
	default:
		return nil
	}
	endpoints := refList(e.at("proxy", "verification", "endpoints"))
	if len(endpoints) == 0 || e.has("credentials_verification_script") {
		return nil
	}
	base := e.text("proxy", "verification", "base_url_override")
	if base == "" {
		base = e.text("proxy", "base_url")
	}
	c := newCall()
	c.fields["method"] = "GET"
	if m := e.text("proxy", "verification", "method"); m != "" {
		c.fields["method"] = m
	}
	for _, endpoint := range endpoints {
		u, bad := refBaseURL(base, refText(endpoint), in, e.mode())
		if bad != "" {
			return failed(bad)
		}
		c.fields["urls"] += u.origin() + plainPath(u.path) + " "
		if u.query != "" {
			c.fields["urls"] += "?" + u.query + " "
		}
	}
	for name, v := range e.object("proxy", "verification", "headers") {
		c.fields["header."+strings.ToLower(name)] = refText(v)
	}
	if data := e.at("proxy", "verification", "data"); data != nil {
		c.put("data", data)
	}
	return c
}

// refCalls is everything that the reference would send for an entry.
func refCalls(e refEntry, in diffInputs) calls {
	out := calls{}
	switch e.mode() {
	case "OAUTH2", "MCP_OAUTH2":
		if e.has("authorization_url") {
			out["authorize"] = refAuthorize(e, in)
		}
		out["token"], out["refresh"] = refExchange(e, in), refRenew(e, in)
	case "CUSTOM":
		out["authorize"] = refInstall(e, in)
		out["token"], out["refresh"] = refExchange(e, in), refRenew(e, in)
		out["installation"] = refInstallation(e, in)
	case "APP":
		out["authorize"], out["installation"] = refInstall(e, in), refInstallation(e, in)
	case "OAUTH2_CC":
		out["token"] = refClientCredentials(e, in)
	case "TWO_STEP":
		maps.Copy(out, refLogin(e, in))
	case "OAUTH1":
		maps.Copy(out, refOAuth1(e, in))
	case "BILL":
		u, _ := parseWeb(e.text("token_url"))
		out["token"] = newCall()
		out["token"].putWeb(u)
	}
	if e.has("token") {
		out["jwt"] = refToken(e, in)
	}
	if e.has("assertion") {
		out["assertion"] = refAssertion(e, in)
	}
	out["api"] = refAPI(e, in)
	if c := refVerify(e, in); c != nil {
		out["verify"] = c
	}
	return out
}

// refInstall is the page of APP and CUSTOM, filled in without any encoding.
func refInstall(e refEntry, in diffInputs) *call {
	u, ok := parseWeb(in.configVars().choose(e.text("authorization_url")))
	if !ok {
		return failed("value")
	}
	c := newCall()
	c.putWeb(u)
	c.fields["query.state"] = diffState
	return c
}

func refInstallation(e refEntry, in diffInputs) *call {
	u, bad := refURL(e.tokenURL("APP"), in.config, false)
	if bad != "" {
		return failed(bad)
	}
	c := newCall()
	c.putWeb(u)
	return c
}
