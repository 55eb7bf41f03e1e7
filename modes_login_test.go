package tieline

import (
	"encoding/base64"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"
)

// lifeEntry is a login whose answer is as the test wants it.
func lifeEntry(rest string) modeEntry {
	return modeEntry{name: "life", mode: ModeTwoStep, yaml: `
  token_url: https://vendor.test/login
  token_params: {user: "${credentials.username}", pass: "${credentials.password}"}
  credentials: {username: {type: string, title: U}, password: {type: string, title: P, secret: true}}
  proxy: {base_url: https://api.vendor.test}
` + rest}
}

// tokenUntil is an unsigned JWT that says how long it is good for.
func tokenUntil(life time.Duration) string {
	part := func(s string) string { return base64.RawURLEncoding.EncodeToString([]byte(s)) }
	return part(`{"alg":"none"}`) + "." + part(fmt.Sprintf(`{"exp":%d}`, bubbleStart.Add(life).Unix())) + "." + part("x")
}

// bubbleStart is when time begins in a bubble of testing/synctest.
var bubbleStart = time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC)

const (
	inAnswer = "  token_response: {token: token, token_expiration: exp, token_expiration_strategy: expireIn}\n"
	atAnswer = "  token_response: {token: token, token_expiration: exp, token_expiration_strategy: expireAt}\n"
	noAnswer = "  token_response: {token: token}\n"
)

// The lives that the answers of logins speak of, in all the ways that they do.
func TestModesLoginExpiry(t *testing.T) {
	t.Parallel()
	at := bubbleStart.Add(2 * time.Hour)
	tests := []struct {
		name, yaml, exp string
		token           string // empty: "t"
		want            time.Duration
	}{
		{name: "seconds", yaml: inAnswer, exp: `3600`, want: time.Hour},
		{name: "seconds as text", yaml: inAnswer, exp: `"3600"`, want: time.Hour},
		{name: "seconds with a fraction", yaml: inAnswer, exp: `1.5e3`, want: 25 * time.Minute},
		{name: "words", yaml: inAnswer, exp: `"15m"`, want: 15 * time.Minute},
		{name: "long words", yaml: inAnswer, exp: `"2 days"`, want: 48 * time.Hour},
		{name: "capitals", yaml: inAnswer, exp: `"1H"`, want: time.Hour},
		{name: "zero", yaml: inAnswer, exp: `0`},
		{name: "negative", yaml: inAnswer, exp: `-5`},
		{name: "nonsense", yaml: inAnswer, exp: `"soon"`},
		{name: "absurd", yaml: inAnswer, exp: `1e300`},
		{name: "not a number", yaml: inAnswer, exp: `"NaN"`},
		{name: "infinite", yaml: inAnswer, exp: `"Inf"`},
		{name: "null", yaml: inAnswer, exp: `null`},
		{name: "object", yaml: inAnswer, exp: `{"a":1}`},
		{name: "epoch", yaml: atAnswer, exp: fmt.Sprint(at.Unix()), want: 2 * time.Hour},
		{name: "epoch as text", yaml: atAnswer, exp: fmt.Sprintf("%q", fmt.Sprint(at.Unix())), want: 2 * time.Hour},
		{name: "epoch in ms", yaml: atAnswer, exp: fmt.Sprint(at.UnixMilli()), want: 2 * time.Hour},
		{name: "ISO", yaml: atAnswer, exp: `"2000-01-01T02:00:00Z"`, want: 2 * time.Hour},
		{name: "ISO with a zone", yaml: atAnswer, exp: `"2000-01-01T05:00:00+03:00"`, want: 2 * time.Hour},
		{name: "ISO with ms", yaml: atAnswer, exp: `"2000-01-01T02:00:00.500Z"`, want: 2*time.Hour + 500*time.Millisecond},
		{name: "ISO without a zone", yaml: atAnswer, exp: `"2000-01-01T02:00:00"`, want: 2 * time.Hour},
		{name: "days, hours, minutes", yaml: atAnswer, exp: `"1:02:30"`, want: 26*time.Hour + 30*time.Minute},
		{name: "in the past", yaml: atAnswer, exp: `"1999-01-01T00:00:00Z"`},
		{name: "no date", yaml: atAnswer, exp: `"tomorrow"`},
		{name: "JWT", yaml: noAnswer, exp: `null`, token: tokenUntil(90 * time.Minute), want: 90 * time.Minute},
		{name: "JWT that is over", yaml: noAnswer, exp: `null`, token: tokenUntil(-time.Minute)},
		{name: "the answer before the JWT", yaml: inAnswer, exp: `600`, token: tokenUntil(90 * time.Minute), want: 10 * time.Minute},
		{name: "fixed", yaml: noAnswer + "  token_expires_in_ms: 1200000\n", exp: `null`, want: 20 * time.Minute},
		{name: "the answer before what is fixed", yaml: inAnswer + "  token_expires_in_ms: 1200000\n", exp: `60`, want: time.Minute},
		{name: "never", yaml: noAnswer + "  token_expires_in_ms: 0\n", exp: `null`},
		{name: "nobody says", yaml: noAnswer, exp: `60`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			inBubble(t, lifeEntry(tt.yaml), func(t *testing.T, w *modeWorld) {
				token := "t"
				if tt.token != "" {
					token = tt.token
				}
				w.fail("token", statusFault("", http.StatusOK, fmt.Sprintf(`{"token":%q,"exp":%s}`, token, tt.exp)))
				if err := w.setUp(t.Context()); err != nil {
					t.Fatal(err)
				}
				if err := w.join(t.Context()); err != nil {
					t.Fatal(err)
				}
				cred, err := w.Connections.Credential(t.Context(), "key", "alice")
				if err != nil {
					t.Fatal(err)
				}
				var got time.Duration
				if at := cred.Expiry(); !at.IsZero() {
					got = at.Sub(bubbleStart)
				}
				if got != tt.want {
					t.Errorf("it lives %s, want %s", got, tt.want)
				}
			})
		})
	}
}

const keptYAML = noAnswer + `
  token_response_headers: [X-Csrf-Token, Set-Cookie]
  token_expires_in_ms: 600000
`

// Headers and cookies of the answer are part of the credential: they go with every
// call, and a refresh replaces them.
func TestModesLoginHeaders(t *testing.T) {
	t.Parallel()
	e := lifeEntry(keptYAML)
	e.yaml = strings.Replace(e.yaml, "{base_url: https://api.vendor.test}",
		`{base_url: https://api.vendor.test, headers: {cookie: "${credentials._cookies}", x-csrf-token: "${credentials.X-Csrf-Token}", x-one: "${credentials.session}"}}`, 1)
	inBubble(t, e, func(t *testing.T, w *modeWorld) {
		n := 0
		w.provider.Fail("token", func(rw http.ResponseWriter, _ *http.Request) bool {
			n++
			rw.Header().Set("X-Csrf-Token", fmt.Sprintf("csrf-%d", n))
			rw.Header().Add("Set-Cookie", fmt.Sprintf("session=s%d; Path=/; HttpOnly", n))
			rw.Header().Add("Set-Cookie", "node=1")
			rw.Header().Add("Set-Cookie", "=broken")
			jsonAnswer(rw, http.StatusOK, `{"token":"t"}`)
			return true
		})
		var got http.Header
		w.provider.Override.API = func(r *http.Request) (int, any) {
			got = r.Header.Clone()
			return http.StatusOK, map[string]any{}
		}
		w.mustJoin()
		for i := 1; i <= 2; i++ {
			if i == 2 {
				time.Sleep(time.Hour)
			}
			if err := w.call(t.Context()); err != nil {
				t.Fatal(err)
			}
			want := fmt.Sprintf("node=1; session=s%d|csrf-%d", i, i)
			if have := got.Get("Cookie") + "|" + got.Get("X-Csrf-Token"); have != want {
				t.Errorf("call %d: %q, want %q", i, have, want)
			}
		}
	})
}

// Where the answer is the token, a page that tells of an error is none.
func TestModesLoginPlainToken(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		kind, body, want string
	}{
		"text":  {"text/plain", " the-token\n", "the-token"},
		"JSON":  {"application/json", `"the-token"`, "the-token"},
		"HTML":  {"text/html", "<html><body>" + answerCanary + "</body></html>", ""},
		"lines": {"text/plain", "Sorry.\nTry again later.", ""},
		"empty": {"text/plain", " \n", ""},
		"long":  {"text/plain", strings.Repeat("x", 20<<10), ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			inBubble(t, lifeEntry("  token_response: {token: \"\"}\n  token_expires_in_ms: 600000\n"), func(t *testing.T, w *modeWorld) {
				w.fail("token", modeFault{answer: func(rw http.ResponseWriter, _ *http.Request) {
					rw.Header().Set("Content-Type", tt.kind)
					_, _ = rw.Write([]byte(tt.body))
				}})
				if err := w.setUp(t.Context()); err != nil {
					t.Fatal(err)
				}
				err := w.join(t.Context())
				got := ""
				if err == nil {
					cred, cerr := w.Connections.Credential(t.Context(), "key", "alice")
					if cerr != nil {
						t.Fatal(cerr)
					}
					got = cred.(*TwoStep).Token.Reveal()
				}
				var problem error
				if got != tt.want || got == "" && typed(err) == "" {
					problem = fmt.Errorf("the token is %q, %w", got, errOrNone(err))
				}
				gap(t, "plain/"+name, problem)
			})
		})
	}
}

// Every step of a login that fails is named by the answer that it got, and the ones
// after it are not made.
func TestModesLoginStops(t *testing.T) {
	t.Parallel()
	inBubble(t, modeNamed(t, "login-steps"), func(t *testing.T, w *modeWorld) {
		if err := w.setUp(t.Context()); err != nil {
			t.Fatal(err)
		}
		for _, tt := range []struct{ role, next, body string }{
			{"token", "step2", `{"nothing":1}`},
			{"step2", "step3", `{}`},
			{"step3", "", `{"data":{}}`},
		} {
			clear := w.fail(tt.role, statusFault("", http.StatusOK, tt.body))
			err := w.join(t.Context())
			clear()
			if typed(err) == "" || len(w.rows(kindConnection)) > 0 {
				t.Errorf("%s without what the next needs: %v", tt.role, err)
			}
			if tt.next != "" && w.asked(tt.next) > 0 {
				t.Errorf("%s was made", tt.next)
			}
		}
		w.mustJoin()
	})
}
