package tieline

import (
	"context"
	"slices"
	"strings"
	"sync"
	"unicode"

	"github.com/tieline/tieline/internal/spec"
	"github.com/tieline/tieline/internal/webhook"
)

// ownWebhookSecret is the field of a connection's config that has the secret of the
// webhooks which exist for this connection only. Every provider has it.
const ownWebhookSecret = "webhook_secret"

// builtinSchemes are read once, when the first webhook arrives or the first
// connection is stored.
var builtinSchemes = sync.OnceValues(webhook.Schemes)

// verifiers keeps what was compiled, by provider. The zero value is ready.
type verifiers struct {
	compiled sync.Map // *spec.Entry to *webhook.Verifier
}

// verifier is how a provider's webhooks are verified: as its entry says, or else as
// is known of the provider. For one of which nothing is known it verifies nothing.
func (c *core) verifier(e *spec.Entry) *webhook.Verifier {
	if e.Webhooks != nil {
		return e.Webhooks
	}
	if v, ok := c.verifiers.compiled.Load(e); ok {
		return v.(*webhook.Verifier)
	}
	v := &webhook.Verifier{}
	// A test compiles every built-in scheme, so neither call fails.
	if schemes, err := builtinSchemes(); err == nil {
		for _, name := range schemeNames(e) {
			if scheme, ok := schemes[name]; ok {
				v, _ = webhook.Compile(name, scheme)
				break
			}
		}
	}
	c.verifiers.compiled.Store(e, v)
	return v
}

// schemeNames are the names under which a provider's scheme may be: the one that
// its entry gives to its webhooks, and its own.
func schemeNames(e *spec.Entry) []string {
	if routing, ok := strings.CutSuffix(e.WebhookRoutingScript, "WebhookRouting"); ok {
		return []string{kebab(routing), e.Name}
	}
	return []string{e.Name}
}

// kebab writes camelCase with dashes.
func kebab(s string) string {
	var b strings.Builder
	for i, r := range s {
		if unicode.IsUpper(r) && i > 0 {
			b.WriteByte('-')
		}
		b.WriteRune(unicode.ToLower(r))
	}
	return b.String()
}

// inbound is one delivery on its way in.
type inbound struct {
	*core
	integration *integration
	verifier    *webhook.Verifier
	delivery    webhook.Delivery
}

// The IDs of secrets: whose they are.
const (
	secretOfIntegration = "integration"
	secretOfConnection  = "connection:" // and the ID of its row
)

// verify checks the delivery with the secrets of the integration and, where the
// provider signs with a connection's own, with those of the connections that the
// delivery says it is about.
func (in *inbound) verify(ctx context.Context) (webhook.Result, error) {
	secrets := in.integration.webhookSecrets()
	if in.verifier.Uses(webhook.UseConnection) {
		own, err := in.ownSecrets(ctx)
		if err != nil {
			return webhook.Result{}, err
		}
		secrets = append(secrets, own...)
	}
	return in.verifier.Verify(ctx, in.delivery, webhook.Inputs{
		Secrets: secrets,
		Params:  in.integration.webhookParams(),
		Keys:    &in.keySets,
		Now:     in.now(),
	})
}

// webhookSecrets are the secrets of an integration, the newest first.
func (i *integration) webhookSecrets() []webhook.Secret {
	var out []webhook.Secret
	add := func(use webhook.Use, s Secret) {
		if !s.IsZero() {
			out = append(out, webhook.NewSecret(use, secretOfIntegration, s.Reveal()))
		}
	}
	for _, s := range i.private.webhooks.secrets {
		add(webhook.UseWebhook, s)
	}
	if app, ok := oauthApp(i.private.app); ok {
		add(webhook.UseWebhook, app.WebhookSecret)
		add(webhook.UseClient, app.ClientSecret)
	}
	return out
}

// webhookParams are the values that a provider's tokens have to name.
func (i *integration) webhookParams() map[string]string {
	params := map[string]string{}
	if app, ok := oauthApp(i.private.app); ok {
		params["client_id"] = app.ClientID
	}
	for k, v := range i.private.webhooks.params {
		params[k] = v
	}
	return params
}

// ownSecrets are the secrets of the connections that the delivery names, on its
// word alone: what is signed with one of them proves that it was the right one. A
// delivery that names none is tried with those of all connections that have one.
func (in *inbound) ownSecrets(ctx context.Context) ([]webhook.Secret, error) {
	id, matches := in.verifier.Names(in.delivery)
	if len(matches) > maxClaims {
		matches = matches[:maxClaims]
	}
	rows, err := in.named(ctx, id, matches)
	if err == nil && id == "" && len(matches) == 0 {
		rows, err = in.withOwnSecret(ctx)
	}
	if err != nil {
		return nil, err
	}
	var out []webhook.Secret
	for _, s := range rows {
		if !slices.Contains(s.row.Labels, labelOwnSecret) {
			continue
		}
		private, err := in.openPrivate(s.row.ID, s.rec)
		if err != nil {
			in.unreadable(ctx, s.row, err)
			continue
		}
		if secret := private.secrets[ownWebhookSecret]; secret != "" {
			out = append(out, webhook.NewSecret(webhook.UseConnection, secretOfConnection+s.row.ID, secret))
		}
	}
	return out, nil
}
