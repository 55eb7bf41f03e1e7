package catalogtool

import (
	"bytes"
	"slices"

	"gopkg.in/yaml.v3"

	"github.com/tieline/tieline/internal/spec"
)

// keyOrder is the order in which entries of the built-in catalog have their keys: what it
// is, how to sign in, what is asked for, how it is called, where it all comes from.
// Keys that are not here stand between the last two groups.
var (
	keysFirst = []string{
		"service", "display_name", "categories", "auth_mode", "auth_type", "installation", "docs", "docs_connect", "setup_guide_url", "deprecated",
		"webhook_routing_script", "authorization_url", "authorization_params", "authorization_url_skip_encode", "authorization_url_skip_empty",
		"authorization_url_fragment", "authorization_url_replacements", "authorization_param_names", "authorization_code_param_in_callback",
		"authorization_code_param_in_webhook", "state_param_in_callback", "device_authorization_url", "pushed_authorization_url",
		"client_registration", "registration_url", "registration_params", "request_url", "request_params", "request_http_method",
		"access_token_url", "token_http_method", "signature_method", "token_url", "token_url_skip_encode", "token_request_method", "body_format",
		"token_params", "token_param_names", "token_headers", "scope_separator", "default_scopes", "issuer", "issuer_required", "pkce", "client_auth",
		"authorization_method", "token_request_auth_method", "disable_pkce", "signature", "token", "assertion", "token_response",
		"additional_steps", "response_fields", "refresh_url", "refresh_params", "refresh_token_params", "refresh_token_headers", "refresh",
		"revocation", "introspection", "userinfo_url", "token_response_metadata", "redirect_uri_metadata", "webhook_response_metadata",
		"credentials", "integration_config", "connection_config", "assertion_option", "discovery", "proxy", "verify",
	}
	keysLast = []string{"methods", "unverified", "sources", "checked"}
)

// rank tells which of two keys comes first.
func rank(key string) int {
	if i := slices.Index(keysFirst, key); i >= 0 {
		return i
	}
	if i := slices.Index(keysLast, key); i >= 0 {
		return len(keysFirst) + 1 + i
	}
	return len(keysFirst)
}

// inOrder returns the keys of an entry in the order of the built-in catalog.
func inOrder(m spec.Map) spec.Map {
	out := slices.Clone(m)
	slices.SortStableFunc(out, func(a, b spec.Member) int { return rank(a.Name) - rank(b.Name) })
	return out
}

// encodeEntry writes an entry as a provider file has it. Comments stand above the entry,
// keyComments behind its keys.
func encodeEntry(name string, m spec.Map, comment string, keyComments map[string]string) ([]byte, error) {
	body := node(spec.Value{Kind: spec.Object, Map: inOrder(m)})
	for i := 0; i+1 < len(body.Content); i += 2 {
		if text := keyComments[body.Content[i].Value]; text != "" {
			body.Content[i+1].LineComment = text
		}
	}
	key := scalar("!!str", name)
	key.HeadComment = comment
	var buf bytes.Buffer
	enc := yaml.NewEncoder(&buf)
	enc.SetIndent(2)
	if err := enc.Encode(&yaml.Node{Kind: yaml.MappingNode, Tag: "!!map", Content: []*yaml.Node{key, body}}); err != nil {
		return nil, err
	}
	if err := enc.Close(); err != nil {
		return nil, err
	}
	return buf.Bytes(), nil
}

func scalar(tag, value string) *yaml.Node {
	return &yaml.Node{Kind: yaml.ScalarNode, Tag: tag, Value: value}
}

// node makes YAML of a value.
func node(v spec.Value) *yaml.Node {
	switch v.Kind {
	case spec.Object:
		n := &yaml.Node{Kind: yaml.MappingNode, Tag: "!!map"}
		for _, m := range v.Map {
			n.Content = append(n.Content, scalar("!!str", m.Name), node(m.Value))
		}
		if len(v.Map) == 0 {
			n.Style = yaml.FlowStyle
		}
		return n
	case spec.List:
		n := &yaml.Node{Kind: yaml.SequenceNode, Tag: "!!seq"}
		if shortList(v.List) {
			n.Style = yaml.FlowStyle
		}
		for _, item := range v.List {
			n.Content = append(n.Content, node(item))
		}
		return n
	case spec.Number:
		if bytes.ContainsAny([]byte(v.Text), ".eE") {
			return scalar("!!float", v.Text)
		}
		return scalar("!!int", v.Text)
	case spec.Bool:
		return scalar("!!bool", v.Text)
	case spec.String:
		return scalar("!!str", v.Text)
	}
	return scalar("!!null", "null")
}

// shortList reports whether a list fits on a line.
func shortList(items []spec.Value) bool {
	length := 0
	for _, item := range items {
		if !item.IsScalar() {
			return false
		}
		length += len(item.Text) + 2
	}
	return length <= 80
}
