package spec

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// overlaid loads a file with an overlay, and returns the problems of both, each
// as "file line entry key severity code".
func overlaid(t *testing.T, overlay, src string) (*Set, []string) {
	t.Helper()
	o, problems := ReadOverlay(File{Name: "o.yaml", Data: []byte(overlay)})
	set, more := Options{Overlay: o}.Load(File{Name: "f.yaml", Data: []byte(src)})
	var out []string
	for _, p := range append(problems, more...) {
		out = append(out, p.File+" "+brief(p))
	}
	return set, out
}

func lookup(t *testing.T, set *Set, name string) *Entry {
	t.Helper()
	e, ok := set.Lookup(name)
	if !ok {
		t.Fatalf("no entry %s", name)
	}
	return e
}

func TestOverlayKeys(t *testing.T) {
	t.Parallel()
	const overlay = "a:\n  auth_mode: OAUTH2\n  sources: [https://docs.example.com]\n  checked: 2026-11-01\n  pkce: forbidden\n  refresh: {keep: true}\n"
	second := strings.Replace(oauth2, "a:", "b:", 1)
	tests := []struct {
		name, src, entry string
		pkce             PKCE
		keep             bool
	}{
		{"an entry that says nothing", oauth2, "a", PKCEForbidden, true},
		{"an entry that says something", oauth2 + "  pkce: required\n", "a", PKCERequired, true},
		{"an entry that says the same key otherwise", oauth2 + "  refresh: {rotation: always}\n", "a", PKCEForbidden, false},
		{"an entry that wants none", oauth2 + "  refresh: null\n", "a", PKCEForbidden, false},
		{"an entry of another name", second, "b", PKCEOptional, false},
		{"an alias inherits", oauth2 + "b: {alias: a}\n", "b", PKCEForbidden, true},
		{"an alias says otherwise", oauth2 + "b: {alias: a, pkce: required}\n", "b", PKCERequired, true},
		{"an alias takes away", oauth2 + "b: {alias: a, refresh: null}\n", "b", PKCEForbidden, false},
		{"an alias of that name", second + "a: {alias: b}\n", "a", PKCEForbidden, true},
		{"an alias of that name that inherits the key", second + "  pkce: required\na: {alias: b}\n", "a", PKCERequired, true},
		{"an alias of that name that takes away", second + "  refresh: {rotation: always}\na: {alias: b, refresh: null}\n", "a", PKCEForbidden, false},
		{"an alias of an alias", oauth2 + "b: {alias: a}\nc: {alias: b}\n", "c", PKCEForbidden, true},
		{"another mode", strings.Replace(oauth2, "OAUTH2", "CUSTOM", 1), "a", PKCEOptional, false},
		{"an alias of another mode", oauth2 + "b: {alias: a, auth_mode: CUSTOM}\n", "b", PKCEOptional, false},
	}
	for _, tt := range tests {
		set, problems := overlaid(t, overlay, tt.src)
		e := lookup(t, set, tt.entry)
		if e.PKCE != tt.pkce || e.Refresh.Keep != tt.keep || e.Sources != nil || e.Checked != "" {
			t.Errorf("%s: PKCE %s, keep %v, sources %v", tt.name, e.PKCE, e.Refresh.Keep, e.Sources)
		}
		for _, p := range problems {
			if !strings.Contains(p, "empty-value") { // a null of an entry without an alias
				t.Errorf("%s: %s", tt.name, p)
			}
		}
		// The same without the overlay.
		if plain, _ := Load(File{Name: "f.yaml", Data: []byte(tt.src)}); lookup(t, plain, tt.entry).Refresh.Keep {
			t.Errorf("%s: the overlay stays", tt.name)
		}
	}
}

func TestOverlayOverrides(t *testing.T) {
	t.Parallel()
	overlay := func(override string) string { return "a:\n  auth_mode: OAUTH2\n  override:\n    " + override + "\n" }
	const right = "token_url: {value: \"https://right.example.com/t\", reason: \"The vendor moved it.\"}"
	was := func(wrong string) string {
		return "token_url: {was: " + wrong + ", value: \"https://right.example.com/t\", reason: r}"
	}
	const asWritten, moved = "https://example.com/token", "https://right.example.com/t"
	tests := []struct {
		name, override, src, entry, want string
	}{
		{"a wrong value", right, oauth2, "a", moved},
		{"the wrong value that it was", was("'" + asWritten + "'"), oauth2, "a", moved},
		{"a value that was put right", was("https://wrong.example.com/t"), oauth2, "a", asWritten},
		{"an alias inherits it", right, oauth2 + "b: {alias: a}\n", "b", moved},
		{"an alias says otherwise", right, oauth2 + "b: {alias: a, token_url: \"https://b.example.com/t\"}\n", "b", "https://b.example.com/t"},
		{"another mode", right, strings.Replace(oauth2, "OAUTH2", "CUSTOM", 1), "a", asWritten},
		{"an alias of another mode", right, oauth2 + "b: {alias: a, auth_mode: CUSTOM}\n", "b", asWritten},
	}
	for _, tt := range tests {
		set, problems := overlaid(t, overlay(tt.override), tt.src)
		if e := lookup(t, set, tt.entry); e.TokenURL.String() != tt.want || len(problems) > 0 {
			t.Errorf("%s: %s, want %s, problems %q", tt.name, e.TokenURL, tt.want, problems)
		}
	}
	twice := overlay(right) + strings.Replace(overlay(strings.Replace(right, "right", "b", 1)), "a:", "b:", 1)
	set, problems := overlaid(t, twice, strings.Replace(oauth2, "a:", "b:", 1)+"a: {alias: b}\nc: {alias: a, auth_mode: CUSTOM}\n")
	if got := lookup(t, set, "a").TokenURL.String() + " " + lookup(t, set, "b").TokenURL.String() + " " + lookup(t, set, "c").TokenURL.String(); got != moved+" https://b.example.com/t "+asWritten || len(problems) > 0 {
		t.Errorf("overrides of an entry and its alias: %s, problems %q", got, problems)
	}
	set, problems = overlaid(t, overlay("token_params: {was: {b: [1, x], a: ~}, value: null, reason: r}\n    scope_separator: {value: \",\", reason: r}"), oauth2+"  token_params: {a: null, b: [1, \"x\"]}\n")
	if e := lookup(t, set, "a"); len(e.Provider.TokenParams) > 0 || e.ScopeSeparator != "," || len(problems) > 0 {
		t.Errorf("a key that is taken away, and one that was absent: %v, %q, problems %q", e.Provider.TokenParams, e.ScopeSeparator, problems)
	}
	for _, other := range []string{"{a: null, b: [x, 1]}", "{a: null, b: [1]}", "{a: null}", "{a: null, c: [1, x]}", "{a: \"~\", b: [1, x]}", "{a: null, b: {1: x}}"} {
		set, _ := overlaid(t, overlay("token_params: {was: {b: [1, x], a: ~}, value: null, reason: r}"), oauth2+"  body_format: json\n  token_params: "+other+"\n")
		if e := lookup(t, set, "a"); len(e.Provider.TokenParams) == 0 {
			t.Errorf("%s was taken for what it was", other)
		}
	}
}

func TestOverlayProblems(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name, overlay, src string
		want               []string
	}{
		{"no mode", "a: {pkce: required}\n", oauth2, []string{"o.yaml 1 a auth_mode rejected auth-mode"}},
		{"no such mode", "a:\n  auth_mode: OAUTH3\n", oauth2, []string{"o.yaml 2 a auth_mode rejected auth-mode"}},
		{"a key of the format", "a:\n  auth_mode: OAUTH2\n  token_url: https://example.com\n", oauth2, []string{"o.yaml 3 a token_url rejected bad-value"}},
		{"a misspelt key", "a:\n  auth_mode: OAUTH2\n  refersh: {keep: true}\n", oauth2, []string{"o.yaml 3 a refersh rejected unknown-key"}},
		{"a misspelt part", "x:\n  auth_mode: OAUTH2\n  refresh:\n    kep: true\n", oauth2, []string{"o.yaml 4 x refresh.kep doubtful unknown-key"}},
		{"a part of a wrong type", "x:\n  auth_mode: OAUTH2\n  refresh:\n    keep: maybe\n", oauth2, []string{"o.yaml 4 x refresh.keep rejected wrong-type"}},
		{"a file that is no YAML", "a: [\n", oauth2, []string{"o.yaml 1   rejected syntax"}},
		{"an entry twice", "a: {auth_mode: OAUTH2}\na: {auth_mode: OAUTH2}\n", oauth2, []string{"o.yaml 2 a  rejected duplicate-entry"}},
		{"odd overrides", "a:\n  auth_mode: OAUTH2\n  override:\n    token_url: {value: x}\n    docs: {reason: r}\n    pkce: {value: required, reason: r}\n    alias: {value: b, reason: r}\n    tokn_url: {value: b, reason: r}\n    categories: x\n    display_name: {value: [x], reason: r, because: y}\n", oauth2, []string{
			"o.yaml 4 a override.token_url rejected missing-key", "o.yaml 5 a override.docs rejected missing-key", "o.yaml 6 a override.pkce rejected bad-value", "o.yaml 7 a override.alias rejected bad-value",
			"o.yaml 8 a override.tokn_url rejected bad-value", "o.yaml 9 a override.categories rejected wrong-type", "o.yaml 10 a display_name rejected wrong-type", "o.yaml 10 a override.display_name.because rejected unknown-key"}},
		{"overrides that are no mapping", "a:\n  auth_mode: OAUTH2\n  override: [x]\n", oauth2, []string{"o.yaml 3 a override rejected wrong-type"}},
		{"something doubtful about an entry", "a:\n  auth_mode: OAUTH2\n  refresh:\n    prolong_seconds: 5\n", oauth2, []string{"o.yaml 4 a refresh.prolong_seconds doubtful no-effect"}},
		{"a key that cannot be used", "a:\n  auth_mode: OAUTH2\n  pkce: maybe\n", oauth2, []string{"o.yaml 3 a pkce doubtful bad-value"}},
		{"an override that cannot be used", "a:\n  auth_mode: OAUTH2\n  expiry: jwt\n  override:\n    token_url: {value: nonsense, reason: r}\n", oauth2, []string{"o.yaml 5 a token_url doubtful template"}},
		{"what only shows in the entry", "a:\n  auth_mode: OAUTH2\n  override:\n    token_url: {value: null, reason: r}\n", oauth2, []string{"o.yaml 4 a token_url doubtful missing-key"}},
		{"an entry that is bad by itself", "a:\n  auth_mode: OAUTH2\n  pkce: maybe\n", oauth2 + "  body_format: yaml\n", []string{"f.yaml 6 a body_format rejected bad-value"}},
		{"problems of both", "a:\n  auth_mode: OAUTH2\n  pkce: maybe\n", oauth2 + "  colour: red\n", []string{"f.yaml 6 a colour doubtful unknown-key", "o.yaml 3 a pkce doubtful bad-value"}},
		{"an entry that nobody has", "zzz:\n  auth_mode: OAUTH2\n  pkce: required\n", oauth2, nil},
	}
	for _, tt := range tests {
		set, got := overlaid(t, tt.overlay, tt.src)
		if diff := cmp.Diff(tt.want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", tt.name, diff)
		}
		if e, ok := set.Lookup("a"); ok && (e.PKCE != PKCEOptional || e.ExpiryInToken || e.TokenURL.String() != "https://example.com/token") {
			t.Errorf("%s: the overlay was used", tt.name)
		} else if !ok && !strings.Contains(tt.name, "bad by itself") {
			t.Errorf("%s: the entry is gone", tt.name)
		}
	}
}

// Later files of an overlay count, a nil overlay changes nothing, and what an
// overlay says holds for every file of a load.
func TestOverlayFiles(t *testing.T) {
	t.Parallel()
	o, problems := ReadOverlay(File{Data: []byte("a: {auth_mode: OAUTH2, pkce: required, expiry: jwt}\n")}, File{Data: []byte("a: {auth_mode: OAUTH2, pkce: forbidden}\nb: {pkce: x}\n")})
	if len(problems) != 1 || problems[0].File != "overlay 2" {
		t.Errorf("problems %v", problems)
	}
	set, problems := Options{Overlay: o}.Load(File{Data: []byte(oauth2)}, File{Data: []byte("a: {alias: a, docs: x}\n")})
	if e := lookup(t, set, "a"); e.PKCE != PKCEForbidden || e.ExpiryInToken || e.Docs != "x" || len(problems) > 0 {
		t.Errorf("PKCE %s, %v, docs %s, %v", e.PKCE, e.ExpiryInToken, e.Docs, problems)
	}
	// An alias has an overlay of its own before that of what it inherits from.
	both, _ := ReadOverlay(File{Data: []byte("a: {auth_mode: OAUTH2, pkce: required, expiry: jwt}\nb: {auth_mode: OAUTH2, pkce: forbidden}\n")})
	set, _ = Options{Overlay: both}.Load(File{Data: []byte(oauth2 + "b: {alias: a}\n")})
	if e := lookup(t, set, "b"); e.PKCE != PKCEForbidden || !e.ExpiryInToken || lookup(t, set, "a").PKCE != PKCERequired {
		t.Errorf("an alias with an overlay of its own: PKCE %s, %v", e.PKCE, e.ExpiryInToken)
	}
	var none *Overlay
	if set, _ := (Options{Overlay: none}).Load(File{Data: []byte(oauth2)}); lookup(t, set, "a").PKCE != PKCEOptional {
		t.Error("an overlay that is not there does something")
	}
	// An entry of the base is taken as it is; one that builds on it is not.
	base, _ := Load(File{Data: []byte(oauth2)})
	set, _ = Options{Base: base, Overlay: o}.Load(File{Data: []byte("a: {alias: a}\nb: {alias: a}\n")})
	if lookup(t, base, "a").PKCE != PKCEOptional || lookup(t, set, "a").PKCE != PKCEForbidden {
		t.Error("the base was changed, or what builds on it was not")
	}
}

// A file of nearly a thousand entries with an overlay for each has the problems it
// has without, and no overlay takes an entry away.
func TestNangoWithOverlay(t *testing.T) {
	t.Parallel()
	plain, before := loadNango(t)
	var src strings.Builder
	for _, name := range plain.Names() {
		e, _ := plain.Lookup(name)
		fmt.Fprintf(&src, "%s:\n  auth_mode: %s\n  pkce: maybe\n", name, e.AuthMode)
	}
	o, problems := ReadOverlay(File{Name: "o.yaml", Data: []byte(src.String())})
	set, after := Options{Overlay: o}.Load(File{Name: "providers.yaml", Data: nangoFile(t)})
	if !cmp.Equal(set.Names(), plain.Names()) || len(problems) > 0 {
		t.Errorf("%d entries, want %d; problems %v", len(set.Names()), len(plain.Names()), problems)
	}
	blamed := 0
	for _, p := range after {
		if p.File == "o.yaml" {
			blamed++
		}
	}
	if blamed < len(plain.Names()) || len(after)-blamed != len(before) {
		t.Errorf("%d problems of %d are the overlay's, %d without it", blamed, len(after), len(before))
	}
}
