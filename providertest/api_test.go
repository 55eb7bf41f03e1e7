package providertest

import (
	"net/http"
	"strings"
	"testing"
)

func TestAPICredentials(t *testing.T) {
	t.Parallel()
	bothWays(t, Options{}, func(t *testing.T, a app) {
		c := a.s.Credentials()
		token := a.connect().access
		for _, tt := range []struct {
			name, header, value string
			by                  string // empty: refused
			challenge           string
		}{
			{"bearer", "Authorization", "Bearer " + token, "bearer", ""},
			{"bearer, any case", "Authorization", "bearer " + token, "bearer", ""},
			{"key", "X-Api-Key", c.APIKey, "api_key", ""},
			{"basic", "Authorization", basic(c.Username, c.Password), "basic", ""},
			{"nothing", "X-Nothing", "x", "", `Bearer realm="acme"`},
			{"unknown token", "Authorization", "Bearer x", "", `Bearer realm="acme", error="invalid_token"`},
			{"no scheme", "Authorization", token, "", `Bearer realm="acme"`},
			{"wrong key", "X-Api-Key", c.APIKey + "x", "", `ApiKey`},
			{"wrong password", "Authorization", basic(c.Username, "x"), "", `Basic`},
			{"wrong user", "Authorization", basic("x", c.Password), "", `Basic`},
		} {
			r := a.do(a.request("GET", "/api/me", "", tt.header, tt.value))
			equal(t, tt.name+": auth", r.str("auth"), tt.by)
			if tt.by != "" {
				equal(t, tt.name+": status", r.status, http.StatusOK)
				continue
			}
			equal(t, tt.name+": status", r.status, http.StatusUnauthorized)
			if got := r.header.Get("WWW-Authenticate"); !strings.HasPrefix(got, tt.challenge) {
				t.Errorf("%s: challenge %q, want %q", tt.name, got, tt.challenge)
			}
		}
		st := a.s.Stats()
		equal(t, "APICalls", st.APICalls, 4)
		equal(t, "APIUnauthorized", st.APIUnauthorized, 6)
	})
}

func TestAPIPaths(t *testing.T) {
	t.Parallel()
	bothWays(t, Options{}, func(t *testing.T, a app) {
		key := a.s.Credentials().APIKey
		call := func(method, path, body string) reply {
			t.Helper()
			return a.do(a.request(method, path, body, "X-Api-Key", key, "X-Trace", "7"))
		}
		echo := call("POST", "/api/echo?a=b", `{"n":1}`)
		equal(t, "echo: method", echo.str("method"), "POST")
		equal(t, "echo: query", echo.str("query"), "a=b")
		equal(t, "echo: body", echo.str("body"), `{"n":1}`)
		equal(t, "echo: JSON", strings.Contains(echo.raw, `"json":{"n":1}`), true)
		equal(t, "echo: header", strings.Contains(echo.raw, `"X-Trace":["7"]`), true)
		equal(t, "echo: shows the key", strings.Contains(echo.raw, key), false)
		redirect := call("GET", "/api/redirect?to=https%3A%2F%2Felsewhere.example%2F%3Fx", "")
		equal(t, "redirect: status", redirect.status, http.StatusFound)
		equal(t, "redirect: to", redirect.header.Get("Location"), "https://elsewhere.example/?x")
		for path, status := range map[string]int{
			"/api/status/200": 200, "/api/status/418": 418, "/api/status/503": 503, "/api/status/204": 204, "/api/status/401": 401,
			"/api/status/199": 404, "/api/status/600": 404, "/api/status/x": 404, "/api/nothing": 404, "/nothing": 404, "/": 200,
		} {
			equal(t, path, call("GET", path, "").status, status)
		}
		equal(t, "POST /api/me", call("POST", "/api/me", "").status, http.StatusMethodNotAllowed)
		equal(t, "401 on demand is no refusal", a.s.Stats().APIUnauthorized, 0)
	})
}

func TestAPIWithoutCredential(t *testing.T) {
	t.Parallel()
	a := inProcessApp(t, Options{})
	for path, status := range map[string]int{
		"/api/ping": 200, "/api/echo": 401, "/api/redirect?to=x": 401, "/api/status/200": 401, "/api/x": 401,
	} {
		equal(t, path, a.do(a.request("GET", path, "")).status, status)
	}
}

func TestBodyTooLong(t *testing.T) {
	t.Parallel()
	bothWays(t, Options{}, func(t *testing.T, a app) {
		long := strings.Repeat("x", maxBody+1)
		key := a.s.Credentials().APIKey
		equal(t, "too long", a.do(a.request("POST", "/api/status/200", long, "X-Api-Key", key)).status, http.StatusRequestEntityTooLarge)
		equal(t, "just right", a.do(a.request("POST", "/api/status/200", long[1:], "X-Api-Key", key)).status, http.StatusOK)
	})
}
