package authserver

import (
	"crypto/sha256"
	"encoding/base64"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"
)

// The tests of this package are about the judge: a server that does not punish
// reuse, or does not check PKCE, would let everything pass.

const (
	callback = "http://127.0.0.1/callback"
	verifier = "a-verifier-of-at-least-forty-three-characters-and-then-some"
)

func start(t *testing.T, o Options) *Server {
	o.RedirectURI = callback
	return New(t, o)
}

// authorizationURL is a request with good parameters, changed by edit.
func authorizationURL(s *Server, edit func(url.Values)) string {
	sum := sha256.Sum256([]byte(verifier))
	q := url.Values{
		"response_type": {"code"}, "client_id": {s.ClientID}, "redirect_uri": {callback},
		"scope": {"read"}, "state": {"a-state-that-is-long-enough"},
		"code_challenge": {base64.RawURLEncoding.EncodeToString(sum[:])}, "code_challenge_method": {"S256"},
	}
	if edit != nil {
		edit(q)
	}
	return s.URL + "/authorize?" + q.Encode()
}

func code(t *testing.T, s *Server) string {
	t.Helper()
	q, err := s.Browse(t.Context(), authorizationURL(s, nil), false)
	if err != nil {
		t.Fatal(err)
	}
	if q.Get("code") == "" {
		t.Fatalf("no code but %q", q.Get("error"))
	}
	return q.Get("code")
}

func redeem(t *testing.T, s *Server, code, verifier string) Answer {
	t.Helper()
	a, err := s.Exchange(t.Context(), url.Values{
		"grant_type": {"authorization_code"}, "code": {code}, "redirect_uri": {callback}, "code_verifier": {verifier},
	})
	if err != nil {
		t.Fatal(err)
	}
	return a
}

func refresh(t *testing.T, s *Server, token string) Answer {
	t.Helper()
	a, err := s.Refresh(t.Context(), token)
	if err != nil {
		t.Fatal(err)
	}
	return a
}

func accepts(t *testing.T, s *Server, token string) bool {
	t.Helper()
	ok, err := s.Accepts(t.Context(), token)
	if err != nil {
		t.Fatal(err)
	}
	return ok
}

func TestReuseEndsTheGrant(t *testing.T) {
	t.Parallel()
	s := start(t, Options{})
	first := redeem(t, s, code(t, s), verifier)
	second := refresh(t, s, first.RefreshToken)
	if second.RefreshToken == "" || second.RefreshToken == first.RefreshToken {
		t.Fatalf("no rotation: %+v", second)
	}
	if a := refresh(t, s, first.RefreshToken); a.Status != http.StatusBadRequest || a.Error != "invalid_grant" {
		t.Errorf("reuse was answered %d %s", a.Status, a.Error)
	}
	if a := refresh(t, s, second.RefreshToken); a.Error != "invalid_grant" {
		t.Errorf("the grant outlived reuse: %d", a.Status)
	}
	if accepts(t, s, second.AccessToken) {
		t.Error("the access token outlived reuse")
	}
	var generations []int
	for _, x := range s.Referee.Exchanges() {
		generations = append(generations, x.Generation)
	}
	if want := []int{0, 1, 1, 2}; !slices.Equal(generations, want) {
		t.Errorf("the referee saw generations %v, want %v", generations, want)
	}
}

func TestAccessTokenAtRotation(t *testing.T) {
	t.Parallel()
	for _, dies := range []bool{false, true} {
		s := start(t, Options{OldAccessTokenDies: dies})
		first := redeem(t, s, code(t, s), verifier)
		if !accepts(t, s, first.AccessToken) {
			t.Error("a new access token is not accepted")
		}
		refresh(t, s, first.RefreshToken)
		if got := accepts(t, s, first.AccessToken); got == dies {
			t.Errorf("dies: %t, and yet the old access token is accepted: %t", dies, got)
		}
	}
}

func TestPKCEIsChecked(t *testing.T) {
	t.Parallel()
	s := start(t, Options{})
	if a := redeem(t, s, code(t, s), strings.ToUpper(verifier)); a.Error != "invalid_grant" || a.AccessToken != "" {
		t.Errorf("a wrong verifier was answered %d %s", a.Status, a.Error)
	}
	if a := redeem(t, s, code(t, s), ""); a.Error != "invalid_grant" || a.AccessToken != "" {
		t.Errorf("no verifier was answered %d %s", a.Status, a.Error)
	}
	for name, edit := range map[string]func(url.Values){
		"no challenge":    func(q url.Values) { q.Del("code_challenge"); q.Del("code_challenge_method") },
		"plain challenge": func(q url.Values) { q.Set("code_challenge_method", "plain") },
	} {
		q, err := s.Browse(t.Context(), authorizationURL(s, edit), false)
		if err != nil {
			t.Fatal(err)
		}
		if q.Get("error") != "invalid_request" || q.Has("code") {
			t.Errorf("%s: answered with %q", name, q.Get("error"))
		}
	}
}

func TestCodeWorksOnce(t *testing.T) {
	t.Parallel()
	s := start(t, Options{})
	c := code(t, s)
	first := redeem(t, s, c, verifier)
	if a := redeem(t, s, c, verifier); a.Error != "invalid_grant" {
		t.Errorf("a used code was answered %d %s", a.Status, a.Error)
	}
	// RFC 6749 section 4.1.2: what was issued for it is revoked.
	if accepts(t, s, first.AccessToken) {
		t.Error("the access token outlived a second use of the code")
	}
}

// The server's clock, the answer and the referee's book agree on two seconds.
func TestAccessTokenLife(t *testing.T) {
	t.Parallel()
	s := start(t, Options{})
	c := code(t, s)
	before := time.Now()
	a := redeem(t, s, c, verifier)
	after := time.Now()
	if a.ExpiresIn != 2 {
		t.Errorf("expires_in is %d", a.ExpiresIn)
	}
	book := s.Referee.Tokens()[Hash(a.AccessToken)]
	if book.Generation != 1 || book.Expires.Before(before.Add(AccessTokenLife)) || book.Expires.After(after.Add(AccessTokenLife)) {
		t.Errorf("asked between %v and %v, the book has %+v", before, after, book)
	}
	timer := time.NewTimer(time.Until(book.Expires))
	<-timer.C
	if accepts(t, s, a.AccessToken) {
		t.Error("accepted after it had expired")
	}
}

func TestRefereeKeepsSecrets(t *testing.T) {
	t.Parallel()
	s := start(t, Options{})
	c := code(t, s)
	a := redeem(t, s, c, verifier)
	b := refresh(t, s, a.RefreshToken)
	secrets := s.Referee.Secrets()
	for name, v := range map[string]string{
		"state": "a-state-that-is-long-enough", "code": c, "verifier": verifier,
		"access token": a.AccessToken, "refresh token": a.RefreshToken, "next access token": b.AccessToken, "next refresh token": b.RefreshToken,
	} {
		if !slices.Contains(secrets, v) {
			t.Errorf("the %s is missing", name)
		}
	}
}
