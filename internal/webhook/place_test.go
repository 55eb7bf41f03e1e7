package webhook

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"net/http"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// naming is a delivery and what it names.
type naming struct {
	name, scheme, query, body string
	header                    map[string]string
	want                      Result
}

func namings() []naming {
	mail := sha256.Sum256([]byte("u@example.com"))
	return []naming{
		{
			name: "github", scheme: "github-app", body: `{"installation":{"id":12345678901234567890}}`,
			header: map[string]string{"X-GitHub-Delivery": "d1", "X-GitHub-Event": "push"},
			want:   Result{DeliveryID: "d1", EventType: "push", Matches: []Match{{InConfig, "installation_id", "12345678901234567890"}}},
		},
		{
			name: "shopify", scheme: "shopify", header: map[string]string{"X-Shopify-Shop-Domain": "acme.myshopify.com"},
			want: Result{Matches: []Match{{InConfig, "subdomain", "acme"}}},
		},
		{name: "another domain", scheme: "shopify", header: map[string]string{"X-Shopify-Shop-Domain": "acme.example.com"}},
		{name: "only the suffix", scheme: "shopify", header: map[string]string{"X-Shopify-Shop-Domain": ".myshopify.com"}},
		{
			name: "a batch", scheme: "hubspot", body: `[{"portalId":1,"subscriptionType":"a"},{"portalId":1},{"portalId":2},{"x":3}]`,
			want: Result{EventType: "a", Matches: []Match{{InConfig, "portalId", "1"}, {InConfig, "portalId", "2"}}},
		},
		{
			name: "slack form", scheme: "slack", body: "team_id=T1&command=%2Fx&trigger_id=9",
			header: map[string]string{"Content-Type": "application/x-www-form-urlencoded; charset=utf-8"},
			want:   Result{DeliveryID: "9", EventType: "/x", Matches: []Match{{InConfig, "team.id", "T1"}}},
		},
		{
			name: "slack interaction", scheme: "slack", body: "payload=" + `%7B%22type%22%3A%22b%22%2C%22team%22%3A%7B%22id%22%3A%22T2%22%7D%7D`,
			header: map[string]string{"Content-Type": "application/x-www-form-urlencoded"},
			want:   Result{EventType: "b", Matches: []Match{{InConfig, "team.id", "T2"}}},
		},
		{
			name: "gmail", scheme: "gmail", body: `{"message":{"messageId":"m1","data":"` + base64.URLEncoding.EncodeToString([]byte(`{"emailAddress":"u@example.com"}`)) + `"}}`,
			want: Result{DeliveryID: "m1", Matches: []Match{{InConfig, "emailAddressHash", hex.EncodeToString(mail[:])}}},
		},
		{
			name: "jira", scheme: "jira", body: `{"issue":{"self":"https://acme.atlassian.net/rest/api/2/issue/1"}}`,
			want: Result{Matches: []Match{{InConfig, "baseUrl", "https://acme.atlassian.net"}}},
		},
		{name: "jira without a URL", scheme: "jira", body: `{"issue":{"self":"acme.atlassian.net"}}`},
		{
			name: "outright", scheme: "pagerduty", query: "nangoConnectionId=c2", header: map[string]string{"X-Nango-Connection-Id": "c1"},
			want: Result{ConnectionID: "c1"},
		},
		{name: "in the query", scheme: "jira", query: "nangoConnectionId=c2", want: Result{ConnectionID: "c2"}},
		{name: "twice", scheme: "jira", query: "nangoConnectionId=c1&nangoConnectionId=c2"},
		{name: "bad query", scheme: "jira", query: "nangoConnectionId=c1&%zz"},
		{name: "controls", scheme: "jira", query: "nangoConnectionId=c1%00"},
		{name: "long", scheme: "jira", query: "nangoConnectionId=" + strings.Repeat("c", maxName+1)},
		{name: "not JSON", scheme: "hubspot", body: `[{"portalId":1}] []`},
		{name: "an object", scheme: "hubspot", body: `[{"portalId":{"a":1}}]`},
	}
}

func TestNames(t *testing.T) {
	t.Parallel()
	for _, tt := range namings() {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			d := Delivery{Method: http.MethodPost, URL: "https://h.example.com/?" + tt.query, Header: make(http.Header), Body: []byte(tt.body)}
			for name, value := range tt.header {
				d.Header.Set(name, value)
			}
			got, err := compile(t, tt.scheme, builtin(t)[tt.scheme]).Verify(t.Context(), d, Inputs{Now: testNow})
			if err != nil {
				t.Fatal(err)
			}
			tt.want.Reason = got.Reason
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

// TestNamesAreBounded sends more connections than a batch has.
func TestNamesAreBounded(t *testing.T) {
	t.Parallel()
	var b strings.Builder
	b.WriteString("[")
	for i := range 3 * maxFound {
		if i > 0 {
			b.WriteString(",")
		}
		b.WriteString(`{"portalId":` + strings.Repeat("1", 1+i%900) + `}`)
	}
	b.WriteString("]")
	d := Delivery{Method: http.MethodPost, URL: "https://h.example.com/", Body: []byte(b.String())}
	got, err := compile(t, "hubspot", builtin(t)["hubspot"]).Verify(t.Context(), d, Inputs{Now: testNow})
	if err != nil || len(got.Matches) > maxFound || len(got.Matches) == 0 {
		t.Errorf("got %d matches, %v", len(got.Matches), err)
	}
}

func TestWalk(t *testing.T) {
	t.Parallel()
	doc := decodeJSON([]byte(`{"a":[{"b":[1,2]},{"b":[3]}],"a.b":"flat","n":null}`))
	tests := []struct {
		path string
		want []string
		gaps bool
	}{
		{"a.0.b.1", []string{"2"}, false},
		{"a.*.b.*", []string{"1", "2", "3"}, false},
		{"a.*.c", nil, true},
		{"a.b", []string{"flat"}, false},
		{"*", nil, true},
		{"n", nil, true},
	}
	for _, tt := range tests {
		got := walk(doc, tt.path)
		if !cmp.Equal(got.values, tt.want) || got.gaps != tt.gaps {
			t.Errorf("%s: got %v %v, want %v %v", tt.path, got.values, got.gaps, tt.want, tt.gaps)
		}
	}
}
