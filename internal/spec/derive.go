package spec

import (
	"cmp"
	"math"
	"strings"
	"time"
)

// derive fills in what follows from the keys without any template.
func (c *checker) derive(e *Entry) {
	p := c.p
	e.ClientAuth = clientAuth(p)
	e.PKCE = pkce(p)
	e.BodyFormat = bodyFormat(p)
	e.TokenMethod = cmp.Or(strings.ToUpper(p.TokenRequestMethod), "POST")
	e.ScopeSeparator = cmp.Or(p.ScopeSeparator, " ")
	e.CodeParam = cmp.Or(p.AuthorizationCodeParamInCallback, "code")
	e.StateParam = cmp.Or(p.StateParamInCallback, "state")
	e.Success = success(p.Success)
	e.ExpiresAtFormat = cmp.Or(p.ExpiresAtFormat, "auto")
	e.ExpiryInToken = p.Expiry == "jwt"
	e.OmitEmptyParams = p.AuthorizationURLSkipEmpty
	for _, s := range p.AuthorizationURLSkipEncode {
		e.RawScopes = e.RawScopes || s == "scopes"
	}
	e.ExpiresInUnit = timeUnit(p.ExpiresInUnit)
	e.ExpiryBuffer = seconds(p.TokenExpirationBuffer)
	if ms := p.TokenExpiresInMS; ms != nil && p.AuthMode == TwoStep {
		e.NeverExpires = *ms == 0
		e.FixedLifetime = milliseconds(*ms)
	}
	e.TokenGrant = tokenGrant(p)
	e.SignatureMethodName = cmp.Or(p.SignatureMethod, "HMAC-SHA1")
	e.Refresh = refreshPolicy(p)
	e.Captures = captures(p)
}

// timeUnits are the values of expires_in_unit.
var timeUnits = []string{"seconds", "milliseconds", "minutes", "hours", "days"}

func timeUnit(name string) time.Duration {
	switch name {
	case "milliseconds":
		return time.Millisecond
	case "minutes":
		return time.Minute
	case "hours":
		return time.Hour
	case "days":
		return 24 * time.Hour
	}
	return time.Second
}

// seconds makes a duration of n seconds, at most the longest there is.
func seconds(n int64) time.Duration {
	return bounded(n, time.Second)
}

func milliseconds(n int64) time.Duration {
	return bounded(n, time.Millisecond)
}

func bounded(n int64, unit time.Duration) time.Duration {
	if n > math.MaxInt64/int64(unit) {
		return math.MaxInt64
	}
	if n < 0 {
		return 0
	}
	return time.Duration(n) * unit
}

// clientAuth resolves the three keys that speak of client authentication to the
// one place where the credentials go.
func clientAuth(p *Provider) ClientAuth {
	switch {
	case p.ClientAuth != "":
		return ClientAuth(p.ClientAuth)
	case p.AuthorizationMethod == "header":
		return ClientAuthBasic
	case p.TokenRequestAuthMethod == "basic":
		return ClientAuthBasicRaw
	case p.TokenRequestAuthMethod == "custom":
		return ClientAuthCustom
	case p.TokenRequestAuthMethod == "private_key_jwt":
		return ClientAuthPrivateKeyJWT
	}
	return ClientAuthBody
}

func pkce(p *Provider) PKCE {
	switch {
	case p.PKCE != "":
		return PKCE(p.PKCE)
	case p.DisablePKCE != nil && *p.DisablePKCE:
		return PKCEForbidden
	}
	return PKCEOptional
}

func bodyFormat(p *Provider) BodyFormat {
	if p.BodyFormat != "" {
		return BodyFormat(p.BodyFormat)
	}
	if p.AuthMode == TwoStep {
		return BodyJSON
	}
	return BodyForm
}

// tokenGrant returns the grant_type of the first token request of an OAuth
// mode. The code flow has authorization_code; client credentials have what
// token_params says, and some of those send none.
func tokenGrant(p *Provider) string {
	grant := p.TokenParams.Text("grant_type")
	switch {
	case p.AuthMode.in(codeModes...):
		return cmp.Or(grant, "authorization_code")
	case p.AuthMode == OAuth2CC:
		return grant
	}
	return ""
}

// captures joins the lists of the format, whose values keep their dotted path as
// their name, and the sources of fields.
func captures(p *Provider) []Capture {
	var out []Capture
	add := func(field string, from CaptureFrom, path string) {
		for _, c := range out {
			if c.Field == field {
				return
			}
		}
		out = append(out, Capture{Field: field, From: from, Path: path})
	}
	for _, f := range p.ConnectionConfig {
		kind, path, _ := strings.Cut(f.Source, ":")
		switch from := CaptureFrom(kind); from {
		case FromTokenResponse, FromCallback, FromWebhook:
			add(f.Name, from, path)
		}
	}
	for _, name := range p.TokenResponseMetadata {
		add(name, FromTokenResponse, name)
	}
	for _, name := range p.RedirectURIMetadata {
		add(name, FromCallback, name)
	}
	for _, name := range p.WebhookResponseMetadata {
		add(name, FromWebhook, name)
	}
	return out
}
