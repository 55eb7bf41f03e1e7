package spec

import (
	"strings"

	"github.com/tieline/tieline/internal/template"
)

// affixes decides for each field with a prefix or a suffix whether someone who
// types it along with the value means the same thing. A form shows them as
// decoration ("https://" acme ".example.com"), and the URL template nearly
// always has them too; then they are taken off. Where the template lacks them
// they are part of the value.
func (c *checker) affixes(e *Entry) {
	uses := map[template.Ref][]template.HostUse{}
	e.urls(func(_ string, u *template.URL) {
		for _, use := range u.HostUses() {
			uses[use.Ref] = append(uses[use.Ref], use)
		}
	})
	for space, fields := range map[string]Fields{spaceConfig: e.ConnectionConfig, spaceCredential: e.Credentials, spaceIntegration: e.IntegrationConfig} {
		for i := range fields {
			f := &fields[i]
			for _, use := range uses[template.Ref{Space: space, Name: f.Name}] {
				f.keepPrefix = f.keepPrefix || use.Place == template.WholeURL
				f.keepSuffix = f.keepSuffix || !strings.HasPrefix(f.Suffix, "/") && use.After == "" && use.Place != template.Port
			}
		}
	}
}

// strip takes off the prefix and the suffix that a form shows around the field,
// if they were typed along.
func (f Field) strip(v string) string {
	if f.Prefix != "" && !f.keepPrefix && len(v) > len(f.Prefix) && strings.EqualFold(v[:len(f.Prefix)], f.Prefix) {
		v = v[len(f.Prefix):]
	}
	if n := len(v) - len(f.Suffix); f.Suffix != "" && !f.keepSuffix && n > 0 && strings.EqualFold(v[n:], f.Suffix) {
		v = v[:n]
		if !strings.HasPrefix(f.Suffix, ".") && !strings.HasPrefix(f.Suffix, "/") && !strings.HasPrefix(f.Suffix, "-") {
			// "acme.example.com" with the suffix "example.com": the dot goes too.
			v = strings.TrimSuffix(v, ".")
		}
	}
	return v
}
