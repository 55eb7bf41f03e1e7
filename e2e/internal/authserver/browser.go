package authserver

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
)

// ErrNotSentBack: the user stays at the server, with its page of an error.
var ErrNotSentBack = errors.New("the server did not send the browser back")

// Browse does what a user's browser does with an authorization URL, and returns
// the query with which it comes back to the application. A user who denies says
// no on the consent page.
func (s *Server) Browse(ctx context.Context, authorizationURL string, deny bool) (url.Values, error) {
	if deny {
		authorizationURL += "&" + Deny
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, authorizationURL, nil)
	if err != nil {
		return nil, err
	}
	resp, err := s.client().Do(req)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	location, err := resp.Location()
	if err != nil {
		return nil, fmt.Errorf("%w: %s", ErrNotSentBack, resp.Status)
	}
	// RFC 6749 section 4.1.2 has the answer in the query.
	if location.Fragment != "" {
		return nil, fmt.Errorf("the server answered in a fragment")
	}
	return location.Query(), nil
}

// Answer is what the token endpoint said.
type Answer struct {
	Status       int
	AccessToken  string `json:"access_token"`
	RefreshToken string `json:"refresh_token"`
	ExpiresIn    int    `json:"expires_in"`
	Error        string `json:"error"`
}

// Exchange asks the token endpoint in the name of the server's client, as an
// application would that has no library.
func (s *Server) Exchange(ctx context.Context, form url.Values) (Answer, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, s.URL+"/token", strings.NewReader(form.Encode()))
	if err != nil {
		return Answer{}, err
	}
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	req.SetBasicAuth(url.QueryEscape(s.ClientID), url.QueryEscape(s.ClientSecret))
	resp, err := s.client().Do(req)
	if err != nil {
		return Answer{}, err
	}
	defer resp.Body.Close()
	a := Answer{Status: resp.StatusCode}
	return a, json.NewDecoder(resp.Body).Decode(&a)
}

// Refresh is an [Server.Exchange] of a refresh token.
func (s *Server) Refresh(ctx context.Context, token string) (Answer, error) {
	return s.Exchange(ctx, url.Values{"grant_type": {"refresh_token"}, "refresh_token": {token}})
}

// Accepts asks the resource server whether an access token is good.
func (s *Server) Accepts(ctx context.Context, token string) (bool, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, s.URL+"/api/me", nil)
	if err != nil {
		return false, err
	}
	req.Header.Set("Authorization", "Bearer "+token)
	resp, err := s.client().Do(req)
	if err != nil {
		return false, err
	}
	defer resp.Body.Close()
	switch resp.StatusCode {
	case http.StatusOK:
		return true, nil
	case http.StatusUnauthorized:
		return false, nil
	default:
		return false, fmt.Errorf("the resource server answered %s", resp.Status)
	}
}

// client follows no redirect and keeps no connection.
func (s *Server) client() *http.Client {
	return &http.Client{
		Transport:     &http.Transport{DisableKeepAlives: true, TLSClientConfig: &tls.Config{RootCAs: s.Roots()}},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
}

// Roots are those that vouch for the server, nil without TLS.
func (s *Server) Roots() *x509.CertPool {
	if !s.options.TLS {
		return nil
	}
	pool := x509.NewCertPool()
	pool.AddCert(s.http.Certificate())
	return pool
}

// Active asks the introspection endpoint whether a token is good.
func (s *Server) Active(ctx context.Context, token string) (bool, error) {
	t, err := s.Introspect(ctx, token)
	return t.Active, err
}

// Introspection is what the introspection endpoint says about a token (RFC 7662
// section 2.2).
type Introspection struct {
	Active   bool   `json:"active"`
	Scope    string `json:"scope"`
	Subject  string `json:"sub"`
	ClientID string `json:"client_id"`
	Expires  int64  `json:"exp"`
}

// Introspect asks the introspection endpoint about a token, as a resource server
// does: in the name of the server's client, which has to have a secret.
func (s *Server) Introspect(ctx context.Context, token string) (Introspection, error) {
	form := url.Values{"token": {token}}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, s.URL+"/introspect", strings.NewReader(form.Encode()))
	if err != nil {
		return Introspection{}, err
	}
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	req.SetBasicAuth(url.QueryEscape(s.ClientID), url.QueryEscape(s.ClientSecret))
	resp, err := s.client().Do(req)
	if err != nil {
		return Introspection{}, err
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return Introspection{}, fmt.Errorf("the introspection endpoint answered %s", resp.Status)
	}
	var answer Introspection
	return answer, json.NewDecoder(resp.Body).Decode(&answer)
}
