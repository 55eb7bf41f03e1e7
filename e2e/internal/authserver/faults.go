package authserver

import (
	"cmp"
	"encoding/json"
	"io"
	"net/http"
	"sync"
	"time"
)

// faults are answers of a token endpoint that has gone mad.
type faults struct {
	mu   sync.Mutex
	left int // how many requests more
	echo Echo
}

// Echo is an answer of a token endpoint that sends back what it was sent, as the
// description of an error.
type Echo struct {
	Status int
	// Code is the error code. Empty: that is a secret that was sent, too.
	Code string
}

// Echo makes the token endpoint answer the next n requests with e. fosite does
// not see them.
func (s *Server) Echo(n int, e Echo) {
	s.faults.mu.Lock()
	defer s.faults.mu.Unlock()
	s.faults.left, s.faults.echo = n, e
}

func (f *faults) take() (e Echo, ok bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.left == 0 {
		return Echo{}, false
	}
	f.left--
	return f.echo, true
}

func (f *faults) before(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		echo, ok := f.take()
		if !ok {
			next.ServeHTTP(w, r)
			return
		}
		body, _ := io.ReadAll(r.Body)
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(echo.Status)
		_ = json.NewEncoder(w).Encode(map[string]string{
			"error":             cmp.Or(echo.Code, firstSecret(body)),
			"error_description": string(body) + " " + r.Header.Get("Authorization"),
		})
	})
}

// after lets an endpoint do its work and then wait. Nothing of the answer leaves
// before that, since it is recorded.
func after(d time.Duration, endpoint http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		endpoint.ServeHTTP(w, r)
		if d == 0 {
			return
		}
		timer := time.NewTimer(d)
		defer timer.Stop()
		select {
		case <-timer.C:
		case <-r.Context().Done():
		}
	})
}
