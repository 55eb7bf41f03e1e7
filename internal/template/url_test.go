package template

import (
	"errors"
	"net/url"
	"strings"
	"testing"
)

func mustURL(t testing.TB, src string, o Options) *URL {
	t.Helper()
	if o.Field == "" {
		o.Field = "f"
	}
	u, err := CompileURL(src, o)
	if err != nil {
		t.Fatalf("CompileURL(%q): %v", src, err)
	}
	return u
}

func always(Ref) bool { return true }

func TestURLExpand(t *testing.T) {
	t.Parallel()
	tests := []struct{ src, x, want string }{
		{"https://api.example.com/v1?a=b", "", "https://api.example.com/v1?a=b"},
		{"https://${x}.example.com/token", "acme", "https://acme.example.com/token"},
		{"https://${x}.example.com/token", "acme.eu-5", "https://acme.eu-5.example.com/token"},
		{"https://${x}.example.com", "ACME", "https://acme.example.com"},
		{"https://api.${x}.example.com", "eu1", "https://api.eu1.example.com"},
		{"https://open${x}.example.com/", "x-1", "https://openx-1.example.com/"},
		{"https://${x}-api.example.com/", "eu", "https://eu-api.example.com/"},
		{"https://accounts.example.${x}/auth", "com.au", "https://accounts.example.com.au/auth"},
		{"https://${x}/api", "host.example.com", "https://host.example.com/api"},
		{"https://${x}/api", "host.example.com:8443", "https://host.example.com:8443/api"},
		{"https://${x}/api", "https://host.example.com", "https://host.example.com/api"},
		{"https://${x}/api", "HTTPS://host.example.com:8443/", "https://host.example.com:8443/api"},
		{"https://${x}:8443/api", "host.example.com", "https://host.example.com:8443/api"},
		{"https://${x}", "10.1.2.3", "https://10.1.2.3"},
		{"https://a.example.com:${x}/y", "13113", "https://a.example.com:13113/y"},
		{"http://${x}/", "localhost:3000", "http://localhost:3000/"},
		{"${x}/api", "https://host.example.com", "https://host.example.com/api"},
		{"${x}/api", "https://host.example.com/", "https://host.example.com/api"},
		{"${x}/api", "https://Host.example.com:8443/a%20b/c/", "https://host.example.com:8443/a%20b/c/api"},
		{"${x}", "https://host.example.com/a/?b=c", "https://host.example.com/a/?b=c"},
		{"${x}/api", "http://127.0.0.1:9/v", "http://127.0.0.1:9/v/api"},
		{"${x}/api", "http://[::1]:9", "http://[::1]:9/api"},
		{"https://a.example.com/v/${x}/w", "one", "https://a.example.com/v/one/w"},
		{"https://a.example.com/v/${x}/w", "a/b ?#%ü", "https://a.example.com/v/a%2Fb%20%3F%23%25%C3%BC/w"},
		{"https://a.example.com/bot${x}", "123:ABC", "https://a.example.com/bot123:ABC"},
		{"https://a.example.com/bot${x}", "..", "https://a.example.com/bot.."},
		{"https://a.example.com/t?k=${x}&l=1", "a&b=c d/?#", "https://a.example.com/t?k=a%26b%3Dc%20d%2F%3F%23&l=1"},
		{"https://a.example.com/${x}?", "a", "https://a.example.com/a?"},
		{"https://a.example.com/t#${x}", "a b", "https://a.example.com/t#a%20b"},
		{"https://a.example.com/v/session/:create?x=${x}", "1", "https://a.example.com/v/session/:create?x=1"},
		{"https://a.example.com/t?k=${base64(${x})}", "??>", "https://a.example.com/t?k=Pz8%2B"},
		{"https://a.example.com/${now:YYYY}/${x}", "1", "https://a.example.com/2026/1"},
	}
	for _, tt := range tests {
		u := mustURL(t, tt.src, Options{})
		got, err := u.Expand(fixed(map[string]string{"x": tt.x}))
		if err != nil {
			t.Errorf("Expand(%q) with %q: %v", tt.src, tt.x, err)
			continue
		}
		if got.String() != tt.want {
			t.Errorf("Expand(%q) with %q = %s, want %s", tt.src, tt.x, got, tt.want)
		}
		if again, err := url.Parse(got.String()); err != nil || again.Host != got.Host || again.Path != got.Path || again.RawQuery != got.RawQuery {
			t.Errorf("%s reads back as %#v, %v", got, again, err)
		}
	}
}

// Values that would be escaped, or would be a host of their own kind, and are
// refused all the same.
func TestURLRefusedValues(t *testing.T) {
	t.Parallel()
	label := strings.Repeat("a", 60) + "."
	tests := []struct{ src, x string }{
		{"https://a.example.com/v/${x}/w", ".."}, {"https://a.example.com/v/${x}/w", "."}, {"https://a.example.com/v/${x}", ".."}, {"https://a.example.com/v/.${x}", "."},
		{"https://a.example.com/v/${x}/w", "a\nb"}, {"https://a.example.com/v?k=${x}", "a\r\nb"}, {"https://a.example.com/v?k=${x}", "\x00"}, {"https://a.example.com/v/${x}", "\x7f"},
		{"http://${x}/v", "example.com"}, {"http://${x}.example.com/v", "localhost"}, {"http://${x}/v", "localhost.example.com"},
		{"https://${x}:8443/v", "example.com:80"}, {"https://${x}/v", ":80"}, {"https://${x}/v", "https://"},
		{"https://${x}.example.com", label + label + label + label + "a"},
		{"${x}/v", "https://h.example.com/a b"}, {"${x}/v", "https://h.example.com/a|b"}, {"${x}/v", "https://h.example.com/a\"b"}, {"${x}/v", "https://h.example.com/\u00fc"},
	}
	for _, tt := range tests {
		got, err := mustURL(t, tt.src, Options{}).Expand(fixed(map[string]string{"x": tt.x}))
		var bad *ValueError
		if !errors.As(err, &bad) || bad.Ref != (Ref{Name: "x"}) || bad.Field != "f" {
			t.Errorf("Expand(%q) with %q = %v, %v, want a ValueError", tt.src, tt.x, got, err)
		}
	}
	if got, err := mustURL(t, "https://${x}.example.com", Options{}).Expand(fixed(map[string]string{"x": label + label + label + "a"})); err != nil {
		t.Errorf("a long host that is allowed: %v, %v", got, err)
	}
}

func TestIsLoopback(t *testing.T) {
	t.Parallel()
	for host, want := range map[string]bool{
		"localhost": true, "LOCALHOST": true, "a.localhost": true, "127.0.0.1": true, "127.9.9.9": true, "::1": true,
		"localhost.example.com": false, "notlocalhost": false, "128.0.0.1": false, "0.0.0.0": false, "::2": false, "": false,
	} {
		if got := IsLoopback(host); got != want {
			t.Errorf("IsLoopback(%q) = %v", host, got)
		}
	}
}

func TestURLCarriesPath(t *testing.T) {
	t.Parallel()
	tests := []struct{ src, x, want string }{
		{"https://${x}/rest", "host.example.com:8000/a/b", "https://host.example.com:8000/a/b/rest"},
		{"https://${x}/rest", "https://host.example.com/a b/", "https://host.example.com/a%20b/rest"},
		{"https://${x}", "dev.example.com/org", "https://dev.example.com/org"},
		{"https://${x}", "dev.example.com", "https://dev.example.com"},
		{"https://h.example.com/v/${x}/w", "/a/b/", "https://h.example.com/v/a/b/w"},
	}
	for _, tt := range tests {
		got, err := mustURL(t, tt.src, Options{CarriesPath: always}).Expand(fixed(map[string]string{"x": tt.x}))
		if err != nil || got.String() != tt.want {
			t.Errorf("Expand(%q) with %q = %v, %v, want %s", tt.src, tt.x, got, err, tt.want)
		}
	}
	for _, x := range []string{"h.example.com/../a", "h.example.com/a//b", "h.example.com/.", "h.example.com//a", "h.example.com:/a"} {
		if got, err := mustURL(t, "https://${x}/y", Options{CarriesPath: always}).Expand(fixed(map[string]string{"x": x})); err == nil {
			t.Errorf("%q was let through: %s", x, got)
		}
	}
}

func TestURLCarriesDots(t *testing.T) {
	t.Parallel()
	env := fixed(map[string]string{"x": "eu.sase"})
	if got, err := mustURL(t, "https://api.${x}.example.com", Options{CarriesDots: always}).Expand(env); err != nil || got.Host != "api.eu.sase.example.com" {
		t.Errorf("Expand = %v, %v", got, err)
	}
	if got, err := mustURL(t, "https://api.${x}.example.com", Options{}).Expand(env); err == nil {
		t.Errorf("dots in the middle were let through: %s", got)
	}
}

func TestURLFallback(t *testing.T) {
	t.Parallel()
	u := mustURL(t, "https://${a}/t || ${b}/t || https://example.com/t", Options{Fallback: true})
	tests := []struct{ a, b, want string }{
		{"h.example.com", "https://b.example.com", "https://h.example.com/t"},
		{"", "https://b.example.com", "https://b.example.com/t"},
		{"", "", "https://example.com/t"},
	}
	for _, tt := range tests {
		got, err := u.Expand(fixed(map[string]string{"a": tt.a, "b": tt.b}))
		if err != nil || got.String() != tt.want {
			t.Errorf("Expand with %q, %q = %v, %v, want %s", tt.a, tt.b, got, err, tt.want)
		}
	}
	// A value that is there but bad is an error, not a reason to call another host.
	if got, err := u.Expand(fixed(map[string]string{"a": "evil.example/#"})); err == nil {
		t.Errorf("Expand with a bad value = %s", got)
	}
}

func TestURLResultIsACopy(t *testing.T) {
	t.Parallel()
	u := mustURL(t, "https://example.com/a", Options{})
	one, err := u.Expand(nil)
	if err != nil {
		t.Fatal(err)
	}
	one.Host = "changed.example"
	if two, _ := u.Expand(nil); two.Host != "example.com" {
		t.Error("a caller changed the template")
	}
}

func TestURLMissing(t *testing.T) {
	t.Parallel()
	for _, src := range []string{"https://${c.x}.example.com", "${c.x}/a", "https://a.example.com/${c.x}", "https://a.example.com/?q=${c.x}", "https://a.example.com:${c.x}/"} {
		for _, values := range []map[string]string{nil, {"c.x": ""}} {
			got, err := mustURL(t, src, Options{}).Expand(fixed(values))
			var missing *MissingError
			if !errors.As(err, &missing) || missing.Ref != (Ref{"c", "x"}) || missing.Field != "f" || got != nil {
				t.Errorf("Expand(%q) = %v, %v, want a MissingError", src, got, err)
			}
		}
	}
}

func TestURLSyntaxErrors(t *testing.T) {
	t.Parallel()
	for _, src := range []string{
		"", " ", "example.com", "ftp://example.com", "https://", "https:///x", "https:/x", "https:example.com", "//example.com/x", "/x",
		"https://user@example.com", "https://user:pass@example.com/", "https://exa mple.com", "https://example.com:0", "https://example.com:x",
		"https://example.com/%zz", "https://example.com/../x", "https://example.com/a/%2E%2e/b", "https://example.com:", "https://exam_ple.com",
		"${x}.example.com", "${x}${y}", "${x}@example.com", "https://${x}@example.com", "https://u:${x}@example.com/", "https://${x}:${y}0/",
		"https://${x}:99999/", "https://${random}.example.com", "https://${base64(${x})}/", "https://a.example.com:${now}/", "a${x}", "javascript:${x}",
		"https://${x}.example.com/a b", "https://${x}.example.com/\\b", "https://${x}.example.com/%z", "https://${x}.example.com/..", "https://${x}.example.com/../b",
		"https://${x}.ex\u3002com/", "https://${x}%2eexample.com/", "https://2130706433/", "https://0x7f.1/", "https://[::1%25eth0]/", "https://-a.example.com",
		"https://${x}..example.com/", "https://.${x}.example.com/", "https://${x}.example.com./", "//${x}/y",
	} {
		_, err := CompileURL(src, Options{Field: "f"})
		var syntax *SyntaxError
		if !errors.As(err, &syntax) || syntax.Field != "f" {
			t.Errorf("CompileURL(%q) = %v, want a SyntaxError", src, err)
		}
	}
}

func TestEndpoint(t *testing.T) {
	t.Parallel()
	tests := []struct {
		src, x, want string
		relative     bool
	}{
		{"/v1/me", "", "/v1/me", true}, {"v1/me?a=b", "", "v1/me?a=b", true}, {"apiKey.info", "", "apiKey.info", true},
		{"/v1/${x}/me", "a/b", "/v1/a%2Fb/me", true}, {"/v1?k=${x}", "a&b", "/v1?k=a%26b", true}, {"${x}/me", "a", "a/me", true},
		{"https://h.example.com/${x}", "a", "https://h.example.com/a", false}, {"https://h.example.com/", "", "https://h.example.com/", false},
	}
	for _, tt := range tests {
		u, err := CompileEndpoint(tt.src, Options{})
		if err != nil {
			t.Errorf("CompileEndpoint(%q): %v", tt.src, err)
			continue
		}
		got, err := u.Expand(fixed(map[string]string{"x": tt.x}))
		if err != nil || got.String() != tt.want || u.IsRelative() != tt.relative {
			t.Errorf("Expand(%q) = %v, %v, relative %v; want %s", tt.src, got, err, u.IsRelative(), tt.want)
		}
	}
	for _, src := range []string{"//evil.example/x", "//evil.example/${x}", "", "mailto:x", "//u@/x"} {
		if _, err := CompileEndpoint(src, Options{}); err == nil {
			t.Errorf("CompileEndpoint(%q) compiles", src)
		}
	}
	// Whatever the value, what is relative stays so.
	for _, x := range []string{"//evil.example", "https://evil.example", "\\\\evil.example", "/", ".."} {
		u, err := CompileEndpoint("${x}/me", Options{CarriesPath: always})
		if err != nil {
			t.Fatal(err)
		}
		if got, err := u.Expand(fixed(map[string]string{"x": x})); err == nil && (got.Host != "" || got.Scheme != "") {
			t.Errorf("with %q: %s", x, got)
		}
	}
}

func TestHostUses(t *testing.T) {
	t.Parallel()
	tests := []struct {
		src     string
		place   Place
		suffix  string
		chooses bool
	}{
		{"${x}/a", WholeURL, "", true},
		{"https://${x}/a", WholeHost, "", true},
		{"https://${x}:80/a", WholeHost, "", true},
		{"https://${x}.Example.com/a", Leading, ".example.com", false},
		{"https://${x}-login.example.com", Leading, "-login.example.com", false},
		{"https://${x}-login.com", Leading, "-login.com", true},
		{"https://${x}.com", Leading, ".com", true},
		{"https://${x}.co.uk", Leading, ".co.uk", true},
		{"https://${x}.example.uk", Leading, ".example.uk", false},
		{"https://a.${x}.example.com", Inner, ".example.com", false},
		{"https://api.${x}.com", Inner, ".com", true},
		{"https://a.example.${x}", Trailing, "", true},
		{"https://a.example.com:${x}", Port, "", false},
	}
	for _, tt := range tests {
		uses := mustURL(t, tt.src, Options{}).HostUses()
		if len(uses) != 1 || uses[0].Place != tt.place || uses[0].Suffix != tt.suffix || uses[0].ChoosesDomain() != tt.chooses {
			t.Errorf("HostUses(%q) = %+v, chooses %v", tt.src, uses, len(uses) > 0 && uses[0].ChoosesDomain())
		}
	}
	u := mustURL(t, "https://${a}.${b}.example.com/${c}?q=${d} || https://${a}/${base64(${e})} || https://fixed.example.com/x", Options{Fallback: true})
	if got := refNames(u.HostRefs()); got != "a b" {
		t.Errorf("HostRefs() = %s", got)
	}
	if got := refNames(u.Refs()); got != "a b c d e" {
		t.Errorf("Refs() = %s", got)
	}
	if p, q := refNames(u.PathRefs()), refNames(u.QueryRefs()); p != "c e" || q != "d" {
		t.Errorf("PathRefs() = %s, QueryRefs() = %s", p, q)
	}
	if got := strings.Join(u.LiteralHosts(), " "); got != "fixed.example.com" {
		t.Errorf("LiteralHosts() = %s", got)
	}
	if got := strings.Join(u.Schemes(), " "); got != "https https https" {
		t.Errorf("Schemes() = %s", got)
	}
	if got := u.Alternatives(); len(got) != 3 || refNames(got[0]) != "a b c d" {
		t.Errorf("Alternatives() = %v", got)
	}
}
