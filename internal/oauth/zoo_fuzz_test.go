package oauth

import (
	"encoding/json"
	"strings"
	"testing"
	"unicode/utf8"
)

// A refresh token that is in valid JSON at the configured path comes out as it
// is, whatever else the answer holds and however the path is called.
func FuzzConfiguredPath(f *testing.F) {
	f.Add("refresh_token", "RT", `{"access_token":"AT","expires_in":"1h"}`, " ")
	f.Add("data.token", "R\x00T\"\\", `{"data":null,"error":"invalid_grant"}`, "\ufeff")
	f.Add("a.b.c.d", "{}", `{"a":[1,2],"scope":[[]],"token_type":{}}`, "")
	f.Add("0.1", "é", `{}`, "\r\n")
	f.Fuzz(func(t *testing.T, path, token, others, lead string) {
		if token == "" || !utf8.ValidString(token) || !utf8.ValidString(path) || !isLead(lead) {
			return
		}
		body, ok := embed(path, token, others)
		if !ok {
			return
		}
		got := Parse([]byte(lead+body), Fields{RefreshToken: path}, now())
		if got.RefreshToken != token {
			t.Fatalf("refresh token %q, want %q, at %q of %s", got.RefreshToken, token, path, body)
		}
	})
}

// isLead says whether text may stand before JSON: white space, or a mark.
func isLead(s string) bool {
	return s == "\ufeff" || strings.Trim(s, " \t\r\n") == ""
}

// embed puts the token at a path of the object others, in place of what is there.
func embed(path, token, others string) (body string, ok bool) {
	var object map[string]any
	if path == "" || json.Unmarshal([]byte(others), &object) != nil || object == nil {
		return "", false
	}
	names := strings.Split(path, ".")
	if _, shadowed := object[path]; shadowed && len(names) > 1 {
		return "", false // the whole path is a name of its own, which goes first
	}
	node := object
	for _, name := range names[:len(names)-1] {
		next, isObject := node[name].(map[string]any)
		if !isObject {
			next = map[string]any{}
			node[name] = next
		}
		node = next
	}
	node[names[len(names)-1]] = token
	b, err := json.Marshal(object)
	return string(b), err == nil
}

// The same for what is not JSON: a form, and JSON whose end is not there.
func FuzzBrokenAnswer(f *testing.F) {
	f.Add("RT", "scope", "a b", uint(3))
	f.Add(`R"T\`, "name", "100%", uint(0))
	f.Fuzz(func(t *testing.T, token, name, value string, cut uint) {
		if token == "" || !utf8.ValidString(token) || strings.Contains(name, "refresh_token") || strings.Contains(value, "refresh_token") {
			return
		}
		before, err1 := json.Marshal(map[string]string{name: value})
		quoted, err2 := json.Marshal(token)
		if err1 != nil || err2 != nil {
			t.Fatal(err1, err2)
		}
		head := strings.TrimSuffix(string(before), "}") + `,"refresh_token":` + string(quoted)
		tail := `,"access_token":"AT","x":{"y":[1]}}`
		body := head + tail[:int(cut%uint(len(tail)))]
		if got := Parse([]byte(body), Fields{}, now()); got.RefreshToken != token {
			t.Fatalf("refresh token %q, want %q, of %s", got.RefreshToken, token, body)
		}
	})
}
