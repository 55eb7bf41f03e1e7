package tieline

import (
	"errors"

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
	return errors.Join(
		checkAppLink(a.AppLink),
		checkText("app.username", a.Username, 1, maxName, printableASCII),
		checkText("app.password", a.Password.Reveal(), 1, maxSecret, printableASCII))
}

func (a *PluginApp) seal(b []byte) []byte {
	b = wire.AppendString(wire.AppendUint(b, appPlugin), a.AppLink)
	return appendSecret(wire.AppendString(b, a.Username), a.Password)
}

func readPluginApp(r *wire.Reader) *PluginApp {
	return &PluginApp{AppLink: r.String(), Username: r.String(), Password: readSecret(r)}
}
