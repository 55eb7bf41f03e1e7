package tieline

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/tieline/tieline/internal/spec"
	"github.com/tieline/tieline/providertest"
)

// oddInput is something that is given, and the field that has to be named.
type oddInput struct {
	name, entry, field string
	cred               func(w *modeWorld) Credential
	config             map[string]string // of the integration
	imported           bool
}

func oddInputs() []oddInput {
	aws := func(change func(*AWS)) func(w *modeWorld) Credential {
		return func(w *modeWorld) Credential {
			c := w.credential(ModeAWSSigV4).(*AWS)
			change(c)
			return c
		}
	}
	login := func(change func(*TwoStep)) func(w *modeWorld) Credential {
		return func(w *modeWorld) Credential {
			c := w.credential(ModeTwoStep).(*TwoStep)
			c.Token, c.ExpiresAt = NewSecret("token"), time.Now().Add(time.Hour)
			change(c)
			return c
		}
	}
	tba := func(change func(*TBA)) func(w *modeWorld) Credential {
		return func(w *modeWorld) Credential {
			c := w.credential(ModeTBA).(*TBA)
			change(c)
			return c
		}
	}
	bad, long := valueCanary+"\r\nx-evil: 1", valueCanary+strings.Repeat("x", 1<<20)
	return []oddInput{
		{name: "line in the external ID", entry: "aws", field: "credential.external_id", cred: aws(func(c *AWS) { c.ExternalID = bad })},
		{name: "1 MB of external ID", entry: "aws", field: "credential.external_id", cred: aws(func(c *AWS) { c.ExternalID = long })},
		{name: "region with a host", entry: "aws", field: "credential.region", cred: aws(func(c *AWS) { c.Region = "evil.test/#" })},
		{name: "region with a user", entry: "aws", field: "credential.region", cred: aws(func(c *AWS) { c.Region = "x@evil" })},
		{name: "endpoint in the clear", entry: "aws-custom", field: "config.stsEndpointUrl", config: map[string]string{"stsEndpointUrl": "http://keys.vendor.test/"}},
		{name: "endpoint with a user", entry: "aws-custom", field: "config.stsEndpointUrl", config: map[string]string{"stsEndpointUrl": "https://u:p@keys.vendor.test/"}},
		{name: "endpoint without a host", entry: "aws-custom", field: "config.stsEndpointUrl", config: map[string]string{"stsEndpointUrl": "https:///x"}},
		{name: "no header", entry: "aws-custom", field: "config.stsAuthHeader", config: map[string]string{"stsAuthHeader": "x y"}},
		{name: "no key", entry: "aws", field: "config.awsAccessKeyId", config: map[string]string{"awsAccessKeyId": ""}},
		{name: "no endpoint", entry: "aws-custom", field: "config.stsEndpointUrl", config: map[string]string{"stsEndpointUrl": ""}},
		{name: "unknown value", entry: "login-json", field: "credential.nobody", cred: login(func(c *TwoStep) { c.Values["nobody"] = NewSecret("x") })},
		{name: "unknown option", entry: "login-saml", field: "credential.options.nobody", cred: login(func(c *TwoStep) { c.Options["nobody"] = NewSecret("x") })},
		{name: "line in a token", entry: "login-json", field: "credential.token", imported: true, cred: login(func(c *TwoStep) { c.Token = NewSecret(bad) })},
		{name: "line in a refresh token", entry: "login-json", field: "credential.refresh_token", imported: true, cred: login(func(c *TwoStep) { c.RefreshToken = NewSecret(bad) })},
		{name: "line in a value", entry: "login-json", field: "credential.username", imported: true, cred: login(func(c *TwoStep) { c.Values["username"] = NewSecret(bad) })},
		{name: "expiry of another calendar", entry: "login-json", field: "credential.expires_at", imported: true, cred: login(func(c *TwoStep) { c.ExpiresAt = time.Date(56000, 1, 1, 0, 0, 0, 0, time.UTC) })},
		{name: "line in a client ID", entry: "tba", field: "credential.client_id", cred: tba(func(c *TBA) { c.ClientID, c.ClientSecret = bad, NewSecret("x") })},
		{name: "client ID alone", entry: "tba", field: "credential.client_id", cred: tba(func(c *TBA) { c.ClientID = "x" })},
		{name: "line in a token of OAuth 1", entry: "oauth1", field: "credential.oauth_token", imported: true, cred: func(*modeWorld) Credential {
			return &OAuth1Token{Token: NewSecret(bad), TokenSecret: NewSecret("x")}
		}},
		{name: "installation with a path", entry: "app", field: "installation_id", imported: true, cred: func(*modeWorld) Credential {
			return &AppToken{InstallationID: "1/../2"}
		}},
		{name: "installation of letters", entry: "app", field: "installation_id", imported: true, cred: func(*modeWorld) Credential { return &AppToken{InstallationID: "x1"} }},
		{name: "no credential", entry: "bill", field: "credential", cred: func(*modeWorld) Credential { return (*Bill)(nil) }},
		{name: "line in an imported client token", entry: "cc-jwt", field: "credential.token", imported: true, cred: func(*modeWorld) Credential {
			return &ClientCredentials{ClientID: "x", Token: NewSecret(bad)}
		}},
	}
}

// What no form checks is checked all the same.
func TestModesOddInput(t *testing.T) {
	t.Parallel()
	for _, odd := range oddInputs() {
		t.Run(odd.entry+"/"+odd.name, func(t *testing.T) {
			t.Parallel()
			inBubble(t, modeNamed(t, odd.entry), func(t *testing.T, w *modeWorld) {
				w.secrets[valueCanary] = "what was typed in"
				for name, v := range odd.config {
					w.in.IntegrationConfig[name] = v
				}
				err := w.setUp(t.Context())
				if err == nil && odd.cred == nil {
					err = w.join(t.Context())
				} else if err == nil {
					err = w.note(w.give(t.Context(), odd))
				}
				var problem error
				switch found := fieldErrorsOf(err); {
				case !slices.ContainsFunc(found, func(f string) bool { return strings.HasSuffix(f, odd.field) }):
					problem = fmt.Errorf("%w, %q", errOrNone(err), found)
				case len(w.provider.Log()) > 0:
					problem = errors.New("the provider was asked")
				case len(w.rows(kindConnection)) > 0:
					problem = errors.New("a connection is stored")
				}
				gap(t, "odd/"+odd.entry+"/"+odd.name, problem)
			})
		})
	}
}

func (w *modeWorld) give(ctx context.Context, odd oddInput) error {
	in := ConnectionInput{Credential: odd.cred(w), Config: maps.Clone(w.in.Config)}
	if odd.imported {
		_, err := w.Connections.Import(ctx, "key", "alice", in)
		return err
	}
	_, err := w.Connections.Create(ctx, "key", "alice", in)
	return err
}

// Whoever refuses may put into its error code what it was sent. A secret that looks
// like a code must not become one.
func TestModesEchoedSecrets(t *testing.T) {
	t.Parallel()
	const word = "canary.secret-like:a_code"
	for name, role := range map[string]string{
		"login-json": "token", "login-form": "token", "login-xml": "token", "login-get": "token", "login-steps": "token",
		"login-assertion": "token", "login-saml": "token", "bill": "token", "aws-custom": "sts", "cc-cert": "token", "custom": "token",
	} {
		e := modeNamed(t, name)
		e.in = alsoIn(e.in, word)
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var problem error
			inBubble(t, e, func(t *testing.T, w *modeWorld) {
				if err := w.setUp(t.Context()); err != nil {
					t.Fatal(err)
				}
				clear(w.secrets) // looked for here, so that a gap can be known
				w.fail(role, statusFault("echo", http.StatusUnauthorized, `{"error":"`+word+`","error_description":"`+word+`"}`))
				err := w.join(t.Context())
				if text := fmt.Sprintf("%v %+v", err, err) + w.log.String(); err == nil || strings.Contains(text, word) {
					problem = fmt.Errorf("connect = %w", errOrNone(err))
				}
			})
			gap(t, "echo/"+name, problem)
		})
	}
}

// alsoIn makes a word every secret that may be one.
func alsoIn(in func(*providertest.Inputs), word string) func(*providertest.Inputs) {
	return func(i *providertest.Inputs) {
		if in != nil {
			in(i)
		}
		if i.ClientSecret != "" && !strings.Contains(i.ClientSecret, "BEGIN") {
			i.ClientSecret = word
		}
		for name := range i.Credentials {
			if spec.LooksSecret(name) && !strings.Contains(strings.ToLower(name), "privatekey") && !strings.Contains(name, "private_key") || name == "dev_key" || name == "organization_id" {
				i.Credentials[name] = word
			}
		}
		for name := range i.IntegrationConfig {
			if spec.LooksSecret(name) && name != "awsAccessKeyId" {
				i.IntegrationConfig[name] = word
			}
		}
	}
}
