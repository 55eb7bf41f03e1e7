package template

import (
	"errors"
	"io"
	"strings"
	"testing"
	"time"
)

// fixed is an Env whose clock and randomness do not move.
func fixed(values map[string]string) *Env {
	return &Env{
		Lookup: func(r Ref) (string, bool) { v, ok := values[r.String()]; return v, ok },
		Now:    func() time.Time { return time.Date(2026, 11, 5, 14, 3, 9, 87_000_000, time.FixedZone("", 3600)) },
		Rand:   strings.NewReader("0123456789abcdefghijklmnopqrstuvwxyz"),
	}
}

func TestTextExpand(t *testing.T) {
	t.Parallel()
	values := map[string]string{
		"apiKey": "k-1", "empty": "", "dollar": "${apiKey} || $1",
		"connectionConfig.region": "eu", "connectionConfig.a.b": "flat", "connectionConfig.accounts-server": "srv",
		"credentials.user": "ü", "credentials.pass": "p:w", "credentials._cookies": "c=1",
		"step1.data.token": "deep",
	}
	tests := []struct{ name, src, want string }{
		{"empty", "", ""},
		{"literal", "Bearer x", "Bearer x"},
		{"a dollar sign alone", "a$b{c}", "a$b{c}"},
		{"only a variable", "${apiKey}", "k-1"},
		{"between text", "Bearer ${apiKey}!", "Bearer k-1!"},
		{"two variables", "${connectionConfig.region}/${apiKey}", "eu/k-1"},
		{"dotted name", "${connectionConfig.a.b}", "flat"},
		{"hyphen in a name", "${connectionConfig.accounts-server}", "srv"},
		{"leading underscore", "${credentials._cookies}", "c=1"},
		{"step", "${step1.data.token}", "deep"},
		{"a value is not expanded again", "[${dollar}]", "[${apiKey} || $1]"},
		{"an empty value is text", "a${empty}b", "ab"},
		{"base64 of UTF-8", "Basic ${base64(${credentials.user}:${credentials.pass})}", "Basic w7w6cDp3"},
		{"base64 with a comma", "${base64(a,b)}", "YSxi"},
		{"base64 with parentheses", "${base64(f(x) y)}", "Zih4KSB5"},
		{"sha256Hex", "${sha256Hex(abc)}", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"},
		{"sha256Base64", "${sha256Base64(abc)}", "ungWv48Bz+pBQUDeXa4iI7ADYaOWF3qctBD/YfIAFa0="},
		{"nested", "${sha256Hex(${base64(${apiKey})})}", "6979ef643efedf0a2f70c6a1cff8f1123389c9a2d8389fb85368c246c873edde"},
		{"hmac: the last comma separates", "${hmacSha1Hex(a, b\nc, key)}", "1bac1bf1e8202d2707ba26ec634e310d22feaaf6"},
		{"now", "${now}", "2026-11-05T13:03:09.087Z"},
		{"now in seconds", "${now:X}", "1793883789"},
		{"random", "${random}", "30313233-3435-4637-b839-616263646566"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			text, err := Compile(tt.src, Options{Field: "f"})
			if err != nil {
				t.Fatal(err)
			}
			got, err := text.Expand(fixed(values))
			if err != nil {
				t.Fatal(err)
			}
			if got != tt.want {
				t.Errorf("Expand(%q) = %q, want %q", tt.src, got, tt.want)
			}
			if text.String() != tt.src {
				t.Errorf("String() = %q, want %q", text.String(), tt.src)
			}
		})
	}
}

func TestFallback(t *testing.T) {
	t.Parallel()
	tests := []struct {
		src    string
		values map[string]string
		want   string // empty: missing
	}{
		{"${a} || x", map[string]string{"a": "1"}, "1"},
		{"${a} || x", nil, "x"},
		{"${a} || x", map[string]string{"a": ""}, "x"},
		{"${a}||${b}||${c}", map[string]string{"c": "3"}, "3"},
		{"${a}||${b}||${c}", map[string]string{"b": "2", "c": "3"}, "2"},
		{"${a}${b} || ${c}", map[string]string{"a": "1", "c": "3"}, "3"},
		{"${base64(${a})} || x", nil, "x"},
		{"${a} || ${b}", nil, ""},
		{"${a} || App (s@x.example)", nil, "App (s@x.example)"},
	}
	for _, tt := range tests {
		text, err := Compile(tt.src, Options{Field: "f", Fallback: true})
		if err != nil {
			t.Fatalf("Compile(%q): %v", tt.src, err)
		}
		got, err := text.Expand(fixed(tt.values))
		var missing *MissingError
		if tt.want == "" {
			if !errors.As(err, &missing) || missing.Field != "f" || missing.Ref != (Ref{Name: "a"}) {
				t.Errorf("Expand(%q) = %q, %v, want ${a} to be missing", tt.src, got, err)
			}
			continue
		}
		if err != nil || got != tt.want {
			t.Errorf("Expand(%q) with %v = %q, %v, want %q", tt.src, tt.values, got, err, tt.want)
		}
	}
}

// A signing key may be two values joined by two bars, so the bars mean nothing
// unless the field says so.
func TestBarsWithoutFallback(t *testing.T) {
	t.Parallel()
	text, err := Compile("${a}||${b}", Options{})
	if err != nil {
		t.Fatal(err)
	}
	got, err := text.Expand(fixed(map[string]string{"a": "1", "b": "2"}))
	if err != nil || got != "1||2" {
		t.Errorf("Expand = %q, %v, want 1||2", got, err)
	}
}

func TestMissing(t *testing.T) {
	t.Parallel()
	for _, src := range []string{"${a.b}", "x${a.b}y", "${base64(${a.b})}", "${hmacSha1Hex(m, ${a.b})}"} {
		text, err := Compile(src, Options{Field: "proxy.headers.x"})
		if err != nil {
			t.Fatal(err)
		}
		for _, env := range []*Env{nil, {}, fixed(nil)} {
			out, err := text.Expand(env)
			var missing *MissingError
			if !errors.As(err, &missing) || missing.Ref != (Ref{"a", "b"}) || missing.Field != "proxy.headers.x" || out != "" {
				t.Errorf("Expand(%q) = %q, %v, want a MissingError for ${a.b}", src, out, err)
			}
		}
	}
}

func TestSyntaxErrors(t *testing.T) {
	t.Parallel()
	tests := []struct {
		src    string
		offset int
	}{
		{"${", 2}, {"ab${}", 4}, {"${ a}", 2}, {"${a", 3}, {"${a b}", 3}, {"${a.}", 0}, {"${a..b}", 0}, {"${.a}", 2},
		{"${f(x)}", 0}, {"x${base64(a)", 1}, {"${base64()}", 0}, {"${hmacSha1Hex(a)}", 0}, {"${hmacSha1Hex(,a)}", 0},
		{"${hmacSha1Hex(a,)}", 0}, {"${awsSigV4(a, b, c)}", 0}, {"${awsSigV4(a,b,c,d,e,f)}", 0}, {"${awsSigV4(a,,c,d)}", 0},
		{"${now:}", 0}, {"${now+1}", 0}, {"${now+x:days}", 0}, {"${now+-1:days}", 0}, {"${now+1:fortnights}", 0},
		{"${now:YYY}", 0}, {"${now:Q}", 0}, {"${now+999999999:days}", 0}, {"${now", 5}, {"${now:x", 0}, {"${now:a\nb}", 0},
		{"x || ${a}", 0}, {"${a} || ", 0}, {"|| ${a}", 0}, {"${a} || b || ${c}", 8},
		{strings.Repeat("${base64(", 20) + strings.Repeat(")}", 20), 81},
		{strings.Repeat("x", maxSource+1), 0},
		{strings.Repeat("${a}", maxRefs+1), 4 * maxRefs},
	}
	for _, tt := range tests {
		_, err := Compile(tt.src, Options{Field: "f", Fallback: true})
		var syntax *SyntaxError
		if !errors.As(err, &syntax) || syntax.Field != "f" || syntax.Reason == "" {
			t.Errorf("Compile(%.40q) = %v, want a SyntaxError", tt.src, err)
			continue
		}
		if syntax.Offset != tt.offset {
			t.Errorf("Compile(%.40q): offset %d, want %d (%v)", tt.src, syntax.Offset, tt.offset, err)
		}
	}
}

func TestAllowed(t *testing.T) {
	t.Parallel()
	allowed := func(r Ref) bool { return r.Space == "connectionConfig" }
	for _, src := range []string{"${apiKey}", "x ${base64(${apiKey})}", "${connectionConfig.x} || ${apiKey}"} {
		_, err := Compile(src, Options{Field: "f", Allowed: allowed, Fallback: true})
		var unknown *UnknownRefError
		if !errors.As(err, &unknown) || unknown.Ref != (Ref{Name: "apiKey"}) || unknown.Field != "f" ||
			!strings.HasPrefix(src[unknown.Offset:], "${apiKey}") {
			t.Errorf("Compile(%q) = %v, want ${apiKey} to be unknown", src, err)
		}
	}
	if _, err := Compile("${connectionConfig.x}", Options{Allowed: allowed}); err != nil {
		t.Error(err)
	}
}

func TestHeader(t *testing.T) {
	t.Parallel()
	text, err := Compile("Bearer ${apiKey}", Options{Field: "f", Position: Header})
	if err != nil {
		t.Fatal(err)
	}
	for _, v := range []string{"a\r\nX-Admin: 1", "a\n", "\ra", "a\x00", "\x7f", "\x1b"} {
		out, err := text.Expand(fixed(map[string]string{"apiKey": v}))
		var bad *ValueError
		if !errors.As(err, &bad) || bad.Ref != (Ref{Name: "apiKey"}) || out != "" {
			t.Errorf("Expand with %q = %q, %v, want a ValueError", v, out, err)
		} else if strings.Contains(err.Error(), v) {
			t.Errorf("the error contains the value: %q", err)
		}
	}
	for _, v := range []string{"plain", "tab\tinside", "ümlaut", ""} {
		if out, err := text.Expand(fixed(map[string]string{"apiKey": v})); err != nil || out != "Bearer "+v {
			t.Errorf("Expand with %q = %q, %v", v, out, err)
		}
	}
	if _, err := Compile("a\nb${x}", Options{Position: Header}); err == nil {
		t.Error("a line break in the literal text of a header compiles")
	}
	if _, err := Compile("${base64(a\n${x})}", Options{Position: Header}); err != nil {
		t.Errorf("a line break in what is encoded: %v", err)
	}
}

func TestRefs(t *testing.T) {
	t.Parallel()
	text, err := Compile("${b}${a.x} ${base64(${c}${b})} || ${hmacSha1Hex(${d}, ${a.x})}", Options{Fallback: true})
	if err != nil {
		t.Fatal(err)
	}
	if got := refNames(text.Refs()); got != "b a.x c d" {
		t.Errorf("Refs() = %s", got)
	}
	if alts := text.Alternatives(); len(alts) != 2 || refNames(alts[0]) != "b a.x c" || refNames(alts[1]) != "d a.x" {
		t.Errorf("Alternatives() = %v", alts)
	}
	if text.IsLiteral() {
		t.Error("IsLiteral() of a template with variables")
	}
}

func refNames(refs []Ref) string {
	var names []string
	for _, r := range refs {
		names = append(names, r.String())
	}
	return strings.Join(names, " ")
}

// What is signed in one header must be what another header says, so ${now} and
// ${random} do not change within one Env, and do from one to the next.
func TestEnvIsOneRequest(t *testing.T) {
	t.Parallel()
	text, err := Compile("${now:x} ${random} ${sha256Hex(${random})}", Options{})
	if err != nil {
		t.Fatal(err)
	}
	clock := time.Unix(1000, 0)
	source := io.Reader(strings.NewReader(strings.Repeat("0123456789abcdef", 1) + "fedcba9876543210"))
	env := func() *Env {
		return &Env{Now: func() time.Time { clock = clock.Add(time.Second); return clock }, Rand: source}
	}
	one := env()
	first, err := text.Expand(one)
	if err != nil {
		t.Fatal(err)
	}
	if again, _ := text.Expand(one); again != first {
		t.Errorf("one Env gave %q, then %q", first, again)
	}
	if other, _ := text.Expand(env()); other == first {
		t.Errorf("two Envs gave the same: %q", other)
	}
	if _, err := text.Expand(&Env{Rand: strings.NewReader("short")}); !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Errorf("without randomness: %v, want io.ErrUnexpectedEOF", err)
	}
	if out, err := text.Expand(&Env{}); err != nil || out == "" {
		t.Errorf("with the zero Env: %q, %v", out, err)
	}
}
