package httpapi

import (
	"context"
	"errors"
	"maps"
	"net/http"

	"github.com/tieline/tieline"
)

// errSessionUsed is what a session answers that has made its connection.
var errSessionUsed = unauthorized("connect_session_used", "The connect session has made its connection. Start a new one.")

// mayConnect returns the session in which a request may make a connection: one that
// has made none, of a user whom the application confirms.
func (s *server) mayConnect(r *http.Request) (tieline.Session, error) {
	session := callerOf(r).session
	switch {
	case session == nil:
		return tieline.Session{}, errSession
	case session.Made != nil:
		return tieline.Session{}, errSessionUsed
	}
	if err := s.confirm(r, *session); err != nil {
		return tieline.Session{}, err
	}
	return *session, nil
}

// connectionInput says what a connection is made of that a session makes through an
// integration: the ID it will have, "" for a random one, and everything but its
// credential. Of the query it reads params[name], the connection's config. What else
// the route takes, the caller reads before: what nobody has read is refused here.
func (s *server) connectionInput(ctx context.Context, session tieline.Session, key string, query *object) (string, tieline.ConnectionInput, error) {
	none := tieline.ConnectionInput{}
	query.ignore("connect_session_token", "hmac")
	if _, ok := query.get("connection_id"); ok {
		query.report("custom", "connection_id is forbidden when using session token", query.at("connection_id"))
	}
	params := query.object("params", false)
	query.strict()
	if err := query.err("invalid_query_params"); err != nil {
		return "", none, err
	}
	if !session.Allows(key) {
		return "", none, &problem{status: http.StatusBadRequest, code: "integration_not_allowed", message: "The session does not allow this integration"}
	}
	provider, err := s.providerOf(ctx, key)
	if err != nil {
		return "", none, err
	}
	in := tieline.ConnectionInput{
		Config: userConfig(params, provider), Tags: session.Tags, EndUser: session.EndUser, WebhookURL: session.WebhookURL,
	}
	if err := query.err("invalid_query_params"); err != nil {
		return "", none, err
	}
	for name, v := range session.Defaults[key].Config {
		in.Config[name] = v
	}
	if session.Reconnect == nil {
		in.NewOnly = true // the ID is random, so this never happens
		return "", in, nil
	}
	old, err := s.client.Connections.Get(ctx, key, session.Reconnect.ID)
	if errors.Is(err, tieline.ErrNotFound) || err == nil && old.RowID != session.Reconnect.RowID {
		return "", none, &problem{status: http.StatusBadRequest, code: "invalid_connection", message: "The connection to reconnect is there no more"}
	}
	// One that cannot be opened can be reconnected.
	if err != nil && !errors.Is(err, tieline.ErrDamaged) && !errors.Is(err, tieline.ErrUnknownKey) {
		return "", none, err
	}
	in.Config = overConfig(old.Config, in.Config)
	return session.Reconnect.ID, in, nil
}

// finish ends a session with the connection that was made in it. One that came too
// late, another having been made, is taken away again. ctx must outlive the request:
// a session that is left open by those who leave makes any number of connections.
func (s *server) finish(ctx context.Context, who *caller, made tieline.Connection) error {
	_, err := s.client.Sessions.Finish(ctx, who.token, made.Name())
	if err == nil {
		return nil
	}
	if !errors.Is(err, tieline.ErrExists) && !errors.Is(err, tieline.ErrNotFound) {
		return err
	}
	if who.session.Reconnect != nil {
		return nil // the session ended meanwhile, and what was there has its new grant
	}
	// Its grant is not revoked: providers that have one grant for each user would end
	// the first connection with it.
	err = s.client.Connections.Delete(ctx, made.Integration, made.ID, tieline.DeleteOptions{SkipRevocation: true})
	if err != nil && !errors.Is(err, tieline.ErrNotFound) {
		return err
	}
	return errSessionUsed
}

// providerOf is the provider of an integration that somebody connects through.
func (s *server) providerOf(ctx context.Context, key string) (tieline.Provider, error) {
	in, err := s.client.Integrations.Get(ctx, key)
	if errors.Is(err, tieline.ErrNotFound) || errors.Is(err, tieline.ErrInvalid) {
		return tieline.Provider{}, &problem{status: http.StatusNotFound, code: "unknown_provider_config", message: "There is no such integration", payload: noPayload()}
	}
	if err != nil {
		return tieline.Provider{}, err
	}
	p, err := s.client.Providers.Get(in.Provider)
	if errors.Is(err, tieline.ErrUnknownProvider) {
		return p, &problem{status: http.StatusNotFound, code: "unknown_provider_template", message: "The integration's provider is not known", payload: noPayload()}
	}
	return p, err
}

// ownWebhookSecret is a name that the config of every connection can have.
const ownWebhookSecret = "webhook_secret"

// userConfig is what an end user may say of a connection's config. Values that come
// from elsewhere, and the secret that webhooks are checked with, are not theirs.
func userConfig(params *object, p tieline.Provider) map[string]string {
	config := map[string]string{}
	if params == nil {
		return config
	}
	declared, automated := map[string]bool{}, map[string]bool{}
	for _, f := range p.ConfigFields {
		declared[f.Name], automated[f.Name] = true, f.Automated
	}
	for _, name := range params.order {
		value, ok := params.optionalText(name)
		switch {
		case name == "webhook_url" && !declared[name]: // was a way to set it once
		case automated[name], name == ownWebhookSecret && !declared[name]:
			params.report("custom", "cannot be set here", params.at(name))
		case ok:
			config[name] = value
		}
	}
	return config
}

// overConfig puts new values over those of a connection that is there. Nil, if that
// changes nothing, keeps secret ones too.
func overConfig(old, given map[string]string) map[string]string {
	merged := maps.Clone(old)
	if merged == nil {
		merged = map[string]string{}
	}
	maps.Copy(merged, given)
	if maps.Equal(merged, old) {
		return nil
	}
	return merged
}
