package discover

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

func TestParseChallenges(t *testing.T) {
	t.Parallel()
	type p = map[string]string
	tests := []struct {
		name   string
		values []string
		want   []Challenge
	}{
		{"none", nil, nil},
		{"empty", []string{"", " , ,"}, nil},
		{"scheme alone", []string{"Negotiate"}, []Challenge{{Scheme: "negotiate"}}},
		{"schemes alone", []string{"Negotiate, NTLM ,Basic"}, []Challenge{{Scheme: "negotiate"}, {Scheme: "ntlm"}, {Scheme: "basic"}}},
		{"one", []string{`Bearer resource_metadata="https://a.example/x"`}, []Challenge{{Scheme: "bearer", Params: p{"resource_metadata": "https://a.example/x"}}}},
		{"names in any case", []string{`bEARER Realm="R", SCOPE=s`}, []Challenge{{Scheme: "bearer", Params: p{"realm": "R", "scope": "s"}}}},
		{"RFC 9110 section 11.6.1", []string{`Basic realm="simple", Newauth realm="apps", type=1, title="Login to \"apps\""`}, []Challenge{
			{Scheme: "basic", Params: p{"realm": "simple"}},
			{Scheme: "newauth", Params: p{"realm": "apps", "type": "1", "title": `Login to "apps"`}},
		}},
		{"commas and schemes in a quoted string", []string{`Basic realm="a, Bearer resource_metadata=\"https://evil.example\", b", Bearer scope="x y"`}, []Challenge{
			{Scheme: "basic", Params: p{"realm": `a, Bearer resource_metadata="https://evil.example", b`}},
			{Scheme: "bearer", Params: p{"scope": "x y"}},
		}},
		{"token68", []string{`NTLM TlRMTVNTUAAC==, Bearer a=b`}, []Challenge{{Scheme: "ntlm", Token68: "TlRMTVNTUAAC=="}, {Scheme: "bearer", Params: p{"a": "b"}}}},
		{"token68 that is no token", []string{`Negotiate /+a=`}, []Challenge{{Scheme: "negotiate", Token68: "/+a="}}},
		{"several headers", []string{`Basic realm="x"`, `Bearer a="1"`, `Bearer a="2"`}, []Challenge{
			{Scheme: "basic", Params: p{"realm": "x"}}, {Scheme: "bearer", Params: p{"a": "1"}}, {Scheme: "bearer", Params: p{"a": "2"}},
		}},
		{"blanks around =", []string{"Bearer a = \"1\" ,\tb\t=2"}, []Challenge{{Scheme: "bearer", Params: p{"a": "1", "b": "2"}}}},
		{"empty elements", []string{`,Bearer ,, a="1",,b="2",`}, []Challenge{{Scheme: "bearer"}}},
		{"empty elements between parameters", []string{`Bearer a="1",,b="2",`}, []Challenge{{Scheme: "bearer", Params: p{"a": "1", "b": "2"}}}},
		{"empty value", []string{`Bearer a="", b="2"`}, []Challenge{{Scheme: "bearer", Params: p{"a": "", "b": "2"}}}},
		{"an empty value without quotes", []string{`Bearer a=1, b=, c=3, d=`}, []Challenge{{Scheme: "bearer", Params: p{"a": "1", "b": "", "c": "3", "d": ""}}}},
		{"a repeated parameter", []string{`Bearer a="1", A="2"`}, []Challenge{{Scheme: "bearer", Params: p{"a": "1"}}}},
		{"no comma between parameters", []string{`Bearer realm="r" a="1"`}, []Challenge{{Scheme: "bearer", Params: p{"realm": "r", "a": "1"}}}},
		{"an unquoted URL", []string{`Bearer resource_metadata=https://a.example/x?y=z, error=invalid_token`}, []Challenge{
			{Scheme: "bearer", Params: p{"resource_metadata": "https://a.example/x?y=z", "error": "invalid_token"}},
		}},
		{"a string without end", []string{`Bearer a="1", b="2`, `Basic realm="x`}, []Challenge{{Scheme: "bearer", Params: p{"a": "1"}}, {Scheme: "basic"}}},
		{"an escape without end", []string{`Bearer a="1", b="2\`}, []Challenge{{Scheme: "bearer", Params: p{"a": "1"}}}},
		{"what cannot be a scheme", []string{`Basic realm="x", "Bearer" a="1"`, `=`, `{"a":1}`}, []Challenge{{Scheme: "basic", Params: p{"realm": "x"}}}},
		{"bytes of no meaning", []string{"Bearer\x00 a=b", "Bearer a=\"\x00\xff\""}, []Challenge{{Scheme: "bearer", Params: p{"a": "\x00\xff"}}}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			if diff := cmp.Diff(tt.want, ParseChallenges(tt.values), cmpopts.EquateEmpty()); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestPick(t *testing.T) {
	t.Parallel()
	tests := []struct{ values, want string }{
		{`Basic realm="x"`, ""},
		{`Bearer scope="s"|Bearer resource_metadata="1"|Bearer resource_metadata="2"`, "1"},
		{`DPoP resource_metadata="1", Bearer resource_metadata="2"`, "2"},
		{`DPoP resource_metadata="1", Bearer scope="s"`, "1"},
		{`Basic realm="resource_metadata=3", DPoP resource_metadata="1"`, "1"},
	}
	for _, tt := range tests {
		if got := pick(ParseChallenges(strings.Split(tt.values, "|")))["resource_metadata"]; got != tt.want {
			t.Errorf("%s: %q, want %q", tt.values, got, tt.want)
		}
	}
}

// A quoted value comes out as it went in, whatever challenges stand around it,
// and any text at all is read to an end.
func FuzzChallenges(f *testing.F) {
	f.Add("https://a.example/x", `Basic realm="x"`)
	f.Add(`a"b\c, Bearer d="e`, "NTLM abc==,")
	f.Add("", `Digest a=1, b="`)
	f.Fuzz(func(t *testing.T, value, other string) {
		for _, c := range ParseChallenges([]string{other}) {
			if c.Scheme == "" || c.Token68 != "" && len(c.Params) > 0 {
				t.Fatalf("%q is read as %+v", other, c)
			}
		}
		quoted := `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(value) + `"`
		all := ParseChallenges([]string{other, `Basic realm=` + quoted + `, Bearer a=b, resource_metadata=` + quoted, other})
		before := len(ParseChallenges([]string{other}))
		if len(all) < before+2 {
			t.Fatalf("%d challenges, want the two of the middle header", len(all))
		}
		want := []Challenge{
			{Scheme: "basic", Params: map[string]string{"realm": value}},
			{Scheme: "bearer", Params: map[string]string{"a": "b", "resource_metadata": value}},
		}
		if diff := cmp.Diff(want, all[before:before+2]); diff != "" {
			t.Fatal(diff)
		}
	})
}
