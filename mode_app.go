package tieline

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"time"

	"github.com/tieline/tieline/internal/jsonpath"
	"github.com/tieline/tieline/internal/oauth"
	"github.com/tieline/tieline/internal/sign"
	"github.com/tieline/tieline/internal/spec"
	"github.com/tieline/tieline/internal/template"
)

// appMode is an application that is installed into an account and acts with its
// own key: a GitHub App
// (https://docs.github.com/apps/creating-github-apps/authenticating-with-a-github-app).
type appMode struct{}

const (
	installationID = "installation_id"

	// GitHub takes a JWT for ten minutes at most, and none from the future.
	appTokenLife = 9 * time.Minute
	appTokenSkew = time.Minute

	// installationLife is how long GitHub's tokens live, for an answer that does
	// not say.
	installationLife = time.Hour
)

func (appMode) Begin(_ context.Context, s *Subject, f *Flow) (*url.URL, error) {
	return s.installURL(f)
}

// installURL is the application's page for installing it.
func (s *Subject) installURL(f *Flow) (*url.URL, error) {
	app := githubApp(s.app)
	if app == nil {
		return nil, &FieldError{Field: "app", Reason: "must be a GitHub App"}
	}
	sub := s.withValues(configValue("appPublicLink", app.AppLink))
	target, err := expandURL(s.provider.AuthorizationURL, sub.env(), "authorization_url")
	if err != nil {
		return nil, err
	}
	q := target.Query()
	for name, v := range f.Params {
		q.Set(name, v)
	}
	q.Set("state", f.State)
	target.RawQuery = q.Encode()
	return target, nil
}

// configValue is a value of the connection config that is not stored there, or not
// yet.
func configValue(name, value string) func(template.Ref) (string, bool) {
	return func(r template.Ref) (string, bool) {
		return value, r.Space == "connectionConfig" && r.Name == name && value != ""
	}
}

func (m appMode) Complete(ctx context.Context, s *Subject, _ *Flow, callback url.Values) (Grant, error) {
	if callback.Get("setup_action") == "request" {
		return Grant{}, &AuthorizationError{Code: "approval_required"}
	}
	return m.installed(ctx, s, callback.Get(installationID))
}

// Install takes a webhook that tells of an installation.
func (m appMode) Install(ctx context.Context, s *Subject, payload map[string]any) (Grant, error) {
	id, _ := jsonpath.Text(jsonpath.At(payload, "installation.id"))
	return m.installed(ctx, s, id)
}

func (appMode) installed(ctx context.Context, s *Subject, id string) (Grant, error) {
	if !isInstallation(id) {
		return Grant{}, &FieldError{Field: "callback." + installationID, Reason: "is missing or no number"}
	}
	token, err := s.installationToken(ctx, id)
	if err != nil {
		return Grant{}, err
	}
	return Grant{Credential: token, Captured: map[string]string{installationID: id}}, nil
}

// isInstallation: the ID becomes a part of a URL.
func isInstallation(id string) bool {
	for _, c := range []byte(id) {
		if c < '0' || c > '9' {
			return false
		}
	}
	return id != "" && len(id) <= 20
}

func (m appMode) Import(ctx context.Context, s *Subject, _ bool) (Grant, error) {
	return m.installed(ctx, s, s.private.cred.(*AppToken).InstallationID)
}

func (appMode) CanRefresh(*Subject) bool { return true }

func (appMode) Refresh(ctx context.Context, s *Subject) (Grant, error) {
	token, err := s.installationToken(ctx, s.private.cred.(*AppToken).InstallationID)
	if err != nil {
		return Grant{}, err
	}
	return Grant{Credential: token}, nil
}

func (appMode) Attach(_ context.Context, s *Subject, req *http.Request) error {
	token, _ := s.private.cred.field("token")
	return s.attachParts(req, func(h http.Header) { h.Set("Authorization", "Bearer "+token) })
}

// installationToken gets a token for an installation with the application's key.
func (s *Subject) installationToken(ctx context.Context, id string) (*AppToken, error) {
	app := githubApp(s.app)
	if app == nil {
		return nil, badData(&FieldError{Field: "app", Reason: "must be a GitHub App"})
	}
	bearer, err := app.token(s.core.now())
	if err != nil {
		return nil, badData(err)
	}
	sub := s.withValues(configValue(installationID, id))
	u := s.provider.TokenURLs[string(spec.App)]
	if u == nil {
		u = s.provider.TokenURL
	}
	target, err := expandURL(u, sub.env(), "token_url")
	if err != nil {
		return nil, badData(err)
	}
	answer, failure := s.login(ctx, loginCall{
		method: http.MethodPost, url: target, format: spec.BodyJSON, params: spec.Value{Kind: spec.Object},
		headers: http.Header{"Authorization": {"Bearer " + bearer}, "Accept": {"application/vnd.github+json"}},
	})
	if failure != nil {
		if failure.Class == ClassPermanent && failure.Status == http.StatusUnauthorized {
			failure.Class = ClassConfig // it is the application's key that was refused
		}
		if failure.Status == http.StatusNotFound {
			failure.Class = ClassPermanent // the installation is gone
		}
		return nil, failure
	}
	token, _ := answer.path("token")
	if !isToken(token) {
		return nil, &TokenError{Class: ClassTransient, Status: http.StatusOK, Code: "no_token"}
	}
	expires := oauth.Moment(answer.at("expires_at"), s.core.now())
	if expires.IsZero() {
		expires = s.core.now().Add(installationLife)
	}
	return &AppToken{InstallationID: id, Token: NewSecret(token), ExpiresAt: expires, Raw: NewSecret(answer.raw)}, nil
}

// token is the JWT with which the application says who it is.
func (a *GitHubApp) token(now time.Time) (string, error) {
	key, err := sign.ParseKey(a.PrivateKey.Reveal(), sign.Asymmetric)
	if err != nil {
		return "", &FieldError{Field: "app.private_key", Reason: "is not an RSA private key that can be read"}
	}
	issued := now.Add(-appTokenSkew)
	claims := map[string]any{"iat": issued.Unix(), "exp": now.Add(appTokenLife).Unix(), "iss": a.AppID}
	token, err := sign.Sign(map[string]any{"alg": "RS256", "typ": "JWT"}, claims, key)
	if err != nil {
		return "", &FieldError{Field: "app.private_key", Reason: "cannot sign with RS256"}
	}
	return token, nil
}

// githubApp is the part of an app credential that is a GitHub App.
func githubApp(app AppCredential) *GitHubApp {
	switch a := app.(type) {
	case *GitHubApp:
		return a
	case *CustomApp:
		return &a.GitHubApp
	}
	return nil
}

// customMode is a GitHub App that also signs the user in.
type customMode struct{}

func (customMode) Begin(_ context.Context, s *Subject, f *Flow) (*url.URL, error) {
	return s.installURL(f)
}

// Complete takes what the installation page sends: a code of the user's, and the
// installation, unless an owner has to approve it first.
func (customMode) Complete(ctx context.Context, s *Subject, f *Flow, callback url.Values) (Grant, error) {
	cred := &CustomToken{}
	g := Grant{Credential: cred, IssuedAt: s.core.now()}
	if callback.Get("code") != "" {
		user, err := oauth2Mode{}.Complete(ctx, s, f, callback)
		if err != nil {
			return Grant{}, err
		}
		cred.User = *user.Credential.(*OAuth2Token)
		g.Captured = user.Captured
	}
	id := callback.Get(installationID)
	switch {
	case id == "" && cred.User.AccessToken.IsZero():
		return Grant{}, &FieldError{Field: "callback." + installationID, Reason: "is missing"}
	case id == "":
		return g, nil // somebody has to approve; Install ends it
	case !isInstallation(id):
		return Grant{}, &FieldError{Field: "callback." + installationID, Reason: "is no number"}
	}
	token, err := s.installationToken(ctx, id)
	if err != nil {
		// Nobody would ever use the user's grant.
		return Grant{}, errors.Join(err, s.revokeToken(ctx, cred.User.AccessToken, cred.User.RefreshToken))
	}
	cred.App = *token
	g.Captured = put(g.Captured, installationID, id)
	return g, nil
}

// Install ends an installation that had to be approved.
func (customMode) Install(ctx context.Context, s *Subject, payload map[string]any) (Grant, error) {
	cred := &CustomToken{}
	if old, ok := s.private.cred.(*CustomToken); ok {
		cred.User = old.User
	}
	g, err := appMode{}.Install(ctx, s, payload)
	if err != nil {
		return Grant{}, err
	}
	cred.App = *g.Credential.(*AppToken)
	g.Credential = cred
	return g, nil
}

func (customMode) CanRefresh(s *Subject) bool {
	cred, ok := s.private.cred.(*CustomToken)
	return ok && (cred.App.InstallationID != "" || !cred.User.RefreshToken.IsZero())
}

// Refresh renews both tokens. The user's comes first, because its refresh token can
// be used once; if it fails, the application's is renewed all the same.
func (customMode) Refresh(ctx context.Context, s *Subject) (Grant, error) {
	next := *s.private.cred.(*CustomToken)
	g := Grant{Credential: &next}
	var userErr error
	if !next.User.RefreshToken.IsZero() && needsRenewal(next.User.ExpiresAt, s.core.now()) {
		var user Grant
		user, userErr = oauth2Mode{}.Refresh(ctx, s.forUser(&next))
		if user.Credential != nil {
			next.User, g.torn = *user.Credential.(*OAuth2Token), user.torn
		}
		if next.App.InstallationID == "" {
			if user.Credential == nil {
				return Grant{}, userErr
			}
			return g, userErr
		}
	}
	kept := next.User.RefreshToken.Equal(s.private.cred.(*CustomToken).User.RefreshToken)
	if !kept {
		so := next
		s.Checkpoint(&so) // asking for the other token spends nothing
	}
	token, err := s.installationToken(ctx, next.App.InstallationID)
	if err != nil {
		if kept {
			return Grant{}, err
		}
		return g, err // with the user's new token, which must not be lost
	}
	next.App = *token
	if userErr == nil {
		return g, nil
	}
	var failure *TokenError
	known := errors.As(userErr, &failure)
	if known && failure.Class == ClassPermanent {
		// The application's token serves; the user's is at its end.
		next.User.ExpiresAt = time.Time{}
		next.User.AccessToken, next.User.RefreshToken = Secret{}, Secret{}
		return g, nil
	}
	if !known || failure.Class == ClassAmbiguous {
		g.torn = g.torn || kept
	}
	if next.User.ExpiresAt.Before(s.core.now().Add(userMargin)) {
		// It would count as the whole's expiry; the next renewal tries again.
		next.User.AccessToken = Secret{}
	}
	return g, nil
}

// forUser is the subject of a refresh of the user's token alone.
func (s *Subject) forUser(cred *CustomToken) *Subject {
	sub := s.withCredential(&cred.User)
	sub.save = func(user Credential) bool {
		so := *cred
		so.User = *user.(*OAuth2Token)
		return s.Checkpoint(&so)
	}
	return sub
}

// Revoke ends the user's grant. The installation is the user's to end.
func (customMode) Revoke(ctx context.Context, s *Subject) error {
	cred, ok := s.private.cred.(*CustomToken)
	if !ok {
		return nil
	}
	return s.revokeToken(ctx, cred.User.AccessToken, cred.User.RefreshToken)
}

// userMargin is the life that a user's token which could not be renewed must have
// left to be kept: with less, both would be asked for again and again.
const userMargin = 5 * time.Minute

// needsRenewal says whether a token that expires then is due with its neighbour.
func needsRenewal(expires, now time.Time) bool {
	const early = 30 * time.Minute
	return !expires.IsZero() && now.Add(early).After(expires)
}

func (customMode) Attach(_ context.Context, s *Subject, req *http.Request) error {
	cred := s.private.cred.(*CustomToken)
	token := cred.App.Token
	if token.IsZero() {
		token = cred.User.AccessToken
	}
	return s.attachParts(req, func(h http.Header) { h.Set("Authorization", "Bearer "+token.Reveal()) })
}

// An Installer is a mode whose connections can begin, or end up, at the provider:
// a webhook tells of it.
type Installer interface {
	// Install makes a grant of what the webhook says. The payload's signature was
	// checked.
	Install(ctx context.Context, s *Subject, payload map[string]any) (Grant, error)
}
