package spec

import (
	"maps"
	"strings"
	"testing"

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

// diffInputs is one set of values that a connection may have. Both sides get the same.
type diffInputs struct {
	id, secret string
	scopes     []string
	config     map[string]string // of the connection, and what an integration adds to it
	creds      map[string]string // typed in, and kept from a login
	options    map[string]string // used once, for an assertion
	shared     map[string]string // of the integration; before what is typed in
}

// worlds are the inputs an entry is compared with: everything known, and only what
// is required, with nothing that a form fills in or that the provider tells.
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
	for _, list := range []string{"token_response_metadata", "redirect_uri_metadata", "webhook_response_metadata"} {
		for _, v := range refList(e.at(list)) {
			delete(sparse.config, refText(v))
		}
	}
	if compiled != nil {
		fillLearned(compiled, &full)
	}
	keepFromLogin(e, &full)
	keepFromLogin(e, &sparse)
	return map[string]diffInputs{"full": full, "sparse": sparse}
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

// keepFromLogin adds what a login leaves in the credential.
func keepFromLogin(e refEntry, in *diffInputs) {
	in.creds = maps.Clone(in.creds)
	if e.mode() != "TWO_STEP" {
		return
	}
	in.creds["assertion"], in.creds["_cookies"] = "assertion/1+=", "a=1; b=2"
	for _, v := range refList(e.at("token_response_headers")) {
		in.creds[refText(v)] = "kept-" + strings.ToLower(refText(v))
	}
}

// value is the credential of one name, that of the integration first.
func (in diffInputs) value(name string) (string, bool) {
	if v := in.shared[name]; v != "" {
		return v, true
	}
	v, ok := in.creds[name]
	return v, ok
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
