package catalogtool

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/tieline/tieline/internal/spec"
)

// Categories are the words that entries of the built-in catalog are grouped by.
var Categories = []string{
	"accounting", "ai", "analytics", "ats", "banking", "cms", "communication", "crm", "design", "dev-tools", "e-commerce", "erp", "gaming",
	"hr", "iam", "invoicing", "knowledge-base", "legal", "marketing", "mcp", "other", "payment", "productivity", "social", "sports", "storage",
	"support", "surveys", "ticketing", "video",
}

// tokenModes are the modes whose entries say how tokens are refreshed, and how the
// application shows who it is.
var tokenModes = []spec.AuthMode{spec.OAuth2, spec.OAuth2CC, spec.Custom, spec.MCPOAuth2, spec.MCPOAuth2Generic}

// house checks the rules of the built-in catalog.
func (l *linter) house(files []spec.File) {
	l.each(func(w spec.Written) {
		l.described(w)
		l.explicit(w)
		l.triedOut(w)
		l.keyInQuery(w)
		l.provenance(w)
		l.hosts(w)
	})
	l.displayNames()
	l.filing(files)
}

// described checks what people are shown of an entry.
func (l *linter) described(w spec.Written) {
	p := w.Provider
	if unsaid(p.DisplayName) {
		l.breaks(w, "display_name", "no-display-name", "nothing says what the provider is called")
	}
	if unsaid(p.Docs) && p.AuthMode != spec.None {
		l.breaks(w, "docs", "no-docs", "there is no link to documentation")
	}
	if len(p.Categories) == 0 {
		l.breaks(w, "categories", "no-category", "the entry is in no category")
	}
	for i, c := range p.Categories {
		if !slices.Contains(Categories, c) {
			l.breaks(w, fmt.Sprintf("categories[%d]", i), "unknown-category", fmt.Sprintf("%q is none of %s", c, strings.Join(Categories, ", ")))
		}
	}
	for form, fields := range fieldsOf(p) {
		for _, f := range fields {
			if f.Hidden {
				continue // nobody sees it
			}
			for _, part := range []struct{ key, text string }{{"title", f.Title}, {"description", f.Description}} {
				if unsaid(part.text) {
					l.breaks(w, form+"."+f.Name, "field-untold", "the field lacks a "+part.key)
				}
			}
		}
	}
}

// unsaid reports whether a text is still to be written.
func unsaid(text string) bool {
	text = strings.TrimSpace(text)
	return text == "" || text == todo || strings.HasPrefix(text, todo+":")
}

// todo stands where [Import] leaves something to be filled in.
const todo = "TODO"

// explicit checks that an entry says what the loader would otherwise make up.
func (l *linter) explicit(w spec.Written) {
	p := w.Provider
	if !slices.Contains(tokenModes, p.AuthMode) {
		return
	}
	if p.Refresh == nil || p.Refresh.Grant == "" {
		l.breaks(w, "refresh", "no-refresh-policy", "refresh.grant does not say whether and how tokens are refreshed")
	}
	if p.ClientAuth == "" {
		l.breaks(w, "client_auth", "no-client-auth", "client_auth does not say where the application's credentials go")
	}
}

// triedOut checks that a credential a person typed in can be tried out.
func (l *linter) triedOut(w spec.Written) {
	p := w.Provider
	if p.AuthMode != spec.APIKey && p.AuthMode != spec.Basic {
		return
	}
	if len(p.Verify) == 0 && (p.Proxy == nil || p.Proxy.Verification == nil) && unsaid(p.Unverified) {
		l.breaks(w, "verify", "no-verification", "nothing tries the credential out, and no unverified says why not")
	}
}

// keyInQuery checks that somebody other than a catalog says that the vendor wants a secret in the URL of calls.
func (l *linter) keyInQuery(w spec.Written) {
	p := w.Provider
	if p.Proxy == nil {
		return
	}
	for _, m := range p.Proxy.Query {
		if !l.secretText(p, m.Value.Text) {
			continue
		}
		if !slices.ContainsFunc(p.Sources, func(s string) bool {
			return !slices.Contains(catalogs, whereOf(s)) && slices.Contains(factsOf(s), "attach")
		}) {
			l.breaks(w, "proxy.query."+m.Name, "key-in-query", "a secret goes into URLs, and no source of the vendor confirms (attach) that it takes no header")
		}
	}
}

// secretText reports whether a template has a secret in it.
func (l *linter) secretText(p spec.Provider, text string) bool {
	if strings.Contains(text, "${apiKey}") || strings.Contains(text, "${password}") || strings.Contains(text, "${accessToken}") {
		return true
	}
	return slices.ContainsFunc(references(text), func(r reference) bool {
		f, ok := fieldsOf(p)[r.form].Get(r.name)
		return ok && f.IsSecret() || !ok && spec.LooksSecret(r.name)
	})
}

// provenance checks where the facts of an entry come from, and when they were compared.
func (l *linter) provenance(w spec.Written) {
	p := w.Provider
	if p.AuthMode == spec.None {
		return // there is no vendor
	}
	if len(p.Sources) == 0 {
		l.breaks(w, "sources", "no-sources", "nothing says where the facts of the entry come from")
	}
	confirmed := false
	for i, s := range p.Sources {
		confirmed = confirmed || !strings.HasPrefix(s, notConfirmed)
		if reason := l.sourceReason(s); reason != "" {
			l.breaks(w, fmt.Sprintf("sources[%d]", i), "bad-source", reason)
		}
	}
	if len(p.Sources) > 0 && !confirmed {
		l.breaks(w, "sources", "no-sources", "the sources say what is not confirmed, and nothing that is")
	}
	switch at, err := time.Parse(time.DateOnly, p.Checked); {
	case unsaid(p.Checked):
		l.breaks(w, "checked", "no-date", "nothing says when the facts were last compared with their sources")
	case err != nil:
		l.breaks(w, "checked", "bad-date", "a date such as 2006-01-02 is expected")
	case !l.options.Now.IsZero() && at.After(l.options.Now):
		l.breaks(w, "checked", "bad-date", "the date is in the future")
	}
}

// displayNames checks that no two entries are called the same.
func (l *linter) displayNames() {
	taken := map[string]string{}
	l.each(func(w spec.Written) {
		name := strings.ToLower(strings.TrimSpace(w.Provider.DisplayName))
		if name == "" || name == strings.ToLower(todo) {
			return
		}
		if other, ok := taken[name]; ok {
			l.breaks(w, "display_name", "display-name-taken", fmt.Sprintf("%s is called %s, too", other, w.Provider.DisplayName))
			return
		}
		taken[name] = w.Name
	})
}
