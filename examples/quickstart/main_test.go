package main

import (
	"context"
	"errors"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/tieline/tieline"
	"github.com/tieline/tieline/providertest"
)

// transcript is what a run prints.
func transcript(t *testing.T, o options) (string, error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	var out strings.Builder
	err := run(ctx, o, &out)
	noSecrets(t, out.String(), o.clientSecret, o.key)
	return out.String(), err
}

// noSecrets checks that nothing is shown which must not be.
func noSecrets(t *testing.T, out string, secrets ...string) {
	t.Helper()
	for _, secret := range append(secrets, "acme-at-", "acme-rt-", "acme-code-", "acme secret", "state=", "code_challenge=") {
		if secret != "" && strings.Contains(out, secret) {
			t.Errorf("the output has %q in it:\n%s", secret, out)
		}
	}
}

// databaseOf is the path that a run prints.
func databaseOf(t *testing.T, out string) string {
	t.Helper()
	m := regexp.MustCompile(`(?m)^database +SQLite file (.+); `).FindStringSubmatch(out)
	if m == nil {
		t.Fatalf("no database in the output:\n%s", out)
	}
	return m[1]
}

func TestDemo(t *testing.T) {
	t.Parallel()
	start := time.Now()
	out, err := transcript(t, options{})
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	lines := strings.Split(strings.TrimSuffix(out, "\n"), "\n")
	if last := lines[len(lines)-1]; last != "1 refresh for 50 callers" {
		t.Errorf("the last line is %q", last)
	}
	if took := time.Since(start); took < tokenLifetime {
		t.Errorf("it took %v, so the access token cannot have expired", took)
	}
	steps := []string{"provider", "database", "integration", "authorize", "consent", "connection", "call", "expiry", "call", "close", "1"}
	for i, line := range lines {
		if i >= len(steps) || !strings.HasPrefix(line, steps[i]+" ") {
			t.Errorf("step %d is %q, want %v", i, line, steps)
		}
	}
	if _, err := os.Stat(filepath.Dir(databaseOf(t, out))); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("the temporary folder is still there: %v", err)
	}
}

func TestDemoTwiceOnOneDatabase(t *testing.T) {
	t.Parallel()
	o := options{db: filepath.Join(t.TempDir(), "kept.db"), key: tieline.GenerateKey()}
	for range 2 {
		out, err := transcript(t, o)
		if err != nil {
			t.Fatalf("%v\n%s", err, out)
		}
		if got := databaseOf(t, out); got != o.db {
			t.Errorf("the database is %s", got)
		}
	}
	o.key = ""
	out, err := transcript(t, o)
	if !errors.Is(err, tieline.ErrUnknownKey) || !strings.Contains(err.Error(), "TIELINE_ENCRYPTION_KEY") {
		t.Errorf("without the key: %v", err)
	}
	if !strings.Contains(out, "\nkey ") {
		t.Errorf("nothing is said about the new key:\n%s", out)
	}
}

func TestDemoCanceled(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	out := &cancelAt{step: "call", cancel: cancel}
	if err := run(ctx, options{}, out); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
	if _, err := os.Stat(filepath.Dir(databaseOf(t, out.String()))); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("the temporary folder is still there: %v", err)
	}
}

// cancelAt interrupts a run when it prints a step.
type cancelAt struct {
	strings.Builder
	step   string
	cancel func()
}

func (c *cancelAt) Write(p []byte) (int, error) {
	if strings.HasPrefix(string(p), c.step) {
		c.cancel()
	}
	return c.Builder.Write(p)
}

func TestVerdict(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		arrived, accepted int
		line              string
		ok                bool
	}{
		{1, 1, "1 refresh for 50 callers", true},
		{0, 0, "0 refreshes for 50 callers", false},
		{2, 2, "2 refreshes for 50 callers", false},
		{2, 1, "2 refreshes for 50 callers", false},
		{1, 0, "1 refresh for 50 callers", false},
	} {
		line, err := verdict(providertest.Stats{
			Requests: map[providertest.Endpoint]int{providertest.Refresh: tt.arrived}, Refreshes: tt.accepted,
		})
		if line != tt.line || (err == nil) != tt.ok {
			t.Errorf("%d arrived, %d accepted: %q, %v", tt.arrived, tt.accepted, line, err)
		}
	}
}

func TestParse(t *testing.T) {
	t.Parallel()
	env := map[string]string{"TIELINE_CLIENT_SECRET": "from-env", "TIELINE_ENCRYPTION_KEY": "key"}
	getenv := func(name string) string { return env[name] }

	o := parse(nil, getenv)
	if o.provider != "" || o.addr != "127.0.0.1:3003" || o.key != "key" || o.wait <= 0 || o.db != "" || o.keep {
		t.Errorf("no flags: %+v", o)
	}
	o = parse([]string{
		"-provider", "github", "-client-id", "id", "-scopes", "repo,read:user", "-config", "a=1", "-config", "b=x=y",
		"-db", "x.db", "-keep", "-addr", "localhost:1", "-catalog", "c.yaml",
	}, getenv)
	if o.provider != "github" || o.clientID != "id" || o.clientSecret != "from-env" || o.db != "x.db" || !o.keep ||
		o.addr != "localhost:1" || o.catalog != "c.yaml" {
		t.Errorf("all flags: %+v", o)
	}
	if !slices.Equal(o.scopes, []string{"repo", "read:user"}) || !maps.Equal(o.config, map[string]string{"a": "1", "b": "x=y"}) {
		t.Errorf("scopes %q, config %q", o.scopes, o.config)
	}
	if o := parse([]string{"-client-secret", "given"}, getenv); o.clientSecret != "given" {
		t.Errorf("client secret %q", o.clientSecret)
	}
}

func TestWrongOptions(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		o    options
		want string
	}{
		"flags that go with -provider": {options{clientID: "x"}, "go with -provider"},
		"encryption key":               {options{key: "short"}, "TIELINE_ENCRYPTION_KEY"},
		"unknown provider":             {options{provider: "absent"}, "absent"},
		"no client ID":                 {options{provider: "github"}, "-client-id"},
		"no config":                    {options{provider: "zendesk", clientID: "x"}, "-config subdomain="},
		"no client secret":             {options{provider: "github", clientID: "x", addr: "127.0.0.1:0"}, "app.client_secret"},
		"not OAuth 2.0":                {options{provider: "github-pat", clientID: "x", addr: "127.0.0.1:0"}, "auth mode"},
		"not loopback":                 {options{provider: "github", clientID: "x", addr: ":0"}, "CallbackURL"},
		"no address":                   {options{provider: "github", clientID: "x", addr: "nonsense"}, "nonsense"},
		"no catalog file":              {options{provider: "github", catalog: filepath.Join(t.TempDir(), "absent")}, "absent"},
		"folder that is not there":     {options{db: filepath.Join(t.TempDir(), "absent", "x.db")}, "absent"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			out, err := transcript(t, tt.o)
			if err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("got %v, want something about %q\n%s", err, tt.want, out)
			}
		})
	}
}
