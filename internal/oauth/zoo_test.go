package oauth

import (
	"encoding/binary"
	"strings"
	"testing"
	"time"
)

// The answers of token endpoints that have cost somebody a grant, or might. One
// rule decides what must come out: if a refresh token is in the body, it is
// saved; and nothing makes the parser panic.

// specimen is a body out of which the access token AT and the refresh token RT
// must come.
type specimen struct{ name, body string }

// exhibit is a body with everything stated that must come out.
type exhibit struct {
	name, body      string
	fields          Fields
	access, refresh string
	expires         time.Duration
	code            string
}

const (
	tokens = `"access_token":"AT","refresh_token":"RT"`
	object = "{" + tokens + "}"
)

// oddFields are answers that are JSON, and whose other fields are not what
// RFC 6749 section 5.1 says.
var oddFields = []specimen{
	{"the standard", `{` + tokens + `,"token_type":"Bearer","expires_in":3600,"scope":"a b"}`},
	{"expires_in as a float", `{` + tokens + `,"expires_in":3600.0}`},
	{"expires_in with an exponent", `{` + tokens + `,"expires_in":3.6e3}`},
	{"expires_in empty", `{` + tokens + `,"expires_in":""}`},
	{"expires_in as a duration", `{` + tokens + `,"expires_in":"1h"}`},
	{"expires_in as a word", `{` + tokens + `,"expires_in":"never"}`},
	{"expires_in null", `{` + tokens + `,"expires_in":null}`},
	{"expires_in true", `{` + tokens + `,"expires_in":true}`},
	{"expires_in a list", `{` + tokens + `,"expires_in":[3600]}`},
	{"expires_in an object", `{` + tokens + `,"expires_in":{"seconds":3600}}`},
	{"expires_in negative", `{` + tokens + `,"expires_in":-1}`},
	{"expires_in beyond int64", `{` + tokens + `,"expires_in":99999999999999999999999999}`},
	{"expires_in beyond float64", `{` + tokens + `,"expires_in":1e999999}`},
	{"expires_in a date", `{` + tokens + `,"expires_in":"2026-01-02T03:04:05Z"}`},
	{"expires_in of a million digits", `{` + tokens + `,"expires_in":` + strings.Repeat("9", 1<<20) + `}`},
	{"token_type a number", `{` + tokens + `,"token_type":1}`},
	{"token_type an object", `{` + tokens + `,"token_type":{"name":"Bearer"}}`},
	{"token_type a list", `{` + tokens + `,"token_type":["Bearer"]}`},
	{"token_type null", `{` + tokens + `,"token_type":null}`},
	{"error false", `{` + tokens + `,"error":false}`},
	{"error null", `{` + tokens + `,"error":null}`},
	{"error 0", `{` + tokens + `,"error":0}`},
	{"error empty", `{` + tokens + `,"error":""}`},
	{"error an object", `{` + tokens + `,"error":{"code":0}}`},
	{"error a list", `{` + tokens + `,"error":[]}`},
	{"error_description an object", `{` + tokens + `,"error_description":{}}`},
	{"error_uri a number", `{` + tokens + `,"error_uri":7}`},
	{"scope a list", `{` + tokens + `,"scope":["a","b"]}`},
	{"scope a list of objects", `{` + tokens + `,"scope":[{"name":"a"},{"name":"b"}]}`},
	{"scope an object", `{` + tokens + `,"scope":{"a":true}}`},
	{"scope a number", `{` + tokens + `,"scope":1}`},
	{"scope null", `{` + tokens + `,"scope":null}`},
	{"id_token an object", `{` + tokens + `,"id_token":{"iss":"x"}}`},
	{"an empty name", `{"":"x",` + tokens + `}`},
	{"a name with a NUL", `{"a\u0000b":"x",` + tokens + `}`},
	{"names with dots", `{"access.token":"x","refresh.token":"y",` + tokens + `}`},
	{"a field deeper than anybody reads", `{` + tokens + `,"x":` + strings.Repeat("[", 5000) + strings.Repeat("]", 5000) + `}`},
	{"more than the decoder nests, after the tokens", `{` + tokens + `,"x":` + strings.Repeat("[", 20000) + strings.Repeat("]", 20000) + `}`},
	{"more than the decoder nests, before them", `{"x":` + strings.Repeat("[", 20000) + strings.Repeat("]", 20000) + `,` + tokens + `}`},
	{"more than 1 MiB before the tokens", `{"x":"` + strings.Repeat("x", 1<<20) + `",` + tokens + `}`},
	{"ten thousand other fields", `{` + strings.Repeat(`"a":1,`, 10000) + tokens + `}`},
}

// oddSpellings are answers in which the tokens themselves are spelled oddly, or
// the text around them is.
var oddSpellings = []specimen{
	{"white space", " \r\n\t{ \"access_token\" : \"AT\" ,\n\t\"refresh_token\"\r\n:\t\"RT\" } \n"},
	{"a byte order mark", "\xef\xbb\xbf" + object},
	{"two byte order marks", "\xef\xbb\xbf\xef\xbb\xbf" + object},
	{"white space and a byte order mark", "\n\xef\xbb\xbf" + object},
	{"UTF-16, little end first, marked", utf16Text(binary.LittleEndian, "\ufeff"+object)},
	{"UTF-16, big end first, marked", utf16Text(binary.BigEndian, "\ufeff"+object)},
	{"UTF-16, little end first", utf16Text(binary.LittleEndian, object)},
	{"UTF-16, big end first", utf16Text(binary.BigEndian, object)},
	{"UTF-16 with half a unit at the end", utf16Text(binary.LittleEndian, "\ufeff"+object) + "\n"},
	{"UTF-16 with white space first", utf16Text(binary.LittleEndian, "\r\n"+object)},
	{"UTF-16, big end first, with white space first", utf16Text(binary.BigEndian, "\n"+object)},
	{"UTF-16, a list", utf16Text(binary.LittleEndian, "["+object+"]")},
	{"escaped letters", `{"access_token":"\u0041\u0054","refresh_token":"\u0052T"}`},
	{"escaped names", `{"access\u005ftoken":"AT","\u0072efresh_token":"RT"}`},
	{"Latin-1 in another field", "{" + tokens + ",\"name\":\"Ren\xe9\"}"},
	{"Latin-1 before the tokens", "{\"name\":\"Ren\xe9\"," + tokens + "}"},
	{"a lone surrogate in another field", `{` + tokens + `,"name":"\ud800"}`},
	{"a raw control character in another field", "{" + tokens + ",\"name\":\"a\x01b\"}"},
	{"a raw newline in a field before the tokens", "{\"name\":\"a\nb\"," + tokens + "}"},
	{"a NUL after the object", object + "\x00"},
	{"a NUL before the object", "\x00" + object},
	{"the same twice", `{` + tokens + `,` + tokens + `}`},
	{"duplicates, the last of which counts", `{"access_token":"old","refresh_token":"old",` + tokens + `}`},
	{"a duplicate that is null", `{` + tokens + `,"refresh_token":null}`},
	{"a duplicate that is empty", `{` + tokens + `,"refresh_token":""}`},
	{"an empty one before", `{"refresh_token":"",` + tokens + `}`},
}

// broken are answers that no JSON parser accepts as they are.
var broken = []specimen{
	{"a stray comma at the end", `{` + tokens + `,}`},
	{"a stray comma at the beginning", `{,` + tokens + `}`},
	{"two commas", `{"access_token":"AT",,"refresh_token":"RT"}`},
	{"no commas", `{"access_token":"AT" "refresh_token":"RT"}`},
	{"no braces", tokens},
	{"a brace too many", object + "}"},
	{"a brace too few", `{` + tokens},
	{"a value missing", `{"expires_in":,` + tokens + `}`},
	{"NaN", `{` + tokens + `,"expires_in":NaN}`},
	{"NaN before the tokens", `{"expires_in":NaN,` + tokens + `}`},
	{"undefined", `{"scope":undefined,` + tokens + `}`},
	{"None and True", `{"scope":None,"ok":True,` + tokens + `}`},
	{"a leading zero", `{"expires_in":03600,` + tokens + `}`},
	{"a plus sign", `{"expires_in":+3600,` + tokens + `}`},
	{"hexadecimal", `{"expires_in":0xe10,` + tokens + `}`},
	{"a comment", `{/* tokens */` + tokens + `}`},
	{"a comment between name and value", `{"access_token":/**/"AT","refresh_token":/* new */"RT"}`},
	{"a line comment", "{// tokens\n" + tokens + "}"},
	{"an invalid escape in another field", `{"path":"C:\x",` + tokens + `}`},
	{"an unescaped quote in another field", `{"name":"a "b" c",` + tokens + `}`},
	{"text after the object", object + " ok"},
	{"a page after the object", object + "<!-- served by 7 -->"},
	{"a warning before the object", "Warning: Undefined index in /srv/token.php on line 7\n" + object},
	{"a warning with braces before it", "<br />{main} thrown in <b>x</b>" + object},
	{"inside a page", "<html><body><pre>" + object + "</pre></body></html>"},
	{"inside a script", "<script>var t = " + object + ";</script>"},
	{"JSONP", "callback(" + object + ");"},
	{"a prefix against inclusion", ")]}',\n" + object},
	{"an endless loop against inclusion", "while(1);" + object},
	{"a list", "[" + object + "]"},
	{"a list of two", `["ok",` + object + `]`},
	{"a stream of chunks with their lengths", "2b\r\n" + object + "\r\n0\r\n\r\n"},
	{"server-sent events", "event: token\ndata: " + object + "\n\n"},
	{"two objects, the second with other things", object + "\n" + `{"ok":true}`},
	{"two objects, the tokens in the second", `{"ok":true}` + "\n" + object},
	{"two objects, one token in each", `{"access_token":"AT"}` + "\n" + `{"refresh_token":"RT"}`},
	{"an empty object first", "{}" + object},
}

// forms are answers in the encoding of the first drafts of OAuth 2.
var forms = []specimen{
	{"a form", "access_token=AT&refresh_token=RT&expires_in=3600"},
	{"a form that ends in &", "access_token=AT&refresh_token=RT&"},
	{"a form that ends in a newline", "access_token=AT&refresh_token=RT\r\n"},
	{"a form with a byte order mark", "\xef\xbb\xbfaccess_token=AT&refresh_token=RT"},
	{"a form in UTF-16", utf16Text(binary.LittleEndian, "\ufeffaccess_token=AT&refresh_token=RT")},
	{"a form that is percent-encoded", "access_token=%41T&refresh%5Ftoken=R%54"},
	{"a form with an empty duplicate first", "refresh_token=&access_token=AT&refresh_token=RT"},
	{"a form with a bad escape in another field", "access_token=AT&refresh_token=RT&name=100%"},
	{"a form with a bad escape before the tokens", "name=100%&access_token=AT&refresh_token=RT"},
	{"a form with a semicolon", "access_token=AT&refresh_token=RT&scope=a;b"},
	{"a form with JSON in a field", `access_token=AT&refresh_token=RT&user={"id":1}`},
	{"a form with a < in a field", "access_token=AT&refresh_token=RT&name=<b>"},
	{"a form over several lines", "access_token=AT\nrefresh_token=RT\n"},
	{"a form after a question mark", "?access_token=AT&refresh_token=RT"},
	{"a form after a question mark, the refresh token first", "?refresh_token=RT&access_token=AT"},
	{"a fragment", "#refresh_token=RT&access_token=AT"},
	{"a form in quotes", `"access_token=AT&refresh_token=RT"`},
}

func TestZoo(t *testing.T) {
	t.Parallel()
	n := 0
	for _, group := range [][]specimen{oddFields, oddSpellings, broken, forms} {
		n += len(group)
		for _, s := range group {
			t.Run(s.name, func(t *testing.T) {
				t.Parallel()
				a := Parse([]byte(s.body), Fields{}, now())
				if a.AccessToken != "AT" || a.RefreshToken != "RT" {
					t.Errorf("access token %q, refresh token %q, want AT and RT", clip(a.AccessToken), clip(a.RefreshToken))
				}
			})
		}
	}
	for _, group := range [][]exhibit{tokenValues, cutOff, elsewhere, refusals} {
		n += len(group)
		for _, e := range group {
			t.Run(e.name, func(t *testing.T) {
				t.Parallel()
				e.look(t)
			})
		}
	}
	if n < 120 {
		t.Errorf("only %d animals", n)
	}
}

func (e exhibit) look(t *testing.T) {
	t.Helper()
	a := Parse([]byte(e.body), e.fields, now())
	if a.AccessToken != e.access || a.RefreshToken != e.refresh {
		t.Errorf("access token %q, refresh token %q, want %q and %q", clip(a.AccessToken), clip(a.RefreshToken), clip(e.access), clip(e.refresh))
	}
	if a.ExpiresIn != e.expires || a.ErrorCode != e.code {
		t.Errorf("lifetime %v, error %q, want %v and %q", a.ExpiresIn, a.ErrorCode, e.expires, e.code)
	}
}

// clip keeps the failures of long tokens readable.
func clip(s string) string {
	if len(s) > 40 {
		return s[:40] + "..."
	}
	return s
}
