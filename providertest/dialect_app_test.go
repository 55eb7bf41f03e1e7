package providertest

import (
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"testing"
)

const state16 = "state-0123456789abcdef"

// appToken asks for a token of the installation.
func appToken(w *wire, role, id string, claims map[string]any) wired {
	in := w.d.Inputs()
	p := lifetime(600, map[string]any{"iss": in.AppID})
	for k, v := range claims {
		p[k] = v
	}
	jwt := signJWT(w.t, "RS256", privateKey(w.t, in.PrivateKeyPEM), map[string]any{"typ": "JWT"}, p)
	return w.do(role, msg{url: "https://api.vendor.test/app/installations/" + id + "/access_tokens", raw: "{}", header: http.Header{
		"Authorization": {"Bearer " + jwt}, "Accept": {"application/vnd.github.v3+json"},
	}})
}

const appEntry = `
auth_mode: APP
authorization_url: ${connectionConfig.appPublicLink}/installations/new
token_url: https://api.vendor.test/app/installations/${connectionConfig.installation_id}/access_tokens
proxy: {base_url: https://api.vendor.test}
connection_config: {appPublicLink: {automated: true}, installation_id: {automated: true}}
`

func TestDialectApp(t *testing.T) {
	t.Parallel()
	with := func(claims map[string]any) func(*msg) {
		return func(m *msg) {
			in := newTestDialect(t, "app", appEntry).Inputs()
			p := lifetime(600, map[string]any{"iss": in.AppID})
			for k, v := range claims {
				p[k] = v
			}
			m.header.Set("Authorization", "Bearer "+signJWT(t, "RS256", privateKey(t, in.PrivateKeyPEM), nil, p))
		}
	}
	scripted(t, "app", appEntry, func(w *wire) {
		in := w.d.Inputs()
		if len(in.Config) > 0 {
			w.t.Errorf("the user is asked for %v", in.Config)
		}
		back, ok := w.visit(msg{url: in.AppLink + "/installations/new", form: url.Values{"state": {state16}}})
		if !ok {
			return
		}
		r := appToken(w, "token", back.Get("installation_id"), nil)
		w.do("api", msg{url: "https://api.vendor.test/repos", header: bearer(r.str("token"))})
	}, []edit{
		{"page", "authorize", to("https://github.com/apps/other/installations/new"), "the page is"},
		{"no state", "authorize", del("state"), "state is missing"},
		{"client id", "authorize", set("client_id", "x"), "client_id is not asked for"},
		{"issuer", "token", with(map[string]any{"iss": "1"}), "payload.iss is"},
		{"long life", "token", with(map[string]any{"exp": testClock.Unix() + 3600}), "lives for"},
		{"past ten minutes", "token", with(map[string]any{"exp": testClock.Unix() + 650}), "more than ten minutes"},
		{"no Bearer", "token", func(m *msg) {
			m.header.Set("Authorization", strings.TrimPrefix(m.header.Get("Authorization"), "Bearer "))
		}, "want a Bearer token"},
		{"accept", "token", hset("Accept", "application/json"), "accept is"},
		{"method", "token", by("PUT"), "the method is PUT"},
		{"body", "token", func(m *msg) { m.raw = `{"a":1}` }, "the body is"},
		{"signature", "token", flip("Authorization"), "signature is wrong"},
		{"installation", "token", func(m *msg) { m.url = strings.Replace(m.url, "38631545", "1", 1) }, "authorization"},
		{"no token", "api", hdel("Authorization"), "authorization is missing"},
	})
}

func TestDialectCustom(t *testing.T) {
	t.Parallel()
	scripted(t, "custom", `
auth_mode: CUSTOM
authorization_url: ${connectionConfig.appPublicLink}/installations/new
token_url: {OAUTH2: https://vendor.test/token, APP: "https://api.vendor.test/app/installations/${connectionConfig.installation_id}/access_tokens"}
proxy: {base_url: https://api.vendor.test}
`, func(w *wire) {
		in := w.d.Inputs()
		back, ok := w.visit(msg{url: in.AppLink + "/installations/new", form: url.Values{"state": {state16}}})
		if !ok {
			return
		}
		user := w.do("token", msg{url: "https://vendor.test/token", form: url.Values{
			"grant_type": {"authorization_code"}, "code": {back.Get("code")}, "client_id": {in.ClientID}, "client_secret": {in.ClientSecret},
		}})
		app := appToken(w, "app-token", back.Get("installation_id"), nil)
		w.do("api", msg{url: "https://api.vendor.test/user", header: bearer(user.str("access_token"))})
		w.do("api", msg{url: "https://api.vendor.test/repos", header: bearer(app.str("token"))})
		w.do("refresh", msg{url: "https://vendor.test/token", form: url.Values{
			"grant_type": {"refresh_token"}, "refresh_token": {user.str("refresh_token")}, "client_id": {in.ClientID}, "client_secret": {in.ClientSecret},
		}})
	}, []edit{
		{"code", "token", set("code", "x"), "never given"},
		{"secret", "token", del("client_secret"), "client_secret is missing"},
		{"accept", "app-token", hdel("Accept"), "accept is"},
		{"refresh token", "refresh", set("refresh_token", "x"), "never issued"},
		{"token", "api", hset("Authorization", "Bearer x"), "authorization is"},
	})
}

func TestDialectPlugin(t *testing.T) {
	t.Parallel()
	scripted(t, "plugin", `
auth_mode: INSTALL_PLUGIN
redirect_uri_metadata: [website_id]
proxy: {base_url: https://api.vendor.test, headers: {x-tier: plugin}, verification: {endpoints: [/me]}}
`, func(w *wire) {
		in := w.d.Inputs()
		back, ok := w.visit(msg{url: in.AppLink, form: url.Values{"payload": {state16}}})
		if !ok {
			return
		}
		if w.edit == nil && (back.Get("payload") != state16 || back.Get("website_id") == "") {
			w.t.Errorf("the callback is %v", back)
		}
		head := http.Header{"X-Tier": {"plugin"}, "Authorization": {basicHeader(in.IntegrationConfig["username"], in.IntegrationConfig["password"])}}
		w.do("verify", msg{url: "https://api.vendor.test/me", header: head})
	}, []edit{
		{"state", "authorize", rename("payload", "state"), "state is not asked for"},
		{"short state", "authorize", set("payload", "1"), "can be guessed"},
		{"page", "authorize", to("https://marketplace.example.com/install"), "the page is"},
		{"password", "verify", hset("Authorization", basicHeader("a", "b")), "authorization is"},
		{"tier", "verify", hdel("X-Tier"), "x-tier is missing"},
	})
}

func TestDialectBill(t *testing.T) {
	t.Parallel()
	scripted(t, "bill", "auth_mode: BILL\ntoken_url: https://vendor.test/v3/login\nproxy: {base_url: 'https://vendor.test'}", func(w *wire) {
		in := w.d.Inputs()
		r := w.do("token", msg{url: "https://vendor.test/v3/login", json: map[string]any{
			"username": in.Credentials["username"], "password": in.Credentials["password"],
			"organizationId": in.Credentials["organization_id"], "devKey": in.Credentials["dev_key"],
		}})
		w.do("api", msg{url: "https://vendor.test/v3/bills", header: http.Header{"Sessionid": {r.str("sessionId")}, "Devkey": {in.Credentials["dev_key"]}}})
	}, []edit{
		{"name", "token", func(m *msg) { m.json["organization_id"] = m.json["organizationId"]; delete(m.json, "organizationId") }, "organizationId is missing"},
		{"value", "token", func(m *msg) { m.json["devKey"] = "x" }, "devKey is"},
		{"form", "token", func(m *msg) { m.raw = "a=b" }, "no JSON object"},
		{"PUT", "token", by("PUT"), "want POST"},
		{"header at the login", "token", hset("Authorization", "x"), "nothing asks for one"},
		{"session", "api", hset("Sessionid", "x"), "never issued"},
		{"key", "api", hset("Devkey", "x"), "devKey is"},
		{"header", "api", hset("Authorization", "x"), "nothing asks for one"},
	})
}

const awsEntry = `
auth_mode: AWS_SIGV4
proxy: {base_url: "https://${connectionConfig.service}.${connectionConfig.region}.amazonaws.com"}
credentials: {role_arn: {type: string, example: "arn:aws:iam::123456789012:role/R"}}
connection_config: {region: {type: string, example: eu-west-1, optional: true}, service: {automated: true}}
integration_config: {service: {pattern: '^[a-z0-9-]+$', example: s3}, defaultRegion: {example: us-east-1}, stsMode: {enum: [builtin, custom], default_value: builtin},
  stsEndpointUrl: {format: uri, pattern: '^https://', example: 'https://sts.example.com/assume'}, stsAuthType: {enum: [none, api_key, basic], default_value: none},
  stsAuthHeader: {default_value: x-api-key}, stsApiKey: {type: string}, stsAuthUsername: {type: string}, stsAuthPassword: {type: string}}
`

var accessKeyForm = regexp.MustCompile(`<(AccessKeyId|SecretAccessKey|SessionToken)>([^<]*)<`)

// awsAPI calls S3 with temporary keys, before and after they expire.
func awsAPI(w *wire, k awsKey) {
	m := msg{method: "GET", url: "https://s3.eu-west-1.amazonaws.com/bucket/a%20b?list-type=2"}
	signAWS(&m, k, testClock, true)
	if r := w.do("api", m); w.edit == nil && r.status != 200 {
		w.t.Errorf("the API answers %d", r.status)
	}
	w.d.Expire()
	m = msg{method: "GET", url: "https://s3.eu-west-1.amazonaws.com/"}
	signAWS(&m, k, testClock, true)
	if r := w.do("expired", m); w.edit == nil && r.status != 401 {
		w.t.Errorf("the API answers %d to an expired key", r.status)
	}
}

func awsEdits() []edit {
	return []edit{
		{"no session token", "api", hdel("X-Amz-Security-Token"), "x-amz-security-token is"},
		{"no hash", "api", hdel("X-Amz-Content-Sha256"), "x-amz-content-sha256 is missing"},
		{"body", "api", func(m *msg) { m.raw = "x" }, "not that of the body"},
		{"query", "api", func(m *msg) { m.url += "&x=1" }, "the signature is"},
		{"other header of Amazon", "api", hset("X-Amz-Acl", "x"), "x-amz-acl is not signed"},
		{"other key", "api", func(m *msg) {
			m.header.Set("Authorization", strings.Replace(m.header.Get("Authorization"), "ASIA", "ASIB", 1))
		}, "never issued"},
	}
}

func TestDialectAssumeRole(t *testing.T) {
	t.Parallel()
	scripted(t, "aws", awsEntry, func(w *wire) {
		in := w.d.Inputs()
		q := url.Values{
			"Action": {"AssumeRole"}, "Version": {"2011-06-15"}, "RoleArn": {in.Credentials["role_arn"]},
			"RoleSessionName": {"session"}, "DurationSeconds": {"3600"}, "ExternalId": {"5b0c7a0e"},
		}
		m := msg{method: "POST", url: "https://sts.eu-west-1.amazonaws.com/", raw: q.Encode(), header: http.Header{"Content-Type": {formType}}}
		signAWS(&m, awsKey{id: in.IntegrationConfig["awsAccessKeyId"], secret: in.IntegrationConfig["awsSecretAccessKey"], region: "eu-west-1", service: "sts"}, testClock, true)
		got := map[string]string{}
		for _, x := range accessKeyForm.FindAllStringSubmatch(w.do("sts", m).text, -1) {
			got[x[1]] = x[2]
		}
		if got["AccessKeyId"] == "" {
			return
		}
		k := awsKey{id: got["AccessKeyId"], secret: got["SecretAccessKey"], session: got["SessionToken"], region: "eu-west-1", service: "sts"}
		m = msg{method: "POST", url: "https://sts.eu-west-1.amazonaws.com/", raw: "Action=GetCallerIdentity&Version=2011-06-15"}
		signAWS(&m, k, testClock, true)
		w.do("identity", m)
		k.service = "s3"
		awsAPI(w, k)
	}, append([]edit{
		{"unsigned", "sts", hdel("Authorization"), "want a Signature Version 4"},
		{"other region", "sts", to("https://sts.us-east-1.amazonaws.com/"), "nothing in the entry names"},
		{"duration", "sts", func(m *msg) { m.raw = strings.Replace(m.raw, "3600", "900", 1) }, "DurationSeconds is"},
		{"role", "sts", func(m *msg) { m.raw = strings.Replace(m.raw, "RoleArn=", "RoleArn=x", 1) }, "RoleArn is"},
		{"external ID", "sts", func(m *msg) { m.raw = strings.Replace(m.raw, "&ExternalId=5b0c7a0e", "", 1) }, "external ID is missing"},
		{"session name", "sts", func(m *msg) { m.raw = strings.Replace(m.raw, "=session", "=", 1) }, "RoleSessionName is"},
		{"identity with another key", "identity", hset("Authorization", "x"), "never issued"},
	}, awsEdits()...))
}

func TestDialectCustomSTS(t *testing.T) {
	t.Parallel()
	for _, auth := range []string{"none", "api_key", "basic"} {
		t.Run("custom "+auth, func(t *testing.T) {
			t.Parallel()
			entry := strings.Replace(strings.Replace(awsEntry, "default_value: builtin", "default_value: custom", 1), "default_value: none", "default_value: "+auth, 1)
			edits := append([]edit{
				{"name", "sts", func(m *msg) { m.json["roleArn"] = m.json["role_arn"]; delete(m.json, "role_arn") }, "role_arn is missing"},
				{"no external ID", "sts", func(m *msg) { delete(m.json, "external_id") }, "external ID is missing"},
				{"GET", "sts", by("GET"), "want POST"},
				{"wrong authorization", "sts", hset("Authorization", "Bearer x"), "authorization is"},
			}, awsEdits()...)
			if auth == "api_key" {
				edits = append(edits, edit{"no key", "sts", hdel("X-Api-Key"), "x-api-key is missing"})
			}
			scripted(t, "aws", entry, func(w *wire) {
				in := w.d.Inputs()
				head := http.Header{}
				switch auth {
				case "api_key":
					head.Set("X-Api-Key", in.IntegrationConfig["stsApiKey"])
				case "basic":
					head.Set("Authorization", basicHeader(in.IntegrationConfig["stsAuthUsername"], in.IntegrationConfig["stsAuthPassword"]))
				}
				r := w.do("sts", msg{url: "https://sts.example.com/assume", header: head, json: map[string]any{
					"role_arn": in.Credentials["role_arn"], "external_id": "e1", "region": "eu-west-1", "service": "s3",
				}})
				if r.str("access_key_id") == "" {
					return
				}
				awsAPI(w, awsKey{id: r.str("access_key_id"), secret: r.str("secret_access_key"), session: r.str("session_token"), region: "eu-west-1", service: "s3"})
			}, edits)
		})
	}
}
