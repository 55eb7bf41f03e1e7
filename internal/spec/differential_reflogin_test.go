package spec

import (
	"fmt"
	"maps"
	"regexp"
	"strings"
)

// The reference's requests of TWO_STEP, and what it signs.

// loginURL fills a URL from config and credentials, which share one namespace there.
func (in diffInputs) loginURL(template string) (webURL, string) {
	values := maps.Clone(in.config)
	maps.Copy(values, in.allCreds())
	return refURL(template, values, false)
}

// credVars are what headers and parameters of a login can see first.
func (in diffInputs) credVars(more map[string]string) refVars {
	v := refVars{"credentials": objects(in.allCreds())}
	for name, text := range more {
		v[name] = text
	}
	return v
}

func refLogin(e refEntry, in diffInputs) calls {
	out := calls{}
	vars := in.credVars(map[string]string{"token": diffSignedJWT})
	out["token"] = refLoginCall(e, in, e.text("token_url"), e.object("token_params"), e.object("token_headers"), vars)
	if e.has("refresh_token_params") || e.has("refresh_token_headers") {
		vars := in.credVars(map[string]string{"refresh_token": diffRefresh})
		target, headers := e.text("refresh_url"), e.object("refresh_token_headers")
		if target == "" {
			target = e.text("token_url")
		}
		if headers == nil {
			headers = e.object("token_headers")
		}
		out["refresh"] = refLoginCall(e, in, target, e.object("refresh_token_params"), headers, vars)
	}
	for i := range refList(e.at("additional_steps")) {
		out[fmt.Sprintf("step %d", i+2)] = refStep(e, in, i)
	}
	return out
}

// refLoginCall is one call of a login: parameters see the credentials, at any depth,
// and then the config, at the top only; headers see no config.
func refLoginCall(e refEntry, in diffInputs, target string, params, headers map[string]any, vars refVars) *call {
	u, bad := in.loginURL(target)
	if bad != "" {
		return failed(bad)
	}
	c := newCall()
	c.putWeb(u)
	c.loginForm(e.text("token_request_method"), e.text("body_format"))
	if c.fields["method"] != "GET" && params != nil {
		first, _ := vars.expandAll(params).(map[string]any)
		c.put("param", in.configVars().expandTop(first))
	}
	for name, v := range headers {
		c.fields["header."+strings.ToLower(name)] = vars.choose(refText(v))
	}
	return c
}

func (c *call) loginForm(method, format string) {
	if method == "" {
		method = "POST"
	}
	if format == "" {
		format = "json"
	}
	c.fields["method"], c.fields["format"] = method, format
	if method == "GET" {
		delete(c.fields, "format")
	}
}

var refStepName = regexp.MustCompile(`\$\{(step\d+)\.`)

// refStep is the i-th additional step. Of the answers only the first that a text
// mentions is used, and then the credentials.
func refStep(e refEntry, in diffInputs, i int) *call {
	step, _ := refList(e.at("additional_steps"))[i].(map[string]any)
	s := refEntry{name: e.name, keys: step}
	fill := func(text string, config bool) string {
		if m := refStepName.FindStringSubmatch(text); m != nil {
			text = refVars{m[1]: diffAnswer(m[1], e)}.choose(text)
		}
		text = in.credVars(nil).choose(text)
		if config {
			text = in.configVars().choose(text)
		}
		return text
	}
	target := in.configVars().choose(s.text("token_url"))
	if m := refStepName.FindStringSubmatch(target); m != nil {
		target = refVars{m[1]: diffAnswer(m[1], e)}.choose(target)
	}
	u, ok := parseWeb(target)
	if !ok {
		return failed("value")
	}
	c := newCall()
	c.putWeb(u)
	c.loginForm(s.text("token_request_method"), e.text("body_format"))
	if c.fields["method"] != "GET" {
		for name, v := range s.object("token_params") {
			if text, ok := v.(string); ok {
				v = fill(text, true)
			}
			c.put("param."+name, v)
		}
	}
	for name, v := range s.object("token_headers") {
		c.fields["header."+strings.ToLower(name)] = fill(refText(v), false)
	}
	return c
}

var refAnswerName = regexp.MustCompile(`\$\{(step\d+)\.([A-Za-z0-9_.-]+)\}`)

// diffAnswer is what an earlier call of a login answered: something for every name
// that the entry asks for.
func diffAnswer(step string, e refEntry) map[string]any {
	out := map[string]any{}
	for _, m := range refAnswerName.FindAllStringSubmatch(fmt.Sprint(e.at("additional_steps")), -1) {
		if m[1] == step {
			out[m[2]] = diffAnswerText(m[2])
		}
	}
	return out
}

func diffAnswerText(name string) string {
	if strings.HasSuffix(strings.ToLower(name), "url") || strings.HasSuffix(name, "endpoint") {
		return "https://login.example.com/base"
	}
	return "answer-" + strings.ReplaceAll(name, ".", "-")
}

// signVars are what signed tokens and assertions can see.
func (in diffInputs) signVars() refVars {
	return refVars{"credentials": objects(in.allCreds()), "connectionConfig": objects(in.config), "assertionOption": objects(in.options)}
}

// refToken is what token and signature describe: entries without a value are left
// out, and two bars in the key are two bars.
func refToken(e refEntry, in diffInputs) *call {
	vars := in.signVars()
	if key := in.creds["privateKey"]; e.name == "ghost-admin" && strings.Contains(key, ":") {
		id, secret, _ := strings.Cut(key, ":")
		vars["credentials"] = map[string]any{"privateKey": map[string]any{"id": id, "secret": secret}}
	}
	c := newCall()
	for _, part := range []string{"header", "payload"} {
		for name, v := range e.object("token", part) {
			if list, ok := v.([]any); ok {
				var items []string
				for _, item := range list {
					items = append(items, strings.Split(vars.expand(refText(item)), ",")...)
				}
				if text := strings.Join(items, "\x00"); text != "" && !strings.Contains(text, "${") {
					c.fields[part+"."+name] = text
				}
				continue
			}
			if text := vars.expand(refText(v)); !strings.Contains(text, "${") {
				c.fields[part+"."+name] = text
			}
		}
	}
	if key := e.text("token", "signing_key"); key != "" {
		c.fields["key"] = vars.expand(key)
	}
	c.fields["lifetime"] = e.text("token", "expires_in_ms") + "ms"
	return c
}

// refAssertion is the assertion, with what has no value left as it is written.
func refAssertion(e refEntry, in diffInputs) *call {
	vars := in.signVars()
	c := newCall()
	a, _ := vars.expandAll(e.object("assertion")).(map[string]any)
	for name, v := range a {
		switch name {
		case "type", "lifetimeInSeconds":
		case "audiences":
			if text, ok := v.(string); ok {
				v = []any{text}
			}
			c.put(name, v)
		default:
			c.put(name, v)
		}
	}
	return c
}
