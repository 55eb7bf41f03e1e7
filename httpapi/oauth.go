package httpapi

import (
	"context"
	"errors"
	"maps"
	"net/http"
	"net/url"
	"time"

	"github.com/tieline/tieline"
)

func (s *server) oauthRoutes() []route {
	return []route{
		{method: "GET", pattern: "/oauth/connect/{key}", access: endUser, page: true, serve: s.oauthConnect},
		{method: "GET", pattern: "/oauth/callback", page: true, serve: s.callback},
		{method: "GET", pattern: "/app-auth/connect", page: true, serve: s.callback},
	}
}

// bindingLife is how long a browser keeps the binding that its tabs share.
const bindingLife = 24 * time.Hour

// oauthConnect sends an end user to the provider. Somebody who comes from an
// unknown place, with a token that may be another person's, first sees on the
// connect page whose account it is going to be.
func (s *server) oauthConnect(w http.ResponseWriter, r *http.Request) error {
	if r.Method != http.MethodGet {
		return errMethod // to look at a link must not begin anything
	}
	key, err := keyInPath(r)
	if err != nil {
		return err
	}
	who := callerOf(r)
	if err := s.confirm(r, *who.session); err != nil {
		return err
	}
	if !s.fromApplication(r) {
		s.keepSession(w, sessionPrefix+who.token, *who.session)
		redirect(w, http.StatusSeeOther, s.pageURL()+"?integration="+url.QueryEscape(key))
		return nil
	}
	if who.session.Made != nil {
		return errSessionUsed
	}
	q := readQuery(r.URL.Query())
	o, err := readAuthorize(q)
	if err != nil {
		return err
	}
	id, in, err := s.connectionInput(r.Context(), *who.session, key, q)
	if err != nil {
		return err
	}
	a, err := s.startFlow(w, r, who, key, authorizeOptions(o, id, in), true)
	if err != nil {
		return connectProblem(err, "invalid_query_params")
	}
	redirect(w, http.StatusFound, a.URL)
	return nil
}

var errMethod = &problem{status: http.StatusMethodNotAllowed, code: "method_not_allowed", message: "The path does not take this method"}

// readAuthorize reads what a caller of /oauth/connect may say of the authorization.
func readAuthorize(q *object) (tieline.AuthorizeOptions, error) {
	q.ignore("ws_client_id")
	o := tieline.AuthorizeOptions{Params: map[string]string{}}
	for name, v := range q.record("authorization_params", false) {
		if v != "undefined" { // how scripts say that there is none
			o.Params[name] = v
		}
	}
	if scope, ok := q.optionalText("user_scope"); ok {
		o.Params["user_scope"] = scope
	}
	if c := q.object("credentials", false); c != nil {
		o.ClientID, _ = c.optionalText("oauth_client_id_override")
		secret, _ := c.optionalText("oauth_client_secret_override")
		o.ClientSecret = tieline.NewSecret(secret)
		c.strict()
	}
	return o, q.err("invalid_query_params")
}

func authorizeOptions(o tieline.AuthorizeOptions, id string, in tieline.ConnectionInput) tieline.AuthorizeOptions {
	o.ConnectionID, o.Config, o.Metadata, o.Tags = id, in.Config, in.Metadata, in.Tags
	o.EndUser, o.WebhookURL, o.NewOnly = in.EndUser, in.WebhookURL, in.NewOnly
	return o
}

// startFlow begins an authorization in a session, and has the browser remember it. What
// the application has decided for its user goes before what was asked for.
func (s *server) startFlow(w http.ResponseWriter, r *http.Request, who *caller, key string, o tieline.AuthorizeOptions, window bool) (*tieline.Authorization, error) {
	defaults := who.session.Defaults[key]
	if len(defaults.Scopes) > 0 {
		o.Scopes = defaults.Scopes
	}
	if o.Params == nil {
		o.Params = map[string]string{}
	}
	maps.Copy(o.Params, defaults.Params)
	o.Binding = s.cookie(r, cookieBinding)
	a, err := s.client.Connections.Authorize(r.Context(), key, o)
	if err != nil {
		return nil, err
	}
	s.setCookie(w, cookieBinding, a.Binding.Reveal(), bindingLife)
	s.keepFlow(w, r, key, a.ConnectionID, flow{token: sessionPrefix + who.token, window: window})
	return a, nil
}

// callback is where a provider sends the user back to.
func (s *server) callback(w http.ResponseWriter, r *http.Request) error {
	if r.Method != http.MethodGet {
		return errMethod // a scanner that looks must not use the code up
	}
	query := r.URL.Query()
	if query.Has("installation_id") && !query.Has("state") {
		s.showPage(w, r, installedPage())
		return nil
	}
	open, err := s.openFlows(r)
	if err != nil {
		return err
	}
	ctx := context.WithoutCancel(r.Context()) // who leaves has used the session all the same
	conn, err := s.client.Connections.Complete(ctx, s.cookie(r, cookieBinding), query)
	if err != nil {
		return err
	}
	name := flowCookie(conn.Integration, conn.ID)
	of, ok := open[name]
	if !ok { // the integration was renamed while the user was away
		s.log.WarnContext(r.Context(), "connection belongs to no session", "request_id", requestID(r.Context()), "integration", conn.Integration, "connection", conn.ID)
		s.showPage(w, r, s.connectedPage(conn, ""))
		return nil
	}
	s.setCookie(w, name, "", 0)
	if err := s.finish(ctx, of.caller, conn); err != nil {
		return err
	}
	if !of.window {
		redirect(w, http.StatusSeeOther, s.pageURL())
		return nil
	}
	s.showPage(w, r, s.connectedPage(conn, of.caller.session.ID))
	return nil
}

// openFlow is a flow whose session can still make a connection.
type openFlow struct {
	*caller
	window bool
}

// openFlows finds what a callback may be for. It fails without any: the code of the
// callback is then worth more unused.
func (s *server) openFlows(r *http.Request) (map[string]openFlow, error) {
	open := map[string]openFlow{}
	err := tieline.ErrState
	for name, f := range s.flows(r) {
		who, ferr := s.openFlow(r, f)
		switch {
		case ferr == nil:
			open[name] = openFlow{caller: who, window: f.window}
		case errors.As(ferr, new(*problem)):
			if !errors.Is(err, errSessionUsed) { // which says most
				err = ferr
			}
		default:
			return nil, ferr
		}
	}
	if len(open) > 0 {
		err = nil
	}
	return open, err
}

func (s *server) openFlow(r *http.Request, f flow) (*caller, error) {
	who, err := s.sessionCaller(r.Context(), f.token)
	if err != nil {
		return nil, err
	}
	if who.session.Made != nil {
		return nil, errSessionUsed
	}
	return who, s.confirm(r, *who.session)
}

// redirect sends the browser to a URL that this server or the Client has made. It
// writes no body, which would have the URL in it once more.
func redirect(w http.ResponseWriter, status int, to string) {
	w.Header().Set("Location", to)
	w.WriteHeader(status)
}

// pageURL is where this handler's connect page is.
func (s *server) pageURL() string { return s.options.PublicURL + "/connect" }

// connectProblem turns why a connection could not be begun or made into an answer
// for the person who tries to. What is wrong with fields is told under code.
func connectProblem(err error, code string) error {
	var known *problem
	var field *tieline.FieldError
	var token *tieline.TokenError
	bad := func(code, message string) error {
		return &problem{status: http.StatusBadRequest, code: code, message: message}
	}
	switch {
	case err == nil, errors.As(err, &known), errors.Is(err, context.Canceled):
		return err
	case errors.Is(err, tieline.ErrWrongMode):
		return bad("invalid_auth_mode", "Connections through this integration are not made this way")
	case errors.As(err, &field):
		return invalid(code, formItems(err)...)
	case errors.Is(err, tieline.ErrVerification):
		return bad("connection_test_failed", "The provider does not accept these credentials. Check them and try again.")
	case errors.As(err, &token) && token.Class == tieline.ClassConfig:
		return bad("provider_refused_application", "The provider does not accept the application that asks. Please tell whoever sent you here.")
	case errors.As(err, &token) && token.Temporary():
		return bad("provider_unavailable", "The provider did not answer as it should. Try again in a moment.")
	case errors.As(err, &token):
		return bad("connection_validation_failed", "The provider refused what was entered. Check it and try again.")
	case errors.Is(err, tieline.ErrForbidden):
		return bad("address_not_allowed", "This address cannot be used. Check what was entered.")
	case errors.Is(err, tieline.ErrNotFound):
		return &problem{status: http.StatusNotFound, code: "unknown_provider_config", message: "There is no such integration", payload: noPayload()}
	}
	return err
}
