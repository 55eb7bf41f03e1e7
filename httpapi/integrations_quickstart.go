package httpapi

import (
	"net/http"

	"github.com/tieline/tieline"
)

// quickstart sets up an integration with a developer app that the service has for
// everybody. This one has none, so it checks what it is asked for and says so.
func (s *server) quickstart(_ http.ResponseWriter, r *http.Request) error {
	o, err := readBody(r)
	if err != nil {
		return err
	}
	provider := o.text("provider", matching(patternProvider), maxLength(maxName))
	integrationKey(o, "unique_key")
	o.optionalText("display_name", minLength(1), maxLength(maxName))
	o.boolean("forward_webhooks")
	o.strict()
	if err := o.err("invalid_body"); err != nil {
		return err
	}
	p, err := s.client.Providers.Get(provider)
	if err != nil {
		return invalid("invalid_body", item{"invalid_string", "Invalid provider", []string{"provider"}})
	}
	switch p.AuthMode {
	case tieline.ModeOAuth1, tieline.ModeOAuth2, tieline.ModeApp:
		return invalidBody("No Nango-provided developer app is configured for this provider")
	}
	return invalidBody("Quickstart is only available for providers that require a developer app")
}
