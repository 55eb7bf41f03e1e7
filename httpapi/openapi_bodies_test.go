package httpapi

import (
	"encoding/json"
	"errors"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/tieline/tieline"
)

// sampler makes values that fit a schema, with every member that it has and, where no
// others are allowed, all those that other objects have.
type sampler struct {
	doc   node
	names []string // of members, in the whole document
}

// foreign is the value of members that do not belong where they are.
const foreign = "foreign"

func newSampler(doc node) *sampler {
	known := map[string]bool{"zzz": true}
	everywhere(doc, "#", func(n node, _ string) {
		properties, _ := n["properties"].(node)
		for name := range properties {
			known[name] = true
		}
	})
	delete(known, "allowed_integrations") // is read where it is refused
	return &sampler{doc: doc, names: sortedKeys(known)}
}

// samples are values for a schema: one for each of its alternatives.
func (s *sampler) samples(v any, path string) []any {
	schema := resolve(s.doc, v)
	if c, ok := schema["const"]; ok {
		return []any{c}
	}
	if list, ok := schema["enum"].([]any); ok {
		return list[:1]
	}
	for _, name := range []string{"oneOf", "anyOf"} {
		if list, ok := schema[name].([]any); ok {
			var all []any
			for _, one := range list {
				all = append(all, s.samples(one, path)...)
			}
			return all
		}
	}
	kind, ok := schema["type"].(string)
	if list, several := schema["type"].([]any); several {
		kind, ok = list[0].(string), true
	}
	switch {
	case kind == "object":
		return s.objects(schema, path)
	case kind == "array":
		return []any{s.samples(schema["items"], path+".0")[:1]}
	case kind == "integer":
		return []any{1}
	case kind == "boolean":
		return []any{true}
	case ok:
		return []any{text(schema, path)}
	}
	return []any{"a"}
}

func text(schema node, path string) string {
	switch format, _ := schema["format"].(string); {
	case format == "uri", strings.HasSuffix(path, "webhook_url_override"):
		return "https://example.com/x"
	case format == "email":
		return "a@example.com"
	case format == "uuid":
		return testKey
	case strings.HasSuffix(path, "expires_at"), strings.HasSuffix(path, "timestamp"):
		return time.Now().UTC().Format(time.RFC3339)
	}
	return "a"
}

func (s *sampler) objects(schema node, path string) []any {
	properties, _ := schema["properties"].(node)
	base := node{}
	var variants []any
	for _, name := range sortedKeys(properties) {
		values := s.samples(properties[name], join(path, name))
		base[name] = values[0]
		for _, v := range values[1:] {
			variants = append(variants, node{name: v})
		}
	}
	switch more := schema["additionalProperties"].(type) {
	case bool:
		for _, name := range s.names {
			if _, ok := base[name]; !ok && !more {
				base[name] = foreign
			}
		}
	case node:
		base["k"] = s.samples(more, join(path, "k"))[0]
	}
	all := []any{base}
	for _, v := range variants {
		one := node{}
		for name, value := range base {
			one[name] = value
		}
		for name, value := range v.(node) {
			one[name] = value
		}
		all = append(all, one)
	}
	return all
}

func join(path, name string) string { return strings.TrimPrefix(path+"."+name, ".") }

// reported are the items of an answer as "path code message".
func (a answer) reported() []string {
	var got struct {
		Error struct {
			Errors []item
		}
	}
	_ = json.Unmarshal(a.Body.Bytes(), &got)
	var all []string
	for _, it := range got.Error.Errors {
		all = append(all, strings.Join(it.Path, ".")+" "+it.Code+" "+it.Message)
	}
	slices.Sort(all)
	return all
}

// formModes are the auth modes of the forms, whose integration has to exist.
func formModes() map[string]tieline.AuthMode {
	return map[string]tieline.AuthMode{
		"/api-auth/api-key/{key}": tieline.ModeAPIKey, "/api-auth/basic/{key}": tieline.ModeBasic, "/auth/tba/{key}": tieline.ModeTBA,
		"/auth/bill/{key}": tieline.ModeBill, "/auth/signature/{key}": tieline.ModeSignature, "/auth/aws-sigv4/{key}": tieline.ModeAWSSigV4,
		"/auth/unauthenticated/{key}": tieline.ModeNone, "/oauth2/auth/{key}": tieline.ModeOAuth2CC,
	}
}

// specProviders are of modes that the built-in catalog has none of.
const specProviders = `
tba:
  display_name: TBA
  docs: https://example.com
  auth_mode: TBA
  proxy: {base_url: "https://example.com"}
signature:
  display_name: Signature
  docs: https://example.com
  auth_mode: SIGNATURE
  signature: {protocol: WSSE}
  proxy: {base_url: "https://example.com", headers: {x-wsse: "${accessToken}"}}
bill:
  display_name: Bill
  docs: https://example.com
  auth_mode: BILL
  token_url: https://example.com/login
  proxy: {base_url: "https://example.com"}
aws:
  display_name: AWS
  docs: https://example.com
  auth_mode: AWS_SIGV4
  proxy: {base_url: "https://example.com"}
`

// specWorld has an integration of each mode that forms are for, under its name.
func specWorld(t *testing.T) *world {
	w := newWorld(t, func(cfg *tieline.Config, _ *Options) {
		cfg.Providers, _ = cfg.Providers.With(tieline.CatalogFile{Name: "spec.yaml", Data: []byte(specProviders)})
	})
	w.withFunctions(nil)
	for _, mode := range formModes() {
		err := errors.New("no provider is of this mode")
		for p := range w.client.Providers.All() {
			if p.AuthMode != mode || err == nil {
				continue
			}
			in := tieline.Integration{Key: string(mode), Provider: p.Name}
			if mode == tieline.ModeTBA {
				in.App = &tieline.OAuthApp{ClientID: "a", ClientSecret: tieline.NewSecret("b")}
			}
			_, err = w.client.Integrations.Create(t.Context(), in)
		}
		if err != nil {
			t.Errorf("%s: %v", mode, err)
		}
	}
	return w
}

// target is a path of the document with values in it, and the header of who may
// call it.
func (w *world) target(o operation) (target, authorization string) {
	authorization = "Bearer " + testKey
	key := "k"
	if mode, ok := formModes()[o.path]; ok {
		key = string(mode)
	}
	if strings.Contains(o.path, "auth/") {
		authorization = "Bearer " + w.session(tieline.Session{})
	}
	target = strings.NewReplacer("{key}", key, "{id}", "alice", "{provider}", "github", "{name}", "f").Replace(o.path)
	if strings.HasSuffix(o.path, "s/{id}") || strings.HasSuffix(o.path, "n/{id}") {
		target += "?provider_config_key=k"
	}
	return target, authorization
}

// Bodies have the members that handlers read, and those that have to be there are
// those that handlers miss.
func TestOpenAPIBodies(t *testing.T) {
	t.Parallel()
	w := specWorld(t)
	doc := w.spec()
	checked := 0
	for _, o := range operations(doc) {
		if !w.routed(o) {
			continue
		}
		request := resolve(doc, o.node["requestBody"])
		content, _ := request["content"].(node)
		schema := resolve(doc, resolve(doc, content["application/json"])["schema"])
		if schema["additionalProperties"] != false {
			continue
		}
		checked++
		w.checkBody(o, doc, schema)
	}
	if checked < 2 {
		t.Errorf("%d bodies were looked at", checked)
	}
}

func (w *world) routed(o operation) bool {
	return slices.ContainsFunc(w.documented(), func(rt route) bool { return rt.method+" "+rt.pattern == o.String() })
}

func (w *world) checkBody(o operation, doc, schema node) {
	w.t.Helper()
	target, authorization := w.target(o)
	send := func(body node) answer {
		if o.path == "/connect/telemetry" {
			body["token"] = w.session(tieline.Session{})
		}
		return w.call(o.method, target, body, "Authorization", authorization, "Provider-Config-Key", "k", "Connection-Id", "alice")
	}
	s := newSampler(doc)
	for _, v := range s.samples(schema, "") {
		body := v.(node)
		a := send(body)
		if diff := cmp.Diff(refusals(body), a.reported()); diff != "" || a.at("error.code") != "invalid_body" {
			w.t.Errorf("%s: answered with %d (-want +got)\n%s", o, a.Code, diff)
		}
	}
	required, _ := schema["required"].([]any)
	for name := range schema["properties"].(node) {
		body := s.samples(schema, "")[0].(node)
		delete(body, name)
		missing := slices.ContainsFunc(send(body).reported(), func(it string) bool {
			return strings.HasPrefix(it, name+" ") && !strings.Contains(it, "unrecognized_keys")
		})
		if missing != slices.Contains(required, any(name)) {
			w.t.Errorf("%s: %s has to be there: %v", o, name, missing)
		}
	}
}

// refusals are the reports of the members of a sample that do not belong there.
func refusals(sample any) []string {
	var all []string
	everywhere(sample, "", func(n node, at string) {
		var names []string
		for _, name := range sortedKeys(n) {
			if n[name] == foreign {
				names = append(names, strconv.Quote(name))
			}
		}
		if len(names) > 0 {
			at = strings.ReplaceAll(strings.TrimPrefix(at, "/"), "/", ".")
			all = append(all, at+" unrecognized_keys Unrecognized keys: "+strings.Join(names, ", "))
		}
	})
	slices.Sort(all)
	return all
}

// Queries have the parameters that handlers read.
func TestOpenAPIQueries(t *testing.T) {
	t.Parallel()
	w := specWorld(t)
	doc := w.spec()
	checked := 0
	for _, o := range operations(doc) {
		target, authorization := w.target(o)
		if !w.routed(o) || strings.HasPrefix(o.path, "/proxy") || strings.HasPrefix(o.path, "/webhook") {
			continue
		}
		target, _, _ = strings.Cut(target, "?")
		call := func(q url.Values) answer {
			return w.call(o.method, target+"?"+q.Encode(), nil, "Authorization", authorization)
		}
		if a := call(url.Values{"zzz": {"x"}}); a.Code != 400 || a.at("error.code") != "invalid_query_params" {
			continue
		}
		checked++
		query := url.Values{"zzz": {"x"}}
		for _, p := range parameters(doc, o) {
			if p["in"] == "query" {
				addSample(query, newSampler(doc), p)
			}
		}
		want := []string{` unrecognized_keys Unrecognized key: "zzz"`}
		if a := call(query); !slices.Equal(a.reported(), want) {
			w.t.Errorf("%s?%s: answered with %s", o, query.Encode(), a.Body)
		}
	}
	if checked < 3 {
		t.Errorf("%d queries were looked at", checked)
	}
}

func addSample(query url.Values, s *sampler, p node) {
	name := p["name"].(string)
	v := s.samples(p["schema"], "")[0]
	switch v := v.(type) {
	case []any:
		v0, _ := v[0].(string)
		query.Add(name, v0)
	case node:
		for k, value := range v {
			if text, ok := value.(string); ok && text != foreign {
				query.Add(name+"["+k+"]", text)
			}
		}
	case int:
		query.Add(name, "1")
	case string:
		query.Add(name, v)
	}
}
