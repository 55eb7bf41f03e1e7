package spec

import (
	"fmt"
	"slices"
	"strings"
	"testing"
)

// load reads one file and returns its entries and the problems, each as
// "line entry key severity code".
func load(t *testing.T, src string) (*Set, []string) {
	t.Helper()
	set, problems := Load(File{Name: "f.yaml", Data: []byte(src)})
	var out []string
	for _, p := range problems {
		if p.File != "f.yaml" || p.Message == "" || p.Code == "" {
			t.Errorf("incomplete problem: %+v", p)
		}
		if !pointsAt(src, p) {
			t.Errorf("%s does not point at its key", p)
		}
		out = append(out, brief(p))
	}
	return set, out
}

// pointsAt reports whether the place of a problem is that of its key, or of the
// nearest key around it that is there. A list has no keys, and neither has a file
// that is not YAML.
func pointsAt(src string, p Problem) bool {
	lines := strings.Split(src, "\n")
	if p.Line < 1 || p.Line > len(lines) || p.Column < 1 || p.Column > len([]rune(lines[p.Line-1]))+1 {
		return false
	}
	if p.Code == "syntax" || p.Code == "yaml" || p.Code == "not-a-mapping" || p.Code == "bad-name" || strings.HasSuffix(p.Key, "]") {
		return true
	}
	text := strings.TrimLeft(string([]rune(lines[p.Line-1])[p.Column-1:]), `"'`)
	for path := p.Entry + "." + p.Key; ; {
		if strings.HasPrefix(text, path[strings.LastIndexByte(path, '.')+1:]) {
			return true
		}
		cut := strings.LastIndexAny(path, ".[")
		if cut < 0 {
			return false
		}
		path = path[:cut]
	}
}

func brief(p Problem) string {
	return fmt.Sprintf("%d %s %s %s %s", p.Line, p.Entry, p.Key, p.Severity, p.Code)
}

// An entry that has nothing wrong, for the tests to add to.
const (
	apiKey = `a:
  auth_mode: API_KEY
  proxy: {base_url: https://api.example.com, headers: {authorization: "Bearer ${apiKey}"}}
`
	oauth2 = `a:
  auth_mode: OAUTH2
  authorization_url: https://example.com/authorize
  token_url: https://example.com/token
  proxy: {base_url: https://api.example.com}
`
	clientCredentials = `a:
  auth_mode: OAUTH2_CC
  token_url: https://example.com/token
  token_params: {grant_type: client_credentials}
  proxy: {base_url: https://api.example.com}
`
	twoStep = `a:
  auth_mode: TWO_STEP
  token_url: https://example.com/login
  token_response: {token: token}
  proxy: {base_url: https://api.example.com}
`
	none = "a:\n  auth_mode: NONE\n"
)

// Each row is a file, and the only problems that it has. Lines are those of the
// file as a whole: what a row adds to one of the entries above begins on line 4
// of apiKey, 6 of oauth2, clientCredentials and twoStep, 3 of none.
var problemTable = []struct {
	name, src string
	want      []string
}{
	{"tried out and not", apiKey + "  verify: [{url: /me}]\n  unverified: There is nothing to ask.\n", []string{"5 a unverified doubtful unverified-conflict"}},

	// The files themselves.
	{"empty", "", nil},
	{"only a comment", "# nothing\n", nil},
	{"a list", "- a\n- b\n", []string{"1   rejected not-a-mapping"}},
	{"a scalar", "hello\n", []string{"1   rejected not-a-mapping"}},
	{"an entry that is a list", "a: [b]\n" + "b: {auth_mode: NONE}\n", []string{"1 a  rejected not-a-mapping"}},
	{"a bad name", "\"a b\": {auth_mode: NONE}\n", []string{"1   rejected bad-name"}},
	{"two entries of a name", none + none, []string{"3 a  rejected duplicate-entry"}},
	{"two documents", none + "---\nb: {auth_mode: NONE}\n", nil},
	{"a key twice", none + "  docs: a\n  docs: b\n", []string{"4 a docs rejected duplicate-key"}},
	{"a key twice, deep", none + "  auth: {x: {y: 1, y: 2}}\n", []string{"3 a auth.x.y rejected duplicate-key"}},
	{"an anchor", none + "  docs: &d x\n", []string{"3 a docs rejected yaml"}},
	{"an alias", none + "  docs: &d x\n  docs_connect: *d\n", []string{"3 a docs rejected yaml", "4 a docs_connect rejected yaml"}},
	{"a merge key", none + "  <<: {docs: x}\n", []string{"3 a  rejected yaml"}},
	{"a tag", none + "  docs: !!binary eA==\n", []string{"3 a docs rejected yaml"}},
	{"a list as a key", none + "  ? [x]\n  : y\n", []string{"3 a  rejected yaml"}},
	{"too deep", none + "  auth: " + strings.Repeat("{a: ", 40) + "1" + strings.Repeat("}", 40) + "\n", []string{"3 a auth" + strings.Repeat(".a", 32) + " rejected yaml"}},
	{"a tab", "a:\n\tauth_mode: NONE\n", []string{"2   rejected syntax"}},
	{"an open bracket", none + "b:\n  categories: [x\nc: {auth_mode: NONE}\n", []string{"4 b  rejected syntax"}},
	{"bytes that are not UTF-8", none + "b:\n  docs: \xff\n", []string{"4 b  rejected syntax"}},
	{"a control character", none + "b:\n  docs: \"x\x01\"\n", []string{"4 b  rejected syntax"}},

	// Types.
	{"an unknown key", none + "  colour: red\n", []string{"3 a colour doubtful unknown-key"}},
	{"an unknown key, deep", oauth2 + "  refresh: {rotate: always}\n", []string{"6 a refresh.rotate doubtful unknown-key"}},
	{"an unknown key of a field", none + "  connection_config: {x: {type: string, automated: true, max: 3}}\n", []string{"3 a connection_config.x.max doubtful unknown-key"}},
	{"no value", none + "  docs:\n", []string{"3 a docs doubtful empty-value"}},
	{"a list for text", none + "  docs: [x]\n", []string{"3 a docs rejected wrong-type"}},
	{"text for a list", none + "  categories: crm\n", []string{"3 a categories rejected wrong-type"}},
	{"text for a mapping", apiKey + "  credentials: x\n", []string{"4 a credentials rejected wrong-type"}},
	{"text for a bool", oauth2 + "  disable_pkce: \"true\"\n", []string{"6 a disable_pkce rejected wrong-type"}},
	{"text for a number", oauth2 + "  token_expiration_buffer: soon\n", []string{"6 a token_expiration_buffer rejected wrong-type"}},
	{"a number in quotes", oauth2 + "  token_expiration_buffer: \"30\"\n", nil},
	{"a date for text", none + "  checked: 2026-11-21\n  docs: 1.10\n", nil},
	{"a mapping in a list of text", none + "  categories: [{a: b}]\n", []string{"3 a categories[0] rejected wrong-type"}},
	{"a list as a header", apiKey + "  token_headers: {x: [y]}\n", []string{"4 a token_headers doubtful no-effect", "4 a token_headers.x rejected wrong-type"}},

	// Aliases.
	{"a missing target", "a: {alias: b}\n", []string{"1 a alias rejected alias-missing"}},
	{"itself", "a: {alias: a}\n", []string{"1 a alias rejected alias-cycle"}},
	{"a cycle", "a: {alias: b}\nb: {alias: c}\nc: {alias: a}\nd: {alias: a}\n", []string{
		"1 a alias rejected alias-cycle", "2 b alias rejected alias-cycle", "3 c alias rejected alias-cycle", "4 d alias rejected alias-cycle"}},
	{"a rejected target", "a: {alias: b}\nb: [x]\n", []string{"1 a alias rejected alias-rejected", "2 b  rejected not-a-mapping"}},
	{"an inherited problem", "a: {auth_mode: FOO}\nb: {alias: a}\n", []string{"1 a auth_mode rejected auth-mode", "1 b auth_mode rejected auth-mode"}},
	{"a proxy that loses parts", apiKeyWith("retry: {after: [retry-after]}, paginate: {type: link, link_rel_in_response_header: next}, decompress: true") +
		"b: {alias: a, proxy: {base_url: https://b.example.com, headers: {x: \"${apiKey}\"}, decompress: false}}\n", []string{"4 b proxy doubtful alias-drops"}},
	{"fields that are lost", none + "  connection_config: {x: {type: string, automated: true}}\nb: {alias: a, connection_config: {y: {type: string, automated: true}}}\n",
		[]string{"4 b connection_config doubtful alias-drops"}},
	{"taken away on purpose", none + "  connection_config: {x: {type: string, automated: true}}\nb: {alias: a, connection_config: null}\n", nil},

	// Modes and keys.
	{"no auth mode", "a: {docs: x}\n", []string{"1 a auth_mode rejected auth-mode"}},
	{"an unknown auth mode", "a: {auth_mode: OAUTH3}\n", []string{"1 a auth_mode rejected auth-mode"}},
	{"no token_url", "a:\n  auth_mode: OAUTH2\n  authorization_url: https://example.com/\n  proxy: {base_url: https://example.com}\n", []string{"1 a token_url rejected missing-key"}},
	{"no authorization_url", "a:\n  auth_mode: OAUTH2\n  token_url: https://example.com/\n  proxy: {base_url: https://example.com}\n", []string{"1 a authorization_url rejected missing-key"}},
	{"outbound installation", "a:\n  auth_mode: OAUTH2\n  installation: outbound\n  token_url: https://example.com/\n  proxy: {base_url: https://example.com}\n", nil},
	{"no request_url", "a:\n  auth_mode: OAUTH1\n  authorization_url: https://example.com/\n  token_url: https://example.com/\n  proxy: {base_url: https://example.com}\n", []string{"1 a request_url rejected missing-key"}},
	{"no token_response", "a:\n  auth_mode: TWO_STEP\n  token_url: https://example.com/\n  proxy: {base_url: https://example.com}\n", []string{"1 a token_response rejected missing-key"}},
	{"no signature", "a:\n  auth_mode: JWT\n  proxy: {base_url: https://example.com}\n", []string{"1 a signature rejected missing-key", "1 a token rejected missing-key"}},
	{"no registration_url", "a:\n  auth_mode: MCP_OAUTH2\n  client_registration: dynamic\n  authorization_url: https://example.com/\n  token_url: https://example.com/\n  proxy: {base_url: https://example.com}\n", []string{"1 a registration_url rejected missing-key"}},
	{"no proxy", "a: {auth_mode: BASIC}\n", []string{"1 a  doubtful no-proxy"}},
	{"no base_url", "a:\n  auth_mode: BASIC\n  proxy: {headers: {x: y}}\n", []string{"3 a proxy doubtful no-proxy"}},
	{"an API key that goes nowhere", "a:\n  auth_mode: API_KEY\n  proxy: {base_url: https://example.com}\n", []string{"3 a proxy rejected key-not-attached"}},
	{"an API key that code places", "a:\n  auth_mode: API_KEY\n  proxy: {base_url: https://example.com}\n  integration_config: {keyName: {type: string}}\n", []string{"3 a proxy doubtful key-in-code"}},
	{"a key of another mode", apiKey + "  authorization_url: https://example.com/\n  disable_pkce: true\n", []string{"4 a authorization_url doubtful no-effect", "5 a disable_pkce doubtful no-effect"}},
	{"a key nothing reads", none + "  auth: {response_type: code}\n  decode_url: true\n", []string{"3 a auth doubtful unread-key", "4 a decode_url doubtful unread-key"}},
	{"no grant type", "a:\n  auth_mode: OAUTH2_CC\n  token_url: https://example.com/\n  proxy: {base_url: https://example.com}\n", []string{"1 a token_params doubtful no-grant-type"}},
	{"another grant type", oauth2 + "  token_params: {grant_type: password}\n", []string{"6 a token_params.grant_type rejected bad-value"}},
	{"verification without a credential", none + "  proxy: {base_url: https://example.com, verification: {endpoints: [/]}}\n", []string{"3 a proxy.verification doubtful no-effect"}},
}

func apiKeyWith(more string) string {
	return strings.TrimSuffix(apiKey, "}\n") + ", " + more + "}\n"
}

func TestProblems(t *testing.T) {
	t.Parallel()
	for _, tt := range slices.Concat(problemTable, choiceTable, templateTable, fieldTable, dialectTable, dialectRefreshTable) {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			set, got := load(t, tt.src)
			want := slices.Clone(tt.want)
			slices.Sort(want)
			sorted := slices.Sorted(slices.Values(got))
			if !slices.Equal(sorted, want) {
				t.Errorf("problems\n  %s\nwant\n  %s\nin\n%s", strings.Join(sorted, "\n  "), strings.Join(want, "\n  "), tt.src)
			}
			_, usable := set.Lookup("a")
			rejected := slices.ContainsFunc(got, func(s string) bool { return strings.Contains(s, " a ") && strings.Contains(s, "rejected") })
			if strings.HasPrefix(tt.src, "a:") && usable == rejected && !strings.Contains(strings.Join(got, ""), "syntax") {
				t.Errorf("entry a: usable %v, rejected %v", usable, rejected)
			}
		})
	}
}

// Every kind of problem has a row that shows it.
func TestEveryCodeIsTested(t *testing.T) {
	t.Parallel()
	tested := map[string]bool{}
	for _, tt := range slices.Concat(problemTable, choiceTable, templateTable, fieldTable, dialectTable, dialectRefreshTable) {
		for _, w := range tt.want {
			tested[w[strings.LastIndexByte(w, ' ')+1:]] = true
		}
	}
	for _, code := range []string{"too-large", "alias-chain"} { // have tests of their own
		tested[code] = true
	}
	for _, code := range Codes() {
		if !tested[code] {
			t.Errorf("no row has the code %s", code)
		}
		delete(tested, code)
	}
	if len(tested) > 0 {
		t.Errorf("codes that Codes does not list: %v", sortedNames(tested))
	}
}
