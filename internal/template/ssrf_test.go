package template

import (
	"errors"
	"net/url"
	"strings"
	"testing"
)

// payloads are values that someone who fills in a form might send to make a
// request, and the secret in it, go somewhere else. None of them may ever be
// part of a host.
var payloads = []string{
	// Ends the host early.
	"evil.example/#", "evil.example/?", "evil.example/", "evil.example#", "evil.example?", "evil.example/x?y=", "evil.example/.",
	"evil.example\\", "evil.example\\.", "evil.example/\\", "evil.example;", "evil.example&", "evil.example,", "evil.example|", "evil.example'", "evil.example\"",
	// Turns the rest of the host into something else.
	"a@evil.example/", "user:pass@evil.example/", "evil.example:443/", "evil.example:80#", "evil.example:443@", "@evil.example/", ":@evil.example/", "evil.example:",
	// Percent-encoded, so that a decoder further on ends the host.
	"evil.example%2f", "evil.example%2F%23", "evil.example%23", "evil.example%3f", "evil.example%40", "evil.example%5c", "evil.example%00", "evil.example%0d%0a", "%65vil.example%2f", "evil%2eexample%2f", "evil.example%252f",
	// Control characters and spaces.
	"evil.example\x00", "evil.example\t", "evil.example\n", "evil.example\r\nHost: evil.example", "evil.example ", " evil.example", "evil.example\x0b", "evil.example\x7f", "evil.example\u00a0", "evil.example\u200b", "evil.example\ufeff",
	// Unicode that some parsers turn into a dot, a slash or a letter.
	"evil。example", "evil．example", "evil｡example", "evil.example／", "evil.example⁄", "ⓔvil.example/", "evil.exampleß", "bücher", "пример", "\u202eelpmaxe.live", "\xff\xfe",
	// Addresses. In front of a suffix they are only a strange name.
	"[::1]", "[::1]:80", "[::ffff:169.254.169.254]", "[fe80::1%25eth0]", "::1", "127.0.0.1:8080/#", "169.254.169.254/latest/meta-data#", "0x7f.1/", "0177.0.0.1#", "2130706433/",
	// Other schemes, and schemes twice.
	"http://evil.example", "https://https://evil.example", "//evil.example", "///evil.example", "file:///etc/passwd", "gopher://evil.example/", "javascript:alert(1)", "https:/evil.example", "https:evil.example",
	// Dots and hyphens out of place, and too long.
	".", "..", "...", "a..b", ".evil.example", "evil.example.", "-", "-a.", "../..", "..;/", strings.Repeat("a", 300), strings.Repeat("a.", 130), strings.Repeat("a", 64),
	// Template and header syntax.
	"${credentials.secret}", "$${x}", "{x}", "_", "a_b", "*", "a b", "<x>", "%", "+", "=", "~", "!", "(", "`",
}

func TestSSRF(t *testing.T) {
	t.Parallel()
	if len(payloads) < 60 {
		t.Fatalf("only %d payloads", len(payloads))
	}
	for _, src := range []string{
		"https://${x}.example.com/token",
		"https://api.${x}.example.com/token",
		"https://open${x}.example.com/",
		"https://${x}-api.example.com/token?a=b",
		"https://${x}.example.com:8443/",
		"https://${x}.example.com/${x}?y=${x}",
		"https://${x}.example.com || https://example.org/",
	} {
		u := mustURL(t, src, Options{Fallback: true, CarriesDots: always, CarriesPath: always})
		for _, payload := range payloads {
			got, err := u.Expand(fixed(map[string]string{"x": payload}))
			var bad *ValueError
			if err == nil {
				t.Errorf("%s with %q became %s", src, payload, got)
			} else if !errors.As(err, &bad) || bad.Field != "f" {
				t.Errorf("%s with %q: %v, want a ValueError", src, payload, err)
			} else if len(payload) > 4 && strings.Contains(err.Error(), payload) {
				t.Errorf("the error contains the value: %v", err)
			}
		}
	}
}

// Where the value is the host, it chooses the host; but it must be nothing else.
func TestSSRFWholeHost(t *testing.T) {
	t.Parallel()
	u := mustURL(t, "https://${x}/api/token", Options{})
	for _, payload := range payloads {
		// One slash at the end of a host is harmless, and often pasted.
		if payload == "evil.example/" || payload == "evil.example:443/" {
			continue
		}
		if got, err := u.Expand(fixed(map[string]string{"x": payload})); err == nil {
			t.Errorf("with %q: %s", payload, got)
		}
	}
	for _, payload := range []string{"2130706433", "0x7f000001", "0177.0.0.1", "127.1", "1.2.3", "0x7f.0x0.0x0.0x1", "256.1.1.1", "1.2.3.4.5", "a.0x1", "host:0", "host:65536", "host:08", "host:1:2", "host:-1", "host:+80", "host: 80", "localhost:80@x"} {
		if got, err := u.Expand(fixed(map[string]string{"x": payload})); err == nil {
			t.Errorf("with %q: %s", payload, got)
		}
	}
}

func TestSSRFTrailing(t *testing.T) {
	t.Parallel()
	u := mustURL(t, "https://accounts.example.${x}/auth", Options{})
	for _, payload := range append([]string{"com/", "com:443", "com@evil.example", "1", "0x1", "com.1"}, payloads...) {
		if got, err := u.Expand(fixed(map[string]string{"x": payload})); err == nil {
			t.Errorf("with %q: %s", payload, got)
		}
	}
}

// A value that is a whole URL must be an absolute https one.
func TestSSRFWholeURL(t *testing.T) {
	t.Parallel()
	u := mustURL(t, "${x}/api", Options{})
	for _, payload := range append([]string{
		"http://evil.example", "https://user@evil.example", "https://user:pass@evil.example/", "https://", "https:///a", "https://evil.example?a=b", "https://evil.example?",
		"https://evil.example#a", "https://evil.example#", "https://evil.example/../a", "https://evil.example/%2e%2E/a", "https://evil.example:0", "https://evil.example:", "https://2130706433",
		"https://0x7f.1", "https://evil\u3002example", "https://evil.example\\@good.example", "https://good.example%2f@evil.example", "https://evil .example", "https://e_vil.example", "https://[::1%25eth0]/",
		"ftp://evil.example", "HTTP://evil.example", "https:evil.example", "http://localhost.evil.example", "http://169.254.169.254/", "http://[::ffff:10.0.0.1]/", "http://0.0.0.0/", "https://exa\nmple.com", "https://-a.example",
	}, payloads...) {
		if got, err := u.Expand(fixed(map[string]string{"x": payload})); err == nil {
			t.Errorf("with %q: %s", payload, got)
		}
	}
}

// In a path or a query a payload is data: it is escaped, or refused.
func TestSSRFPath(t *testing.T) {
	t.Parallel()
	u := mustURL(t, "https://api.example.com/v1/${x}/token?k=${x}&fixed=1", Options{})
	for _, payload := range append([]string{"../../admin", "%2e%2e", "..%2f", "a/../b", "a?b", "a#b", "&fixed=2"}, payloads...) {
		got, err := u.Expand(fixed(map[string]string{"x": payload}))
		if err != nil {
			continue
		}
		again, err := url.Parse(got.String())
		if err != nil {
			t.Errorf("with %q: %v", payload, err)
			continue
		}
		if again.Host != "api.example.com" || again.Path != "/v1/"+payload+"/token" || strings.Count(again.EscapedPath(), "/") != 3 || again.Fragment != "" {
			t.Errorf("with %q: %s", payload, got)
		}
		if q := again.Query(); q.Get("k") != payload || q.Get("fixed") != "1" || len(q["fixed"]) != 1 {
			t.Errorf("with %q: query %v", payload, again.RawQuery)
		}
	}
}

// suffixes are templates with the end that every host made of them must have.
var suffixes = []struct {
	src, suffix string
	dots        bool
}{
	{"https://${x}.example.com/token", ".example.com", false},
	{"https://${x}-api.example.com", "-api.example.com", false},
	{"https://api.${x}.example.com/${y}?z=${y}", ".example.com", false},
	{"https://api.${x}.example.com/${y}", ".example.com", true},
	{"https://${x}.${y}.example.com:8443/", ".example.com:8443", true},
	{"https://example.com/${x}/${y}#${x}", "example.com", false},
}

func FuzzURLHost(f *testing.F) {
	for _, payload := range payloads {
		f.Add(payload, "y")
		f.Add("y", payload)
	}
	type fuzzed struct {
		url    *URL
		suffix string
	}
	var urls []fuzzed
	for _, s := range suffixes {
		for _, path := range []bool{false, true} {
			o := Options{CarriesPath: func(Ref) bool { return path }, CarriesDots: func(Ref) bool { return s.dots }}
			urls = append(urls, fuzzed{mustURL(f, s.src, o), s.suffix})
		}
	}
	whole := mustURL(f, "${x}/api", Options{})
	host := mustURL(f, "https://${x}/${y}", Options{CarriesPath: always})
	f.Fuzz(func(t *testing.T, x, y string) {
		env := fixed(map[string]string{"x": x, "y": y})
		for _, u := range urls {
			got, err := u.url.Expand(env)
			if err != nil {
				continue
			}
			again, err := url.Parse(got.String())
			if err != nil || again.Scheme != "https" || again.User != nil || again.Host != got.Host {
				t.Fatalf("%s with %q, %q: %s reads back as %+v, %v", u.url, x, y, got, again, err)
			}
			if !strings.HasSuffix(again.Host, u.suffix) || strings.ContainsAny(again.Host, "/\\@#?%_ ") {
				t.Fatalf("%s with %q, %q: host %q", u.url, x, y, again.Host)
			}
		}
		for _, u := range []*URL{whole, host} {
			got, err := u.Expand(env)
			if err != nil {
				continue
			}
			again, err := url.Parse(got.String())
			if err != nil || again.Host != got.Host || again.User != nil || again.Scheme != "https" && !IsLoopback(again.Hostname()) {
				t.Fatalf("%s with %q: %s reads back as %+v, %v", u, x, got, again, err)
			}
		}
	})
}

func FuzzCompile(f *testing.F) {
	for _, s := range []string{
		"", "x", "${a}", "Bearer ${apiKey}", "${a} || ${b.c} || d", "https://${a.b}.example.com:${p}/x/${y}?z=${z}#f", "${a}/b",
		"${base64(${a}:${b})}", "${hmacSha1Hex(${now:ddd, DD MMM YYYY HH:mm:ss ZZ}\n${method}, ${k})}", "${awsSigV4(a, b, c, d)}",
		"${now+7:days:YYYY-MM-DD}", "${now-1:months}", "${random}", "${", "${}", "${f(", "{{$guid}}", "a||b", "${a||b}", "$${a}}",
	} {
		f.Add(s)
	}
	env := func() *Env {
		e := fixed(nil)
		e.Lookup = func(r Ref) (string, bool) { return "v", true }
		e.Sign = func(string, []string) (string, error) { return "signed", nil }
		return e
	}
	f.Fuzz(func(t *testing.T, src string) {
		for _, o := range []Options{{}, {Fallback: true}, {Position: Header, Fallback: true}} {
			text, err := Compile(src, o)
			if err != nil {
				continue
			}
			out, err := text.Expand(env())
			var bad *ValueError
			if err != nil && !errors.As(err, &bad) && !strings.Contains(err.Error(), "${") {
				t.Fatalf("Expand(%q): %v", src, err)
			}
			if strings.Contains(src, "${") && text.IsLiteral() {
				t.Fatalf("%q compiled to a literal", src)
			}
			if err == nil && o.Position == Header && headerReason(out) != "" {
				t.Fatalf("%q gave the header %q", src, out)
			}
		}
		for _, compile := range []func(string, Options) (*URL, error){CompileURL, CompileEndpoint} {
			u, err := compile(src, Options{Fallback: true, CarriesPath: always})
			if err != nil {
				continue
			}
			got, err := u.Expand(env())
			if err != nil {
				continue
			}
			if again, err := url.Parse(got.String()); err != nil || again.Host != got.Host {
				t.Fatalf("%q gave %s: %+v, %v", src, got, again, err)
			}
		}
	})
}
