package tieline

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/tieline/tieline/providertest"
	"github.com/tieline/tieline/store/sqlite"
)

// programVar makes the test binary a short-lived program: it asks for one
// credential, prints what came of it, and ends. Its value is a program in JSON.
const programVar = "TIELINE_TEST_PROGRAM"

type program struct {
	Database string
	Catalog  string
	Shift    time.Duration // of its wall clock
	Patience time.Duration // the deadline of the call
	Policy   RefreshPolicy
	Force    bool // asks for a new credential, whatever is stored
}

// verdict is what a program prints.
type verdict struct {
	AccessToken string
	Error       string
	Deadline    bool // the error is that of the call's context
	Reauth      bool
	Waited      time.Duration
	Close       string
	Closing     time.Duration
}

func (p program) run(out io.Writer) error {
	db, err := sqlite.Open(p.Database, sqlite.Options{})
	if err != nil {
		return err
	}
	defer func() { _ = db.Close() }()
	client, err := p.client(db)
	if err != nil {
		return err
	}
	start := time.Now()
	ctx, cancel := context.WithTimeout(context.Background(), p.Patience)
	defer cancel()
	var v verdict
	var cred Credential
	if p.Force {
		cred, err = client.Connections.Refresh(ctx, "acme", "alice", nil)
	} else {
		cred, err = client.Connections.Credential(ctx, "acme", "alice")
	}
	v.Waited = time.Since(start)
	if err == nil {
		v.AccessToken = cred.(*OAuth2Token).AccessToken.Reveal()
	} else {
		v.Error, v.Deadline, v.Reauth = err.Error(), errors.Is(err, context.DeadlineExceeded), errors.Is(err, ErrReauthRequired)
	}
	closing, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	start = time.Now()
	if err := client.Close(closing); err != nil {
		v.Close = err.Error()
	}
	v.Closing = time.Since(start)
	return json.NewEncoder(out).Encode(v)
}

func (p program) client(db *sqlite.Store) (*Client, error) {
	catalog, problems := LoadCatalog(CatalogFile{Name: "test.yaml", Data: []byte(p.Catalog)})
	if len(problems) > 0 {
		return nil, fmt.Errorf("catalog: %v", problems)
	}
	keys, err := NewKeyring(bytes.Repeat([]byte{1}, KeySize))
	if err != nil {
		return nil, err
	}
	return New(Config{
		Store: db, Keys: keys, Providers: catalog, CallbackURL: testCallback, Refresh: p.Policy,
		Now:      func() time.Time { return time.Now().Add(p.Shift) },
		Outbound: Outbound{AllowPrivate: []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}},
	})
}

// command starts the test binary as the program.
func (p program) command(t *testing.T) *exec.Cmd {
	t.Helper()
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	text, err := json.Marshal(p)
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), exe, "-test.run=^TestShortLivedProgram$")
	cmd.Env = append(os.Environ(), programVar+"="+string(text))
	return cmd
}

// result runs the program to its end.
func (p program) result(t *testing.T) verdict {
	t.Helper()
	cmd := p.command(t)
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	var v verdict
	line, _ := bufio.NewReader(bytes.NewReader(out)).ReadBytes('\n')
	if err != nil || json.Unmarshal(line, &v) != nil {
		t.Fatalf("the program ended with %v: %s\n%s", err, out, stderr.Bytes())
	}
	// It waits for its own refresh, and not for that of somebody else.
	if v.Close != "" || v.Closing > 30*time.Second {
		t.Errorf("its Close = %q after %v", v.Close, v.Closing)
	}
	return v
}

// site is a provider and a database that programs use one after another.
type site struct {
	program
	provider *providertest.Server
	clock    *settableClock // the provider's, and by it those of the programs
	first    string         // the access token to begin with
}

func newSite(t *testing.T, o providertest.Options) *site {
	t.Helper()
	clock := &settableClock{}
	o.Now, o.TokenLifetime, o.RedirectURIs = clock.Now, time.Hour, []string{testCallback}
	s := &site{provider: providertest.New(t, o), clock: clock}
	s.program = program{
		Database: filepath.Join(t.TempDir(), "x.db"), Catalog: string(s.provider.ProvidersYAML()), Patience: 20 * time.Second,
		Policy: RefreshPolicy{Confirm: 100 * time.Millisecond, RetryMin: 100 * time.Millisecond},
	}
	db, err := sqlite.Open(s.Database, sqlite.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = db.Close() }()
	client, err := s.client(db)
	if err != nil {
		t.Fatal(err)
	}
	w := &world{t: t, provider: s.provider, store: db, Client: client}
	w.integration("acme", "acme")
	w.connect("acme", "alice")
	s.first = s.provider.Grants()[0].AccessToken
	closeClean(t, client)
	return s
}

// later moves all clocks.
func (s *site) later(d time.Duration) {
	s.clock.advance(d)
	s.Shift += d
}

// killedInARefresh runs the program and kills it while the provider has its
// refresh token and has not looked at it yet.
func (s *site) killedInARefresh(t *testing.T) {
	t.Helper()
	arrived := make(chan struct{}, 1)
	clear := s.provider.FailFunc(func(r *http.Request) *providertest.Fault {
		if !strings.HasSuffix(r.URL.Path, "/token") {
			return nil
		}
		arrived <- struct{}{}
		return &providertest.Fault{Delay: time.Hour} // what has gone by then is not processed
	})
	defer clear()
	cmd := s.command(t)
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	select {
	case <-arrived:
	case <-ctx.Done():
		t.Error("the program does not refresh")
	}
	if err := cmd.Process.Kill(); err != nil {
		t.Error(err)
	}
	if err := cmd.Wait(); err == nil {
		t.Error("the program was not killed")
	}
}

// wantServed checks that the program got a credential that works, and that the
// provider was asked so many times in all.
func (s *site) wantServed(t *testing.T, v verdict, fresh bool, refreshes int) {
	t.Helper()
	if v.Error != "" || !s.provider.IsLive(v.AccessToken) || fresh == (v.AccessToken == s.first) {
		t.Errorf("the program got %q after %v, a new one: %t", v.Error, v.Waited, v.AccessToken != s.first)
	}
	if st := s.provider.Stats(); st.Refreshes != refreshes || st.ReusedRefreshTokens != 0 {
		t.Errorf("%d refreshes, want %d; %d with a spent token", st.Refreshes, refreshes, st.ReusedRefreshTokens)
	}
}

// A program that was killed in the middle of a refresh, and is run again.
func TestShortLivedProgram(t *testing.T) {
	if text, ok := os.LookupEnv(programVar); ok {
		var p program
		err := json.Unmarshal([]byte(text), &p)
		if err == nil {
			err = p.run(os.Stdout)
		}
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	t.Parallel()
	for name, test := range map[string]func(*testing.T, *site){
		"an hour later":                         runLater,
		"a day later, twice killed":             runMuchLater,
		"at once, the token being good":         runWhileGood,
		"at once, the token being over":         runImpatient,
		"at once, with patience":                runPatient,
		"by force, at once":                     runByForce,
		"an hour later, the token long-lived":   runLongLived,
		"an hour later, the answer having died": runAfterLoss,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			o := providertest.Options{}
			if name == "an hour later, the answer having died" {
				o.Grace, o.GraceAnswer = 3*time.Hour, providertest.GraceNewPair
			}
			test(t, newSite(t, o))
		})
	}
}

// The dead predecessor holds the row. An hour of the wall clock is enough to
// know that it is dead: 20 s of patience would not do for watching it.
func runLater(t *testing.T, s *site) {
	s.later(time.Hour)
	s.killedInARefresh(t)
	s.later(time.Hour + time.Minute)
	s.wantServed(t, s.result(t), true, 1)
}

func runMuchLater(t *testing.T, s *site) {
	for range 2 {
		s.later(24 * time.Hour)
		s.killedInARefresh(t)
	}
	s.later(24 * time.Hour)
	s.wantServed(t, s.result(t), true, 1)
}

// While the token works it is served, and the program does not wait at its end
// for what is not its own.
func runWhileGood(t *testing.T, s *site) {
	s.later(55 * time.Minute)
	s.killedInARefresh(t) // it had its credential, and was in its Close
	s.wantServed(t, s.result(t), false, 0)
}

// Without the patience for it there is a clear error in time.
func runImpatient(t *testing.T, s *site) {
	s.later(time.Hour)
	s.killedInARefresh(t)
	s.Patience = 2 * time.Second
	v := s.result(t)
	if !v.Deadline || v.Reauth || v.Waited < s.Patience {
		t.Errorf("the program got %q after %v, want its deadline", v.Error, v.Waited)
	}
	// And nothing is broken by it.
	s.later(time.Hour + time.Minute)
	s.Patience = 20 * time.Second
	s.wantServed(t, s.result(t), true, 1)
}

// With patience it waits for as long as the policy says, and then goes on.
func runPatient(t *testing.T, s *site) {
	s.later(time.Hour)
	s.killedInARefresh(t)
	s.Policy.SendWithin, s.Policy.Exchange, s.Policy.SaveTimeout = 2*time.Second, 2*time.Second, time.Second
	s.Policy.TakeOver = 7 * time.Second
	s.Patience = time.Minute
	v := s.result(t)
	s.wantServed(t, v, true, 1)
	if v.Waited < s.Policy.TakeOver {
		t.Errorf("it waited %v, want the %v for which another one may be busy", v.Waited, s.Policy.TakeOver)
	}
}

func runByForce(t *testing.T, s *site) {
	s.Force = true
	s.killedInARefresh(t)
	s.Patience = 2 * time.Second
	if v := s.result(t); !v.Deadline {
		t.Errorf("the program got %q after %v, want its deadline", v.Error, v.Waited)
	}
	s.Force = false
	s.wantServed(t, s.result(t), false, 0)
}

// The predecessor died in a refresh that was forced, and the token has not even
// come near its end when it is due the next time.
func runLongLived(t *testing.T, s *site) {
	s.Force = true
	s.killedInARefresh(t)
	s.later(time.Hour + time.Minute)
	s.Force = false
	s.wantServed(t, s.result(t), true, 1)
}

// The provider rotated, and the answer died with the program: where the spent
// token is accepted for a while, the successor gets through with it.
func runAfterLoss(t *testing.T, s *site) {
	s.later(time.Hour)
	processed := make(chan struct{}, 1)
	clear := s.provider.Fail(providertest.Fault{Endpoint: providertest.Refresh, DelayAfter: time.Hour, Edit: func(*providertest.Answer) { processed <- struct{}{} }})
	cmd := s.command(t)
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	select {
	case <-processed:
	case <-ctx.Done():
		t.Error("the program does not refresh")
	}
	if err := cmd.Process.Kill(); err != nil {
		t.Error(err)
	}
	_ = cmd.Wait()
	clear()
	s.later(time.Hour + time.Minute)
	v := s.result(t)
	if v.Error != "" || !s.provider.IsLive(v.AccessToken) || s.provider.Stats().GraceRefreshes != 1 {
		t.Errorf("the program got %q after %v", v.Error, v.Waited)
	}
}
