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
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/tieline/tieline/providertest"
	"github.com/tieline/tieline/store"
)

const capturingYAML = `
acme-capturing:
  display_name: Acme that names its host
  alias: acme
  redirect_uri_metadata: [api_host]
  connection_config:
    api_host: {type: string, title: Host, automated: true, pattern: '^[a-z]+[.]example[.]com$'}
acme-renaming:
  display_name: Acme with names of its own
  alias: acme
  authorization_param_names: {client_id: client_key}
`

func capturingWorld(t *testing.T) *world {
	w := newWorld(t, worldOptions{})
	var problems []Problem
	w.catalog, problems = w.catalog.With(CatalogFile{Name: "capturing.yaml", Data: []byte(capturingYAML)})
	for _, p := range problems {
		t.Fatal(p)
	}
	w.Client, w.log, w.events = w.client(worldOptions{})
	for _, provider := range []string{"acme-capturing", "acme-renaming"} {
		cred := w.provider.Credentials()
		_, err := w.Integrations.Create(t.Context(), Integration{Key: provider, Provider: provider,
			App: &OAuthApp{ClientID: cred.ClientID, ClientSecret: NewSecret(cred.ClientSecret)}})
		if err != nil {
			t.Fatal(err)
		}
	}
	return w
}

// Whoever brings a callback may write anything into it. What is captured may
// become the host that the credential goes to.
func TestCapturedValueFitsItsField(t *testing.T) {
	t.Parallel()
	w := capturingWorld(t)
	for value, want := range map[string]string{"shop.example.com": "shop.example.com", "evil.test": "", "a.example.com.evil.test": "", "a\nb": ""} {
		a, callback := w.consent("acme-capturing", AuthorizeOptions{})
		callback.Set("api_host", value)
		conn, err := w.Connections.Complete(t.Context(), a.Binding.Reveal(), callback)
		if err != nil {
			t.Fatal(err)
		}
		conn, err = w.Connections.Get(t.Context(), "acme-capturing", conn.ID)
		if err != nil || conn.Captured["api_host"] != want {
			t.Errorf("%q was captured as %q, %v", value, conn.Captured["api_host"], err)
		}
	}
}

// A parameter that the flow's security rests on is not the caller's under
// another name either.
func TestRenamedParameterIsReserved(t *testing.T) {
	t.Parallel()
	w := capturingWorld(t)
	var field *FieldError
	_, err := w.Connections.Authorize(t.Context(), "acme-renaming", AuthorizeOptions{Params: map[string]string{"client_key": "another"}})
	if !errors.As(err, &field) || field.Field != "params.client_key" {
		t.Errorf("Authorize = %v", err)
	}
}

func TestImportIsChecked(t *testing.T) {
	t.Parallel()
	w := newWorld(t, worldOptions{})
	w.integration("acme", "acme")
	before := w.table()
	for field, edit := range map[string]func(*OAuth2Token){
		"credential.expires_at":    func(o *OAuth2Token) { o.ExpiresAt = time.Date(12000, 1, 1, 0, 0, 0, 0, time.UTC) },
		"credential.scopes[1]":     func(o *OAuth2Token) { o.Scopes = []string{"a", "b\r\nc"} },
		"credential.token_type":    func(o *OAuth2Token) { o.TokenType = "a\x00" },
		"credential.client_id":     func(o *OAuth2Token) { o.ClientID, o.ClientSecret = "é", NewSecret("s") },
		"credential.client_secret": func(o *OAuth2Token) { o.ClientID, o.ClientSecret = "c", NewSecret("s\n") },
	} {
		token := &OAuth2Token{AccessToken: NewSecret("a"), RefreshToken: NewSecret("r")}
		edit(token)
		var got *FieldError
		_, err := w.Connections.Import(t.Context(), "acme", "alice", ConnectionInput{Credential: token})
		if !errors.Is(err, ErrInvalid) || !errors.As(err, &got) || got.Field != field {
			t.Errorf("%s: %v", field, err)
		}
	}
	if len(before) != len(w.table()) {
		t.Error("the Store changed")
	}
}

// An empty config says nothing about the one there is.
func TestReconnectKeepsConfig(t *testing.T) {
	t.Parallel()
	for name, config := range map[string]map[string]string{"nil": nil, "empty": {}} {
		w := newWorld(t, worldOptions{})
		w.catalog, _ = w.catalog.With(CatalogFile{Name: "tenant.yaml", Data: []byte(secretConfigYAML)})
		w.Client, _, _ = w.client(worldOptions{})
		if _, err := w.Integrations.Create(t.Context(), Integration{Key: "acme", Provider: "acme-tenant", App: app("id")}); err != nil {
			t.Fatal(err)
		}
		token := ConnectionInput{Credential: &OAuth2Token{AccessToken: NewSecret("a")}, Config: map[string]string{"region": "eu", "subscription_key": "k"}}
		for range 2 {
			if _, err := w.Connections.Import(t.Context(), "acme", "alice", token); err != nil {
				t.Fatal(err)
			}
			token.Config = config
		}
		row, rec := w.connectionRecord()
		p, err := w.core.openPrivate(row.ID, rec)
		conn, gerr := w.Connections.Get(t.Context(), "acme", "alice")
		if err != nil || gerr != nil || conn.Config["region"] != "eu" || p.secrets["subscription_key"] != "k" {
			t.Errorf("%s: config %v, %v, %v", name, conn.Config, err, gerr)
		}
	}
}

// A caller that leaves between the revocation and the deletion leaves no
// connection with a dead grant.
func TestDeleteIsFinished(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := connected(t, worldOptions{})
		w.provider.Fail(providertest.Fault{Endpoint: providertest.Revoke, DelayAfter: 5 * time.Second})
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if err := w.Connections.Delete(ctx, "acme", "alice", DeleteOptions{}); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("Delete = %v", err)
		}
		if err := w.Close(t.Context()); err != nil {
			t.Fatal(err)
		}
		if n := len(w.rows(kindConnection)); n != 0 {
			t.Errorf("%d connections", n)
		}
	})
}

func TestMoreBadInput(t *testing.T) {
	t.Parallel()
	w := connected(t, worldOptions{})
	before := w.table()
	_, err1 := w.Integrations.Update(t.Context(), "acme", nil)
	_, err2 := w.Connections.Update(t.Context(), "acme", "alice", nil)
	_, err3 := w.Connections.CredentialWith(t.Context(), "acme", "alice", CredentialOptions{Early: -1})
	_, err4 := w.Integrations.Create(t.Context(), Integration{Key: "..", Provider: "acme", App: app("x")})
	for i, err := range []error{err1, err2, err3, err4} {
		var field *FieldError
		if !errors.As(err, &field) || !strings.Contains(err.Error(), field.Field) {
			t.Errorf("call %d: %v", i, err)
		}
	}
	if len(before) != len(w.table()) {
		t.Error("the Store changed")
	}
}

// What a key management service answers is checked like any other key.
func TestUnwrapKeyringIsChecked(t *testing.T) {
	t.Parallel()
	errVault := errors.New("the vault is sealed")
	for name, u := range map[string]unwrapFunc{
		"it fails":   func([]byte) ([]byte, error) { return nil, errVault },
		"too short":  func([]byte) ([]byte, error) { return make([]byte, KeySize-1), nil },
		"all zeroes": func([]byte) ([]byte, error) { return make([]byte, KeySize), nil },
	} {
		ring, err := UnwrapKeyring(t.Context(), u, []byte("wrapped"))
		if err == nil || ring != nil || name == "it fails" && !errors.Is(err, errVault) {
			t.Errorf("%s: %v, %v", name, ring, err)
		}
	}
	if ring, err := UnwrapKeyring(t.Context(), unwrapFunc(nil)); err == nil || ring != nil {
		t.Errorf("no keys: %v, %v", ring, err)
	}
}

type unwrapFunc func([]byte) ([]byte, error)

func (f unwrapFunc) UnwrapKey(_ context.Context, wrapped []byte) ([]byte, error) { return f(wrapped) }

// What cannot be read hides nothing else of its page.
func TestListAroundDamage(t *testing.T) {
	t.Parallel()
	w := newWorld(t, worldOptions{})
	for _, key := range []string{"a", "b", "c"} {
		w.integration(key, "acme")
		w.connect(key, "alice")
	}
	for _, kind := range []store.Kind{kindIntegration, kindConnection} {
		row := w.rows(kind)[1]
		row.Data = []byte{1, 0xff}
		if _, err := w.store.Put(t.Context(), row); err != nil {
			t.Fatal(err)
		}
	}
	integrations, err := w.Integrations.List(t.Context(), "", 0)
	if !errors.Is(err, ErrDamaged) || len(integrations.Integrations) != 2 {
		t.Errorf("%d integrations, %v", len(integrations.Integrations), err)
	}
	connections, err := w.Connections.List(t.Context(), Filter{}, "", 0)
	if !errors.Is(err, ErrDamaged) || len(connections.Connections) != 2 {
		t.Errorf("%d connections, %v", len(connections.Connections), err)
	}
}

// After Close nothing begins that nobody would wait for, and nothing is used up.
func TestNothingBeginsAfterClose(t *testing.T) {
	t.Parallel()
	w := connected(t, worldOptions{})
	a, callback := w.consent("acme", AuthorizeOptions{ConnectionID: "bob"})
	if err := w.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	before := w.table()
	_, err1 := w.Connections.Complete(t.Context(), a.Binding.Reveal(), callback)
	_, err2 := w.Connections.Import(t.Context(), "acme", "bob", ConnectionInput{Credential: &OAuth2Token{AccessToken: NewSecret("a")}})
	err3 := w.Connections.Delete(t.Context(), "acme", "alice", DeleteOptions{})
	for i, err := range []error{err1, err2, err3} {
		if !errors.Is(err, ErrClosed) {
			t.Errorf("call %d: %v", i, err)
		}
	}
	if diff := cmp.Diff(before, w.table()); diff != "" {
		t.Errorf("the Store changed:\n%s", diff)
	}
	other, _, _ := w.client(worldOptions{})
	if _, err := other.Connections.Complete(t.Context(), a.Binding.Reveal(), callback); err != nil {
		t.Errorf("another process cannot complete it: %v", err)
	}
}

func TestPrivateKeyIsRSA(t *testing.T) {
	t.Parallel()
	ec, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	pkcs8, err := x509.MarshalPKCS8PrivateKey(ec)
	if err != nil {
		t.Fatal(err)
	}
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	encode := func(kind string, der []byte) string {
		return string(pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}))
	}
	for name, text := range map[string]string{
		"EC": encode("PRIVATE KEY", pkcs8), "a wrong label": encode("CERTIFICATE", x509.MarshalPKCS1PrivateKey(key)),
	} {
		if err := checkPrivateKey(text); !errors.Is(err, ErrInvalid) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if err := checkPrivateKey(encode("RSA PRIVATE KEY", x509.MarshalPKCS1PrivateKey(key))); err != nil {
		t.Error(err)
	}
}

// What Update cannot change is refused, and not ignored.
func TestUpdateRefusesWhatItCannotChange(t *testing.T) {
	t.Parallel()
	w := connected(t, worldOptions{})
	for field, edit := range map[string]func(*Connection){
		"created_at":   func(c *Connection) { c.CreatedAt = c.CreatedAt.Add(time.Hour) },
		"refreshed_at": func(c *Connection) { c.RefreshedAt = time.Now() },
		"last_error":   func(c *Connection) { c.LastError = &Failure{Code: "x"} },
	} {
		var got *FieldError
		_, err := w.Connections.Update(t.Context(), "acme", "alice", func(c *Connection) error { edit(c); return nil })
		if !errors.As(err, &got) || got.Field != field {
			t.Errorf("%s: %v", field, err)
		}
	}
}

// Who is told that the user has to authorize again finds the connection so.
func TestReauthIsStoredWhenItIsTold(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := connected(t, worldOptions{})
		time.Sleep(time.Hour)
		w.provider.RevokeAll()
		if _, err := w.Connections.Credential(t.Context(), "acme", "alice"); !errors.Is(err, ErrReauthRequired) {
			t.Fatalf("Credential = %v", err)
		}
		if conn, err := w.Connections.Get(t.Context(), "acme", "alice"); err != nil || conn.Status != StatusNeedsReauth {
			t.Errorf("status %s, %v", conn.Status, err)
		}
	})
}

// A request that may not go where it would is told apart from a provider that is
// not there, and the error says where to allow it.
func TestForbiddenAddress(t *testing.T) {
	t.Parallel()
	client, err := New(Config{Store: &store.Memory{}, Keys: testKeys(t), Providers: forbiddenCatalog(t)})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := client.Integrations.Create(t.Context(), Integration{Key: "local", Provider: "local"}); err != nil {
		t.Fatal(err)
	}
	_, err = client.Connections.Create(t.Context(), "local", "alice", ConnectionInput{Credential: &APIKey{Key: NewSecret("k")}})
	var failure *VerificationError
	if !errors.Is(err, ErrForbidden) || !errors.As(err, &failure) || failure.Temporary() || !strings.Contains(err.Error(), "Config.Outbound") {
		t.Errorf("Create = %v", err)
	}
}

func forbiddenCatalog(t *testing.T) *Catalog {
	t.Helper()
	catalog, problems := LoadCatalog(CatalogFile{Name: "local.yaml", Data: []byte(`
local:
  display_name: Local
  auth_mode: API_KEY
  docs: https://example.com
  categories: [dev-tools]
  proxy:
    base_url: https://127.0.0.1:1
    headers: {X-Api-Key: "${apiKey}"}
    verification: {method: GET, endpoints: [/me]}
  credentials:
    apiKey: {type: string, title: Key}
`)})
	for _, p := range problems {
		t.Log(p)
	}
	return catalog
}
