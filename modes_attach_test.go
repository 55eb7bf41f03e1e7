package tieline

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/tieline/tieline/providertest"
)

// bodyEntry is an API that wants the credential in the body of each call.
var bodyEntry = modeEntry{name: "body", mode: ModeTwoStep, yaml: `
  token_url: https://vendor.test/login
  token_params: {user: "${credentials.username}", pass: "${credentials.password}"}
  token_response: {token: token}
  token_expires_in_ms: 3600000
  credentials: {username: {type: string, title: U}, password: {type: string, title: P, secret: true}}
  proxy:
    base_url: https://api.vendor.test
    body: {session: "${accessToken}", auth: {deep: {er: "${credentials.username}"}, version: "2"}}
`}

// seen is a request as it came to the API.
type seen struct {
	mu   sync.Mutex
	all  []string // bodies
	kind string
}

// watch has the API keep what it gets, and answer with the status that next says.
func (w *modeWorld) watch(status func(n int) int) *seen {
	s := &seen{}
	w.provider.Fail("api", func(rw http.ResponseWriter, r *http.Request) bool {
		b, err := io.ReadAll(r.Body)
		if err != nil {
			w.t.Error(err)
		}
		s.mu.Lock()
		defer s.mu.Unlock()
		s.all, s.kind = append(s.all, string(b)), r.Header.Get("Content-Type")
		jsonAnswer(rw, status(len(s.all)), "{}")
		return true
	})
	return s
}

func always(status int) func(int) int { return func(int) int { return status } }

// tokens has the login give t1, t2, ...
func (w *modeWorld) tokens() {
	n := 0
	w.provider.Fail("token", func(rw http.ResponseWriter, _ *http.Request) bool {
		n++
		jsonAnswer(rw, http.StatusOK, fmt.Sprintf(`{"token":"t%d"}`, n))
		return true
	})
}

// connectOnly makes integration and connection, without a call.
func (w *modeWorld) connectOnly() {
	w.t.Helper()
	if err := w.setUp(w.t.Context()); err != nil {
		w.t.Fatal(err)
	}
	if err := w.join(w.t.Context()); err != nil {
		w.t.Fatal(err)
	}
}

func (w *modeWorld) send(method, kind string, body io.Reader) error {
	req, err := http.NewRequestWithContext(w.t.Context(), method, "/v1/things", body)
	if err != nil {
		return err
	}
	if kind != "" {
		req.Header.Set("Content-Type", kind)
	}
	resp, err := w.Connections.HTTPClient("key", "alice").Do(req)
	if err != nil {
		return w.note(err)
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return fmt.Errorf("status %d", resp.StatusCode)
	}
	return nil
}

const formKind = "application/x-www-form-urlencoded"

// What every body is to have is put into it, as deep as it goes, and the rest of it
// stays as it was.
func TestModesBodyIsMerged(t *testing.T) {
	t.Parallel()
	inBubble(t, bodyEntry, func(t *testing.T, w *modeWorld) {
		w.tokens()
		w.connectOnly()
		api := w.watch(always(http.StatusOK))
		name := w.in.Credentials["username"]
		quoted, err := json.Marshal(name)
		if err != nil {
			t.Fatal(err)
		}
		added := `{"auth":{"deep":{"er":` + string(quoted) + `},"version":"2"},"session":"t1"}`
		for _, tt := range []struct{ method, kind, body, want string }{
			{"POST", "", "", added},
			{"POST", "application/json", "  \n", added},
			{"PUT", "application/json", `{"n":12345678901234567890.10,"auth":{"own":true,"version":"1","deep":{"own":null}}}`,
				`{"auth":{"deep":{"er":` + string(quoted) + `,"own":null},"own":true,"version":"2"},"n":12345678901234567890.10,"session":"t1"}`},
			{"PATCH", "application/json", `{"auth":"text","session":["mine"]}`, added},
			{"DELETE", "", "", added},
			{"POST", formKind, "a=1&a=2&session=mine&b=%26", "a=1&a=2&b=%26&session=t1"},
			{"POST", formKind + "; charset=utf-8", "", "session=t1"},
			{"GET", "", "", ""},
			{"HEAD", "", "", ""},
		} {
			if err := w.send(tt.method, tt.kind, reader(tt.body)); err != nil {
				t.Errorf("%s %q: %v", tt.method, tt.body, err)
				continue
			}
			if diff := cmp.Diff(tt.want, api.all[len(api.all)-1]); diff != "" {
				t.Errorf("%s %q (-want +got):\n%s", tt.method, tt.body, diff)
			}
		}
		if err := w.send("POST", "", nil); err != nil || api.kind != "application/json" {
			t.Errorf("the type of a body that is made: %q, %v", api.kind, err)
		}
	})
}

func reader(s string) io.Reader {
	if s == "" {
		return nil
	}
	return strings.NewReader(s)
}

// A body that nothing can be put into is refused and not sent.
func TestModesBodyIsRefused(t *testing.T) {
	t.Parallel()
	inBubble(t, bodyEntry, func(t *testing.T, w *modeWorld) {
		w.tokens()
		w.connectOnly()
		api := w.watch(always(http.StatusOK))
		w.secrets[valueCanary] = "the body"
		for name, tt := range map[string]struct{ kind, body string }{
			"array": {"application/json", `["` + valueCanary + `"]`}, "null": {"application/json", "null"}, "text": {"text/plain", valueCanary},
			"cut off": {"application/json", `{"a":"` + valueCanary}, "form": {formKind, "a=%zz" + valueCanary},
			"two values": {"application/json", `{"a":1}{"b":"` + valueCanary + `"}`},
		} {
			err := w.send("POST", tt.kind, reader(tt.body))
			var problem error
			if !slices.Contains(fieldErrorsOf(unwrapURL(err)), "body") || len(api.all) > 0 {
				problem = fmt.Errorf("%w, sent %d times", errOrNone(err), len(api.all))
			}
			gap(t, "body/"+name, problem)
			api.all = nil
		}
		err := w.send("POST", "application/json", &zeros{n: maxSigned + 1})
		if !slices.Contains(fieldErrorsOf(unwrapURL(err)), "body") || len(api.all) > 0 {
			t.Errorf("33 MB: %v", err)
		}
		if err := w.send("POST", "application/json", reader("{}")); err != nil {
			t.Errorf("afterwards: %v", err)
		}
	})
}

// unwrapURL takes off what http.Client puts around.
func unwrapURL(err error) error {
	var wrapped *url.Error
	if errors.As(err, &wrapped) {
		return wrapped.Err
	}
	return err
}

// zeros are n bytes that nobody has a second time.
type zeros struct{ n, read int }

func (z *zeros) Read(p []byte) (int, error) {
	if z.read == z.n {
		return 0, io.EOF
	}
	n := min(len(p), z.n-z.read)
	clear(p[:n])
	z.read += n
	return n, nil
}

// A request that was answered 401 is sent once more, with the new credential in
// its body, if the caller's body can be had again, and else not.
func TestModesReplay(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		body io.Reader
		want []string // the sessions
	}{
		"again":     {strings.NewReader(`{"a":1}`), []string{"t1", "t2"}},
		"only once": {struct{ io.Reader }{strings.NewReader(`{"a":1}`)}, []string{"t1"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			inBubble(t, bodyEntry, func(t *testing.T, w *modeWorld) {
				w.tokens()
				w.connectOnly()
				time.Sleep(15 * time.Minute)
				api := w.watch(func(n int) int {
					if n == 1 {
						return http.StatusUnauthorized
					}
					return http.StatusOK
				})
				err := w.send("POST", "application/json", tt.body)
				if (err == nil) != (len(tt.want) == 2) {
					t.Errorf("Do = %v", err)
				}
				var sessions []string
				for _, b := range api.all {
					var got struct {
						A       int
						Session string
					}
					if err := json.Unmarshal([]byte(b), &got); err != nil || got.A != 1 {
						t.Errorf("%s: %v", b, err)
					}
					sessions = append(sessions, got.Session)
				}
				if diff := cmp.Diff(tt.want, sessions); diff != "" {
					t.Errorf("-want +got:\n%s", diff)
				}
			})
		})
	}
}

// A form is part of what OAuth 1 signs (RFC 5849 section 3.4.1.3.1), any other body
// is not, and both arrive as they are.
func TestModesOAuth1Bodies(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"oauth1", "tba"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			inBubble(t, modeNamed(t, name), func(t *testing.T, w *modeWorld) {
				w.mustJoin()
				for _, tt := range []struct{ kind, body string }{
					{formKind, "a=1&a=2&b=%26%3D&c=%C3%A9&d=x+y&=&e"}, {formKind + "; charset=utf-8", "status=Hello%21+%28a%29"}, {formKind, "oauth_x=1"},
					{"application/json", `{"a":"b&c=d"}`}, {"text/plain", "a=b&c=d"},
				} {
					err := w.send("POST", tt.kind, strings.NewReader(tt.body))
					log := w.provider.Log()
					var problem error
					if err != nil || string(log[len(log)-1].Body) != tt.body {
						problem = fmt.Errorf("%q: %w, arrived as %q; %q", tt.body, errOrNone(err), log[len(log)-1].Body, w.provider.Problems())
					}
					gap(t, fmt.Sprintf("form/%s/%s", name, tt.body), problem)
				}
			})
		})
	}
}

// Only S3 takes a body that nobody has read yet; everything else is read, signed and
// sent, up to a limit.
func TestModesStreams(t *testing.T) {
	t.Parallel()
	for service, tt := range map[string]struct {
		stream  bool // of which GetBody is nil
		size    int
		hashed  bool
		refused bool
	}{
		"s3 stream":          {stream: true, size: 64 << 10},
		"s3 large stream":    {stream: true, size: maxSigned + 1},
		"s3 bytes":           {size: 1000, hashed: true},
		"execute-api stream": {stream: true, size: 64 << 10, hashed: true},
		"execute-api large":  {stream: true, size: maxSigned + 1, refused: true},
		"execute-api bytes":  {size: 1000, hashed: true},
	} {
		t.Run(service, func(t *testing.T) {
			t.Parallel()
			e := modeNamed(t, "aws")
			in := e.in
			e.in = func(i *providertest.Inputs) { in(i); i.IntegrationConfig["service"], _, _ = strings.Cut(service, " ") }
			inBubble(t, e, func(t *testing.T, w *modeWorld) {
				w.connectOnly()
				peek := &peeking{next: w.provider}
				w.core.apiHTTP = peek
				body := io.Reader(bytes.NewReader(make([]byte, tt.size)))
				source := &zeros{n: tt.size}
				if tt.stream {
					body, peek.source = source, source
				}
				err := w.send("PUT", "application/octet-stream", body)
				if tt.refused {
					if !slices.Contains(fieldErrorsOf(unwrapURL(err)), "body") || peek.calls > 0 {
						t.Errorf("Do = %v, sent %d times", err, peek.calls)
					}
					return
				}
				if err != nil && tt.size < 1<<20 {
					t.Errorf("Do = %v; %q", err, w.provider.Problems())
				}
				if (peek.hash != "UNSIGNED-PAYLOAD") != tt.hashed || peek.calls != 1 {
					t.Errorf("the hash is %s, sent %d times", peek.hash, peek.calls)
				}
				if tt.stream && (peek.readBefore == 0) == tt.hashed {
					t.Errorf("%d bytes were read before the request was sent", peek.readBefore)
				}
			})
		})
	}
}

// peeking looks at a request before its body is read.
type peeking struct {
	next       http.RoundTripper
	source     *zeros
	calls      int
	hash       string
	readBefore int
}

func (p *peeking) RoundTrip(r *http.Request) (*http.Response, error) {
	p.calls++
	p.hash = r.Header.Get("X-Amz-Content-Sha256")
	if p.source != nil {
		p.readBefore = p.source.read
	}
	return p.next.RoundTrip(r)
}
