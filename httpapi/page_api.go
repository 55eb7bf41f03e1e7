package httpapi

import (
	"cmp"
	"context"
	"errors"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/tieline/tieline"
)

// pageAPIRoutes are what the page's script calls. They are no part of the surface
// that others may rely on.
func (s *server) pageAPIRoutes() []route {
	return []route{
		{method: "GET", pattern: "/connect/api/status", access: pageSession, serve: s.pageStatus},
		{method: "GET", pattern: "/connect/api/integrations", access: pageSession, serve: s.pageIntegrations},
		{method: "GET", pattern: "/connect/api/integrations/{key}", access: pageSession, serve: s.pageIntegration},
		{method: "POST", pattern: "/connect/api/authorize/{key}", access: pageSession, jsonOnly: true, serve: s.pageAuthorize},
		{method: "POST", pattern: "/connect/api/connections/{key}", access: pageSession, jsonOnly: true, serve: s.pageConnect},
	}
}

// pageMade is the connection of a session that has made one.
type pageMade struct {
	ConnectionID      string `json:"connectionId"`
	ProviderConfigKey string `json:"providerConfigKey"`
	Name              string `json:"name,omitempty"` // of the integration
	Pending           bool   `json:"isPending,omitempty"`
}

// pageStatus tells whether the session has made its connection. The page asks while
// the user is away, in case no other window can tell it.
func (s *server) pageStatus(w http.ResponseWriter, r *http.Request) error {
	session := callerOf(r).session
	var made *pageMade
	if m := session.Made; m != nil {
		made = &pageMade{ConnectionID: m.ID, ProviderConfigKey: m.Integration}
		conn, err := s.client.Connections.Get(r.Context(), m.Integration, m.ID)
		if err == nil {
			made.Pending = conn.Status == tieline.StatusPending
		}
		if in, err := s.client.Integrations.Get(r.Context(), m.Integration); err == nil {
			made.Name = in.DisplayName
		}
	}
	writeJSON(w, http.StatusOK, map[string]any{"finished": made != nil, "connection": made, "expiresAt": timestamp(session.ExpiresAt)})
	return nil
}

// pageChoice is an integration to choose.
type pageChoice struct {
	Key      string `json:"key"`
	Name     string `json:"name"`
	Provider string `json:"provider"` // as people call it
	Logo     string `json:"logo"`     // relative to the page
}

func (s *server) pageIntegrations(w http.ResponseWriter, r *http.Request) error {
	session := callerOf(r).session
	choices := []pageChoice{}
	for in, err := range s.client.Integrations.All(r.Context()) {
		if err != nil && in.Key == "" {
			return err
		}
		if err != nil {
			s.log.WarnContext(r.Context(), "integration cannot be read", "integration", in.Key, "error", err.Error())
			continue
		}
		p, err := s.client.Providers.Get(in.Provider)
		if err != nil || !session.Allows(in.Key) {
			continue
		}
		if len(choices) == maxIntegrations {
			return &problem{status: http.StatusUnprocessableEntity, code: "too_many_rows", message: "There are more integrations than this page can show"}
		}
		choices = append(choices, newChoice(in, p))
	}
	slices.SortFunc(choices, func(a, b pageChoice) int {
		return cmp.Or(strings.Compare(strings.ToLower(a.Name), strings.ToLower(b.Name)), strings.Compare(a.Key, b.Key))
	})
	writeJSON(w, http.StatusOK, map[string]any{"integrations": choices})
	return nil
}

func newChoice(in tieline.Integration, p tieline.Provider) pageChoice {
	return pageChoice{Key: in.Key, Name: in.DisplayName, Provider: p.DisplayName, Logo: "images/template-logos/" + url.PathEscape(p.Name) + ".svg"}
}

// pageOffer is what the page shows of an integration before anything happens.
type pageOffer struct {
	pageChoice
	SignIn    bool        `json:"signIn"` // at the provider; otherwise by the form alone
	Scopes    []string    `json:"scopes,omitempty"`
	Fields    []pageField `json:"fields"`
	Help      string      `json:"help,omitempty"`
	Reconnect bool        `json:"reconnect,omitempty"`
}

// chosen finds the integration of a path that the session may use.
func (s *server) chosen(r *http.Request) (in tieline.Integration, p tieline.Provider, err error) {
	key, err := keyInPath(r)
	if err != nil {
		return in, p, err
	}
	if !callerOf(r).session.Allows(key) {
		return in, p, &problem{status: http.StatusBadRequest, code: "integration_not_allowed", message: "The session does not allow this integration"}
	}
	if p, err = s.providerOf(r.Context(), key); err != nil {
		return in, p, err
	}
	in, err = s.integration(r.Context(), key)
	return in, p, err
}

func (s *server) pageIntegration(w http.ResponseWriter, r *http.Request) error {
	in, p, err := s.chosen(r)
	if err != nil {
		return err
	}
	session := callerOf(r).session
	defaults := session.Defaults[in.Key]
	offer := pageOffer{
		pageChoice: newChoice(in, p), SignIn: signsIn(p), Reconnect: session.Reconnect != nil,
		Help: safeLink(cmp.Or(defaults.DocsConnect, p.DocsConnect)),
	}
	if offer.SignIn {
		offer.Scopes = defaults.Scopes
		if app := oauthAppOf(in.App); app != nil && len(offer.Scopes) == 0 {
			offer.Scopes = app.Scopes
		}
	}
	known := map[string]string{}
	if c := session.Reconnect; c != nil {
		conn, err := s.client.Connections.Get(r.Context(), c.Integration, c.ID)
		switch { // without what is known of it the form is empty, which does no harm
		case err == nil && conn.RowID == c.RowID:
			known = conn.Config
		case err == nil || errors.Is(err, tieline.ErrNotFound):
			return &problem{status: http.StatusBadRequest, code: "invalid_connection", message: "The connection to reconnect is there no more"}
		}
	}
	offer.Fields = formFields(p, *session, defaults.Config, known, offer.Help)
	writeJSON(w, http.StatusOK, offer)
	return nil
}

// oauthAppOf is the part of an app that OAuth knows, nil for none.
func oauthAppOf(app tieline.AppCredential) *tieline.OAuthApp {
	switch a := app.(type) {
	case *tieline.OAuthApp:
		return a
	case *tieline.CustomApp:
		return &a.OAuthApp
	}
	return nil
}

// pageBody reads what the form sends: strings by the names of their fields.
func pageBody(r *http.Request) (config, credentials map[string]string, here bool, err error) {
	o, err := readBody(r)
	if err != nil {
		return nil, nil, false, err
	}
	config = o.record("config", false)
	credentials = o.record("credentials", false)
	here, _ = o.boolean("sameWindow")
	o.strict()
	return config, credentials, here, o.err("invalid_body")
}

// pageInput is what the connection is made of that the session makes.
func (s *server) pageInput(r *http.Request, key string, config map[string]string) (string, tieline.ConnectionInput, error) {
	session := callerOf(r).session
	if session.Made != nil {
		return "", tieline.ConnectionInput{}, errSessionUsed
	}
	params := make(map[string]any, len(config))
	for name, v := range config {
		params[name] = v
	}
	return s.connectionInput(r.Context(), *session, key, newObject(map[string]any{"params": params}, []string{"params"}))
}

// pageAuthorize begins a sign-in at the provider, and answers with where it is.
func (s *server) pageAuthorize(w http.ResponseWriter, r *http.Request) error {
	in, _, err := s.chosen(r)
	if err != nil {
		return err
	}
	config, _, here, err := pageBody(r)
	if err != nil {
		return err
	}
	id, input, err := s.pageInput(r, in.Key, config)
	if err != nil {
		return err
	}
	a, err := s.startFlow(w, r, callerOf(r), in.Key, authorizeOptions(tieline.AuthorizeOptions{}, id, input), !here)
	if err != nil {
		return connectProblem(err, "invalid_body")
	}
	writeJSON(w, http.StatusOK, map[string]string{"url": a.URL})
	return nil
}

// pageConnect makes a connection of what was typed into the form.
func (s *server) pageConnect(w http.ResponseWriter, r *http.Request) error {
	in, p, err := s.chosen(r)
	if err != nil {
		return err
	}
	config, credentials, _, err := pageBody(r)
	if err != nil {
		return err
	}
	id, input, err := s.pageInput(r, in.Key, config)
	if err != nil {
		return err
	}
	if input.Credential, err = formCredential(p, *callerOf(r).session, credentials); err != nil {
		return err
	}
	ctx := context.WithoutCancel(r.Context()) // who leaves has used the session all the same
	conn, err := s.client.Connections.Create(ctx, in.Key, id, input)
	if err != nil {
		return connectProblem(err, "invalid_body")
	}
	if err := s.finish(ctx, callerOf(r), conn); err != nil {
		return err
	}
	writeJSON(w, http.StatusOK, pageMade{
		ConnectionID: conn.ID, ProviderConfigKey: conn.Integration, Name: in.DisplayName, Pending: conn.Status == tieline.StatusPending,
	})
	return nil
}
