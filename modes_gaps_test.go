package tieline

// knownModeGaps are what the code gets wrong today, and where. A test that finds
// one gone fails, so that the list stays true.
func knownModeGaps() map[string]string {
	gaps := map[string]string{}
	add := func(why, kind string, of ...string) {
		for _, name := range of {
			gaps[kind+"/"+name] = why
		}
	}
	add("internal/oauth/answer.go, readTokens: a token with control characters is taken", "newline",
		"oauth2-par", "outbound", "cc-jwt", "cc-cert", "mcp-dynamic", "mcp-generic")
	add("login_answer.go, loginGrant: a token with control characters is taken", "newline",
		"login-json", "login-form", "login-xml", "login-get", "login-steps", "login-assertion", "login-saml", "login-jwt")
	add("mode_oauth1.go oauth1Answer, mode_bill.go, mode_app.go installationToken, mode_aws.go: a token with control characters is taken", "newline",
		"oauth1", "bill", "app", "custom", "aws", "aws-custom")
	add("connection_create.go, createConnection: no deadline for what is asked", "hang",
		"login-json/token", "login-form/token", "login-xml/token", "login-get/token", "login-steps/token", "login-steps/step2", "login-steps/step3",
		"login-assertion/token", "login-saml/token", "login-jwt/token", "bill/token", "aws/sts", "aws-custom/sts", "cc-jwt/token", "cc-cert/token")
	add("authorize.go, authorize: no deadline for Begin", "hang", "oauth1/request-token", "oauth2-par/unknown")
	add("signing.go, signingError: names credential.x for a field of assertion_option", "key",
		"login-saml/public", "login-saml/certificate", "login-saml/other bytes", "login-saml/no key", "login-saml/cut off", "login-saml/no base64",
		"login-saml/elliptic", "login-saml/empty block", "login-saml/encrypted", "login-assertion/no key", "login-assertion/cut off", "login-assertion/no base64",
		"login-assertion/elliptic", "login-assertion/certificate", "login-assertion/empty block", "login-assertion/encrypted", "login-assertion/public", "login-assertion/other bytes")
	add("login_refused.go, refusedLogin: an error code that repeats a secret of the request is kept", "echo",
		"login-json", "login-form", "login-xml", "login-get", "login-steps", "login-assertion", "login-saml", "bill", "aws-custom")
	add("mode_aws.go, awsMode.Create: the external ID is not looked at", "odd", "aws/line in the external ID", "aws/1 MB of external ID")
	add("mode_aws.go, awsEndpoint: the name of the header is not looked at", "odd", "aws-custom/no header")
	add("mode_oauth1.go, tbaMode.Import: the client of its own is not looked at", "odd", "tba/line in a client ID")
	add("mode_two_step.go, Import: only the token is looked at", "odd", "login-json/line in a value", "login-json/line in a refresh token")
	add("mode_aws.go, awsMode.Create: reconnecting makes a new external ID", "reconnect", "aws")
	add("mode_app.go, customMode.Refresh: every failure of the user's refresh drops the user's tokens", "custom",
		"unavailable", "429", "client refused", "a refresh token alone")
	add("mode_app.go, customMode: no Revoke, and Complete forgets the user's grant when the application's token fails", "revoke", "custom/connect", "custom/delete")
	add("token_call.go, revokeToken: a client of private_key_jwt has no way to say who it is, so that nothing is ever revoked", "revoke", "oauth2-par")
	add("login.go login, mode_oauth1.go oauth1Answer: a request that may not leave is called transient", "forbidden",
		"host-name", "host-url", "host-bill", "host-oauth1")
	add("login.go path, login_answer.go loginGrant: where the answer is the token, a page is one", "plain", "HTML", "lines")
	add("attach_request.go, addBody: what follows the first JSON value is dropped", "body", "two values")
	add("install.go, readWebhook: what follows the JSON object is not looked at", "webhook", "outbound/two values", "app/two values")
	add("mode_two_step.go tokenLogin, login_answer.go loginGrant: an answer without a token loses the refresh token in it", "rotation", "login-json")
	add("mode_two_step.go, tokenLogin: only a lost connection counts as a refresh token that may be spent", "ambiguous", "500", "10 MB")
	return gaps
}
