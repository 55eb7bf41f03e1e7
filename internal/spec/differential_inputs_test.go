package spec

import (
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/tieline/tieline/internal/template"
	"github.com/tieline/tieline/providertest"
)

// What every comparison uses.
const (
	diffRedirect  = "https://app.example.com/oauth/callback"
	diffState     = "state-1"
	diffCode      = "code/1+2="
	diffVerifier  = "verifier-0123456789-0123456789-0123456789"
	diffChallenge = "challenge"
	diffAccess    = "access/token+1="
	diffRefresh   = "refresh/token+1="
	diffSignedJWT = "signed.by.token"
	diffEndpoint  = "v9/items"
)

// oddPath is a value with everything in it that has a meaning in a URL.
const oddPath = "a/b c?d#e"

// diffInputs is one set of values that a connection may have. Both sides get the same.
type diffInputs struct {
	id, secret string
	scopes     []string
	config     map[string]string // of the connection, and what an integration adds to it
	creds      map[string]string // typed in, and kept from a login
	options    map[string]string // used once, for an assertion
	shared     map[string]string // of the integration; before what is typed in
	unasked    bool              // the connection is older than the fields: nothing is required of it
}

// worlds are the inputs an entry is compared with: everything known; only what is
// required, without what a form fills in and what is found out later; and, where a
// template has alternatives, what suits the last one only; and, where values land in a
// path, such as would break out of it.
func worlds(t *testing.T, e refEntry, compiled *Entry) map[string]diffInputs {
	t.Helper()
	d, err := providertest.NewDialect(e.name, e.keys)
	if err != nil {
		t.Fatalf("%s: %v", e.name, err)
	}
	in := d.Inputs()
	full := diffInputs{
		id: in.ClientID, secret: in.ClientSecret, scopes: in.Scopes,
		config: maps.Clone(in.Config), creds: maps.Clone(in.Credentials), options: in.AssertionOption, shared: in.IntegrationConfig,
	}
	maps.Copy(full.config, in.Discovered)
	if e.mode() == "APP" || e.mode() == "CUSTOM" {
		full.config["appPublicLink"], full.config["installation_id"] = in.AppLink, "424242"
	}
	if len(full.scopes) > 0 && e.mode() == "OAUTH2_CC" {
		full.config["oauth_scopes"] = strings.Join(full.scopes, ",")
	}
	sparse := full
	sparse.config, sparse.creds = requiredOnly(e, "connection_config", full.config), requiredOnly(e, "credentials", full.creds)
	sparse.scopes = nil
	for name := range in.Discovered {
		delete(sparse.config, name)
	}
	if compiled != nil {
		fillLearned(compiled, &full)
	}
	keepFromLogin(e, &full)
	keepFromLogin(e, &sparse)
	out := map[string]diffInputs{"full": full, "sparse": sparse}
	if odd, found := withOddPaths(compiled, full); found {
		out["odd"] = odd
	}
	last := full
	last.unasked = true
	if last.config = withoutFirst(e, full.config); len(last.config) < len(full.config) {
		out["last"] = last
	}
	return out
}

// withOddPaths puts characters that have a meaning in a URL into every value that
// lands in a path and that nothing is said of.
func withOddPaths(e *Entry, in diffInputs) (odd diffInputs, found bool) {
	in.config, in.creds = maps.Clone(in.config), maps.Clone(in.creds)
	if e == nil {
		return in, false
	}
	v := newVars(&e.Provider)
	e.urls(func(_ string, u *template.URL) {
		for _, r := range u.PathRefs() {
			if r.Space == "" {
				r.Space = spaceCredential
			}
			f, _ := v.field(r)
			free := f.Pattern == "" && f.Format == "" && len(f.Enum) == 0 && !f.carriesPath() && !slices.ContainsFunc(u.HostRefs(), func(h template.Ref) bool { return h == r })
			for space, values := range map[string]map[string]string{spaceConfig: in.config, spaceCredential: in.creds} {
				if _, given := values[r.Name]; given && free && r.Space == space {
					values[r.Name], found = oddPath, true
				}
			}
		}
	})
	return in, found
}

// withoutFirst takes away what only alternatives before the last one need, so that
// the last one counts.
func withoutFirst(e refEntry, config map[string]string) map[string]string {
	first, last := map[string]bool{}, map[string]bool{}
	var walk func(v any)
	walk = func(v any) {
		switch v := v.(type) {
		case map[string]any:
			for _, below := range v {
				walk(below)
			}
		case []any:
			for _, below := range v {
				walk(below)
			}
		case string:
			alternatives := strings.Split(v, "||")
			for i, a := range alternatives {
				for _, m := range refConfigName.FindAllStringSubmatch(a, -1) {
					ends := i == len(alternatives)-1
					first[m[1]], last[m[1]] = first[m[1]] || !ends, last[m[1]] || ends
				}
			}
		}
	}
	walk(e.keys)
	out := maps.Clone(config)
	maps.DeleteFunc(out, func(name, _ string) bool {
		return first[name] && !last[name]
	})
	return out
}

// filled is what a form of the reference submits: with the defaults that only the
// form knows.
func (in diffInputs) filled(e refEntry) diffInputs {
	in.config, in.creds = maps.Clone(in.config), maps.Clone(in.creds)
	for section, values := range map[string]map[string]string{"connection_config": in.config, "credentials": in.creds} {
		for name := range e.object(section) {
			if _, given := values[name]; !given && e.has(section, name, "default_value") {
				values[name] = e.text(section, name, "default_value")
			}
		}
	}
	return in
}

// requiredOnly leaves out what may be left out.
func requiredOnly(e refEntry, section string, values map[string]string) map[string]string {
	out := maps.Clone(values)
	for name := range out {
		if e.at(section, name, "optional") == true || e.has(section, name, "default_value") || e.at(section, name, "automated") == true {
			delete(out, name)
		}
	}
	return out
}

// fillLearned gives values to what the provider tells in an answer.
func fillLearned(e *Entry, in *diffInputs) {
	env := plausible(e)
	for _, name := range e.ConfigNames {
		if _, ok := in.config[name]; ok {
			continue
		}
		for _, r := range allRefs(e) {
			if r.Space == spaceConfig && r.Name == name {
				in.config[name], _ = env.Lookup(r)
			}
		}
	}
}

var refRawName = regexp.MustCompile(`credentials\.(raw\.[A-Za-z0-9_.]+)`)

// keepFromLogin adds what a login leaves in the credential.
func keepFromLogin(e refEntry, in *diffInputs) {
	in.creds = maps.Clone(in.creds)
	if e.mode() != "TWO_STEP" {
		return
	}
	in.creds["assertion"], in.creds["_cookies"] = "assertion/1+=", "a=1; b=2"
	for _, m := range refRawName.FindAllStringSubmatch(fmt.Sprint(e.at("proxy")), -1) {
		in.creds[m[1]] = "of-the-answer"
	}
	for _, v := range refList(e.at("token_response_headers")) {
		in.creds[refText(v)] = "kept-" + strings.ToLower(refText(v))
	}
}

// allCreds are the credentials with those of the integration over them.
func (in diffInputs) allCreds() map[string]string {
	out := maps.Clone(in.creds)
	for k, v := range in.shared {
		if v != "" {
			out[k] = v
		}
	}
	return out
}

// objects makes of flat texts what templates see.
func objects(m map[string]string) map[string]any {
	out := make(map[string]any, len(m))
	for k, v := range m {
		out[k] = v
	}
	return out
}
