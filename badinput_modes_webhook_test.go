package tieline

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/url"
	"slices"
	"strings"
	"testing"
)

// A webhook that tells of no installation makes no connection, and asks nobody.
func TestModesBadWebhooks(t *testing.T) {
	t.Parallel()
	const good = `{"data":{"installation":{"code":"code","uuid":"u-1"}},"installation":{"id":1}}`
	long := strings.Repeat("x", 1<<20)
	type bad struct{ body, field string }
	common := map[string]bad{
		"empty": {"", "webhook"}, "text": {"hello", "webhook"}, "array": {"[" + good + "]", "webhook"}, "null": {"null", "webhook"},
		"cut off": {good[:20], "webhook"}, "1 MB": {`{"x":"` + long + `"}`, "webhook"}, "two values": {good + good, "webhook"}, "not UTF-8": {"{\"a\":\"\xff", "webhook"},
	}
	for name, own := range map[string]map[string]bad{
		"outbound": {
			"no code": {`{"data":{"installation":{"uuid":"u-1"}}}`, "webhook.data.installation.code"}, "object": {`{"data":{"installation":{"code":{},"uuid":"u-1"}}}`, "webhook.data.installation.code"},
			"long code": {`{"data":{"installation":{"code":"` + long[:9000] + `","uuid":"u-1"}}}`, "webhook.data.installation.code"},
			"no ID":     {`{"data":{"installation":{"code":"code"}}}`, "config.installation.uuid"},
			"dots":      {`{"data":{"installation":{"code":"code","uuid":".."}}}`, "config.installation.uuid"},
			"line":      {`{"data":{"installation":{"code":"code","uuid":"a\nb"}}}`, "config.installation.uuid"},
		},
		"app": {
			"no ID": {`{"installation":{}}`, "callback.installation_id"}, "text": {`{"installation":{"id":"x"}}`, "callback.installation_id"}, "path": {`{"installation":{"id":"1/../2"}}`, "callback.installation_id"},
			"negative": {`{"installation":{"id":-1}}`, "callback.installation_id"}, "fraction": {`{"installation":{"id":1.5}}`, "callback.installation_id"},
			"huge": {`{"installation":{"id":1e400}}`, "callback.installation_id"}, "true": {`{"installation":{"id":true}}`, "callback.installation_id"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			inBubble(t, modeNamed(t, name), func(t *testing.T, w *modeWorld) {
				if err := w.setUp(t.Context()); err != nil {
					t.Fatal(err)
				}
				all := maps.Clone(common)
				maps.Copy(all, own)
				for what, tt := range all {
					asked := len(w.provider.Log())
					_, err := w.Connections.CompleteInstallation(t.Context(), "key", "alice", json.RawMessage(tt.body), ConnectionInput{Config: w.in.Config})
					var problem error
					if found := fieldErrorsOf(w.note(err)); !slices.Contains(found, tt.field) || len(w.provider.Log()) > asked || len(w.rows(kindConnection)) > 0 {
						problem = fmt.Errorf("%w, %q, asked %d times", errOrNone(err), found, len(w.provider.Log())-asked)
					}
					gap(t, "webhook/"+name+"/"+what, problem)
					if err == nil {
						_ = w.Connections.Delete(t.Context(), "key", "alice", DeleteOptions{})
					}
				}
			})
		})
	}
}

// What a webhook says stays within the part of the URL that it is for.
func TestModesWebhookValuesStayInTheirPlace(t *testing.T) {
	t.Parallel()
	for _, value := range []string{"a/b", "a/../../b", "a?b=c", "a#b", "a@evil.test", "//evil.test", "%2e%2e", "a b", "é", "${apiKey}"} {
		inBubble(t, modeNamed(t, "outbound"), func(t *testing.T, w *modeWorld) {
			if err := w.setUp(t.Context()); err != nil {
				t.Fatal(err)
			}
			body, err := json.Marshal(map[string]any{"data": map[string]any{"installation": map[string]any{"code": "code", "uuid": value}}})
			if err != nil {
				t.Fatal(err)
			}
			_, err = w.Connections.CompleteInstallation(t.Context(), "key", "alice", body, ConnectionInput{Config: w.in.Config})
			w.note(err)
			for _, x := range w.provider.Log() {
				u, err := url.Parse(x.URL)
				if err != nil || u.Host != "vendor.test" || u.RawQuery != "" || !strings.HasPrefix(u.EscapedPath(), "/installations/") || strings.Count(u.EscapedPath(), "/") != 3 || !strings.HasSuffix(u.EscapedPath(), "/token") {
					t.Errorf("%q: %s was asked", value, x.URL)
				}
			}
		})
	}
}

// callbackEntries take their API's host from the callback.
func callbackEntries() []modeEntry {
	return []modeEntry{
		{name: "callback-oauth1", mode: ModeOAuth1, yaml: `
  request_url: https://vendor.test/request
  authorization_url: https://vendor.test/authorize
  token_url: https://vendor.test/access
  redirect_uri_metadata: [shop]
  connection_config: {shop: {type: string, title: S, automated: true, pattern: '^[a-z0-9.-]+[.]vendor[.]test$'}}
  proxy: {base_url: "https://${connectionConfig.shop}"}
`},
		{name: "callback-plugin", mode: ModeInstallPlugin, yaml: `
  auth_type: BASIC
  redirect_uri_metadata: [shop]
  connection_config: {shop: {type: string, title: S, automated: true, pattern: '^[a-z0-9.-]+[.]vendor[.]test$'}}
  proxy: {base_url: "https://${connectionConfig.shop}", verification: {method: GET, endpoints: [/me]}}
`},
		{name: "callback-app", mode: ModeApp, yaml: `
  authorization_url: ${connectionConfig.appPublicLink}/installations/new
  token_url: "https://vendor.test/installations/${connectionConfig.installation_id}/access_tokens"
  redirect_uri_metadata: [shop]
  connection_config:
    appPublicLink: {type: string, title: L, format: uri, automated: true}
    installation_id: {type: string, title: I, automated: true}
    shop: {type: string, title: S, automated: true, pattern: '^[a-z0-9.-]+[.]vendor[.]test$'}
  proxy: {base_url: "https://${connectionConfig.shop}"}
`},
	}
}

// Who brings a callback may write anything into it; the credential goes only where
// the field's pattern lets it.
func TestModesCallbackHosts(t *testing.T) {
	t.Parallel()
	for _, e := range callbackEntries() {
		t.Run(e.name, func(t *testing.T) {
			t.Parallel()
			for _, bad := range append(badHosts(), "evil.test", "evil.test#.vendor.test", "evil.test/.vendor.test", "u@evil.test", "a.vendor.test.evil.test", "10.0.0.1", "a.vendor.test@evil.test", "a.vendor.test:444") {
				inBubble(t, e, func(t *testing.T, w *modeWorld) {
					if err := w.setUp(t.Context()); err != nil {
						t.Fatal(err)
					}
					a, err := w.Connections.Authorize(t.Context(), "key", AuthorizeOptions{ConnectionID: "alice"})
					if err != nil {
						t.Fatal(err)
					}
					callback, err := w.provider.Authorize(t.Context(), a.URL)
					if err != nil {
						t.Fatal(err)
					}
					callback.Set("shop", bad)
					_, err = w.Connections.Complete(t.Context(), a.Binding.Reveal(), callback)
					if w.note(err) == nil {
						err = w.note(w.call(t.Context()))
					}
					if err == nil || typed(err) == "" {
						t.Errorf("%.40q: %v", bad, err)
					}
					for _, x := range w.provider.Log() {
						if u, err := url.Parse(x.URL); err != nil || x.Role != "authorize" && u.Host != "vendor.test" {
							t.Errorf("%.40q: %s was asked", bad, x.URL)
						}
					}
				})
			}
		})
	}
}
