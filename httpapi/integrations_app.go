package httpapi

import (
	"slices"
	"strings"

	"github.com/tieline/tieline"
)

// appBody is the "credentials" of an integration in a request.
type appBody struct {
	kind   string // its type
	values map[string]string
	given  map[string]bool // the members that are there, null ones too
}

// readApp reads the credentials, which are a union by their type.
func readApp(o *object, creating bool) *appBody {
	if !o.has("credentials") {
		return nil
	}
	c := o.object("credentials", true)
	if c == nil {
		return nil
	}
	b := &appBody{values: map[string]string{}, given: map[string]bool{}}
	kind, _ := c.get("type")
	b.kind, _ = kind.(string)
	switch b.kind {
	case "OAUTH1", "OAUTH2", "TBA":
		b.read(c, "client_id", creating, minLength(1), maxLength(maxName))
		b.read(c, "client_secret", creating, minLength(1))
		b.read(c, "scopes", false, emptyOr(matching(patternScopes)))
		b.read(c, "webhook_secret", false, maxLength(maxName))
	case "APP":
		b.read(c, "app_id", creating, minLength(1), maxLength(maxName))
		b.read(c, "app_link", creating, isURL)
		b.read(c, "private_key", creating, minLength(1))
	case "CUSTOM":
		b.read(c, "client_id", creating, minLength(1), maxLength(maxName))
		b.read(c, "client_secret", creating, minLength(1))
		b.read(c, "app_id", creating, minLength(1), maxLength(maxName))
		b.read(c, "app_link", creating, isURL)
		b.read(c, "private_key", creating, minLength(1))
		b.read(c, "webhook_secret", false, maxLength(maxName))
	default:
		o.report("invalid_union", "invalid credentials object", []string{"credentials", "type"})
		return nil
	}
	c.strict()
	return b
}

// read takes one member. Of those that are not required null means empty.
func (b *appBody) read(c *object, name string, required bool, rules ...rule) {
	if v, ok := c.members[name]; ok && v == nil && !required {
		c.ignore(name)
		b.given[name] = true
		return
	}
	if v, ok := c.optional(name, required, rules); ok {
		b.values[name], b.given[name] = v, true
	}
}

func emptyOr(check rule) rule {
	return func(s string) (string, string) {
		if s == "" {
			return "", ""
		}
		return check(s)
	}
}

// fits reports whether a provider of the mode takes such credentials.
func (b *appBody) fits(mode tieline.AuthMode) bool {
	switch mode {
	case tieline.ModeMCPOAuth2, tieline.ModeMCPOAuth2Generic:
		return b.kind == "OAUTH2"
	}
	return b.kind == string(mode)
}

func needsApp(mode tieline.AuthMode) bool {
	switch mode {
	case tieline.ModeOAuth1, tieline.ModeOAuth2, tieline.ModeApp, tieline.ModeCustom:
		return true
	}
	return false
}

// over is the app credential with what was given put over what there is.
func (b *appBody) over(old tieline.AppCredential) tieline.AppCredential {
	switch b.kind {
	case "APP":
		app, _ := old.(*tieline.GitHubApp)
		if app == nil {
			app = &tieline.GitHubApp{}
		}
		b.github(app)
		return app
	case "CUSTOM":
		app, _ := old.(*tieline.CustomApp)
		if app == nil {
			app = &tieline.CustomApp{}
		}
		b.github(&app.GitHubApp)
		b.oauth(&app.OAuthApp)
		return app
	}
	app, _ := old.(*tieline.OAuthApp)
	if app == nil {
		app = &tieline.OAuthApp{}
	}
	b.oauth(app)
	return app
}

func (b *appBody) oauth(app *tieline.OAuthApp) {
	if b.given["client_id"] {
		app.ClientID = b.values["client_id"]
	}
	if b.given["client_secret"] {
		app.ClientSecret = tieline.NewSecret(b.values["client_secret"])
	}
	if b.given["scopes"] {
		app.Scopes = splitScopes(b.values["scopes"])
	}
	if b.given["webhook_secret"] {
		app.WebhookSecret = tieline.NewSecret(b.values["webhook_secret"])
	}
}

func (b *appBody) github(app *tieline.GitHubApp) {
	if b.given["app_id"] {
		app.AppID = b.values["app_id"]
	}
	if b.given["app_link"] {
		app.AppLink = b.values["app_link"]
	}
	if b.given["private_key"] {
		app.PrivateKey = tieline.NewSecret(b.values["private_key"])
	}
}

// splitScopes also takes spaces after the commas, as listings show them.
func splitScopes(list string) []string {
	return slices.DeleteFunc(strings.FieldsFunc(list, func(c rune) bool { return c == ',' || c == ' ' }), func(s string) bool { return s == "" })
}

// appJSON shows the credentials of an integration, secrets and all. Modes in which
// every connection brings its own have null.
func appJSON(in tieline.Integration, mode tieline.AuthMode) any {
	switch app := in.App.(type) {
	case *tieline.OAuthApp:
		if mode != tieline.ModeOAuth1 && mode != tieline.ModeTBA {
			mode = tieline.ModeOAuth2
		}
		return oauthJSON(string(mode), app)
	case *tieline.GitHubApp:
		return map[string]any{"type": "APP", "app_id": app.AppID, "app_link": app.AppLink, "private_key": app.PrivateKey.Reveal()}
	case *tieline.CustomApp:
		out := oauthJSON("CUSTOM", &app.OAuthApp)
		delete(out, "scopes")
		out["app_id"], out["app_link"], out["private_key"] = app.AppID, app.AppLink, app.PrivateKey.Reveal()
		return out
	}
	return nil
}

func oauthJSON(kind string, app *tieline.OAuthApp) map[string]any {
	return map[string]any{
		"type": kind, "client_id": app.ClientID, "client_secret": app.ClientSecret.Reveal(),
		"scopes": orNull(strings.Join(app.Scopes, ",")), "webhook_secret": orNull(app.WebhookSecret.Reveal()),
	}
}

// orNull is null for the empty string.
func orNull(s string) any {
	if s == "" {
		return nil
	}
	return s
}
