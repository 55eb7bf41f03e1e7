package httpapi

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"

	"github.com/tieline/tieline"
)

func (s *server) metadataRoutes() []route {
	var routes []route
	for _, base := range []string{"/connections", "/connection"} {
		routes = append(routes,
			route{method: "POST", pattern: base + "/metadata", serve: s.changeMetadata(http.StatusCreated, s.client.Connections.SetMetadata)},
			route{method: "PATCH", pattern: base + "/metadata", serve: s.changeMetadata(http.StatusOK, s.client.Connections.MergeMetadata)})
	}
	routes = append(routes,
		route{method: "POST", pattern: "/connection/{id}/metadata", serve: s.changeOwnMetadata(http.StatusCreated, s.client.Connections.SetMetadata)},
		route{method: "PATCH", pattern: "/connection/{id}/metadata", serve: s.changeOwnMetadata(http.StatusOK, s.client.Connections.MergeMetadata)})
	for n := range routes {
		routes[n].access, routes[n].scopes, routes[n].jsonOnly = keyOnly, []string{ScopeConnectionsUpdate}, true
	}
	return routes
}

// metadataChange replaces metadata, or merges them.
type metadataChange func(ctx context.Context, integration, id string, metadata json.RawMessage) (tieline.Connection, error)

// changeMetadata changes the metadata of one connection or of several. Nothing is
// changed if one of them is not there.
func (s *server) changeMetadata(status int, change metadataChange) func(http.ResponseWriter, *http.Request) error {
	return func(w http.ResponseWriter, r *http.Request) error {
		o, err := readBody(r)
		if err != nil {
			return err
		}
		ids, many := connectionIDs(o)
		key := integrationKey(o, "provider_config_key")
		metadata, err := rawObject(o, "metadata", true)
		if err != nil {
			return err
		}
		o.strict()
		if err := o.err("invalid_body"); err != nil {
			return err
		}
		tail := ""
		if many {
			tail = ". No actions were taken on any of the connections as a result of this failure."
		}
		for _, id := range ids {
			if _, err := s.client.Connections.Get(r.Context(), key, id); err != nil {
				return metadataProblem(err, key, id, tail)
			}
		}
		for _, id := range ids {
			if _, err := change(r.Context(), key, id, metadata); err != nil {
				return metadataProblem(err, key, id, "")
			}
		}
		writeJSON(w, status, map[string]any{"connection_id": o.members["connection_id"], "provider_config_key": key, "metadata": metadata})
		return nil
	}
}

// connectionIDs reads an ID or a list of them.
func connectionIDs(o *object) (ids []string, many bool) {
	check := matching(patternConnection)
	valid := func(id string) bool {
		code, _ := check(id)
		return code == "" && len(id) <= maxName
	}
	switch v, _ := o.get("connection_id"); v := v.(type) {
	case string:
		if valid(v) {
			return []string{v}, false
		}
	case []any:
		for _, one := range v {
			if id, ok := one.(string); ok && valid(id) {
				ids = append(ids, id)
			}
		}
		if len(ids) == len(v) && len(ids) > 0 {
			return ids, true
		}
	}
	o.report("invalid_union", "Invalid input", o.at("connection_id"))
	return nil, false
}

func metadataProblem(err error, key, id, tail string) error {
	if errors.Is(err, tieline.ErrNotFound) {
		return &problem{status: http.StatusNotFound, code: "unknown_connection", message: fmt.Sprintf(
			"Connection with connection id %s and provider config key %s not found. Please make sure the connection exists in the Nango dashboard", id, key) + tail}
	}
	return connectionProblem(err, connectionFields())
}

// changeOwnMetadata is the older form: the body is the metadata, and the key is in
// the query or in a header.
func (s *server) changeOwnMetadata(status int, change metadataChange) func(http.ResponseWriter, *http.Request) error {
	return func(w http.ResponseWriter, r *http.Request) error {
		query := r.URL.Query()
		if header := r.Header.Get("Provider-Config-Key"); header != "" && !query.Has("provider_config_key") {
			query.Set("provider_config_key", header)
		}
		key, id, err := connectionName(r, readQuery(query))
		if err != nil {
			return err
		}
		o, err := readBody(r)
		if err != nil {
			return err
		}
		metadata, err := json.Marshal(o.members)
		if err != nil {
			return err
		}
		if _, err := change(r.Context(), key, id, metadata); err != nil {
			return metadataProblem(err, key, id, "")
		}
		writeJSON(w, status, o.members)
		return nil
	}
}
