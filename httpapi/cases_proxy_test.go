package httpapi

import (
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/tieline/tieline"
)

// proxied is a connection "verified"/"alice" to the world's API.
func (w *world) proxied() *world {
	w.t.Helper()
	w.integration("verified", "verified")
	w.connect("verified", "alice")
	return w
}

func (w *world) connect(integration, id string) {
	w.t.Helper()
	_, err := w.client.Connections.Import(w.t.Context(), integration, id, tieline.ConnectionInput{Credential: &tieline.APIKey{Key: tieline.NewSecret("k3y")}})
	if err != nil {
		w.t.Fatal(err)
	}
}

// through makes a call through the connection of proxied.
func (w *world) through(method, target string, body any, headers ...string) answer {
	w.t.Helper()
	return w.call(method, "/proxy"+target, body, append([]string{"Provider-Config-Key", "verified", "Connection-Id", "alice"}, headers...)...)
}

func TestCasesProxy(t *testing.T) {
	t.Parallel()
	w := newWorld(t).proxied()
	t.Run("2.18.1", func(t *testing.T) {
		w.protected("GET", "/proxy/me", nil, "Provider-Config-Key", "", "Connection-Id", "alice")
	})
	t.Run("2.18.2", func(t *testing.T) {
		w.call("GET", "/proxy/me", nil).want(400, `{"error":{"code":"invalid_headers","errors":[
			{"code":"invalid_type","message":"Invalid input: expected string, received undefined","path":["provider-config-key"]},
			{"code":"invalid_type","message":"Invalid input: expected string, received undefined","path":["connection-id"]}]}}`)
	})
	t.Run("2.18.3", func(t *testing.T) { w.through("GET", "/me", nil).want(200, `{"ok":true}`) })
	t.Run("2.18.4", func(t *testing.T) {
		w.serve = func(rw http.ResponseWriter, _ *http.Request) {
			rw.Header().Set("X-Request-Id", "theirs")
			rw.Header().Set("X-Provider-Header", "theirs too")
			_, _ = io.WriteString(rw, `{}`)
		}
		defer func() { w.serve = nil }()
		a := w.through("GET", "/me", nil).want(200, `{}`)
		if a.Header().Get("X-Request-Id") != "theirs" || a.Header().Get("X-Provider-Header") != "theirs too" {
			t.Errorf("answered with %v", a.Header())
		}
	})
	t.Run("2.18.5", func(t *testing.T) {
		for _, url := range []string{"https://example.com", "http://169.254.169.254/latest", w.api.URL + "0/"} {
			w.through("GET", "/me", nil, "Base-Url-Override", url).want(400,
				`{"error":{"code":"base_url_override_not_allowed","message":"This base URL override is not allowed by server configuration."}}`)
		}
	})
	t.Run("2.18.6", func(t *testing.T) {
		w.protected("GET", "/proxy?x", nil)
		w.protected("GET", "/proxy/?x", nil)
	})
	t.Run("2.18.7", func(t *testing.T) {
		w.through("GET", "/me", nil, "Nango-Is-Sync", "true", "Nango-Is-Dry-Run", "false", "Nango-Activity-Log-Id", "123", "Retries", "1",
			"Base-Url-Override", w.api.URL, "Decompress", "true", "Retry-On", "1,2,3", "Nango-Proxy-X-Custom", "yes").want(200, `{"ok":true}`)
	})
}

func TestProxyHeadersThatAreWrong(t *testing.T) {
	t.Parallel()
	w := newWorld(t).proxied()
	bad := func(name, value, code, message string) {
		t.Helper()
		w.through("GET", "/me", nil, name, value).want(400, errorBody("invalid_headers", code, message, strings.ToLower(name)))
	}
	for name, value := range map[string]string{"Provider-Config-Key": "a/b", "Connection-Id": "é"} {
		pattern := map[string]string{"Provider-Config-Key": patternKey, "Connection-Id": patternConnection}[name]
		bad(name, value, "invalid_format", "Invalid string: must match pattern /"+pattern+"/")
		bad(name, strings.Repeat("a", 256), "too_big", "Too big: expected string to have <=255 characters")
	}
	bad("Retries", "-1", "too_small", "Too small: expected number to be >=0")
	bad("Retries", "-99999999999999999999", "too_small", "Too small: expected number to be >=0")
	bad("Retries", "many", "invalid_type", "Invalid input: expected number, received NaN")
	bad("Retry-On", "500;501", "invalid_format", "Invalid string: must match pattern /"+patternStatuses+"/")
	bad("Nango-Activity-Log-Id", strings.Repeat("a", 256), "too_big", "Too big: expected string to have <=255 characters")
	for _, name := range []string{"Decompress", "Forward-Headers-On-Redirect", "Nango-Is-Sync", "Nango-Is-Dry-Run"} {
		bad(name, "yes", "invalid_value", `Invalid option: expected one of "true"|"false"`)
	}
	for _, url := range []string{"x", "/v1", "ftp://example.com", "https://", "https://a@example.com", "https://example.com?x", "https://example.com#x", "https://${connectionConfig.host}"} {
		bad("Base-Url-Override", url, "invalid_format", "Invalid URL")
	}
	for _, h := range [][2]string{{"Nango-Proxy-X", "a\r\nInjected: yes"}, {"Nango-Proxy-X", "a\x00"}, {"Nango-Proxy-X Y", "a"}, {"Nango-Proxy-X\r\nY", "a"}, {"Nango-Proxy-", "a"}} {
		bad(h[0], h[1], "invalid_key", "Invalid header")
	}
	r := w.proxyRequest(t.Context(), "GET", "/proxy/me", nil)
	r.Header.Add("Connection-Id", "bob")
	rec := httptest.NewRecorder()
	w.server.ServeHTTP(rec, r)
	answer{rec, t}.want(400, errorBody("invalid_headers", "invalid_type", "Invalid input: expected string, received array", "connection-id"))
	// What is empty is absent, as clients send it.
	w.through("GET", "/me", nil, "Retries", " ", "Base-Url-Override", "").want(400, errorBody("invalid_headers", "invalid_type", "Invalid input: expected number, received NaN", "retries"))
}

func TestProxyErrors(t *testing.T) {
	t.Parallel()
	w := newWorld(t).proxied()
	call := func(integration, connection string) answer {
		return w.call("GET", "/proxy/me", nil, "Provider-Config-Key", integration, "Connection-Id", connection)
	}
	call("none", "alice").want(404, `{"error":{"code":"unknown_provider_config","message":"There is no such integration","payload":{}}}`)
	call("verified", "bob").want(404, `{"error":{"code":"unknown_connection","message":"Failed to get connection","payload":{}}}`)
	w.call("GET", "/proxy/me", nil, "Provider-Config-Key", "verified", "Connection-Id", "bob", "Base-Url-Override", w.api.URL).want(404,
		`{"error":{"code":"unknown_connection","message":"Failed to get connection","payload":{}}}`)
	w.integration("bare", "bare")
	w.connect("bare", "alice")
	call("bare", "alice").want(400, `{"error":{"code":"missing_api_url","message":"The provider has no base URL; set Base-Url-Override"}}`)
	w.integration("inward", "inward")
	w.connect("inward", "alice")
	call("inward", "alice").want(400, `{"error":{"code":"url_not_allowed","message":"The call may not go to this address"}}`)
	for _, method := range []string{"TRACE", "TRACK", "CONNECT"} {
		w.through(method, "/me", nil).want(405, `{"error":{"code":"method_not_allowed","message":"The path does not take this method"}}`)
	}
	w.through("GET", "/me?x=s3cret", nil, "Authorization", "Bearer "+w.session(tieline.Session{})).want(401, `{"error":{"code":"invalid_secret_key_format",
		"message":"Authentication failed. The provided secret key is not a UUID v4.","payload":{}}}`)
	w.api.Close()
	w.through("GET", "/me?x=s3cret", nil).want(502, `{"error":{"code":"upstream_unreachable","message":"The provider could not be reached"}}`)
	if log := w.log.String(); strings.Contains(log, "s3cret") || strings.Contains(log, "k3y") || strings.Contains(log, testKey) {
		t.Errorf("the log has a secret: %s", log)
	}
}

// A credential that has expired: the caller learns whether waiting helps.
func TestProxyRefreshFails(t *testing.T) {
	t.Parallel()
	s := &server{}
	for _, tc := range []struct {
		err  tieline.RefreshError
		code string
	}{
		{tieline.RefreshError{Reauth: true}, "connection_refresh_exhausted"},
		{tieline.RefreshError{}, "connection_refresh_backoff"},
		{tieline.RefreshError{Err: tieline.ErrTokenEndpoint}, "connection_refresh_failed"},
	} {
		p, _ := s.proxyProblem(t.Context(), &proxyCall{}, &tc.err).(*problem)
		if p == nil || p.status != 424 || p.code != tc.code || strings.Contains(p.message, "token endpoint") {
			t.Errorf("%v: %v", tc.err, p)
		}
	}
}
