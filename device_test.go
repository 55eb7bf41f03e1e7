package tieline

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tieline/tieline/store"
)

const deviceProvider = `
tv:
  display_name: TV
  auth_mode: OAUTH2
  docs: https://example.com
  authorization_url: https://tv.example.com/authorize
  device_authorization_url: https://tv.example.com/device
  token_url: https://tv.example.com/token
  refresh: {grant: refresh_token, rotation: none}
  proxy: {base_url: https://tv.example.com/api}
`

// jsonResponse is an answer.
func jsonResponse(r *http.Request, status int, body string) *http.Response {
	return &http.Response{
		Status: http.StatusText(status), StatusCode: status, Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1, Request: r,
		Header: http.Header{"Content-Type": {"application/json"}}, Body: io.NopCloser(strings.NewReader(body)), ContentLength: int64(len(body)),
	}
}

// tv answers polls in turn, the last one for ever, and notes when they came.
type tv struct {
	answers []string
	polls   []time.Time
	forms   []url.Values
}

func (d *tv) RoundTrip(r *http.Request) (*http.Response, error) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return nil, err
	}
	form, err := url.ParseQuery(string(body))
	if err != nil {
		return nil, err
	}
	d.forms = append(d.forms, form)
	if r.URL.Path == "/device" {
		return jsonResponse(r, 200, `{"device_code":"DC","user_code":"ABCD-EFGH","verification_uri":"https://tv.example.com/go","expires_in":300,"interval":5}`), nil
	}
	answer := d.answers[min(len(d.polls), len(d.answers)-1)]
	d.polls = append(d.polls, time.Now())
	if strings.Contains(answer, "error") {
		return jsonResponse(r, 400, answer), nil
	}
	return jsonResponse(r, 200, answer), nil
}

func newDeviceClient(t *testing.T, d *tv) *Client {
	t.Helper()
	catalog, problems := LoadCatalog(CatalogFile{Name: "tv.yaml", Data: []byte(deviceProvider)})
	if len(problems) > 0 {
		t.Fatal(problems)
	}
	c, err := New(Config{Store: &store.Memory{}, Keys: testKeys(t), Providers: catalog})
	if err != nil {
		t.Fatal(err)
	}
	c.core.tokenHTTP, c.core.apiHTTP = d, d
	t.Cleanup(func() { _ = c.Close(context.Background()) })
	if _, err := c.Integrations.Create(t.Context(), Integration{Key: "tv", Provider: "tv", App: &OAuthApp{ClientID: "id", ClientSecret: NewSecret("secret"), Scopes: []string{"a", "b"}}}); err != nil {
		t.Fatal(err)
	}
	return c
}

const (
	pendingAnswer = `{"error":"authorization_pending"}`
	tokenAnswer   = `{"access_token":"AT","refresh_token":"RT","expires_in":3600}`
)

func TestDevice(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		d := &tv{answers: []string{pendingAnswer, `{"error":"slow_down"}`, pendingAnswer, tokenAnswer}}
		c := newDeviceClient(t, d)
		a, err := c.Connections.AuthorizeDevice(t.Context(), "tv", AuthorizeOptions{ConnectionID: "alice"})
		if err != nil || a.UserCode != "ABCD-EFGH" || a.VerificationURL != "https://tv.example.com/go" || a.Interval != 5*time.Second {
			t.Fatalf("AuthorizeDevice = %+v, %v", a, err)
		}
		start := time.Now()
		conn, err := c.Connections.CompleteDevice(t.Context(), a.Handle.Reveal())
		if err != nil || conn.ID != "alice" || conn.Status != StatusActive {
			t.Fatalf("CompleteDevice = %+v, %v", conn, err)
		}
		// RFC 8628 section 3.5: slow_down makes every further pause five seconds longer.
		for i, want := range []time.Duration{0, 5 * time.Second, 15 * time.Second, 25 * time.Second} {
			if got := d.polls[i].Sub(start); got != want {
				t.Errorf("poll %d after %v, want %v", i, got, want)
			}
		}
		if got := d.forms[0].Get("scope"); got != "a b" {
			t.Errorf("scope %q", got)
		}
		if f := d.forms[1]; f.Get("grant_type") != deviceGrant || f.Get("device_code") != "DC" || f.Get("client_secret") != "secret" {
			t.Errorf("poll sent %v", f)
		}
		cred, err := c.Connections.Credential(t.Context(), "tv", "alice")
		if err != nil || cred.(*OAuth2Token).AccessToken.Reveal() != "AT" {
			t.Errorf("Credential = %v, %v", cred, err)
		}
		if _, err := c.Connections.CompleteDevice(t.Context(), a.Handle.Reveal()); !errors.Is(err, ErrState) {
			t.Errorf("the handle was used twice: %v", err)
		}
	})
}

func TestDeviceEnds(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		answer string
		want   error
	}{
		"denied":           {`{"error":"access_denied"}`, ErrDenied},
		"expired":          {`{"error":"expired_token"}`, ErrState},
		"never decided":    {pendingAnswer, ErrState},
		"client not known": {`{"error":"invalid_client"}`, ErrTokenEndpoint},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				d := &tv{answers: []string{tt.answer}}
				c := newDeviceClient(t, d)
				a, err := c.Connections.AuthorizeDevice(t.Context(), "tv", AuthorizeOptions{ConnectionID: "alice"})
				if err != nil {
					t.Fatal(err)
				}
				if _, err := c.Connections.CompleteDevice(t.Context(), a.Handle.Reveal()); !errors.Is(err, tt.want) {
					t.Errorf("CompleteDevice = %v, want %v", err, tt.want)
				}
				if _, err := c.Connections.Get(t.Context(), "tv", "alice"); !errors.Is(err, ErrNotFound) {
					t.Errorf("a connection is there: %v", err)
				}
			})
		})
	}
}

// Who gives up waiting can wait again, and nobody else can.
func TestDeviceWaitsAgain(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		d := &tv{answers: []string{pendingAnswer, pendingAnswer, tokenAnswer}}
		c := newDeviceClient(t, d)
		a, err := c.Connections.AuthorizeDevice(t.Context(), "tv", AuthorizeOptions{ConnectionID: "alice"})
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if _, err := c.Connections.CompleteDevice(ctx, a.Handle.Reveal()); !errors.Is(err, ErrAuthorizationPending) {
			t.Errorf("CompleteDevice = %v", err)
		}
		state, _, _ := strings.Cut(a.Handle.Reveal(), ".")
		if _, err := c.Connections.CompleteDevice(t.Context(), state+"."+strings.Repeat("x", bindingLength)); !errors.Is(err, ErrState) {
			t.Errorf("with another binding: %v", err)
		}
		if _, err := c.Connections.CompleteDevice(t.Context(), a.Handle.Reveal()); err != nil {
			t.Errorf("the second time: %v", err)
		}
	})
}

func TestDeviceNeedsData(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, worldOptions{})
		w.integration("acme", "acme")
		if _, err := w.Connections.AuthorizeDevice(t.Context(), "acme", AuthorizeOptions{}); !errors.Is(err, ErrWrongMode) {
			t.Errorf("AuthorizeDevice = %v", err)
		}
	})
}
