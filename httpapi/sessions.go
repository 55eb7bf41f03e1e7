package httpapi

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"strings"
	"time"

	"github.com/tieline/tieline"
)

func (s *server) sessionRoutes() []route {
	write := []string{ScopeSessionsWrite}
	return []route{
		{method: "POST", pattern: "/connect/sessions", access: keyOnly, scopes: write, jsonOnly: true, serve: s.createSession},
		{method: "POST", pattern: "/connect/sessions/reconnect", access: keyOnly, scopes: write, jsonOnly: true, serve: s.createReconnect},
		{method: "GET", pattern: "/connect/session", access: sessionOnly, jsonOnly: true, serve: s.getSession},
		{method: "DELETE", pattern: "/connect/session", access: sessionOnly, jsonOnly: true, serve: s.deleteSession},
		// Browsers send it while they leave a page, when they cannot set a type.
		{method: "POST", pattern: "/connect/telemetry", serve: s.telemetry},
	}
}

// readSession reads what both forms of creating a session have, but for the user.
func (s *server) readSession(o *object, session *tieline.Session) error {
	organization := readOrganization(o)
	if u := session.EndUser; u != nil {
		u.Organization = organization
	}
	session.Integrations, _ = o.list("allowed_integrations")
	webhook := ""
	session.Defaults = map[string]tieline.SessionDefaults{}
	if defaults := o.object("integrations_config_defaults", false); defaults != nil {
		for _, key := range defaults.order {
			d, hook := readDefaults(defaults, key)
			session.Defaults[key] = d
			webhook = orElse(webhook, hook)
		}
	}
	if overrides := o.object("overrides", false); overrides != nil {
		for _, key := range overrides.order {
			inner := overrides.object(key, true)
			if inner == nil {
				continue
			}
			d := session.Defaults[key]
			d.DocsConnect, _ = inner.optionalText("docs_connect", isURL, webPage)
			inner.strict()
			session.Defaults[key] = d
		}
	}
	explicit, given := s.readWebhookURL(o)
	if !given {
		explicit = webhook
		if code, message := emptyOr(s.webhookTarget)(webhook); code != "" {
			o.report(code, message, o.at("webhook_url_override"))
		}
	}
	session.WebhookURL = explicit
	tags, _ := readTags(o, "tags")
	session.Tags = allTags(session.EndUser, organization, tags)
	o.strict()
	return o.err("invalid_body")
}

func orElse(a, b string) string {
	if a == "" {
		return b
	}
	return a
}

// webPage refuses what a link must not have: it is shown to end users.
func webPage(raw string) (code, message string) {
	if lower := strings.ToLower(raw); !strings.HasPrefix(lower, "https://") && !strings.HasPrefix(lower, "http://") {
		return "invalid_format", "Invalid URL"
	}
	return "", ""
}

// readDefaults reads what is decided for one integration, and the webhook URL that
// older callers have among it.
func readDefaults(defaults *object, key string) (d tieline.SessionDefaults, webhook string) {
	o := defaults.object(key, true)
	if o == nil {
		return d, ""
	}
	userScopes, hasUserScopes := o.optionalText("user_scopes")
	d.Params = o.record("authorization_params", false)
	if hasUserScopes && userScopes != "" {
		if d.Params == nil {
			d.Params = map[string]string{}
		}
		d.Params["user_scope"] = userScopes
	}
	if config, _ := o.members["connection_config"].(map[string]any); config[scopesOverride] != nil {
		inner := &object{path: o.at("connection_config"), members: config, read: map[string]bool{}, items: o.items}
		scopes, _ := inner.optionalText(scopesOverride)
		d.Scopes = splitScopes(scopes)
	}
	d.Config = readConfig(o)
	webhook = d.Config["webhook_url"]
	delete(d.Config, "webhook_url")
	o.strict()
	return d, webhook
}

// unknownKeys reports the integrations that are named and not there.
func (s *server) unknownKeys(ctx context.Context, o *object) error {
	check := func(key string, path ...string) error {
		_, err := s.client.Integrations.Get(ctx, key)
		if errors.Is(err, tieline.ErrNotFound) || errors.Is(err, tieline.ErrInvalid) {
			o.report("custom", "Integration does not exist", path)
			return nil
		}
		return err
	}
	list, _ := o.members["allowed_integrations"].([]any)
	for n, v := range list {
		key, _ := v.(string)
		if err := check(key, "allowed_integrations", fmt.Sprint(n)); err != nil {
			return err
		}
	}
	for _, name := range []string{"integrations_config_defaults", "overrides"} {
		inner, _ := o.members[name].(map[string]any)
		for _, key := range sortedKeys(inner) {
			if err := check(key, name, key); err != nil {
				return err
			}
		}
	}
	return o.err("invalid_body")
}

func (s *server) createSession(w http.ResponseWriter, r *http.Request) error {
	o, err := readBody(r)
	if err != nil {
		return err
	}
	var session tieline.Session
	session.EndUser = readEndUser(o, !o.has("tags"))
	if err := s.readSession(o, &session); err != nil {
		return err
	}
	if err := s.unknownKeys(r.Context(), o); err != nil {
		return err
	}
	return s.begin(w, r, session, nil)
}

func (s *server) createReconnect(w http.ResponseWriter, r *http.Request) error {
	o, err := readBody(r)
	if err != nil {
		return err
	}
	id := connectionID(o, "connection_id")
	key := integrationKey(o, "integration_id")
	var session tieline.Session
	session.EndUser = readEndUser(o, false)
	if o.has("allowed_integrations") {
		o.report("unrecognized_keys", `Unrecognized key: "allowed_integrations"`, o.path)
	}
	if err := s.readSession(o, &session); err != nil {
		return err
	}
	unknown := invalidBody("ConnectionID or IntegrationId does not exists")
	if _, err := s.client.Connections.Get(r.Context(), key, id); errors.Is(err, tieline.ErrNotFound) {
		return unknown
	}
	if err := s.unknownKeys(r.Context(), o); err != nil {
		return err
	}
	session.Integrations = []string{key}
	session.Reconnect = &tieline.ConnectionName{Integration: key, ID: id}
	return s.begin(w, r, session, unknown)
}

// begin makes a session and answers with its token. unknown is the answer to one of
// a connection that is not there.
func (s *server) begin(w http.ResponseWriter, r *http.Request, session tieline.Session, unknown *problem) error {
	made, token, err := s.client.Sessions.Create(r.Context(), session)
	switch {
	case errors.Is(err, tieline.ErrNotFound) && unknown != nil:
		return unknown
	case errors.Is(err, tieline.ErrNotFound):
		return invalidBody("Integration does not exist")
	case err != nil:
		return connectionProblem(err, connectionFields())
	}
	text := sessionPrefix + token.Reveal()
	writeJSON(w, http.StatusCreated, map[string]any{"data": map[string]string{
		"token": text, "connect_link": s.options.ConnectURL + "?session_token=" + text, "expires_at": timestamp(made.ExpiresAt),
	}})
	return nil
}

// sessionJSON is a session as the page that connects sees it.
func (s *server) sessionJSON(ctx context.Context, session tieline.Session) map[string]any {
	out := map[string]any{
		"endUser": endUserJSON(session.EndUser),
		"connectUISettings": map[string]any{
			"theme":        map[string]any{"light": map[string]string{"primary": "#1d4ed8"}, "dark": map[string]string{"primary": "#93c5fd"}},
			"defaultTheme": "system", "showWatermark": false,
		},
	}
	if len(session.Integrations) > 0 {
		out["allowed_integrations"] = session.Integrations
	}
	if session.Reconnect != nil {
		out["isReconnecting"] = true
	}
	defaults, overrides := map[string]any{}, map[string]any{}
	for key, d := range session.Defaults {
		one := map[string]any{}
		if config := s.shownConfig(ctx, key, d.Config); len(config) > 0 {
			one["connection_config"] = config
		}
		if len(d.Params) > 0 {
			one["authorization_params"] = d.Params
		}
		if len(one) > 0 {
			defaults[key] = one
		}
		if d.DocsConnect != "" {
			overrides[key] = map[string]string{"docs_connect": d.DocsConnect}
		}
	}
	if len(defaults) > 0 {
		out["integrations_config_defaults"] = defaults
	}
	if len(overrides) > 0 {
		out["overrides"] = overrides
	}
	return out
}

// shownConfig is what an end user may see of what was decided: nothing secret.
func (s *server) shownConfig(ctx context.Context, key string, config map[string]string) map[string]string {
	p, err := s.providerOf(ctx, key)
	if err != nil || len(config) == 0 {
		return nil
	}
	shown := maps.Clone(config)
	delete(shown, ownWebhookSecret)
	for _, f := range p.ConfigFields {
		if f.Secret {
			delete(shown, f.Name)
		}
	}
	return shown
}

func (s *server) getSession(w http.ResponseWriter, r *http.Request) error {
	writeJSON(w, http.StatusOK, map[string]any{"data": s.sessionJSON(r.Context(), *callerOf(r).session)})
	return nil
}

func (s *server) deleteSession(w http.ResponseWriter, r *http.Request) error {
	err := s.client.Sessions.Delete(r.Context(), callerOf(r).token)
	if err != nil && !errors.Is(err, tieline.ErrNotFound) {
		return err
	}
	w.WriteHeader(http.StatusNoContent)
	return nil
}

// telemetrySkew is how far the clock of a browser may be off.
const telemetrySkew = 7_200_000 * time.Millisecond

// telemetry takes what a page tells of its use. It is checked, and goes nowhere.
func (s *server) telemetry(w http.ResponseWriter, r *http.Request) error {
	o, err := readBody(r)
	if err != nil {
		return err
	}
	token, _ := o.get("token")
	text, _ := token.(string)
	if _, err := s.sessionCaller(r.Context(), text); err != nil {
		return err
	}
	o.text("event", minLength(1), maxLength(64), matching(`^[a-zA-Z0-9_:.-]+$`))
	if !o.has("timestamp") {
		o.wrongType("timestamp", "date", nil, false)
	}
	at := moment(o, "timestamp")
	off := s.options.Now().Sub(at)
	if !at.IsZero() && (off > telemetrySkew || off < -telemetrySkew) {
		o.report("custom", fmt.Sprintf("timestamp is more than %dms away from the current time", telemetrySkew.Milliseconds()), o.at("timestamp"))
	}
	if d := o.object("dimensions", false); d != nil {
		d.optionalText("integration", maxLength(maxName))
		d.strict()
	}
	o.strict()
	if err := o.err("invalid_body"); err != nil {
		return err
	}
	w.WriteHeader(http.StatusNoContent)
	return nil
}
