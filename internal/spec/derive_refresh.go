package spec

import (
	"cmp"
	"strings"
)

// refreshPolicy resolves the refresh key, but for what has templates in it. What a
// refresh sends as its grant type is never taken from token_params: that is the
// grant of the first request, unless that is what is repeated.
func refreshPolicy(p *Provider) Refresh {
	raw := RawRefresh{}
	if p.Refresh != nil {
		raw = *p.Refresh
	}
	out := Refresh{
		Grant:            cmp.Or(raw.Grant, defaultGrant(p)),
		Rotation:         cmp.Or(raw.Rotation, "optional"),
		Grace:            seconds(raw.GraceSeconds),
		GraceAnswer:      raw.GraceAnswer,
		Reuse:            raw.Reuse,
		OldAccessToken:   raw.OldAccessToken,
		Idle:             seconds(raw.IdleSeconds),
		Lifetime:         seconds(raw.LifetimeSeconds),
		DefaultExpiresIn: seconds(raw.DefaultExpiresIn),
		MaxExpiresIn:     seconds(raw.MaxExpiresIn),
		Errors:           raw.Errors,

		ParamNames: raw.ParamNames,
		ClientAuth: cmp.Or(ClientAuth(raw.ClientAuth), clientAuth(p)),
		Method:     cmp.Or(strings.ToUpper(raw.Method), strings.ToUpper(p.TokenRequestMethod), "POST"),
		Success:    success(cmp.Or(raw.Success, p.Success)),
		Scope:      raw.Scope,
		Keep:       raw.Keep,
		Introspect: raw.Introspect,
	}
	if out.ParamNames == nil {
		out.ParamNames = p.TokenParamNames
	}
	out.Body = callBody(raw.Method, raw.BodyFormat, bodyFormat(p))
	out.GrantType = refreshGrantType(p, out.Grant)
	switch out.Grant {
	case GrantExchange:
		out.TokenParam = cmp.Or(raw.TokenParam, "access_token")
	case GrantProlong:
		out.Prolong = seconds(raw.ProlongSeconds)
	case GrantRefreshToken, GrantReissue:
		// A token that lives longer is exchanged for another such token; what
		// begins anew has all the way to go.
		out.Then = len(p.Then) > 0
	}
	if raw.Then != nil {
		out.Then = *raw.Then && len(p.Then) > 0
	}
	return out
}

func defaultGrant(p *Provider) string {
	if p.AuthMode.in(OAuth2, Custom, MCPOAuth2, MCPOAuth2Generic) ||
		p.AuthMode == TwoStep && (p.RefreshTokenParams != nil || p.RefreshTokenHeaders != nil) {
		return GrantRefreshToken
	}
	return GrantNone
}

func refreshGrantType(p *Provider, grant string) string {
	declared := p.RefreshParams.Text("grant_type")
	switch grant {
	case GrantExchange:
		return declared
	case GrantReissue:
		return cmp.Or(declared, tokenGrant(p))
	}
	return cmp.Or(declared, "refresh_token")
}

// callBody is how a call sends its parameters. A GET has no body, so they are in
// its query unless the entry says something else, which is reported.
func callBody(method, format string, otherwise BodyFormat) BodyFormat {
	switch {
	case format != "":
		return BodyFormat(format)
	case strings.EqualFold(method, "GET"):
		return BodyQuery
	}
	return otherwise
}

// success resolves a success key. Of several tests, which are reported, the first
// counts.
func success(raw *RawSuccess) Success {
	if raw == nil {
		return Success{}
	}
	out := Success{Path: raw.Path, Status: int(raw.Status)}
	switch {
	case raw.Path == "":
	case raw.Equals != nil:
		out.Test, out.Want = "equals", *raw.Equals
	case raw.NotEquals != nil:
		out.Test, out.Want = "not_equals", *raw.NotEquals
	case raw.Present != nil && !*raw.Present:
		out.Test = "absent"
	default:
		out.Test = "present"
	}
	return out
}
