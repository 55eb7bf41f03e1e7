package tieline

import (
	"bytes"
	"context"
	"encoding/pem"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"gopkg.in/yaml.v3"

	"github.com/tieline/tieline/internal/spec"
	"github.com/tieline/tieline/providertest"
	"github.com/tieline/tieline/store"
)

// modeEntry is an auth mode as an entry of a provider file has it.
type modeEntry struct {
	name string
	mode AuthMode
	yaml string
	// in changes what the application and the user give.
	in func(*providertest.Inputs)
	// plays completes the provider where the entry alone does not tell.
	plays func(*modeWorld)
	// ask are the provider's endpoints that connecting asks, and renew the one that
	// a refresh asks; empty where none is asked.
	ask   []string
	renew string
	// newline is a good answer of the last of them but for the line break in its
	// token.
	newline string
}

// modeWorld is a Client at one provider, with all that it says and all that must
// not be said.
type modeWorld struct {
	*dialectWorld
	entry   modeEntry
	store   *store.Memory
	log     *lockedBuffer
	events  *eventLog
	secrets map[string]string // to what they are
	errs    []error
}

const answerCanary = "canary-of-an-answer"

// newModeWorld is to be called inside a bubble: all of it runs on fake time.
func newModeWorld(t *testing.T, e modeEntry) *modeWorld {
	t.Helper()
	file := e.name + ":\n  display_name: Acme\n  docs: https://docs.example.com\n  categories: [other]\n  auth_mode: " + string(e.mode) + "\n" + e.yaml
	catalog, problems := LoadCatalog(CatalogFile{Name: "modes.yaml", Data: []byte(file)})
	for _, p := range problems {
		if p.Severity == SeverityRejected {
			t.Fatal(p)
		}
	}
	var raw map[string]map[string]any
	if err := yaml.Unmarshal([]byte(file), &raw); err != nil {
		t.Fatal(err)
	}
	d, err := providertest.NewDialect(e.name, raw[e.name])
	if err != nil {
		t.Fatal(err)
	}
	in := d.Inputs()
	if e.in != nil {
		e.in(&in)
		d.Use(in)
	}
	w := &modeWorld{entry: e, store: &store.Memory{}, log: &lockedBuffer{}, events: &eventLog{}}
	client, err := New(Config{
		Store: w.store, Keys: testKeys(t), Providers: catalog, CallbackURL: testCallback, Refresh: RefreshPolicy{Confirm: time.Second},
		Logger:  slog.New(slog.NewJSONHandler(w.log, &slog.HandlerOptions{Level: slog.LevelDebug})),
		OnEvent: func(_ context.Context, e Event) { w.events.add(e) },
	})
	if err != nil {
		t.Fatal(err)
	}
	client.core.tokenHTTP, client.core.apiHTTP = strictTripper{d}, strictTripper{d}
	w.dialectWorld = &dialectWorld{t: t, name: e.name, provider: d, in: in, outbound: strings.Contains(e.yaml, "installation: outbound"), Client: client}
	w.secrets = secretsOf(&in)
	if e.plays != nil {
		e.plays(w)
	}
	return w
}

// secretsOf is everything that is given and may not be shown.
func secretsOf(in *providertest.Inputs) map[string]string {
	out := map[string]string{answerCanary: "the answer"}
	add := func(name, v string) {
		if block, _ := pem.Decode([]byte(strings.ReplaceAll(v, `\n`, "\n"))); block != nil {
			lines := strings.Split(strings.ReplaceAll(v, `\n`, "\n"), "\n")
			v = lines[1]
		}
		if len(v) >= 8 {
			out[v] = name
		}
	}
	add("client secret", in.ClientSecret)
	add("private key", in.PrivateKeyPEM)
	for name, v := range in.Credentials {
		if name != "client_id" && name != "role_arn" && name != "region" && name != "client_certificate" {
			add(name, v)
		}
	}
	for name, v := range in.AssertionOption {
		add(name, v)
	}
	for name, v := range in.IntegrationConfig {
		if spec.LooksSecret(name) {
			add(name, v)
		}
	}
	return out
}

// strictTripper refuses what net/http's transport refuses.
type strictTripper struct{ next http.RoundTripper }

func (s strictTripper) RoundTrip(r *http.Request) (*http.Response, error) {
	for name, values := range r.Header {
		if !isHeaderName(name) {
			return nil, fmt.Errorf("net/http: invalid header field name %q", name)
		}
		for _, v := range values {
			if strings.ContainsFunc(v, func(c rune) bool { return c < ' ' && c != '\t' || c == 0x7f }) {
				return nil, fmt.Errorf("net/http: invalid header field value for %q", name)
			}
		}
	}
	if r.URL.Host == "" || r.URL.User != nil {
		return nil, errors.New("http: no Host in request URL, or a user")
	}
	return s.next.RoundTrip(r)
}

// setUp makes the integration.
func (w *modeWorld) setUp(ctx context.Context) error {
	in := Integration{Key: "key", Provider: w.entry.name, App: w.app(w.entry.mode)}
	if w.entry.mode != ModeInstallPlugin {
		in.Config = w.in.IntegrationConfig
	}
	_, err := w.Integrations.Create(ctx, in)
	return w.note(err)
}

// join makes the connection.
func (w *modeWorld) join(ctx context.Context) error { return w.note(w.connect(ctx, w.entry.mode)) }

// mustJoin makes integration and connection, and a call.
func (w *modeWorld) mustJoin() {
	w.t.Helper()
	ctx := w.t.Context()
	if _, err := w.Integrations.Get(ctx, "key"); errors.Is(err, ErrNotFound) {
		if err := w.setUp(ctx); err != nil {
			w.t.Fatalf("%s: set up: %v", w.name, err)
		}
	}
	if err := w.join(ctx); err != nil {
		w.t.Fatalf("%s: connect: %v; %q", w.name, err, w.provider.Problems())
	}
	if err := w.call(ctx); err != nil {
		w.t.Fatalf("%s: call: %v; %q", w.name, err, w.provider.Problems())
	}
}

// note keeps an error to look for secrets in.
func (w *modeWorld) note(err error) error {
	if err != nil {
		w.errs = append(w.errs, err)
	}
	return err
}

// fail puts an answer in front of an endpoint.
func (w *modeWorld) fail(role string, f modeFault) (clear func()) {
	return w.provider.Fail(role, func(rw http.ResponseWriter, r *http.Request) bool {
		f.answer(rw, r)
		return true
	})
}

// rows are all rows of a kind.
func (w *modeWorld) rows(kind store.Kind) []store.Row {
	w.t.Helper()
	var rows []store.Row
	for row, err := range w.core.rows(context.WithoutCancel(w.t.Context()), store.Query{Kind: kind}) {
		if err != nil {
			w.t.Fatal(err)
		}
		rows = append(rows, row)
	}
	return rows
}

// asked counts the requests to an endpoint.
func (w *modeWorld) asked(role string) int {
	n := 0
	for _, x := range w.provider.Log() {
		if x.Role == role {
			n++
		}
	}
	return n
}

// end closes the Client and looks for secrets in everything that came out.
func (w *modeWorld) end() {
	w.t.Helper()
	if err := w.Close(context.WithoutCancel(w.t.Context())); err != nil {
		w.t.Errorf("%s: Close = %v", w.name, err)
	}
	var shown bytes.Buffer
	shown.WriteString(w.log.String())
	w.events.mu.Lock()
	for _, e := range w.events.all {
		fmt.Fprintf(&shown, "%v %+v %#v\n", e, e, e)
		if e.Err != nil {
			w.errs = append(w.errs, e.Err)
		}
	}
	w.events.mu.Unlock()
	for _, err := range w.errs {
		show(&shown, err)
	}
	for _, kind := range []store.Kind{kindIntegration, kindConnection, kindAuthorization} {
		for _, row := range w.rows(kind) {
			fmt.Fprintf(&shown, "%s %s %s %s\n", row.ID, row.Unique, row.Labels, row.Data)
		}
	}
	for secret, what := range w.secrets {
		for form, v := range spellings(secret) {
			if i := strings.Index(shown.String(), v); i >= 0 {
				text := shown.String()
				w.t.Errorf("%s: %s is shown %s: …%.200q", w.name, what, form, text[max(0, i-100):])
			}
		}
	}
}

// show prints an error and everything in it in every way.
func show(b *bytes.Buffer, err error) {
	if err == nil {
		return
	}
	fmt.Fprintf(b, "%v %+v %#v %q\n", err, err, err, err)
	switch e := err.(type) {
	case interface{ Unwrap() error }:
		show(b, e.Unwrap())
	case interface{ Unwrap() []error }:
		for _, err := range e.Unwrap() {
			show(b, err)
		}
	}
}

// typed says which of the errors that a caller can act on is in err.
func typed(err error) string {
	var (
		field  *FieldError
		token  *TokenError
		found  *DiscoveryError
		tried  *VerificationError
		denied *AuthorizationError
	)
	switch {
	case errors.As(err, &field):
		return "field " + field.Field
	case errors.As(err, &found):
		return "discovery " + found.Step
	case errors.As(err, &token):
		return "token " + string(token.Class)
	case errors.As(err, &tried):
		return "verification"
	case errors.As(err, &denied):
		return "authorization"
	}
	return ""
}

// inBubble runs a test of one mode on fake time.
func inBubble(t *testing.T, e modeEntry, f func(t *testing.T, w *modeWorld)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		w := newModeWorld(t, e)
		f(t, w)
		w.end()
	})
}

// gap reports a finding, unless it is known.
func gap(t testing.TB, id string, err error) {
	t.Helper()
	why, known := knownModeGaps()[id]
	switch {
	case err == nil && known:
		t.Errorf("the gap %q is gone: take it off the list", id)
	case err != nil && known:
		t.Logf("known gap %q (%s): %v", id, why, err)
	case err != nil:
		t.Errorf("%s: %v", id, err)
	}
}

// modeNamed finds an entry.
func modeNamed(t testing.TB, name string) modeEntry {
	t.Helper()
	all := modeEntries()
	i := slices.IndexFunc(all, func(e modeEntry) bool { return e.name == name })
	if i < 0 {
		t.Fatalf("no entry %s", name)
	}
	return all[i]
}

func jsonAnswer(w http.ResponseWriter, status int, body string) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_, _ = w.Write([]byte(body))
}
