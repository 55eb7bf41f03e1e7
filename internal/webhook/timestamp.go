package webhook

import (
	"strconv"
	"time"
)

// check returns the timestamp as it was sent, after looking whether it is near enough to
// now. The stamp is given where it came with the signatures.
func (t *timestamp) check(r *run, stamp string) (string, error) {
	field := t.Header
	switch {
	case t.Header != "":
		var err error
		if stamp, err = r.one(t.Header); err != nil {
			return "", err
		}
	case t.Body != "":
		field = t.Body
		f := r.find(Place{Body: t.Body})
		if len(f.values) == 0 {
			return "", fail(ErrMissing, field)
		}
		stamp = f.values[0]
	default:
		field = "timestamp"
	}
	at, ok := parseTime(stamp, t.Unit)
	if !ok {
		return "", fail(ErrMalformed, field)
	}
	if age := r.in.Now.Sub(at); age > t.tolerance || age < -t.tolerance {
		return "", fail(ErrStale, field)
	}
	return stamp, nil
}

// parseTime reads a moment. A number has digits only, so that what is signed around it
// cannot be taken for a part of it.
func parseTime(text, unit string) (time.Time, bool) {
	if unit == "rfc3339" {
		at, err := time.Parse(time.RFC3339Nano, text)
		return at, err == nil
	}
	if len(text) > 15 { // milliseconds until the year 33658
		return time.Time{}, false
	}
	n, err := strconv.ParseUint(text, 10, 63)
	if err != nil {
		return time.Time{}, false
	}
	if unit == "ms" {
		return time.UnixMilli(int64(n)), true
	}
	return time.Unix(int64(n), 0), true
}
