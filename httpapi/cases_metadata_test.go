package httpapi

import (
	"strings"
	"testing"

	"github.com/tieline/tieline"
)

func TestCasesMetadata(t *testing.T) {
	t.Parallel()
	for _, c := range []metadataCase{{"POST", 201, `{"b":{"c":2}}`}, {"PATCH", 200, `{"a":1,"b":{"c":2}}`}} {
		for _, path := range []string{"/connections/metadata", "/connection/metadata"} {
			t.Run(c.method+" "+path, func(t *testing.T) { c.run(t, path) })
		}
		t.Run(c.method+" of the older form", c.runOlder)
	}
	t.Run("no right, and other routes", func(t *testing.T) {
		w := newWorld(t)
		if a := w.call("POST", "/connections/metadata", fields{}, "Authorization", w.keyWith(ScopeConnectionsRead)); a.Code != 403 {
			t.Errorf("answered with %d", a.Code)
		}
		w.call("GET", "/environment-variables", nil).want(200, `[]`)
		w.protected("GET", "/environment-variables", nil)
		if a := w.call("GET", "/environment-variables", nil, "Authorization", w.keyWith(ScopeConnectionsRead)); a.Code != 403 {
			t.Errorf("answered with %d", a.Code)
		}
	})
}

// metadataCase is one way to change metadata.
type metadataCase struct {
	method string
	status int
	after  string // a second change
}

func (c metadataCase) run(t *testing.T, path string) {
	t.Parallel()
	w := newWorld(t)
	w.integration("one", "algolia")
	for _, id := range []string{"alice", "bob"} {
		w.imported("one", id, tieline.ConnectionInput{Credential: key("k")})
	}
	set := func(ids any, key string, metadata any) answer {
		return w.call(c.method, path, fields{"connection_id": ids, "provider_config_key": key, "metadata": metadata})
	}
	metadata := func(id string) string {
		got, err := w.client.Connections.Get(t.Context(), "one", id)
		if err != nil {
			t.Fatal(err)
		}
		return string(got.Metadata)
	}
	t.Run("2.12.1", func(*testing.T) { w.protected(c.method, path, fields{}) })
	t.Run("2.12.2", func(*testing.T) {
		for _, ids := range []any{"", []string{}, []string{"a", ""}, 5, nil, "é"} {
			set(ids, "one", fields{}).want(400, errorBody("invalid_body", "invalid_union", "Invalid input", "connection_id"))
		}
	})
	t.Run("2.12.3", func(*testing.T) {
		set("alice", "", fields{}).want(400, errorBody("invalid_body", "invalid_format", "Invalid string: must match pattern /"+patternKey+"/", "provider_config_key"))
	})
	const unknown = `{"error":{"code":"unknown_connection","message":"Connection with connection id carol and provider config key one not found. Please make sure the connection exists in the Nango dashboard`
	t.Run("2.12.4 and 5", func(t *testing.T) {
		set("carol", "one", fields{}).want(404, unknown+`"}}`)
		set([]string{"alice", "carol", "dave"}, "one", fields{"x": 1}).want(404, unknown+`. No actions were taken on any of the connections as a result of this failure."}}`)
		if got := metadata("alice"); got != "" {
			t.Errorf("the metadata are %s", got)
		}
	})
	t.Run("2.12.6 and 7", func(t *testing.T) { // the one merges, the other replaces
		set("alice", "one", fields{"a": 1}).want(c.status, `{"connection_id":"alice","provider_config_key":"one","metadata":{"a":1}}`)
		set([]string{"alice", "bob"}, "one", fields{"b": fields{"c": 2}}).want(c.status, `{"connection_id":["alice","bob"],"provider_config_key":"one","metadata":{"b":{"c":2}}}`)
		if metadata("alice") != c.after || metadata("bob") != `{"b":{"c":2}}` {
			t.Errorf("the metadata are %s and %s", metadata("alice"), metadata("bob"))
		}
	})
	set("alice", "one", "text").want(400, errorBody("invalid_body", "invalid_type", "Invalid input: expected object, received string", "metadata"))
	set("alice", "other", fields{}).want(404, strings.NewReplacer("carol", "alice", "key one", "key other").Replace(unknown)+`"}}`)
}

func (c metadataCase) runOlder(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.integration("one", "algolia")
	w.imported("one", "alice", tieline.ConnectionInput{Credential: key("k")})
	w.protected(c.method, "/connection/alice/metadata", fields{})
	w.call(c.method, "/connection/alice/metadata?provider_config_key=one", fields{"a": 1}).want(c.status, `{"a":1}`)
	w.call(c.method, "/connection/alice/metadata", fields{"b": fields{"c": 2}}, "Provider-Config-Key", "one").want(c.status, `{"b":{"c":2}}`)
	w.call(c.method, "/connection/alice/metadata?provider_config_key=one", fields{"b": fields{"c": 2}}, "Provider-Config-Key", "other").want(c.status, `{"b":{"c":2}}`)
	got, err := w.client.Connections.Get(t.Context(), "one", "alice")
	if err != nil || string(got.Metadata) != c.after {
		t.Errorf("the metadata are %s: %v", got.Metadata, err)
	}
	if a := w.call(c.method, "/connection/alice/metadata", fields{}); a.Code != 400 || a.at("error.code") != "invalid_query_params" {
		t.Errorf("answered with %d %s", a.Code, a.Body)
	}
	if a := w.call(c.method, "/connection/bob/metadata?provider_config_key=one", fields{}); a.Code != 404 || a.at("error.code") != "unknown_connection" {
		t.Errorf("answered with %d %s", a.Code, a.Body)
	}
	w.call(c.method, "/connection/alice/metadata?provider_config_key=one", "[1]").want(400, errorBody("invalid_body", "invalid_type", "Invalid input: expected object, received array"))
}
