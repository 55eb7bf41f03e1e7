package catalogtool

import (
	"fmt"
	"slices"
	"strings"

	"github.com/tieline/tieline/internal/spec"
	"github.com/tieline/tieline/internal/template"
)

// appModes are the modes in which the secret of the application is sent: nobody who
// connects may choose where to.
var appModes = []spec.AuthMode{spec.OAuth2, spec.OAuth1, spec.Custom, spec.App, spec.MCPOAuth2}

// hosts checks that a person who connects does not choose the domain that the secret of
// the application goes to, or that the browser is sent to first.
func (l *linter) hosts(w spec.Written) {
	e, ok := l.set.Lookup(w.Name)
	if !ok || !slices.Contains(appModes, e.AuthMode) {
		return
	}
	urls := map[string]*template.URL{
		"authorization_url": e.AuthorizationURL, "device_authorization_url": e.DeviceAuthorizationURL, "request_url": e.RequestURL,
		"pushed_authorization_url": e.PushedAuthorizationURL, "token_url": e.TokenURL, "refresh_url": e.RefreshURL,
	}
	for mode, u := range e.TokenURLs {
		urls["token_url."+mode] = u
	}
	if e.Revocation != nil {
		urls["revocation.url"] = e.Revocation.URL
	}
	if e.Introspection != nil {
		urls["introspection.url"] = e.Introspection.URL
	}
	told := map[template.Ref]bool{}
	for _, key := range sortedKeys(urls) {
		u := urls[key]
		if u == nil || key == "refresh_url" && e.Provider.RefreshURL == "" {
			continue
		}
		for _, use := range u.HostUses() {
			if reason := hostReason(e, use); reason != "" && !told[use.Ref] {
				told[use.Ref] = true
				l.breaks(w, key, "user-chooses-host", fmt.Sprintf("the application's secret goes there, and ${%s} %s", use.Ref, reason))
			}
		}
	}
}

// hostReason says why a variable of a URL should not stand where it does, or "".
func hostReason(e *spec.Entry, use template.HostUse) string {
	if use.Ref.Space != "connectionConfig" {
		return ""
	}
	answered := slices.ContainsFunc(e.Captures, func(c spec.Capture) bool { return c.Field == use.Ref.Name && c.From == spec.FromTokenResponse })
	f, declared := e.ConnectionConfig.Get(use.Ref.Name)
	switch {
	case answered || f.Source == "discovery" || f.Source == "application":
		return "" // the provider says it, which the secret has gone to already, or the application
	case !declared:
		return chooses(use, "is not declared and chooses the domain")
	case len(f.Enum) > 0 || fixesDomain(f.Pattern):
		return ""
	}
	return chooses(use, "chooses the domain; a field of integration_config may, an enum, or a pattern that ends in the vendor's domain")
}

// chooses returns the reason if a variable chooses the domain. What another variable
// follows after a dot does not: the other one does.
func chooses(use template.HostUse, reason string) string {
	if use.Suffix == "" && strings.HasPrefix(use.After, ".") {
		return ""
	}
	if use.Place == template.WholeHost || use.Place == template.WholeURL || use.ChoosesDomain() {
		return reason
	}
	return ""
}
