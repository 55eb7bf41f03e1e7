package tieline

import (
	"net/http"
	"time"

	"github.com/tieline/tieline/internal/jsonpath"
	"github.com/tieline/tieline/internal/oauth"
)

// refusedLogin says what an answer other than a good one means for a credential
// that a person typed in. Nothing is used up by it, so nothing is ambiguous.
func refusedLogin(resp *http.Response, body []byte, now time.Time) *TokenError {
	answer := oauth.Parse(body, oauth.Fields{}, now)
	code := answer.ErrorCode
	if code == "" {
		text, _ := jsonpath.Text(jsonpath.At(answer.Values, "Error.Code")) // as AWS has it
		code = oauth.ErrorCode(text)
	}
	failure := &TokenError{
		Status: resp.StatusCode, Code: code, Description: NewSecret(answer.ErrorDescription),
		RetryAfter: oauth.RetryAfter(resp.Header, now),
	}
	switch resp.StatusCode {
	case http.StatusBadRequest, http.StatusUnauthorized, http.StatusForbidden, http.StatusUnprocessableEntity:
		failure.Class = ClassPermanent
		if failure.RetryAfter > 0 || resp.Header.Get("X-Ratelimit-Remaining") == "0" {
			failure.Class = ClassTransient // who counts requests has not looked at the credential
		}
		if failure.Code == "invalid_client" || failure.Code == "unauthorized_client" || failure.Code == "unsupported_grant_type" {
			failure.Class = ClassConfig
		}
	case http.StatusNotFound, http.StatusMethodNotAllowed, http.StatusUnsupportedMediaType, http.StatusNotAcceptable:
		failure.Class = ClassConfig
	default:
		failure.Class = ClassTransient
		if resp.StatusCode >= 300 && resp.StatusCode < 400 {
			failure.Class = ClassConfig // a redirect would carry the secret elsewhere
		}
	}
	return failure
}
