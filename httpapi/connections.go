package httpapi

import (
	"context"
	"errors"
	"net/http"

	"github.com/tieline/tieline"
)

// connectionRoutes are under both spellings, but for PATCH, which is younger than
// the second.
func (s *server) connectionRoutes() []route {
	list := []string{ScopeConnectionsList, ScopeConnectionsListCredentials}
	read := []string{ScopeConnectionsRead, ScopeConnectionsReadCredentials}
	routes := []route{
		{method: "POST", pattern: "/connections", access: keyOnly, scopes: []string{ScopeConnectionsCreate}, jsonOnly: true, serve: s.importConnection},
		{method: "POST", pattern: "/connection", access: keyOnly, scopes: []string{ScopeConnectionsCreate}, jsonOnly: true, serve: s.importFlat},
		{method: "PATCH", pattern: "/connections/{id}", access: keyOnly, scopes: []string{ScopeConnectionsUpdate}, jsonOnly: true, serve: s.updateConnection},
		{method: "GET", pattern: "/environment-variables", access: keyOnly, scopes: []string{ScopeVariablesRead}, jsonOnly: true, serve: s.listVariables},
	}
	for _, base := range []string{"/connections", "/connection"} {
		routes = append(routes,
			route{method: "GET", pattern: base, access: keyOnly, scopes: list, jsonOnly: true, serve: s.listConnections},
			route{method: "GET", pattern: base + "/{id}", access: keyOnly, scopes: read, jsonOnly: true, serve: s.getConnection},
			route{method: "DELETE", pattern: base + "/{id}", access: keyOnly, scopes: []string{ScopeConnectionsDelete}, jsonOnly: true, serve: s.deleteConnection})
	}
	return routes
}

// listVariables: there are no variables here, and clients ask for them.
func (s *server) listVariables(w http.ResponseWriter, _ *http.Request) error {
	writeJSON(w, http.StatusOK, []any{})
	return nil
}

// The answers of nearly every route to names that nothing has.
var (
	errNoIntegration = &problem{status: http.StatusBadRequest, code: "unknown_provider_config", message: "Provider does not exists", payload: noPayload()}
	errNoConnection  = notFound("Failed to find connection")
)

// missing is the answer to a connection that is not there, or err.
func missing(err error, none *problem) error {
	switch {
	case errors.Is(err, tieline.ErrUnknownIntegration):
		return errNoIntegration
	case errors.Is(err, tieline.ErrNotFound):
		return none
	}
	return err
}

// connectionName reads the two names of a connection: the key in the query, what
// else is in it having been read before, and the ID in the path.
func connectionName(r *http.Request, q *object) (key, id string, err error) {
	key = integrationKey(q, "provider_config_key")
	q.strict()
	if err := q.err("invalid_query_params"); err != nil {
		return "", "", err
	}
	path := newObject(map[string]any{"connectionId": r.PathValue("id")}, nil)
	id = connectionID(path, "connectionId")
	return key, id, path.err("invalid_uri_params")
}

// flag reads a boolean of a query.
func flag(q *object, name string) bool {
	v, there := q.optionalText(name)
	if there && v != "true" && v != "false" && v != "" {
		q.report("invalid_value", `Invalid option: expected one of "true"|"false"|""`, q.at(name))
	}
	return v == "true"
}

func (s *server) getConnection(w http.ResponseWriter, r *http.Request) error {
	q := readQuery(r.URL.Query())
	refreshTokens, force, appJWT := flag(q, "refresh_token"), flag(q, "force_refresh"), flag(q, "refresh_github_app_jwt_token")
	key, id, err := connectionName(r, q)
	if err != nil {
		return err
	}
	readable := callerOf(r).has(ScopeConnectionsReadCredentials)
	if (refreshTokens || force || appJWT) && !readable {
		return &problem{status: http.StatusForbidden, code: "forbidden",
			message: "Credential and refresh options require the " + ScopeConnectionsReadCredentials + " scope"}
	}
	conn, cred, err := s.read(r.Context(), key, id, readable, force)
	if err != nil {
		return s.unusable(r.Context(), key, id, err)
	}
	var credentials any = map[string]any{}
	if readable {
		credentials = s.readableCredential(conn, cred, refreshTokens)
	}
	out := connectionJSON(conn, credentials)
	if !refreshTokens {
		out["connection_config"] = withoutRefreshTokens(out["connection_config"])
	}
	writeJSON(w, http.StatusOK, out)
	return nil
}

// read reads a connection, and its credential if it may be shown. Force asks the
// provider for a new one first, if it is of a kind that there can be a new one of.
func (s *server) read(ctx context.Context, key, id string, readable, force bool) (tieline.Connection, tieline.Credential, error) {
	if !readable {
		conn, err := s.client.Connections.Get(ctx, key, id)
		return conn, nil, err
	}
	if !force {
		return s.client.Connections.GetWithCredential(ctx, key, id)
	}
	cred, err := s.client.Connections.Refresh(ctx, key, id, nil)
	switch {
	case errors.Is(err, tieline.ErrNotRefreshable):
		return s.client.Connections.GetWithCredential(ctx, key, id)
	case err != nil:
		return tieline.Connection{}, nil, err
	}
	conn, err := s.client.Connections.Get(ctx, key, id)
	return conn, cred, err
}

// unusable is the answer to a connection whose credential cannot be had. It shows
// the connection, with what went wrong.
func (s *server) unusable(ctx context.Context, key, id string, err error) error {
	var failure *tieline.RefreshError
	if !errors.As(err, &failure) {
		return missing(err, errNoConnection)
	}
	p := &problem{status: http.StatusFailedDependency, code: "invalid_credentials"}
	switch {
	case errors.Is(err, tieline.ErrNotRefreshable):
		p.message = "The credentials have expired and cannot be refreshed. The user has to connect again."
	case failure.Err != nil:
		p.status = http.StatusBadRequest
		p.message = "The external API returned an error when trying to refresh the access token. Please try again later."
	case failure.Reauth:
		p.message = "The refresh limit has been reached for this connection."
	default:
		p.message = "A recent refresh attempt failed. Backing off before retrying."
	}
	conn, err := s.client.Connections.Get(ctx, key, id)
	if err != nil {
		return missing(err, errNoConnection)
	}
	out := connectionJSON(conn, map[string]any{})
	out["connection_config"] = withoutRefreshTokens(out["connection_config"])
	p.payload = map[string]any{"connection": out}
	return p
}
