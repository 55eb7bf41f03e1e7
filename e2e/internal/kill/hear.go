package kill

import (
	"strconv"
	"strings"
	"time"
)

// hear takes in a line that a process said.
func (r *run) hear(process int, line string) {
	what, rest, _ := strings.Cut(line, " ")
	number, text, _ := strings.Cut(rest, " ")
	n, _ := strconv.ParseInt(number, 10, 64)
	r.mu.Lock()
	defer r.mu.Unlock()
	h := &r.history
	switch what {
	case "ack":
		h.Acks = append(h.Acks, Ack{Process: process, Conn: text, At: time.Unix(0, n)})
	case "token":
		if t, ok := r.referee.seen(text); ok {
			h.Sightings = append(h.Sightings, Sighting{Process: process, Token: t, Called: time.Unix(0, n)})
		} else {
			h.Crashes = append(h.Crashes, "a caller got a token that was never issued")
		}
	case "expired":
		late, _ := strconv.ParseInt(text, 10, 64)
		h.Expired = append(h.Expired, Expired{Process: process, At: time.Unix(0, n), Late: time.Duration(late)})
	case "stall":
		end, _ := strconv.ParseInt(text, 10, 64)
		h.Stalls = append(h.Stalls, Fault{Process: process, Begin: time.Unix(0, n), End: time.Unix(0, end)})
	case "count":
		if text == "call" {
			h.Calls += int(n)
		} else {
			h.Errors[text] += int(n)
		}
	case "unsaved":
		h.Unsaved = append(h.Unsaved, rest)
	case "final":
		state, text, _ := strings.Cut(text, " ")
		r.settled[number] = finding{reauth: state == "reauth", text: text}
	}
}
