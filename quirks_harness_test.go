package tieline

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/tieline/tieline/store"
)

// The golden files of testdata/quirks are requests as the providers want them,
// written by hand: see the README there. Nothing writes them.

const (
	quirkCallback = "https://app.example.com/oauth/callback"
	quirkClientID = "client-1"
	// The secret has characters that tell the ways of encoding it apart.
	quirkSecret  = "sec+ret/0123456789abcdef"
	quirkBinding = "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"
)

// quirk is one thing that providers do differently, at one that does it.
type quirk struct {
	name     string // of the golden file, without .txt
	provider string // an entry of the reference file
	own      string // or an entry of our own, as YAML, where no other has the quirk

	app    func() AppCredential // nil: OAuthApp with scopes
	scopes []string
	public bool // the application has no OAuth app
	config map[string]string
	cred   func() Credential // what the user types in

	callback url.Values // beside the state; nil: a code
	state    string     // the name that the state comes back under; empty: state
	webhook  string
	answers  map[string][]string // by host and path; the last one is repeated
	get      string              // what is asked of the API; empty: /things
	steps    string
	values   map[string]string // further placeholders
	rewrite  func(t testing.TB, transcript string) string
}

// tokens answers a token endpoint with a new pair every time.
func tokens(endpoint string) map[string][]string {
	return map[string][]string{endpoint: {`{"access_token":"access-$n","refresh_token":"refresh-$n","token_type":"bearer","expires_in":3600}`}}
}

// life is the whole of an authorization and what comes after it.
const life = "authorize complete call expire call"

// quirkScript is the other side: fixed answers, and a record of what was asked.
type quirkScript struct {
	answers map[string][]string

	mu      sync.Mutex
	issued  int
	given   map[string]int
	section []string
}

// RoundTrip implements http.RoundTripper.
func (s *quirkScript) RoundTrip(req *http.Request) (*http.Response, error) {
	text, err := quirkRequest(req)
	if err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.section = append(s.section, text)
	key := req.URL.Host + req.URL.Path
	status, body := http.StatusNotFound, `{"error":"not_scripted"}`
	if list := s.answers[key]; len(list) > 0 {
		status, body = http.StatusOK, list[min(s.given[key], len(list)-1)]
		s.given[key]++
	} else if strings.HasSuffix(key, "/things") {
		status, body = http.StatusOK, `{}`
	}
	if code, rest, ok := strings.Cut(body, " "); ok {
		if n, err := strconv.Atoi(code); err == nil {
			status, body = n, rest
		}
	}
	if strings.Contains(body, "$n") {
		s.issued++
		body = strings.ReplaceAll(body, "$n", strconv.Itoa(s.issued))
	}
	h := http.Header{"Content-Type": {"application/json"}}
	if strings.HasPrefix(body, "<") {
		h.Set("Content-Type", "application/xml")
	}
	return &http.Response{
		StatusCode: status, Header: h, Body: io.NopCloser(strings.NewReader(body)), ContentLength: int64(len(body)),
		Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1, Request: req,
	}, nil
}

// quirkRequest is a request as the golden files have it.
func quirkRequest(req *http.Request) (string, error) {
	var b strings.Builder
	fmt.Fprintf(&b, "%s %s\n", req.Method, req.URL)
	lower := map[string][]string{}
	for name, values := range req.Header {
		lower[strings.ToLower(name)] = values
	}
	for _, name := range slices.Sorted(maps.Keys(lower)) {
		for _, v := range lower[name] {
			fmt.Fprintf(&b, "%s: %s\n", name, v)
		}
	}
	if req.Body != nil {
		body, err := io.ReadAll(req.Body)
		_ = req.Body.Close()
		if err != nil {
			return "", err
		}
		if len(body) > 0 {
			fmt.Fprintf(&b, "\n%s\n", body)
		}
	}
	return strings.TrimSuffix(b.String(), "\n"), nil
}

// take returns what was recorded since the last time.
func (s *quirkScript) take() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	out := s.section
	s.section = nil
	return out
}

// counter is randomness that counts up.
type counter struct {
	mu   sync.Mutex
	next byte
}

func (c *counter) Read(p []byte) (int, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for i := range p {
		p[i] = c.next
		c.next++
	}
	return len(p), nil
}

// reset begins anew: the state of the authorization that follows is the first 32
// bytes and the verifier the next.
func (c *counter) reset() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.next = 0
}

func counted(from int) string {
	b := make([]byte, 32)
	for i := range b {
		b[i] = byte(from + i)
	}
	return base64.RawURLEncoding.EncodeToString(b)
}

// quirkValues are what the placeholders of golden files stand for.
func quirkValues() map[string]string {
	sum := sha256.Sum256([]byte(counted(32)))
	basic := func(s string) string { return "Basic " + base64.StdEncoding.EncodeToString([]byte(s)) }
	return map[string]string{
		"state": counted(0), "verifier": counted(32), "challenge": base64.RawURLEncoding.EncodeToString(sum[:]),
		"id": quirkClientID, "secret": url.QueryEscape(quirkSecret), "secret-raw": quirkSecret, "secret-20": url.QueryEscape(quirkSecret[:20]),
		"callback":      url.QueryEscape(quirkCallback),
		"basic":         basic(quirkClientID + ":" + quirkSecret),
		"basic-encoded": basic(quirkClientID + ":" + url.QueryEscape(quirkSecret)),
		"basic-secret":  basic(quirkSecret + ":"),
		"basic-user":    basic("user:pass"),
	}
}

// section is one step of a transcript.
type quirkSection struct{ Name, Text string }

var (
	quirkPlaceholder = regexp.MustCompile(`\{\{[a-z0-9-]+\}\}`)
	quirkUUID        = regexp.MustCompile(`[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}`)
)

// read reads the golden file: lines that begin with # are comments, those that
// begin with two spaces go on with the line before.
func (q quirk) read(t testing.TB) []quirkSection {
	t.Helper()
	data, err := os.ReadFile(filepath.Join("testdata", "quirks", q.name+".txt"))
	if err != nil {
		t.Fatal(err)
	}
	var lines []string
	for line := range strings.Lines(string(data)) {
		line = strings.TrimSuffix(line, "\n")
		if more, ok := strings.CutPrefix(line, "  "); ok && len(lines) > 0 {
			lines[len(lines)-1] += strings.TrimLeft(more, " ")
		} else if !strings.HasPrefix(line, "#") {
			lines = append(lines, line)
		}
	}
	values := quirkValues()
	maps.Copy(values, q.values)
	text := quirkPlaceholder.ReplaceAllStringFunc(strings.Join(lines, "\n"), func(p string) string {
		if v, ok := values[strings.Trim(p, "{}")]; ok {
			return v
		}
		return p
	})
	return quirkSections(text)
}

func quirkSections(text string) []quirkSection {
	var out []quirkSection
	for part := range strings.SplitSeq("\n"+text, "\n== ") {
		if name, body, _ := strings.Cut(part, "\n"); strings.TrimSpace(name) != "" {
			out = append(out, quirkSection{name, strings.TrimSpace(body)})
		}
	}
	return out
}

// quirkRun is a Client at a script.
type quirkRun struct {
	t      testing.TB
	q      quirk
	client *Client
	script *quirkScript
	rand   *counter
	state  string
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

// quirkCatalog is the reference file, loaded once.
var quirkCatalog = sync.OnceValue(func() *Catalog {
	path := os.Getenv("TIELINE_NANGO_PROVIDERS")
	if path == "" {
		path = filepath.Join("..", "shared", "data", "nango-providers.yaml")
	}
	data, err := os.ReadFile(path)
	if err != nil {
		return nil
	}
	catalog, _ := LoadCatalog(CatalogFile{Name: "providers.yaml", Data: data})
	return catalog
})

// runQuirks compares what is sent at each quirk with its golden file.
func runQuirks(t *testing.T, quirks []quirk) {
	t.Parallel()
	for _, q := range quirks {
		t.Run(q.test(), func(t *testing.T) {
			t.Parallel()
			catalog := quirkCatalog()
			if q.own != "" {
				catalog = ownCatalog(t, q.own)
			}
			if catalog == nil {
				referenceFile(t) // skips
			}
			synctest.Test(t, func(t *testing.T) {
				differ, diff := q.compare(t, catalog)
				q.judge(t, differ, diff)
			})
		})
	}
}

func ownCatalog(t testing.TB, text string) *Catalog {
	t.Helper()
	catalog, problems := LoadCatalog(CatalogFile{Name: "own.yaml", Data: []byte(text)})
	for _, p := range problems {
		t.Logf("%v", p)
	}
	return catalog
}

// test is the name of the subtest: 01-comma-scope is Quirk01CommaScope.
func (q quirk) test() string {
	var b strings.Builder
	b.WriteString("Quirk")
	for part := range strings.SplitSeq(q.name, "-") {
		b.WriteString(strings.ToUpper(part[:1]) + part[1:])
	}
	return b.String()
}

// compare names the sections that are not as the golden file has them.
func (q quirk) compare(t testing.TB, catalog *Catalog) (differ []string, diff string) {
	t.Helper()
	want, got := q.read(t), q.play(t, catalog)
	texts := func(list []quirkSection) (names []string, byName map[string]string) {
		byName = map[string]string{}
		for _, s := range list {
			names, byName[s.Name] = append(names, s.Name), s.Text
		}
		return names, byName
	}
	wantNames, wantText := texts(want)
	gotNames, gotText := texts(got)
	if d := cmp.Diff(wantNames, gotNames); d != "" {
		differ, diff = append(differ, "steps"), d
	}
	for _, name := range wantNames {
		if gotText[name] != wantText[name] {
			differ = append(differ, name)
			diff += fmt.Sprintf("== %s\n--- golden\n%s\n--- sent\n%s\n", name, wantText[name], gotText[name])
		}
	}
	return differ, diff
}

// judge holds a quirk against the list of what is known to be wrong.
func (q quirk) judge(t testing.TB, differ []string, diff string) {
	t.Helper()
	gap, known := knownGaps[q.name]
	switch {
	case !known && len(differ) > 0:
		t.Errorf("%s differs in %q:\n%s", q.name, differ, diff)
	case known && len(differ) == 0:
		t.Errorf("%s is as it should be: take it off the list of gaps", q.name)
	case known && !slices.Equal(differ, strings.Split(gap.sections, ", ")):
		t.Errorf("%s is known to differ in %q and differs in %q:\n%s", q.name, gap.sections, differ, diff)
	case known:
		t.Logf("known gap: %s\n%s", gap.what, diff)
	}
}

// quirkGap is a difference that is known and not yet mended.
type quirkGap struct {
	sections string // that differ, in order, with ", " between them
	what     string
}
