package webhook

import (
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// badScheme is a scheme and the keys at which there is something wrong with it.
type badScheme struct {
	name, yaml string
	want       []string
}

func badSchemes() []badScheme {
	const stamp = "timestamp: {header: x-t, tolerance: 5m}"
	return []badScheme{
		{"empty", `{}`, []string{"verify"}},
		{"fine", `{verify: [{kind: hmac, header: x-s}]}`, nil},
		{"no kind", `{verify: [{header: x-s}]}`, []string{"verify.0.kind"}},
		{"none beside others", `{verify: [{kind: none}, {kind: token, header: x-t}]}`, []string{"verify.0.kind"}},
		{"source", `{source: "http://example.com", verify: [{kind: none}]}`, []string{"source"}},
		{"no header", `{verify: [{kind: hmac}]}`, []string{"verify.0.header"}},
		{"every mistake", `{verify: [{kind: hmac, header: "x s", algorithm: md5, encoding: rot13, secrets: [mine], secret_encoding: x}]}`, []string{
			"verify.0.algorithm", "verify.0.encoding", "verify.0.header", "verify.0.secret_encoding", "verify.0.secrets.0",
		}},
		{"body not signed", `{verify: [{kind: hmac, header: x-s, text: "${url}"}]}`, []string{"verify.0.text"}},
		{"secret in an HMAC", `{verify: [{kind: hmac, header: x-s, text: "${secret}${body}"}]}`, []string{"verify.0.text"}},
		{"hash without secret", `{verify: [{kind: hash, header: x-s}]}`, []string{"verify.0.text"}},
		{"unknown name", `{verify: [{kind: hmac, header: x-s, text: "${body}${nonsense}"}]}`, []string{"verify.0.text", "verify.0.text"}},
		{"open brace", `{verify: [{kind: hmac, header: x-s, text: "${body}${"}]}`, []string{"verify.0.text", "verify.0.text"}},
		{"timestamp not signed", `{verify: [{kind: hmac, header: x-s, ` + stamp + `}]}`, []string{"verify.0.timestamp"}},
		{"timestamp from nowhere", `{verify: [{kind: hmac, header: x-s, text: "${timestamp}${body}"}]}`, []string{"verify.0.timestamp"}},
		{"no tolerance", `{verify: [{kind: hmac, header: x-s, text: "${timestamp}${body}", timestamp: {header: x-t, unit: d}}]}`, []string{"verify.0.timestamp.tolerance", "verify.0.timestamp.unit"}},
		{"timestamp in no list", `{verify: [{kind: hmac, header: x-s, text: "${timestamp}${body}", timestamp: {prefix: "t=", tolerance: 1m}}]}`, []string{"verify.0.timestamp.prefix"}},
		{"id", `{verify: [{kind: hmac, header: x-s, text: "${id}${body}"}]}`, []string{"verify.0.id"}},
		{"standard with more", `{verify: [{kind: standard, header: x-s}]}`, []string{"verify.0.kind"}},
		{"token in two places", `{verify: [{kind: token, header: x-t, query: t}]}`, []string{"verify.0"}},
		{"public key", `{verify: [{kind: public_key, header: x-s, algorithm: rsa, public_keys: [nonsense]}]}`, []string{"verify.0.algorithm", "verify.0.public_keys.0"}},
		{"key set over http", `{verify: [{kind: public_key, header: x-s, algorithm: ed25519, key_set: "http://x", key_id: x-k}]}`, []string{"verify.0.key_set"}},
		{"key set without ID", `{verify: [{kind: public_key, header: x-s, algorithm: ed25519, key_set: "https://x"}]}`, []string{"verify.0.key_set"}},
		{"jwt for everybody", `{verify: [{kind: jwt, header: x-t, key_set: "https://x", jwt: {algorithms: [RS256], audiences: ["${url}"]}}]}`, []string{"verify.0.jwt"}},
		{"jwt none", `{verify: [{kind: jwt, header: x-t, jwt: {algorithms: [none]}}]}`, []string{"verify.0.jwt.algorithms"}},
		{"jwt confusion", `{verify: [{kind: jwt, header: x-t, key_set: "https://x", jwt: {algorithms: [HS256], issuers: [i], audiences: [a]}}]}`, []string{"verify.0.jwt.algorithms"}},
		{"jwt claims", `{verify: [{kind: jwt, header: x-t, jwt: {algorithms: [HS256], leeway: x, claims: {a: "${b}"}, audiences: [""]}}]}`, []string{"verify.0.jwt.audiences.0", "verify.0.jwt.claims.a", "verify.0.jwt.leeway"}},
		{"signing key", `{verify: [{kind: hmac, header: x-s, signing_key: {from: [{body: u}], hosts: ["*.x"], field: k}}]}`, []string{"verify.0.signing_key.hosts.0"}},
		{"when", `{verify: [{kind: hmac, header: x-s, when: {header: a b}}]}`, []string{"verify.0.when", "verify.0.when.header"}},
		{"challenge", `{verify: [{kind: none}], challenges: [{}]}`, []string{"challenges.0.match", "challenges.0.name", "challenges.0.stage"}},
		{"challenge repeats nothing", `{verify: [{kind: none}], challenges: [{name: c, stage: before, match: [{body: a}], text: true, json: b}]}`, []string{"challenges.0", "challenges.0.value"}},
		{"challenge signs", `{verify: [{kind: none}], challenges: [{name: c, stage: before, match: [{body: a}], value: {body: a}, json: b, mac: c}]}`, []string{"challenges.0.mac"}},
		{"places", `{verify: [{kind: none}], connection: [{body: a}, {header: "a b", tag: t}, {config: c}, {query: q, tag: t, transform: x}], delivery_id: [{body: a, then: b}], event_type: [{body: a, decode: gzip}]}`, []string{
			"connection.0", "connection.1.header", "connection.2", "connection.3.transform", "delivery_id.0.then", "event_type.0.decode", "event_type.0.then",
		}},
	}
}

func TestCompileReports(t *testing.T) {
	t.Parallel()
	for _, tt := range badSchemes() {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			schemes, err := ReadSchemes([]byte("x: " + tt.yaml))
			if err != nil {
				t.Fatal(err)
			}
			v, problems := Compile("x", schemes["x"])
			var got []string
			for _, p := range problems {
				got = append(got, p.Key)
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("(-want +got):\n%s\n%v", diff, problems)
			}
			if (v == nil) != (len(tt.want) > 0) {
				t.Errorf("the verifier is nil: %v", v == nil)
			}
		})
	}
}

func TestReadSchemesRefusesUnknownKeys(t *testing.T) {
	t.Parallel()
	if _, err := ReadSchemes([]byte("x: {verify: [{kind: hmac, headers: x}]}")); err == nil || !strings.Contains(err.Error(), "headers") {
		t.Errorf("got %v, want an error about headers", err)
	}
}

// TestSchemesAreFresh makes sure that a caller's change is nobody else's.
func TestSchemesAreFresh(t *testing.T) {
	t.Parallel()
	a, b := builtin(t), builtin(t)
	a["google"].Verify[0].Header = "x"
	if b["google"].Verify[0].Header == "x" || a["google-drive"].Verify[0].Header == "x" {
		t.Error("schemes share memory")
	}
	if slices.Contains([]int{0}, len(b)) {
		t.Error("there are no schemes")
	}
}
