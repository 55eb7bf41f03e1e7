package template

import (
	"fmt"
	"strconv"
	"strings"
	"time"
)

// nowExpr is ${now}, ${now:FORMAT} or ${now+N:unit:FORMAT}, in UTC. Formats are
// those of the dayjs library, https://day.js.org/docs/en/display/format, which
// is what authors of provider entries know.
type nowExpr struct {
	shift  time.Duration // of the fixed units
	months int           // of month and year, which have no fixed length
	format []nowToken    // nil is ISO 8601 with milliseconds and Z
}

// nowToken is one token of a format, or literal text.
type nowToken struct {
	name string // empty for literal text
	text string
}

// maxShift keeps a shifted moment within what every format can write.
const maxShift = 100 * 366 * 24 * time.Hour

// nowExpression reads the rest of ${now...}; the current position is after the
// name.
func (p *parser) nowExpression(start int) (part, error) {
	end := strings.IndexByte(p.src[p.pos:], '}')
	if end < 0 {
		return part{}, p.errorAt(start, "the expression is not closed with }")
	}
	rest := p.src[p.pos : p.pos+end]
	p.pos += end + 1
	now, reason := parseNow(rest)
	if reason != "" {
		return part{}, p.errorAt(start, reason)
	}
	return part{kind: nowPart, offset: start, now: now}, nil
}

// parseNow reads what stands between "${now" and "}".
func parseNow(rest string) (*nowExpr, string) {
	now := &nowExpr{}
	if rest == "" {
		return now, ""
	}
	format := rest[1:]
	if rest[0] != ':' {
		amount, more, ok := strings.Cut(format, ":")
		if !ok {
			return nil, "now" + rest[:1] + "N needs a unit, as in ${now+5:minutes}"
		}
		unit, after, formatted := strings.Cut(more, ":")
		if reason := now.setShift(rest[0] == '-', amount, unit); reason != "" {
			return nil, reason
		}
		if !formatted {
			return now, ""
		}
		format = after
	}
	tokens, reason := parseFormat(format)
	now.format = tokens
	return now, reason
}

func (n *nowExpr) setShift(negative bool, amount, unit string) string {
	count, err := strconv.Atoi(amount)
	if err != nil || count < 0 || amount[0] == '+' {
		return "the number in ${now+N:unit} is not a whole number"
	}
	if negative {
		count = -count
	}
	var one time.Duration
	switch unit {
	case "millisecond", "milliseconds", "ms":
		one = time.Millisecond
	case "second", "seconds", "s":
		one = time.Second
	case "minute", "minutes", "m":
		one = time.Minute
	case "hour", "hours", "h":
		one = time.Hour
	case "day", "days", "d":
		one = 24 * time.Hour
	case "week", "weeks", "w":
		one = 7 * 24 * time.Hour
	case "month", "months", "M":
		n.months = count
	case "year", "years", "y":
		n.months = 12 * min(max(count, -101), 101)
	default:
		return "there is no unit " + strconv.Quote(unit)
	}
	if one > 0 && (int64(count) > int64(maxShift/one) || int64(count) < -int64(maxShift/one)) || n.months > 1200 || n.months < -1200 {
		return "the shift of ${now} is longer than a hundred years"
	}
	n.shift = time.Duration(count) * one
	return ""
}

// formatTokens lists the tokens, longest first where one begins another.
var formatTokens = []string{
	"YYYY", "YY", "MMMM", "MMM", "MM", "M", "DD", "Do", "D", "dddd", "ddd", "dd", "d",
	"HH", "H", "hh", "h", "mm", "m", "ss", "s", "SSS", "ZZ", "Z", "A", "a", "X", "x",
}

// parseFormat divides a dayjs format into tokens. Text in [brackets] and
// letters that mean nothing, such as the T of ISO 8601, stand for themselves.
func parseFormat(format string) ([]nowToken, string) {
	if format == "" {
		return nil, "the format of ${now:} is empty"
	}
	var out []nowToken
next:
	for i := 0; i < len(format); {
		c := format[i]
		if c < ' ' || c == 0x7f {
			return nil, "the format of ${now:} contains a control character"
		}
		if c == '[' {
			if end := strings.IndexByte(format[i:], ']'); end > 0 {
				out = appendLiteralToken(out, format[i+1:i+end])
				i += end + 1
				continue
			}
		}
		for _, token := range formatTokens {
			if strings.HasPrefix(format[i:], token) {
				out = append(out, nowToken{name: token})
				i += len(token)
				continue next
			}
		}
		if strings.IndexByte("YQWwGgkzS", c) >= 0 {
			return nil, "the format of ${now:} uses " + strconv.Quote(string(c)) + ", which is not supported here"
		}
		out = appendLiteralToken(out, format[i:i+1])
		i++
	}
	return out, ""
}

func appendLiteralToken(out []nowToken, text string) []nowToken {
	if n := len(out); n > 0 && out[n-1].name == "" {
		out[n-1].text += text
		return out
	}
	return append(out, nowToken{text: text})
}

// append adds the formatted moment to dst.
func (n *nowExpr) append(dst []byte, now time.Time) []byte {
	t := now.UTC().Add(n.shift)
	if n.months != 0 {
		t = addMonths(t, n.months)
	}
	if n.format == nil {
		return t.AppendFormat(dst, "2006-01-02T15:04:05.000Z")
	}
	for _, token := range n.format {
		dst = token.append(dst, t)
	}
	return dst
}

// addMonths keeps the day of the month, or takes the last one of a shorter
// month: 31 January and a month is 28 February, not 3 March.
func addMonths(t time.Time, months int) time.Time {
	moved := t.AddDate(0, months, 0)
	if moved.Day() != t.Day() {
		moved = moved.AddDate(0, 0, -moved.Day())
	}
	return moved
}

func (k nowToken) append(dst []byte, t time.Time) []byte {
	switch k.name {
	case "":
		return append(dst, k.text...)
	case "X":
		return strconv.AppendInt(dst, t.Unix(), 10)
	case "x":
		return strconv.AppendInt(dst, t.UnixMilli(), 10)
	case "H":
		return strconv.AppendInt(dst, int64(t.Hour()), 10)
	case "d":
		return strconv.AppendInt(dst, int64(t.Weekday()), 10)
	case "dd":
		return append(dst, t.Weekday().String()[:2]...)
	case "Do":
		return append(dst, ordinal(t.Day())...)
	case "SSS":
		return fmt.Appendf(dst, "%03d", t.Nanosecond()/int(time.Millisecond))
	case "Z":
		return append(dst, "+00:00"...)
	case "ZZ":
		return append(dst, "+0000"...)
	}
	return t.AppendFormat(dst, goLayout(k.name))
}

// goLayout maps the tokens for which the time package has a layout.
func goLayout(token string) string {
	switch token {
	case "YYYY":
		return "2006"
	case "YY":
		return "06"
	case "MMMM":
		return "January"
	case "MMM":
		return "Jan"
	case "MM":
		return "01"
	case "M":
		return "1"
	case "DD":
		return "02"
	case "D":
		return "2"
	case "dddd":
		return "Monday"
	case "ddd":
		return "Mon"
	case "HH":
		return "15"
	case "hh":
		return "03"
	case "h":
		return "3"
	case "mm":
		return "04"
	case "m":
		return "4"
	case "ss":
		return "05"
	case "s":
		return "5"
	case "A":
		return "PM"
	case "a":
		return "pm"
	}
	panic("template: no layout for " + token)
}

// ordinal writes 1st, 2nd, 3rd, 4th, 11th.
func ordinal(n int) string {
	suffix := "th"
	if n < 11 || n > 13 {
		switch n % 10 {
		case 1:
			suffix = "st"
		case 2:
			suffix = "nd"
		case 3:
			suffix = "rd"
		}
	}
	return strconv.Itoa(n) + suffix
}
