package authserver

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/url"
	"time"
)

// request is what the referee reads of a request to the token endpoint.
type request struct {
	grantType, presented, clientID string
}

// answer is what it reads of the answer.
type answer struct {
	AccessToken  string `json:"access_token"`
	RefreshToken string `json:"refresh_token"`
	Error        string `json:"error"`

	status  int
	expires time.Time
}

// secretParams are parameters of a token request that are nobody's business. The
// verifier comes first: it is short enough to pass for an error code.
var secretParams = []string{"code_verifier", "refresh_token", "code", "client_secret"}

// watch writes down every exchange at the endpoint behind it, and changes none.
func (r *Referee) watch(endpoint http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		body, err := io.ReadAll(http.MaxBytesReader(w, req.Body, 1<<20))
		if err != nil {
			http.Error(w, "unreadable request", http.StatusBadRequest)
			return
		}
		form, _ := url.ParseQuery(string(body))
		for _, name := range secretParams {
			r.keep(form.Get(name))
		}
		r.keep(req.Header.Get("Authorization"))
		index := r.arrive(request{
			grantType: form.Get("grant_type"), presented: form.Get("refresh_token") + form.Get("code"), clientID: form.Get("client_id"),
		})

		var out answer
		req.Body = io.NopCloser(bytes.NewReader(body))
		req = req.WithContext(context.WithValue(req.Context(), expiryKey{}, &out.expires))
		recorded := httptest.NewRecorder()
		endpoint.ServeHTTP(recorded, req)

		// What cannot be read has no token in it.
		_ = json.Unmarshal(recorded.Body.Bytes(), &out)
		out.status = recorded.Code
		r.keep(out.AccessToken, out.RefreshToken)
		// Written down first: whoever has the answer finds it in the book.
		r.leave(index, out)
		maps.Copy(w.Header(), recorded.Header())
		w.WriteHeader(recorded.Code)
		_, _ = w.Write(recorded.Body.Bytes())
	})
}

// expiryKey is where a request's context has the place for the expiry of the
// token that is issued to it.
type expiryKey struct{}

// noteExpiry tells the referee when an access token expires. The answer says it
// in whole seconds, and not from when.
func noteExpiry(ctx context.Context, at time.Time) {
	if p, ok := ctx.Value(expiryKey{}).(*time.Time); ok {
		*p = at
	}
}

// firstSecret is a secret of a token request.
func firstSecret(body []byte) string {
	form, _ := url.ParseQuery(string(body))
	for _, name := range secretParams {
		if v := form.Get(name); v != "" {
			return v
		}
	}
	return ""
}
