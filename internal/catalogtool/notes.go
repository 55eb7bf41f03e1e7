package catalogtool

import (
	"fmt"
	"slices"
	"strings"

	"github.com/tieline/tieline/internal/spec"
)

// The notes are about what works here and elsewhere does not, or not in the same way:
// elsewhere is the system that the format comes from. They are for people who share a
// file with it.

// codeFlow are the modes with an authorization code.
var codeFlow = []spec.AuthMode{spec.OAuth2, spec.Custom, spec.MCPOAuth2, spec.MCPOAuth2Generic}

// triedElsewhere are the modes in which a verification is run elsewhere.
var triedElsewhere = []spec.AuthMode{spec.APIKey, spec.Basic, spec.TBA, spec.JWT, spec.Signed, spec.Bill, spec.AWSSigV4, spec.InstallPlugin}

// notes reports what a reader of the file elsewhere makes something else of.
func (l *linter) notes(w spec.Written) {
	l.noteRefresh(w)
	l.noteURLs(w)
	l.noteInheritance(w)
	l.noteFields(w)
	p := w.Provider
	if p.Proxy != nil && p.Proxy.Verification != nil && !slices.Contains(triedElsewhere, p.AuthMode) {
		l.note(w, "proxy.verification", "verification-elsewhere", fmt.Sprintf("elsewhere credentials of auth_mode %s are never tried out", p.AuthMode))
	}
	if len(p.TokenHeaders) > 0 && p.AuthMode != spec.TwoStep {
		l.note(w, "token_headers", "token-headers-elsewhere", "elsewhere these headers are sent with auth_mode TWO_STEP only")
	}
}

// noteRefresh reports what a refresh sends.
func (l *linter) noteRefresh(w spec.Written) {
	p := w.Provider
	if !slices.Contains(codeFlow, p.AuthMode) {
		return
	}
	if p.RefreshURL != "" {
		l.note(w, "refresh_url", "refresh-url-elsewhere", "elsewhere a refresh goes to the token_url")
	}
	for _, m := range p.RefreshParams {
		if strings.Contains(m.Value.Text, "${") {
			l.note(w, "refresh_params."+m.Name, "refresh-template-elsewhere", "elsewhere the template is sent as it is")
		}
	}
	if p.RefreshParams != nil || p.Refresh != nil && p.Refresh.Grant != "" && p.Refresh.Grant != spec.GrantRefreshToken {
		return
	}
	for _, m := range p.TokenParams {
		switch m.Name {
		case "grant_type":
			l.note(w, "token_params.grant_type", "refresh-grant-elsewhere",
				fmt.Sprintf("elsewhere a refresh sends grant_type=%s, too, unless there are refresh_params", m.Value.Text))
		case "redirect_uri", "code", "code_verifier":
		default:
			l.note(w, "token_params."+m.Name, "refresh-repeats", "the parameter is sent with refreshes, too; refresh_params says what is meant")
		}
	}
}

// noteURLs reports parts of URLs that are dropped elsewhere.
func (l *linter) noteURLs(w spec.Written) {
	p := w.Provider
	urls := map[string]string{}
	if slices.Contains(codeFlow, p.AuthMode) {
		urls["authorization_url"] = p.AuthorizationURL
		urls["token_url"] = p.TokenURL.URL
		for mode, u := range p.TokenURL.ByMode {
			urls["token_url."+mode] = u
		}
	}
	for _, key := range sortedKeys(urls) {
		if strings.ContainsAny(urls[key], "?#") {
			l.note(w, key, "query-elsewhere", "elsewhere the query and the fragment of the URL are dropped")
		}
	}
	if p.Proxy == nil {
		return
	}
	for _, r := range references(p.Proxy.BaseURL) {
		if strings.Contains(r.name, ".") {
			l.note(w, "proxy.base_url", "dotted-name-elsewhere", fmt.Sprintf("elsewhere %s, a name with a dot, has no value in a base URL", r.name))
		}
	}
}

// noteInheritance reports an alias that is signed in to in another way than what it
// inherits from, with the keys that it has from there.
func (l *linter) noteInheritance(w spec.Written) {
	from, ok := l.written[w.Alias]
	if w.Alias == w.Name || !ok || from.Provider.AuthMode == w.Provider.AuthMode {
		return
	}
	if keys := sortedKeys(w.Inherits); len(keys) > 0 {
		l.note(w, "auth_mode", "alias-changes-mode", fmt.Sprintf("%s is signed in to with %s; what is inherited from it was made for that: %s",
			w.Alias, from.Provider.AuthMode, strings.Join(keys, ", ")))
	}
}
