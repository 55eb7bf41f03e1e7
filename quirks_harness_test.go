package tieline

import (
	"crypto/sha256"
	"encoding/base64"
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
