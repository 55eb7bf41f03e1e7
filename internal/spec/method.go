package spec

import (
	"slices"
	"strings"

	"gopkg.in/yaml.v3"
)

// A service that can be signed in to in several ways is one entry in a file. The
// other ways stand under its methods key, each with the name of an entry of its
// own, which it becomes:
//
//	acme:
//	  auth_mode: OAUTH2
//	  ...
//	  methods:
//	    acme-api-key:
//	      auth_mode: API_KEY
//	      ...
//
// What is left in the entry under methods are the names, and every method names
// its service. That is also how entries may be written in the first place.

// sharedKeys are what a method has from its service: everything but how to sign in.
var sharedKeys = []string{
	"categories", "docs", "docs_connect", "setup_guide_url", "connection_config", "integration_config", "proxy", "verify", "api_hosts",
	"webhook", "webhook_routing_script", "webhook_user_defined_secret", "webhook_allowed_query_params",
	"deprecated", "sources", "checked", "unverified",
}

// methods makes entries of the methods of the i-th entry that was read.
func (r *fileReader) methods(i int) {
	service := r.entries[i].name
	at := slices.IndexFunc(r.entries[i].pairs, func(p pair) bool { return p.key == methodsKey })
	if at < 0 || r.entries[i].pairs[at].value.Kind != yaml.MappingNode {
		return
	}
	p := &r.entries[i].pairs[at]
	list := p.value.Content
	names := &yaml.Node{Kind: yaml.SequenceNode, Tag: "!!seq", Line: p.at.line, Column: p.at.col}
	p.value = names // p is not valid below: the slice of entries grows
	for j := 0; j+1 < len(list); j += 2 {
		n := len(r.entries)
		r.entry(list[j], list[j+1])
		if len(r.entries) == n {
			continue // it was not taken in, and that was reported
		}
		m := &r.entries[n]
		m.service = service
		names.Content = append(names.Content, list[j])
		for _, p := range m.pairs {
			if p.key == aliasKey || p.key == serviceKey || p.key == methodsKey {
				m.bad = true
				r.report(Problem{Line: p.at.line, Column: p.at.col, Entry: m.name, Key: p.key, Code: "bad-value",
					Message: "a method belongs to the service it stands under, and has no methods and no alias"})
			}
		}
	}
}

// resolveMethod returns the keys of an entry that stands under the methods of
// another: its own, laid over what that one has of [sharedKeys]. Unlike with an
// alias, mappings are merged.
func (l *loader) resolveMethod(name string, i int) resolution {
	raw := &l.versions[name][i]
	service := l.target(name, i, raw.service)
	if service.reason != "" {
		return service
	}
	own := make(map[string]pair, len(raw.pairs))
	for _, p := range raw.pairs {
		own[p.key] = p
	}
	var out resolution
	for _, p := range service.pairs {
		if !slices.Contains(sharedKeys, p.key) || p.overlay {
			continue
		}
		if p.key == "connection_config" {
			p.value = withoutCaptured(p.value)
		}
		mine, ok := own[p.key]
		switch {
		case !ok:
			p.from = raw.service
			out.pairs = append(out.pairs, p)
		case !isNull(mine.value):
			mine.value = mergeNodes(p.value, mine.value)
			out.pairs = append(out.pairs, mine)
		}
		delete(own, p.key)
	}
	for _, p := range raw.pairs {
		if _, ok := own[p.key]; ok && !isNull(p.value) {
			out.pairs = append(out.pairs, p)
		}
	}
	out.pairs = append(out.pairs, pair{key: serviceKey, at: raw.at, value: &yaml.Node{Kind: yaml.ScalarNode, Tag: "!!str", Value: raw.service, Line: raw.at.line, Column: raw.at.col}})
	out.pairs = l.overlay.apply(name, raw.pairs, out.pairs)
	out.length = service.length + 1
	return out
}

// mergeNodes lays a value over another. Mappings are merged, at any depth, and a
// null in them takes away; anything else replaces.
func mergeNodes(under, over *yaml.Node) *yaml.Node {
	if under.Kind != yaml.MappingNode || over.Kind != yaml.MappingNode {
		return over
	}
	out := *over
	out.Content = nil
	for i := 0; i+1 < len(under.Content); i += 2 {
		key, value := under.Content[i], under.Content[i+1]
		mine := valueOf(over, key.Value)
		switch {
		case mine == nil:
			out.Content = append(out.Content, key, value)
		case !isNull(mine):
			out.Content = append(out.Content, key, mergeNodes(value, mine))
		}
	}
	for i := 0; i+1 < len(over.Content); i += 2 {
		if valueOf(under, over.Content[i].Value) == nil && !isNull(over.Content[i+1]) {
			out.Content = append(out.Content, over.Content[i], over.Content[i+1])
		}
	}
	return &out
}

// withoutCaptured leaves out the fields that signing in supplies: another method
// does not sign in that way.
func withoutCaptured(fields *yaml.Node) *yaml.Node {
	if fields.Kind != yaml.MappingNode {
		return fields
	}
	out := *fields
	out.Content = nil
	for i := 0; i+1 < len(fields.Content); i += 2 {
		source := valueOf(fields.Content[i+1], "source")
		if source == nil || source.Value == "application" {
			out.Content = append(out.Content, fields.Content[i], fields.Content[i+1])
		}
	}
	return &out
}

// withoutService leaves out what says which ways there are to sign in. An alias of
// another name is a service of its own.
func withoutService(pairs []pair) []pair {
	return slices.DeleteFunc(slices.Clone(pairs), func(p pair) bool { return p.key == serviceKey || p.key == methodsKey })
}

// serviceKeys checks the service and methods keys.
func (c *checker) serviceKeys() {
	name := c.name
	if c.p.Service != "" && len(c.p.Methods) > 0 {
		c.doubt(methodsKey, "bad-value", "a method of a service has no methods itself")
	}
	if c.p.Service == name || slices.Contains(c.p.Methods, name) {
		c.doubt(serviceKey, "bad-value", "the entry is a method of itself")
	}
	if strings.TrimSpace(c.p.Unverified) == "" {
		return
	}
	if len(c.p.Verify) > 0 || c.p.Proxy != nil && c.p.Proxy.Verification != nil {
		c.doubt("unverified", "unverified-conflict", "the entry says how a credential is tried out, and that it cannot be")
	}
}
