package httpapi

import "net/http"

func (s *server) proxyRoute() route {
	return route{access: keyOnly, scopes: []string{ScopeProxy}, raw: true, serve: func(http.ResponseWriter, *http.Request) error { return notFound("no") }}
}
