package oauth

import (
	"encoding/base64"
	"strconv"
	"testing"
	"time"
)

// in is a moment after now, for the tables.
func in(d time.Duration) time.Time { return now().Add(d) }

func TestExpiresAt(t *testing.T) {
	t.Parallel()
	hour := in(time.Hour)
	unix, ms := strconv.FormatInt(hour.Unix(), 10), strconv.FormatInt(hour.UnixMilli(), 10)
	tests := []struct {
		value  string // as JSON
		format ExpiresAtFormat
		want   time.Time
	}{
		{unix, "", hour}, {`"` + unix + `"`, "", hour}, {unix + ".5", "", hour.Add(500 * time.Millisecond)},
		{ms, "", hour}, {`"` + ms + `"`, ExpiresAuto, hour},
		{`"2026-01-02T04:04:05Z"`, "", hour}, {`"2026-01-02T05:04:05+01:00"`, "", hour}, {`"2026-01-02T05:04:05+0100"`, "", hour},
		{`"2026-01-02T04:04:05"`, "", hour}, {`"2026-01-02 04:04:05"`, "", hour}, {`"2026-01-02T04:04:05.000000"`, "", hour},
		{`"2026-01-02 05:04:05 +01:00"`, "", time.Time{}}, {`"2026-01-02T04:05"`, "", in(time.Hour + 55*time.Second)},
		{`"2026-01-03"`, "", time.Date(2026, 1, 3, 0, 0, 0, 0, time.UTC)},
		{`"Fri, 02 Jan 2026 04:04:05 GMT"`, "", hour}, {`"Fri, 02 Jan 2026 05:04:05 +0100"`, "", hour},
		{`"0:01:00"`, "", hour}, {`"240:00:00"`, "", in(240 * 24 * time.Hour)}, {`"1:02:03:04"`, "", in(26*time.Hour + 3*time.Minute + 4*time.Second)},
		{`"1h"`, "", hour},

		{unix, ExpiresUnix, hour}, {ms, ExpiresUnix, time.Time{}}, {ms, ExpiresUnixMS, hour}, {unix, ExpiresUnixMS, time.Time{}},
		{`"2026-01-02T04:04:05Z"`, ExpiresRFC3339, hour}, {unix, ExpiresRFC3339, time.Time{}}, {`"0:01:00"`, ExpiresRFC3339, time.Time{}},
		{`"0:01:00"`, ExpiresDuration, hour}, {`"60m"`, ExpiresDuration, hour}, {unix, ExpiresDuration, time.Time{}},
		{`"2026-01-02T04:04:05Z"`, ExpiresUnix, time.Time{}}, {`"2026-01-02T04:04:05Z"`, ExpiresDuration, time.Time{}},

		// Nothing that can be used: past, this very moment, absurd, no moment at all.
		{strconv.FormatInt(now().Unix(), 10), "", time.Time{}}, {strconv.FormatInt(in(-time.Hour).Unix(), 10), "", time.Time{}},
		{`"2025-01-02T04:04:05Z"`, "", time.Time{}}, {`"2077-01-02T04:04:05Z"`, "", time.Time{}}, {`"2075-01-02T04:04:05Z"`, "", time.Date(2075, 1, 2, 4, 4, 5, 0, time.UTC)},
		{`99999999999999999999`, "", time.Time{}}, {`1e400`, "", time.Time{}}, {`-5`, "", time.Time{}}, {`0`, "", time.Time{}}, {`"NaN"`, "", time.Time{}}, {`"Inf"`, "", time.Time{}},
		{`""`, "", time.Time{}}, {`null`, "", time.Time{}}, {`true`, "", time.Time{}}, {`{}`, "", time.Time{}}, {`[1]`, "", time.Time{}}, {`"soon"`, "", time.Time{}},
		{`"1:2"`, "", time.Time{}}, {`"1:-2:3"`, "", time.Time{}}, {`"99999999:0:0"`, "", time.Time{}}, {`"65000:0:0"`, "", time.Time{}},
	}
	for _, tt := range tests {
		body := `{"refresh_token":"RT","access_token":"AT","expires_in":60,"end":` + tt.value + `}`
		got := Parse([]byte(body), Fields{ExpiresAt: "end", ExpiresAtFormat: tt.format}, now())
		if !got.ExpiresAt.Equal(tt.want) || got.RefreshToken != "RT" || got.AccessToken != "AT" {
			t.Errorf("%s as %q: %v, want %v (%+v)", tt.value, tt.format, got.ExpiresAt, tt.want, got)
		}
		if got.ExpiresAt.Location() != time.UTC {
			t.Errorf("%s as %q is in %v", tt.value, tt.format, got.ExpiresAt.Location())
		}
		want := time.Minute // what expires_in says
		if !tt.want.IsZero() {
			want = tt.want.Sub(now())
		}
		if life := got.Lifetime(now()); life != want {
			t.Errorf("%s as %q lives for %v, want %v", tt.value, tt.format, life, want)
		}
	}
	if got := Parse([]byte(`{"access_token":"AT","expires_at":`+unix+`,"":`+unix+`}`), Fields{}, now()); !got.ExpiresAt.IsZero() {
		t.Errorf("a field that nobody named was read: %v", got.ExpiresAt)
	}
	if got := Parse([]byte(`{"access_token":"AT","end":"`+unix+`","x":`), Fields{ExpiresAt: "end"}, now()); !got.ExpiresAt.Equal(hour) || !got.Torn {
		t.Errorf("of a torn answer: %+v", got)
	}
	if life := (&Answer{ExpiresAt: now()}).Lifetime(hour); life != 0 {
		t.Errorf("what is over lives for %v", life)
	}
}

func TestExpiresInUnit(t *testing.T) {
	t.Parallel()
	tests := []struct {
		value string
		unit  time.Duration
		want  time.Duration
	}{
		{`60`, 0, time.Minute}, {`60`, time.Second, time.Minute}, {`60000`, time.Millisecond, time.Minute}, {`"60"`, time.Minute, time.Hour},
		{`1.5`, time.Hour, 90 * time.Minute}, {`60`, 24 * time.Hour, 60 * 24 * time.Hour},
		// More milliseconds than a life has seconds are still a life.
		{`5184000000`, time.Millisecond, 60 * 24 * time.Hour},
		// A duration has a unit of its own.
		{`"1h"`, time.Millisecond, time.Hour},
		{`18251`, 24 * time.Hour, 0}, {`9999999999`, time.Second, 0}, {`-1`, time.Hour, 0}, {`1e300`, 24 * time.Hour, 0},
	}
	for _, tt := range tests {
		got := Parse([]byte(`{"access_token":"AT","expires_in":`+tt.value+`}`), Fields{ExpiresInUnit: tt.unit}, now())
		if got.ExpiresIn != tt.want {
			t.Errorf("%s in units of %v: %v, want %v", tt.value, tt.unit, got.ExpiresIn, tt.want)
		}
	}
	got := Parse([]byte(`{"user":{"access_token":"AT","expires_in":2}}`), Fields{ExpiresInUnit: time.Hour, Alternates: []string{"user"}}, now())
	if got.ExpiresIn != 2*time.Hour {
		t.Errorf("of an alternate: %v", got.ExpiresIn)
	}
}

func jwt(payload string) string {
	return "e30." + base64.RawURLEncoding.EncodeToString([]byte(payload)) + ".c2ln"
}

func TestExpiryInToken(t *testing.T) {
	t.Parallel()
	hour := strconv.FormatInt(in(time.Hour).Unix(), 10)
	tests := []struct {
		name, token, rest string
		want              time.Duration
	}{
		{"only there", jwt(`{"exp":` + hour + `}`), ``, time.Hour},
		{"a shorter life", jwt(`{"exp":` + hour + `}`), `,"expires_in":60`, time.Minute},
		{"a longer life", jwt(`{"exp":` + hour + `}`), `,"expires_in":7200`, time.Hour},
		{"a later moment", jwt(`{"exp":` + hour + `}`), `,"end":"2026-01-05T00:00:00Z"`, time.Hour},
		{"an earlier moment", jwt(`{"exp":` + hour + `}`), `,"end":"2026-01-02T03:05:05Z"`, time.Minute},
		{"with a fraction", jwt(`{"exp":` + hour + `.0}`), ``, time.Hour},
		{"past", jwt(`{"exp":1700000000}`), `,"expires_in":60`, time.Minute},
		{"absurd", jwt(`{"exp":99999999999}`), ``, 0},
		{"text", jwt(`{"exp":"tomorrow"}`), ``, 0},
		{"without exp", jwt(`{}`), ``, 0},
		{"not JSON", jwt(`exp`), ``, 0},
		{"not base64", "a.!!!.c", ``, 0},
		{"opaque", "AT", `,"expires_in":60`, time.Minute},
	}
	for _, tt := range tests {
		body := []byte(`{"access_token":"` + tt.token + `"` + tt.rest + `}`)
		got := Parse(body, Fields{ExpiresAt: "end", ExpiryInToken: true}, now())
		if life := got.Lifetime(now()); life != tt.want || got.AccessToken != tt.token {
			t.Errorf("%s: lives for %v, want %v (%+v)", tt.name, life, tt.want, got)
		}
		if plain := Parse(body, Fields{}, now()); !plain.ExpiresAt.IsZero() {
			t.Errorf("%s: the token was looked into unasked", tt.name)
		}
	}
}

func TestIDToken(t *testing.T) {
	t.Parallel()
	for body, f := range map[string]Fields{
		`{"access_token":"AT","id_token":"ID"}`:    {},
		`{"access_token":"AT","data":{"id":"ID"}}`: {IDToken: "data.id"},
	} {
		if got := Parse([]byte(body), f, now()); got.IDToken != "ID" {
			t.Errorf("%s: ID token %q", body, got.IDToken)
		}
	}
}
