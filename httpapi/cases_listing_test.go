package httpapi

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/tieline/tieline"
	"github.com/tieline/tieline/store"
	"github.com/tieline/tieline/storetest"
)

// ids are the connections of a listing, in their order.
func (a answer) ids() string {
	a.t.Helper()
	var body struct {
		Connections []struct {
			ID string `json:"connection_id"`
		}
	}
	if a.Code != 200 || json.Unmarshal(a.Body.Bytes(), &body) != nil || body.Connections == nil {
		a.t.Errorf("answered with %d %s", a.Code, a.Body)
	}
	ids := make([]string, len(body.Connections))
	for n, c := range body.Connections {
		ids[n] = c.ID
	}
	return strings.Join(ids, " ")
}

// listedWorld has two integrations. Each connection that add makes is a second
// younger than the one before.
func listedWorld(t *testing.T) (w *world, add func(integration, id string, in tieline.ConnectionInput)) {
	t.Helper()
	now := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	w = newWorld(t, func(cfg *tieline.Config, _ *Options) { cfg.Now = func() time.Time { return now } })
	w.integration("one", "algolia")
	w.integration("two", "algolia")
	return w, func(integration, id string, in tieline.ConnectionInput) {
		t.Helper()
		now = now.Add(time.Second)
		in.Credential = key("k")
		w.imported(integration, id, in)
	}
}

// listingCases are queries, and the connections that they select.
func listingCases() map[string]struct{ query, want string } {
	return map[string]struct{ query, want string }{
		"2.9.5":                     {"tags[department]=" + url.QueryEscape("sales, west"), "b"},
		"2.9.6":                     {"tags%5Bdepartment%5D=sales,%20west&tags[env]=prod", "b"},
		"2.9.7":                     {"tags[env]=prod&tags[ip]=2001:db8::1", "c"},
		"2.9.8":                     {"tags[none]=x", ""},
		"2.9.9":                     {"tags[env]=dev", ""},
		"2.9.11":                    {"tags[ip]=" + url.QueryEscape("2001:db8::1"), "c"},
		"2.9.12":                    {"search=b", "b"},
		"2.9.14":                    {"endUserId=nobody", ""},
		"2.9.15":                    {"endUserId=u1", "c"},
		"2.9.16":                    {"endUserOrganizationId=o1", "c"},
		"newest first":              {"", "c b a"},
		"search of an e-mail":       {"search=ALICE@", "c"},
		"tags in upper case":        {"tags[ENV]=prod", "c b"},
		"integrations":              {"integrationId=one,%20two,one,nothing", "c b a"},
		"one integration":           {"integrationId=two", "c"},
		"ID":                        {"connectionId=b", "b"},
		"ID and integration":        {"connectionId=b&integrationId=two", ""},
		"ID and tags":               {"connectionId=b&tags[env]=dev", ""},
		"ID and end user":           {"connectionId=c&endUserId=u1&endUserOrganizationId=o1", "c"},
		"ID and another user":       {"connectionId=c&endUserId=u2", ""},
		"ID and an organization":    {"connectionId=b&endUserOrganizationId=o1", ""},
		"ID and search":             {"connectionId=c&search=nothing", ""},
		"the part that Filters not": {"search=a&tags[env]=prod", "c"},
	}
}

func TestCasesListConnections(t *testing.T) {
	t.Parallel()
	w, add := listedWorld(t)
	list := func(query string) answer { return w.call("GET", "/connections?"+query, nil) }
	t.Run("2.9.1", func(t *testing.T) { w.protected("GET", "/connections", nil) })
	t.Run("2.9.2", func(t *testing.T) { list("").want(200, `{"connections":[]}`) })
	add("one", "a", tieline.ConnectionInput{})
	t.Run("2.9.3", func(t *testing.T) {
		for _, path := range []string{"/connections", "/connection"} {
			w.call("GET", path, nil).want(200, `{"connections":[{"connection_id":"a","created":"2026-01-01T00:00:01.000Z","end_user":null,"errors":[],"id":"*","metadata":null,
				"provider":"algolia","provider_config_key":"one","tags":{}}]}`)
		}
	})
	add("one", "b", tieline.ConnectionInput{Tags: map[string]string{"department": "sales, west", "env": "prod"}, Metadata: json.RawMessage(`{"x":1}`)})
	add("two", "c", tieline.ConnectionInput{Tags: map[string]string{"env": "prod", "ip": "2001:db8::1"}, EndUser: &tieline.EndUser{
		ID: "u1", Email: "Alice@example.com", Organization: &tieline.Organization{ID: "o1", DisplayName: "Org"}}})
	t.Run("2.9.4", func(t *testing.T) {
		if a := list("connectionId=b"); !strings.Contains(a.Body.String(), `"tags":{"department":"sales, west","env":"prod"}`) || !strings.Contains(a.Body.String(), `"metadata":{"x":1}`) {
			t.Errorf("answered with %s", a.Body)
		}
	})
	for name, c := range listingCases() {
		t.Run(name, func(t *testing.T) {
			w := *w
			w.t = t
			if got := w.call("GET", "/connections?"+c.query, nil).ids(); got != c.want {
				t.Errorf("there are %q, want %q", got, c.want)
			}
		})
	}
	t.Run("2.9.10", func(t *testing.T) {
		list("tags[123invalid]=x").want(400, errorBody("invalid_query_params", "invalid_key", "Invalid key in record", "tags", "123invalid"))
	})
	t.Run("2.9.13", func(t *testing.T) {
		got, _ := json.Marshal(list("endUserId=u1").at("connections").([]any)[0].(fields)["end_user"])
		if string(got) != `{"display_name":null,"email":"Alice@example.com","id":"u1","organization":{"display_name":"Org","id":"o1"},"tags":null}` {
			t.Errorf("the user is %s", got)
		}
	})
}

func TestCasesListingPages(t *testing.T) {
	t.Parallel()
	w, add := listedWorld(t)
	list := func(query string) answer { return w.call("GET", "/connections?"+query, nil) }
	for n, id := range []string{"a", "b", "c", "d", "e"} {
		add([]string{"one", "two"}[n%2], id, tieline.ConnectionInput{})
	}
	t.Run("2.9.17", func(t *testing.T) {
		for query, want := range map[string]string{"limit=3": "e d c", "limit=3&page=0": "e d c", "limit=3&page=1": "b a", "limit=3&page=2": "", "limit=1&page=4": "a", "limit=1": "e", "limit=1&page=1": "d", "limit=2000&page=100000": ""} {
			if got := list(query).ids(); got != want {
				t.Errorf("%s: there are %q, want %q", query, got, want)
			}
		}
	})
	t.Run("no right", func(t *testing.T) {
		w.call("GET", "/connections", nil, "Authorization", w.keyWith(ScopeConnectionsRead)).want(403,
			`{"error":{"code":"forbidden","message":"Insufficient scope. Required one of: environment:connections:list or environment:connections:list_credentials"}}`)
		w.call("GET", "/connections", nil, "Authorization", w.keyWith(ScopeConnectionsListCredentials)).ids()
	})
}

func TestListingQueries(t *testing.T) {
	t.Parallel()
	w, _ := listedWorld(t)
	list := func(query string) answer { return w.call("GET", "/connections?"+query, nil) }
	for query, c := range map[string][3]string{
		"limit=0":                   {"too_small", "Too small: expected number to be >=1", "limit"},
		"limit=2001":                {"too_big", "Too big: expected number to be <=2000", "limit"},
		"limit=x":                   {"invalid_type", "Invalid input: expected number, received NaN", "limit"},
		"page=-1":                   {"too_small", "Too small: expected number to be >=0", "page"},
		"page=99999999999999999999": {"too_big", "Too big: expected number to be <=100000", "page"},
		"search=":                   {"too_small", "Too small: expected string to have >=1 characters", "search"},
		"tags=x":                    {"invalid_type", "Invalid input: expected object, received string", "tags"},
		"integrationId=é":           {"custom", "must be ASCII letters, digits, spaces and ~ : . @ _ -", "integrationId"},
	} {
		list(query).want(400, errorBody("invalid_query_params", c[0], c[1], c[2]))
	}
	list("tags[a]="+strings.Repeat("%C3%A9", 200)).want(400, errorBody("invalid_query_params", "custom", "is longer than 255 bytes", "tags", "a"))
	list("foo=bar").want(400, errorBody("invalid_query_params", "unrecognized_keys", `Unrecognized key: "foo"`))
}

// A listing sorts what it looks at, so that has an end.
func TestListingBound(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.integration("one", "algolia")
	for n := range 5 {
		w.imported("one", fmt.Sprint(n), tieline.ConnectionInput{Credential: key("k")})
	}
	keys, err := New(w.client, Options{Keys: w.keys, PublicURL: testPublic})
	if err != nil {
		t.Fatal(err)
	}
	s := keys.(*server)
	r := httptest.NewRequestWithContext(t.Context(), "GET", "/connections", nil)
	if found, err := s.newest(r, listing{limit: 2}, 5); err != nil || len(found) != 2 {
		t.Errorf("%d are found: %v", len(found), err)
	}
	_, err = s.newest(r, listing{limit: 2}, 4)
	p, ok := err.(*problem) //nolint:errorlint // returned bare
	if !ok || p.status != http.StatusUnprocessableEntity || p.code != "too_many_rows" {
		t.Errorf("the error is %v", err)
	}
}

// A Store that fails in the middle is no short listing.
func TestListingOfFailingStore(t *testing.T) {
	t.Parallel()
	fails := false
	w := newWorld(t, func(cfg *tieline.Config, _ *Options) {
		cfg.Store = storetest.Faulty(cfg.Store, func(op string, key store.Key) error {
			if fails && op == "List" {
				return fmt.Errorf("secret detail")
			}
			return nil
		}, nil)
	})
	w.integration("one", "algolia")
	w.imported("one", "a", tieline.ConnectionInput{Credential: key("k")})
	fails = true
	for _, query := range []string{"", "?connectionId=a", "?integrationId=one"} {
		a := w.call("GET", "/connections"+query, nil)
		if a.Code != 500 || strings.Contains(a.Body.String(), "secret detail") {
			t.Errorf("answered with %d %s", a.Code, a.Body)
		}
	}
	fails = false
	if got := w.call("GET", "/connections?integrationId=one", nil).ids(); got != "a" {
		t.Errorf("there are %q", got)
	}
}

// A connection that cannot be read does not hide the others.
func TestListingOfDamage(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.integration("one", "algolia")
	w.imported("one", "a", tieline.ConnectionInput{Credential: key("k")})
	broken := w.imported("one", "b", tieline.ConnectionInput{Credential: key("k")})
	ctx := context.Background()
	row, err := w.store.Get(ctx, store.Key{Kind: "connection", ID: broken.RowID})
	if err != nil {
		t.Fatal(err)
	}
	row.Data = row.Data[:len(row.Data)/3]
	if _, err := w.store.Put(ctx, row); err != nil {
		t.Fatal(err)
	}
	if got := w.call("GET", "/connections", nil).ids(); got != "a" {
		t.Errorf("there are %q", got)
	}
	if !strings.Contains(w.log.String(), "connection cannot be read") {
		t.Error("the log does not say so")
	}
	if got := w.call("GET", "/connections?connectionId=b", nil).ids(); got != "" {
		t.Errorf("there are %q", got)
	}
}
