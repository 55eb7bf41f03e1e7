package tieline

import (
	"context"
	"errors"
	"net/http"
	"net/url"
)

// pluginMode is a plugin that the user installs at the provider. The plugin acts
// with credentials of its own, the same for every connection; what tells them apart
// comes with the callback.
type pluginMode struct{}

// Begin sends the user to the plugin's page. It brings the state back under the
// name that it was given.
func (pluginMode) Begin(_ context.Context, s *Subject, f *Flow) (*url.URL, error) {
	app, ok := s.app.(*PluginApp)
	if !ok || app == nil {
		return nil, &FieldError{Field: "app", Reason: "must be a plugin"}
	}
	target, err := url.Parse(app.AppLink)
	if err != nil {
		return nil, &FieldError{Field: "app.app_link", Reason: "must be an https URL"}
	}
	q := target.Query()
	for name, v := range f.Params {
		q.Set(name, v)
	}
	q.Set("payload", f.State)
	target.RawQuery = q.Encode()
	return target, nil
}

func (pluginMode) Complete(ctx context.Context, s *Subject, _ *Flow, callback url.Values) (Grant, error) {
	app, ok := s.app.(*PluginApp)
	if !ok || app == nil {
		return Grant{}, &FieldError{Field: "app", Reason: "must be a plugin"}
	}
	captured := s.capture(nil, callback)
	var missing []error
	for _, name := range s.provider.RedirectURIMetadata {
		if captured[name] == "" {
			missing = append(missing, &FieldError{Field: "callback." + name, Reason: "is missing"})
		}
	}
	if err := errors.Join(missing...); err != nil {
		return Grant{}, err
	}
	cred := &Basic{Username: NewSecret(app.Username), Password: app.Password}
	return Grant{Credential: cred, Captured: captured}, s.withCredential(cred).verify(ctx)
}

func (pluginMode) Attach(ctx context.Context, s *Subject, req *http.Request) error {
	if app, ok := s.app.(*PluginApp); ok && app != nil {
		// The plugin's password may have changed since.
		s = s.withCredential(&Basic{Username: NewSecret(app.Username), Password: app.Password})
	}
	return staticMode{}.Attach(ctx, s, req)
}
