package discover

import (
	"encoding/json"
	"net/url"
	"strings"
)

// maxDocument bounds a client ID metadata document, in bytes: servers are told to
// read no more (draft-ietf-oauth-client-id-metadata-document, "Maximum Response
// Size").
const maxDocument = 5 << 10

// CheckClientID says whether a URL can be a client ID that stands for a metadata
// document (draft-ietf-oauth-client-id-metadata-document, "Client Identifier"):
// https, with a path, without dot segments, fragment, user information and query.
//
// Servers compare it as a string and some rewrite it first, so the scheme and the
// host have to be in lower case, the default port left out, and a path of "/"
// does not do. A failure is an [*Error] with [ErrClientID].
func CheckClientID(raw string) error {
	u, err := url.Parse(raw)
	if err != nil || len(raw) > maxURL || u.Scheme != "https" || u.Hostname() == "" || !isVisible(raw) {
		return fail(StepDocument, ErrClientID, "client_id", 0)
	}
	path := u.EscapedPath()
	// What is more than origin and path, or is not in normal form, differs here.
	if path == "" || path == "/" || hasDotSegment(path) || raw != Origin(u)+path {
		return fail(StepDocument, ErrClientID, "client_id", 0)
	}
	return nil
}

// hasDotSegment looks also for escaped dots, which mean the same (RFC 3986
// section 6.2.2).
func hasDotSegment(escaped string) bool {
	for segment := range strings.SplitSeq(escaped, "/") {
		s := strings.ReplaceAll(strings.ToLower(segment), "%2e", ".")
		if s == "." || s == ".." {
			return true
		}
	}
	return false
}

// ClientDocument returns the JSON document that an application serves at its
// client ID, as application/json and with status 200 without a redirect. It
// describes a public client that uses the authorization code grant with refresh
// tokens: a client secret cannot be in it (draft-ietf-oauth-client-id-metadata-
// document, "Client Information Document"). A failure is an [*Error].
func ClientDocument(clientIDURL string, redirectURIs []string, name string) ([]byte, error) {
	if err := CheckClientID(clientIDURL); err != nil {
		return nil, err
	}
	client := ClientMetadata{
		RedirectURIs:            redirectURIs,
		ClientName:              name,
		GrantTypes:              []string{"authorization_code", "refresh_token"},
		ResponseTypes:           []string{"code"},
		TokenEndpointAuthMethod: "none",
	}
	if failure := checkClient(StepDocument, client); failure != nil {
		return nil, failure
	}
	if name == "" { // MCP requires it, and people are shown it
		return nil, fail(StepDocument, ErrMissing, "client_name", 0)
	}
	doc, err := json.Marshal(struct {
		ClientID string `json:"client_id"`
		ClientMetadata
	}{clientIDURL, client})
	if err != nil { // strings and lists of them can be marshaled
		return nil, fail(StepDocument, ErrType, "", 0)
	}
	if len(doc) > maxDocument {
		return nil, fail(StepDocument, ErrTooLarge, "", 0)
	}
	return doc, nil
}
