package tieline

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tieline/tieline/store"
)

// quirkRun is a Client at a script.
type quirkRun struct {
	t      testing.TB
	q      quirk
	client *Client
	script *quirkScript
	rand   *counter
	counts map[string]int
	out    strings.Builder
}

// play goes through the steps of a quirk and returns the transcript.
func (q quirk) play(t testing.TB, catalog *Catalog) []quirkSection {
	t.Helper()
	r := &quirkRun{t: t, q: q, rand: &counter{}, counts: map[string]int{}}
	r.script = &quirkScript{answers: q.answers, given: map[string]int{}}
	c, err := New(Config{
		Store: &store.Memory{}, Keys: testKeys(t), Providers: catalog, CallbackURL: quirkCallback, Rand: r.rand,
		Refresh: RefreshPolicy{Confirm: time.Millisecond},
	})
	if err != nil {
		t.Fatal(err)
	}
	c.core.tokenHTTP, c.core.apiHTTP = r.script, r.script
	r.client = c
	ctx := t.Context()
	r.step("register", r.integration(ctx))
	for word := range strings.FieldsSeq(q.steps) {
		r.do(ctx, word)
	}
	_ = c.Close(context.WithoutCancel(ctx))
	text := quirkUUID.ReplaceAllString(r.out.String(), "{{uuid}}")
	if q.rewrite != nil {
		text = q.rewrite(t, text)
	}
	return quirkSections(text)
}

func (r *quirkRun) integration(ctx context.Context) error {
	in := Integration{Key: "key", Provider: r.q.provider}
	switch {
	case r.q.app != nil:
		in.App = r.q.app()
	case !r.q.public:
		in.App = &OAuthApp{ClientID: quirkClientID, ClientSecret: NewSecret(quirkSecret), Scopes: r.q.scopes}
	}
	_, err := r.client.Integrations.Create(ctx, in)
	return err
}

// step writes down what a step sent, and what kind of error it ended with.
func (r *quirkRun) step(name string, err error, lines ...string) {
	lines = append(lines, strings.Join(r.script.take(), "\n--\n"))
	if err != nil {
		lines = append(lines, "error: "+quirkError(err))
		r.t.Logf("%s: %s: %v", r.q.name, name, err)
	}
	text := strings.TrimSpace(strings.Join(lines, "\n"))
	if name == "register" && text == "" {
		return
	}
	r.counts[name]++
	if n := r.counts[name]; n > 1 {
		name += " " + strconv.Itoa(n)
	}
	fmt.Fprintf(&r.out, "== %s\n%s\n\n", name, text)
}

// quirkError names the kind of an error.
func quirkError(err error) string {
	for _, kind := range []struct {
		name string
		err  error
	}{
		{"reauthorize", ErrReauthRequired}, {"refresh", ErrRefreshFailed}, {"token endpoint", ErrTokenEndpoint},
		{"not refreshable", ErrNotRefreshable}, {"denied", ErrDenied}, {"state", ErrState}, {"wrong mode", ErrWrongMode},
		{"not found", ErrNotFound}, {"invalid", ErrInvalid},
	} {
		if errors.Is(err, kind.err) {
			return kind.name
		}
	}
	return "other"
}

func (r *quirkRun) do(ctx context.Context, word string) {
	cs := r.client.Connections
	step, arg, _ := strings.Cut(word, ":")
	switch step {
	case "authorize":
		r.rand.reset()
		a, err := cs.Authorize(ctx, "key", AuthorizeOptions{ConnectionID: "alice", Config: r.q.config, Binding: quirkBinding})
		line := ""
		if err == nil {
			line = a.URL
		}
		r.step(step, err, line)
	case "complete":
		back := url.Values{"code": {"code-1"}}
		if r.q.callback != nil {
			back = maps.Clone(r.q.callback)
		}
		name := "state"
		if r.q.state != "" {
			name = r.q.state
		}
		back.Set(name, counted(0))
		_, err := cs.Complete(ctx, quirkBinding, back)
		r.step(step, err)
	case "create":
		_, err := cs.Create(ctx, "key", "alice", ConnectionInput{Credential: r.q.cred(), Config: r.q.config})
		r.step(step, err)
	case "install":
		_, err := cs.CompleteInstallation(ctx, "key", "alice", json.RawMessage(r.q.webhook), ConnectionInput{Config: r.q.config})
		r.step(step, err)
	case "call":
		r.step(step, r.call(ctx))
	case "refresh":
		_, err := cs.Refresh(ctx, "key", "alice", nil)
		r.step(step, err)
	case "delete":
		r.step(step, cs.Delete(ctx, "key", "alice", DeleteOptions{}))
	case "credential":
		r.credential(ctx)
	case "wait":
		d, err := time.ParseDuration(arg)
		if err != nil {
			r.t.Fatal(err)
		}
		time.Sleep(d)
	case "expire":
		synctest.Wait() // a token is used before it is stored
		wait := time.Hour
		if conn, err := cs.Get(ctx, "key", "alice"); err == nil && !conn.ExpiresAt.IsZero() {
			wait = time.Until(conn.ExpiresAt)
		}
		time.Sleep(max(0, wait) + time.Second)
	default:
		r.t.Fatalf("there is no step %q", word)
	}
}

func (r *quirkRun) call(ctx context.Context) error {
	get := r.q.get
	if get == "" {
		get = "/things"
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, get, nil)
	if err != nil {
		return err
	}
	resp, err := r.client.Connections.HTTPClient("key", "alice").Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	_, err = io.Copy(io.Discard, resp.Body)
	return err
}

// credential writes down what the connection has got. What is due is refreshed by
// it, so it is for credentials that are not.
func (r *quirkRun) credential(ctx context.Context) {
	cred, err := r.client.Connections.Credential(ctx, "key", "alice")
	if err != nil {
		r.step("credential", err)
		return
	}
	token, _ := cred.field("accessToken")
	lines := []string{"access: " + token}
	if t, ok := cred.(*OAuth2Token); ok && !t.RefreshToken.IsZero() {
		lines = append(lines, "refresh: "+t.RefreshToken.Reveal())
	}
	if at := cred.Expiry(); !at.IsZero() {
		lines = append(lines, "expires: "+at.UTC().Format(time.RFC3339))
	}
	r.step("credential", nil, strings.Join(lines, "\n")+"\n")
}
