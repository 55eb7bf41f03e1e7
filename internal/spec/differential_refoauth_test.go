package spec

import (
	"encoding/base64"
	"maps"
	"net/url"
	"regexp"
	"slices"
	"strings"
)

// The reference's requests of OAuth 2.0 and 1.0a.

var refConfigName = regexp.MustCompile(`connectionConfig\.([A-Za-z0-9_.-]+)`)

// precheck reports whether every config value that a text names is given. Of two
// alternatives one is enough.
func (in diffInputs) precheck(v any) bool {
	text, ok := v.(string)
	if !ok {
		return true
	}
	for _, alternative := range strings.Split(text, "||") {
		if !slices.ContainsFunc(refConfigName.FindAllStringSubmatch(alternative, -1), func(m []string) bool {
			_, given := in.config[m[1]]
			return !given
		}) {
			return true
		}
	}
	return false
}

func (in diffInputs) precheckAll(m map[string]any) bool {
	for _, v := range m {
		if !in.precheck(v) {
			return false
		}
	}
	return true
}

// configVars are what the parameters of OAuth requests can see.
func (in diffInputs) configVars() refVars { return refVars{"connectionConfig": objects(in.config)} }

// refAuthorize is the authorization request of OAUTH2 and MCP_OAUTH2.
func refAuthorize(e refEntry, in diffInputs) *call {
	params := e.object("authorization_params")
	if !in.precheck(e.text("authorization_url")) || !in.precheckAll(params) {
		return failed("missing")
	}
	target, bad := refURL(e.text("authorization_url"), in.config, e.lists("authorization_url_skip_encode", "base_url"))
	if bad != "" {
		return failed(bad)
	}
	separator := e.text("scope_separator")
	if separator == "" {
		separator = " "
	}
	query := map[string]string{
		"response_type": "code", "client_id": in.id, "redirect_uri": diffRedirect, "state": diffState,
		"scope": strings.Join(in.scopes, separator),
	}
	mcp := e.mode() == "MCP_OAUTH2"
	if e.at("disable_pkce") != true || mcp {
		query["code_challenge"], query["code_challenge_method"] = diffChallenge, "S256"
	}
	for name, v := range in.configVars().expandTop(params) {
		if _, standard := query[name]; !mcp || !standard {
			query[name] = refText(v)
		}
	}
	raw := e.lists("authorization_url_skip_encode", "scopes")
	scope := query["scope"]
	if e.at("authorization_url_skip_empty") == true {
		maps.DeleteFunc(query, func(_, v string) bool { return v == "" })
	}
	if raw {
		delete(query, "scope")
	}
	text := target.origin() + target.path
	if f := e.text("authorization_url_fragment"); f != "" {
		text += "#" + f
	}
	text += "?" + queryOf(query)
	if raw {
		text += "&scope=" + scope
	}
	for from, to := range e.object("authorization_url_replacements") {
		if to, ok := to.(string); ok {
			text = strings.Replace(text, from, to, 1)
		}
	}
	c := newCall()
	c.putAuthorization(text, raw)
	return c
}

// tokenURL is the text under token_url, or that for a way to get a token.
func (e refEntry) tokenURL(way string) string {
	if m := e.object("token_url"); m != nil {
		return refText(m[way])
	}
	return e.text("token_url")
}

// refCodeCall is a request of the generic OAUTH2 client: code exchange or refresh.
// Only origin and path of the URL are used, and refresh_url is not looked at.
func refCodeCall(e refEntry, in diffInputs, params map[string]any) *call {
	target, bad := refURL(e.tokenURL("OAUTH2"), in.config, e.lists("token_url_skip_encode", "base_url"))
	if bad != "" {
		return failed(bad)
	}
	target.query = ""
	c := newCall()
	c.putWeb(target)
	c.fields["method"], c.fields["format"] = "POST", "form"
	if e.text("body_format") == "json" {
		c.fields["format"] = "json"
	}
	c.put("param", params)
	if e.text("authorization_method") == "header" {
		c.fields["header.authorization"] = refBasic(url.QueryEscape(in.id), url.QueryEscape(in.secret))
	} else {
		c.fields["param.client_id"], c.fields["param.client_secret"] = in.id, in.secret
	}
	if e.text("token_request_auth_method") == "basic" {
		c.fields["header.authorization"] = refBasic(in.id, in.secret)
	}
	return c
}

func refBasic(user, password string) string {
	return "Basic " + base64.StdEncoding.EncodeToString([]byte(user+":"+password))
}

func refExchange(e refEntry, in diffInputs) *call {
	own := e.object("token_params")
	if !in.precheckAll(own) {
		return failed("missing")
	}
	params := map[string]any{"grant_type": "authorization_code", "code": diffCode, "redirect_uri": diffRedirect}
	if e.at("disable_pkce") != true {
		params["code_verifier"] = diffVerifier
	}
	maps.Copy(params, in.configVars().expandTop(own))
	return refCodeCall(e, in, params)
}

// refRenew is the refresh: its own parameters or else those of the code exchange,
// as they are written.
func refRenew(e refEntry, in diffInputs) *call {
	own := e.object("refresh_params")
	if own == nil {
		own = e.object("token_params")
	}
	params := map[string]any{"grant_type": "refresh_token", "refresh_token": diffRefresh}
	maps.Copy(params, own)
	return refCodeCall(e, in, params)
}

// refClientCredentials is the one request of OAUTH2_CC, which also refreshes.
func refClientCredentials(e refEntry, in diffInputs) *call {
	if !in.precheck(e.text("token_url")) {
		return failed("missing")
	}
	target, bad := refURL(e.text("token_url"), in.config, false)
	if bad != "" {
		return failed(bad)
	}
	c := newCall()
	c.putWeb(target)
	c.fields["method"], c.fields["format"] = "POST", "form"
	if f := e.text("body_format"); f != "" {
		c.fields["format"] = f
	}
	c.put("param", in.configVars().expandTop(e.object("token_params")))
	if scopes := in.config["oauth_scopes"]; scopes != "" {
		separator := e.text("scope_separator")
		if separator == "" {
			separator = " "
		}
		c.fields["param.scope"] = strings.Join(strings.Split(scopes, ","), separator)
	}
	id, secret := in.creds["client_id"], in.creds["client_secret"]
	switch e.text("token_request_auth_method") {
	case "basic":
		c.fields["header.authorization"] = refBasic(id, secret)
	case "custom":
		c.fields["param.username"], c.fields["param.password"] = id, secret
	case "private_key_jwt":
		c.fields["client assertion"] = "yes"
	default:
		c.fields["param.client_id"], c.fields["param.client_secret"] = id, secret
	}
	return c
}

// refOAuth1 are the three requests of OAUTH1; its templates are not expanded.
func refOAuth1(e refEntry, in diffInputs) calls {
	out := calls{}
	for role, key := range map[string]string{"request": "request_", "token": "token_"} {
		u, ok := parseWeb(e.text(key + "url"))
		if !ok {
			out[role] = failed("value")
			continue
		}
		c := newCall()
		c.putWeb(u)
		c.fields["method"] = "POST"
		c.fields["signed"] = "HMAC-SHA1"
		if m := e.text("signature_method"); m != "" {
			c.fields["signed"] = m
		}
		c.put("param", e.object(key+"params"))
		out[role] = c
	}
	u, _ := parseWeb(e.text("authorization_url"))
	c := newCall()
	c.putWeb(u)
	c.put("query", e.object("authorization_params"))
	c.fields["query.oauth_token"] = "temporary"
	c.fields["query.oauth_callback"] = diffRedirect + "?state=" + diffState
	if len(in.scopes) > 0 {
		c.fields["query.scope"] = strings.Join(in.scopes, e.text("scope_separator"))
	}
	out["authorize"] = c
	return out
}
