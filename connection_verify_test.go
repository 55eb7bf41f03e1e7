package tieline

import (
	"context"
	"errors"
	"net"
	"net/http"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tieline/tieline/store"
	"github.com/tieline/tieline/storetest"
)

const (
	meEndpoint = "verification: {method: GET, endpoints: [/me]}"
	confirm    = 5 * time.Second // the default of RefreshPolicy.Confirm
)

// verifyWorld is an apiWorld that listens to events.
func verifyWorld(t *testing.T, proxy string, answers ...told) (*apiWorld, *eventLog) {
	t.Helper()
	w, events := newAPIWorld(t, proxy, answers...), &eventLog{}
	w.core.onEvent = func(_ context.Context, e Event) { events.add(e) }
	return w, events
}

// verdict tries "api"/"alice" out.
func (w *apiWorld) verdict(want Verdict, target error) error {
	w.t.Helper()
	got, err := w.Connections.Verify(w.t.Context(), "api", "alice")
	if got != want || !errors.Is(err, target) || target == nil && err != nil {
		w.t.Errorf("Verify = %q, %v; want %q, %v", got, err, want, target)
	}
	return err
}

// state is what the connection says of itself.
func (w *apiWorld) state(status Status, code string) {
	w.t.Helper()
	conn, err := w.Connections.Get(w.t.Context(), "api", "alice")
	if err != nil {
		w.t.Fatal(err)
	}
	have := ""
	if conn.LastError != nil {
		have = conn.LastError.Code
	}
	if conn.Status != status || have != code {
		w.t.Errorf("the connection is %s, with error %q; want %s, %q", conn.Status, have, status, code)
	}
}

// reconnect gives "api"/"alice" another key.
func (w *apiWorld) reconnect(key string) {
	w.t.Helper()
	in := ConnectionInput{Credential: &APIKey{Key: NewSecret(key)}, SkipVerification: true}
	if _, err := w.Connections.Import(w.t.Context(), "api", "alice", in); err != nil {
		w.t.Fatal(err)
	}
}

var verifyTests = []struct {
	name    string
	proxy   string
	answers []told
	want    Verdict
	target  error
	asked   []string
	status  Status
	code    string
}{
	{"accepted", meEndpoint, []told{{}}, VerdictAccepted, nil, []string{"/me"}, StatusActive, ""},
	{"no way to", "", []told{{status: 401}}, VerdictUntested, nil, nil, StatusActive, ""},
	{"401", meEndpoint, []told{{status: 401}}, VerdictRefused, ErrVerification, []string{"/me", "/me"}, StatusNeedsReauth, codeRefused},
	{"403", meEndpoint, []told{{status: 403}}, VerdictRefused, ErrVerification, []string{"/me", "/me"}, StatusNeedsReauth, codeRefused},
	{"403, then good", meEndpoint, []told{{status: 403}, {}}, VerdictAccepted, nil, []string{"/me", "/me"}, StatusActive, ""},
	{"401, then busy", meEndpoint, []told{{status: 401}, {status: 503}}, VerdictUnclear, ErrVerification, []string{"/me", "/me"}, StatusActive, ""},
	{"500", meEndpoint, []told{{status: 500}}, VerdictUnclear, ErrVerification, []string{"/me"}, StatusActive, ""},
	{"503", meEndpoint, []told{{status: 503}}, VerdictUnclear, ErrVerification, []string{"/me"}, StatusActive, ""},
	{"429", meEndpoint, []told{{status: 429}}, VerdictUnclear, ErrVerification, []string{"/me"}, StatusActive, ""},
	{"408", meEndpoint, []told{{status: 408}}, VerdictUnclear, ErrVerification, []string{"/me"}, StatusActive, ""},
	{"404", meEndpoint, []told{{status: 404}}, VerdictUnclear, ErrVerification, []string{"/me"}, StatusActive, ""},
	{"a redirect", meEndpoint, []told{{status: 302, header: "Location: https://api.example.com/v1/in"}}, VerdictUnclear, ErrVerification, []string{"/me"}, StatusActive, ""},
	{"403 of a limit", meEndpoint, []told{{status: 403, header: "X-RateLimit-Remaining: 0"}}, VerdictUnclear, ErrVerification, []string{"/me"}, StatusActive, ""},
	{"403 of a limit of its own", meEndpoint + "\nretry: {remaining: x-left}", []told{{status: 403, header: "X-Left: 0"}}, VerdictUnclear, ErrVerification, []string{"/me"}, StatusActive, ""},
	{"403 with a wait", meEndpoint, []told{{status: 403, header: "Retry-After: 3"}}, VerdictUnclear, ErrVerification, []string{"/me"}, StatusActive, ""},
	{"no such name", meEndpoint, []told{{err: &net.DNSError{Name: "api.example.com", IsNotFound: true}}}, VerdictUnclear, ErrVerification, []string{"/me"}, StatusActive, ""},
	{"a host that is forbidden", meEndpoint, []told{{err: ErrForbidden}}, VerdictUnclear, ErrForbidden, []string{"/me"}, StatusActive, ""},
	{"the second endpoint", "verification: {endpoints: [/a, /b]}", []told{{status: 401}, {}}, VerdictAccepted, nil, []string{"/a", "/b"}, StatusActive, ""},
	{"neither endpoint", "verification: {endpoints: [/a, /b]}", []told{{status: 404}, {status: 401}}, VerdictRefused, ErrVerification, []string{"/a", "/b", "/a", "/b"}, StatusNeedsReauth, codeRefused},
	{"neither endpoint, the other way round", "verification: {endpoints: [/a, /b]}", []told{{status: 401}, {status: 404}, {status: 401}, {status: 404}}, VerdictRefused, ErrVerification, []string{"/a", "/b", "/a", "/b"}, StatusNeedsReauth, codeRefused},
	{"one endpoint busy", "verification: {endpoints: [/a, /b]}", []told{{status: 503}, {status: 401}}, VerdictUnclear, ErrVerification, []string{"/a", "/b"}, StatusActive, ""},
	{"the other endpoint busy", "verification: {endpoints: [/a, /b]}", []told{{status: 401}, {status: 503}}, VerdictUnclear, ErrVerification, []string{"/a", "/b"}, StatusActive, ""},
}

// What the provider says decides; only a plain refusal, said twice, changes the
// connection.
func TestVerify(t *testing.T) {
	t.Parallel()
	for _, tt := range verifyTests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				w, events := verifyWorld(t, tt.proxy, tt.answers...)
				w.verdict(tt.want, tt.target)
				w.state(tt.status, tt.code)
				var asked []string
				for _, s := range w.sent {
					asked = append(asked, s.url[len("https://api.example.com/v1"):])
					if s.auth != "Bearer k3y" {
						t.Errorf("asked with %q", s.auth)
					}
				}
				if !slices.Equal(asked, tt.asked) {
					t.Errorf("asked %q, want %q", asked, tt.asked)
				}
				if n := events.count(EventReauthRequired); n != map[Status]int{StatusNeedsReauth: 1}[tt.status] || len(events.types()) != n {
					t.Errorf("events %v", events.types())
				}
			})
		})
	}
}

// After a refusal nothing is sent with the credential but what tries it out; each
// further refusal is one request and no news. A yes, or a new credential, ends it.
func TestVerifyAgain(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w, events := verifyWorld(t, meEndpoint, told{status: 401})
		var reauth *RefreshError
		w.verdict(VerdictRefused, ErrVerification)
		if w.waits()[0] < confirm {
			t.Errorf("asked again after %v", w.waits()[0])
		}
		if _, err := w.client(ClientOptions{}).Get("/x"); !errors.Is(err, ErrReauthRequired) || !errors.As(err, &reauth) || reauth.Failure.Code != codeRefused || reauth.Failure.Status != 401 {
			t.Errorf("a request: %v", err)
		}
		w.verdict(VerdictRefused, ErrVerification)
		if len(w.sent) != 3 || events.count(EventReauthRequired) != 1 {
			t.Errorf("asked %d times, events %v", len(w.sent), events.types())
		}
		w.answers = []told{{}}
		w.verdict(VerdictAccepted, nil)
		w.state(StatusActive, "")
		if _, err := w.client(ClientOptions{}).Get("/x"); err != nil || events.count(EventVerified) != 1 {
			t.Errorf("a request after that: %v, events %v", err, events.types())
		}
		w.verdict(VerdictAccepted, nil)
		if events.count(EventVerified) != 1 {
			t.Error("what was no news was told")
		}
		w.answers = []told{{status: 403}}
		w.verdict(VerdictRefused, ErrVerification)
		w.state(StatusNeedsReauth, codeRefused)
		w.reconnect("new")
		w.state(StatusActive, "")
	})
}

// A process that has never heard of the refusal keeps to it, and lists find it.
func TestVerifyIsStored(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w, _ := verifyWorld(t, meEndpoint, told{status: 401})
		w.verdict(VerdictRefused, ErrVerification)
		page, err := w.Connections.List(t.Context(), Filter{Status: StatusNeedsReauth}, "", 0)
		if err != nil || len(page.Connections) != 1 {
			t.Errorf("List = %v, %v", page.Connections, err)
		}
		if page, _ := w.Connections.List(t.Context(), Filter{Status: StatusActive}, "", 0); len(page.Connections) != 0 {
			t.Error("it is listed as active, too")
		}
	})
}

const teamAPI = "api:\n  display_name: API\n  docs: https://example.com\n  auth_mode: API_KEY\n  proxy:\n    base_url: https://api.example.com\n" +
	"    headers: {authorization: 'Bearer ${apiKey}'}\n    query: {team: '${connectionConfig.team}'}\n    " + meEndpoint + "\n"

// Whatever happens to the connection while its credential is tried out wins.
func TestVerifyRaces(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		meanwhile func(w *apiWorld) error
		want      Verdict
		target    error
		status    Status
		code      string
		asked     int
	}{
		"a new key":        {func(w *apiWorld) error { w.reconnect("new"); return nil }, VerdictAccepted, nil, StatusActive, "", 3},
		"another dead key": {func(w *apiWorld) error { w.reconnect("dead"); return nil }, VerdictRefused, ErrVerification, StatusNeedsReauth, codeRefused, 4},
		"metadata":         {func(w *apiWorld) error { return w.edit(func(c *Connection) { c.Metadata = []byte(`{"a":1}`) }) }, VerdictRefused, ErrVerification, StatusNeedsReauth, codeRefused, 2},
		"config": {func(w *apiWorld) error {
			return w.edit(func(c *Connection) { c.Config = map[string]string{"team": "new"} })
		}, VerdictAccepted, nil, StatusActive, "", 3},
		"the end": {func(w *apiWorld) error {
			return w.Connections.Delete(context.Background(), "api", "alice", DeleteOptions{})
		}, "", ErrNotFound, "", "", 2},
		"a Client that stops": {func(w *apiWorld) error { return w.Close(context.Background()) }, VerdictRefused, ErrVerification, StatusNeedsReauth, codeRefused, 2},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				catalog, _ := LoadCatalog(CatalogFile{Name: "api.yaml", Data: []byte(teamAPI)})
				w := &apiWorld{t: t}
				w.connectTo(catalog, "api", ConnectionInput{Credential: &APIKey{Key: NewSecret("k3y")}, Config: map[string]string{"team": "old"}}, nil)
				w.serve = func(r *http.Request, _ string) told {
					if r.Header.Get("Authorization") == "Bearer new" || r.URL.Query().Get("team") == "new" {
						return told{}
					}
					if len(w.sent) == 2 { // the refusal is about to be noted
						if err := tt.meanwhile(w); err != nil {
							t.Error(err)
						}
					}
					return told{status: 401}
				}
				w.verdict(tt.want, tt.target)
				if len(w.sent) != tt.asked {
					t.Errorf("asked %d times, want %d", len(w.sent), tt.asked)
				}
				if tt.status != "" {
					w.state(tt.status, tt.code)
				}
				if conn, err := w.Connections.Get(t.Context(), "api", "alice"); name == "metadata" && (err != nil || string(conn.Metadata) != `{"a":1}`) {
					t.Errorf("metadata %s, %v", conn.Metadata, err)
				}
			})
		})
	}
}

func (w *apiWorld) edit(change func(*Connection)) error {
	_, err := w.Connections.Update(context.Background(), "api", "alice", func(c *Connection) error {
		change(c)
		return nil
	})
	return err
}

// What is not there, closed or broken is no verdict, and a context is obeyed.
func TestVerifyWithoutVerdict(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w, events := verifyWorld(t, meEndpoint, told{status: 401})
		for _, names := range [][2]string{{"api", "bob"}, {"other", "alice"}} {
			if got, err := w.Connections.Verify(t.Context(), names[0], names[1]); got != "" || !errors.Is(err, ErrNotFound) {
				t.Errorf("Verify(%s) = %q, %v", names, got, err)
			}
		}
		for after, want := range map[time.Duration]int{0: 0, time.Second: 1} { // before the first request, and in the pause
			ctx, cancel := context.WithCancel(t.Context())
			time.AfterFunc(after, cancel)
			if after == 0 {
				cancel()
			}
			before := len(w.sent)
			if got, err := w.Connections.Verify(ctx, "api", "alice"); got != "" || err != context.Canceled || len(w.sent)-before != want {
				t.Errorf("cancelled after %v: %q, %v, %d requests", after, got, err, len(w.sent)-before)
			}
		}
		// A deadline that leaves no time to make sure leaves time for a verdict.
		ctx, cancel := context.WithTimeout(t.Context(), confirm)
		defer cancel()
		if got, err := w.Connections.Verify(ctx, "api", "alice"); got != VerdictRefused || !errors.Is(err, ErrVerification) {
			t.Errorf("with little time: %q, %v", got, err)
		}
		w.state(StatusActive, "")
		if err := w.Close(t.Context()); err != nil {
			t.Fatal(err)
		}
		w.verdict("", ErrClosed)
		if len(events.types()) != 0 {
			t.Errorf("events %v", events.types())
		}
	})
}

// A provider that never answers, and a caller that has left meanwhile.
func TestVerifyEnds(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w, _ := verifyWorld(t, meEndpoint)
		w.core.apiHTTP = silent{}
		w.verdict(VerdictUnclear, context.DeadlineExceeded)
		w.state(StatusActive, "")
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if got, err := w.Connections.Verify(ctx, "api", "alice"); got != "" || err != context.DeadlineExceeded {
			t.Errorf("Verify = %q, %v", got, err)
		}
	})
}

// silent is a provider that does not answer.
type silent struct{}

func (silent) RoundTrip(r *http.Request) (*http.Response, error) {
	<-r.Context().Done()
	return nil, r.Context().Err()
}

// A Store that fails does not hide the verdict.
func TestVerifyUnstored(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w, events := verifyWorld(t, meEndpoint, told{status: 401})
		w.core.store = storetest.Faulty(w.core.store, func(op string, _ store.Key) error {
			if op == "Put" {
				return errDown
			}
			return nil
		}, nil)
		if err := w.verdict(VerdictRefused, ErrVerification); !errors.Is(err, errDown) {
			t.Errorf("Verify = %v", err)
		}
		w.core.store = storetest.Faulty(w.core.store, func(op string, _ store.Key) error {
			if op == "Put" {
				return store.ErrClosed
			}
			return nil
		}, nil)
		if err := w.verdict(VerdictRefused, ErrVerification); !errors.Is(err, ErrClosed) {
			t.Errorf("Verify = %v", err)
		}
		w.state(StatusActive, "")
		if len(events.types()) != 0 {
			t.Errorf("events %v", events.types())
		}
	})
}

// A caller is told whether the same call can succeed later.
func TestVerificationErrors(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		err       VerificationError
		temporary bool
		text      string
	}{
		{VerificationError{Status: 401}, false, "credential was not accepted by the provider (status 401)"},
		{VerificationError{Status: 404}, false, "credential was not accepted by the provider (status 404)"},
		{VerificationError{Status: 408}, true, "credential could not be tried out: the provider answered 408"},
		{VerificationError{Status: 429}, true, "credential could not be tried out: the provider answered 429"},
		{VerificationError{Status: 503}, true, "credential could not be tried out: the provider answered 503"},
		{VerificationError{Status: 403, limited: true}, true, "credential could not be tried out: the provider answered 403"},
		{VerificationError{Err: errDown}, true, "credential could not be tried out: " + errDown.Error()},
		{VerificationError{Err: ErrForbidden}, false, "credential could not be tried out: " + ErrForbidden.Error()},
	} {
		if tt.err.Temporary() != tt.temporary || tt.err.Error() != tt.text || !errors.Is(&tt.err, ErrVerification) {
			t.Errorf("%d: temporary %v, %q", tt.err.Status, tt.err.Temporary(), tt.err.Error())
		}
	}
}
