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
	return gaps
}
