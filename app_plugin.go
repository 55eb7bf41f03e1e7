package tieline

import (
	"errors"
	"net/url"

	"github.com/tieline/tieline/internal/spec"
	"github.com/tieline/tieline/internal/wire"
)

// PluginApp is a plugin that users install on the provider's side.
type PluginApp struct {
	AppLink  string // the page to install it from, an https URL
	Username string // 1 to 255 characters
	Password Secret
}

func (a *PluginApp) validate(mode AuthMode, _ *spec.Entry) error {
	if mode != ModeInstallPlugin {
		return wrongApp(mode, "a plugin")
	}
	var problems []error
	if u, err := url.Parse(a.AppLink); err != nil || u.Scheme != "https" || u.Host == "" || u.User != nil || len(a.AppLink) > maxURL {
		problems = append(problems, &FieldError{Field: "app.app_link", Reason: "must be an https URL"})
	}
	problems = append(problems,
		checkText("app.username", a.Username, 1, maxName, printableASCII),
		checkText("app.password", a.Password.Reveal(), 1, maxSecret, printableASCII))
	return errors.Join(problems...)
}

func (a *PluginApp) seal(b []byte) []byte {
	b = wire.AppendString(wire.AppendUint(b, appPlugin), a.AppLink)
	return appendSecret(wire.AppendString(b, a.Username), a.Password)
}

func readPluginApp(r *wire.Reader) *PluginApp {
	return &PluginApp{AppLink: r.String(), Username: r.String(), Password: readSecret(r)}
}
