package oauth

import (
	"encoding/base64"
	"encoding/json"
	"math"
	"net/http"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"time"
)

// ExpiresAtFormat is how a server writes the moment at which a token expires.
type ExpiresAtFormat string

// The formats. Text without a zone is UTC.
const (
	// ExpiresAuto takes a number for milliseconds if it would else be a moment of
	// 1970 or 1971 and for seconds otherwise, and reads text in any of the other
	// formats and as an HTTP date (RFC 9110 section 5.6.7).
	ExpiresAuto     ExpiresAtFormat = "auto"
	ExpiresUnix     ExpiresAtFormat = "unix"     // seconds since 1970
	ExpiresUnixMS   ExpiresAtFormat = "unix_ms"  // milliseconds since 1970
	ExpiresRFC3339  ExpiresAtFormat = "rfc3339"  // or another ISO 8601 date and time
	ExpiresDuration ExpiresAtFormat = "duration" // from now: days:hours:minutes, or "1h30m"
)

// Moment reads the moment at which something expires, written in any of the
// formats; see [ExpiresAuto]. It is zero if v is none that can be used.
func Moment(v any, now time.Time) time.Time { return moment(v, ExpiresAuto, now) }

// Lifetime is how long the access token lives that was asked for at issued: to
// the moment the answer names, or for the time it names. It is 0 if the answer
// says nothing that can be used, and never negative.
func (a *Answer) Lifetime(issued time.Time) time.Duration {
	if a.ExpiresAt.IsZero() {
		return a.ExpiresIn
	}
	return max(0, a.ExpiresAt.Sub(issued))
}

// readExpiry sets what the answer says of the end of the access token. at and in
// are the values of the fields.
func (a *Answer) readExpiry(at, in any, f Fields, now time.Time) {
	a.ExpiresIn = f.lifetime(in)
	if f.ExpiresAt != "" {
		a.ExpiresAt = moment(at, f.ExpiresAtFormat, now)
	}
}

// boundByToken lets no expiry be later than the one the access token names in
// itself, and takes that where there is none. The signature is not looked at: a
// server that lies about its own token gains nothing.
func (a *Answer) boundByToken(now time.Time) {
	exp := jwtExpiry(a.AccessToken, now)
	if exp.IsZero() {
		return
	}
	if life := a.Lifetime(now); life == 0 || now.Add(life).After(exp) {
		a.ExpiresAt = exp
	}
}

// jwtExpiry is the exp of a JWT (RFC 7519 section 4.1.4), the zero time if the
// token is none, or has none that can be used.
func jwtExpiry(token string, now time.Time) time.Time {
	parts := strings.Split(token, ".")
	if len(parts) != 3 {
		return time.Time{}
	}
	payload, err := base64.RawURLEncoding.DecodeString(strings.TrimRight(parts[1], "="))
	if err != nil {
		return time.Time{}
	}
	var claims struct {
		Exp json.Number `json:"exp"`
	}
	if json.Unmarshal(payload, &claims) != nil {
		return time.Time{}
	}
	return moment(claims.Exp, ExpiresUnix, now)
}

// Lifetime reads how long something lives: a number of seconds, a duration of Go, or
// words such as "2 days". It is 0 if v is none that a token could have.
func Lifetime(v any) time.Duration { return Fields{}.lifetime(v) }

// lifeWords are durations that Go does not read.
var lifeWords = sync.OnceValue(func() *regexp.Regexp {
	return regexp.MustCompile(`^([0-9]+(?:\.[0-9]+)?) *(s|m|h|d|w|sec|second|seconds|min|minute|minutes|hour|hours|day|days|week|weeks)$`)
})

func inWords(s string) time.Duration {
	m := lifeWords().FindStringSubmatch(strings.ToLower(s))
	if m == nil {
		return 0
	}
	unit := map[byte]time.Duration{'s': time.Second, 'm': time.Minute, 'h': time.Hour, 'd': 24 * time.Hour, 'w': 7 * 24 * time.Hour}[m[2][0]]
	n, err := strconv.ParseFloat(m[1], 64)
	if err != nil {
		return 0
	}
	return scaled(n, unit)
}

// lifetime reads expires_in in the unit that the provider counts in.
func (f Fields) lifetime(v any) time.Duration {
	s := strings.TrimSpace(scalar(v))
	if s == "" {
		return 0
	}
	unit := f.ExpiresInUnit
	if unit == 0 {
		unit = time.Second
	}
	d, err := time.ParseDuration(s)
	if n, ferr := strconv.ParseFloat(s, 64); ferr == nil {
		d, err = scaled(n, unit), nil
	}
	if err != nil {
		return inWords(s)
	}
	if d <= 0 || d > maxLifetime {
		return 0
	}
	return d
}

// scaled is n units, or 0 if that is no time a token could live.
func scaled(n float64, unit time.Duration) time.Duration {
	if math.IsNaN(n) || n <= 0 || n > float64(maxLifetime)/float64(unit) {
		return 0
	}
	return time.Duration(n * float64(unit))
}

// moment reads a point in time after now and not absurdly far away, the zero time
// if it is none.
func moment(v any, format ExpiresAtFormat, now time.Time) time.Time {
	s := strings.TrimSpace(scalar(v))
	if s == "" {
		return time.Time{}
	}
	at := readMoment(s, format, now)
	if at.IsZero() || !at.After(now) || at.After(now.Add(maxLifetime)) {
		return time.Time{}
	}
	return at.UTC()
}

func readMoment(s string, format ExpiresAtFormat, now time.Time) time.Time {
	n, err := strconv.ParseFloat(s, 64)
	switch format {
	case ExpiresUnix:
		return sinceEpoch(n, err, 1)
	case ExpiresUnixMS:
		return sinceEpoch(n, err, 1e-3)
	case ExpiresRFC3339:
		return isoTime(s)
	case ExpiresDuration:
		return fromNow(s, now)
	}
	if err == nil {
		if at := sinceEpoch(n, nil, 1e-3); at.Year() > 1971 {
			return at
		}
		return sinceEpoch(n, nil, 1)
	}
	if at := isoTime(s); !at.IsZero() {
		return at
	}
	if at := fromNow(s, now); !at.IsZero() {
		return at
	}
	for _, layout := range []string{http.TimeFormat, time.RFC1123, time.RFC1123Z, time.RFC850, time.ANSIC} {
		if at, err := time.Parse(layout, s); err == nil {
			return at
		}
	}
	return time.Time{}
}

// sinceEpoch is the moment n units after 1970, to the millisecond.
func sinceEpoch(n float64, err error, unit float64) time.Time {
	const year10000 = 253402300800
	n *= unit
	if err != nil || math.IsNaN(n) || n <= 0 || n >= year10000 {
		return time.Time{}
	}
	return time.UnixMilli(int64(math.Round(n * 1000))).UTC()
}

// isoTime reads a date and a time of ISO 8601. Seconds and the zone may be
// absent; a space may stand where T should.
func isoTime(s string) time.Time {
	if len(s) > len("2006-01-02") && s[len("2006-01-02")] == ' ' {
		s = s[:len("2006-01-02")] + "T" + strings.TrimLeft(s[len("2006-01-02"):], " ")
	}
	for _, layout := range []string{
		time.RFC3339, "2006-01-02T15:04:05Z0700", "2006-01-02T15:04:05Z07", "2006-01-02T15:04:05",
		"2006-01-02T15:04Z07:00", "2006-01-02T15:04", time.DateOnly,
	} {
		if at, err := time.Parse(layout, s); err == nil {
			return at
		}
	}
	return time.Time{}
}

// fromNow reads a time that counts from now: days:hours:minutes, with or without
// seconds, or a duration of Go.
func fromNow(s string, now time.Time) time.Time {
	if d, err := time.ParseDuration(s); err == nil && d > 0 && d <= maxLifetime {
		return now.Add(d)
	}
	parts := strings.Split(s, ":")
	if len(parts) != 3 && len(parts) != 4 {
		return time.Time{}
	}
	var d time.Duration
	for i, unit := range []time.Duration{24 * time.Hour, time.Hour, time.Minute, time.Second}[:len(parts)] {
		n, err := strconv.ParseUint(parts[i], 10, 16)
		if err != nil {
			return time.Time{}
		}
		d += time.Duration(n) * unit
	}
	return now.Add(d)
}
