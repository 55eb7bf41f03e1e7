package catalogtool

import (
	"fmt"
	"slices"
	"strings"

	"github.com/tieline/tieline/internal/spec"
)

// deadKeys are what an imported entry is better without, and why.
var deadKeys = map[string]string{
	"auth":                            "nothing reads it",
	"decode_url":                      "nothing reads it",
	"refresh_token_response_metadata": "nothing reads it",
	"proxy_header_authorization":      "nothing reads it",
	"pre_connection_creation_script":  "nothing reads it",
	"post_connection_script":          "it names code; discovery and then say as data what such code does",
	"pre_connection_deletion_script":  "it names code; uninstall says as data what such code does",
	"credentials_verification_script": "it names code; verify says as data what such code does",
	"authorization_method":            "client_auth says it",
	"token_request_auth_method":       "client_auth says it",
	"disable_pkce":                    "pkce says it",
	"service":                         "import the service itself",
	"methods":                         "import each by its name, and put them under the service",
}

// quietly dropped keys are said in other words, so that nothing is lost.
var quietly = []string{"authorization_method", "token_request_auth_method", "disable_pkce"}

// Import returns an entry of files in the format that ours comes from as one of ours:
// everything inherited is written out, what the loader would make up is said, and what
// nothing acts on is left out, with a comment. What has to be found out is marked for
// [Lint] to report.
func Import(files []spec.File, name string) ([]byte, error) {
	written, set, problems := inspect(files)
	w, ok := written[name]
	if !ok {
		return nil, unknown(name, written, problems)
	}
	e, ok := set.Lookup(name)
	if !ok {
		err := fmt.Errorf("%s cannot be used as it is", name)
		for _, p := range problems {
			if p.Entry == name && p.Severity == spec.Rejected {
				err = fmt.Errorf("%w\n  %s", err, p)
			}
		}
		return nil, err
	}
	return convert(w, e, problems)
}

// convert returns an entry as one of ours.
func convert(w spec.Written, e *spec.Entry, problems []spec.Problem) ([]byte, error) {
	i := &importer{e: e, p: w.Provider}
	i.clients()
	i.grants()
	i.captured()
	i.secrets()
	m := i.without(valueOf(i.p), problems)
	comments := i.fillIn(&m)
	head := "Imported; everything marked " + todo + " has to be found out."
	if len(i.dropped) > 0 {
		head += " Left out:\n" + strings.Join(i.dropped, "\n")
	}
	text, err := encodeEntry(e.Name, m, head, comments)
	if err != nil {
		return nil, err
	}
	_, after := spec.Load(spec.File{Name: e.Name, Data: text})
	for _, p := range after {
		if p.Severity == spec.Rejected {
			return nil, fmt.Errorf("what was made of the entry cannot be used: %s", p)
		}
	}
	return text, nil
}

// importer turns an entry into one of ours.
type importer struct {
	e       *spec.Entry   // what it means
	p       spec.Provider // what will be written of it
	dropped []string
}

func (i *importer) drop(key, why string) {
	i.dropped = append(i.dropped, key+": "+why)
}

// clients says where the application's credentials go, and whether PKCE is used.
func (i *importer) clients() {
	if slices.Contains(tokenModes, i.p.AuthMode) {
		i.p.ClientAuth = string(i.e.ClientAuth)
	}
	if slices.Contains(codeFlow, i.p.AuthMode) {
		i.p.PKCE = string(i.e.PKCE)
	}
}

// grants says how a token is refreshed. The grant type of a code is that of its mode, and
// no refresh has it.
func (i *importer) grants() {
	p := &i.p
	if !slices.Contains(tokenModes, p.AuthMode) && (p.AuthMode != spec.TwoStep || i.e.Refresh.Grant == spec.GrantNone) {
		return
	}
	refresh := spec.RawRefresh{}
	if p.Refresh != nil {
		refresh = *p.Refresh
	}
	refresh.Grant = i.e.Refresh.Grant
	p.Refresh = &refresh
	if !slices.Contains(codeFlow, p.AuthMode) || refresh.Grant != spec.GrantRefreshToken {
		return
	}
	if p.TokenParams.Text("grant_type") == "authorization_code" {
		p.TokenParams = withoutKey(p.TokenParams, "grant_type")
		if p.RefreshParams == nil {
			i.drop("token_params.grant_type", "it is that of the mode, and no refresh has it")
		}
	}
	switch grant := p.RefreshParams.Text("grant_type"); grant {
	case "refresh_token":
		p.RefreshParams = withoutKey(p.RefreshParams, "grant_type")
	case "authorization_code":
		p.RefreshParams = withoutKey(p.RefreshParams, "grant_type")
		i.drop("refresh_params.grant_type", "a refresh with "+grant+" is none")
	}
	if p.RefreshParams != nil && len(p.RefreshParams) == 0 && !i.repeats() {
		p.RefreshParams = nil
	}
}

// repeats reports whether a refresh without refresh_params would send something.
func (i *importer) repeats() bool {
	return slices.ContainsFunc(i.p.TokenParams, func(m spec.Member) bool {
		return !slices.Contains([]string{"grant_type", "redirect_uri", "code", "code_verifier"}, m.Name)
	})
}

func withoutKey(m spec.Map, key string) spec.Map {
	return slices.DeleteFunc(slices.Clone(m), func(e spec.Member) bool { return e.Name == key })
}

// captured makes fields of the values that come from answers.
func (i *importer) captured() {
	p := &i.p
	fields := slices.Clone(p.ConnectionConfig)
	move := func(names []string, from string) []string {
		return slices.DeleteFunc(slices.Clone(names), func(name string) bool {
			if strings.Contains(name, ".") {
				return false // the list names paths, a field has a name
			}
			at := slices.IndexFunc(fields, func(f spec.Field) bool { return f.Name == name })
			if at < 0 {
				at = len(fields)
				fields = append(fields, spec.Field{Name: name, Type: "string", Title: todo, Description: todo, Automated: true})
			}
			if !fields[at].Automated {
				return false // it is asked for as well
			}
			if fields[at].Source == "" {
				fields[at].Source = from + ":" + name
			}
			return true
		})
	}
	p.TokenResponseMetadata = move(p.TokenResponseMetadata, "token_response")
	p.RedirectURIMetadata = move(p.RedirectURIMetadata, "callback")
	p.WebhookResponseMetadata = move(p.WebhookResponseMetadata, "webhook")
	p.ConnectionConfig = fields
}

// secrets says which fields are secret.
func (i *importer) secrets() {
	yes := true
	for _, form := range []*spec.Fields{&i.p.Credentials, &i.p.ConnectionConfig, &i.p.IntegrationConfig, &i.p.AssertionOption} {
		*form = slices.Clone(*form)
		for j, f := range *form {
			if f.Secret == nil && f.IsSecret() {
				(*form)[j].Secret = &yes
			}
		}
	}
}

// without leaves out the keys that nothing acts on.
func (i *importer) without(m spec.Map, problems []spec.Problem) spec.Map {
	dead := map[string]string{}
	for key, why := range deadKeys {
		dead[key] = why
	}
	for _, p := range problems {
		if p.Entry == i.e.Name && p.Code == "no-effect" && !strings.Contains(p.Key, ".") {
			dead[p.Key] = "it has no effect with auth_mode " + string(i.p.AuthMode)
		}
	}
	return slices.DeleteFunc(slices.Clone(m), func(e spec.Member) bool {
		why, isDead := dead[e.Name]
		if isDead && !slices.Contains(quietly, e.Name) {
			i.drop(e.Name, why)
		}
		return isDead
	})
}

// fillIn adds what has to be found out, and returns the comments of these keys.
func (i *importer) fillIn(m *spec.Map) map[string]string {
	comments := map[string]string{}
	add := func(key string, v spec.Value, comment string) {
		if _, ok := m.Get(key); !ok {
			*m = append(*m, spec.Member{Name: key, Value: v})
			comments[key] = todo + ": " + comment
		}
	}
	if (i.p.AuthMode == spec.APIKey || i.p.AuthMode == spec.Basic) && len(i.p.Verify) == 0 && (i.p.Proxy == nil || i.p.Proxy.Verification == nil) {
		add("unverified", spec.Value{Kind: spec.String, Text: todo}, "a verify instead, or why there is none")
	}
	add("sources", spec.Value{Kind: spec.List}, "where each of the facts is from, such as https://docs.acme.example (authorize, token)")
	add("checked", spec.Value{Kind: spec.String, Text: todo}, "the date of the comparison")
	return comments
}
