package tieline

import (
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strings"

	"github.com/tieline/tieline/internal/spec"
	"github.com/tieline/tieline/internal/wire"
)

// AppCredential is what an integration knows the provider by. It is one of
//
//	*OAuthApp   OAUTH1, OAUTH2, TBA and the MCP modes
//	*GitHubApp  APP
//	*CustomApp  CUSTOM
//	*PluginApp  INSTALL_PLUGIN
//
// or nil for modes in which every connection brings its own.
type AppCredential interface {
	validate(mode AuthMode, e *spec.Entry) error
	seal(b []byte) []byte
}

// OAuthApp is an application registered with a provider.
type OAuthApp struct {
	// ClientID is 1 to 255 printable ASCII characters.
	ClientID string
	// ClientSecret is printable ASCII, at most 4096 bytes. It may be empty only
	// for a public client, where the provider's data says so.
	ClientSecret Secret
	// Scopes to ask for. Empty: the provider's default scopes, filled in when
	// the integration is created.
	Scopes []string
	// WebhookSecret checks the provider's webhooks, at most 255 characters. It
	// may be empty.
	WebhookSecret Secret
}

// GitHubApp is a GitHub App. Its callback is not proof of whose installation it is:
// whoever is at the browser can change the installation in it. Take installations
// from the signed webhook, with [Connections.CompleteInstallation], where users of
// one application must not reach each other's.
type GitHubApp struct {
	AppID      string // 1 to 255 characters
	AppLink    string // its public page, an https URL
	PrivateKey Secret // RSA, in PEM
}

// CustomApp is a GitHub App that also signs users in.
type CustomApp struct {
	OAuthApp
	GitHubApp
}

// The kinds of stored app credential. The values are stored: add at the end.
const (
	appNone = iota
	appOAuth
	appGitHub
	appCustom
	appPlugin
)

const (
	maxName   = 255
	maxSecret = 4096
)

func (a *OAuthApp) validate(mode AuthMode, e *spec.Entry) error {
	switch mode {
	case ModeOAuth1, ModeOAuth2, ModeTBA, ModeMCPOAuth2, ModeMCPOAuth2Generic:
	default:
		return wrongApp(mode, "an OAuth app")
	}
	return a.check(e)
}

func (a *OAuthApp) check(e *spec.Entry) error {
	secret := a.ClientSecret.Reveal()
	var problems []error
	if err := checkText("app.client_id", a.ClientID, 1, maxName, printableASCII); err != nil {
		problems = append(problems, err)
	}
	// A public client has no secret (RFC 6749 section 2.1).
	shortest := 1
	if e.ClientAuth == spec.ClientAuthNone || AuthMode(e.AuthMode) == ModeMCPOAuth2 || AuthMode(e.AuthMode) == ModeMCPOAuth2Generic {
		shortest = 0
	}
	if err := checkText("app.client_secret", secret, shortest, maxSecret, printableASCII); err != nil {
		// The secret may be a key in PEM where the provider wants it to sign.
		if block, _ := pem.Decode([]byte(secret)); block == nil || len(secret) > 2*maxSecret {
			problems = append(problems, err)
		}
	}
	for i, scope := range a.Scopes {
		if !isName(scope, scopeExtra) {
			problems = append(problems, &FieldError{Field: fmt.Sprintf("app.scopes[%d]", i), Reason: "must be letters, digits and : / _ . * -"})
		}
	}
	if err := checkText("app.webhook_secret", a.WebhookSecret.Reveal(), 0, maxName, nil); err != nil {
		problems = append(problems, err)
	}
	return errors.Join(problems...)
}

func (a *GitHubApp) validate(mode AuthMode, _ *spec.Entry) error {
	if mode != ModeApp {
		return wrongApp(mode, "a GitHub App")
	}
	return a.check()
}

func (a *GitHubApp) check() error {
	var problems []error
	if err := checkText("app.app_id", a.AppID, 1, maxName, printableASCII); err != nil {
		problems = append(problems, err)
	}
	if err := checkAppLink(a.AppLink); err != nil {
		problems = append(problems, err)
	}
	if err := checkPrivateKey(a.PrivateKey.Reveal()); err != nil {
		problems = append(problems, err)
	}
	return errors.Join(problems...)
}

func checkAppLink(link string) error {
	if u, err := url.Parse(link); err != nil || u.Scheme != "https" || u.Host == "" || u.User != nil || len(link) > maxURL {
		return &FieldError{Field: "app.app_link", Reason: "must be an https URL"}
	}
	return nil
}

// checkPrivateKey parses the key instead of looking at its first line: a key
// that cannot sign is found now and not at the first connection.
func checkPrivateKey(text string) error {
	const field = "app.private_key"
	block, rest := pem.Decode([]byte(strings.ReplaceAll(text, `\n`, "\n")))
	if block == nil || strings.TrimSpace(string(rest)) != "" {
		return &FieldError{Field: field, Reason: "must be one private key in PEM"}
	}
	switch block.Type {
	case "RSA PRIVATE KEY":
		if _, err := x509.ParsePKCS1PrivateKey(block.Bytes); err == nil {
			return nil
		}
	case "PRIVATE KEY":
		if key, err := x509.ParsePKCS8PrivateKey(block.Bytes); err == nil {
			if _, ok := key.(*rsa.PrivateKey); ok {
				return nil
			}
		}
	}
	return &FieldError{Field: field, Reason: "is not an RSA private key that can be read"}
}

func (a *CustomApp) validate(mode AuthMode, e *spec.Entry) error {
	if mode != ModeCustom {
		return wrongApp(mode, "a GitHub App with OAuth")
	}
	return errors.Join(a.OAuthApp.check(e), a.GitHubApp.check())
}

func wrongApp(mode AuthMode, what string) error {
	return fmt.Errorf("%w: %w", ErrWrongMode, &FieldError{Field: "app", Reason: fmt.Sprintf("%s is not what a provider of mode %s takes", what, mode)})
}

// checkApp says whether the app credential, or its absence, fits the provider.
func checkApp(app AppCredential, e *spec.Entry) error {
	mode := AuthMode(e.AuthMode)
	if !isNilApp(app) {
		return app.validate(mode, e)
	}
	switch mode {
	case ModeOAuth1, ModeOAuth2, ModeApp, ModeCustom, ModeInstallPlugin:
		return &FieldError{Field: "app", Reason: fmt.Sprintf("is required for a provider of mode %s", mode)}
	}
	return nil
}

// isNilApp also sees a nil pointer in a non-nil interface.
func isNilApp(app AppCredential) bool {
	switch a := app.(type) {
	case nil:
		return true
	case *OAuthApp:
		return a == nil
	case *GitHubApp:
		return a == nil
	case *CustomApp:
		return a == nil
	case *PluginApp:
		return a == nil
	}
	return false
}

// oauthApp is the OAuth part of an app credential.
func oauthApp(app AppCredential) (*OAuthApp, bool) {
	switch a := app.(type) {
	case *OAuthApp:
		return a, a != nil
	case *CustomApp:
		if a != nil {
			return &a.OAuthApp, true
		}
	}
	return nil, false
}

// cloneApp is a copy that shares nothing that can be changed.
func cloneApp(app AppCredential) AppCredential {
	switch a := app.(type) {
	case *OAuthApp:
		c := *a
		c.Scopes = slices.Clone(a.Scopes)
		return &c
	case *GitHubApp:
		c := *a
		return &c
	case *CustomApp:
		c := *a
		c.Scopes = slices.Clone(a.Scopes)
		return &c
	case *PluginApp:
		c := *a
		return &c
	}
	return nil
}

func (a *OAuthApp) seal(b []byte) []byte { return a.fields(wire.AppendUint(b, appOAuth)) }

func (a *OAuthApp) fields(b []byte) []byte {
	b = wire.AppendString(b, a.ClientID)
	b = appendSecret(b, a.ClientSecret)
	b = wire.AppendStrings(b, a.Scopes)
	return appendSecret(b, a.WebhookSecret)
}

func (a *GitHubApp) seal(b []byte) []byte { return a.fields(wire.AppendUint(b, appGitHub)) }

func (a *GitHubApp) fields(b []byte) []byte {
	b = wire.AppendString(b, a.AppID)
	b = wire.AppendString(b, a.AppLink)
	return appendSecret(b, a.PrivateKey)
}

func (a *CustomApp) seal(b []byte) []byte {
	return a.GitHubApp.fields(a.OAuthApp.fields(wire.AppendUint(b, appCustom)))
}

// integrationPrivate is the sealed part of an integration.
type integrationPrivate struct {
	app      AppCredential
	secrets  map[string]string // config fields marked secret
	webhooks integrationWebhooks
	tail     []byte
}

// integrationWebhooks is what webhooks are verified with.
type integrationWebhooks struct {
	secrets []Secret // beside that of the app, the newest first
	params  map[string]string
	index   []byte // the key of the labels by which webhooks find connections
}

func (p *integrationPrivate) encode() []byte {
	var app []byte
	if isNilApp(p.app) {
		app = wire.AppendUint(nil, appNone)
	} else {
		app = p.app.seal(nil)
	}
	b := wire.AppendBytes(nil, app)
	b = wire.AppendMap(b, p.secrets)
	revealed := make([]string, len(p.webhooks.secrets))
	for n, s := range p.webhooks.secrets {
		revealed[n] = s.Reveal()
	}
	b = wire.AppendStrings(b, revealed)
	b = wire.AppendMap(b, p.webhooks.params)
	b = wire.AppendBytes(b, p.webhooks.index)
	return append(b, p.tail...)
}

func decodeIntegrationPrivate(b []byte) (*integrationPrivate, error) {
	r := wire.NewReader(b)
	app, err := decodeApp(r.View())
	if err != nil {
		return nil, err
	}
	p := &integrationPrivate{app: app, secrets: r.Map()}
	for _, s := range r.Strings() {
		p.webhooks.secrets = append(p.webhooks.secrets, NewSecret(s))
	}
	p.webhooks.params, p.webhooks.index = r.Map(), r.Bytes()
	p.tail = r.Rest()
	if err := r.Err(); err != nil {
		return nil, fmt.Errorf("sealed part: %w", err)
	}
	return p, nil
}

func decodeApp(b []byte) (AppCredential, error) {
	r := wire.NewReader(b)
	var app AppCredential
	switch kind := r.Uint(); kind {
	case appNone:
	case appOAuth:
		app = readOAuthApp(&r)
	case appGitHub:
		app = readGitHubApp(&r)
	case appPlugin:
		app = readPluginApp(&r)
	case appCustom:
		app = &CustomApp{OAuthApp: *readOAuthApp(&r), GitHubApp: *readGitHubApp(&r)}
	default:
		return nil, fmt.Errorf("app credential of kind %d: %w", kind, wire.ErrMalformed)
	}
	if err := r.Err(); err != nil {
		return nil, fmt.Errorf("app credential: %w", err)
	}
	return app, nil
}

func readOAuthApp(r *wire.Reader) *OAuthApp {
	return &OAuthApp{ClientID: r.String(), ClientSecret: readSecret(r), Scopes: r.Strings(), WebhookSecret: readSecret(r)}
}

func readGitHubApp(r *wire.Reader) *GitHubApp {
	return &GitHubApp{AppID: r.String(), AppLink: r.String(), PrivateKey: readSecret(r)}
}
