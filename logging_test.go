package tieline

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tieline/tieline/providertest"
	"github.com/tieline/tieline/store"
	"github.com/tieline/tieline/store/journal"
	"github.com/tieline/tieline/storetest"
)

// keyLog is a slog.Handler that writes down which keys there are, and everything
// that is logged.
type keyLog struct {
	mu   sync.Mutex
	keys map[string]int
	text bytes.Buffer
}

func (l *keyLog) Enabled(context.Context, slog.Level) bool { return true }

func (l *keyLog) Handle(_ context.Context, r slog.Record) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	fmt.Fprintln(&l.text, r.Message)
	r.Attrs(func(a slog.Attr) bool {
		l.keys[a.Key]++
		fmt.Fprintln(&l.text, a.Value.Resolve())
		return true
	})
	return nil
}

func (l *keyLog) WithAttrs([]slog.Attr) slog.Handler { return l }
func (l *keyLog) WithGroup(string) slog.Handler      { return l }

// documented are the names in the first column of a table of docs/observability.md.
func documented(t *testing.T, heading string) []string {
	t.Helper()
	text, err := os.ReadFile("docs/observability.md")
	if err != nil {
		t.Fatal(err)
	}
	_, section, _ := strings.Cut(string(text), "\n## "+heading+"\n")
	section, _, _ = strings.Cut(section, "\n## ")
	var names []string
	for _, m := range regexp.MustCompile("(?m)^\\| `([a-z_.]+)` \\|").FindAllStringSubmatch(section, -1) {
		names = append(names, m[1])
	}
	slices.Sort(names)
	return names
}

func allIn(some, all []string) bool {
	return !slices.ContainsFunc(some, func(s string) bool { return !slices.Contains(all, s) })
}

// What is logged has the documented keys and no other, and shows nothing.
func TestLogKeys(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		logged := &keyLog{keys: map[string]int{}}
		var down sync.Map // operations of the Store that fail
		s := storetest.Faulty(&store.Memory{}, func(op string, key store.Key) error {
			if _, ok := down.Load(op); ok && key.Kind == kindConnection {
				return errDown
			}
			return nil
		}, nil)
		w := newWorld(t, worldOptions{store: s, config: func(c *Config) {
			c.Logger = slog.New(logged)
			c.Journal = badJournal{}
			c.OnEvent = func(_ context.Context, e Event) { panic("canary-of-a-panic" + e.Connection) }
			c.Tracer = &notes{onStart: func(context.Context, Operation) (context.Context, func(Result)) { panic("canary-of-a-panic") }}
		}})
		heard := &ear{next: w.provider.RoundTripper(), all: map[string]string{"canary-of-a-panic": "a panic"}}
		w.core.tokenHTTP, w.core.apiHTTP = heard, heard
		for _, name := range []string{"acme", "acme-key", "acme-basic", "acme-cc"} {
			w.integration(name, name)
		}
		note := func(error) {}
		w.everyFlow(heard, note)
		w.everyFault(note)
		w.logTrouble(&down)
		if err := w.Close(t.Context()); err != nil {
			t.Fatal(err)
		}

		got, want := slices.Sorted(maps.Keys(logged.keys)), documented(t, "Log keys")
		if !allIn(got, want) || len(got) < len(want)-3 { // there are no webhooks here, and nothing is forwarded
			t.Errorf("keys of the log are %q, documented are %q", got, want)
		}
		for secret, what := range heard.all {
			for form, v := range spellings(secret) {
				if strings.Contains(logged.text.String(), v) {
					t.Errorf("%s is logged, %s", what, form)
				}
			}
		}
	})
}

// What is logged seldom has no keys of its own either.
func TestLogKeysInSource(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob("*.go")
	if err != nil {
		t.Fatal(err)
	}
	found := 0
	for _, name := range files {
		if strings.HasSuffix(name, "_test.go") {
			continue
		}
		source, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		// A LogValue is for what the application logs.
		text := regexp.MustCompile(`(?s)\) LogValue\(\).*?\n}`).ReplaceAllString(string(source), "")
		for _, m := range regexp.MustCompile(`slog\.(Any|Bool|Duration|Float64|Group|Int|Int64|String|Time|Uint64)\(([^,)]*)`).FindAllStringSubmatch(text, -1) {
			found++
			if !regexp.MustCompile(`^key[A-Z]`).MatchString(m[2]) {
				t.Errorf("%s: %s has a key that is no constant", name, m[0])
			}
		}
		if regexp.MustCompile(`\.log\.(Debug|Info|Warn|Error|Log|With)[(C]`).MatchString(text) {
			t.Errorf("%s: something is logged by other means than LogAttrs", name)
		}
	}
	if found < 10 {
		t.Errorf("%d attributes; the test looks at nothing", found)
	}
}

// logTrouble is what goes wrong seldom.
func (w *world) logTrouble(down *sync.Map) {
	w.connect("acme", "erin")
	w.core.tokenHTTP = panicTripper{}
	_, err := w.Connections.Refresh(w.t.Context(), "acme", "erin", nil)
	if !errors.Is(err, ErrRefreshFailed) {
		w.t.Errorf("a panic in an exchange: %v", err)
	}
	w.core.tokenHTTP = w.provider.RoundTripper()
	w.provider.Fail(providertest.Fault{Endpoint: providertest.Revoke, Status: 500})
	if err := w.Connections.Delete(w.t.Context(), "acme", "erin", DeleteOptions{}); err != nil {
		w.t.Error(err)
	}
	resp, err := w.Connections.HTTPClient("acme-key", "nobody").Get("/me")
	if err == nil {
		resp.Body.Close()
		w.t.Error("a client of nobody's is answered")
	}

	// A token that cannot be saved, and then can.
	w.connect("acme", "frank")
	time.Sleep(time.Hour)
	w.core.tokenHTTP = hookedTripper{next: w.provider.RoundTripper(), after: func(*http.Request) {
		down.Store("Put", true)
		time.AfterFunc(20*time.Second, func() { down.Delete("Put") })
	}}
	if _, err := w.Connections.Credential(w.t.Context(), "acme", "frank"); err != nil {
		w.t.Error(err)
	}

	ctx, cancel := context.WithTimeout(w.t.Context(), time.Minute)
	defer cancel()
	down.Store("List", true)
	_ = w.Run(ctx)
	down.Delete("List")
}

// badJournal takes entries and does nothing else.
type badJournal struct{}

var errBadJournal = errors.New("the journal is out of order")

func (badJournal) Append(context.Context, journal.Entry) error      { return nil }
func (badJournal) Entries(context.Context) ([]journal.Entry, error) { return nil, errBadJournal }
func (badJournal) Drop(context.Context, journal.Entry) error        { return errBadJournal }

type panicTripper struct{}

func (panicTripper) RoundTrip(*http.Request) (*http.Response, error) { panic("canary-of-a-panic") }

// The tables list what there is.
func TestObservabilityIsDocumented(t *testing.T) {
	t.Parallel()
	source, err := os.ReadFile("events.go")
	if err != nil {
		t.Fatal(err)
	}
	trace, err := os.ReadFile("trace.go")
	if err != nil {
		t.Fatal(err)
	}
	keys, err := os.ReadFile("logging.go")
	if err != nil {
		t.Fatal(err)
	}
	for heading, there := range map[string][][]string{
		"Events":     regexp.MustCompile(`EventType = "(\S+)"`).FindAllStringSubmatch(string(source), -1),
		"Log keys":   regexp.MustCompile(`key[A-Z][a-z]+ += "(\S+)"`).FindAllStringSubmatch(string(keys), -1),
		"Operations": regexp.MustCompile(`OperationName = "(\S+)"`).FindAllStringSubmatch(string(trace), -1),
	} {
		var want []string
		for _, m := range there {
			want = append(want, m[1])
		}
		slices.Sort(want)
		if got := documented(t, heading); len(want) == 0 || !slices.Equal(got, want) {
			t.Errorf("%s: documented are %q, there are %q", heading, got, want)
		}
	}
}
