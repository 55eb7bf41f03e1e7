package spec

import (
	"fmt"
	"slices"
)

// refreshKeys checks the refresh key.
func (c *checker) refreshKeys() {
	r := c.p.Refresh
	if r == nil {
		return
	}
	c.choice(Rejected, "refresh.grant", r.Grant, GrantRefreshToken, GrantNone, GrantExchange, GrantReissue, GrantProlong)
	c.choice(Rejected, "refresh.rotation", r.Rotation, "none", "optional", "always")
	c.choice(Rejected, "refresh.grace_answer", r.GraceAnswer, "same_answer", "new_pair", "newest_pair_only")
	c.choice(Rejected, "refresh.reuse", r.Reuse, "ignore", "reject", "revoke_family")
	c.choice(Rejected, "refresh.old_access_token", r.OldAccessToken, "stays", "dies")
	c.atLeast("refresh.grace_seconds", r.GraceSeconds, 0)
	c.atLeast("refresh.idle_seconds", r.IdleSeconds, 0)
	c.atLeast("refresh.lifetime_seconds", r.LifetimeSeconds, 0)
	c.atLeast("refresh.default_expires_in", r.DefaultExpiresIn, 0)
	c.atLeast("refresh.max_expires_in", r.MaxExpiresIn, 0)
	if r.MaxExpiresIn > 0 && r.DefaultExpiresIn > r.MaxExpiresIn {
		c.doubt("refresh.default_expires_in", "bad-value", "the default is longer than max_expires_in")
	}
	c.errorRules(r.Errors)
	c.bodyCall("refresh", r.Method, r.BodyFormat)
	c.choice(Rejected, "refresh.client_auth", r.ClientAuth, clientAuths...)
	c.names("refresh.param_names", r.ParamNames, tokenParamNames...)
	c.distinct("refresh.param_names", r.ParamNames)
	c.successKey("refresh.success", r.Success)
	c.refreshCombinations(r)
}

func (c *checker) errorRules(rules []ErrorRule) {
	for i, rule := range rules {
		path := fmt.Sprintf("refresh.errors[%d]", i)
		c.choice(Rejected, path+".class", rule.Class, "permanent", "config", "transient", "ambiguous")
		if rule.Class == "" {
			c.reject(path, "missing-key", "the rule has no class")
		}
		if rule.Status == 0 && rule.Code == "" {
			c.reject(path, "missing-key", "the rule has neither a status nor a code, and would match every error")
		}
		if rule.Status != 0 && (rule.Status < 200 || rule.Status > 599) {
			c.reject(path+".status", "bad-value", "there is no such HTTP status")
		}
	}
}

// refreshCombinations reports parts of the refresh key that do not go together.
func (c *checker) refreshCombinations(r *RawRefresh) {
	p := c.p
	grant := refreshPolicy(p).Grant
	only := func(key string, there bool, grants ...string) {
		if there && !slices.Contains(grants, grant) {
			c.doubt("refresh."+key, "no-effect", fmt.Sprintf("the key has no effect with the grant %s", grant))
		}
	}
	if r.Grant != "" && r.Grant != GrantNone && r.Grant != GrantRefreshToken && !p.AuthMode.in(codeModes...) {
		c.doubt("refresh.grant", "no-effect", fmt.Sprintf("there is no such refresh with auth_mode %s", p.AuthMode))
	}
	request := []string{GrantRefreshToken, GrantExchange, GrantReissue, GrantProlong}
	if !p.AuthMode.in(codeModes...) {
		request = nil // TWO_STEP and OAUTH2_CC have keys of their own for it
	}
	only("param_names", r.ParamNames != nil, request...)
	only("client_auth", r.ClientAuth != "", request...)
	only("body_format", r.BodyFormat != "", request...)
	only("method", r.Method != "", request...)
	only("headers", r.Headers != nil, request...)
	only("success", r.Success != nil, request...)
	only("then", r.Then != nil, request...)
	only("scope", r.Scope, request...)
	if r.Scope && p.RefreshParams.Text("scope") != "" {
		c.doubt("refresh.scope", "no-effect", "refresh_params has a scope, and wins")
	}
	only("token_param", r.TokenParam != "", GrantExchange)
	only("prolong_seconds", r.ProlongSeconds != 0, GrantProlong)
	only("keep", r.Keep, GrantRefreshToken)
	if r.Keep && r.Rotation == "always" {
		c.doubt("refresh.keep", "bad-value", "a refresh token that is always replaced cannot be kept")
	}
	if grant == GrantProlong && r.ProlongSeconds < 1 {
		c.reject("refresh.prolong_seconds", "missing-key", "nothing says how long a prolonged token lives")
	}
	if r.Then != nil && *r.Then && len(p.Then) == 0 {
		c.reject("refresh.then", "missing-key", "there is no then to repeat")
	}
	if r.Introspect && (p.Introspection == nil || p.Introspection.URL == "") {
		c.reject("refresh.introspect", "missing-key", "nothing says where to ask: introspection.url")
	}
}
