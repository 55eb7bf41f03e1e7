package tieline

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
)

const valueCanary = "canary-of-a-value"

// badValues are what no field takes.
func badValues() map[string]string {
	return map[string]string{
		"empty": "", "blank": " ", "long": valueCanary + strings.Repeat("x", 9000), "NUL": valueCanary + "\x00x",
		"newline": valueCanary + "\nx-evil: 1", "not UTF-8": valueCanary + "\xff", "DEL": valueCanary + "\x7fx",
	}
}

// given are the values that a connection or an integration is made of, by kind.
func (w *modeWorld) given() map[string]map[string]string {
	return map[string]map[string]string{
		"credential.": w.in.Credentials, "credential.options.": w.in.AssertionOption, "config.": w.in.Config, "config. of the integration": w.in.IntegrationConfig,
	}
}

// unasked are fields that may be left out.
func unasked(e modeEntry, kind, name string) bool {
	return name == oauthScopes || kind == "config. of the integration" && e.mode == ModeAWSSigV4 && name != "service" || e.mode == ModeAWSSigV4 && name == "region"
}

// A value that cannot be one is refused by the name of its field before anybody is
// asked, and changes nothing.
func TestModesBadFields(t *testing.T) {
	t.Parallel()
	for _, e := range modeEntries() {
		t.Run(e.name, func(t *testing.T) {
			t.Parallel()
			inBubble(t, e, func(t *testing.T, w *modeWorld) {
				w.secrets[valueCanary] = "what was typed in"
				for kind, values := range w.given() {
					for _, name := range slices.Sorted(maps.Keys(values)) {
						w.badField(kind, name, values)
					}
				}
				w.mustJoin()
			})
		})
	}
}

func (w *modeWorld) badField(kind, name string, values map[string]string) {
	w.t.Helper()
	ctx, good, problem := w.t.Context(), values[name], error(nil)
	defer func() { values[name] = good }()
	for what, bad := range badValues() {
		if strings.TrimSpace(bad) == "" && unasked(w.entry, kind, name) || bad == " " && w.entry.mode == ModeInstallPlugin {
			continue // may be left out; is the application's own
		}
		values[name] = bad
		asked, integrations := len(w.provider.Log()), len(w.rows(kindIntegration))
		var err error
		if kind == "config. of the integration" {
			err = w.note(w.setUpAs(ctx, "bad"))
		} else {
			if integrations == 0 {
				if err := w.setUp(ctx); err != nil {
					w.t.Fatal(err)
				}
				asked, integrations = len(w.provider.Log()), 1
			}
			err = w.join(ctx)
		}
		want := name
		if kind == "config. of the integration" && w.entry.mode == ModeInstallPlugin {
			want = "app." + name
		}
		switch found := fieldErrorsOf(err); {
		case !slices.ContainsFunc(found, func(f string) bool { return strings.HasSuffix(f, want) }):
			problem = errors.Join(problem, fmt.Errorf("%s: %w", what, errOrNone(err)))
		case len(w.provider.Log()) != asked:
			problem = errors.Join(problem, fmt.Errorf("%s: the provider was asked", what))
		case len(w.rows(kindConnection))+len(w.rows(kindAuthorization)) != 0 || len(w.rows(kindIntegration)) != integrations:
			problem = errors.Join(problem, fmt.Errorf("%s: something was stored", what))
		}
		values[name] = good
		if err == nil {
			_ = w.Connections.Delete(ctx, "key", "alice", DeleteOptions{})
			_ = w.Integrations.Delete(ctx, "bad", DeleteOptions{})
		}
	}
	gap(w.t, "field/"+w.name+"/"+name, problem)
}

// setUpAs makes another integration.
func (w *modeWorld) setUpAs(ctx context.Context, key string) error {
	in := Integration{Key: key, Provider: w.entry.name, App: w.app(w.entry.mode)}
	if w.entry.mode != ModeInstallPlugin {
		in.Config = w.in.IntegrationConfig
	}
	_, err := w.Integrations.Create(ctx, in)
	return err
}

// fieldErrorsOf are the names of all fields that an error is about.
func fieldErrorsOf(err error) []string {
	var out []string
	switch e := err.(type) {
	case nil:
	case *FieldError:
		out = append(out, e.Field)
	case interface{ Unwrap() error }:
		out = fieldErrorsOf(e.Unwrap())
	case interface{ Unwrap() []error }:
		for _, err := range e.Unwrap() {
			out = append(out, fieldErrorsOf(err)...)
		}
	}
	return out
}

// badKeys are what is no private key that RS256 could use.
func badKeys(t *testing.T) map[string]string {
	t.Helper()
	good := rsaPEM()
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	ec, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	ecDER, err := x509.MarshalPKCS8PrivateKey(ec)
	if err != nil {
		t.Fatal(err)
	}
	public, err := x509.MarshalPKIXPublicKey(&key.PublicKey)
	if err != nil {
		t.Fatal(err)
	}
	encode := func(kind string, der []byte) string {
		return string(pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}))
	}
	cert, _ := certificatePair()
	return map[string]string{
		"no key": valueCanary, "cut off": good[:len(good)/2], "no base64": strings.Replace(good, "M", "!", 3), "elliptic": encode("PRIVATE KEY", ecDER),
		"public": encode("PUBLIC KEY", public), "certificate": cert, "empty block": encode("PRIVATE KEY", nil),
		"other bytes": encode("PRIVATE KEY", []byte(valueCanary)), "encrypted": encode("ENCRYPTED PRIVATE KEY", []byte(valueCanary)),
	}
}

// A key that cannot sign is refused by the name of its field when it is given, and
// nothing of it is shown.
func TestModesBadKeys(t *testing.T) {
	t.Parallel()
	for name, field := range map[string]string{
		"login-jwt": "credential.privateKey", "login-assertion": "credential.options.privateKey", "login-saml": "credential.options.privateKey",
		"cc-jwt": "credential.client_private_key", "cc-cert": "credential.client_", "app": "app.private_key", "custom": "app.private_key", "oauth2-par": "app.client_secret",
	} {
		e := modeNamed(t, name)
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			inBubble(t, e, func(t *testing.T, w *modeWorld) {
				w.secrets[valueCanary] = "what was typed in"
				for what, bad := range badKeys(t) {
					w.badKey(what, bad, field)
				}
			})
		})
	}
}

func (w *modeWorld) badKey(what, bad, field string) {
	w.t.Helper()
	ctx, good := w.t.Context(), w.in
	defer func() { w.in = good }()
	w.in.Credentials, w.in.AssertionOption = maps.Clone(good.Credentials), maps.Clone(good.AssertionOption)
	for _, m := range []map[string]string{w.in.Credentials, w.in.AssertionOption} {
		for name := range m {
			if strings.HasSuffix(field, name) || field == "credential.client_" && name == "client_private_key" {
				m[name] = bad
			}
		}
	}
	switch field {
	case "app.private_key":
		w.in.PrivateKeyPEM = bad
	case "app.client_secret":
		w.in.ClientSecret = bad
	}
	if what == "elliptic" && (w.name == "cc-jwt" || w.name == "oauth2-par") {
		return // signs with ES256
	}
	asked := len(w.provider.Log())
	err := w.setUp(ctx)
	if err == nil {
		err = w.join(ctx)
	}
	var problem error
	switch found := fieldErrorsOf(err); {
	case !slices.ContainsFunc(found, func(f string) bool { return strings.HasPrefix(f, field) }):
		problem = fmt.Errorf("%w, %q", errOrNone(err), found)
	case len(w.provider.Log()) != asked:
		problem = errors.New("the provider was asked")
	case len(w.rows(kindConnection))+len(w.rows(kindAuthorization)) != 0:
		problem = errors.New("something was stored")
	}
	gap(w.t, "key/"+w.name+"/"+what, problem)
	_ = w.Integrations.Delete(ctx, "key", DeleteOptions{})
}
