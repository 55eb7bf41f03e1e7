package tieline

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"encoding/xml"
	"errors"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"
)

// triedOut is how a provider answers whoever tries a credential out: read says who
// that is, "user:word", from the request.
type triedOut struct {
	provider, url string
	config        map[string]string
	key           string // of an API_KEY provider
	read          func(r *http.Request, body string) string
	good          []told
	bad, odd      []told // refusals, and answers that are neither
}

func basicOf(r *http.Request, _ string) string {
	text, _ := base64.StdEncoding.DecodeString(strings.TrimPrefix(r.Header.Get("Authorization"), "Basic "))
	return string(text)
}

// signedBy looks at the scope only; that the signature is good is for the tests of
// the signer.
func signedBy(r *http.Request, _ string) string {
	auth := r.Header.Get("Authorization")
	scope := "/" + r.Header.Get("X-Amz-Date")[:8] + "/us-east-1/sts/aws4_request, SignedHeaders=host;x-amz-date, Signature="
	if r.Method != http.MethodGet || r.URL.RawQuery != "Action=GetCallerIdentity&Version=2011-06-15" || !strings.Contains(auth, scope) {
		return auth
	}
	return strings.TrimPrefix(auth[:strings.Index(auth, "/")], "AWS4-HMAC-SHA256 Credential=") + ":w0rd"
}

// soapUser is who asks PromoStandards.
func soapUser(r *http.Request, body string) string {
	var call struct {
		Body struct {
			Ask struct {
				ID       string `xml:"id"`
				Password string `xml:"password"`
			} `xml:"https://brandedpromoapparel.com/Schema/CustomerLookupService/ GetAccountsByEmailRequest"`
		} `xml:"http://schemas.xmlsoap.org/soap/envelope/ Body"`
	}
	if xml.Unmarshal([]byte(body), &call) != nil || r.Header.Get("Soapaction") != `"getAccountsByEmail"` || r.Header.Get("Content-Type") != "text/xml; charset=utf-8" {
		return body
	}
	return call.Body.Ask.ID + ":" + call.Body.Ask.Password
}

func keyIn(header, prefix string) func(*http.Request, string) string {
	return func(r *http.Request, _ string) string { return strings.TrimPrefix(r.Header.Get(header), prefix) }
}

// ok is an answer with status 200.
func ok(body string) []told { return []told{{body: body}} }

const (
	unauthorized = http.StatusUnauthorized
	snipeKey     = "eyJ0eXAi.eyJhdWQi.c2lnbmF0dXJl"
	apolloKey    = "eh_3LUIFtj04rG4KF_FoFw"
)

var triedOutCases = []triedOut{
	{provider: "apollo", url: "https://app.apollo.io/api/v1/auth/health", key: apolloKey, read: keyIn("X-Api-Key", ""),
		good: ok(`{"healthy":true,"is_logged_in":true}`), bad: []told{{body: `{"healthy":true,"is_logged_in":false}`}, {body: `{"healthy":true}`}, {status: unauthorized}}},
	{provider: "azure-devops", url: "https://dev.azure.com/acme/_apis/projects", config: map[string]string{"organizationUrl": "dev.azure.com/acme"}, read: basicOf,
		good: ok(`{"count":0,"value":[]}`), bad: []told{{status: 203, body: `<html>`}, {status: 202, body: `{}`}, {status: unauthorized}}, odd: []told{{status: 302, header: "Location: /signin"}}},
	{provider: "snipe-it", url: "https://acme.snipe-it.io/api/v1/users", config: map[string]string{"hostname": "acme.snipe-it.io"}, key: snipeKey, read: keyIn("Authorization", "Bearer "),
		good: ok(`{"total":0,"rows":[]}`), bad: []told{{body: `{"status":"error","messages":"Unauthorized."}`}, {status: unauthorized}}, odd: []told{{status: 302, header: "Location: /login"}}},
	{provider: "cdw", url: "https://apiconnect.cdw.com/b2b/v1/customers/orders", config: map[string]string{"baseUrl": "apiconnect.cdw.com/b2b"}, key: strings.Repeat("a1b2", 8),
		read: func(r *http.Request, body string) string {
			if body != `{"orderHeader":{},"orderLines":[]}` || r.Method != http.MethodPost {
				return body
			}
			return r.Header.Get("Subscription-Key")
		}, good: []told{{status: 400, body: `{"statusCode":"REJECTED"}`}}, bad: []told{{status: unauthorized}, {status: 403}, {body: `{}`}}, odd: []told{{status: 404}}},
	{provider: "vantage-apparel", url: "https://brandedpromoapparel.com/WebServices/CustomerLookupService.svc", read: soapUser,
		good: []told{{body: `<r><code>130</code><description>No Accounts found</description></r>`}, {body: `<r><account>1051</account></r>`}},
		bad:  []told{{body: `<r><code>105</code><description>Authentication failed</description></r>`}, {body: `<r xmlns:n="x"><n:code>105</n:code></r>`}}},
	{provider: "bitdefender", url: "https://api.example.com/api/v1.0/jsonrpc/general", config: map[string]string{"ACCESS_URL": "https://api.example.com/api"},
		read: func(r *http.Request, body string) string {
			var call struct{ JSONRPC, Method string }
			if json.Unmarshal([]byte(body), &call) != nil || call.JSONRPC != "2.0" || call.Method != "getApiKeyDetails" {
				return body
			}
			return basicOf(r, body)
		}, good: ok(`{"id":"1","jsonrpc":"2.0","result":{}}`), bad: []told{{status: unauthorized, body: `{}`}, {status: 403}}},
	{provider: "expensify", url: "https://integrations.expensify.com/Integration-Server/ExpensifyIntegrations", read: func(_ *http.Request, body string) string {
		form, _ := url.ParseQuery(body)
		var job struct {
			Type        string
			Credentials struct{ PartnerUserID, PartnerUserSecret string }
		}
		if json.Unmarshal([]byte(form.Get("requestJobDescription")), &job) != nil || job.Type != "get" {
			return body
		}
		return job.Credentials.PartnerUserID + ":" + job.Credentials.PartnerUserSecret
	}, good: ok(`{"policyList":[],"responseCode":200}`), bad: ok(`{"responseMessage":"Authentication error","responseCode":404}`)},
	{provider: "lastpass", url: "https://lastpass.com/enterpriseapi.php", read: func(_ *http.Request, body string) string {
		var call struct{ CID, ProvHash, Cmd string }
		if json.Unmarshal([]byte(body), &call) != nil || call.Cmd != "getuserdata" {
			return body
		}
		return call.CID + ":" + call.ProvHash
	}, good: ok(`{"Users":{}}`), bad: ok(`Authorization Error`)},
	{provider: "pushpay-chms-v1", url: "https://acme.ccbchurch.com/api.php", config: map[string]string{"subdomain": "acme"}, read: basicOf,
		good: ok(`<ccb_api><response><counter>1</counter></response></ccb_api>`), bad: ok(`<ccb_api><response><errors><error number="002"/></errors></response></ccb_api>`)},
	{provider: "skio", url: "https://graphql.skio.com/v1/graphql", key: "a1b2c3d4-e5f6-47a8-9b0c-d1234567890f", read: func(r *http.Request, body string) string {
		if !strings.Contains(body, "Orders") {
			return body
		}
		return strings.TrimPrefix(r.Header.Get("Authorization"), "API ")
	}, good: ok(`{"data":{"Orders":[]}}`), bad: []told{{body: `{"errors":[{"message":"no"}]}`}, {body: `{"data":null,"errors":[]}`}, {status: unauthorized}}},
	{provider: "aws-iam", url: "https://sts.amazonaws.com/", config: map[string]string{"region": "eu-central-1"}, read: signedBy, good: ok(`<x/>`), bad: []told{{status: 403, body: `<x/>`}}},
	{provider: "aws-inspector2", url: "https://sts.amazonaws.com/", config: map[string]string{"region": "eu-central-1"}, read: signedBy, good: ok(`<x/>`), bad: []told{{status: 403, body: `<x/>`}}},
}

// busy is what any provider may answer at any time.
var busy = []told{{status: 500}, {status: 503}, {status: 429}, {status: 403, header: "Retry-After: 60"}, {err: errDown}}

// A credential is tried out as the provider wants it, and what the provider says
// counts, whatever the status: when a connection is made, and later on.
func TestVerificationOfCodedProviders(t *testing.T) {
	t.Parallel()
	catalog, _ := LoadCatalog(CatalogFile{Name: "providers.yaml", Data: referenceFile(t)})
	for _, tt := range triedOutCases {
		t.Run(tt.provider, func(t *testing.T) {
			t.Parallel()
			for want, answers := range map[Verdict][]told{VerdictAccepted: tt.good, VerdictRefused: tt.bad, VerdictUnclear: slices.Concat(busy, tt.odd)} {
				for _, answer := range answers {
					tt.try(t, catalog, answer, want)
				}
			}
		})
	}
}

func (tt *triedOut) try(t *testing.T, catalog *Catalog, answer told, want Verdict) {
	t.Helper()
	who, cred := "us\"er:w0rd", Credential(&Basic{Username: NewSecret("us\"er"), Password: NewSecret("w0rd")})
	if tt.key != "" {
		who, cred = tt.key, &APIKey{Key: NewSecret(tt.key)}
	}
	w := &apiWorld{t: t}
	w.serve = func(r *http.Request, body string) told {
		u := *r.URL
		u.RawQuery = ""
		if u.String() != tt.url {
			t.Errorf("asked %s", r.URL)
		}
		if got := tt.read(r, body); got != who {
			t.Errorf("it is %q who asks, want %q", got, who)
		}
		return answer
	}
	w.connectTo(catalog, tt.provider, ConnectionInput{Credential: cred, Config: tt.config, SkipVerification: true}, nil)
	_, err := w.Connections.Create(t.Context(), "api", "bob", ConnectionInput{Credential: cred, Config: tt.config})
	if want == VerdictAccepted && err != nil || want != VerdictAccepted && !errors.Is(err, ErrVerification) {
		t.Errorf("Create, with %+v: %v", answer, err)
	}
	asked := len(w.urls())
	ctx, cancel := context.WithTimeout(t.Context(), time.Second) // no time to make sure of a refusal
	defer cancel()
	got, err := w.Connections.Verify(ctx, "api", "alice")
	if got != want || (err == nil) != (want == VerdictAccepted) {
		t.Errorf("Verify, with %+v: %s, %v; want %s", answer, got, err, want)
	}
	if asked != 1 || len(w.urls()) != 2 {
		t.Errorf("asked %d times", len(w.urls()))
	}
}
