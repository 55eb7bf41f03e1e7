package providertest

import (
	"encoding/json"
	"net/http"
	"strconv"
	"strings"
)

// caller is who an API request comes from.
type caller struct {
	user, scope string
	by          string // bearer, api_key or basic
	grant       int    // 0 when there is none
	generation  int
}

// api serves the resource server. All of it needs a credential, but /api/ping.
func (s *Server) api(c *call) Answer {
	path := strings.TrimPrefix(c.r.URL.Path, "/api/")
	if path == "ping" {
		return jsonAnswer(http.StatusOK, map[string]any{"pong": true})
	}
	who, challenges := s.authenticate(c)
	if challenges != nil {
		s.count(func(st *Stats) { st.APIUnauthorized++ })
		a := jsonAnswer(http.StatusUnauthorized, map[string]any{"error": "unauthorized"})
		a.Header["Www-Authenticate"] = challenges
		return a
	}
	s.count(func(st *Stats) { st.APICalls++ })
	switch {
	case path == "me" && c.r.Method == http.MethodGet:
		return jsonAnswer(http.StatusOK, map[string]any{
			"user": who.user, "auth": who.by, "scope": who.scope, "grant": who.grant, "generation": who.generation})
	case path == "me":
		return notAllowed("GET")
	case path == "echo":
		return c.echo()
	case path == "redirect":
		a := textAnswer(http.StatusFound, "")
		a.Header.Set("Location", c.r.URL.Query().Get("to"))
		return a
	}
	if code, ok := strings.CutPrefix(path, "status/"); ok {
		if status, err := strconv.Atoi(code); err == nil && status >= 200 && status <= 599 {
			a := jsonAnswer(status, map[string]any{"status": status})
			a.fitStatus()
			return a
		}
	}
	return jsonAnswer(http.StatusNotFound, map[string]any{"error": "not_found"})
}

// authenticate finds out who calls, or returns the challenges of RFC 6750
// section 3 and RFC 7617.
func (s *Server) authenticate(c *call) (caller, []string) {
	if key := c.r.Header.Get("X-API-Key"); key != "" {
		if same(key, s.options.APIKey) {
			return caller{user: "key", by: "api_key"}, nil
		}
		return caller{}, []string{`ApiKey realm="acme"`}
	}
	if user, password, ok := c.r.BasicAuth(); ok {
		okUser, okPassword := same(user, s.options.Username), same(password, s.options.Password)
		if okUser && okPassword {
			return caller{user: user, by: "basic"}, nil
		}
		return caller{}, []string{`Basic realm="acme"`}
	}
	scheme, token, _ := strings.Cut(c.r.Header.Get("Authorization"), " ")
	if !strings.EqualFold(scheme, "Bearer") || token == "" {
		return caller{}, []string{`Bearer realm="acme"`, `Basic realm="acme"`, `ApiKey realm="acme"`}
	}
	now := s.options.Now()
	s.mu.Lock()
	defer s.mu.Unlock()
	a := s.access[hashOf(token)]
	if a.lifetime(now) == 0 {
		return caller{}, []string{`Bearer realm="acme", error="invalid_token", error_description="expired, revoked or unknown"`}
	}
	if a.grant == nil {
		return caller{user: "app", by: "bearer", scope: a.scope}, nil
	}
	return caller{user: a.grant.user, by: "bearer", scope: a.scope, grant: a.grant.id, generation: a.generation}, nil
}

// echo returns what was sent, but for the credentials in the header.
func (c *call) echo() Answer {
	header := c.r.Header.Clone()
	for _, name := range []string{"Authorization", "X-Api-Key", "Cookie"} {
		header.Del(name)
	}
	object := map[string]any{
		"method": c.r.Method, "path": c.r.URL.Path, "query": c.r.URL.RawQuery,
		"header": header, "body": string(c.body),
	}
	if json.Valid(c.body) {
		object["json"] = json.RawMessage(c.body)
	}
	return jsonAnswer(http.StatusOK, object)
}
