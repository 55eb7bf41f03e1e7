package tieline

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/tieline/tieline/providertest"
)

// keyWorld is a world with one integration for each kind of credential that the
// user types in.
func keyWorld(t testing.TB, o worldOptions) *world {
	t.Helper()
	w := newWorld(t, o)
	for _, name := range []string{"acme-key", "acme-basic", "acme-cc", "acme-none"} {
		w.integration(name, name)
	}
	return w
}

func (w *world) goodInput(integration string) ConnectionInput {
	cred := w.provider.Credentials()
	switch integration {
	case "acme-key":
		return ConnectionInput{Credential: &APIKey{Key: NewSecret(cred.APIKey)}}
	case "acme-basic":
		return ConnectionInput{Credential: &Basic{Username: NewSecret(cred.Username), Password: NewSecret(cred.Password)}}
	case "acme-cc":
		return ConnectionInput{Credential: &ClientCredentials{ClientID: cred.ClientID, ClientSecret: NewSecret(cred.ClientSecret)}}
	}
	return ConnectionInput{}
}

func TestCreate(t *testing.T) {
	t.Parallel()
	w := keyWorld(t, worldOptions{})
	for integration, mode := range map[string]AuthMode{"acme-key": ModeAPIKey, "acme-basic": ModeBasic, "acme-cc": ModeOAuth2CC, "acme-none": ModeNone} {
		conn, err := w.Connections.Create(t.Context(), integration, "alice", w.goodInput(integration))
		if err != nil {
			t.Errorf("%s: %v", integration, err)
			continue
		}
		if conn.ID != "alice" || conn.Integration != integration || conn.Provider != integration || conn.Status != StatusActive {
			t.Errorf("%s: %+v", integration, conn)
		}
		cred, err := w.Connections.Credential(t.Context(), integration, "alice")
		if err != nil || cred.Type() != mode {
			t.Errorf("%s: credential of type %v, %v", integration, cred, err)
		}
		if mode == ModeOAuth2CC && (cred.Expiry().IsZero() || !w.provider.IsLive(cred.(*ClientCredentials).Token.Reveal())) {
			t.Errorf("%s: no token was had: %+v", integration, cred)
		}
		generated, err := w.Connections.Create(t.Context(), integration, "", w.goodInput(integration))
		if err != nil || len(generated.ID) != 36 {
			t.Errorf("%s: generated ID %q, %v", integration, generated.ID, err)
		}
	}
}

func TestCreateIsVerified(t *testing.T) {
	t.Parallel()
	w := keyWorld(t, worldOptions{})
	bad := map[string]Credential{
		"acme-key":   &APIKey{Key: NewSecret("wrong")},
		"acme-basic": &Basic{Username: NewSecret("wrong"), Password: NewSecret("wrong")},
	}
	for integration, cred := range bad {
		_, err := w.Connections.Create(t.Context(), integration, "alice", ConnectionInput{Credential: cred})
		var refused *VerificationError
		if !errors.Is(err, ErrVerification) || !errors.As(err, &refused) || refused.Status != 401 || refused.Temporary() {
			t.Errorf("%s: Create = %v", integration, err)
		}
		_, err = w.Connections.Import(t.Context(), integration, "alice", ConnectionInput{Credential: cred})
		if !errors.Is(err, ErrVerification) {
			t.Errorf("%s: Import = %v", integration, err)
		}
		if n := len(w.rows(kindConnection)); n != 0 {
			t.Errorf("%s: %d connections were stored", integration, n)
		}
		if _, err = w.Connections.Import(t.Context(), integration, "alice", ConnectionInput{Credential: cred, SkipVerification: true}); err != nil {
			t.Errorf("%s: Import without verification = %v", integration, err)
		}
		if err := w.Connections.Delete(t.Context(), integration, "alice", DeleteOptions{}); err != nil {
			t.Error(err)
		}
	}
	_, err := w.Connections.Create(t.Context(), "acme-cc", "alice", ConnectionInput{Credential: &ClientCredentials{ClientID: "a", ClientSecret: NewSecret("b")}})
	var refused *TokenError
	if !errors.As(err, &refused) || refused.Class != ClassConfig || refused.Code != "invalid_client" {
		t.Errorf("acme-cc: %v", err)
	}
	w.provider.Fail(providertest.Fault{Endpoint: providertest.API, Status: 503})
	_, err = w.Connections.Create(t.Context(), "acme-key", "alice", w.goodInput("acme-key"))
	var busy *VerificationError
	if !errors.As(err, &busy) || !busy.Temporary() {
		t.Errorf("a provider that is down: %v", err)
	}
}

func TestCreateErrors(t *testing.T) {
	t.Parallel()
	w := keyWorld(t, worldOptions{})
	w.integration("acme", "acme")
	key := w.goodInput("acme-key").Credential
	for name, tt := range map[string]struct {
		integration, id string
		in              ConnectionInput
		want            error
	}{
		"unknown integration":      {"nobody", "a", ConnectionInput{Credential: key}, ErrNotFound},
		"odd integration":          {"a/b", "a", ConnectionInput{Credential: key}, ErrInvalid},
		"no integration":           {"", "a", ConnectionInput{Credential: key}, ErrInvalid},
		"odd ID":                   {"acme-key", "a\x00", ConnectionInput{Credential: key}, ErrInvalid},
		"ID beyond ASCII":          {"acme-key", "é", ConnectionInput{Credential: key}, ErrInvalid},
		"long ID":                  {"acme-key", strings.Repeat("a", 256), ConnectionInput{Credential: key}, ErrInvalid},
		"no credential":            {"acme-key", "a", ConnectionInput{}, ErrInvalid},
		"a nil credential":         {"acme-key", "a", ConnectionInput{Credential: (*APIKey)(nil)}, ErrInvalid},
		"empty key":                {"acme-key", "a", ConnectionInput{Credential: &APIKey{}}, ErrInvalid},
		"key with a newline":       {"acme-key", "a", ConnectionInput{Credential: &APIKey{Key: NewSecret("a\nHost: evil")}}, ErrInvalid},
		"endless key":              {"acme-key", "a", ConnectionInput{Credential: &APIKey{Key: NewSecret(strings.Repeat("k", 1<<20))}}, ErrInvalid},
		"another kind":             {"acme-key", "a", ConnectionInput{Credential: &Basic{}}, ErrWrongMode},
		"a key for nothing":        {"acme-none", "a", ConnectionInput{Credential: key}, ErrWrongMode},
		"OAuth without consent":    {"acme", "a", ConnectionInput{Credential: &OAuth2Token{AccessToken: NewSecret("x")}}, ErrWrongMode},
		"empty basic":              {"acme-basic", "a", ConnectionInput{Credential: &Basic{}}, ErrInvalid},
		"no client ID":             {"acme-cc", "a", ConnectionInput{Credential: &ClientCredentials{}}, ErrInvalid},
		"unknown config":           {"acme-key", "a", ConnectionInput{Credential: key, Config: map[string]string{"nope": "x"}}, ErrInvalid},
		"metadata not JSON":        {"acme-key", "a", ConnectionInput{Credential: key, Metadata: json.RawMessage(`{`)}, ErrInvalid},
		"metadata not an object":   {"acme-key", "a", ConnectionInput{Credential: key, Metadata: json.RawMessage(`[1]`)}, ErrInvalid},
		"endless metadata":         {"acme-key", "a", ConnectionInput{Credential: key, Metadata: json.RawMessage(`{"a":"` + strings.Repeat("x", maxMetadata) + `"}`)}, ErrInvalid},
		"odd tag":                  {"acme-key", "a", ConnectionInput{Credential: key, Tags: map[string]string{"1a": "x"}}, ErrInvalid},
		"empty tag":                {"acme-key", "a", ConnectionInput{Credential: key, Tags: map[string]string{"a": ""}}, ErrInvalid},
		"tags that differ in case": {"acme-key", "a", ConnectionInput{Credential: key, Tags: map[string]string{"a": "1", "A": "2"}}, ErrInvalid},
		"a tag that is no e-mail":  {"acme-key", "a", ConnectionInput{Credential: key, Tags: map[string]string{"end_user_email": "x"}}, ErrInvalid},
		"user without ID":          {"acme-key", "a", ConnectionInput{Credential: key, EndUser: &EndUser{}}, ErrInvalid},
		"user with odd e-mail":     {"acme-key", "a", ConnectionInput{Credential: key, EndUser: &EndUser{ID: "u", Email: "nobody"}}, ErrInvalid},
		"organization without ID":  {"acme-key", "a", ConnectionInput{Credential: key, EndUser: &EndUser{ID: "u", Organization: &Organization{}}}, ErrInvalid},
		"odd webhook URL":          {"acme-key", "a", ConnectionInput{Credential: key, WebhookURL: "ftp://x"}, ErrInvalid},
	} {
		if _, err := w.Connections.Create(t.Context(), tt.integration, tt.id, tt.in); !errors.Is(err, tt.want) {
			t.Errorf("%s: %v, want %v", name, err, tt.want)
		}
	}
	tags := map[string]string{}
	for i := range 11 {
		tags[fmt.Sprint("t", i)] = "x"
	}
	if _, err := w.Connections.Create(t.Context(), "acme-key", "a", ConnectionInput{Credential: key, Tags: tags}); !errors.Is(err, ErrInvalid) {
		t.Errorf("eleven tags: %v", err)
	}
	if n := len(w.rows(kindConnection)); n != 0 {
		t.Errorf("%d connections were stored", n)
	}
}

func TestImport(t *testing.T) {
	t.Parallel()
	w := keyWorld(t, worldOptions{})
	w.integration("acme", "acme")
	w.connect("acme", "donor")
	donor, err := w.Connections.Credential(t.Context(), "acme", "donor")
	if err != nil {
		t.Fatal(err)
	}
	token := donor.(*OAuth2Token)
	// As from a system that knows the refresh token only.
	_, err = w.Connections.Import(t.Context(), "acme", "alice", ConnectionInput{Credential: &OAuth2Token{RefreshToken: token.RefreshToken}})
	if err != nil {
		t.Fatal(err)
	}
	got := w.credential()
	if got.AccessToken.IsZero() || got.AccessToken.Equal(token.AccessToken) || !w.provider.IsLive(got.AccessToken.Reveal()) {
		t.Error("the imported refresh token was not used")
	}
	w.wantRefreshes(1)
	for name, cred := range map[string]Credential{
		"nothing":         &OAuth2Token{},
		"a long token":    &OAuth2Token{AccessToken: NewSecret(strings.Repeat("x", maxToken+1))},
		"an odd token":    &OAuth2Token{AccessToken: NewSecret("a\nb")},
		"half a client":   &OAuth2Token{AccessToken: NewSecret("x"), ClientID: "id"},
		"another kind":    &APIKey{Key: NewSecret("x")},
		"half the client": &OAuth2Token{AccessToken: NewSecret("x"), ClientSecret: NewSecret("x")},
	} {
		if _, err := w.Connections.Import(t.Context(), "acme", "bob", ConnectionInput{Credential: cred}); !errors.Is(err, ErrInvalid) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := w.Connections.Import(t.Context(), "acme-cc", "bob", ConnectionInput{Credential: w.goodInput("acme-cc").Credential}); !errors.Is(err, ErrInvalid) {
		t.Errorf("client credentials without a token: %v", err)
	}
}

func TestReplaceByCreate(t *testing.T) {
	t.Parallel()
	w := keyWorld(t, worldOptions{})
	in := w.goodInput("acme-key")
	in.Metadata, in.Tags = json.RawMessage(`{"a":1}`), map[string]string{"a": "b"}
	first, err := w.Connections.Create(t.Context(), "acme-key", "alice", in)
	if err != nil {
		t.Fatal(err)
	}
	second, err := w.Connections.Create(t.Context(), "acme-key", "alice", w.goodInput("acme-key"))
	if err != nil || second.RowID != first.RowID || string(second.Metadata) != `{"a":1}` || !cmp.Equal(second.Tags, in.Tags) {
		t.Errorf("%+v, %v", second, err)
	}
	only := w.goodInput("acme-key")
	only.NewOnly = true
	if _, err := w.Connections.Create(t.Context(), "acme-key", "alice", only); !errors.Is(err, ErrExists) {
		t.Errorf("NewOnly: %v", err)
	}
}

func TestMetadata(t *testing.T) {
	t.Parallel()
	w := connected(t, worldOptions{})
	set := func(f func() (Connection, error), want string) {
		t.Helper()
		conn, err := f()
		if err != nil || string(conn.Metadata) != want {
			t.Errorf("metadata %s, %v, want %s", conn.Metadata, err, want)
		}
		if conn, _ = w.Connections.Get(t.Context(), "acme", "alice"); string(conn.Metadata) != want {
			t.Errorf("stored metadata %s, want %s", conn.Metadata, want)
		}
	}
	m := w.Connections
	set(func() (Connection, error) {
		return m.SetMetadata(t.Context(), "acme", "alice", json.RawMessage(` { "a" : 1 } `))
	}, `{"a":1}`)
	set(func() (Connection, error) {
		return m.MergeMetadata(t.Context(), "acme", "alice", json.RawMessage(`{"b":{"c":2}}`))
	}, `{"a":1,"b":{"c":2}}`)
	set(func() (Connection, error) {
		return m.MergeMetadata(t.Context(), "acme", "alice", json.RawMessage(`{"b":null}`))
	}, `{"a":1,"b":null}`)
	set(func() (Connection, error) { return m.SetMetadata(t.Context(), "acme", "alice", nil) }, ``)
	set(func() (Connection, error) {
		return m.MergeMetadata(t.Context(), "acme", "alice", json.RawMessage(`{"z":1}`))
	}, `{"z":1}`)
	for _, bad := range []string{`[]`, `"x"`, `{`, `1`, "{\"a\":\xff}x"} {
		if _, err := m.SetMetadata(t.Context(), "acme", "alice", json.RawMessage(bad)); !errors.Is(err, ErrInvalid) {
			t.Errorf("SetMetadata(%s) = %v", bad, err)
		}
		if _, err := m.MergeMetadata(t.Context(), "acme", "alice", json.RawMessage(bad)); !errors.Is(err, ErrInvalid) {
			t.Errorf("MergeMetadata(%s) = %v", bad, err)
		}
	}
	if _, err := m.SetMetadata(t.Context(), "acme", "bob", nil); !errors.Is(err, ErrNotFound) {
		t.Errorf("of nobody: %v", err)
	}
}

func TestUpdate(t *testing.T) {
	t.Parallel()
	w := connected(t, worldOptions{})
	conn, err := w.Connections.Update(t.Context(), "acme", "alice", func(c *Connection) error {
		c.Tags = map[string]string{"Team": "a"}
		c.EndUser = &EndUser{ID: "u", Tags: map[string]string{"K": "v"}}
		c.WebhookURL = "https://example.com"
		return nil
	})
	if err != nil || !cmp.Equal(conn.Tags, map[string]string{"team": "a"}) || conn.EndUser.Tags["K"] != "v" || conn.WebhookURL == "" {
		t.Fatalf("%+v, %v", conn, err)
	}
	for name, change := range map[string]func(*Connection){
		"id": func(c *Connection) { c.ID = "x" }, "integration": func(c *Connection) { c.Integration = "x" },
		"provider": func(c *Connection) { c.Provider = "x" }, "status": func(c *Connection) { c.Status = StatusPending },
		"captured": func(c *Connection) { c.Captured = map[string]string{"a": "b"} }, "row_id": func(c *Connection) { c.Number++ },
		"config.nope": func(c *Connection) { c.Config = map[string]string{"nope": "x"} },
	} {
		_, err := w.Connections.Update(t.Context(), "acme", "alice", func(c *Connection) error { change(c); return nil })
		var field *FieldError
		if !errors.As(err, &field) || field.Field != name {
			t.Errorf("%s: %v", name, err)
		}
	}
	after, err := w.Connections.Get(t.Context(), "acme", "alice")
	if diff := cmp.Diff(conn, after); err != nil || diff != "" {
		t.Errorf("refused updates changed it:\n%s%v", diff, err)
	}
}

func TestFilter(t *testing.T) {
	t.Parallel()
	w := keyWorld(t, worldOptions{})
	add := func(integration, id, env, user, org string) {
		t.Helper()
		in := w.goodInput(integration)
		in.Tags = map[string]string{"env": env, "all": "yes, a,b:c=d"}
		in.EndUser = &EndUser{ID: user, Organization: &Organization{ID: org}}
		if _, err := w.Connections.Create(t.Context(), integration, id, in); err != nil {
			t.Fatal(err)
		}
	}
	add("acme-key", "a", "prod", "u1", "o1")
	add("acme-key", "b", "dev", "u1", "o2")
	add("acme-basic", "a", "prod", "u2", "o1")
	for name, tt := range map[string]struct {
		filter Filter
		want   []string
	}{
		"all":                   {Filter{}, []string{"acme-basic/a", "acme-key/a", "acme-key/b"}},
		"integration":           {Filter{Integration: "acme-key"}, []string{"acme-key/a", "acme-key/b"}},
		"unknown integration":   {Filter{Integration: "nobody"}, nil},
		"provider":              {Filter{Provider: "acme-basic"}, []string{"acme-basic/a"}},
		"tag":                   {Filter{Tags: map[string]string{"ENV": "prod"}}, []string{"acme-basic/a", "acme-key/a"}},
		"two tags":              {Filter{Tags: map[string]string{"env": "dev", "all": "yes, a,b:c=d"}}, []string{"acme-key/b"}},
		"tag of another value":  {Filter{Tags: map[string]string{"env": "pro"}}, nil},
		"user":                  {Filter{EndUser: "u1"}, []string{"acme-key/a", "acme-key/b"}},
		"organization":          {Filter{Organization: "o1"}, []string{"acme-basic/a", "acme-key/a"}},
		"status":                {Filter{Status: StatusActive, Organization: "o2"}, []string{"acme-key/b"}},
		"another status":        {Filter{Status: StatusNeedsReauth}, nil},
		"everything at once":    {Filter{Integration: "acme-key", Provider: "acme-key", Tags: map[string]string{"env": "prod"}, EndUser: "u1", Organization: "o1", Status: StatusActive}, []string{"acme-key/a"}},
		"everything but one":    {Filter{Integration: "acme-key", EndUser: "u2"}, nil},
		"user that is a prefix": {Filter{EndUser: "u"}, nil},
	} {
		var got []string
		for conn, err := range w.Connections.All(t.Context(), tt.filter) {
			if err != nil {
				t.Fatal(err)
			}
			got = append(got, conn.Integration+"/"+conn.ID)
		}
		slices.Sort(got)
		if diff := cmp.Diff(tt.want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
		page, err := w.Connections.List(t.Context(), tt.filter, "", 0)
		if err != nil || page.Connections == nil || len(page.Connections) != len(tt.want) {
			t.Errorf("%s: List = %d, %v", name, len(page.Connections), err)
		}
	}
	for name, f := range map[string]Filter{
		"tag": {Tags: map[string]string{"1": "x"}}, "integration": {Integration: "a/b"},
		"user": {EndUser: "a\x00"}, "user not UTF-8": {EndUser: "\xff"}, "provider": {Provider: "\x00"}, "status": {Status: "\xff"},
	} {
		if _, err := w.Connections.List(t.Context(), f, "", 0); !errors.Is(err, ErrInvalid) {
			t.Errorf("odd %s: %v", name, err)
		}
	}
}
