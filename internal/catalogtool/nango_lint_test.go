package catalogtool

import (
	"strings"
	"testing"
)

// nangoFaults lists the faults that a reader of the file, and of the code it was written
// for, found by hand: what has to be reported, of which key, for which entries.
var nangoFaults = []struct{ code, key, entries string }{
	// Cannot work as written, there.
	{"missing-key", "token_url", "certn-partner"},
	{"unknown-variable", "proxy.headers.authorization", "certn-partner"},
	{"verification-elsewhere", "proxy.verification", "certn-partner"},
	{"unknown-variable", "proxy.base_url", "aws"},
	{"scheme-doubled", "proxy.base_url", "sage-people gerrit blackbaud-basic"},
	{"dotted-name-elsewhere", "proxy.base_url", "teamwork"},
	{"pattern-forbids-host", "connection_config", "greenhouse-assessment"},
	{"pattern-invalid", "credentials.apiKey", "freshteam"},
	{"key-not-attached", "proxy", "klicktipp"},
	{"paginate-incomplete", "proxy.paginate", "whoop"},
	{"query-elsewhere", "token_url", "paycor paycor-sandbox"},
	{"refresh-template-elsewhere", "refresh_params.resource", "microsoft-dynamics-365-finance-and-operations"},
	{"refresh-url-elsewhere", "refresh_url", "bing-webmasters dropbox-sign trustpilot"},
	{"no-effect", "refresh_token_params", "bing-webmasters"},
	{"verification-elsewhere", "proxy.verification", "canva grammarly nable-ncentral passportal transporeon-carrier-oauth2-cc"},
	{"scheme-missing", "proxy.base_url", "jira-data-center-basic jira-data-center-api-key"},
	{"no-proxy", "", "linear-mcp"},

	// A refresh sends the wrong grant, there.
	{"refresh-grant-elsewhere", "token_params.grant_type", "ahrefs aircall battlenet bigcommerce bing-webmasters bitly checkr-partner " +
		"checkr-partner-staging datto-rmm eventbrite grain judgeme-oauth payfit survey-monkey timely vimeo webflow wordpress"},
	{"refresh-repeats", "token_params.expiring", "shopify"},

	// What aliases lose, and what they should not have.
	{"alias-drops", "proxy", "azure-blob-storage google-bigquery google-calendar-mcp google-contacts google-chat google-docs google-mail " +
		"google-search-console google-sheet google-slides google-forms google-health google-tasks google-meet google-ads google-workspace-admin " +
		"microsoft-ads microsoft-power-bi okta-preview stitch-mcp zoho-calendar zoho-desk zoho-mail zoho-people zoho-recruit"},
	{"alias-drops", "connection_config", "zoho-bigin zoho-books zoho-calendar zoho-crm zoho-desk zoho-inventory zoho-invoice zoho-mail zoho-people zoho-recruit"},
	{"alias-changes-mode", "auth_mode", "aircall-basic github-app github-app-oauth netsuite-tba netsuite-client-credentials"},
	{"no-effect", "token_url", "aircall-basic netsuite-tba"},
	{"no-effect", "authorization_url", "aircall-basic netsuite-tba netsuite-client-credentials"},

	// Fields.
	{"field-in-code", "connection_config.apiSubdomain", "aws"},
	{"unused-field", "connection_config.actAs", "glean"},
	{"field-in-code", "connection_config.oauth_scopes", "okta-cc"},
	{"unused-field", "connection_config.tenantId", "paycor paycor-sandbox"},
	{"unused-field", "connection_config.companyUUID", "sap-concur"},
	{"unused-field", "connection_config.companyRequestToken", "sap-concur"},
	{"field-in-code", "connection_config.mcp_server_url", "mcp-generic"},
	{"unused-field", "credentials.clientSecret", "salesforce-jwt"},
	{"used-undeclared", "token_response_metadata", "salesforce-jwt salesforce-cdp teamwork zoho"},
	{"used-undeclared", "redirect_uri_metadata", "zoho-bigin zoho-books zoho-calendar zoho-crm zoho-desk zoho-inventory zoho-invoice zoho-mail zoho-people zoho-recruit"},
	{"undeclared-variable", "", "shopvox"},
	{"optional-elsewhere", "token_params.organization", "auth0-cc"},
	{"optional-elsewhere", "token_params.sub", "greenhouse-harvest-oauth2-cc"},
	{"optional-elsewhere", "token_params.DBInstance", "sap-business-one"},
	{"optional-elsewhere", "token_params.scope", "veeva-vault-oauth"},
	{"optional-elsewhere", "token.payload.scope", "apple-app-store"},
	{"optional-variable", "", "workable zoho-mail basecamp aws-sigv4"},
	{"hidden-no-default", "connection_config.appSecret", "gem"},
	{"hidden-no-default", "connection_config.subdomain", "okta-cc servicenow servicenow-oauth2-cc"},
	{"hidden-no-default", "connection_config.project_id", "stitch-mcp"},
	{"example-mismatch", "", "aws-scim crisp elevio google-service-account greenhouse-assessment mindbody open-hands pennylane-company-api rootly " +
		"snowflake-jwt thrivecart-api-key twenty-crm-self-hosted"},
	{"pattern-invalid", "connection_config.hostname", "salesforce salesforce-cc salesforce-sandbox"},
	{"pattern-unanchored", "", "cisco-duo-admin freepik freshsales elevio private-api-generic aws-sigv4 gamma incident-io lemlist malwarebytes ocean-io xai"},
	{"pattern-open-ended", "connection_config", "bitdefender"},
	{"host-unconstrained", "", "autotask bird jamf okta-cc personio-recruiting sap-concur servicenow veeva-vault zuora"},
}

// Every fault that was found by hand is reported, of the right key.
func TestNangoLint(t *testing.T) {
	t.Parallel()
	findings := Lint(nangoFiles(t), LintOptions{Notes: true, Now: today})
	reported := map[string][]string{} // the keys, by code and entry
	for _, f := range findings {
		reported[f.Code+" "+f.Entry] = append(reported[f.Code+" "+f.Entry], f.Key)
	}
	rows := 0
	for _, fault := range nangoFaults {
		for entry := range strings.FieldsSeq(fault.entries) {
			rows++
			found := false
			for _, key := range reported[fault.code+" "+entry] {
				found = found || fault.key == "" || under(key, fault.key)
			}
			if !found {
				t.Errorf("%s: %s is not reported of %q, only of %q", entry, fault.code, fault.key, reported[fault.code+" "+entry])
			}
		}
	}
	t.Logf("%d faults found by hand, %d findings in all", rows, len(findings))
}

// Where the faults were counted rather than listed, the counts are the same. Where more
// is reported, the difference is explained.
func TestNangoLintCounts(t *testing.T) {
	t.Parallel()
	count := map[string]int{}
	for _, f := range Lint(nangoFiles(t), LintOptions{Notes: true, Now: today}) {
		count[f.Code]++
		if f.Line == 0 || f.Entry == "" {
			t.Errorf("the finding has no place: %s", f)
		}
	}
	for code, want := range map[string]int{
		"refresh-grant-elsewhere": 18 + 4, // agiloft, braintree twice and tiktok-ads: there, code of their own refreshes them
		"refresh-repeats":         1 + 1,  // bigcommerce
		"alias-drops":             25 + 10,
		"alias-changes-mode":      5,
		"hidden-no-default":       5,
		"example-mismatch":        12,
		"pattern-invalid":         4,
		"pattern-unanchored":      15,
		"pattern-open-ended":      1,
		"host-unconstrained":      43,
		"scheme-doubled":          3,
		"scheme-missing":          2,
		"verification-elsewhere":  5 + 1, // certn-partner
		"query-elsewhere":         2,
		"dotted-name-elsewhere":   1,
	} {
		if count[code] != want {
			t.Errorf("%s is reported %d times, want %d", code, count[code], want)
		}
	}
	if got := count["metadata-undeclared"] + count["used-undeclared"]; got != 47 {
		t.Errorf("%d names of metadata are no fields, want 47", got)
	}
}
