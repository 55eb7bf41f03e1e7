package catalogtool

import (
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/tieline/tieline/internal/spec"
	"github.com/tieline/tieline/internal/template"
)

// sameMeaning compares what two entries send, and what they make of the answers. How
// that is written, and what there are names for, is not compared.
var sameMeaning = []cmp.Option{
	cmpopts.IgnoreFields(spec.Entry{}, "Provider", "ConfigNames", "CredentialNames", "Webhooks"),
	cmp.Transformer("URL", func(u *template.URL) string {
		if u == nil {
			return ""
		}
		return u.String()
	}),
	cmp.Transformer("Text", func(t *template.Text) string {
		if t == nil {
			return ""
		}
		return t.String()
	}),
	cmp.Transformer("Regexp", func(re *regexp.Regexp) string {
		if re == nil {
			return ""
		}
		return re.String()
	}),
	cmpopts.SortSlices(func(a, b spec.Capture) bool { return a.Field < b.Field }),
	cmpopts.EquateEmpty(),
	cmp.Exporter(func(t reflect.Type) bool { return t.PkgPath() == reflect.TypeFor[spec.Entry]().PkgPath() }),
}

// madeOf lists what becomes of keys in the modes that have no use for them.
var madeOf = map[string][]string{
	"authorization_url":    {"AuthorizationURL"},
	"authorization_params": {"AuthorizationParams"},
	"token_url":            {"TokenURL", "RefreshURL"},
	"token_params":         {"TokenParams", "RefreshParams"},
	"refresh_token_params": {"RefreshTokenParams"},
}

// compared returns how an entry is compared with its import: without what nothing acts
// on in its mode.
func compared(name string, problems []spec.Problem) []cmp.Option {
	options := slices.Clone(sameMeaning)
	for _, p := range problems {
		if p.Entry == name && p.Code == "no-effect" && madeOf[p.Key] != nil {
			options = append(options, cmpopts.IgnoreFields(spec.Entry{}, madeOf[p.Key]...))
		}
	}
	return options
}

// Every entry that can be used can be imported, is usable then, and means the same.
func TestNangoImport(t *testing.T) {
	t.Parallel()
	files := nangoFiles(t)
	written, set, problems := inspect(files)
	imported, corrected := 0, 0
	for _, name := range set.Names() {
		before, _ := set.Lookup(name)
		text, err := convert(written[name], before, problems)
		if err != nil {
			t.Error(err)
			continue
		}
		again, doubts := spec.Load(spec.File{Name: name + ".yaml", Data: text})
		after, ok := again.Lookup(name)
		if !ok {
			t.Errorf("%s cannot be used once it is imported: %v\n%s", name, doubts, text)
			continue
		}
		imported++
		if diff := cmp.Diff(before, after, compared(name, problems)...); diff != "" {
			t.Errorf("%s means something else once it is imported (-want +got):\n%s", name, diff)
		}
		if strings.Contains(string(text), "token_params.grant_type: it is that of the mode") {
			corrected++
		}
		for _, key := range []string{"disable_pkce", "authorization_method", "token_request_auth_method", "post_connection_script"} {
			if strings.Contains(string(text), "\n  "+key+":") {
				t.Errorf("%s still has %s", name, key)
			}
		}
	}
	if imported != 977 || corrected != 22 {
		t.Errorf("%d imported, %d of them with a grant put right, want 977 and 22", imported, corrected)
	}
}

// What an import leaves to be done is reported of every entry, and nothing that the
// loader did not say before.
func TestNangoImportIsLinted(t *testing.T) {
	t.Parallel()
	files := nangoFiles(t)
	written, set, before := inspect(files)
	said := map[string]bool{}
	for _, p := range before {
		said[p.Entry+p.Code] = true
	}
	for _, name := range set.Names() {
		e, _ := set.Lookup(name)
		text, err := convert(written[name], e, before)
		if err != nil {
			continue // TestNangoImport reports it
		}
		findings := Lint([]spec.File{{Name: name[:1] + ".yaml", Data: text}}, LintOptions{House: true, Now: today})
		var codes []string
		for _, f := range findings {
			codes = append(codes, f.Code)
			if f.Severity != House && !said[name+f.Code] && f.Key != "checked" && f.Code != "unused-field" {
				t.Errorf("the import of %s has a new fault: %s", name, f)
			}
		}
		if e.AuthMode == spec.None {
			continue // there is no vendor to ask
		}
		for _, code := range []string{"no-sources", "no-date"} {
			if !slices.Contains(codes, code) {
				t.Errorf("%s: %s is not reported, only %v", name, code, codes)
			}
		}
	}
}
