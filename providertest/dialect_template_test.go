package providertest

import (
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestDialectTemplates(t *testing.T) {
	t.Parallel()
	values := map[string]string{"a": "1", "b.c": "2", "empty": "", "k": "key", "now:X": "99"}
	get := func(name string) (string, bool) { v, ok := values[name]; return v, ok }
	for _, c := range []struct {
		template, want string
		fallback       bool
		missing        []string
	}{
		{"x${a}y${b.c}z", "x1y2z", true, nil},
		{"no $a {a} }", "no $a {a} }", true, nil},
		{"q { s(e: \"${a}\") { t } }", "q { s(e: \"1\") { t } }", true, nil},
		{"${a} || ${b.c}", "1", true, nil},
		{"${gone} || ${b.c}", "2", true, nil},
		{"${empty} || ${b.c}", "2", true, nil},
		{"${a}${gone} || ${b.c}", "2", true, nil},
		{"${gone} || ${b.c} || 3", "2", true, nil},
		{"${gone} || ${gone2}", "", true, []string{"gone2"}},
		{"${a}||${b.c}", "1||2", false, nil},
		{"${empty}", "", true, nil},
		{"${base64(${a}:${b.c})}", "MToy", true, nil},
		{"${base64(${gone})}", "", true, []string{"gone"}},
		{"${sha256Base64()}", "47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=", true, nil},
		{"${now:X}", "99", true, nil},
	} {
		got, missing := expand(c.template, get, c.fallback)
		if got != c.want || cmp.Diff(c.missing, missing) != "" {
			t.Errorf("%s is %q without %q, want %q without %q", c.template, got, missing, c.want, c.missing)
		}
	}
}

// RFC 2202 case 2 of HMAC-SHA1, FIPS 180 "abc" of SHA-256.
func TestDialectFunctionVectors(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ template, want string }{
		{"${hmacSha1Hex(what do ya want for nothing?, Jefe)}", "effcdf6ae5eb2fa2d27416d5f184df9c259a7c79"},
		{"${sha256Hex(abc)}", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"},
		{"${sha256Base64(abc)}", "ungWv48Bz+pBQUDeXa4iI7ADYaOWF3qctBD/YfIAFa0="},
	} {
		if got, _ := expand(c.template, func(string) (string, bool) { return "", false }, true); got != c.want {
			t.Errorf("%s is %q, want %q", c.template, got, c.want)
		}
	}
	p, err := parsePattern("${awsSigV4(${k}, s, ${connectionConfig.r}, iam, iam.${connectionConfig.r}.x)}")
	if err != nil || len(p) != 1 || len(p[0].args) != 5 {
		t.Errorf("%v %v", p, err)
	}
	p, err = parsePattern("${hmacSha1Hex(a, b\n${c}, ${d})}")
	if err != nil || len(p[0].args) != 2 || p[0].args[0][0].text != "a, b\n" || p[0].args[1][0].name != "d" {
		t.Errorf("%v %v", p, err)
	}
}

func TestDialectMoments(t *testing.T) {
	t.Parallel()
	now := time.Date(2031, 2, 28, 23, 59, 58, 123e6, time.FixedZone("", 3600))
	for _, c := range []struct{ name, want string }{
		{"now", "2031-02-28T22:59:58.123Z"},
		{"now:YYYY-MM-DDTHH:mm:ss", "2031-02-28T22:59:58"},
		{"now:YYYYMMDDTHHmmss[Z]", "20310228T225958Z"},
		{"now:ddd, DD MMM YYYY HH:mm:ss ZZ", "Fri, 28 Feb 2031 22:59:58 +0000"},
		{"now:X", "1930085998"},
		{"now:x", "1930085998123"},
		{"now+7:days:YYYY-MM-DD", "2031-03-07"},
		{"now-1:month:YYYY-MM-DD", "2031-01-28"},
		{"now+1:minutes:X", "1930086058"},
		{"now+90:seconds:HH:mm:ss", "23:01:28"},
	} {
		m, ok := isMoment(c.name)
		if got := m.text(now); !ok || got != c.want {
			t.Errorf("%s is %q, want %q", c.name, got, c.want)
		}
		if strings.HasSuffix(c.name, "HH:mm:ss") && !strings.Contains(c.name, "Y") {
			continue // has no day to be near to
		}
		if _, near := m.near(c.want, now); !near {
			t.Errorf("%s: %q is not taken for now", c.name, c.want)
		}
		if _, near := m.near(c.want, now.Add(49*time.Hour)); near {
			t.Errorf("%s: %q is taken for the time two days later", c.name, c.want)
		}
		if _, near := m.near("x"+c.want, now); near {
			t.Errorf("%s: nonsense is taken for now", c.name)
		}
	}
	if _, ok := isMoment("nowhere"); ok {
		t.Error("any name that begins with now is a time")
	}
}

func TestDialectInventsMatchingText(t *testing.T) {
	t.Parallel()
	for _, expr := range []string{
		`^[A-Za-z0-9]{32}$`, `^(?:a|b|cd)_[x-z]+-\d{3,5}$`, `^sk_.+$`, `\b[a-f0-9]{40}\b`, `^(pk_[a-f0-9]{4}|[a-f0-9]{2})$`,
		`^https?://[^\s]+[^/\s]$`, `^r1\/[A-Za-z0-9\-]+$`, `^[A-Z]{2}?x*y?$`, `(?i)^abc$`,
	} {
		v, ok := matching(expr, seeded(expr))
		if !ok || !regexp.MustCompile(expr).MatchString(v) {
			t.Errorf("%s: %q", expr, v)
		}
		if again, _ := matching(expr, seeded(expr)); again != v {
			t.Errorf("%s: another value the second time", expr)
		}
	}
	for _, expr := range []string{`^(?!x)y$`, `[b-a]`, `^a\bb$`} {
		if v, ok := matching(expr, seeded(expr)); ok {
			t.Errorf("%s: %q", expr, v)
		}
	}
	if !isUUID4(uuidFrom(seeded("x"))) {
		t.Error("an invented UUID is none")
	}
	if got := withoutLookAhead(`^(?!(?:.*\.)?x\)(y)$)[a-z]+(?=z)$`); got != `^[a-z]+$` {
		t.Errorf("without look-aheads: %s", got)
	}
}
