package tieline

import (
	"net/http"
	"net/url"
	"strings"
)

// What the format leaves to code: entries whose integration fields say how the API
// is reached. Everything else is data.

// ownAPI is an API that the application describes itself, in the config of the
// integration: where the key goes, and where the API is.
type ownAPI struct {
	placement, name, value string
	base                   string
}

// ownAPI answers false for every other provider.
func (s *Subject) ownAPI() (ownAPI, bool) {
	for _, field := range []string{"keyPlacement", "keyName", "valueTemplate", "baseUrl"} {
		if _, ok := s.provider.IntegrationConfig.Get(field); !ok {
			return ownAPI{}, false
		}
	}
	return ownAPI{s.config["keyPlacement"], s.config["keyName"], s.config["valueTemplate"], s.config["baseUrl"]}, true
}

// attach puts the key where the application wants it.
func (o ownAPI) attach(key string, req *http.Request) error {
	value := key
	if o.value != "" {
		value = strings.ReplaceAll(o.value, "${apiKey}", key)
	}
	if o.placement == "query" {
		q := req.URL.Query()
		q.Set(o.name, value)
		req.URL.RawQuery = q.Encode()
		return nil
	}
	if !isHeaderName(o.name) || strings.ContainsAny(value, "\r\n\x00") {
		return &FieldError{Field: "config.keyName", Reason: "must be the name of a header, and its value one line"}
	}
	req.Header.Set(o.name, value)
	return nil
}

func (o ownAPI) baseURL() (*url.URL, error) {
	base, err := url.Parse(o.base)
	if err != nil || base.Host == "" || base.Scheme != "https" && base.Scheme != "http" || base.User != nil {
		return nil, &FieldError{Field: "config.baseUrl", Reason: "must be an http or https URL"}
	}
	return base, nil
}

// isHeaderName is the token of RFC 9110 section 5.6.2.
func isHeaderName(s string) bool { return isName(s, "!#$%&'*+-.^_`|~") && len(s) <= maxName }
