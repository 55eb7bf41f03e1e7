package tieline

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/google/go-cmp/cmp"
)

var updateTable = flag.Bool("update-entries", false, "write docs/entries.md anew")

// What became of an entry.
const (
	exercised = "exercised"
	loadsOnly = "loads only"
	rejects   = "rejected"
)

// entryExceptions are the entries with which a connection cannot live as they are
// written, each with the reason. An entry that is on the list and works fails the
// test as well.
var entryExceptions = map[string]struct{ outcome, reason string }{
	"agiloft":               {loadsOnly, "a hook puts a part of the secret into its refreshes, of which the entry says nothing; a golden request shows them"},
	"aws":                   {rejects, "the base URL has a variable without its space, ${apiSubdomain}, so that nothing says what it is"},
	"certn-partner":         {rejects, "a client credentials entry without a token URL, whose header asks for an API key"},
	"greenhouse-assessment": {rejects, "the field is a whole host name, and its pattern allows no dot"},
	"klicktipp":             {rejects, "an API key is asked for, and no template sends it"},
	"linear-mcp":            {loadsOnly, "it connects and refreshes, and has no API to call"},
	"revolut-business":      {loadsOnly, "a hook signs its token requests, of which the entry says nothing; a golden request shows them"},
	"unauthenticated":       {loadsOnly, "it connects, and has neither a credential nor an API to call"},
}

// minExercised is what may never be fallen behind.
const minExercised = 950

type entryResult struct{ mode, outcome, path, reason string }

// TestEveryEntry walks the life of a connection at each provider of a file of a
// thousand: connect, call, expire, refresh, call. The provider's side is
// providertest.Dialect, a second reading of the format that was written without
// this one; it refuses, and notes, every request that is not as the entry has it.
func TestEveryEntry(t *testing.T) {
	entries := referenceEntries(t)
	// Without the dialects: what providers want beyond their entries is for the
	// golden requests to show.
	catalog, problems := (&Catalog{}).with(nil, []CatalogFile{{Name: "providers.yaml", Data: referenceFile(t)}})
	rejected := map[string]string{}
	for _, p := range problems {
		if p.Severity == SeverityRejected {
			rejected[p.Entry] = p.Message
		}
	}
	results := map[string]entryResult{}
	for _, name := range slices.Sorted(maps.Keys(entries)) {
		if only := os.Getenv("TIELINE_ENTRY"); only != "" && name != only {
			continue
		}
		r := entryResult{mode: fmt.Sprint(entries[name]["auth_mode"]), outcome: rejects, reason: rejected[name]}
		if r.reason == "" {
			synctest.Test(t, func(t *testing.T) { r.exercise(t, catalog, name, entries[name]) })
		}
		results[name] = r
		if want, excused := entryExceptions[name]; excused && r.outcome != want.outcome || !excused && r.outcome != exercised {
			t.Errorf("%s (%s) is %s: %s", name, r.mode, r.outcome, r.reason)
		}
	}
	if os.Getenv("TIELINE_ENTRY") != "" {
		return
	}
	checkEntryTable(t, results)
}

// exercise lives through one entry.
func (r *entryResult) exercise(t *testing.T, catalog *Catalog, name string, entry map[string]any) {
	w, err := newDialectWorld(t, catalog, name, entry)
	if err != nil {
		r.outcome, r.reason = loadsOnly, err.Error()
		return
	}
	r.path, err = w.live(AuthMode(r.mode))
	for _, p := range w.provider.Problems() {
		err = errors.Join(err, errors.New(p))
	}
	_ = w.Close(context.WithoutCancel(t.Context()))
	r.outcome = exercised
	if err != nil {
		r.outcome, r.reason = loadsOnly, err.Error()
		for _, x := range w.provider.Log() {
			t.Logf("%s: %s %s %s %v %s -> %d", name, x.Role, x.Method, x.URL, x.Header, x.Body, x.Status)
		}
	}
}

// checkEntryTable compares the results with the table in docs/.
func checkEntryTable(t *testing.T, results map[string]entryResult) {
	t.Helper()
	counts := map[string]int{}
	var rows strings.Builder
	for _, name := range slices.Sorted(maps.Keys(results)) {
		r := results[name]
		counts[r.outcome]++
		what := r.path
		if e, ok := entryExceptions[name]; ok {
			what = e.reason
		}
		fmt.Fprintf(&rows, "| %s | %s | %s | %s |\n", name, r.mode, r.outcome, what)
	}
	t.Logf("%v of %d entries", counts, len(results))
	if counts[exercised] < minExercised || len(results)-counts[exercised] > 30 {
		t.Errorf("%d exercised, want at least %d and at most 30 exceptions", counts[exercised], minExercised)
	}
	table := fmt.Sprintf(entryTable, counts[exercised], counts[loadsOnly], counts[rejects], len(results)) + rows.String()
	path := filepath.Join("docs", "entries.md")
	if *updateTable {
		if err := os.WriteFile(path, []byte(table), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	have, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(have), table); diff != "" {
		t.Errorf("%s is not what the test finds; go test -run TestEveryEntry -update-entries . writes it (-have +want):\n%s", path, diff)
	}
}

const entryTable = `# Entries of the reference catalog

Written by ` + "`go test -run TestEveryEntry -update-entries .`" + `; the same test fails when this page is out of date. For each
entry of a provider file in the reference format, which is test data and not part of this project: whether a connection
lives through it, driven by the entry's own data, against a provider that is a second reading of the same entry
(` + "`providertest.Dialect`" + `).

%d exercised, %d load only, %d rejected, of %d. *Calls only* means that what the user gives never expires, so that there is
nothing to refresh.

| Entry | Mode | Outcome | What was done, or why not |
|---|---|---|---|
`
