package browser

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/tieline/tieline"
	"github.com/tieline/tieline/providertest"
)

// order is what a case asks of the world.
type order struct {
	User         string   `json:"user"`
	Integrations []string `json:"integrations"`
	Token        string   `json:"token"`
	Minutes      int      `json:"minutes"`
}

// state is what has come of it.
type state struct {
	Made   []string `json:"made"` // integrations of a user's connections
	Grants int      `json:"grants"`
	APIKey string   `json:"apiKey"`
}

// control is how the cases, which run in another process, act on the world.
func (w *world) control(t *testing.T) string {
	t.Helper()
	mux := http.NewServeMux()
	handle := func(path string, do func(*http.Request, order) (any, error)) {
		mux.HandleFunc("POST "+path, func(rw http.ResponseWriter, r *http.Request) {
			var o order
			err := json.NewDecoder(r.Body).Decode(&o)
			var out any
			if err == nil {
				out, err = do(r, o)
			}
			if err != nil {
				http.Error(rw, err.Error(), http.StatusInternalServerError)
				return
			}
			_ = json.NewEncoder(rw).Encode(out) // the run is over if this fails
		})
	}
	handle("/session", func(r *http.Request, o order) (any, error) {
		return w.session(r.Context(), o.User, o.Integrations)
	})
	handle("/withdraw", func(r *http.Request, o order) (any, error) {
		return nil, w.client.Sessions.Delete(r.Context(), strings.TrimPrefix(o.Token, tokenPrefix))
	})
	handle("/clock", func(_ *http.Request, o order) (any, error) {
		w.later.Store(int64(time.Duration(o.Minutes) * time.Minute))
		return nil, nil
	})
	handle("/outage", func(*http.Request, order) (any, error) { // of one call
		w.provider.Fail(providertest.Fault{Endpoint: providertest.Exchange, Status: http.StatusServiceUnavailable})
		return nil, nil
	})
	handle("/state", w.state)
	srv := httptest.NewServer(mux)
	t.Cleanup(srv.Close)
	return srv.URL
}

func (w *world) state(r *http.Request, o order) (any, error) {
	s := state{Made: []string{}, Grants: len(w.provider.Grants()), APIKey: w.provider.Credentials().APIKey}
	for c, err := range w.client.Connections.All(r.Context(), tieline.Filter{}) {
		if err != nil {
			return nil, err
		}
		if c.EndUser != nil && c.EndUser.ID == o.User {
			s.Made = append(s.Made, c.Integration)
		}
	}
	return s, nil
}
