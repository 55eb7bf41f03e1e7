package tieline

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"maps"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/tieline/tieline/internal/record"
	"github.com/tieline/tieline/internal/spec"
	"github.com/tieline/tieline/store"
)

// Integration is a provider set up for this application, under a key of the
// application's choice. It is a plain value: change it with
// [Integrations.Update].
type Integration struct {
	// Key names the integration: 1 to 255 ASCII letters, digits, spaces and
	// ~ : . @ _ -. It can be changed; connections follow.
	Key string
	// Provider is a name of the catalog. It is fixed at creation.
	Provider string
	// DisplayName is at most 255 bytes. Empty when given means the provider's
	// own, which is what comes back.
	DisplayName string
	// ForwardWebhooks says whether webhooks that the provider sends are handed on.
	ForwardWebhooks bool
	// App is what the provider knows the application by. Which type it has to be
	// depends on the provider's auth mode, see [AppCredential].
	App AppCredential
	// Config holds values for the provider's integration fields. Secret ones are
	// stored sealed and do not come back; they stay when absent and are removed
	// by setting them to "".
	Config map[string]string

	// APIHosts are hosts beside that of the provider's base URL and those of its data
	// to which the credential of a connection may be sent, such as a second API of the
	// same vendor: names, or "*.example.com" for every name below one, at most 50. They
	// are reached by https at the usual port, and kept in lower case. For tests, a
	// loopback address with a port ("127.0.0.1:8080") is one that is reached by http as
	// well, if [Outbound.AllowPrivate] has it.
	APIHosts []string

	// WebhookSecrets check the provider's webhooks, beside [OAuthApp.WebhookSecret]:
	// at most 10, each at most 4096 characters, the newest first. With several, a
	// secret can be replaced while deliveries signed with the old one are on their
	// way.
	WebhookSecrets []Secret
	// WebhookParams are values that a provider's webhooks must name to be believed,
	// such as Gmail's "service_account"; docs/webhooks.md has them. At most 20.
	WebhookParams map[string]string

	// RowID never changes and is never used again. Number is a positive number
	// below 2^53 that goes with it. The Client sets both, and the times.
	RowID                string
	Number               int64
	CreatedAt, UpdatedAt time.Time
}

// Integrations creates, finds, changes and deletes integrations.
type Integrations struct {
	core *core
}

// IntegrationPage is one part of a listing. Next is empty on the last one.
type IntegrationPage struct {
	Integrations []Integration
	Next         string
}

// Create stores a new integration. It fills in the provider's default scopes
// if the App names none, and the provider's display name. The errors are
// ErrExists for a key that is taken, ErrUnknownProvider, ErrWrongMode for an
// App of another kind, and [*FieldError].
func (m *Integrations) Create(ctx context.Context, in Integration) (Integration, error) {
	out, err := m.create(ctx, in)
	return out, opError("integrations: create", err, in.Key)
}

func (m *Integrations) create(ctx context.Context, in Integration) (Integration, error) {
	c := m.core
	if err := errors.Join(checkKey("key", in.Key), checkText("display_name", in.DisplayName, 0, maxName, nil)); err != nil {
		return Integration{}, err
	}
	entry, err := c.entry(in.Provider)
	if err != nil {
		return Integration{}, err
	}
	if isNilApp(in.App) && entry.ClientRegistration == "dynamic" {
		if in.App, err = c.registerApp(ctx, entry, in); err != nil {
			return Integration{}, err
		}
	}
	if err := errors.Join(checkApp(in.App, entry), checkWebhooks(in)); err != nil {
		return Integration{}, err
	}
	hosts, err := c.checkAPIHosts(in.APIHosts)
	if err != nil {
		return Integration{}, err
	}
	plain, secrets, err := checkConfig(entry.IntegrationConfig, nil, in.Config, nil)
	if err != nil {
		return Integration{}, err
	}
	private := &integrationPrivate{app: withDefaultScopes(in.App, entry), secrets: secrets}
	private.webhooks.secrets, private.webhooks.params = slices.Clone(in.WebhookSecrets), maps.Clone(in.WebhookParams)
	id, err := c.newRowID()
	if err != nil {
		return Integration{}, err
	}
	now := c.now()
	rec := &record.Integration{
		Provider: in.Provider, DisplayName: in.DisplayName, ForwardWebhooks: in.ForwardWebhooks,
		Config: plain, CreatedAt: now, UpdatedAt: now, APIHosts: hosts,
	}
	row := store.Row{Key: store.Key{Kind: kindIntegration, ID: id}, Unique: in.Key}
	row, err = c.putIntegration(ctx, row, rec, private)
	if errors.Is(err, store.ErrExists) {
		err = fmt.Errorf("%w: %w", ErrExists, &FieldError{Field: "key", Reason: "is used by another integration"})
	}
	if err != nil {
		return Integration{}, err
	}
	return c.integrationValue(row, rec, private), nil
}

// Get returns the integration that has this key, or ErrNotFound.
func (m *Integrations) Get(ctx context.Context, key string) (Integration, error) {
	i, err := m.core.integration(ctx, key)
	if err != nil {
		return Integration{}, opError("integrations: get", err, key)
	}
	return i.value(m.core), nil
}

// Update reads the integration, lets change edit it, and writes it back. When
// somebody else has written in between it does so again, so change may be
// called several times. An error of change is returned as it is and nothing is
// written. The provider cannot be changed.
func (m *Integrations) Update(ctx context.Context, key string, change func(*Integration) error) (Integration, error) {
	out, err := m.update(ctx, key, change)
	return out, opError("integrations: update", err, key)
}

func (m *Integrations) update(ctx context.Context, key string, change func(*Integration) error) (Integration, error) {
	c := m.core
	if change == nil {
		return Integration{}, &FieldError{Field: "change", Reason: "is required"}
	}
	for {
		old, err := c.integration(ctx, key)
		if err != nil {
			return Integration{}, err
		}
		next := old.value(c)
		if err := change(&next); err != nil {
			return Integration{}, err
		}
		if next.APIHosts, err = c.checkAPIHosts(next.APIHosts); err != nil {
			return Integration{}, err
		}
		row, rec, private, err := old.edited(next)
		if err != nil {
			return Integration{}, err
		}
		rec.UpdatedAt = c.now()
		row, err = c.putIntegration(ctx, row, rec, private)
		switch {
		case errors.Is(err, store.ErrConflict):
			continue
		case errors.Is(err, store.ErrExists):
			return Integration{}, fmt.Errorf("%w: %w", ErrExists, &FieldError{Field: "key", Reason: "is used by another integration"})
		case err != nil:
			return Integration{}, err
		}
		return c.integrationValue(row, rec, private), nil
	}
}

// edited checks a changed value and turns it into what is stored.
func (i *integration) edited(next Integration) (store.Row, *record.Integration, *integrationPrivate, error) {
	fail := func(err error) (store.Row, *record.Integration, *integrationPrivate, error) {
		return store.Row{}, nil, nil, err
	}
	if next.Provider != i.rec.Provider {
		return fail(&FieldError{Field: "provider", Reason: "cannot be changed"})
	}
	if err := errors.Join(checkKey("key", next.Key), checkText("display_name", next.DisplayName, 0, maxName, nil)); err != nil {
		return fail(err)
	}
	if err := errors.Join(checkApp(next.App, i.entry), checkWebhooks(next)); err != nil {
		return fail(err)
	}
	plain, secrets, err := checkConfig(i.entry.IntegrationConfig, nil, next.Config, i.private.secrets)
	if err != nil {
		return fail(err)
	}
	row, rec := i.row, *i.rec
	row.Unique = next.Key
	if next.DisplayName != i.entry.DisplayName || rec.DisplayName != "" {
		rec.DisplayName = next.DisplayName
	}
	rec.ForwardWebhooks = next.ForwardWebhooks
	rec.Config, rec.APIHosts = plain, next.APIHosts
	private := &integrationPrivate{app: cloneApp(next.App), secrets: secrets, webhooks: i.private.webhooks, tail: i.private.tail}
	private.webhooks.secrets, private.webhooks.params = slices.Clone(next.WebhookSecrets), maps.Clone(next.WebhookParams)
	return row, &rec, private, nil
}

// List returns one page, in no particular but a stable order. after is the Next
// of the page before, "" for the first; limit is the most entries: 0 for 100, at
// most 1000. When some cannot be read, the page has the others, and the error
// names them.
func (m *Integrations) List(ctx context.Context, after string, limit int) (IntegrationPage, error) {
	page, err := m.core.store.List(ctx, store.Query{Kind: kindIntegration, After: after, Limit: limit})
	if err != nil {
		return IntegrationPage{}, opError("integrations: list", listError(err))
	}
	out := IntegrationPage{Integrations: make([]Integration, 0, len(page.Rows)), Next: page.Next}
	var unread []error
	for _, row := range page.Rows {
		i, err := m.core.openIntegration(row)
		if err != nil {
			unread = append(unread, opError("integrations: list", err, row.Unique))
			continue
		}
		out.Integrations = append(out.Integrations, i.value(m.core))
	}
	return out, errors.Join(unread...)
}

// All yields every integration. One that cannot be read comes as an error that
// names it, with its Key set, and the others follow. An error without a Key ends
// the sequence.
func (m *Integrations) All(ctx context.Context) iter.Seq2[Integration, error] {
	return func(yield func(Integration, error) bool) {
		for row, err := range m.core.rows(ctx, store.Query{Kind: kindIntegration}) {
			if err != nil {
				yield(Integration{}, opError("integrations: list", err))
				return
			}
			i, err := m.core.openIntegration(row)
			if err != nil {
				if !yield(Integration{Key: row.Unique, RowID: row.ID}, opError("integrations: list", err, row.Unique)) {
					return
				}
				continue
			}
			if !yield(i.value(m.core), nil) {
				return
			}
		}
	}
}

// WebhookURL is where the provider of the integration with this key is to send
// its webhooks: [Config.WebhookURL], a slash, and the key percent-encoded. It is
// "" if no WebhookURL is configured. [Provider.HasWebhooks] tells whether
// the provider sends any.
func (m *Integrations) WebhookURL(key string) string {
	if m.core.webhooks == "" {
		return ""
	}
	// Every character that a URL gives a meaning to is encoded, also those that a
	// path may have as they are: programs differ in which ones they leave.
	return m.core.webhooks + "/" + strings.ReplaceAll(url.QueryEscape(key), "+", "%20")
}

// LogoURL is where the logo of a provider is: [Config.LogoURL], a slash, the
// provider's name and ".svg". It is "" if no LogoURL is configured.
func (m *Integrations) LogoURL(provider string) string {
	if m.core.logos == "" {
		return ""
	}
	return m.core.logos + "/" + url.PathEscape(provider) + ".svg"
}

func withDefaultScopes(app AppCredential, e *spec.Entry) AppCredential {
	app = cloneApp(app)
	if o, ok := oauthApp(app); ok && len(o.Scopes) == 0 {
		o.Scopes = append([]string(nil), e.DefaultScopes...)
	}
	return app
}
