package httpapi

import (
	"errors"
	"fmt"
	"maps"
	"net/http"
	"strings"

	"github.com/tieline/tieline"
)

// integrationBody is what a request says of an integration. What it does not say is
// nil.
type integrationBody struct {
	provider    string
	key         string
	displayName *string
	forward     *bool
	app         *appBody
	config      map[string]string
	custom      map[string]string
}

func readIntegration(o *object, creating bool) integrationBody {
	var b integrationBody
	if creating {
		b.provider = o.text("provider", matching(patternProvider), maxLength(maxName))
		b.key = integrationKey(o, "unique_key")
	} else if o.has("unique_key") {
		b.key = integrationKey(o, "unique_key")
	}
	if name, ok := o.optionalText("display_name", minLength(1), maxLength(maxName)); ok {
		b.displayName = &name
	}
	b.app = readApp(o, creating)
	if forward, ok := o.boolean("forward_webhooks"); ok {
		b.forward = &forward
	}
	b.config = o.record("integration_config", false, maxLength(8192))
	b.custom = o.record("custom", false)
	o.strict()
	return b
}

func (s *server) createIntegration(w http.ResponseWriter, r *http.Request) error {
	o, err := readBody(r)
	if err != nil {
		return err
	}
	b := readIntegration(o, true)
	if err := o.err("invalid_body"); err != nil {
		return err
	}
	p, err := s.client.Providers.Get(b.provider)
	if err != nil {
		return invalid("invalid_body", item{"invalid_string", "Invalid provider", []string{"provider"}})
	}
	// The server forwards what nobody said should not be; in Go it is the field's value.
	in := tieline.Integration{Key: b.key, Provider: b.provider, ForwardWebhooks: true}
	if err := b.apply(&in, p); err != nil {
		return err
	}
	if in.App == nil && needsApp(p.AuthMode) {
		return invalidBody("Missing credentials")
	}
	in, err = s.client.Integrations.Create(r.Context(), in)
	switch {
	case errors.Is(err, tieline.ErrExists):
		return invalid("invalid_body", item{"invalid_string", "Unique key already exists", []string{"uniqueKey"}})
	case err != nil:
		return integrationProblem(err)
	}
	writeJSON(w, http.StatusOK, map[string]any{"data": s.integrationJSON(in)})
	return nil
}

func (s *server) updateIntegration(w http.ResponseWriter, r *http.Request) error {
	q := readQuery(r.URL.Query())
	q.strict()
	if err := q.err("invalid_query_params"); err != nil {
		return err
	}
	o, err := readBody(r)
	if err != nil {
		return err
	}
	b := readIntegration(o, false)
	if err := o.err("invalid_body"); err != nil {
		return err
	}
	key, err := keyInPath(r)
	if err != nil {
		return err
	}
	in, err := s.client.Integrations.Update(r.Context(), key, func(in *tieline.Integration) error {
		p, err := s.client.Providers.Get(in.Provider)
		if err != nil {
			return err
		}
		if b.key != "" {
			in.Key = b.key
		}
		return b.apply(in, p)
	})
	switch {
	case errors.Is(err, tieline.ErrExists):
		return invalidBody("uniqueKey is already used by another integration")
	case errors.Is(err, tieline.ErrNotFound):
		return notFound("Integration %q does not exist", key)
	case err != nil:
		return integrationProblem(err)
	}
	writeJSON(w, http.StatusOK, map[string]any{"data": s.integrationJSON(in)})
	return nil
}

// apply puts what the request says into an integration.
func (b *integrationBody) apply(in *tieline.Integration, p tieline.Provider) error {
	if b.displayName != nil {
		in.DisplayName = *b.displayName
	}
	if b.forward != nil {
		in.ForwardWebhooks = *b.forward
	}
	if b.app != nil {
		if !b.app.fits(p.AuthMode) {
			return invalidBody("incompatible credentials auth type and provider auth")
		}
		in.App = b.app.over(in.App)
	}
	if len(b.config) > 0 {
		merged := maps.Clone(in.Config)
		if merged == nil {
			merged = map[string]string{}
		}
		maps.Copy(merged, b.config)
		in.Config = merged
	}
	return b.applyCustom(in, p)
}

// applyCustom takes the free values that the reference system keeps for a few
// providers. Nothing reads any others.
func (b *integrationBody) applyCustom(in *tieline.Integration, p tieline.Provider) error {
	if len(b.custom) == 0 {
		return nil
	}
	if len(p.IntegrationFields) > 0 {
		return invalidBody("This provider uses integration_config; set its values there instead of custom")
	}
	plugin, _ := in.App.(*tieline.PluginApp)
	if plugin == nil && p.AuthMode == tieline.ModeInstallPlugin {
		plugin = &tieline.PluginApp{}
		in.App = plugin
	}
	for _, name := range sortedKeys(b.custom) {
		value := tieline.NewSecret(b.custom[name])
		switch {
		case name == "webhookSecret":
			in.WebhookSecrets = nil
			if !value.IsZero() {
				in.WebhookSecrets = []tieline.Secret{value}
			}
		case p.AuthMode == tieline.ModeInstallPlugin && setPlugin(plugin, name, value):
		default:
			return invalid("invalid_body", item{"unrecognized_keys", fmt.Sprintf("Unrecognized key: %q", name), []string{"custom"}})
		}
	}
	return nil
}

func setPlugin(app *tieline.PluginApp, name string, value tieline.Secret) bool {
	switch name {
	case "app_link":
		app.AppLink = value.Reveal()
	case "username":
		app.Username = value.Reveal()
	case "password":
		app.Password = value
	default:
		return false
	}
	return true
}

// integrationProblem turns what the Client finds wrong into an answer.
func integrationProblem(err error) error {
	items := fieldItems(err, map[string]string{"app": "credentials", "config": "integration_config", "key": "unique_key"})
	if len(items) == 0 {
		return err
	}
	p := invalid("invalid_body", items...)
	p.message = items[0].Message
	return p
}

// fieldItems are the fields that an error names, under the names that they have in
// requests.
func fieldItems(err error, renamed map[string]string) []item {
	var items []item
	var walk func(err error)
	walk = func(err error) {
		if f, ok := err.(*tieline.FieldError); ok { //nolint:errorlint // the tree is walked here
			path := strings.Split(strings.NewReplacer("[", ".", "]", "").Replace(f.Field), ".")
			if name, ok := renamed[path[0]]; ok {
				path[0] = name
			}
			items = append(items, item{"custom", f.Reason, path})
			return
		}
		switch e := err.(type) { //nolint:errorlint // as above
		case interface{ Unwrap() error }:
			if next := e.Unwrap(); next != nil {
				walk(next)
			}
		case interface{ Unwrap() []error }:
			for _, next := range e.Unwrap() {
				walk(next)
			}
		}
	}
	walk(err)
	return items
}
