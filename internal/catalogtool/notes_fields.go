package catalogtool

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/tieline/tieline/internal/spec"
)

// noteFields reports fields that are not what they seem.
func (l *linter) noteFields(w spec.Written) {
	texts := leaves(w.Provider)
	l.noteUnused(w, texts)
	l.noteUndeclared(w, texts)
	l.noteOptional(w, texts)
	for form, fields := range fieldsOf(w.Provider) {
		for _, f := range fields {
			path := form + "." + f.Name
			if strings.HasPrefix(f.Pattern, "^") && !strings.HasSuffix(f.Pattern, "$") && !l.said(w, path+".pattern", "pattern-unanchored") && !l.said(w, path+".pattern", "pattern-invalid") {
				l.note(w, path+".pattern", "pattern-open-ended", "the pattern begins at the start of the value and says nothing about its end")
			}
		}
	}
}

// givenToModes are the names that auth modes use by themselves.
var givenToModes = []string{
	"apiKey", "username", "password", "client_id", "client_secret", "token_id", "token_secret", "organization_id", "dev_key",
	"role_arn", "region", "external_id", "client_certificate", "client_private_key",
}

// noteUnused reports fields that no template uses, where the loader has not.
func (l *linter) noteUnused(w spec.Written, texts []leaf) {
	used := map[reference]bool{}
	for _, t := range texts {
		for _, r := range references(t.text) {
			first, _, _ := strings.Cut(r.name, ".")
			used[r], used[reference{r.form, first}] = true, true
			if r.form == "credentials" { // what an application gives is found there as well
				used[reference{"integration_config", r.name}] = true
			}
		}
		if key, ok := strings.CutPrefix(t.path, "proxy.connection_config."); ok {
			used[reference{"connection_config", key}] = true
		}
	}
	for form, fields := range fieldsOf(w.Provider) {
		for _, f := range fields {
			path := form + "." + f.Name
			if f.Automated || f.Source != "" || used[reference{form, f.Name}] || slices.Contains(givenToModes, f.Name) || l.said(w, path, "unused-field") {
				continue
			}
			l.note(w, path, "field-in-code", "no template uses the value, so only code can")
		}
	}
}

// noteUndeclared reports values taken from answers that are no fields: nothing says
// what they are called, or what they look like.
func (l *linter) noteUndeclared(w spec.Written, texts []leaf) {
	p := w.Provider
	used := map[string]bool{}
	for _, t := range texts {
		for _, r := range references(t.text) {
			used[r.name] = used[r.name] || r.form == "connection_config"
		}
	}
	lists := map[string][]string{
		"token_response_metadata": p.TokenResponseMetadata, "redirect_uri_metadata": p.RedirectURIMetadata, "webhook_response_metadata": p.WebhookResponseMetadata,
	}
	for _, key := range slices.Sorted(maps.Keys(lists)) {
		for i, name := range lists[key] {
			if _, ok := p.ConnectionConfig.Get(name); ok {
				continue
			}
			path := fmt.Sprintf("%s[%d]", key, i)
			if used[name] {
				l.note(w, path, "used-undeclared", fmt.Sprintf("templates use %s, which no field declares", name))
			} else {
				l.note(w, path, "metadata-undeclared", fmt.Sprintf("no field declares %s", name))
			}
		}
	}
}

// noteOptional reports what is left out when a field is empty, and is sent elsewhere.
func (l *linter) noteOptional(w spec.Written, texts []leaf) {
	fields := fieldsOf(w.Provider)
	for _, t := range texts {
		if strings.Contains(t.text, "||") || strings.HasPrefix(t.path, "proxy.") || l.said(w, t.path, "optional-variable") {
			continue // elsewhere the proxy leaves out what has no value, too
		}
		for _, r := range references(t.text) {
			f, ok := fields[r.form].Get(r.name)
			if ok && f.Optional && (f.DefaultValue == nil || *f.DefaultValue == "") {
				l.note(w, t.path, "optional-elsewhere", fmt.Sprintf("without a value for %s this is left out; elsewhere the template is sent as it is", r.name))
			}
		}
	}
}

func sortedKeys[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }
