package sign

import (
	"encoding/base64"
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// unsigned returns a token with the payload and a header.
func unsigned(payload string) string {
	enc := base64.RawURLEncoding
	return enc.EncodeToString([]byte(`{"alg":"RS256"}`)) + "." + enc.EncodeToString([]byte(payload)) + ".c2ln"
}

func TestClaims(t *testing.T) {
	t.Parallel()
	got, ok := Claims(unsigned(` {"id":12345678901234567890,"a":{"b":[1]},"ü":"é"} `))
	want := map[string]any{
		"id": json.Number("12345678901234567890"),
		"a":  map[string]any{"b": []any{json.Number("1")}},
		"ü":  "é",
	}
	if diff := cmp.Diff(want, got); diff != "" || !ok {
		t.Errorf("(-want +got):\n%s", diff)
	}
	good := unsigned(`{"a":1}`)
	dot := strings.IndexByte(good, '.')
	for name, token := range map[string]string{
		"unsigned": good[:strings.LastIndexByte(good, '.')+1],
		"padded":   good[:dot] + "==" + good[dot:],
	} {
		if _, ok := Claims(token); !ok {
			t.Errorf("%s: not read", name)
		}
	}
	for name, token := range map[string]string{
		"empty":         "",
		"opaque":        "gho_16C7e42F292c6912E7710c838347Ae178B4a",
		"two parts":     good[:strings.LastIndexByte(good, '.')],
		"four parts":    good + ".x",
		"encrypted":     good + ".x.y",
		"no header":     good[dot:],
		"header is 1":   "MQ" + good[dot:],
		"not base64":    good[:dot+1] + "!!" + good[dot+1:],
		"not JSON":      unsigned("a"),
		"null":          unsigned("null"),
		"an array":      unsigned("[1]"),
		"a number":      unsigned("1"),
		"more after it": unsigned(`{"a":1} {}`),
		"rest":          unsigned(`{"a":1}x`),
		"cut":           unsigned(`{"a":1`),
		"deep":          unsigned(`{"a":` + strings.Repeat("[", 20000) + strings.Repeat("]", 20000) + "}"),
		"long":          unsigned(`{"a":"` + strings.Repeat("x", maxToken) + `"}`),
	} {
		if got, ok := Claims(token); ok || got != nil {
			t.Errorf("%s: read as %v", name, got)
		}
	}
}

func TestExpiryOf(t *testing.T) {
	t.Parallel()
	at := time.Unix(1700000000, 0).UTC()
	tests := map[string]struct {
		payload string
		want    time.Time
		ok      bool
	}{
		"whole":        {`{"exp":1700000000}`, at, true},
		"fraction":     {`{"exp":1700000000.9}`, at, true},
		"exponent":     {`{"exp":1.7e9}`, at, true},
		"string":       {`{"exp":"1700000000"}`, at, true},
		"last":         {`{"exp":253402300799}`, time.Date(9999, 12, 31, 23, 59, 59, 0, time.UTC), true},
		"none":         {`{"iat":1}`, time.Time{}, false},
		"null":         {`{"exp":null}`, time.Time{}, false},
		"zero":         {`{"exp":0}`, time.Time{}, false},
		"negative":     {`{"exp":-1}`, time.Time{}, false},
		"too far":      {`{"exp":253402300800}`, time.Time{}, false},
		"huge":         {`{"exp":1e400}`, time.Time{}, false},
		"text":         {`{"exp":"tomorrow"}`, time.Time{}, false},
		"infinity":     {`{"exp":"inf"}`, time.Time{}, false},
		"hexadecimal":  {`{"exp":"0x1p30"}`, time.Time{}, false},
		"empty":        {`{"exp":""}`, time.Time{}, false},
		"an object":    {`{"exp":{}}`, time.Time{}, false},
		"another case": {`{"EXP":1700000000}`, time.Time{}, false},
	}
	for name, test := range tests {
		got, ok := ExpiryOf(unsigned(test.payload))
		if ok != test.ok || !got.Equal(test.want) || got.Location() != time.UTC {
			t.Errorf("%s: %v, %v", name, got, ok)
		}
	}
	if _, ok := ExpiryOf("opaque"); ok {
		t.Error("an opaque token has an expiry")
	}
}
