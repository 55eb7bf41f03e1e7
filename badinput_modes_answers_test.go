package tieline

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"
)

// modeFault is a way in which an endpoint does not answer as it should.
type modeFault struct {
	name      string
	answer    func(w http.ResponseWriter, r *http.Request)
	temporary bool // trying again can help
	retry     time.Duration
}

// statusFault is an answer with a status, whose body has what must not be shown.
func statusFault(name string, status int, body string) modeFault {
	return modeFault{name: name, answer: func(w http.ResponseWriter, _ *http.Request) { jsonAnswer(w, status, body) }}
}

const shownBody = `{"error_description":"` + answerCanary + `","message":"` + answerCanary + `"}`

// modeFaults are what an endpoint may answer instead of a credential.
func modeFaults() []modeFault {
	kind := func(name, contentType, body string) modeFault {
		return modeFault{name: name, answer: func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", contentType)
			_, _ = io.WriteString(w, body)
		}}
	}
	redirect := func(name, to string) modeFault {
		return modeFault{name: name, answer: func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Location", to)
			w.WriteHeader(http.StatusTemporaryRedirect)
		}}
	}
	later := statusFault("429", http.StatusTooManyRequests, shownBody)
	later.answer = func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Retry-After", "7")
		jsonAnswer(w, http.StatusTooManyRequests, shownBody)
	}
	later.temporary, later.retry = true, 7*time.Second
	broken := statusFault("500", http.StatusInternalServerError, shownBody)
	broken.temporary = true
	return []modeFault{
		kind("HTML", "text/html", "<html><body>"+answerCanary+"</body></html>"),
		kind("truncated JSON", "application/json", `{"x":"`+answerCanary+`","y":`),
		kind("10 MB", "application/json", `{"x":"`+strings.Repeat("x", 10<<20)+answerCanary+`"}`),
		kind("empty", "application/json", ""),
		kind("array", "application/json", `["`+answerCanary+`"]`),
		kind("null", "application/json", "null"),
		redirect("redirect to a private address", "https://10.0.0.1/"),
		redirect("redirect to another host", "https://evil.test/"),
		statusFault("401", http.StatusUnauthorized, shownBody),
		statusFault("403", http.StatusForbidden, shownBody),
		later, broken,
	}
}

// passes says that a fault is no fault for an endpoint: what a server of discovery
// answers is passed over where there may be another place, and a verification looks
// at the status alone.
func (e *modeEntry) passes(role string, f modeFault) bool {
	switch role {
	case "verify":
		return !strings.HasPrefix(f.name, "redirect") && f.name != "401" && f.name != "403" && f.name != "429" && f.name != "500"
	case "discovery":
		return true
	}
	// The address of the next step is another role's business.
	return false
}

// Whatever an endpoint answers while a connection is made, the error says of what
// kind it is, nothing is stored, nobody else is asked, nothing is shown, and the
// next try succeeds.
func TestModesBadAnswers(t *testing.T) {
	t.Parallel()
	for _, e := range modeEntries() {
		for _, role := range e.ask {
			t.Run(e.name+"/"+role, func(t *testing.T) {
				t.Parallel()
				inBubble(t, e, func(t *testing.T, w *modeWorld) {
					if err := w.setUp(t.Context()); err != nil {
						t.Fatal(err)
					}
					for _, f := range modeFaults() {
						if !e.passes(role, f) {
							w.badAnswer(role, f)
						}
					}
					w.mustJoin()
				})
			})
		}
	}
}

func (w *modeWorld) badAnswer(role string, f modeFault) {
	w.t.Helper()
	before, asked := len(w.provider.Log()), w.asked(role)
	clear := w.fail(role, f)
	err := w.join(w.t.Context())
	clear()
	what := fmt.Sprintf("%s, %s at %s", w.name, f.name, role)
	if err == nil || typed(err) == "" {
		w.t.Errorf("%s: %v is of no type", what, err)
	}
	var temporary interface{ Temporary() bool }
	if errors.As(err, &temporary) && f.temporary != temporary.Temporary() && (f.temporary || strings.HasPrefix(f.name, "redirect") || f.name == "401") {
		w.t.Errorf("%s: temporary is %t: %v", what, temporary.Temporary(), err)
	}
	var token *TokenError
	if errors.As(err, &token) && token.RetryAfter != f.retry {
		w.t.Errorf("%s: retry after %s, want %s", what, token.RetryAfter, f.retry)
	}
	if n := len(w.rows(kindConnection)); n != 0 {
		w.t.Errorf("%s: %d connections are stored", what, n)
	}
	if n := len(w.rows(kindAuthorization)); n != 0 {
		w.t.Errorf("%s: %d authorizations are left", what, n)
	}
	if n := w.asked(role) - asked; n != 1 {
		w.t.Errorf("%s: asked %d times", what, n)
	}
	for _, x := range w.provider.Log()[before:] {
		if u, err := url.Parse(x.URL); err != nil || u.Host == "10.0.0.1" || u.Host == "evil.test" {
			w.t.Errorf("%s: %s was asked", what, x.URL)
		}
	}
	if n := w.events.count(EventConnected); n != 0 {
		w.t.Errorf("%s: %d events of a connection", what, n)
	}
}

// An endpoint that never answers is given up after the time that the policy gives
// it; a caller that leaves gets its own error and leaves nothing behind.
func TestModesHang(t *testing.T) {
	t.Parallel()
	hang := modeFault{name: "hang", answer: func(rw http.ResponseWriter, r *http.Request) {
		select {
		case <-r.Context().Done():
		case <-time.After(30 * time.Minute): // for who has no end in mind
			rw.WriteHeader(http.StatusGatewayTimeout)
		}
	}}
	for _, e := range modeEntries() {
		for _, role := range e.ask {
			t.Run(e.name+"/"+role, func(t *testing.T) {
				t.Parallel()
				inBubble(t, e, func(t *testing.T, w *modeWorld) {
					if err := w.setUp(t.Context()); err != nil {
						t.Fatal(err)
					}
					clear := w.fail(role, hang)
					ctx, cancel := context.WithTimeout(t.Context(), 3*time.Second)
					defer cancel()
					err := w.join(ctx)
					if !errors.Is(err, context.DeadlineExceeded) {
						t.Errorf("with a deadline: %v", err)
					}
					began := time.Now()
					long, cancel := context.WithTimeout(t.Context(), time.Hour)
					defer cancel()
					err = w.join(long)
					var unbounded error
					if took := time.Since(began); took > 90*time.Second {
						unbounded = fmt.Errorf("given up after %s only", took)
					} else if typed(err) == "" {
						unbounded = fmt.Errorf("%v is of no type", err)
					}
					gap(t, "hang/"+e.name+"/"+role, unbounded)
					clear()
					time.Sleep(time.Hour) // what was detached ends
					if n := len(w.rows(kindConnection)) + len(w.rows(kindAuthorization)); n != 0 {
						t.Errorf("%d rows are left", n)
					}
					w.mustJoin()
				})
			})
		}
	}
}

// A token with a line break could be sent in no header, or as two of them.
func TestModesTokenWithNewline(t *testing.T) {
	t.Parallel()
	for _, e := range modeEntries() {
		if e.newline == "" {
			continue
		}
		t.Run(e.name, func(t *testing.T) {
			t.Parallel()
			inBubble(t, e, func(t *testing.T, w *modeWorld) {
				if err := w.setUp(t.Context()); err != nil {
					t.Fatal(err)
				}
				role := e.ask[len(e.ask)-1]
				w.secrets["token-with"] = "the broken token"
				clear := w.fail(role, modeFault{answer: func(rw http.ResponseWriter, _ *http.Request) { jsonAnswer(rw, http.StatusOK, e.newline) }})
				err := w.join(t.Context())
				clear()
				var problem error
				if typed(err) == "" || len(w.rows(kindConnection)) != 0 {
					problem = fmt.Errorf("connect = %v, %d stored", err, len(w.rows(kindConnection)))
				}
				gap(t, "newline/"+e.name, problem)
				if err := w.join(t.Context()); err != nil {
					t.Errorf("afterwards: %v", err)
				}
			})
		})
	}
}
