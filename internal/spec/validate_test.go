package spec

import (
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// formFields reads the declaration of a form, as one of an entry that uses each
// of the fields in its base URL.
func formFields(t *testing.T, src string) Fields {
	t.Helper()
	return entry(t, none+"  connection_config: {"+src+"}\n").ConnectionConfig
}

func TestValidate(t *testing.T) {
	t.Parallel()
	for _, tt := range validateTable() {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			values, secret, problems := formFields(t, tt.fields).Validate(tt.given, ValidateOptions{Known: []string{"known"}})
			if diff := cmp.Diff(tt.values, values); diff != "" {
				t.Errorf("values (-want +got):\n%s", diff)
			}
			if !slices.Equal(slices.Sorted(maps.Keys(secret)), slices.Sorted(maps.Keys(values))) {
				t.Errorf("secret %v does not cover the values %v", secret, values)
			}
			var got []string
			for _, p := range problems {
				got = append(got, p.Name+" "+p.Code)
			}
			if text := strings.Join(got, ", "); text != tt.problems {
				t.Errorf("problems %s, want %s", text, tt.problems)
			}
		})
	}
}

// validateTest is one form and what is made of what was given for it.
type validateTest struct {
	name, fields string
	given        map[string]string
	values       map[string]string
	problems     string // names and codes
}

func validateTable() []validateTest {
	long := strings.Repeat("x", maxValue)
	return []validateTest{
		{"given", "a: {}", m("a", "x"), m("a", "x"), ""},
		{"missing", "a: {}", nil, m(), "a required"},
		{"blank", "a: {}", m("a", "  "), m(), "a required"},
		{"optional", "a: {optional: true}", m("a", " "), m(), ""},
		{"hidden", "a: {hidden: true}", nil, m(), ""},
		{"automated", "a: {automated: true}", nil, m(), ""},
		{"automated and given", "a: {automated: true, pattern: \"^x$\"}", m("a", "y"), m(), "a invalid"},
		{"a default", "a: {default_value: d}", m("a", ""), m("a", "d"), ""},
		{"an empty default", "a: {default_value: \"\", hidden: true}", nil, m("a", ""), ""},
		{"a value over a default", "a: {default_value: d}", m("a", "x"), m("a", "x"), ""},

		{"spaces around", "a: {}", m("a", " x y\t\n"), m("a", "x y"), ""},
		{"spaces around a secret", "a: {secret: true}", m("a", " x \n"), m("a", " x "), ""},
		{"prefix and suffix", "a: {prefix: https://, suffix: .example.com}", m("a", "HTTPS://acme.Example.com"), m("a", "acme"), ""},
		{"a suffix without its dot", "a: {suffix: example.com}", m("a", "acme.example.com"), m("a", "acme"), ""},
		{"a suffix that is a path", "a: {suffix: /api}", m("a", "host.example.com/api"), m("a", "host.example.com"), ""},
		{"only the suffix", "a: {suffix: .example.com}", m("a", ".example.com"), m("a", ".example.com"), ""},
		{"only the prefix", "a: {prefix: https://}", m("a", "https://"), m("a", "https://"), ""},

		{"a pattern", "a: {pattern: \"^[a-z]+$\"}", m("a", "abc"), m("a", "abc"), ""},
		{"a pattern that fails", "a: {pattern: \"^[a-z]+$\"}", m("a", "ab1"), m(), "a invalid"},
		{"no anchors, as in a browser", "a: {pattern: \"[a-z]\"}", m("a", "1b1"), m("a", "1b1"), ""},
		{"a second line does not hide from anchors", "a: {pattern: \"^[a-z]+$\"}", m("a", "abc\nevil"), m(), "a control"},
		{"an invalid pattern is not enforced", "a: {pattern: \"^(?!x)\"}", m("a", "x"), m("a", "x"), ""},
		{"a choice", "a: {enum: [x, y]}", m("a", "y"), m("a", "y"), ""},
		{"no choice", "a: {enum: [x, y]}", m("a", "Y"), m(), "a invalid"},
		{"a host", "a: {format: hostname}", m("a", "a-1.Example.com"), m("a", "a-1.Example.com"), ""},
		{"a host and a port", "a: {format: hostname}", m("a", "localhost:8080"), m("a", "localhost:8080"), ""},
		{"no host", "a: {format: hostname}", m("a", "evil.com/#"), m(), "a invalid"},
		{"no port", "a: {format: hostname}", m("a", "evil.com:x"), m(), "a invalid"},
		{"a URL", "a: {format: uri}", m("a", "https://a/b"), m("a", "https://a/b"), ""},
		{"no URL", "a: {format: uri}", m("a", "a/b"), m(), "a invalid"},
		{"a UUID", "a: {format: uuid}", m("a", "A1b2C3d4-0000-1111-2222-333344445555"), m("a", "A1b2C3d4-0000-1111-2222-333344445555"), ""},
		{"no UUID", "a: {format: uuid}", m("a", "a1b2c3d4-0000-1111-2222-33334444555"), m(), "a invalid"},
		{"an address", "a: {format: email}", m("a", "a@b.example"), m("a", "a@b.example"), ""},
		{"a name and an address", "a: {format: email}", m("a", "A <a@b.example>"), m(), "a invalid"},

		{"as long as allowed", "a: {}", m("a", long), m("a", long), ""},
		{"too long", "a: {}", m("a", long+"x"), m(), "a too-long"},
		{"not UTF-8", "a: {}", m("a", "x\xff"), m(), "a encoding"},
		{"NUL", "a: {}", m("a", "x\x00y"), m(), "a control"},
		{"a control character of Latin-1", "a: {}", m("a", "x\u0085y"), m(), "a control"},
		{"a line separator", "a: {}", m("a", "x\u2028y"), m(), "a control"},
		{"PEM", "a: {}", m("a", "-----BEGIN KEY-----\nabc\n-----END KEY-----\n"), m("a", "-----BEGIN KEY-----\nabc\n-----END KEY-----"), ""},
		{"NUL in PEM", "a: {}", m("a", "-----BEGIN KEY-----\n\x00"), m(), "a control"},
		{"JSON", "a: {}", m("a", "{\n  \"kid\": 1\n}"), m("a", "{\n  \"kid\": 1\n}"), ""},
		{"almost JSON", "a: {}", m("a", "{\n  kid\n}"), m(), "a control"},

		{"unknown", "a: {optional: true}", m("b", "x"), m(), "b unknown"},
		{"unknown but bad", "a: {optional: true}", m("known", "x\x00"), m(), "known control"},
		{"known", "a: {optional: true}", m("known", " x "), m("known", "x"), ""},
		{"several", "a: {}, b: {pattern: \"^x$\"}", m("b", "y", "c", "z"), m(), "a required, b invalid, c unknown"},

		{"shown", "a: {visible_when: {field: b, equals: x}}, b: {}", m("a", "1", "b", "x"), m("a", "1", "b", "x"), ""},
		{"not shown, so not required", "a: {visible_when: {field: b, equals: x}}, b: {}", m("b", "y"), m("b", "y"), ""},
		{"not shown, so not used", "a: {visible_when: {field: b, equals: x}}, b: {}", m("a", "1", "b", "y"), m("b", "y"), ""},
		{"shown by a default", "a: {visible_when: {field: b, equals: x}}, b: {default_value: x}", nil, m("b", "x"), "a required"},
		{"hidden by what is hidden", "a: {visible_when: {field: b, equals: x}}, b: {visible_when: {field: c, equals: x}}, c: {}", m("b", "x", "c", "y"), m("c", "y"), ""},
		{"a cycle hides nothing", "a: {visible_when: {field: b, equals: x}}, b: {visible_when: {field: a, equals: x}}", m("a", "x", "b", "x"), m("a", "x", "b", "x"), ""},
	}
}

// m makes a map of names and values.
func m(pairs ...string) map[string]string {
	out := map[string]string{}
	for i := 0; i < len(pairs); i += 2 {
		out[pairs[i]] = pairs[i+1]
	}
	return out
}

func TestValidateOptions(t *testing.T) {
	t.Parallel()
	fields := formFields(t, "a: {}, b: {default_value: d}, c: {pattern: \"^x$\"}")
	values, _, problems := fields.Validate(m("c", "x", "other", "o", "api_key", "k"), ValidateOptions{Partial: true, AllowUnknown: true})
	if len(problems) > 0 || !maps.Equal(values, m("c", "x", "other", "o", "api_key", "k")) {
		t.Errorf("values %v, problems %v", values, problems)
	}
	_, secret, problems := Fields(nil).Validate(m("api_key", "k", "region", "eu"), ValidateOptions{AllowUnknown: true})
	if len(problems) > 0 || !secret["api_key"] || secret["region"] {
		t.Errorf("secret %v, problems %v", secret, problems)
	}
}

func TestProblemsDoNotContainValues(t *testing.T) {
	t.Parallel()
	fields := formFields(t, "a: {pattern: \"^x$\", secret: true}, b: {enum: [x]}, c: {format: uuid}, d: {}, e: {}")
	const v = "hunter2"
	_, _, problems := fields.Validate(m("a", v, "b", v, "c", v, "d", v+"\x00", "e", v+"\xff", "f", v), ValidateOptions{})
	if len(problems) != 6 {
		t.Errorf("problems %v", problems)
	}
	for _, p := range problems {
		if strings.Contains(p.Error(), v) {
			t.Errorf("the problem contains the value: %s", p.Error())
		}
	}
}

// A suffix that the URL lacks is part of the value, and so is the scheme of a
// value that is a whole URL.
func TestAffixesFollowTheURL(t *testing.T) {
	t.Parallel()
	tests := []struct{ base, field, given, want string }{
		{"https://${connectionConfig.x}.example.com", "pattern: \"^[a-z]+$\", suffix: .example.com, prefix: https://", "https://acme.example.com", "acme"},
		{"https://${connectionConfig.x}.eu.example.com", "pattern: \"^[a-z]+$\", suffix: .eu", "acme.eu", "acme"},
		{"https://${connectionConfig.x}/api", "format: hostname, suffix: .example.com", "acme.example.com", "acme.example.com"},
		{"https://${connectionConfig.x}/api", "format: hostname, suffix: /api", "acme.example.com/api", "acme.example.com"},
		{"${connectionConfig.x}/api", "format: uri, prefix: https://", "https://acme.example.com", "https://acme.example.com"},
		{"https://example.com/${connectionConfig.x}", "suffix: .example.com", "acme.example.com", "acme"},
	}
	for _, tt := range tests {
		e := entry(t, withHost(tt.base, tt.field))
		values, _, problems := e.ConnectionConfig.Validate(m("x", tt.given), ValidateOptions{})
		if len(problems) > 0 || values["x"] != tt.want {
			t.Errorf("%s, %s: %q became %q, %v, want %q", tt.base, tt.field, tt.given, values["x"], problems, tt.want)
		}
		encoded, err := EncodeEntry(e)
		if err != nil {
			t.Fatal(err)
		}
		again, err := DecodeEntry("a", string(encoded))
		if err != nil {
			t.Fatal(err)
		}
		if values, _, _ := again.ConnectionConfig.Validate(m("x", tt.given), ValidateOptions{}); values["x"] != tt.want {
			t.Errorf("after decoding %q became %q, want %q", tt.given, values["x"], tt.want)
		}
	}
}

func TestLooksSecret(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"password", "API_PASSWORD", "apiKey", "api_key", "x-api-key", "clientSecret", "client_secret", "staffUserToken", "refreshToken", "privateKey", "jwt", "appKey", "access_key", "subscriptionKey", "passphrase", "secretKey"} {
		if !LooksSecret(name) {
			t.Errorf("%s does not look secret", name)
		}
	}
	for _, name := range []string{"subdomain", "tokenUrl", "tokenDomain", "privateKeyId", "apiSecretId", "tokenType", "username", "projectKey", "keyName", "region", "secretPath", "tokenEndpoint", "keyPlacement", "accountId", ""} {
		if LooksSecret(name) {
			t.Errorf("%s looks secret", name)
		}
	}
	no, yes := false, true
	if (Field{Name: "apiKey", Secret: &no}).IsSecret() || !(Field{Name: "region", Secret: &yes}).IsSecret() || !(Field{Name: "apiKey"}).IsSecret() {
		t.Error("what a field says of itself does not count")
	}
}

func TestFieldOrder(t *testing.T) {
	t.Parallel()
	fields := formFields(t, "d: {}, b: {order: 2}, c: {}, a: {order: 1}, e: {order: 2}, f: {}")
	var names []string
	for _, f := range fields.Ordered() {
		names = append(names, f.Name)
	}
	if got := strings.Join(names, ""); got != "abedcf" {
		t.Errorf("order %s, want abedcf", got)
	}
	if two := formFields(t, "b: {order: 1}, c: {}").Ordered(); two[0].Name != "b" {
		t.Errorf("order %s first, want b", two[0].Name)
	}
	if fields[0].Name != "d" {
		t.Error("Ordered changed its receiver")
	}
}
