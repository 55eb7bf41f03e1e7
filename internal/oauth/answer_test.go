package oauth

import (
	"encoding/binary"
	"strings"
	"testing"
	"time"
	"unicode/utf16"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/tieline/tieline/internal/jsonpath"
)

func TestParse(t *testing.T) {
	t.Parallel()
	plain := Answer{AccessToken: "AT", RefreshToken: "RT"}
	torn := Answer{AccessToken: "AT", RefreshToken: "RT", Torn: true}
	tests := []struct {
		name, body string
		fields     Fields
		want       Answer
	}{
		{name: "standard", body: `{"access_token":"AT","refresh_token":"RT","token_type":"bearer","expires_in":3600,"scope":"a b"}`,
			want: Answer{AccessToken: "AT", RefreshToken: "RT", TokenType: "bearer", ExpiresIn: time.Hour, Scope: "a b", HasScope: true}},
		{name: "form encoded", body: "access_token=AT&refresh_token=RT&expires_in=60",
			want: Answer{AccessToken: "AT", RefreshToken: "RT", ExpiresIn: time.Minute}},
		{name: "byte order mark", body: "\xef\xbb\xbf" + `{"access_token":"AT","refresh_token":"RT"}`, want: plain},
		{name: "UTF-16, little", body: utf16Text(binary.LittleEndian, "\ufeff"+`{"access_token":"AT","refresh_token":"RT"}`), want: plain},
		{name: "UTF-16, big", body: utf16Text(binary.BigEndian, "\ufeff"+`{"access_token":"AT","refresh_token":"RT"}`), want: plain},
		{name: "UTF-16 without a mark", body: utf16Text(binary.LittleEndian, `{"access_token":"AT","refresh_token":"RT"}`), want: plain},
		{name: "garbage after the object", body: `{"access_token":"AT","refresh_token":"RT"}</html>`, want: plain},
		{name: "second object", body: `{"access_token":"AT","refresh_token":"RT"}{"access_token":"XX"}`, want: plain},
		{name: "cut off after the tokens", body: `{"refresh_token":"RT","access_token":"AT","scope":"a`, want: torn},
		{name: "cut off in the access token", body: `{"refresh_token":"RT","access_token":"A`, want: Answer{RefreshToken: "RT", Torn: true}},
		{name: "stray comma", body: `{"access_token":"AT","refresh_token":"RT",}`, want: torn},
		{name: "inside a page", body: `<pre>{"access_token":"AT","refresh_token" : "RT"}</pre>`, want: torn},
		{name: "duplicate key", body: `{"refresh_token":"old","access_token":"AT","refresh_token":"RT"}`, want: plain},
		{name: "escapes", body: `{"access_token":"A\u0054","refresh_token":"R\/T"}`, want: Answer{AccessToken: "AT", RefreshToken: "R/T"}},
		{name: "numeric tokens", body: `{"access_token":12345678901234567890,"refresh_token":7}`, want: Answer{AccessToken: "12345678901234567890", RefreshToken: "7"}},
		{name: "token_type is an object", body: `{"access_token":"AT","refresh_token":"RT","token_type":{"a":1}}`, want: plain},
		{name: "error is a number beside tokens", body: `{"access_token":"AT","refresh_token":"RT","error":0}`,
			want: Answer{AccessToken: "AT", RefreshToken: "RT", ErrorCode: "0"}},
		{name: "no access token", body: `{"refresh_token":"RT"}`, want: Answer{RefreshToken: "RT"}},
		{name: "null tokens", body: `{"access_token":null,"refresh_token":null}`, want: Answer{}},
		{name: "scope as a list", body: `{"access_token":"AT","scope":["a","b"]}`, want: Answer{AccessToken: "AT", Scope: "a b", HasScope: true}},
		{name: "empty scope", body: `{"access_token":"AT","scope":""}`, want: Answer{AccessToken: "AT", HasScope: true}},
		{name: "nested by data", body: `{"data":{"token":"AT","refresh":"RT","ttl":"90"}}`,
			fields: Fields{AccessToken: "data.token", RefreshToken: "data.refresh", ExpiresIn: "data.ttl"},
			want:   Answer{AccessToken: "AT", RefreshToken: "RT", ExpiresIn: 90 * time.Second}},
		{name: "nested by data, cut off", body: `{"data":{"token":"AT","refresh":"RT","ttl":`,
			fields: Fields{AccessToken: "data.token", RefreshToken: "data.refresh"}, want: torn},
		{name: "alternate object", body: `{"ok":true,"authed_user":{"access_token":"AT","refresh_token":"RT","expires_in":60}}`,
			fields: Fields{Alternates: []string{"authed_user"}}, want: Answer{AccessToken: "AT", RefreshToken: "RT", ExpiresIn: time.Minute}},
		{name: "alternate string", body: `{"token":"AT"}`, fields: Fields{Alternates: []string{"token"}}, want: Answer{AccessToken: "AT"}},
		{name: "alternate not needed", body: `{"access_token":"AT","authed_user":{"access_token":"XX"}}`,
			fields: Fields{Alternates: []string{"authed_user"}}, want: Answer{AccessToken: "AT"}},
		{name: "error", body: `{"error":"invalid_grant","error_description":"gone"}`,
			want: Answer{ErrorCode: "invalid_grant", ErrorDescription: "gone"}},
		{name: "error object", body: `{"error":{"code":190,"type":"OAuthException","message":"gone"}}`,
			want: Answer{ErrorCode: "190", ErrorDescription: "gone"}},
		{name: "error that is a sentence", body: `{"error":"the token eyJhbGciOi is bad"}`, want: Answer{}},
		{name: "Slack", body: `{"ok":false,"error":"token_revoked"}`, want: Answer{ErrorCode: "token_revoked"}},
		{name: "HTML", body: `<html><body a=b>502</body></html>`, want: Answer{Torn: true}},
		{name: "empty", body: ``, want: Answer{Torn: true}},
		{name: "array", body: `["access_token"]`, want: Answer{Torn: true}},
		{name: "null", body: `null`, want: Answer{Torn: true}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			got := Parse([]byte(tt.body), tt.fields, now())
			if diff := cmp.Diff(tt.want, *got, cmpopts.IgnoreFields(Answer{}, "Values", "Raw")); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

// Each of these spellings has cost somebody a rotated token.
func TestExpiresIn(t *testing.T) {
	t.Parallel()
	for spelling, want := range map[string]time.Duration{
		`3600`: time.Hour, `"3600"`: time.Hour, `3600.0`: time.Hour, `"3600.0"`: time.Hour, `3.6e3`: time.Hour,
		`"1h"`: time.Hour, `" 60 "`: time.Minute, `0.5`: 500 * time.Millisecond, `2`: 2 * time.Second,
		`0`: 0, `-1`: 0, `"-5"`: 0, `""`: 0, `null`: 0, `"soon"`: 0, `[]`: 0, `{}`: 0, `true`: 0,
		`9999999999`: 0, `1e400`: 0, `"NaN"`: 0, `"Inf"`: 0, `99999999999999999999999`: 0,
	} {
		got := Parse([]byte(`{"expires_in":`+spelling+`,"access_token":"AT","refresh_token":"RT"}`), Fields{}, now())
		if got.ExpiresIn != want || got.RefreshToken != "RT" {
			t.Errorf("expires_in %s: %v and refresh token %q, want %v and RT", spelling, got.ExpiresIn, got.RefreshToken, want)
		}
	}
}

func TestRawIsTheAnswer(t *testing.T) {
	t.Parallel()
	if got := Parse([]byte(` {"a":1} trailing`), Fields{}, now()); string(got.Raw) != `{"a":1}` {
		t.Errorf("Raw = %s", got.Raw)
	}
	if got := Parse([]byte(`a=1&b=2`), Fields{}, now()); string(got.Raw) != `{"a":"1","b":"2"}` {
		t.Errorf("Raw of a form = %s", got.Raw)
	}
}

func TestAt(t *testing.T) {
	t.Parallel()
	v := Parse([]byte(`{"a":{"b":[{"c":"x"}]},"a.b":"flat","n":5,"t":true}`), Fields{}, now()).Values
	for path, want := range map[string]string{"a.b": "flat", "a.b.0.c": "x", "n": "5", "t": "true", "a.b.1.c": "", "a.b.x": "", "n.x": "", "": ""} {
		if got, _ := jsonpath.Text(jsonpath.At(v, path)); got != want {
			t.Errorf("jsonpath.At(%q) = %q, want %q", path, got, want)
		}
	}
}

func utf16Text(order binary.AppendByteOrder, s string) string {
	var b []byte
	for _, u := range utf16.Encode([]rune(s)) {
		b = order.AppendUint16(b, u)
	}
	return string(b)
}

// Whatever surrounds it, a refresh token that is in the answer is found.
func FuzzParse(f *testing.F) {
	f.Add(`{"access_token":"x",`, `}`)
	f.Add(``, `,"expires_in":"1h"}`)
	f.Fuzz(func(t *testing.T, before, after string) {
		Parse([]byte(before+after), Fields{AccessToken: after, Alternates: []string{before}}, now())
		if strings.Contains(after, "refresh_token") {
			return
		}
		for _, broken := range []string{`{"x":"` + "\x01", `{,`} {
			got := Parse([]byte(broken+`"refresh_token":"RT-1"`+after), Fields{}, now())
			if got.RefreshToken != "RT-1" {
				t.Fatalf("refresh token %q out of %q", got.RefreshToken, broken+after)
			}
		}
	})
}
