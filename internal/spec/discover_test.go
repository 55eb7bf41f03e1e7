package spec

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestDiscoveryRead(t *testing.T) {
	t.Parallel()
	const sites = `[{"id":"1","url":"https://acme.example.com","live":true,"n":{"x":12345678901234567890}},{"id":"2","url":"https://other.example.com","live":true},{"id":"3","url":"https://third.test","live":false}]`
	where := func(condition, rest string) string {
		return "select: {where: {" + condition + "}" + rest + "}, values: {id: id}"
	}
	tests := []struct {
		name, keys, answer string
		want               map[string]string
		failed             string // part of the error
	}{
		{"paths", "values: {a: x.y, b: flat.name, c: list.1, d: n, e: t}", `{"x":{"y":"1"},"flat.name":"2","list":["0","3"],"n":4,"t":true}`, m("a", "1", "b", "2", "c", "3", "d", "4", "e", "true"), ""},
		{"a value that is not there", "values: {a: x, b: y, c: z, d: w, e: list.7, f: list.x, g: x.y}", `{"x":"1","y":null,"z":{},"w":"","list":["a"]}`, m("a", "1"), "b, c, d, e, f, g"},
		{"not an object", "values: {a: x}", `"text"`, map[string]string{}, "a"},
		{"the first of a list", "select: {}, values: {id: id}", sites, m("id", "1"), ""},
		{"the only one, of three", "select: {only: true}, values: {id: id}", sites, nil, "3 elements"},
		{"equal", where("url: \"https://${connectionConfig.sub}.example.com\"", ", only: true"), sites, m("id", "2"), ""},
		{"equal to true", where("live: true", ""), sites, m("id", "1"), ""},
		{"equal to false", where("live: false", ""), sites, m("id", "3"), ""},
		{"equal to a long number", where("n.x: 12345678901234567890", ""), sites, m("id", "1"), ""},
		{"starts with", where("url: {starts_with: \"https://third\"}", ""), sites, m("id", "3"), ""},
		{"ends with", where("url: {ends_with: .test}", ""), sites, m("id", "3"), ""},
		{"does not end with", where("url: {ends_with: example}", ""), sites, nil, "none of the 3"},
		{"the hash of nothing", "values: {a: {path: u, transform: sha256}, b: list.1}", `{"u":"","list":["a"]}`, map[string]string{}, "a, b"},
		{"contains", where("url: {contains: other}", ""), sites, m("id", "2"), ""},
		{"both", where("live: true, url: {contains: example, ends_with: r.example.com}", ", only: true"), sites, m("id", "2"), ""},
		{"none", where("url: x", ""), sites, nil, "none of the 3"},
		{"a condition on what is not there", where("gone: {contains: \"\"}", ""), sites, nil, "none of the 3"},
		{"a condition without its value", where("url: \"${connectionConfig.nothing}\"", ""), sites, nil, "connectionConfig.nothing"},
		{"no list", "select: {only: true}, values: {id: id}", `{"id":"1"}`, nil, "no list"},
		{"an object that is the one", where("kind: site", ""), `{"id":"1","kind":"site"}`, m("id", "1"), ""},
		{"an object that is not", where("kind: site", ""), `{"id":"1","kind":"user"}`, nil, "none of the 1"},
		{"neither", where("kind: site", ""), `"site"`, nil, "no list"},
		{"a list below", "select: {path: data.list}, values: {id: \"\"}", `{"data":{"list":["a","b"]}}`, m("id", "a"), ""},
		{"an empty list", "select: {}, values: {id: id}", `[]`, nil, "none of the 0"},
		{"patterns", "values: {dc: {path: u, pattern: \"^https://([a-z0-9]+)\\\\.\"}, no: {path: u, pattern: \"(x)y\"}}", `{"u":"https://us1.example.com"}`, m("dc", "us1"), "no"},
		{"an empty group", "values: {dc: {path: u, pattern: \"^(x?)\"}}", `{"u":"abc"}`, map[string]string{}, "dc"},
		{"transforms", "values: {a: {path: u, transform: strip_scheme}, b: {path: u, transform: lower}, c: {path: v, transform: sha256}, d: {path: w, transform: strip_scheme}, e: {path: v, transform: strip_scheme}}",
			`{"u":"HTTPS://A.example.com/x","v":"abc","w":"a/b?x=https://c"}`,
			// FIPS 180-2 appendix B.1: SHA-256 of "abc".
			m("a", "A.example.com/x", "b", "https://a.example.com/x", "c", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad", "d", "a/b?x=https://c", "e", "abc"), ""},
	}
	for _, tt := range tests {
		e := entry(t, discovers("{url: /x, "+tt.keys+"}"))
		dec := json.NewDecoder(strings.NewReader(tt.answer))
		dec.UseNumber()
		var answer any
		if err := dec.Decode(&answer); err != nil {
			t.Fatal(err)
		}
		got, err := e.Discovery[0].Read(answer, env(m("connectionConfig.sub", "other")))
		if !cmp.Equal(got, tt.want) || (err != nil) != (tt.failed != "") || err != nil && !strings.Contains(err.Error(), tt.failed) {
			t.Errorf("%s: %v, %v; want %v and %q", tt.name, got, err, tt.want, tt.failed)
		}
	}
	// Numbers that were decoded as encoding/json does it by itself.
	if got, err := entry(t, discovers("{url: /x, values: {a: n}}")).Discovery[0].Read(map[string]any{"n": float64(1e6)}, env(nil)); err != nil || got["a"] != "1000000" {
		t.Errorf("a float: %v, %v", got, err)
	}
}

func TestExpectHolds(t *testing.T) {
	t.Parallel()
	tests := []struct {
		expect      string
		status      int
		contentType string
		body        string
		want        bool
	}{
		{"{}", 200, "", "", true}, {"{}", 204, "", "", true}, {"{}", 199, "", "", false}, {"{}", 300, "", "", false}, {"{}", 401, "", "", false},
		{"{status: [403, 404]}", 404, "", "", true}, {"{status: [403, 404]}", 200, "", "", false},
		{"{not_contains: \"error\"}", 200, "", "no err", true}, {"{not_contains: \"error\"}", 200, "", "<error>", false},
		{"{content_type: application/json}", 200, "Application/JSON; charset=utf-8", "", true}, {"{content_type: application/json}", 200, "text/html", "", false}, {"{content_type: application/json}", 200, "", "", false},
		{"{path: a.b}", 200, "", `{"a":{"b":{}}}`, true}, {"{path: a.b}", 200, "", `{"a":{"b":null}}`, false}, {"{path: a.b}", 200, "", `<html>`, false}, {"{path: \"0.id\"}", 200, "", `[{"id":1}]`, true},
		{"{path: ok, equals: true}", 200, "", `{"ok":true}`, true}, {"{path: ok, equals: true}", 200, "", `{"ok":false}`, false}, {"{path: ok, equals: \"\"}", 200, "", `{"ok":{}}`, false},
		{"{path: n, equals: 12345678901234567890}", 200, "", `{"n":12345678901234567890}`, true},
		{"{path: ok, equals: true}", 500, "", `{"ok":true}`, false},
	}
	for _, tt := range tests {
		e := entry(t, apiKey+"  verify: [{url: /me, expect: "+tt.expect+"}]\n")
		if got := e.Verify[0].Expect.Holds(tt.status, tt.contentType, []byte(tt.body)); got != tt.want {
			t.Errorf("%s of %d, %q, %s: %v", tt.expect, tt.status, tt.contentType, tt.body, got)
		}
	}
}
