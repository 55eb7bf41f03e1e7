package tieline

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"net/http"
	"time"

	"github.com/tieline/tieline/providertest"
)

const (
	loginNewline = `{"data":{"token":"token-with\na-line","ttl":3600,"refresh":"r"}}`
	oauthNewline = `{"access_token":"token-with\na-line","token_type":"bearer","expires_in":3600}`
)

// modeEntries are one entry of every way to connect that can fail on the way.
func modeEntries() []modeEntry {
	return append(append(oauthEntries(), loginEntries()...), signedEntries()...)
}

func oauthEntries() []modeEntry {
	return []modeEntry{
		{name: "oauth1", mode: ModeOAuth1, ask: []string{"request-token", "token"}, newline: "oauth_token=a%0Ab&oauth_token_secret=secret", yaml: `
  request_url: https://vendor.test/request
  authorization_url: https://vendor.test/authorize
  token_url: https://vendor.test/access
  proxy: {base_url: https://api.vendor.test}
`},
		{name: "oauth2-par", mode: ModeOAuth2, ask: []string{"par", "token"}, renew: "refresh", newline: oauthNewline, yaml: `
  authorization_url: https://vendor.test/authorize
  token_url: https://vendor.test/token
  pushed_authorization_url: https://vendor.test/par
  client_auth: private_key_jwt
  revocation: {url: https://vendor.test/revoke}
  proxy: {base_url: https://api.vendor.test}
`, plays: revocable},
		{name: "outbound", mode: ModeOAuth2, ask: []string{"token"}, renew: "refresh", newline: oauthNewline, yaml: `
  installation: outbound
  token_url: https://vendor.test/installations/${connectionConfig.installation.uuid}/token
  authorization_code_param_in_webhook: data.installation.code
  webhook_response_metadata: [installation.uuid]
  proxy: {base_url: https://api.vendor.test}
  connection_config: {installation.uuid: {type: string, title: U, automated: true}}
`},
		{name: "cc-jwt", mode: ModeOAuth2CC, ask: []string{"token"}, renew: "token", newline: oauthNewline, yaml: `
  token_url: https://vendor.test/token
  token_request_auth_method: private_key_jwt
  proxy: {base_url: https://api.vendor.test}
  credentials: {client_id: {type: string, title: C}, client_private_key: {type: string, title: K, secret: true}}
`},
		{name: "cc-cert", mode: ModeOAuth2CC, ask: []string{"token"}, renew: "token", newline: oauthNewline, yaml: `
  token_url: https://vendor.test/token
  require_client_certificate: true
  proxy: {base_url: https://api.vendor.test}
  credentials:
    client_id: {type: string, title: C}
    client_secret: {type: string, title: S, secret: true}
    client_certificate: {type: string, title: X}
    client_private_key: {type: string, title: K, secret: true}
`, in: func(in *providertest.Inputs) {
			in.Credentials["client_certificate"], in.Credentials["client_private_key"] = certificatePair()
		}},
		{name: "mcp-dynamic", mode: ModeMCPOAuth2, ask: []string{"token"}, renew: "refresh", newline: oauthNewline, yaml: `
  authorization_url: https://vendor.test/authorize
  token_url: https://vendor.test/token
  registration_url: https://vendor.test/register
  client_registration: dynamic
  proxy: {base_url: https://mcp.vendor.test}
`},
		{name: "mcp-generic", mode: ModeMCPOAuth2Generic, ask: []string{"discovery", "registration", "token"}, renew: "refresh", newline: oauthNewline, yaml: `
  proxy: {base_url: "${connectionConfig.mcp_server_url}"}
  connection_config: {mcp_server_url: {type: string, title: U, pattern: '^https://[a-zA-Z0-9.-]+(?:\:[0-9]+)?(?:/.*)?$'}}
`},
	}
}

func loginEntries() []modeEntry {
	const fields = `
  credentials: {username: {type: string, title: U}, password: {type: string, title: P, secret: true}}
  proxy: {base_url: https://api.vendor.test}
`
	const answer = `
  token_response: {token: data.token, token_expiration: data.ttl, token_expiration_strategy: expireIn}
`
	params := "  token_params: {user: \"${credentials.username}\", pass: \"${credentials.password}\"}\n"
	const key = `
  token_response: {token: access_token, token_expiration: expires_in, token_expiration_strategy: expireIn}
  proxy: {base_url: https://api.vendor.test}
`
	return []modeEntry{
		{name: "login-json", mode: ModeTwoStep, ask: []string{"token"}, renew: "refresh", newline: loginNewline, yaml: `
  token_url: https://vendor.test/login
  token_params: {user: {name: "${credentials.username}", pass: "${credentials.password}"}}
  refresh_url: https://vendor.test/again
  refresh_token_params: {token: "${refresh_token}"}
  token_response: {token: data.token, token_expiration: data.ttl, token_expiration_strategy: expireIn, refresh_token: data.refresh}
` + fields},
		{name: "login-form", mode: ModeTwoStep, ask: []string{"token"}, renew: "token", newline: loginNewline, yaml: "  token_url: https://vendor.test/login\n  body_format: form\n" + params + answer + fields},
		{name: "login-xml", mode: ModeTwoStep, ask: []string{"token"}, renew: "token", newline: "<data><token>token-with\na-line</token></data>", yaml: `
  token_url: https://vendor.test/login
  body_format: xml
  token_params: {login: {user: "${credentials.username}", pass: "${credentials.password}"}}
` + answer + fields},
		{name: "login-get", mode: ModeTwoStep, ask: []string{"token"}, renew: "token", newline: loginNewline, yaml: `
  token_url: https://vendor.test/login
  token_request_method: GET
  token_headers: {x-user: "${credentials.username}", authorization: "Basic ${base64(${credentials.username}:${credentials.password})}"}
` + answer + fields},
		{name: "login-steps", mode: ModeTwoStep, ask: []string{"token", "step2", "step3"}, renew: "token", newline: loginNewline, yaml: `
  token_url: https://vendor.test/login
` + params + `
  additional_steps:
    - {token_url: "${step1.next}/pick", token_request_method: GET, token_headers: {authorization: "Bearer ${step1.ticket}"}}
    - {token_url: "https://vendor.test/last", token_params: {account: "${step2.account}", ticket: "${step1.ticket}"}}
` + answer + fields},
		{name: "login-assertion", mode: ModeTwoStep, ask: []string{"token"}, renew: "token", newline: oauthNewline, yaml: `
  token_url: https://vendor.test/login
  body_format: form
  assertion: {type: jwt, key: "${assertionOption.privateKey}", header: {alg: RS256}, payload: {sub: "${credentials.username}"}}
  token_params: {assertion: "${credentials.assertion}", pass: "${credentials.password}"}
  credentials: {username: {type: string, title: U}, password: {type: string, title: P, secret: true}, assertion: {type: string, title: A, automated: true}}
  assertion_option: {privateKey: {type: string, title: K, secret: true}}
` + key},
		{name: "login-saml", mode: ModeTwoStep, ask: []string{"token"}, renew: "token", newline: oauthNewline, yaml: `
  token_url: https://vendor.test/login
  body_format: form
  assertion: {type: saml, key: "${assertionOption.privateKey}", issuer: me, audiences: them, recipient: "https://vendor.test/login", nameIdentifier: "${credentials.username}", sessionIndex: "${random}"}
  token_params: {assertion: "${credentials.assertion}", pass: "${credentials.password}"}
  credentials: {username: {type: string, title: U}, password: {type: string, title: P, secret: true}, assertion: {type: string, title: A, automated: true}}
  assertion_option: {privateKey: {type: string, title: K, secret: true}}
` + key},
		{name: "login-jwt", mode: ModeTwoStep, ask: []string{"token"}, renew: "token", newline: oauthNewline, yaml: `
  token_url: https://vendor.test/login
  body_format: form
  signature: {protocol: RSA}
  token: {signing_key: "${credentials.privateKey}", expires_in_ms: 600000, header: {alg: RS256, typ: JWT}, payload: {iss: "${credentials.username}"}}
  token_params: {assertion: "${token}"}
  credentials: {username: {type: string, title: U}, privateKey: {type: string, title: P, secret: true}}
` + key},
	}
}

func signedEntries() []modeEntry {
	const app = `
  authorization_url: ${connectionConfig.appPublicLink}/installations/new
  connection_config:
    appPublicLink: {type: string, title: L, format: uri, automated: true}
    installation_id: {type: string, title: I, automated: true}
  proxy: {base_url: https://api.vendor.test}
`
	const aws = `
  proxy: {base_url: "https://${connectionConfig.service}.${connectionConfig.region}.amazonaws.com"}
  credentials: {role_arn: {type: string, title: R}}
  connection_config:
    region: {type: string, title: R, optional: true}
    service: {type: string, title: S, automated: true}
  integration_config:
    service: {type: string, title: S, pattern: '^[a-z0-9-]+$'}
    stsMode: {type: string, title: M, enum: [builtin, custom], default_value: builtin, optional: true}
    awsAccessKeyId: {type: string, title: A, secret: true, optional: true}
    awsSecretAccessKey: {type: string, title: B, secret: true, optional: true}
    stsEndpointUrl: {type: string, title: U, format: uri, optional: true}
    stsAuthType: {type: string, title: T, enum: [none, api_key, basic], optional: true}
    stsAuthHeader: {type: string, title: H, optional: true}
    stsApiKey: {type: string, title: K, secret: true, optional: true}
    stsAuthUsername: {type: string, title: N, optional: true}
    stsAuthPassword: {type: string, title: P, secret: true, optional: true}
`
	const keys = `{"AccessKeyId":"ASIA\nX","SecretAccessKey":"s","SessionToken":"t\nu"}`
	return []modeEntry{
		{name: "jwt", mode: ModeJWT, ask: []string{"verify"}, yaml: `
  signature: {protocol: HMAC, hmac_secret_encoding: utf8}
  token: {signing_key: "${credentials.secretKey}", expires_in_ms: 300000, header: {alg: HS256, typ: JWT}, payload: {iss: "${credentials.username}"}}
  credentials: {username: {type: string, title: U}, secretKey: {type: string, title: P, secret: true}}
  proxy: {base_url: https://api.vendor.test, verification: {method: GET, endpoints: [/me]}}
`},
		{name: "signature", mode: ModeSignature, ask: []string{"verify"}, yaml: `
  signature: {protocol: WSSE}
  token: {expires_in_ms: 300000}
  credentials: {username: {type: string, title: U}, password: {type: string, title: P, secret: true}}
  proxy: {base_url: https://api.vendor.test, headers: {x-wsse: "${accessToken}"}, verification: {method: GET, endpoints: [/me]}}
`},
		{name: "tba", mode: ModeTBA, ask: []string{"verify"}, yaml: `
  connection_config: {accountId: {type: string, title: A, pattern: '^[a-zA-Z0-9_-]+$'}}
  proxy: {base_url: "https://${connectionConfig.accountId}.vendor.test", verification: {method: GET, endpoints: [/me]}}
`},
		{name: "bill", mode: ModeBill, ask: []string{"token"}, renew: "token", newline: `{"sessionId":"a\nb","userId":"u"}`, yaml: `
  token_url: https://vendor.test/login
  proxy: {base_url: https://api.vendor.test}
`},
		{name: "app", mode: ModeApp, ask: []string{"token"}, renew: "token", newline: `{"token":"a\nb","expires_at":"2100-01-01T00:00:00Z"}`,
			yaml: app + "  token_url: \"https://vendor.test/installations/${connectionConfig.installation_id}/access_tokens\"\n"},
		{name: "custom", mode: ModeCustom, ask: []string{"token", "app-token"}, renew: "app-token", newline: `{"token":"a\nb","expires_at":"2100-01-01T00:00:00Z"}`,
			yaml: app + `
  token_url: {OAUTH2: "https://vendor.test/user-token", APP: "https://vendor.test/installations/${connectionConfig.installation_id}/access_tokens"}
  revocation: {url: https://vendor.test/revoke}
`, plays: revocable},
		{name: "plugin", mode: ModeInstallPlugin, ask: []string{"verify"}, yaml: `
  auth_type: BASIC
  redirect_uri_metadata: [website_id]
  proxy: {base_url: https://api.vendor.test, verification: {method: GET, endpoints: [/me]}}
`},
		{name: "aws", mode: ModeAWSSigV4, ask: []string{"sts"}, renew: "sts", newline: keys, yaml: aws, in: func(in *providertest.Inputs) {
			in.IntegrationConfig = map[string]string{"service": "execute-api", "awsAccessKeyId": "AKIDEXAMPLEABCDE", "awsSecretAccessKey": "wJalrXUtnFEMI/K7MDENG"}
			in.Config["region"], in.Credentials["region"] = "eu-west-1", "eu-west-1"
		}},
		{name: "aws-custom", mode: ModeAWSSigV4, ask: []string{"sts"}, renew: "sts", newline: keys, yaml: aws, in: func(in *providertest.Inputs) {
			in.IntegrationConfig = map[string]string{
				"service": "execute-api", "stsMode": "custom", "stsEndpointUrl": "https://keys.vendor.test/assume",
				"stsAuthType": "api_key", "stsAuthHeader": "x-keys", "stsApiKey": "canary-sts-key",
			}
			in.Config["region"], in.Credentials["region"] = "eu-west-1", "eu-west-1"
		}},
	}
}

// revocable plays RFC 7009.
func revocable(w *modeWorld) {
	w.provider.Override.Other = func(r *http.Request, _ []byte) (int, any) {
		if r.URL.Path == "/revoke" {
			return http.StatusOK, nil
		}
		return 0, nil
	}
}

// certificatePair is a client certificate and its key, in PEM.
func certificatePair() (cert, key string) {
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		panic(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "client"}, NotAfter: time.Now().Add(time.Hour)}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &private.PublicKey, private)
	if err != nil {
		panic(err)
	}
	keyDER, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		panic(err)
	}
	encode := func(kind string, der []byte) string {
		return string(pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}))
	}
	return encode("CERTIFICATE", der), encode("PRIVATE KEY", keyDER)
}
