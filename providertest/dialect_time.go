package providertest

import (
	"regexp"
	"strconv"
	"strings"
	"time"
)

// clockSkew is how far a time that the client wrote may be from the Dialect's.
const clockSkew = 5 * time.Minute

// moment is a parsed ${now...}: an offset from now, and a format of day.js.
type moment struct {
	offset time.Duration
	days   int // offsets of whole days, months and years are calendar ones
	months int
	format string
}

var momentForm = regexp.MustCompile(`^now(?:([+-]\d+):([a-z]+))?(?::(.*))?$`)

// isMoment tells whether a variable's name is one of the ${now...} family.
func isMoment(name string) (moment, bool) {
	m := momentForm.FindStringSubmatch(name)
	if m == nil {
		return moment{}, false
	}
	out := moment{format: m[3]}
	n, _ := strconv.Atoi(m[1])
	switch strings.TrimSuffix(m[2], "s") {
	case "second":
		out.offset = time.Duration(n) * time.Second
	case "minute":
		out.offset = time.Duration(n) * time.Minute
	case "hour":
		out.offset = time.Duration(n) * time.Hour
	case "day":
		out.days = n
	case "week":
		out.days = 7 * n
	case "month":
		out.months = n
	case "year":
		out.months = 12 * n
	}
	return out, true
}

func (m moment) from(now time.Time) time.Time {
	return now.UTC().AddDate(0, m.months, m.days).Add(m.offset)
}

// text writes the moment as day.js does in UTC. X is seconds, x milliseconds; no
// format is ISO 8601 with milliseconds.
func (m moment) text(now time.Time) string {
	t := m.from(now)
	switch m.format {
	case "X":
		return strconv.FormatInt(t.Unix(), 10)
	case "x":
		return strconv.FormatInt(t.UnixMilli(), 10)
	}
	return t.Format(goLayout(m.format))
}

// near tells whether text is the moment, give or take the clock skew and what
// the format leaves out. It returns what now was.
func (m moment) near(text string, now time.Time) (time.Time, bool) {
	var t time.Time
	precision := time.Second
	switch m.format {
	case "X", "x":
		n, err := strconv.ParseInt(text, 10, 64)
		if err != nil {
			return t, false
		}
		t = time.Unix(n, 0)
		if m.format == "x" {
			t = time.UnixMilli(n)
		}
	default:
		layout := goLayout(m.format)
		var err error
		if t, err = time.Parse(layout, text); err != nil {
			return t, false
		}
		if !strings.Contains(layout, "04") { // no minutes: a day
			precision = 24 * time.Hour
		}
	}
	t = t.Add(-m.offset).AddDate(0, -m.months, -m.days)
	d := now.Sub(t)
	return t, d > -clockSkew-precision && d < clockSkew+precision
}

// dayTokens maps the tokens of day.js that are in use to those of package time,
// the longer ones first.
var dayTokens = [][2]string{
	{"YYYY", "2006"}, {"YY", "06"},
	{"MMMM", "January"}, {"MMM", "Jan"}, {"MM", "01"}, {"M", "1"},
	{"DD", "02"}, {"D", "2"},
	{"dddd", "Monday"}, {"ddd", "Mon"},
	{"HH", "15"}, {"hh", "03"}, {"h", "3"}, {"A", "PM"}, {"a", "pm"},
	{"mm", "04"}, {"m", "4"}, {"SSS", "000"}, {"ss", "05"}, {"s", "5"},
	{"ZZ", "-0700"}, {"Z", "-07:00"},
}

// goLayout translates a format of day.js; [text] in it is literal.
func goLayout(format string) string {
	if format == "" {
		return "2006-01-02T15:04:05.000Z"
	}
	var b strings.Builder
scan:
	for format != "" {
		if format[0] == '[' {
			if end := strings.IndexByte(format, ']'); end > 0 {
				b.WriteString(format[1:end])
				format = format[end+1:]
				continue
			}
		}
		for _, t := range dayTokens {
			if strings.HasPrefix(format, t[0]) {
				b.WriteString(t[1])
				format = format[len(t[0]):]
				continue scan
			}
		}
		b.WriteByte(format[0])
		format = format[1:]
	}
	return b.String()
}
