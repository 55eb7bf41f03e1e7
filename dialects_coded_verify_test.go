package tieline

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/tieline/tieline/store"
)

// triedOut is how a provider answers whoever tries a credential out: read says who
// that is, "user:word", from the request.
type triedOut struct {
	provider, url string
	config        map[string]string
	key           string // of an API_KEY provider
	read          func(r *http.Request, body string) string
	good, bad     string
	badStatus     int
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

var triedOutCases = []triedOut{
	{provider: "bitdefender", url: "https://api.example.com/api/v1.0/jsonrpc/general", config: map[string]string{"ACCESS_URL": "https://api.example.com/api"},
		read: func(r *http.Request, body string) string {
			var call struct{ JSONRPC, Method string }
			if json.Unmarshal([]byte(body), &call) != nil || call.JSONRPC != "2.0" || call.Method != "getApiKeyDetails" {
				return body
			}
			return basicOf(r, body)
		}, good: `{"id":"1","jsonrpc":"2.0","result":{}}`, bad: `{}`, badStatus: 401},
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
	}, good: `{"policyList":[],"responseCode":200}`, bad: `{"responseMessage":"Authentication error","responseCode":404}`, badStatus: 200},
	{provider: "lastpass", url: "https://lastpass.com/enterpriseapi.php", read: func(_ *http.Request, body string) string {
		var call struct{ CID, ProvHash, Cmd string }
		if json.Unmarshal([]byte(body), &call) != nil || call.Cmd != "getuserdata" {
			return body
		}
		return call.CID + ":" + call.ProvHash
	}, good: `{"Users":{}}`, bad: `Authorization Error`, badStatus: 200},
	{provider: "pushpay-chms-v1", url: "https://acme.ccbchurch.com/api.php", config: map[string]string{"subdomain": "acme"}, read: basicOf,
		good: `<ccb_api><response><counter>1</counter></response></ccb_api>`, bad: `<ccb_api><response><errors><error number="002"/></errors></response></ccb_api>`, badStatus: 200},
	{provider: "skio", url: "https://graphql.skio.com/v1/graphql", key: "a1b2c3d4-e5f6-47a8-9b0c-d1234567890f", read: func(r *http.Request, body string) string {
		if !strings.Contains(body, "Orders") {
			return body
		}
		return strings.TrimPrefix(r.Header.Get("Authorization"), "API ")
	}, good: `{"data":{"Orders":[]}}`, bad: `{"errors":[{"message":"no"}]}`, badStatus: 200},
	{provider: "aws-iam", url: "https://sts.amazonaws.com/", config: map[string]string{"region": "eu-central-1"}, read: signedBy, good: `<x/>`, bad: `<x/>`, badStatus: 403},
	{provider: "aws-inspector2", url: "https://sts.amazonaws.com/", config: map[string]string{"region": "eu-central-1"}, read: signedBy, good: `<x/>`, bad: `<x/>`, badStatus: 403},
}

// A credential is tried out as the provider wants it, and what the provider says
// counts, whatever the status.
func TestVerificationOfCodedProviders(t *testing.T) {
	t.Parallel()
	data := referenceFile(t)
	for _, tt := range triedOutCases {
		for _, good := range []bool{true, false} {
			name := tt.provider + map[bool]string{true: " good", false: " bad"}[good]
			t.Run(name, func(t *testing.T) {
				t.Parallel()
				catalog, _ := LoadCatalog(CatalogFile{Name: "providers.yaml", Data: data})
				c, err := New(Config{Store: &store.Memory{}, Keys: testKeys(t), Providers: catalog, CallbackURL: testCallback})
				if err != nil {
					t.Fatal(err)
				}
				t.Cleanup(func() { _ = c.Close(t.Context()) })
				want, asked := "us\"er:w0rd", 0
				cred := Credential(&Basic{Username: NewSecret("us\"er"), Password: NewSecret("w0rd")})
				if tt.key != "" {
					want, cred = tt.key, &APIKey{Key: NewSecret(tt.key)}
				}
				c.core.apiHTTP = answering(func(r *http.Request, body string) *http.Response {
					u := *r.URL
					u.RawQuery = ""
					if asked++; u.String() != tt.url {
						t.Errorf("asked %s", r.URL)
					}
					if got := tt.read(r, body); got != want {
						t.Errorf("it is %q who asks, want %q", got, want)
					}
					if good {
						return jsonResponse(r, 200, tt.good)
					}
					return jsonResponse(r, tt.badStatus, tt.bad)
				})
				if _, err := c.Integrations.Create(t.Context(), Integration{Key: "k", Provider: tt.provider}); err != nil {
					t.Fatal(err)
				}
				_, err = c.Connections.Create(t.Context(), "k", "alice", ConnectionInput{Credential: cred, Config: tt.config})
				if good && err != nil || !good && !errors.Is(err, ErrVerification) {
					t.Errorf("Create = %v", err)
				}
				if asked != 1 {
					t.Errorf("asked %d times", asked)
				}
			})
		}
	}
}
