package tieline

import (
	"context"
	"encoding/json"
	"net/url"
	"strings"
	"time"

	"github.com/tieline/tieline/internal/jsonpath"
	"github.com/tieline/tieline/internal/oauth"
	"github.com/tieline/tieline/internal/spec"
	"github.com/tieline/tieline/internal/template"
)

// granted makes a grant of a new token and the answer that had it, with what the
// provider's data has to be asked for beside it.
func (s *Subject) granted(ctx context.Context, token *OAuth2Token, answer *oauth.Answer, callback url.Values, issued time.Time) (Grant, error) {
	g := Grant{Credential: token, Captured: s.capture(answer, callback), IssuedAt: issued, answered: s.core.now(), idToken: answer.IDToken}
	s = s.withCaptured(g.Captured)
	if err := s.follow(ctx, token, answer, &g); err != nil {
		return Grant{}, err
	}
	if err := s.extraTokens(ctx, token, answer, issued, true); err != nil {
		return Grant{}, err
	}
	if token.ExpiresAt.IsZero() {
		token.ExpiresAt = s.introspectedExpiry(ctx, token, issued)
	}
	return g, nil
}

// follow makes the exchanges that come after a token request, and puts the last
// one's access token into token: one that lives longer, or a session.
// What its answers have that is to be kept is put into g.
func (s *Subject) follow(ctx context.Context, token *OAuth2Token, answer *oauth.Answer, g *Grant) error {
	for i := range s.provider.Then {
		x := &s.provider.Then[i]
		next, issued, err := s.exchangeAgain(ctx, x, token, answer)
		if err != nil && x.Optional {
			continue
		}
		if err != nil {
			return err
		}
		token.AccessToken = NewSecret(next.AccessToken)
		if next.RefreshToken != "" {
			token.RefreshToken = NewSecret(next.RefreshToken)
		}
		token.ExpiresAt = s.expiry(next, issued, 0)
		if next.Raw != nil {
			token.Raw = NewSecret(string(next.Raw))
		}
		for name, v := range s.capture(next, nil) {
			g.Captured = put(g.Captured, name, v)
		}
		answer = next
	}
	return nil
}

// exchangeAgain makes one of the exchanges. Only what the provider's data says is
// sent.
func (s *Subject) exchangeAgain(ctx context.Context, x *spec.Exchange, token *OAuth2Token, answer *oauth.Answer) (*oauth.Answer, time.Time, error) {
	sub := s.withCredential(token).withValues(answerValues(answer))
	env := sub.env()
	target, err := expandURL(x.URL, env, "then.url")
	if err != nil {
		return nil, time.Time{}, badData(err)
	}
	call := &oauth.Call{
		URL: target, Method: x.Method, Format: oauth.Format(x.Body), Params: map[string]any{}, Auth: oauth.AuthAbsent,
		Fields: fieldsOf(x.ResponseFields, x.ExpiresInUnit),
	}
	if call.Header, err = expandHeaders(x.Headers, env); err != nil {
		return nil, time.Time{}, badData(err)
	}
	if err := sub.addParams(call, x.Params); err != nil {
		return nil, time.Time{}, badData(err)
	}
	issued := s.core.now()
	next, failure := s.ask(ctx, s.core.tokenHTTP, call)
	if failure != nil {
		return nil, issued, newTokenError(withoutGrant(failure))
	}
	return next, issued, nil
}

// answerValues are the values of an answer, as ${answer.path}.
func answerValues(answer *oauth.Answer) func(template.Ref) (string, bool) {
	return func(r template.Ref) (string, bool) {
		if r.Space != "answer" {
			return "", false
		}
		return jsonpath.Text(jsonpath.At(answer.Values, r.Name))
	}
}

// introspectedExpiry asks when a token expires whose answer did not say (RFC 7662),
// where the provider's data says that it can be asked. That it cannot is no reason
// to give the token up: it then lives as long as that data has it, or until it is
// refused.
func (s *Subject) introspectedExpiry(ctx context.Context, cred Credential, issued time.Time) time.Time {
	r := &s.provider.Refresh
	if s.provider.Introspection == nil || !r.Introspect {
		return time.Time{}
	}
	found, err := s.withCredential(cred).introspect(ctx)
	switch {
	case err == nil && found.Active && !found.ExpiresAt.IsZero():
		return found.ExpiresAt
	case r.DefaultExpiresIn > 0:
		return issued.Add(r.DefaultExpiresIn).UTC()
	}
	return time.Time{}
}

// Introspection is what a provider says of a token (RFC 7662 section 2.2).
type Introspection struct {
	// Active is whether the token works.
	Active bool
	// ExpiresAt is zero when the provider does not say.
	ExpiresAt time.Time
	Scopes    []string
	// Raw is the whole answer as JSON.
	Raw json.RawMessage
}

// Introspect asks the provider about the connection's access token. ErrWrongMode
// says that the provider's data has no way to.
func (m *Connections) Introspect(ctx context.Context, integration, id string) (Introspection, error) {
	out, err := m.core.introspect(ctx, integration, id)
	return out, opError("connections: introspect", err, integration, id)
}

func (c *core) introspect(ctx context.Context, key, id string) (Introspection, error) {
	conn, err := c.findConnection(ctx, key, id)
	if err != nil {
		return Introspection{}, err
	}
	s, err := c.subject(ctx, conn.row, conn.rec)
	if err != nil {
		return Introspection{}, err
	}
	if s.provider.Introspection == nil {
		return Introspection{}, ErrWrongMode
	}
	tctx, cancel := context.WithTimeout(ctx, c.policy.Exchange)
	defer cancel()
	return s.introspect(tctx)
}

func (s *Subject) introspect(ctx context.Context) (Introspection, error) {
	in := s.provider.Introspection
	target, err := in.URL.Expand(s.env())
	if err != nil {
		return Introspection{}, configError(err)
	}
	access, _ := s.private.cred.field("accessToken")
	id, secret := s.client()
	if id == "" {
		// A sign-in of several steps has the client among what was typed in.
		id, _ = s.private.cred.field("clientId")
		secret, _ = s.private.cred.field("clientSecret")
	}
	call := &oauth.Call{
		URL: target, Params: map[string]any{"token": access, "token_type_hint": "access_token"},
		Auth: oauth.ClientAuth(in.Auth), ClientID: id, ClientSecret: secret, NoToken: true,
	}
	if in.Auth == spec.ClientAuthBearer {
		call.Auth = oauth.AuthAbsent
		call.Header = map[string][]string{"Authorization": {"Bearer " + access}}
	}
	answer, failure := s.send(ctx, call)
	if failure != nil {
		return Introspection{}, newTokenError(withoutGrant(failure))
	}
	out := Introspection{Scopes: strings.Fields(answer.Scope), Raw: answer.Raw}
	if v, _ := jsonpath.Text(jsonpath.At(answer.Values, "active")); v == "true" {
		out.Active = true
	}
	out.ExpiresAt = oauth.Moment(jsonpath.At(answer.Values, "exp"), s.core.now())
	return out, nil
}
