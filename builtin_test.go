package tieline

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"testing/synctest"

	"gopkg.in/yaml.v3"
)

// minServices is what may never be fallen behind.
const minServices = 420

// lifeAtProvider is how far a connection came at a provider of the catalog.
type lifeAtProvider struct {
	mode AuthMode
	path string
	err  error

	refreshed  bool // a refresh was asked for, and its credential used
	verified   bool // the provider was asked about a good credential
	refused    bool // and refused a bad one
	unverified string
	lasting    bool // the entry says that nothing is refreshed
}

// TestBuiltinEntries walks the life of a connection at each built-in provider. The
// provider's side is providertest.Dialect, told by the entry what to be, and
// written without the client's code. What a vendor really does is not found out
// here; for that the entries have sources.
func TestBuiltinEntries(t *testing.T) {
	t.Parallel()
	catalog := Builtin()
	aliases := builtinAliases(t)
	services := map[string]bool{}
	lives := map[string]lifeAtProvider{}
	for p := range catalog.All() {
		if p.AuthMode == ModeNone {
			continue // there is nothing to sign in to, and nowhere to call
		}
		if aliases[p.Service] == "" {
			services[p.Service] = true
		}
		l := lifeAtProvider{mode: p.AuthMode, unverified: p.Unverified}
		synctest.Test(t, func(t *testing.T) { l.live(t, catalog, p) })
		lives[p.Name] = l
		for _, problem := range l.problems() {
			t.Errorf("%s (%s): %s", p.Name, p.AuthMode, problem)
		}
	}
	if len(services) < minServices {
		t.Errorf("%d services, want at least %d", len(services), minServices)
	}
	t.Logf("%d services, %d variants of them (aliases), %d ways to sign in", len(services), len(aliases), len(lives))
	logLives(t, lives)
}

// builtinAliases are the entries that are others with a few keys changed (sandboxes,
// products of one vendor behind one sign-in), and which ones they are of.
func builtinAliases(t *testing.T) map[string]string {
	t.Helper()
	out := map[string]string{}
	paths, err := filepath.Glob(filepath.Join("catalog", "providers", "*.yaml"))
	if err != nil || len(paths) == 0 {
		t.Fatal("no provider files", err)
	}
	for _, path := range paths {
		data, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		var entries map[string]struct{ Alias string }
		if err := yaml.Unmarshal(data, &entries); err != nil {
			t.Fatal(err)
		}
		for name, e := range entries {
			if e.Alias != "" {
				out[name] = e.Alias
			}
		}
	}
	return out
}

// live goes through a connection's life.
func (l *lifeAtProvider) live(t *testing.T, catalog *Catalog, p Provider) {
	var entry map[string]any
	if err := json.Unmarshal(p.JSON(), &entry); err != nil {
		t.Fatal(err)
	}
	r, _ := entry["refresh"].(map[string]any)
	l.lasting = r["grant"] == "none"
	w, err := newDialectWorld(t, catalog, p.Name, entry)
	if err != nil {
		l.err = err
		return
	}
	defer func() { l.err = errors.Join(l.err, w.Close(context.WithoutCancel(t.Context()))) }()
	switch l.path, l.err = w.live(p.AuthMode); {
	case l.err == nil:
		l.err = l.tryOut(w, p.AuthMode)
	case l.lasting && errors.Is(l.err, ErrReauthRequired):
		l.path, l.err = "connect, call, expire, sign in again", nil
	}
	if l.err != nil {
		for _, problem := range w.provider.Problems() {
			l.err = errors.Join(l.err, errors.New(problem))
		}
	}
	for _, doubt := range w.provider.Doubts() {
		if !strings.Contains(doubt, "a value ends in a slash") { // which is meant
			l.err = errors.Join(l.err, errors.New(doubt))
		}
	}
	for _, x := range w.provider.Log() {
		l.refreshed = l.refreshed || x.Role == "refresh" || p.AuthMode != ModeOAuth2 && strings.Contains(l.path, "refresh")
		if l.err != nil {
			t.Logf("%s: %s %s %s %v %s -> %d", p.Name, x.Role, x.Method, x.URL, x.Header, x.Body, x.Status)
		}
	}
}

// tryOut asks the provider about the credential of the connection, and about one
// that it never heard of. Only the second may be a problem to the provider.
func (l *lifeAtProvider) tryOut(w *dialectWorld, mode AuthMode) error {
	for _, p := range w.provider.Problems() {
		return errors.New(p)
	}
	ctx := w.t.Context()
	v, err := w.Connections.Verify(ctx, "key", "alice")
	if v == VerdictUntested {
		return err
	}
	if err != nil {
		return fmt.Errorf("verify: %w", err)
	}
	l.verified = true
	if mode != ModeAPIKey && mode != ModeBasic {
		return nil
	}
	wrong := w.wrongCredential(mode)
	in := ConnectionInput{Credential: wrong, Config: maps.Clone(w.in.Config)}
	_, err = w.Connections.Create(ctx, "key", "mallory", in)
	var refused *VerificationError
	l.refused = errors.As(err, &refused)
	if !l.refused {
		return fmt.Errorf("a wrong credential is not refused when it is tried out, but: %w", errOrNone(err))
	}
	return nil
}

// wrongCredential looks like the one of the user, and is another.
func (w *dialectWorld) wrongCredential(mode AuthMode) Credential {
	values := maps.Clone(w.in.Credentials)
	p, err := w.core.catalog.Get(w.name)
	if err != nil {
		w.t.Fatal(err)
	}
	for _, f := range p.CredentialFields {
		if !f.Hidden && len(f.Enum) == 0 {
			values[f.Name] = anotherLike(values[f.Name], regexp.MustCompile(f.Pattern))
		}
	}
	other := *w
	other.in.Credentials = values
	return other.credential(mode)
}

// anotherLike is another text that the pattern allows.
func anotherLike(text string, pattern *regexp.Regexp) string {
	for i := len(text) - 1; i >= 0; i-- {
		for _, c := range "1aA" {
			if t := text[:i] + string(c) + text[i+1:]; t != text && pattern.MatchString(t) {
				return t
			}
		}
	}
	return text
}

// problems lists what the life lacked, or shows that the entry says too little.
func (l *lifeAtProvider) problems() []string {
	var out []string
	add := func(bad bool, text string) {
		if bad {
			out = append(out, text)
		}
	}
	if l.err != nil {
		return []string{l.err.Error()}
	}
	switch l.mode {
	case ModeOAuth2:
		add(!l.refreshed && !l.lasting, "nothing was refreshed, and the entry does not say that nothing is (refresh.grant: none)")
		add(l.refreshed && l.lasting, "it was refreshed, and the entry says that nothing is")
	case ModeOAuth2CC:
		add(!l.refreshed, "nothing was refreshed")
	case ModeAPIKey, ModeBasic:
		add(!l.verified && l.unverified == "", "no way to try the credential out, and no reason (unverified)")
	}
	add(l.verified && l.unverified != "", "a way to try the credential out, and a reason why there is none")
	return out
}

// logLives says how many came how far.
func logLives(t *testing.T, lives map[string]lifeAtProvider) {
	t.Helper()
	counts := map[AuthMode]map[string]int{}
	for _, l := range lives {
		how := l.path
		if l.verified {
			how += ", verify"
		}
		if l.refused {
			how += ", refuse a wrong one"
		}
		if counts[l.mode] == nil {
			counts[l.mode] = map[string]int{}
		}
		counts[l.mode][how]++
	}
	for _, mode := range slices.Sorted(maps.Keys(counts)) {
		for _, how := range slices.Sorted(maps.Keys(counts[mode])) {
			t.Logf("%4d %-10s %s", counts[mode][how], mode, how)
		}
	}
}
