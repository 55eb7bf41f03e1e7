// Package oauth speaks to token endpoints (RFC 6749 section 3.2): it builds the
// request the way a provider's data says, sends it exactly once, takes
// the answer apart without ever losing a token that is in it, and says what a
// failure means for the refresh token that was sent.
package oauth

import (
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Class is what an outcome means for the grant.
type Class string

// The classes, and what they say about a single-use refresh token that was sent.
const (
	// NotSent: nothing left this machine. The token is untouched.
	NotSent Class = "not_sent"
	// Transient: the server answered that it did not process the request and
	// that a later one may succeed. The token is untouched.
	Transient Class = "transient"
	// Config: the server refuses this client or request whoever the user is.
	// The token is untouched; asking again helps only once somebody changed the
	// configuration.
	Config Class = "config"
	// Permanent: the grant is refused. Only a new authorization helps.
	Permanent Class = "permanent"
	// Ambiguous: the request may have been processed. The token may be spent.
	Ambiguous Class = "ambiguous"
)

// Rule overrides the classification of answers that have this Status (0: any)
// and this error Code (empty: any).
type Rule struct {
	Status int
	Code   string
	Class  Class
}

// Codes of RFC 6749 section 5.2 and 4.1.2.1 and of vendors that have their own
// words for the same thing.
var (
	permanentCodes = []string{
		"invalid_grant",
		"invalid_refresh_token", "token_revoked", "account_inactive", // Slack
		"bad_refresh_token", // GitHub
	}
	configCodes = []string{
		"invalid_client", "unauthorized_client", "unsupported_grant_type", "invalid_scope",
		"incorrect_client_credentials",                                 // GitHub
		"invalid_client_id", "bad_client_secret", "invalid_grant_type", // Slack
	}
	transientCodes = []string{"slow_down", "temporarily_unavailable", "ratelimited"}
	unclearCodes   = []string{"server_error", "invalid_request"} // whatever the status
)

// classify is the default table, with the provider's own rules before it.
// The answer carries no access token.
func classify(status int, code string, header http.Header, rules []Rule) Class {
	for _, r := range rules {
		if (r.Status == 0 || r.Status == status) && (r.Code == "" || r.Code == code) {
			return r.Class
		}
	}
	switch {
	// Who counts requests has not looked at the grant, whatever else it says.
	case status == http.StatusTooManyRequests, status == http.StatusServiceUnavailable && header.Get("Retry-After") != "":
		return Transient
	case slices.Contains(permanentCodes, code):
		return Permanent
	case slices.Contains(transientCodes, code):
		return Transient
	case slices.Contains(configCodes, code), noEndpoint(status) && !slices.Contains(unclearCodes, code), code == "" && configStatus(status):
		return Config
	}
	// What is left has at least one server in the field that says it after
	// having rotated the token: 5xx, server_error, an unreadable 200,
	// invalid_request.
	return Ambiguous
}

// noEndpoint are answers of a server that has none at this address.
func noEndpoint(status int) bool {
	return status == http.StatusNotFound || status == http.StatusMethodNotAllowed
}

// configStatus are answers of a server that has not looked at the grant: a client
// it does not know, a redirect that is never followed because it would carry the
// secret elsewhere.
func configStatus(status int) bool {
	return status == http.StatusUnauthorized || status >= 300 && status < 400
}

// maxRetryAfter bounds what a server may ask for.
const maxRetryAfter = time.Hour

// RetryAfter reads the header in both of its forms (RFC 9110 section 10.2.3).
// It answers 0 when there is none that can be used.
func RetryAfter(header http.Header, now time.Time) time.Duration {
	v := strings.TrimSpace(header.Get("Retry-After"))
	if seconds, err := strconv.ParseInt(v, 10, 64); err == nil {
		return clampRetry(time.Duration(min(seconds, int64(maxRetryAfter/time.Second))) * time.Second)
	}
	if at, err := http.ParseTime(v); err == nil {
		return clampRetry(at.Sub(now))
	}
	return 0
}

func clampRetry(d time.Duration) time.Duration { return max(0, min(d, maxRetryAfter)) }
