package spec

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
)

func TestSyntaxErrorsNameTheirLine(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name, src string
		line      int
		entry     string
	}{
		{"a quote that does not end", "a: {auth_mode: NONE}\nb:\n  docs: \"x\nc: {auth_mode: NONE}\n", 3, "b"},
		{"two colons", "a: {auth_mode: NONE}\nb:\n  docs: x: y\nc: {auth_mode: NONE}\n", 3, "b"},
		{"a bracket too many", "a: {auth_mode: NONE}\nb:\n  categories: [x]]\nc: {auth_mode: NONE}\n", 3, "b"},
		{"a tab", "a: {auth_mode: NONE}\nb:\n\tdocs: x\nc: {auth_mode: NONE}\n", 3, "b"},
		{"no name", "a: {auth_mode: NONE}\n: x\nc: {auth_mode: NONE}\n", 2, "a"},
	}
	for _, tt := range tests {
		set, problems := Load(File{Name: "f.yaml", Data: []byte(tt.src)})
		if len(problems) == 0 || problems[0].Severity != Rejected || problems[0].Line != tt.line || problems[0].Entry != tt.entry && tt.entry != "a" {
			t.Errorf("%s: problems %v, want one in line %d of entry %s", tt.name, problems, tt.line, tt.entry)
		}
		if !slices.Contains(set.Names(), "c") {
			t.Errorf("%s: entry c was lost: %v", tt.name, set.Names())
		}
	}
}

func TestProblemString(t *testing.T) {
	t.Parallel()
	_, problems := Load(File{Name: "acme.yaml", Data: []byte("acme:\n  auth_mode: NONE\n  proxy:\n    base_url: https://example.com\n    headers:\n      x-key: ${apiKey}\n")})
	if len(problems) != 1 {
		t.Fatalf("problems %v", problems)
	}
	if got, want := problems[0].String(), "acme.yaml:6:7: acme: proxy.headers.x-key: there is no variable ${apiKey} here"; got != want {
		t.Errorf("String() = %q, want %q", got, want)
	}
	_, problems = Load(File{Data: []byte("[")})
	if len(problems) != 1 || !strings.HasPrefix(problems[0].String(), "file 1:1:1: not YAML") {
		t.Errorf("problems %v", problems)
	}
}

// What stands behind a syntax error keeps its place.
func TestLinesAfterASyntaxError(t *testing.T) {
	t.Parallel()
	_, problems := Load(File{Name: "f.yaml", Data: []byte("a:\n  docs: \"\nb:\n  auth_mode: NONE\n  colour: red\n")})
	if len(problems) != 2 || brief(problems[1]) != "5 b colour doubtful unknown-key" {
		t.Errorf("problems %v", problems)
	}
}

// An inherited problem names the entry that the key stands in.
func TestInheritedProblemsNameTheirOrigin(t *testing.T) {
	t.Parallel()
	_, problems := Load(File{Name: "f.yaml", Data: []byte("a: {auth_mode: NONE, colour: red}\nb: {alias: a}\nc: {alias: b}\n")})
	var got []string
	for _, p := range problems {
		_, from, _ := strings.Cut(p.Message, "(")
		got = append(got, p.Entry+" "+from)
	}
	if text := strings.Join(got, ", "); text != "a , b inherited from a), c inherited from a)" {
		t.Errorf("problems %s", text)
	}
}

func TestProblemsAreInOrder(t *testing.T) {
	t.Parallel()
	bad := "z: [x]\na: [x]\nm: {alias: n}\n"
	_, problems := Load(File{Name: "b.yaml", Data: []byte(bad)}, File{Name: "a.yaml", Data: []byte(bad)})
	var got []string
	for _, p := range problems {
		got = append(got, fmt.Sprintf("%s:%d", p.File, p.Line))
	}
	_, problems = Load(File{Name: "f.yaml", Data: []byte("z: {auth_mode: FOO}\na: {auth_mode: FOO}\n")})
	if len(problems) != 2 || problems[0].Entry != "z" || problems[1].Entry != "a" {
		t.Errorf("problems %v are not in the order of the lines", problems)
	}
	// m of the first file is replaced by that of the second.
	if want := "b.yaml:1 b.yaml:2 a.yaml:1 a.yaml:2 a.yaml:3"; strings.Join(got, " ") != want {
		t.Errorf("problems in %v, want %s", got, want)
	}
}

// Aliases mean the same in whatever order entries stand.
func TestAliasesDoNotDependOnOrder(t *testing.T) {
	t.Parallel()
	entries := []string{
		"root: {auth_mode: NONE, docs: root, display_name: Root}\n",
		"one: {alias: root, docs: one}\n",
		"two: {alias: one, display_name: Two}\n",
		"three: {alias: two, docs: three}\n",
		"loop1: {alias: loop2}\n", "loop2: {alias: loop1}\n", "tail: {alias: loop1}\n",
	}
	var want string
	for seed := range uint64(50) {
		r := rand.New(rand.NewPCG(seed, 1))
		r.Shuffle(len(entries), func(i, j int) { entries[i], entries[j] = entries[j], entries[i] })
		set, problems := Load(File{Name: "f.yaml", Data: []byte(strings.Join(entries, ""))})
		var got []string
		for _, name := range set.Names() {
			e, _ := set.Lookup(name)
			got = append(got, fmt.Sprintf("%s=%s/%s/%s", name, e.Docs, e.DisplayName, e.Alias))
		}
		for _, p := range problems {
			if p.Code != "alias-cycle" {
				t.Errorf("problem %v", p)
			}
			got = append(got, p.Entry)
		}
		slices.Sort(got)
		if text := strings.Join(got, " "); want == "" {
			want = text
		} else if text != want {
			t.Fatalf("in the order %q:\n%s\nwant\n%s", entries, text, want)
		}
	}
	if want != "loop1 loop2 one=one/Root/ root=root/Root/ tail three=three/Two/ two=one/Two/" {
		t.Errorf("got %s", want)
	}
}

func TestAliasReplacesWholeKeys(t *testing.T) {
	t.Parallel()
	set, _ := load(t, oauth2+`  token_params: {resource: r, audience: a}
  default_scopes: [x]
b:
  alias: a
  token_params: {resource: other}
  default_scopes: null
`)
	b, ok := set.Lookup("b")
	if !ok {
		t.Fatal("b is not usable")
	}
	if len(b.Provider.TokenParams) != 1 || b.Provider.TokenParams.Text("resource") != "other" {
		t.Errorf("token_params %v, want only what b gives", b.Provider.TokenParams)
	}
	if b.DefaultScopes != nil {
		t.Errorf("default_scopes %v, which b takes away", b.DefaultScopes)
	}
	if b.Provider.AuthorizationURL != "https://example.com/authorize" || b.AuthMode != OAuth2 {
		t.Errorf("%+v did not inherit", b.Provider)
	}
}

func TestAliasChainIsLimited(t *testing.T) {
	t.Parallel()
	var src strings.Builder
	src.WriteString("a0: {auth_mode: NONE}\n")
	for i := 1; i <= maxAliases+3; i++ {
		fmt.Fprintf(&src, "a%d: {alias: a%d}\n", i, i-1)
	}
	set, problems := Load(File{Name: "f.yaml", Data: []byte(src.String())})
	if len(set.Names()) != maxAliases+1 || len(problems) != 3 {
		t.Errorf("%d entries, problems %v", len(set.Names()), problems)
	}
	for _, p := range problems {
		if p.Code != "alias-chain" {
			t.Errorf("problem %s has code %s", p, p.Code)
		}
	}
}

func TestOverlay(t *testing.T) {
	t.Parallel()
	base := File{Name: "base.yaml", Data: []byte(`
kept: {auth_mode: NONE, docs: base}
replaced: {auth_mode: NONE, docs: base, display_name: Base}
patched: {auth_mode: NONE, docs: base, display_name: Base}
child: {alias: replaced, categories: [x]}
broken: {auth_mode: NONE, docs: base}
`)}
	over := File{Name: "over.yaml", Data: []byte(`
replaced: {auth_mode: BASIC, docs: over, proxy: {base_url: https://example.com}}
patched: {alias: patched, docs: over}
added: {alias: kept}
broken: {auth_mode: FOO}
`)}
	set, problems := Load(base, over)
	want := map[string]string{
		"kept": "NONE base ", "replaced": "BASIC over ", "patched": "NONE over Base",
		"child": "BASIC over ", // builds on what replaced has become
		"added": "NONE base ",
	}
	if len(set.Names()) != len(want) {
		t.Errorf("entries %v", set.Names())
	}
	for name, w := range want {
		e, ok := set.Lookup(name)
		if !ok {
			t.Errorf("no entry %s", name)
		} else if got := fmt.Sprintf("%s %s %s", e.AuthMode, e.Docs, e.DisplayName); got != w {
			t.Errorf("%s is %q, want %q", name, got, w)
		}
	}
	// A rejected entry does not bring the one it was to replace back.
	if len(problems) != 1 || problems[0].Entry != "broken" || problems[0].File != "over.yaml" {
		t.Errorf("problems %v", problems)
	}
}

func TestLoadOver(t *testing.T) {
	t.Parallel()
	base, problems := Load(File{Name: "base.yaml", Data: []byte(oauth2 + "  token_params: {n: 1, b: true, s: \"1\", resource: \"${connectionConfig.x}\"}\n  connection_config: {x: {type: string, order: 2, secret: false}}\n")})
	if len(problems) > 0 {
		t.Fatal(problems)
	}
	set, problems := LoadOver(base, File{Name: "over.yaml", Data: []byte("b: {alias: a}\nc: {alias: nobody}\n")})
	if len(problems) != 1 || problems[0].Code != "alias-missing" {
		t.Errorf("problems %v", problems)
	}
	if got := strings.Join(set.Names(), " "); got != "b" {
		t.Errorf("entries %s", got)
	}
	old, _ := base.Lookup("a")
	b, _ := set.Lookup("b")
	was, err := EncodeEntry(old)
	if err != nil {
		t.Fatal(err)
	}
	if is, err := EncodeEntry(b); err != nil || string(is) != string(was) {
		t.Errorf("inherited\n%s, want\n%s", is, was)
	}
	set, problems = LoadOver(base, File{Name: "over.yaml", Data: []byte("a: {alias: a, docs: over}\n")})
	if len(problems) > 0 {
		t.Errorf("problems %v", problems)
	}
	if a, _ := set.Lookup("a"); a.Docs != "over" || a.Provider.TokenURL.URL != "https://example.com/token" {
		t.Errorf("a is %+v", a.Provider)
	}
}

func TestLimits(t *testing.T) {
	t.Parallel()
	big := File{Name: "big.yaml", Data: []byte(none + strings.Repeat("#", maxFile))}
	set, problems := Load(big, File{Name: "small.yaml", Data: []byte("b: {auth_mode: NONE}\n")})
	if len(problems) != 1 || problems[0].Code != "too-large" || problems[0].File != "big.yaml" || strings.Join(set.Names(), " ") != "b" {
		t.Errorf("entries %v, problems %v", set.Names(), problems)
	}
	// A small file that would be a huge one, were its aliases followed.
	bomb := "bomb:\n  auth_mode: NONE\n  a: &a [x,x,x,x,x,x,x,x,x]\n"
	for c := 'b'; c < 'z'; c++ {
		bomb += fmt.Sprintf("  %c: &%c [%s]\n", c, c, strings.TrimSuffix(strings.Repeat(fmt.Sprintf("*%c,", c-1), 9), ","))
	}
	if set, problems := Load(File{Name: "bomb.yaml", Data: []byte(bomb)}); len(set.Names()) != 0 || len(problems) == 0 {
		t.Errorf("the bomb was loaded: %v", set.Names())
	}
	// Nesting that a recursive reader would follow down the stack.
	deep := "a:\n  auth_mode: NONE\n  auth: " + strings.Repeat("[", 100_000)
	if set, problems := Load(File{Name: "deep.yaml", Data: []byte(deep)}); len(set.Names()) != 0 || len(problems) == 0 {
		t.Errorf("100,000 brackets were loaded")
	}
}

func TestNilAndEmptySets(t *testing.T) {
	t.Parallel()
	var set *Set
	if _, ok := set.Lookup("a"); ok || set.Names() != nil {
		t.Error("the nil Set is not empty")
	}
	if set, problems := Load(); len(set.Names()) != 0 || len(problems) != 0 {
		t.Error("no files have entries or problems")
	}
	set, _ = Load(File{Data: []byte(none)})
	set.Names()[0] = "changed"
	if set.Names()[0] != "a" {
		t.Error("a caller changed the Set")
	}
}

func FuzzLoad(f *testing.F) {
	for _, tt := range slices.Concat(problemTable, choiceTable, templateTable, fieldTable) {
		f.Add([]byte(tt.src))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		set, problems := Load(File{Name: "f.yaml", Data: data})
		for _, p := range problems {
			if p.File != "f.yaml" || p.Message == "" || !slices.Contains(Codes(), p.Code) || p.Line < 0 {
				t.Fatalf("incomplete problem %+v", p)
			}
		}
		for _, name := range set.Names() {
			e, _ := set.Lookup(name)
			encoded, err := EncodeEntry(e)
			if err != nil {
				t.Fatalf("%s cannot be encoded: %v", name, err)
			}
			again, err := DecodeEntry(name, string(encoded))
			if err != nil {
				t.Fatalf("%s cannot be decoded: %v\n%s", name, err, encoded)
			}
			if twice, err := EncodeEntry(again); err != nil || string(twice) != string(encoded) {
				t.Fatalf("%s changes:\n%s\n%s\n%v", name, encoded, twice, err)
			}
		}
	})
}
