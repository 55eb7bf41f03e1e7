package tieline

import (
	"context"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"gopkg.in/yaml.v3"

	"github.com/tieline/tieline/providertest"
	"github.com/tieline/tieline/store"
)

// referenceFile is the provider file of another project, which the format comes
// from. It is used where it is at hand and is no part of this project.
func referenceFile(t testing.TB) []byte {
	t.Helper()
	path := os.Getenv("TIELINE_NANGO_PROVIDERS")
	if path == "" {
		path = filepath.Join("..", "shared", "data", "nango-providers.yaml")
	}
	data, err := os.ReadFile(path)
	if err != nil {
		t.Skipf("no provider file to test with: set TIELINE_NANGO_PROVIDERS to the path of one (%v)", err)
	}
	return data
}

// referenceEntries reads the file a second way: what inherits is merged key by key,
// as the format has it, and nothing is interpreted.
func referenceEntries(t testing.TB) map[string]map[string]any {
	t.Helper()
	var raw map[string]map[string]any
	if err := yaml.Unmarshal(referenceFile(t), &raw); err != nil {
		t.Fatal(err)
	}
	out := map[string]map[string]any{}
	var resolve func(name string) map[string]any
	resolve = func(name string) map[string]any {
		if e, ok := out[name]; ok {
			return e
		}
		e := map[string]any{}
		if alias, ok := raw[name]["alias"].(string); ok {
			maps.Copy(e, resolve(alias))
		}
		maps.Copy(e, raw[name])
		delete(e, "alias")
		out[name] = e
		return e
	}
	for name := range raw {
		resolve(name)
	}
	return out
}

// dialectWorld is a Client at one provider of the file.
type dialectWorld struct {
	t        testing.TB
	name     string
	provider *providertest.Dialect
	in       providertest.Inputs
	bodied   bool // requests have the credential in their body
	outbound bool // connections begin at the provider
	*Client
}

func newDialectWorld(t testing.TB, catalog *Catalog, name string, entry map[string]any) (*dialectWorld, error) {
	t.Helper()
	d, err := providertest.NewDialect(name, entry)
	if err != nil {
		return nil, err
	}
	if change := dialectInputs[name]; change != nil {
		in := d.Inputs()
		change(&in)
		d.Use(in)
	}
	c, err := New(Config{
		Store: &store.Memory{}, Keys: testKeys(t), Providers: catalog, CallbackURL: testCallback,
		Refresh: RefreshPolicy{Confirm: time.Millisecond},
	})
	if err != nil {
		return nil, err
	}
	c.core.tokenHTTP, c.core.apiHTTP = d, d
	proxy, _ := entry["proxy"].(map[string]any)
	return &dialectWorld{t: t, name: name, provider: d, in: d.Inputs(), bodied: proxy["body"] != nil, outbound: entry["installation"] == "outbound", Client: c}, nil
}

// dialectInputs are values that the patterns of an entry allow and that work; those
// that were made up from the patterns do not.
var dialectInputs = map[string]func(*providertest.Inputs){
	// The pattern only says that there is text between two lines.
	"google-service-account": func(in *providertest.Inputs) {
		in.Credentials["privateKey"] = strings.ReplaceAll(rsaPEM(), "\n", `\n`)
	},
	// The entry puts https:// in front of a URL; that of another scheme is none to call.
	"gerrit": func(in *providertest.Inputs) { in.Config["host"] = "https://gerrit.example.com" },
	// The entry joins with a slash what ends in one.
	"practicefusion": func(in *providertest.Inputs) {
		in.Config["baseUrl"] = strings.TrimSuffix(in.Config["baseUrl"], "/") + "/x"
	},
	// Key IDs of AWS are letters and digits.
	"aws-iam":        func(in *providertest.Inputs) { in.Credentials["username"] = "AKIDEXAMPLE000000" },
	"aws-inspector2": func(in *providertest.Inputs) { in.Credentials["username"] = "AKIDEXAMPLE000000" },
	// The client ID is the URL of a document.
	"lovable-mcp": func(in *providertest.Inputs) { in.ClientID = "https://app.example.com/client.json" },
}

// rsaPEM is a new private key.
func rsaPEM() string {
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		panic(err)
	}
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		panic(err)
	}
	return string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}))
}

// app is what the provider knows the application by.
func (w *dialectWorld) app(mode AuthMode) AppCredential {
	in := &w.in
	oauth := OAuthApp{ClientID: in.ClientID, ClientSecret: NewSecret(in.ClientSecret), Scopes: in.Scopes}
	hub := GitHubApp{AppID: in.AppID, AppLink: in.AppLink, PrivateKey: NewSecret(in.PrivateKeyPEM)}
	switch mode {
	case ModeApp:
		return &hub
	case ModeCustom:
		return &CustomApp{OAuthApp: oauth, GitHubApp: hub}
	case ModeInstallPlugin:
		return &PluginApp{AppLink: in.AppLink, Username: in.IntegrationConfig["username"], Password: NewSecret(in.IntegrationConfig["password"])}
	case ModeOAuth2, ModeOAuth1, ModeTBA, ModeMCPOAuth2, ModeMCPOAuth2Generic:
		if in.ClientID != "" {
			return &oauth
		}
	}
	return nil
}

// credential is what the user types in.
func (w *dialectWorld) credential(mode AuthMode) Credential {
	v := w.in.Credentials
	secret := func(name string) Secret { return NewSecret(v[name]) }
	secrets := func(m map[string]string) map[string]Secret {
		out := map[string]Secret{}
		for name, v := range m {
			out[name] = NewSecret(v)
		}
		return out
	}
	switch mode {
	case ModeAPIKey:
		return &APIKey{Key: secret("apiKey")}
	case ModeBasic:
		return &Basic{Username: secret("username"), Password: secret("password")}
	case ModeOAuth2CC:
		return &ClientCredentials{
			ClientID: v["client_id"], ClientSecret: secret("client_secret"),
			Certificate: secret("client_certificate"), PrivateKey: secret("client_private_key"),
		}
	case ModeTwoStep:
		return &TwoStep{Values: secrets(v), Options: secrets(w.in.AssertionOption)}
	case ModeJWT:
		return &JWT{Values: secrets(v)}
	case ModeSignature:
		return &Signature{Username: secret("username"), Password: secret("password")}
	case ModeBill:
		return &Bill{Username: secret("username"), Password: secret("password"), OrganizationID: secret("organization_id"), DevKey: secret("dev_key")}
	case ModeTBA:
		return &TBA{TokenID: secret("token_id"), TokenSecret: secret("token_secret")}
	case ModeAWSSigV4:
		return &AWS{RoleARN: v["role_arn"], Region: v["region"], ExternalID: v["external_id"]}
	}
	return nil
}

// live walks the whole life of a connection, and says how far there was something
// to do.
func (w *dialectWorld) live(mode AuthMode) (path string, err error) {
	ctx := w.t.Context()
	in := Integration{Key: "key", Provider: w.name, App: w.app(mode)}
	if mode != ModeInstallPlugin {
		in.Config = w.in.IntegrationConfig
	}
	if _, err := w.Integrations.Create(ctx, in); err != nil {
		return "", fmt.Errorf("create the integration: %w", err)
	}
	if err := w.connect(ctx, mode); err != nil {
		return "", fmt.Errorf("connect: %w", err)
	}
	if err := w.call(ctx); err != nil {
		return "", fmt.Errorf("call: %w", err)
	}
	before, err := w.Connections.Credential(ctx, "key", "alice")
	if err != nil {
		return "", fmt.Errorf("credential: %w", err)
	}
	if before.Expiry().IsZero() && !w.refreshable() {
		return "connect, call; calls only", nil
	}
	return "connect, call, expire, refresh, call", w.outlive(ctx, before)
}

// outlive uses the connection beyond the life of its credential.
func (w *dialectWorld) outlive(ctx context.Context, before Credential) error {
	w.provider.Expire()
	wait := time.Hour
	if at := before.Expiry(); !at.IsZero() {
		wait = time.Until(at) + time.Second
	}
	time.Sleep(max(wait, time.Minute))
	if err := w.call(ctx); err != nil {
		return fmt.Errorf("call after expiry: %w", err)
	}
	after, err := w.Connections.Credential(ctx, "key", "alice")
	if err != nil {
		return fmt.Errorf("credential after expiry: %w", err)
	}
	if sameCredential(before, after) {
		return errors.New("the credential was not refreshed")
	}
	return nil
}

// refreshable says whether the connection's credential can be renewed.
func (w *dialectWorld) refreshable() bool {
	c := w.core
	conn, err := c.findConnection(w.t.Context(), "key", "alice")
	if err != nil {
		return false
	}
	s, err := c.subject(w.t.Context(), conn.row, conn.rec)
	if err != nil {
		return false
	}
	r, ok := c.mode(s.provider).(Refresher)
	return ok && r.CanRefresh(s)
}

func (w *dialectWorld) connect(ctx context.Context, mode AuthMode) error {
	config := maps.Clone(w.in.Config)
	maps.Copy(config, w.in.Discovered)
	if mode == ModeOAuth2CC && len(w.in.Scopes) > 0 {
		config["oauth_scopes"] = strings.Join(w.in.Scopes, ",")
	}
	if w.outbound {
		webhook, err := json.Marshal(w.provider.Webhook())
		if err != nil {
			return err
		}
		_, err = w.Connections.CompleteInstallation(ctx, "key", "alice", webhook, ConnectionInput{Config: config})
		return err
	}
	if _, ok := w.core.modes[mode].(Beginner); !ok {
		_, err := w.Connections.Create(ctx, "key", "alice", ConnectionInput{Credential: w.credential(mode), Config: config})
		return err
	}
	var scopes []string
	if mode == ModeMCPOAuth2 {
		scopes = w.in.Scopes // the app that was registered has none
	}
	a, err := w.Connections.Authorize(ctx, "key", AuthorizeOptions{ConnectionID: "alice", Config: config, Scopes: scopes})
	if err != nil {
		return fmt.Errorf("authorize: %w", err)
	}
	callback, err := w.provider.Authorize(ctx, a.URL)
	if err != nil {
		return fmt.Errorf("consent at %s: %w", a.URL, err)
	}
	_, err = w.Connections.Complete(ctx, a.Binding.Reveal(), callback)
	return err
}

// call makes a request to the API.
func (w *dialectWorld) call(ctx context.Context) error {
	method, body := http.MethodGet, io.Reader(nil)
	if w.bodied {
		method, body = http.MethodPost, strings.NewReader(`{"name":"thing"}`)
	}
	req, err := http.NewRequestWithContext(ctx, method, "/v1/things", body)
	if err != nil {
		return err
	}
	resp, err := w.Connections.HTTPClient("key", "alice").Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	answer, err := io.ReadAll(resp.Body)
	if err != nil || resp.StatusCode != http.StatusOK {
		return fmt.Errorf("status %d, %.200s, %v", resp.StatusCode, answer, err)
	}
	return nil
}

// errOrNone is err, or one that says that there was none.
func errOrNone(err error) error {
	if err == nil {
		return errors.New("it went through")
	}
	return err
}
