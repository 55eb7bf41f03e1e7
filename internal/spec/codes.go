package spec

// Codes lists every [Problem.Code] there is, sorted.
func Codes() []string {
	return []string{
		"alias-chain", "alias-cycle", "alias-drops", "alias-missing", "alias-rejected", "auth-mode",
		"bad-name", "bad-value", "client-auth-conflict", "content-type", "default-mismatch", "deprecated",
		"duplicate-entry", "duplicate-key", "empty-value", "example-mismatch", "fixed-nonce", "foreign-template", "fragment",
		"header-name", "hidden-no-default", "host-open", "host-unconstrained", "key-in-code", "key-not-attached",
		"missing-key", "no-effect", "no-grant-type", "no-proxy", "not-a-mapping", "optional-variable",
		"paginate-incomplete", "pattern-forbids-host", "pattern-invalid", "pattern-unanchored", "pkce-conflict", "plain-http",
		"refresh-unused", "retry-both", "retry-no-wait", "scheme-doubled", "scheme-missing", "secret-in-url", "source-asked",
		"suffix-not-in-url", "syntax", "template", "too-large", "undeclared-variable", "unknown-key", "unknown-variable",
		"unread-key", "unverified-conflict", "unused-field", "wrong-type", "yaml",
	}
}
