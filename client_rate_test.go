package tieline

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// drop makes a request whose answer does not matter.
func drop(t testing.TB, client *http.Client, ctx context.Context, target string) error {
	t.Helper()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, target, nil)
	if err != nil {
		t.Fatal(err)
	}
	resp, err := client.Do(req)
	if err == nil {
		_ = resp.Body.Close()
	}
	return err
}

// One goroutine is told to wait, and fifty others do.
func TestLimitIsShared(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newAPIWorld(t, "", told{status: 429, header: "Retry-After: 5"}, told{})
		w.core.jitter = func(d time.Duration) time.Duration { return d - 1 }
		client := w.client(ClientOptions{})
		other := w.Connections.HTTPClient("api", "alice") // another handle of the connection
		var group sync.WaitGroup
		group.Go(func() { _ = drop(t, client, t.Context(), "/first") })
		synctest.Wait()
		for i := range 50 {
			group.Go(func() {
				c := client
				if i%2 == 0 {
					c = other
				}
				if err := drop(t, c, t.Context(), "/more"); err != nil {
					t.Error(err)
				}
			})
		}
		group.Wait()
		if len(w.sent) != 52 {
			t.Fatalf("%d requests", len(w.sent))
		}
		moments := map[time.Duration]bool{}
		for _, s := range w.sent[1:] {
			moments[s.at] = true
			if s.at < 5*time.Second || s.at > 5*time.Second+51*perWaiter {
				t.Errorf("a request was sent after %v", s.at)
			}
		}
		if len(moments) != 51 {
			t.Errorf("51 requests were let go at %d moments", len(moments))
		}
	})
}

func TestLimitOfOthers(t *testing.T) {
	t.Parallel()
	const wait = "retry: {after: [x-wait], remaining: x-left}"
	for _, tt := range []struct {
		name   string
		first  told
		method string // of the first request
		o      ClientOptions
		limit  time.Duration // of the second request's context
		want   time.Duration // until the second request
		err    error
	}{
		{"too many", told{status: 429, header: "Retry-After: 5"}, "POST", ClientOptions{}, 0, 5 * time.Second, nil},
		{"by the provider's header", told{status: 429, header: "X-Wait: 6"}, "POST", ClientOptions{}, 0, 6 * time.Second, nil},
		{"at the cap", told{status: 429, header: "Retry-After: 30"}, "POST", ClientOptions{}, 0, 30 * time.Second, nil},
		{"none left, of a success", told{header: "X-Left: 0\nX-Wait: 7"}, "GET", ClientOptions{}, 0, 7 * time.Second, nil},
		{"some left, of a success", told{header: "X-Left: 1\nX-Wait: 7"}, "GET", ClientOptions{}, 0, 0, nil},
		{"none left, and nobody says until when", told{header: "X-Left: 0"}, "GET", ClientOptions{}, 0, 0, nil},
		{"a 503", told{status: 503, header: "Retry-After: 5"}, "POST", ClientOptions{}, 0, 0, nil},
		{"turned off", told{status: 429, header: "Retry-After: 5"}, "POST", ClientOptions{IgnoreLimits: true}, 0, 0, nil},
		{"longer than the cap", told{status: 429, header: "Retry-After: 31"}, "POST", ClientOptions{}, 0, 0, nil},
		{"a higher cap", told{status: 429, header: "Retry-After: 31"}, "POST", ClientOptions{Retry: RetryPolicy{MaxWait: time.Minute}}, 0, 31 * time.Second, nil},
		{"less time in all", told{status: 429, header: "Retry-After: 5"}, "POST", ClientOptions{Retry: RetryPolicy{MaxTotal: 4 * time.Second}}, 0, 0, nil},
		{"a deadline before", told{status: 429, header: "Retry-After: 5"}, "POST", ClientOptions{}, 4 * time.Second, 0, nil},
		{"a deadline after", told{status: 429, header: "Retry-After: 5"}, "POST", ClientOptions{}, 6 * time.Second, 5 * time.Second, nil},
		{"without repeating", told{status: 429, header: "Retry-After: 5"}, "GET", ClientOptions{Retry: RetryPolicy{Attempts: 1}}, 0, 5 * time.Second, nil},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				w := newAPIWorld(t, wait, tt.first, told{})
				client := w.client(tt.o)
				req, _ := http.NewRequestWithContext(t.Context(), tt.method, "/x", nil)
				resp, err := client.Do(req)
				body(t, resp, err)
				ctx, cancel := context.WithTimeout(t.Context(), max(tt.limit, time.Duration(0))+time.Hour)
				if tt.limit > 0 {
					ctx, cancel = context.WithTimeout(t.Context(), tt.limit)
				}
				defer cancel()
				if err := drop(t, client, ctx, "/y"); !errors.Is(err, tt.err) {
					t.Errorf("the second: %v", err)
				}
				diffWaits(t, w, tt.want)
			})
		})
	}
}

// A client may ignore what another has been told. One that does not is let go a bit
// later than the limit ends, but within its longest wait.
func TestLimitIsIgnored(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newAPIWorld(t, "", told{status: 429, header: "Retry-After: 29.995"}, told{})
		w.core.jitter = func(d time.Duration) time.Duration { return d }
		once := RetryPolicy{Attempts: 1}
		for _, step := range []struct {
			o    ClientOptions
			want time.Duration
		}{{ClientOptions{Retry: once}, 0}, {ClientOptions{Retry: once, IgnoreLimits: true}, 0}, {ClientOptions{}, 30 * time.Second}} {
			if err := drop(t, w.client(step.o), t.Context(), "/x"); err != nil || time.Since(w.began) != step.want {
				t.Errorf("%+v: %v after %v", step.o, err, time.Since(w.began))
			}
		}
	})
}

// What waits for a limit leaves with its context, and closes its body.
func TestLimitIsLeft(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newAPIWorld(t, "", told{status: 429, header: "Retry-After: 5"}, told{})
		client := w.client(ClientOptions{Retry: RetryPolicy{Attempts: 1}})
		if err := drop(t, client, t.Context(), "/x"); err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithCancel(t.Context())
		time.AfterFunc(time.Second, cancel)
		sent := &closing{}
		req, _ := http.NewRequestWithContext(ctx, http.MethodPut, "/y", sent)
		_, err := client.Do(req)
		if !errors.Is(err, context.Canceled) || time.Since(w.began) != time.Second || len(w.sent) != 1 || !sent.closed {
			t.Errorf("%v after %v, sent %d, body closed %v", err, time.Since(w.began), len(w.sent), sent.closed)
		}
	})
}

type closing struct{ closed bool }

func (c *closing) Read([]byte) (int, error) { return 0, errors.New("read") }

func (c *closing) Close() error {
	c.closed = true
	return nil
}

// A limit is the connection's and not the integration's, and does not hold back
// what goes to another host.
func TestLimitIsOfOneConnection(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newAPIWorld(t, "")
		w.serve = func(r *http.Request, _ string) told {
			if r.URL.Path == "/v1/busy" || r.URL.Host == "busy.example.com" {
				return told{status: 429, header: "Retry-After: 9"}
			}
			return told{}
		}
		if _, err := w.Connections.Create(t.Context(), "api", "bob", ConnectionInput{Credential: &APIKey{Key: NewSecret("b0b")}}); err != nil {
			t.Fatal(err)
		}
		once := ClientOptions{Retry: RetryPolicy{Attempts: 1}}
		alice, bob := w.client(once), w.Connections.HTTPClientWith("api", "bob", once)
		for _, step := range []struct {
			client *http.Client
			target string
			want   time.Duration
		}{
			{alice, "https://busy.example.com/", 0}, {alice, "/x", 0}, {alice, "/busy", 0},
			{bob, "/x", 0}, {alice, "https://other.example.com/", 0}, {alice, "/x", 9 * time.Second}, {alice, "/x", 9 * time.Second},
		} {
			if err := drop(t, step.client, t.Context(), step.target); err != nil || time.Since(w.began) != step.want {
				t.Errorf("%s: %v after %v, want %v", step.target, err, time.Since(w.began), step.want)
			}
		}
	})
}

// A limit that grows while others wait for it is waited for anew, and what then is
// too long is sent.
func TestLimitGrows(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newAPIWorld(t, "")
		client := w.client(ClientOptions{Retry: RetryPolicy{MaxTotal: 20 * time.Second}})
		s, err := (&handle{core: w.core, integration: "api", id: "alice"}).get(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		l := &w.core.limits
		l.set(s.row, 5*time.Second)
		time.AfterFunc(2*time.Second, func() { l.set(s.row, time.Second) }) // says less
		time.AfterFunc(4*time.Second, func() { l.set(s.row, 6*time.Second) })
		if err := drop(t, client, t.Context(), "/x"); err != nil || time.Since(w.began) != 10*time.Second {
			t.Errorf("%v after %v", err, time.Since(w.began))
		}
		l.set(s.row, 5*time.Second)
		time.AfterFunc(4*time.Second, func() { l.set(s.row, 17*time.Second) })
		if err := drop(t, client, t.Context(), "/x"); err != nil || time.Since(w.began) != 15*time.Second {
			t.Errorf("%v after %v", err, time.Since(w.began))
		}
	})
}

func TestLimitsAreBounded(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var l limits
		for i := range 3 * maxLimits {
			l.set(fmt.Sprint(i), time.Minute)
		}
		if n := len(l.entries); n != maxLimits {
			t.Errorf("%d entries", n)
		}
		l.set("7", time.Second) // says less
		if wait, _ := l.wait("7"); wait != time.Minute {
			t.Errorf("an entry waits %v", wait)
		}
		time.Sleep(time.Minute)
		l.set("new", 100*365*24*time.Hour)
		if n := len(l.entries); n != 1 {
			t.Errorf("%d entries after they ended", n)
		}
		if wait, _ := l.wait("new"); wait != longestLimit {
			t.Errorf("a limit of a century is believed for %v", wait)
		}
		time.Sleep(longestLimit)
		if wait, _ := l.wait("another"); wait != 0 || l.some.Load() || len(l.entries) > 0 {
			t.Errorf("waits %v, some %v, %d entries", wait, l.some.Load(), len(l.entries))
		}
	})
}

func TestLimitsCostNothing(t *testing.T) {
	var l limits
	if n := testing.AllocsPerRun(100, func() { l.wait("row") }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}
