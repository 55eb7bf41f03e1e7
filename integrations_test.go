package tieline

import (
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/tieline/tieline/internal/spec"
	"github.com/tieline/tieline/store"
)

func app(id string) *OAuthApp { return &OAuthApp{ClientID: id, ClientSecret: NewSecret("secret")} }

func TestIntegrationLifecycle(t *testing.T) {
	t.Parallel()
	w := newWorld(t, worldOptions{config: func(c *Config) {
		c.WebhookURL, c.LogoURL = "https://example.com/hooks/", "https://example.com/logos"
	}})
	in := Integration{
		Key: "acme: eu", Provider: "acme", ForwardWebhooks: true,
		App: &OAuthApp{ClientID: "id", ClientSecret: NewSecret("s3cret"), Scopes: []string{"read", "*"}, WebhookSecret: NewSecret("hook")},
	}
	created, err := w.Integrations.Create(t.Context(), in)
	if err != nil {
		t.Fatal(err)
	}
	in.DisplayName = "Acme" // the provider's
	in.RowID, in.Number, in.CreatedAt, in.UpdatedAt = created.RowID, created.Number, created.CreatedAt, created.UpdatedAt
	if diff := cmp.Diff(in, created); diff != "" {
		t.Errorf("created (-want +got):\n%s", diff)
	}
	if created.RowID == "" || created.Number <= 0 || created.Number >= 1<<53 || created.CreatedAt.IsZero() {
		t.Errorf("%+v", created)
	}
	got, err := w.Integrations.Get(t.Context(), "acme: eu")
	if diff := cmp.Diff(created, got); err != nil || diff != "" {
		t.Errorf("Get (-created +got):\n%s%v", diff, err)
	}
	if u := w.Integrations.WebhookURL(created.Key); u != "https://example.com/hooks/acme%3A%20eu" {
		t.Errorf("WebhookURL = %s", u)
	}
	if u := w.Integrations.LogoURL("acme"); u != "https://example.com/logos/acme.svg" {
		t.Errorf("LogoURL = %s", u)
	}
	updated, err := w.Integrations.Update(t.Context(), "acme: eu", func(i *Integration) error {
		i.DisplayName, i.ForwardWebhooks = "Our Acme", false
		i.App.(*OAuthApp).WebhookSecret = Secret{}
		return nil
	})
	if err != nil || updated.DisplayName != "Our Acme" || updated.ForwardWebhooks || updated.Number != created.Number || !updated.App.(*OAuthApp).WebhookSecret.IsZero() {
		t.Errorf("Update = %+v, %v", updated, err)
	}
	if !updated.App.(*OAuthApp).ClientSecret.Equal(NewSecret("s3cret")) {
		t.Error("the client secret did not survive the update")
	}
	if err := w.Integrations.Delete(t.Context(), "acme: eu", DeleteOptions{}); err != nil {
		t.Fatal(err)
	}
	if _, err := w.Integrations.Get(t.Context(), "acme: eu"); !errors.Is(err, ErrNotFound) {
		t.Errorf("after Delete: %v", err)
	}
	if err := w.Integrations.Delete(t.Context(), "acme: eu", DeleteOptions{}); !errors.Is(err, ErrNotFound) {
		t.Errorf("a second Delete: %v", err)
	}
}

func TestDefaultScopesAreFilledIn(t *testing.T) {
	t.Parallel()
	w := newWorld(t, worldOptions{})
	w.catalog, _ = w.catalog.With(CatalogFile{Name: "scopes.yaml", Data: []byte("scoped: {alias: acme, display_name: Scoped, default_scopes: [read, offline]}")})
	w.Client, _, _ = w.client(worldOptions{})
	for _, tt := range []struct {
		key          string
		given, wants []string
	}{{"none", nil, []string{"read", "offline"}}, {"own", []string{"write"}, []string{"write"}}} {
		a := app("id")
		a.Scopes = tt.given
		got, err := w.Integrations.Create(t.Context(), Integration{Key: tt.key, Provider: "scoped", App: a})
		if err != nil || !cmp.Equal(got.App.(*OAuthApp).Scopes, tt.wants) {
			t.Errorf("%s: %v, %v", tt.key, got.App, err)
		}
		if len(a.Scopes) != len(tt.given) {
			t.Error("the caller's value was changed")
		}
	}
}

func TestRename(t *testing.T) {
	t.Parallel()
	w := connected(t, worldOptions{})
	before, err := w.Connections.Get(t.Context(), "acme", "alice")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.Integrations.Create(t.Context(), Integration{Key: "taken", Provider: "acme", App: app("x")}); err != nil {
		t.Fatal(err)
	}
	rename := func(to string) error {
		_, err := w.Integrations.Update(t.Context(), "acme", func(i *Integration) error { i.Key = to; return nil })
		return err
	}
	var field *FieldError
	if err := rename("taken"); !errors.Is(err, ErrExists) || !errors.As(err, &field) || field.Field != "key" {
		t.Errorf("renamed to a key that is taken: %v", err)
	}
	if err := rename("acme2"); err != nil {
		t.Fatal(err)
	}
	after, err := w.Connections.Get(t.Context(), "acme2", "alice")
	if err != nil || after.RowID != before.RowID || after.Integration != "acme2" {
		t.Errorf("the connection did not follow: %+v, %v", after, err)
	}
	if _, err := w.Connections.Get(t.Context(), "acme", "alice"); !errors.Is(err, ErrNotFound) {
		t.Errorf("under the old key: %v", err)
	}
	if _, err := w.Connections.Credential(t.Context(), "acme2", "alice"); err != nil {
		t.Error(err)
	}
}

func TestIntegrationErrors(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("x", 256)
	oauth := func(edit func(*OAuthApp)) Integration {
		a := app("id")
		edit(a)
		return Integration{Key: "k", Provider: "acme", App: a}
	}
	tests := map[string]struct {
		in    Integration
		want  error
		field string
	}{
		"no key":                 {Integration{Provider: "acme", App: app("x")}, ErrInvalid, "key"},
		"long key":               {Integration{Key: long, Provider: "acme", App: app("x")}, ErrInvalid, "key"},
		"odd key":                {Integration{Key: "a/b", Provider: "acme", App: app("x")}, ErrInvalid, "key"},
		"key beyond ASCII":       {Integration{Key: "é", Provider: "acme", App: app("x")}, ErrInvalid, "key"},
		"key not UTF-8":          {Integration{Key: "\xff", Provider: "acme", App: app("x")}, ErrInvalid, "key"},
		"key with NUL":           {Integration{Key: "a\x00", Provider: "acme", App: app("x")}, ErrInvalid, "key"},
		"long display name":      {Integration{Key: "k", DisplayName: long, Provider: "acme", App: app("x")}, ErrInvalid, "display_name"},
		"display name not text":  {Integration{Key: "k", DisplayName: "a\nb", Provider: "acme", App: app("x")}, ErrInvalid, "display_name"},
		"unknown provider":       {Integration{Key: "k", Provider: "nobody"}, ErrUnknownProvider, ""},
		"no provider":            {Integration{Key: "k"}, ErrUnknownProvider, ""},
		"no app":                 {Integration{Key: "k", Provider: "acme"}, ErrInvalid, "app"},
		"a nil app":              {Integration{Key: "k", Provider: "acme", App: (*OAuthApp)(nil)}, ErrInvalid, "app"},
		"an app of another kind": {Integration{Key: "k", Provider: "acme", App: &GitHubApp{}}, ErrWrongMode, "app"},
		"an app for an API key":  {Integration{Key: "k", Provider: "acme-key", App: app("x")}, ErrWrongMode, "app"},
		"no client ID":           {oauth(func(a *OAuthApp) { a.ClientID = "" }), ErrInvalid, "app.client_id"},
		"long client ID":         {oauth(func(a *OAuthApp) { a.ClientID = long }), ErrInvalid, "app.client_id"},
		"client ID not ASCII":    {oauth(func(a *OAuthApp) { a.ClientID = "ï" }), ErrInvalid, "app.client_id"},
		"no client secret":       {oauth(func(a *OAuthApp) { a.ClientSecret = Secret{} }), ErrInvalid, "app.client_secret"},
		"secret with a newline":  {oauth(func(a *OAuthApp) { a.ClientSecret = NewSecret("a\nb") }), ErrInvalid, "app.client_secret"},
		"odd scope":              {oauth(func(a *OAuthApp) { a.Scopes = []string{"read", "a b"} }), ErrInvalid, "app.scopes[1]"},
		"empty scope":            {oauth(func(a *OAuthApp) { a.Scopes = []string{""} }), ErrInvalid, "app.scopes[0]"},
		"long webhook secret":    {oauth(func(a *OAuthApp) { a.WebhookSecret = NewSecret(long) }), ErrInvalid, "app.webhook_secret"},
		"unknown config":         {Integration{Key: "k", Provider: "acme", App: app("x"), Config: map[string]string{"nope": "1"}}, ErrInvalid, "config.nope"},
	}
	w := newWorld(t, worldOptions{})
	for name, tt := range tests {
		_, err := w.Integrations.Create(t.Context(), tt.in)
		var field *FieldError
		if !errors.Is(err, tt.want) || tt.field != "" && (!errors.As(err, &field) || field.Field != tt.field) {
			t.Errorf("%s: %v, want %v about %q", name, err, tt.want, tt.field)
		}
	}
	if n := len(w.rows(kindIntegration)); n != 0 {
		t.Errorf("%d integrations were stored", n)
	}
}

func TestGitHubApps(t *testing.T) {
	t.Parallel()
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	pkcs1 := string(pem.EncodeToMemory(&pem.Block{Type: "RSA PRIVATE KEY", Bytes: x509.MarshalPKCS1PrivateKey(key)}))
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	pkcs8 := string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}))
	good := GitHubApp{AppID: "1", AppLink: "https://github.com/apps/x", PrivateKey: NewSecret(pkcs1)}
	tests := map[string]struct {
		edit func(*GitHubApp)
		bad  string
	}{
		"PKCS #1":             {func(*GitHubApp) {}, ""},
		"PKCS #8":             {func(a *GitHubApp) { a.PrivateKey = NewSecret(pkcs8) }, ""},
		"newlines as in JSON": {func(a *GitHubApp) { a.PrivateKey = NewSecret(strings.ReplaceAll(pkcs1, "\n", `\n`)) }, ""},
		"no key":              {func(a *GitHubApp) { a.PrivateKey = Secret{} }, "app.private_key"},
		"a key that only looks so": {func(a *GitHubApp) {
			a.PrivateKey = NewSecret("-----BEGIN RSA PRIVATE KEY-----\nAAAA\n-----END RSA PRIVATE KEY-----")
		}, "app.private_key"},
		"two keys":   {func(a *GitHubApp) { a.PrivateKey = NewSecret(pkcs1 + pkcs1) }, "app.private_key"},
		"no ID":      {func(a *GitHubApp) { a.AppID = "" }, "app.app_id"},
		"a long ID":  {func(a *GitHubApp) { a.AppID = strings.Repeat("1", 256) }, "app.app_id"},
		"plain http": {func(a *GitHubApp) { a.AppLink = "http://github.com/apps/x" }, "app.app_link"},
		"no link":    {func(a *GitHubApp) { a.AppLink = "" }, "app.app_link"},
	}
	for name, tt := range tests {
		a := good
		tt.edit(&a)
		for mode, err := range map[string]error{
			"APP":    a.validate(ModeApp, &spec.Entry{}),
			"CUSTOM": (&CustomApp{OAuthApp: *app("x"), GitHubApp: a}).validate(ModeCustom, &spec.Entry{}),
		} {
			var field *FieldError
			if (err == nil) != (tt.bad == "") || err != nil && (!errors.As(err, &field) || field.Field != tt.bad) {
				t.Errorf("%s, %s: %v, want %q", mode, name, err, tt.bad)
			}
		}
		decoded, err := decodeApp((&CustomApp{OAuthApp: *app("x"), GitHubApp: a}).seal(nil))
		if err != nil || !decoded.(*CustomApp).PrivateKey.Equal(a.PrivateKey) || decoded.(*CustomApp).ClientID != "x" {
			t.Errorf("%s: as stored %v, %v", name, decoded, err)
		}
	}
}

func TestDuplicateKey(t *testing.T) {
	t.Parallel()
	w := newWorld(t, worldOptions{})
	var wg sync.WaitGroup
	errs := make(chan error, 16)
	for i := range 16 {
		wg.Go(func() {
			_, err := w.Integrations.Create(t.Context(), Integration{Key: "acme", Provider: "acme", App: app(fmt.Sprint(i))})
			errs <- err
		})
	}
	wg.Wait()
	won := 0
	for range 16 {
		if err := <-errs; err == nil {
			won++
		} else if !errors.Is(err, ErrExists) {
			t.Error(err)
		}
	}
	if won != 1 {
		t.Errorf("%d creates of one key succeeded", won)
	}
}

func TestUpdateOfAnIntegration(t *testing.T) {
	t.Parallel()
	w := newWorld(t, worldOptions{})
	before := w.integration("acme", "acme")
	own := errors.New("changed my mind")
	for name, change := range map[string]func(*Integration) error{
		"own error":     func(*Integration) error { return own },
		"provider":      func(i *Integration) error { i.Provider = "acme-key"; return nil },
		"no app":        func(i *Integration) error { i.App = nil; return nil },
		"bad app":       func(i *Integration) error { i.App.(*OAuthApp).ClientID = ""; return nil },
		"bad key":       func(i *Integration) error { i.Key = "a/b"; return nil },
		"unknown value": func(i *Integration) error { i.Config = map[string]string{"x": "y"}; return nil },
	} {
		if _, err := w.Integrations.Update(t.Context(), "acme", change); err == nil || name == "own error" && !errors.Is(err, own) {
			t.Errorf("%s: %v", name, err)
		}
	}
	after, err := w.Integrations.Get(t.Context(), "acme")
	if diff := cmp.Diff(before, after); err != nil || diff != "" {
		t.Errorf("refused updates changed it (-before +after):\n%s%v", diff, err)
	}
	// No update is lost, however many race.
	var wg sync.WaitGroup
	for i := range 20 {
		wg.Go(func() {
			_, err := w.Integrations.Update(t.Context(), "acme", func(in *Integration) error {
				a := in.App.(*OAuthApp)
				a.Scopes = append(a.Scopes, fmt.Sprint("s", i))
				return nil
			})
			if err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	if after, _ := w.Integrations.Get(t.Context(), "acme"); len(after.App.(*OAuthApp).Scopes) != 20 {
		t.Errorf("%d of 20 updates are there", len(after.App.(*OAuthApp).Scopes))
	}
}

func TestListIntegrations(t *testing.T) {
	t.Parallel()
	w := newWorld(t, worldOptions{})
	want := map[string]bool{}
	for i := range 7 {
		key := fmt.Sprint("acme-", i)
		w.integration(key, "acme")
		want[key] = true
	}
	got := map[string]bool{}
	for i, err := range w.Integrations.All(t.Context()) {
		if err != nil {
			t.Fatal(err)
		}
		got[i.Key] = true
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("All (-want +got):\n%s", diff)
	}
	paged, next := map[string]bool{}, ""
	for pages := 1; ; pages++ {
		page, err := w.Integrations.List(t.Context(), next, 3)
		if err != nil {
			t.Fatal(err)
		}
		for _, i := range page.Integrations {
			paged[i.Key] = true
		}
		if next = page.Next; next == "" {
			if pages != 3 {
				t.Errorf("7 integrations on %d pages of 3", pages)
			}
			break
		}
	}
	if diff := cmp.Diff(want, paged); diff != "" {
		t.Errorf("List (-want +got):\n%s", diff)
	}
	for name, call := range map[string]func() error{
		"cursor":         func() error { _, err := w.Integrations.List(t.Context(), "nonsense", 0); return err },
		"negative limit": func() error { _, err := w.Integrations.List(t.Context(), "", -1); return err },
	} {
		if err := call(); !errors.Is(err, ErrInvalid) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// A row that cannot be read is one error and takes no other down with it.
func TestDamagedIntegration(t *testing.T) {
	t.Parallel()
	w := newWorld(t, worldOptions{})
	w.integration("good", "acme")
	w.integration("bad", "acme")
	row, err := store.GetUnique(t.Context(), w.store, kindIntegration, "bad")
	if err != nil {
		t.Fatal(err)
	}
	row.Data[len(row.Data)-1] ^= 1
	if _, err := w.store.Put(t.Context(), row); err != nil {
		t.Fatal(err)
	}
	seen := map[string]error{}
	for i, err := range w.Integrations.All(t.Context()) {
		seen[i.Key] = err
	}
	if len(seen) != 2 || seen["good"] != nil || !errors.Is(seen["bad"], ErrDamaged) {
		t.Errorf("All = %v", seen)
	}
	if _, err := w.Integrations.Get(t.Context(), "bad"); !errors.Is(err, ErrDamaged) || !strings.Contains(err.Error(), `"bad"`) {
		t.Errorf("Get = %v", err)
	}
	if err := w.Integrations.Delete(t.Context(), "bad", DeleteOptions{}); err != nil {
		t.Errorf("what cannot be read cannot be deleted: %v", err)
	}
}

func TestDeleteIntegrationRevokes(t *testing.T) {
	t.Parallel()
	for _, skip := range []bool{false, true} {
		w := newWorld(t, worldOptions{})
		w.integration("acme", "acme")
		for i := range 20 {
			w.connect("acme", fmt.Sprint("user-", i))
		}
		if err := w.Integrations.Delete(t.Context(), "acme", DeleteOptions{SkipRevocation: skip}); err != nil {
			t.Fatal(err)
		}
		want := 0
		if skip {
			want = 20
		}
		if n := len(w.provider.Grants()); n != want {
			t.Errorf("skip=%v: %d grants are alive", skip, n)
		}
		if n := len(w.rows(kindConnection)); n != 0 {
			t.Errorf("%d connections are left", n)
		}
		if n := w.events.count(EventDisconnected); n != 20 {
			t.Errorf("%d events", n)
		}
	}
}
