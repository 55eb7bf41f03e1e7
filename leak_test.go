package tieline

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net/url"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"net/http"

	"github.com/tieline/tieline/providertest"
	"github.com/tieline/tieline/store"
)

// ear hears every secret that passes between a Client and its provider.
type ear struct {
	next http.RoundTripper
	mu   sync.Mutex
	all  map[string]string // secret to what it is
}

func (e *ear) hear(what, secret string) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if len(secret) >= 8 {
		e.all[secret] = what
	}
}

func (e *ear) RoundTrip(req *http.Request) (*http.Response, error) {
	if req.Body != nil {
		b, err := io.ReadAll(req.Body)
		if err != nil {
			return nil, err
		}
		req = req.Clone(req.Context())
		req.Body = io.NopCloser(bytes.NewReader(b))
		if form, err := url.ParseQuery(string(b)); err == nil {
			for name, v := range form {
				if name != "grant_type" && name != "redirect_uri" && name != "client_id" && name != "token_type_hint" {
					e.hear(name, v[0])
				}
			}
		}
	}
	e.hear("authorization header", strings.TrimPrefix(req.Header.Get("Authorization"), "Bearer "))
	resp, err := e.next.RoundTrip(req)
	if err != nil {
		return nil, err
	}
	b, err := io.ReadAll(resp.Body)
	resp.Body.Close()
	resp.Body = io.NopCloser(bytes.NewReader(b))
	for _, name := range []string{"access_token", "refresh_token", "error_description"} {
		if _, rest, ok := strings.Cut(string(b), `"`+name+`":"`); ok {
			v, _, _ := strings.Cut(rest, `"`)
			e.hear(name, v)
		}
	}
	return resp, err
}

// TestNothingIsShown walks through every flow, with every fault, with debug
// logging, and looks for every secret that there was in everything that comes
// out: logs, events, what a Tracer is told, errors, and the rows of the Store.
func TestNothingIsShown(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		n := &notes{}
		w := newWorld(t, traced(n))
		heard := &ear{next: w.provider.RoundTripper(), all: map[string]string{}}
		w.core.tokenHTTP, w.core.apiHTTP = heard, heard
		for _, name := range []string{"acme", "acme-key", "acme-basic", "acme-cc"} {
			w.integration(name, name)
		}
		cred := w.provider.Credentials()
		for what, v := range map[string]string{"client secret": cred.ClientSecret, "API key": cred.APIKey, "password": cred.Password, "user name": cred.Username} {
			heard.hear(what, v)
		}
		var shown bytes.Buffer
		note := func(err error) {
			for ; err != nil; err = errors.Unwrap(err) {
				fmt.Fprintf(&shown, "%v %+v %#v %q\n", err, err, err, err)
				if _, ok := err.(interface{ Unwrap() []error }); ok {
					break
				}
			}
		}
		w.everyFlow(heard, note)
		w.everyFault(note)
		if err := w.Close(t.Context()); err != nil {
			t.Fatal(err)
		}

		w.events.mu.Lock()
		for _, e := range w.events.all {
			fmt.Fprintf(&shown, "%v %+v %#v\n", e, e, e)
			note(e.Err)
		}
		w.events.mu.Unlock()
		for _, o := range n.told() {
			o.Cause = nil // the caller's own
			fmt.Fprintf(&shown, "%v %+v %#v\n", o, o, o)
			note(o.Err)
		}
		for _, kind := range []store.Kind{kindIntegration, kindConnection, kindAuthorization} {
			for _, row := range w.rows(kind) {
				fmt.Fprintf(&shown, "%s %s %s %s\n", row.ID, row.Unique, row.Labels, row.Data)
			}
		}
		out := shown.String() + w.log.String()
		if len(heard.all) < 20 || !strings.Contains(out, "refresh_failed") {
			t.Fatalf("only %d secrets were heard; the test looks at nothing", len(heard.all))
		}
		for secret, what := range heard.all {
			for form, v := range spellings(secret) {
				if strings.Contains(out, v) {
					t.Errorf("%s is shown, %s", what, form)
				}
			}
		}
	})
}

func spellings(s string) map[string]string {
	j := fmt.Sprintf("%q", s)
	return map[string]string{
		"as it is": s, "quoted": j[1 : len(j)-1], "in a URL": url.QueryEscape(s), "in a path": url.PathEscape(s), "in hex": hex.EncodeToString([]byte(s)),
		"in base64": base64.StdEncoding.EncodeToString([]byte(s)), "in base64url": base64.RawURLEncoding.EncodeToString([]byte(s)),
	}
}

func (w *world) everyFlow(heard *ear, note func(error)) {
	a, callback := w.consent("acme", AuthorizeOptions{ConnectionID: "alice", Metadata: []byte(`{"x":1}`)})
	u, err := url.Parse(a.URL)
	note(err)
	heard.hear("state", u.Query().Get("state"))
	heard.hear("binding", a.Binding.Reveal())
	heard.hear("code", callback.Get("code"))
	_, err = w.Connections.Complete(w.t.Context(), "wrong-binding-wrong-binding", callback)
	note(err)
	_, err = w.Connections.Complete(w.t.Context(), a.Binding.Reveal(), callback)
	note(err)
	_, err = w.Connections.Complete(w.t.Context(), a.Binding.Reveal(), callback)
	note(err)
	for _, name := range []string{"acme-key", "acme-basic", "acme-cc"} {
		_, err = w.Connections.Create(w.t.Context(), name, "alice", w.goodInput(name))
		note(err)
		resp, err := w.Connections.HTTPClient(name, "alice").Get("/me")
		note(err)
		resp.Body.Close()
		_, err = w.Connections.Verify(w.t.Context(), name, "alice")
		note(err)
	}
	heard.hear("dead key", "dead-api-key-canary")
	dead := ConnectionInput{Credential: &APIKey{Key: NewSecret("dead-api-key-canary")}, SkipVerification: true}
	_, err = w.Connections.Import(w.t.Context(), "acme-key", "dead", dead)
	note(err)
	if verdict, err := w.Connections.Verify(w.t.Context(), "acme-key", "dead"); verdict != VerdictRefused {
		w.t.Errorf("Verify = %q, %v", verdict, err)
	} else {
		note(err)
	}
	_, err = w.Connections.Create(w.t.Context(), "acme-key", "bob", ConnectionInput{Credential: &APIKey{Key: NewSecret("wrong-api-key-canary")}})
	note(err)
	heard.hear("wrong key", "wrong-api-key-canary")
	w.credential()
	_, err = w.Connections.Refresh(w.t.Context(), "acme", "alice", nil)
	note(err)
	b, denied := w.consent("acme", AuthorizeOptions{ConnectionID: "carol"})
	heard.hear("second binding", b.Binding.Reveal())
	denied.Set("error", "access_denied")
	denied.Set("error_description", "canary-description")
	heard.hear("description", "canary-description")
	_, err = w.Connections.Complete(w.t.Context(), b.Binding.Reveal(), denied)
	note(err)
	w.connect("acme", "dave")
	note(w.Connections.Delete(w.t.Context(), "acme", "dave", DeleteOptions{}))
	_, _ = w.consent("acme", AuthorizeOptions{ConnectionID: "pending"})
}

// everyFault answers refreshes with everything that may echo what was sent.
func (w *world) everyFault(note func(error)) {
	echo := func(a *providertest.Answer) {
		if g := w.provider.Grants(); len(g) > 0 {
			a.Body = []byte(`{"error":"` + g[0].RefreshToken + `","error_description":"` + g[0].RefreshToken + `"}`)
		}
	}
	for _, f := range []providertest.Fault{
		{Status: 500}, {Status: 503, RetryAfter: "1"}, {OAuthError: "invalid_client"}, {Body: "<html>"}, {Refused: true}, {Dropped: true},
		{Redirect: "https://evil.example/"}, {Truncated: true}, {Status: 400, Edit: echo}, {Omit: []string{"access_token"}}, {OAuthError: "invalid_grant"},
		{Fields: map[string]any{"token_type": map[string]int{"a": 1}}},
	} {
		f.Endpoint, f.Times = providertest.Refresh, 1
		clear := w.provider.Fail(f)
		_, err := w.Connections.Refresh(w.t.Context(), "acme", "alice", nil)
		note(err)
		clear()
		time.Sleep(time.Hour)
		_, err = w.Connections.Credential(w.t.Context(), "acme", "alice")
		note(err)
	}
	w.provider.RevokeAll()
	_, err := w.Connections.Refresh(w.t.Context(), "acme", "alice", nil)
	note(err)
}
