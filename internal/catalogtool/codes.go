package catalogtool

// Codes lists every [Finding.Code] that is not one of the loader, sorted.
func Codes() []string {
	return []string{
		"alias-changes-mode", "bad-date", "bad-source", "display-name-taken", "dotted-name-elsewhere", "entry-file", "entry-order", "entry-twice",
		"field-in-code", "field-untold", "key-in-query", "metadata-undeclared", "no-category", "no-client-auth", "no-date", "no-display-name",
		"no-docs", "no-refresh-policy", "no-sources", "no-verification", "optional-elsewhere", "pattern-open-ended", "query-elsewhere",
		"refresh-grant-elsewhere", "refresh-repeats", "refresh-template-elsewhere", "refresh-url-elsewhere", "token-headers-elsewhere",
		"unknown-category", "used-undeclared", "user-chooses-host", "verification-elsewhere",
	}
}
