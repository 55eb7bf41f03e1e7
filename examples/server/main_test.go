package main

import (
	"bufio"
	"context"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/tieline/tieline"
)

const testSecretKey = "0f0e0d0c-0b0a-4908-8706-050403020100"

// started is a server that runs until the test ends.
type started struct {
	url, key string
	stop     func() error
}

// written is what was written, by whichever goroutine.
type written struct {
	mu sync.Mutex
	b  strings.Builder
}

func (w *written) Write(p []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.b.Write(p)
}

func (w *written) String() string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.b.String()
}

func start(t *testing.T, env map[string]string, args ...string) started {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	r, w := io.Pipe()
	ended := make(chan error, 1)
	errs := &written{}
	go func() {
		err := run(ctx, append([]string{"-addr", "127.0.0.1:0"}, args...), func(name string) string { return env[name] }, w, errs)
		_ = w.CloseWithError(io.EOF)
		ended <- err
	}()
	s := started{key: env["TIELINE_SECRET_KEY"]}
	lines := bufio.NewScanner(r)
	for lines.Scan() {
		if url, ok := strings.CutPrefix(lines.Text(), "listening on "); ok {
			s.url = url
			break
		}
	}
	if s.url == "" {
		t.Fatalf("it did not start: %v", <-ended)
	}
	if _, key, ok := strings.Cut(errs.String(), "secret key, for this run only: "); ok {
		s.key, _, _ = strings.Cut(key, "\n")
	}
	once := false
	s.stop = func() error {
		if once {
			return nil
		}
		once = true
		cancel()
		select {
		case err := <-ended:
			return err
		case <-time.After(time.Minute):
			t.Error("it does not stop")
			return nil
		}
	}
	t.Cleanup(func() { _ = s.stop() })
	return s
}

func (s started) get(t *testing.T, path string) (int, string) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, s.url+path, nil)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+s.key)
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp.StatusCode, string(body)
}

// In memory it needs no set-up.
func TestMemory(t *testing.T) {
	t.Parallel()
	s := start(t, nil, "-store", "memory:")
	for _, path := range []string{"/health", "/ready", "/integrations", "/scripts/config"} {
		if status, body := s.get(t, path); status != 200 {
			t.Errorf("%s: %d %s", path, status, body)
		}
	}
	s.key = testSecretKey
	if status, _ := s.get(t, "/integrations"); status != 401 {
		t.Errorf("another key: %d", status)
	}
	if err := s.stop(); err != nil {
		t.Errorf("it ended with %v", err)
	}
}

// What is in a SQLite file is there the next time, for whoever has the keys.
func TestSQLite(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "a b.db")
	env := map[string]string{
		"TIELINE_SECRET_KEY": testSecretKey, "TIELINE_ENCRYPTION_KEY": tieline.GenerateKey(),
		"TIELINE_STORE": "sqlite:" + file, "TIELINE_PUBLIC_URL": "https://connect.example.com/",
	}
	s := start(t, env)
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, s.url+"/integrations", strings.NewReader(`{"provider":"openai","unique_key":"ai"}`))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+s.key)
	req.Header.Set("Content-Type", "application/json")
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	_ = resp.Body.Close()
	if resp.StatusCode != 200 {
		t.Fatalf("created with %d", resp.StatusCode)
	}
	if err := s.stop(); err != nil {
		t.Fatal(err)
	}
	if status, body := start(t, env).get(t, "/integrations"); status != 200 || !strings.Contains(body, `"ai"`) || !strings.Contains(body, "https://connect.example.com/images/") {
		t.Errorf("%d %s", status, body)
	}
}

// A file of providers lies over the built-in catalog.
func TestProviders(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "own.yaml")
	entries := "own:\n  display_name: Own\n  docs: https://example.com\n  auth_mode: API_KEY\n  proxy: {base_url: 'https://api.example.com', headers: {x-key: '${apiKey}'}}\nbroken:\n  auth_mode: NOTHING\n"
	if err := os.WriteFile(file, []byte(entries), 0o600); err != nil {
		t.Fatal(err)
	}
	s := start(t, nil, "-store", "memory:", "-providers", file, "-allow-private-network", "-refresh-early", "5m")
	for name, want := range map[string]int{"own": 200, "github": 200, "broken": 404} {
		if status, body := s.get(t, "/providers/"+name); status != want {
			t.Errorf("%s: %d %s", name, status, body)
		}
	}
}

func TestKeygen(t *testing.T) {
	t.Parallel()
	var out strings.Builder
	if err := run(t.Context(), []string{"-keygen"}, func(string) string { return "" }, &out, io.Discard); err != nil {
		t.Fatal(err)
	}
	if _, err := tieline.ParseKeyring(strings.TrimSpace(out.String())); err != nil {
		t.Errorf("%q: %v", out.String(), err)
	}
}

// What is wrong with the set-up is said, and nothing is served.
func TestSetUpErrors(t *testing.T) {
	t.Parallel()
	good := map[string]string{"TIELINE_SECRET_KEY": testSecretKey, "TIELINE_ENCRYPTION_KEY": tieline.GenerateKey()}
	dir := t.TempDir()
	for name, tt := range map[string]struct {
		env  map[string]string
		args []string
		want string
	}{
		"no keys":         {nil, []string{"-store", "sqlite:" + filepath.Join(dir, "a.db")}, "TIELINE_ENCRYPTION_KEY is not set.*\n.*TIELINE_SECRET_KEY is not set"},
		"encryption key":  {map[string]string{"TIELINE_SECRET_KEY": testSecretKey, "TIELINE_ENCRYPTION_KEY": "short"}, []string{"-store", "memory:"}, "TIELINE_ENCRYPTION_KEY: "},
		"secret key":      {map[string]string{"TIELINE_SECRET_KEY": "s3cr3t", "TIELINE_ENCRYPTION_KEY": tieline.GenerateKey()}, []string{"-store", "memory:"}, "TIELINE_SECRET_KEY: .*must be a UUID"},
		"store":           {good, []string{"-store", "redis://x"}, "-store must be"},
		"no file name":    {good, []string{"-store", "sqlite:"}, "needs a file name"},
		"no directory":    {good, []string{"-store", "sqlite:" + filepath.Join(dir, "none", "a.db")}, "none"},
		"postgres URL":    {good, []string{"-store", "postgres://u:p4ssw0rd@host:port"}, "cannot be read"},
		"providers":       {good, []string{"-store", "memory:", "-providers", filepath.Join(dir, "none.yaml")}, "-providers: .*none.yaml"},
		"public URL":      {good, []string{"-store", "memory:", "-public-url", "http://example.com"}, "CallbackURL: must be https"},
		"an argument":     {good, []string{"serve"}, `"serve" was given`},
		"a duration":      {map[string]string{"TIELINE_REFRESH_EARLY": "soon"}, nil, "TIELINE_REFRESH_EARLY must be"},
		"a boolean":       {map[string]string{"TIELINE_ALLOW_PRIVATE_NETWORK": "maybe"}, nil, "TIELINE_ALLOW_PRIVATE_NETWORK must be"},
		"a receiver":      {good, []string{"-store", "memory:", "-forward-url", "https://example.com/in"}, "Forward.Secrets"},
		"an origin":       {good, []string{"-store", "memory:", "-origin", "app.example.com"}, `Origins\[0\]`},
		"the address":     {good, []string{"-store", "memory:", "-addr", "nowhere:http:1"}, "too many colons"},
		"an unknown flag": {good, []string{"-colour"}, "not defined"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			args := append([]string{"-addr", "127.0.0.1:0"}, tt.args...)
			err := run(t.Context(), args, func(name string) string { return tt.env[name] }, io.Discard, io.Discard)
			if err == nil || !regexp.MustCompile(tt.want).MatchString(err.Error()) {
				t.Errorf("it ended with %v", err)
			}
			if err != nil && strings.Contains(err.Error(), "p4ssw0rd") {
				t.Errorf("the error has the password: %v", err)
			}
		})
	}
}
