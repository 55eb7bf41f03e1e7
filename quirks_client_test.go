package tieline

import (
	"crypto"
	"crypto/hmac"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"encoding/pem"
	"math/big"
	"regexp"
	"strings"
	"sync"
	"testing"
)

// TestQuirksOfClients is about how token requests are written and how the client
// says who it is.
func TestQuirksOfClients(t *testing.T) { runQuirks(t, clientQuirks()) }

func clientQuirks() []quirk {
	return append(bodyQuirks(), append(clientAuthQuirks(), signedQuirks()...)...)
}

func bodyQuirks() []quirk {
	bullhorn := map[string]string{"username": "ann", "password": "p&ss"}
	return []quirk{
		{name: "05-json-token-body", provider: "cal-com-oauth", answers: tokens("api.cal.com/v2/auth/oauth2/token"), steps: life},
		{
			name: "06-parameters-in-query", provider: "kno-commerce", public: true, cred: typedClient,
			answers: tokens("app-api.knocommerce.com/api/oauth2/token"), steps: "create call expire call",
		},
		{
			name: "06b-parameters-in-query-of-a-code", provider: "bullhorn", config: bullhorn,
			answers: bullhornAnswers(), steps: "authorize complete",
		},
		{
			name: "07-redirect-uri-in-query-json-body", provider: "figma", scopes: []string{"file_content:read", "current_user:read"},
			answers: map[string][]string{
				"api.figma.com/v1/oauth/token":   {`{"access_token":"access-$n","refresh_token":"refresh-$n","expires_in":3600}`},
				"api.figma.com/v1/oauth/refresh": {`{"access_token":"access-$n","refresh_token":"refresh-$n","expires_in":3600}`},
			},
			steps: life + " expire call",
		},
		{
			name: "07b-redirect-uri-in-query-and-json-body", provider: "facebook",
			answers: map[string][]string{"graph.facebook.com/v22.0/oauth/access_token": {`{"access_token":"access-$n","token_type":"bearer","expires_in":5184000}`}},
			steps:   "authorize complete call",
		},
		{
			name: "08-get-at-token-endpoint", provider: "leapsome", public: true, cred: typedIn(map[string]string{"secret": "s3 cret+1"}),
			answers: map[string][]string{"api.leapsome.com/v1/token": {`{"token":"access-$n","expiresIn":3600}`}}, steps: "create call expire call",
		},
		{
			name: "08b-get-exchange-leg", provider: "instagram", scopes: []string{"instagram_business_basic"},
			answers: map[string][]string{
				"api.instagram.com/oauth/access_token":     {`{"access_token":"access-$n","user_id":17}`},
				"graph.instagram.com/access_token":         {`{"access_token":"access-$n","token_type":"bearer","expires_in":5184000}`},
				"graph.instagram.com/refresh_access_token": {`{"access_token":"access-$n","token_type":"bearer","expires_in":5184000}`},
			},
			steps: "authorize complete call credential refresh call",
		},
		{
			name: "09-xml-token-call", provider: "sage-intacct", public: true, steps: "create credential",
			cred: typedIn(map[string]string{"senderId": "sender", "senderPassword": "a&b<c", "userId": "ann", "companyId": "acme", "userPassword": "pass"}),
			answers: map[string][]string{"api.intacct.com/ia/xml/xmlgw.phtml": {`<?xml version="1.0" encoding="UTF-8"?><response><control><status>success</status></control>` +
				`<operation><authentication><status>success</status><sessiontimeout>2000-01-01T02:00:00+00:00</sessiontimeout></authentication>` +
				`<result><status>success</status><data><api><sessionid>session-$n</sessionid></api></data></result></operation></response>`}},
		},
	}
}

func bullhornAnswers() map[string][]string {
	return map[string][]string{
		"auth-west.bullhornstaffing.com/oauth/token":         {`{"access_token":"access-$n","refresh_token":"refresh-$n","token_type":"Bearer","expires_in":600}`},
		"rest-west.bullhornstaffing.com/rest-services/login": {`{"BhRestToken":"session-$n","restUrl":"https://rest9.bullhornstaffing.com/rest-services/e999/"}`},
	}
}

func typedClient() Credential {
	return &ClientCredentials{ClientID: quirkClientID, ClientSecret: NewSecret(quirkSecret)}
}

func typedIn(values map[string]string) func() Credential {
	return func() Credential {
		secrets := map[string]Secret{}
		for name, v := range values {
			secrets[name] = NewSecret(v)
		}
		return &TwoStep{Values: secrets}
	}
}

func clientAuthQuirks() []quirk {
	return []quirk{
		{name: "10-client-secret-basic-encoded", provider: "airtable", answers: tokens("airtable.com/oauth2/v1/token"), steps: life},
		{name: "11-client-secret-basic-raw", provider: "canva", scopes: []string{"asset:read"}, answers: tokens("api.canva.com/rest/v1/oauth/token"), steps: life},
		{
			name: "12-secret-as-user-name", provider: "stripe-app",
			answers: map[string][]string{"api.stripe.com/v1/oauth/token": {`{"access_token":"access-$n","refresh_token":"refresh-$n","livemode":false,"token_type":"bearer","scope":"stripe_apps","stripe_user_id":"acct_1"}`}},
			steps:   "authorize complete call credential expire call",
		},
		{
			name: "13-public-client", provider: "heygen", steps: life,
			answers: map[string][]string{
				"api2.heygen.com/v1/oauth/token":         {`{"access_token":"access-$n","refresh_token":"refresh-$n","expires_in":3600}`},
				"api2.heygen.com/v1/oauth/refresh_token": {`{"access_token":"access-$n","refresh_token":"refresh-$n","expires_in":3600}`},
			},
		},
		{name: "13b-public-client-without-id", provider: "mercury", answers: tokens("oauth2.mercury.com/oauth2/token"), steps: life},
		{
			name: "13c-public-client-registered", provider: "attio-mcp", public: true, steps: life, rewrite: sortRegistration,
			answers: map[string][]string{
				"app.attio.com/oauth/register": {`201 {"client_id":"registered-1","redirect_uris":["` + quirkCallback + `"],"token_endpoint_auth_method":"none"}`},
				"app.attio.com/oidc/token":     {`{"access_token":"access-$n","refresh_token":"refresh-$n","expires_in":3600}`},
			},
		},
	}
}

// sortRegistration puts the members of a registration in order, which has no meaning.
func sortRegistration(t testing.TB, transcript string) string {
	return regexp.MustCompile(`(?m)^\{.*$`).ReplaceAllStringFunc(transcript, func(line string) string {
		var m map[string]any
		if err := json.Unmarshal([]byte(line), &m); err != nil {
			t.Error(err)
		}
		b, err := json.Marshal(m)
		if err != nil {
			t.Error(err)
		}
		return string(b)
	})
}

func signedQuirks() []quirk {
	return []quirk{
		{
			name: "14-private-key-jwt", provider: "okta-cc", public: true, config: map[string]string{"hostname": "acme.okta.com", "oauth_scopes": "okta.users.read,okta.groups.read"},
			cred: func() Credential {
				return &ClientCredentials{ClientID: quirkClientID, PrivateKey: NewSecret(quirkJWK())}
			},
			answers: tokens("acme.okta.com/oauth2/v1/token"), steps: "create call", rewrite: openJWT,
		},
		{
			name: "14b-assertion-of-a-sign-in", provider: "netsuite-client-credentials", public: true, config: map[string]string{"accountId": "123"},
			cred: func() Credential {
				return &TwoStep{
					Values:  map[string]Secret{"clientId": NewSecret(quirkClientID), "certificateId": NewSecret("cert-1")},
					Options: map[string]Secret{"privateKey": NewSecret(quirkPEM())},
				}
			},
			answers: map[string][]string{"123.suitetalk.api.netsuite.com/services/rest/auth/oauth2/v1/token": {`{"access_token":"access-$n","expires_in":"3600","token_type":"bearer"}`}},
			steps:   "create call", rewrite: openJWT,
		},
		{
			name: "14c-assertion-with-issuer-of-its-own", provider: "revolut-business", config: map[string]string{"authorizeHost": "business.revolut.com", "apiHost": "b2b.revolut.com"},
			app: func() AppCredential {
				return &OAuthApp{ClientID: quirkClientID, ClientSecret: NewSecret(strings.ReplaceAll(quirkPEM(), "\n", `\n`)), Scopes: []string{"READ"}}
			},
			answers: tokens("b2b.revolut.com/api/1.0/auth/token"), steps: "authorize complete call", rewrite: openJWT,
		},
		{
			name: "15-signed-token-request", provider: "shopline-oauth", config: map[string]string{"handle": "acme"}, state: "customField",
			values: map[string]string{"sign-code": quirkHMAC(`{"code":"code-1"}946684800000`), "sign-refresh": quirkHMAC("946720801000")},
			answers: map[string][]string{
				"acme.myshopline.com/admin/oauth/token/create":  {`{"code":200,"data":{"accessToken":"access-$n","expireTime":"2000-01-01T10:00:00.000+00:00","scope":"read_orders"}}`},
				"acme.myshopline.com/admin/oauth/token/refresh": {`{"code":200,"data":{"accessToken":"access-$n","expireTime":"2000-01-01T20:00:00.000+00:00","scope":"read_orders"}}`},
			},
			steps: "authorize complete call credential expire call",
		},
		{
			name: "16-part-of-the-secret-as-parameter", provider: "agiloft", config: map[string]string{"hostname": "acme.agiloft.com"},
			answers: tokens("acme.agiloft.com/ewws/otoken"), steps: life + " expire call",
		},
	}
}

func quirkHMAC(text string) string {
	mac := hmac.New(sha256.New, []byte(quirkSecret))
	mac.Write([]byte(text))
	return hex.EncodeToString(mac.Sum(nil))
}

// quirkKey is the key that assertions are signed with.
var quirkKey = sync.OnceValue(func() *rsa.PrivateKey {
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		panic(err)
	}
	return key
})

func quirkPEM() string {
	der, err := x509.MarshalPKCS8PrivateKey(quirkKey())
	if err != nil {
		panic(err)
	}
	return string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}))
}

// quirkJWK is the same key as RFC 7517 has it.
func quirkJWK() string {
	k := quirkKey()
	num := func(n *big.Int) string { return base64.RawURLEncoding.EncodeToString(n.Bytes()) }
	b, err := json.Marshal(map[string]string{
		"kty": "RSA", "kid": "key-1", "alg": "RS256", "use": "sig",
		"n": num(k.N), "e": num(big.NewInt(int64(k.E))), "d": num(k.D), "p": num(k.Primes[0]), "q": num(k.Primes[1]),
		"dp": num(k.Precomputed.Dp), "dq": num(k.Precomputed.Dq), "qi": num(k.Precomputed.Qinv),
	})
	if err != nil {
		panic(err)
	}
	return string(b)
}

var quirkAssertion = regexp.MustCompile(`client_assertion=([^&\s]+)(.*)`)

// openJWT verifies the assertions of a transcript, and puts what they say in their
// place.
func openJWT(t testing.TB, transcript string) string {
	return quirkAssertion.ReplaceAllStringFunc(transcript, func(m string) string {
		parts := quirkAssertion.FindStringSubmatch(m)
		seg := strings.Split(parts[1], ".")
		if len(seg) != 3 {
			return m
		}
		sig, err := base64.RawURLEncoding.DecodeString(seg[2])
		if err != nil {
			t.Errorf("the signature of an assertion: %v", err)
		}
		sum := sha256.Sum256([]byte(seg[0] + "." + seg[1]))
		if err := rsa.VerifyPKCS1v15(&quirkKey().PublicKey, crypto.SHA256, sum[:], sig); err != nil {
			t.Errorf("the signature of an assertion: %v", err)
		}
		return "client_assertion={{jwt}}" + parts[2] + "\n\njwt header " + openPart(t, seg[0]) + "\njwt claims " + openPart(t, seg[1])
	})
}

func openPart(t testing.TB, part string) string {
	b, err := base64.RawURLEncoding.DecodeString(part)
	if err != nil {
		t.Errorf("an assertion: %v", err)
	}
	var m map[string]any
	if err := json.Unmarshal(b, &m); err != nil {
		t.Errorf("an assertion: %v", err)
	}
	if id, ok := m["jti"].(string); ok && id != "" {
		m["jti"] = "*"
	}
	for name, v := range m {
		if f, ok := v.(float64); ok {
			m[name] = int64(f)
		}
	}
	b, err = json.Marshal(m)
	if err != nil {
		t.Error(err)
	}
	return string(b)
}
