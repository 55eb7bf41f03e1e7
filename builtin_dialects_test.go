package tieline

import (
	"encoding/json"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"testing"

	"gopkg.in/yaml.v3"

	"github.com/tieline/tieline/catalog/dialects"
)

// apartFromDialect says why a built-in entry has something else than the dialect of
// its name: entry and key, as TestBuiltinDialects reports them, and the reason.
var apartFromDialect = map[string]string{
	"apollo: verify":                                  "the same call; the base URL is the bare host",
	"azure-devops: verify":                            "the same call in an older version, and an answer in JSON besides",
	"facebook: body_format":                           "the exchange of a code is a form at the vendor's, as all its clients have it",
	"facebook: token_repeated_params":                 "the same",
	"figma: body_format":                              "the exchange is a form since the vendor moved it to another host",
	"figma: token_query_params":                       "the same",
	"figjam: body_format":                             "the same",
	"figjam: token_query_params":                      "the same",
	"aws-iam: verify":                                 "the same call; the variables have their short names",
	"intercom: uninstall.method":                      "it would end the tokens of every connection in the workspace",
	"intercom: uninstall.url":                         "the same",
	"jobber: token_param_names.redirect_uri":          "the standard request has it, and the vendor's documentation says nothing against it",
	"mercury: client_auth":                            "the entry is for clients with a secret (docs.mercury.com, Obtain the tokens)",
	"mercury: token_param_names.client_id":            "the same",
	"monday: authorization_param_names.response_type": "the entry is for the vendor's newer flow, which is OAuth 2.1",
	"salesforce-jwt: introspection.url":               "the credential has a key in place of the secret that is needed there",
	"salesforce-jwt: refresh.introspect":              "the same",
	"zoho: discovery.extension":                       "calls go to api_domain, or to a host with the data center in it (dc)",
}

// TestBuiltinDialects compares the built-in entries with the dialects. Those are laid
// over somebody else's file, and what they know has to be in our own as well.
func TestBuiltinDialects(t *testing.T) {
	t.Parallel()
	var overlay map[string]map[string]any
	if err := yaml.Unmarshal(dialects.File, &overlay); err != nil {
		t.Fatal(err)
	}
	over := builtinAliases(t)
	unused := maps.Clone(apartFromDialect)
	for p := range Builtin().All() {
		var entry map[string]any
		if err := json.Unmarshal(p.JSON(), &entry); err != nil {
			t.Fatal(err)
		}
		name := p.Name
		for overlay[name] == nil && over[name] != "" {
			name = over[name]
		}
		if overlay[name]["auth_mode"] != string(p.AuthMode) {
			continue
		}
		for _, gap := range dialectGaps(entry, likeJSON(t, overlay[name])) {
			where := name + ": " + gap.key // a reason counts for aliases as well
			if _, ok := apartFromDialect[where]; ok {
				delete(unused, where)
				continue
			}
			t.Errorf("%s: %s %s", p.Name, gap.key, gap.what)
		}
	}
	for where := range unused {
		t.Errorf("%s: there is no difference that would need a reason", where)
	}
}

// likeJSON is what was read from YAML, with the types that JSON has.
func likeJSON(t *testing.T, v map[string]any) map[string]any {
	t.Helper()
	text, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	var out map[string]any
	if err := json.Unmarshal(text, &out); err != nil {
		t.Fatal(err)
	}
	return out
}

// dialectGap is something that a dialect has and an entry has not.
type dialectGap struct{ key, what string }

// dialectGaps are all of them. What is looked up may be looked up or captured another
// way; only the names are compared. Of any other key what the dialect says has to be there.
func dialectGaps(entry, dialect map[string]any) []dialectGap {
	var out []dialectGap
	for _, key := range slices.Sorted(maps.Keys(dialect)) {
		switch want := dialect[key]; key {
		case "auth_mode", "sources", "checked":
		case "discovery":
			mine := found(entry)
			for _, name := range lookedUp(want) {
				if !slices.Contains(mine, name) {
					out = append(out, dialectGap{key + "." + name, "is not looked up"})
				}
			}
		case "override":
			for _, name := range slices.Sorted(maps.Keys(want.(map[string]any))) {
				o := want.(map[string]any)[name].(map[string]any)
				out = append(out, leafGaps(name, entry[name], o["value"])...)
			}
		default:
			out = append(out, leafGaps(key, entry[key], want)...)
		}
	}
	return out
}

// leafGaps compares mappings by what is in them, and all else as a whole.
func leafGaps(key string, have, want any) []dialectGap {
	if m, ok := want.(map[string]any); ok {
		mine, _ := have.(map[string]any)
		var out []dialectGap
		for _, name := range slices.Sorted(maps.Keys(m)) {
			out = append(out, leafGaps(key+"."+name, mine[name], m[name])...)
		}
		return out
	}
	if reflect.DeepEqual(have, want) {
		return nil
	}
	return []dialectGap{{key, fmt.Sprintf("is %v, and %v in the dialect", have, want)}}
}

// lookedUp are the names of the values that are looked up; a step that changes
// something at the provider has its URL for a name.
func lookedUp(discovery any) []string {
	var out []string
	list, _ := discovery.([]any)
	for _, x := range list {
		step := x.(map[string]any)
		if step["effect"] == true {
			out = append(out, step["url"].(string))
		}
		values, _ := step["values"].(map[string]any)
		for name := range values {
			out = append(out, name)
		}
	}
	slices.Sort(out)
	return slices.Compact(out)
}

// found are the names of the values that an entry looks up or captures.
func found(entry map[string]any) []string {
	out := lookedUp(entry["discovery"])
	for _, key := range []string{"token_response_metadata", "redirect_uri_metadata", "webhook_response_metadata"} {
		list, _ := entry[key].([]any)
		for _, x := range list {
			out = append(out, x.(string))
		}
	}
	return out
}

// TestBuiltinDiscovery finds fields that are said to be looked up, and are not.
func TestBuiltinDiscovery(t *testing.T) {
	t.Parallel()
	for p := range Builtin().All() {
		var entry map[string]any
		if err := json.Unmarshal(p.JSON(), &entry); err != nil {
			t.Fatal(err)
		}
		fields, _ := entry["connection_config"].(map[string]any)
		mine := lookedUp(entry["discovery"])
		for name, f := range fields {
			if f.(map[string]any)["source"] == "discovery" && !slices.Contains(mine, name) {
				t.Errorf("%s: %s is to be looked up, and no step does", p.Name, name)
			}
		}
	}
}
