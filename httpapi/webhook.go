package httpapi

import "net/http"

// webhookRoutes take what providers send. Whoever sends it has no key: each delivery
// is verified by itself. GET is for challenges.
func (s *server) webhookRoutes() []route {
	var routes []route
	for _, method := range []string{"GET", "POST", "PUT"} {
		routes = append(routes, route{method: method, pattern: "/webhook/{environment}/{key}", raw: true, serve: s.webhook})
	}
	return routes
}

func (s *server) webhook(w http.ResponseWriter, r *http.Request) error {
	if r.PathValue("environment") != s.options.EnvironmentID {
		return &problem{status: http.StatusNotFound, code: "unknown_environment", message: "There is no such environment"}
	}
	s.hooks.ServeHTTP(w, r) // it bounds the body itself
	return nil
}
