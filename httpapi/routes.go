package httpapi

import (
	"context"
	"errors"
	"math"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"
)

// route is one method and path of the surface.
type route struct {
	method, pattern string
	access          access
	scopes          []string // one of them is needed, of a key; empty: none
	jsonOnly        bool     // another content type is refused
	raw             bool     // the handler bounds the body itself
	page            bool     // people see it in a browser, and its errors too
	serve           func(w http.ResponseWriter, r *http.Request) error
}

// routes is the whole surface but /proxy/, which the router must not touch.
func (s *server) routes() []route {
	var all []route
	for _, part := range [][]route{
		s.providerRoutes(), s.integrationRoutes(), s.connectionRoutes(), s.metadataRoutes(),
		s.sessionRoutes(), s.formRoutes(), s.oauthRoutes(), s.pageRoutes(), s.pageAPIRoutes(),
		s.webhookRoutes(), s.actionRoutes(), s.functionRoutes(), s.openAPIRoutes(),
	} {
		all = append(all, part...)
	}
	return all
}

// handle wraps what a route does with what all of them do.
func (s *server) handle(rt route) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		err := s.admit(w, &r, rt)
		if err == nil {
			err = rt.serve(w, r)
		}
		switch {
		case err == nil:
		case rt.page && wantsPage(r):
			s.failPage(w, r, err)
		default:
			s.fail(w, r, err)
		}
	})
}

// admit lets a request in that may use the route.
func (s *server) admit(w http.ResponseWriter, r **http.Request, rt route) error {
	who, err := s.authenticate(*r, rt.access)
	if err != nil {
		return err
	}
	*r = (*r).WithContext(context.WithValue((*r).Context(), callerKey{}, who))
	if err := s.limit(w, *r, who); err != nil {
		return err
	}
	if who.key != nil && len(rt.scopes) > 0 && !who.has(rt.scopes...) {
		return forbiddenScope(rt.scopes)
	}
	if contentType := (*r).Header.Get("Content-Type"); rt.jsonOnly && contentType != "" && !strings.HasPrefix(strings.ToLower(contentType), "application/json") {
		return &problem{status: http.StatusUnsupportedMediaType, code: "invalid_content_type", message: "Content-Type header must be application/json"}
	}
	if !rt.raw {
		if rt.access != anyone {
			if err := checkQuery((*r).URL.RawQuery); err != nil {
				return err
			}
		}
		(*r).Body = http.MaxBytesReader(w, (*r).Body, s.options.MaxBody)
	}
	return nil
}

// checkQuery refuses a query of which a part would be overlooked: a listing without
// one of its filters shows too much.
func checkQuery(raw string) error {
	values, err := url.ParseQuery(raw)
	for name, list := range values {
		for _, v := range append(list, name) {
			if !utf8.ValidString(v) {
				err = errors.New("not UTF-8")
			}
		}
	}
	if err != nil {
		return &problem{status: http.StatusBadRequest, code: "invalid_query_params", message: "The query cannot be read"}
	}
	return nil
}

func forbiddenScope(scopes []string) *problem {
	message := "Insufficient scope. Required: " + scopes[0]
	if len(scopes) > 1 {
		message = "Insufficient scope. Required one of: " + strings.Join(scopes, " or ")
	}
	return &problem{status: http.StatusForbidden, code: "forbidden", message: message}
}

func (s *server) limit(w http.ResponseWriter, r *http.Request, who *caller) error {
	if s.options.Limit == nil || who.id() == "" {
		return nil
	}
	wait := s.options.Limit(r, who.id())
	if wait <= 0 {
		return nil
	}
	retryAfter(w, wait)
	return &problem{status: http.StatusTooManyRequests, code: "too_many_request", message: "Too many requests"}
}

// retryAfter tells the caller how long to wait, in whole seconds.
func retryAfter(w http.ResponseWriter, wait time.Duration) {
	w.Header().Set("Retry-After", strconv.Itoa(int(math.Ceil(wait.Seconds()))))
}
