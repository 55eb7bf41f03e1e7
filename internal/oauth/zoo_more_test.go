package oauth

import (
	"encoding/binary"
	"strings"
	"time"
)

var longToken = strings.Repeat("t", 100<<10)

// tokenValues are tokens that are not plain short strings, or none at all.
var tokenValues = []exhibit{
	{name: "no access token", body: `{"refresh_token":"RT"}`, refresh: "RT"},
	{name: "no access token, and a lifetime", body: `{"refresh_token":"RT","expires_in":60}`, refresh: "RT", expires: time.Minute},
	{name: "access token null", body: `{"access_token":null,"refresh_token":"RT"}`, refresh: "RT"},
	{name: "access token empty", body: `{"access_token":"","refresh_token":"RT"}`, refresh: "RT"},
	{name: "access token an object", body: `{"access_token":{"value":"AT"},"refresh_token":"RT"}`, refresh: "RT"},
	{name: "access token a list", body: `{"access_token":["AT"],"refresh_token":"RT"}`, refresh: "RT"},
	{name: "access token true", body: `{"access_token":true,"refresh_token":"RT"}`, refresh: "RT"},
	{name: "no refresh token", body: `{"access_token":"AT"}`, access: "AT"},
	{name: "refresh token null", body: `{"access_token":"AT","refresh_token":null}`, access: "AT"},
	{name: "refresh token empty", body: `{"access_token":"AT","refresh_token":""}`, access: "AT"},
	{name: "refresh token false", body: `{"access_token":"AT","refresh_token":false}`, access: "AT"},
	{name: "refresh token an empty object", body: `{"access_token":"AT","refresh_token":{}}`, access: "AT"},
	{name: "numbers", body: `{"access_token":123,"refresh_token":456}`, access: "123", refresh: "456"},
	{name: "numbers beyond float64", body: `{"access_token":12345678901234567890123,"refresh_token":98765432109876543210987}`, access: "12345678901234567890123", refresh: "98765432109876543210987"},
	{name: "numbers in text that is not JSON", body: `{"access_token":123,"refresh_token":456,}`, access: "123", refresh: "456"},
	{name: "escapes", body: `{"access_token":"A\/T\"\\","refresh_token":"R\/T\u002b\t"}`, access: `A/T"\`, refresh: "R/T+\t"},
	{name: "escapes in text that is not JSON", body: `{"access_token":"A\/T\"\\","refresh_token":"R\/T\u002b",}`, access: `A/T"\`, refresh: "R/T+"},
	{name: "a NUL in a token", body: `{"access_token":"A\u0000T","refresh_token":"R\u0000T"}`, access: "A\x00T", refresh: "R\x00T"},
	{name: "surrogates", body: `{"access_token":"\ud83d\ude00","refresh_token":"\ud83d\ude01"}`, access: "😀", refresh: "😁"},
	{name: "beyond ASCII", body: `{"access_token":"é","refresh_token":"ß"}`, access: "é", refresh: "ß"},
	{name: "white space in tokens", body: `{"access_token":" AT ","refresh_token":" RT "}`, access: " AT ", refresh: " RT "},
	{name: "a brace in a token", body: `{"access_token":"A}T","refresh_token":"R{T"}`, access: "A}T", refresh: "R{T"},
	{name: "tokens that look like JSON", body: `{"access_token":"{\"a\":1}","refresh_token":"{\"refresh_token\":\"no\"}"}`, access: `{"a":1}`, refresh: `{"refresh_token":"no"}`},
	{name: "long tokens", body: `{"access_token":"A` + longToken + `","refresh_token":"R` + longToken + `"}`, access: "A" + longToken, refresh: "R" + longToken},
	{name: "the name as a value", body: `{"hint":"refresh_token","access_token":"AT","refresh_token":"RT"}`, access: "AT", refresh: "RT"},
	{name: "the name as a value, not JSON", body: `{"hint":"refresh_token","access_token":"AT","refresh_token":"RT",}`, access: "AT", refresh: "RT"},
	{name: "other tokens beside it", body: `{"old_refresh_token":"no","refresh_token_expires_in":5,"refresh_token_type":"no","access_token":"AT","refresh_token":"RT"}`, access: "AT", refresh: "RT"},
	{name: "a form with a space, a plus and an equals sign", body: "access_token=A+T&refresh_token=a%2Bb%2Fc==", access: "A T", refresh: "a+b/c=="},
	{name: "a form with a lifetime", body: "access_token=AT&refresh_token=RT&expires_in=60&token_type=bearer", access: "AT", refresh: "RT", expires: time.Minute},
	{name: "a form with nothing in it", body: "access_token=&refresh_token=&expires_in="},
}

// cutOff are answers that break off. A token whose end is not there is none.
var cutOff = []exhibit{
	{name: "cut off in the first name", body: `{"access_tok`},
	{name: "cut off after the first name", body: `{"access_token"`},
	{name: "cut off after the colon", body: `{"access_token":`},
	{name: "cut off in the access token", body: `{"access_token":"A`},
	{name: "cut off in the access token, the refresh token before it", body: `{"refresh_token":"RT","access_token":"A`, refresh: "RT"},
	{name: "cut off after the access token", body: `{"access_token":"AT"`, access: "AT"},
	{name: "cut off in the second name", body: `{"access_token":"AT","refresh_tok`, access: "AT"},
	{name: "cut off in the refresh token", body: `{"access_token":"AT","refresh_token":"R`, access: "AT"},
	{name: "cut off in an escape", body: `{"access_token":"AT","refresh_token":"R\`, access: "AT"},
	{name: "cut off after an escaped quote", body: `{"access_token":"AT","refresh_token":"R\"`, access: "AT"},
	{name: "cut off after the refresh token", body: `{"access_token":"AT","refresh_token":"RT"`, access: "AT", refresh: "RT"},
	{name: "cut off in the lifetime", body: `{"access_token":"AT","refresh_token":"RT","expires_in":36`, access: "AT", refresh: "RT"},
	{name: "cut off in UTF-16", body: utf16Text(binary.LittleEndian, "\ufeff"+`{"refresh_token":"RT","x`), refresh: "RT"},
	{name: "cut off within a UTF-16 unit", body: utf16Text(binary.BigEndian, "\ufeff"+`{"refresh_token":"RT","x`) + "\x00", refresh: "RT"},
	{name: "cut off in a page", body: `<pre>{"refresh_token":"RT","access_token":"A`, refresh: "RT"},
	{name: "cut off in a number", body: `{"refresh_token":45`},
	{name: "empty", body: ""},
	{name: "white space", body: " \r\n"},
	{name: "a byte order mark alone", body: "\xef\xbb\xbf"},
	{name: "half a byte order mark", body: "\xff"},
	{name: "a UTF-16 mark alone", body: "\xff\xfe"},
}

// elsewhere are answers whose tokens are not where the standard has them.
var elsewhere = []exhibit{
	{name: "Slack, a user's token", body: `{"ok":true,"authed_user":{"id":"U1","access_token":"AT","refresh_token":"RT","expires_in":43200}}`,
		fields: Fields{Alternates: []string{"authed_user"}}, access: "AT", refresh: "RT", expires: 12 * time.Hour},
	{name: "Slack, a bot's and a user's token", body: `{"ok":true,` + tokens + `,"expires_in":60,"authed_user":{"access_token":"no","refresh_token":"no"}}`,
		fields: Fields{Alternates: []string{"authed_user"}}, access: "AT", refresh: "RT", expires: time.Minute},
	{name: "Slack, a bot's token only", body: `{"ok":true,` + tokens + `,"authed_user":{"id":"U1"}}`,
		fields: Fields{Alternates: []string{"authed_user"}}, access: "AT", refresh: "RT"},
	{name: "an alternate with a refresh token alone", body: `{"authed_user":{"refresh_token":"RT"}}`,
		fields: Fields{Alternates: []string{"authed_user"}}, refresh: "RT"},
	{name: "two alternates, the refresh token in the first", body: `{"a":{"refresh_token":"RT"},"b":{"access_token":"AT"}}`,
		fields: Fields{Alternates: []string{"a", "b"}}, access: "AT", refresh: "RT"},
	{name: "an alternate cut off", body: `{"ok":true,"authed_user":{"access_token":"AT","refresh_token":"RT","sco`,
		fields: Fields{Alternates: []string{"authed_user"}}, access: "AT", refresh: "RT"},
	{name: "TikTok", body: `{"data":` + object + `,"message":"success"}`, fields: Fields{AccessToken: "data.access_token", RefreshToken: "data.refresh_token"}, access: "AT", refresh: "RT"},
	{name: "a list in the path", body: `{"tokens":[` + object + `]}`, fields: Fields{AccessToken: "tokens.0.access_token", RefreshToken: "tokens.0.refresh_token"}, access: "AT", refresh: "RT"},
	{name: "other names", body: `{"accessToken":"AT","refreshToken":"RT"}`, fields: Fields{AccessToken: "accessToken", RefreshToken: "refreshToken"}, access: "AT", refresh: "RT"},
	{name: "names with dots", body: `{"token.access":"AT","token.refresh":"RT"}`, fields: Fields{AccessToken: "token.access", RefreshToken: "token.refresh"}, access: "AT", refresh: "RT"},
	{name: "a name with dots, cut off", body: `{"token.access":"AT","token.refresh":"RT","x`, fields: Fields{AccessToken: "token.access", RefreshToken: "token.refresh"}, access: "AT", refresh: "RT"},
	{name: "a path through null", body: `{"data":null}`, fields: Fields{AccessToken: "data.access_token", RefreshToken: "data.refresh_token"}},
	{name: "the standard place although another is configured", body: object, fields: Fields{AccessToken: "data.access_token", RefreshToken: "data.refresh_token"}, access: "AT", refresh: "RT"},
	{name: "a wrapper that nobody configured", body: `{"data":` + object + `}`, access: "AT", refresh: "RT"},
	{name: "a wrapper beside other things", body: `{"status":200,"result":{"token":` + object + `}}`, access: "AT", refresh: "RT"},
	{name: "JSON in a string", body: `"{\"access_token\":\"AT\",\"refresh_token\":\"RT\"}"`, access: "AT", refresh: "RT"},
	{name: "JSON in a field", body: `{"body":"{\"access_token\":\"AT\",\"refresh_token\":\"RT\"}"}`, access: "AT", refresh: "RT"},
	{name: "capitals", body: `{"Access_Token":"AT","Refresh_Token":"RT"}`, access: "AT", refresh: "RT"},
	{name: "all capitals", body: `{"ACCESS_TOKEN":"AT","REFRESH_TOKEN":"RT"}`, access: "AT", refresh: "RT"},
	{name: "single quotes", body: `{'access_token':'AT','refresh_token':'RT'}`, access: "AT", refresh: "RT"},
	{name: "single quotes and None", body: `{'access_token': 'AT', 'refresh_token': 'RT', 'scope': None}`, access: "AT", refresh: "RT"},
	{name: "names without quotes", body: `{access_token:"AT",refresh_token:"RT"}`, access: "AT", refresh: "RT"},
	{name: "XML", body: `<?xml version="1.0"?><OAuth><access_token>AT</access_token><refresh_token>RT</refresh_token></OAuth>`, access: "AT", refresh: "RT"},
	{name: "YAML", body: "access_token: AT\nrefresh_token: RT\n", access: "AT", refresh: "RT"},
	{name: "HTML entities", body: `<pre>{&quot;access_token&quot;:&quot;AT&quot;,&quot;refresh_token&quot;:&quot;RT&quot;}</pre>`, access: "AT", refresh: "RT"},
}

// refusals are answers that are no success, and those that look like one.
var refusals = []exhibit{
	{name: "an error beside the tokens", body: `{"error":"invalid_grant",` + tokens + `}`, access: "AT", refresh: "RT", code: "invalid_grant"},
	{name: "an error beside a refresh token", body: `{"error":"server_error","refresh_token":"RT"}`, refresh: "RT", code: "server_error"},
	{name: "an error", body: `{"error":"invalid_grant","error_description":"gone"}`, code: "invalid_grant"},
	{name: "an error cut off", body: `{"error":"invalid_grant","error_desc`, code: "invalid_grant"},
	{name: "an error in a form", body: `error=invalid_grant&error_description=gone`, code: "invalid_grant"},
	{name: "an error in a page", body: `<pre>{"error":"invalid_grant"}</pre>`, code: "invalid_grant"},
	{name: "an error with a byte order mark", body: "\xef\xbb\xbf" + `{"error":"invalid_grant"}`, code: "invalid_grant"},
	{name: "ok, but not", body: `{"ok":false,"error":"invalid_refresh_token"}`, code: "invalid_refresh_token"},
	{name: "the refresh token in a description", body: `{"error":"invalid_grant","error_description":"\"refresh_token\":\"RT\""}`, code: "invalid_grant"},
	{name: "a page", body: "<!doctype html><title>502</title>"},
	{name: "null", body: "null"},
	{name: "a number", body: "7"},
	{name: "a string", body: `"ok"`},
	{name: "an empty object", body: "{}"},
	{name: "an empty list", body: "[]"},
	{name: "a hundred thousand opening braces", body: strings.Repeat(`{"a":`, 100_000)},
	{name: "a hundred thousand names", body: strings.Repeat(`"refresh_token",`, 100_000)},
	{name: "random bytes", body: "\x8b\x1f\x00\xff{\"refresh_token\":\x00"},
	{name: "a backslash at the end", body: `{"refresh_token":"\`},
	{name: "an invalid surrogate as a token", body: `{"refresh_token":"\uZZZZ"}`},
}
