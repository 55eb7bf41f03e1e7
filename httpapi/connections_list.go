package httpapi

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"iter"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"github.com/tieline/tieline"
)

const (
	// maxScan bounds how many connections a listing looks at. Stores do not order
	// rows by age, so a listing sees all that its filters leave.
	maxScan = 100_000

	maxLimit     = 2000
	defaultLimit = 10_000 // of a listing that names none
)

// listing is what a caller wants to see.
type listing struct {
	id           string
	search       string // in lower case
	integrations []string
	filter       tieline.Filter
	limit, page  int
}

func readListing(q *object) listing {
	length := []rule{minLength(1), maxLength(maxName)}
	var l listing
	l.id, _ = q.optionalText("connectionId", length...)
	search, _ := q.optionalText("search", length...)
	l.search = strings.ToLower(search)
	l.filter.EndUser, _ = q.optionalText("endUserId", length...)
	l.filter.Organization, _ = q.optionalText("endUserOrganizationId", length...)
	if list, ok := q.optionalText("integrationId", minLength(1)); ok {
		for _, key := range strings.Split(list, ",") {
			if key = strings.TrimSpace(key); key != "" && !slices.Contains(l.integrations, key) {
				l.integrations = append(l.integrations, key)
			}
		}
	}
	l.filter.Tags, _ = readTags(q, "tags")
	l.limit = number(q, "limit", 1, maxLimit, defaultLimit)
	l.page = number(q, "page", 0, maxScan, 0)
	q.strict()
	return l
}

// number reads a whole number of a query, absent if it is not there.
func number(q *object, name string, least, most, absent int) int {
	text, there := q.optionalText(name)
	if !there {
		return absent
	}
	n, err := strconv.Atoi(text)
	switch {
	case errors.Is(err, strconv.ErrRange):
		n = most + 1
	case err != nil:
		q.report("invalid_type", "Invalid input: expected number, received NaN", q.at(name))
		return absent
	}
	switch {
	case n < least:
		q.report("too_small", fmt.Sprintf("Too small: expected number to be >=%d", least), q.at(name))
	case n > most:
		q.report("too_big", fmt.Sprintf("Too big: expected number to be <=%d", most), q.at(name))
	}
	return n
}

func (s *server) listConnections(w http.ResponseWriter, r *http.Request) error {
	q := readQuery(r.URL.Query())
	l := readListing(q)
	if err := q.err("invalid_query_params"); err != nil {
		return err
	}
	found, err := s.newest(r, l, maxScan)
	if err != nil {
		return err
	}
	data := make([]map[string]any, len(found))
	for n, c := range found {
		data[n] = listedJSON(c)
	}
	writeJSON(w, http.StatusOK, map[string]any{"connections": data})
	return nil
}

// newest are the connections on the page, newest first, of at most so many that are
// looked at.
func (s *server) newest(r *http.Request, l listing, most int) ([]tieline.Connection, error) {
	wanted := (l.page + 1) * l.limit // both are bounded
	var found []tieline.Connection
	seen := 0
	for c, err := range s.candidates(r.Context(), l) {
		if err != nil && c.RowID == "" {
			return nil, filterProblem(err)
		}
		if seen++; seen > most {
			return nil, &problem{status: http.StatusUnprocessableEntity, code: "too_many_rows",
				message: fmt.Sprintf("The listing would have to look at more than %d connections. Filter by integrationId, tags or endUserId", most)}
		}
		if err != nil { // one that cannot be read does not hide the others
			s.log.WarnContext(r.Context(), "connection cannot be read", "request_id", requestID(r.Context()), "row", c.RowID, "error", err.Error())
			continue
		}
		if !l.matches(c) {
			continue
		}
		found = append(found, c)
		if len(found) >= 2*wanted { // older ones are on no page that was asked for
			slices.SortFunc(found, newerFirst)
			clear(found[wanted:])
			found = found[:wanted]
		}
	}
	slices.SortFunc(found, newerFirst)
	return found[min(l.page*l.limit, len(found)):min(wanted, len(found))], nil
}

func newerFirst(a, b tieline.Connection) int {
	return cmp.Or(b.CreatedAt.Compare(a.CreatedAt), cmp.Compare(b.Number, a.Number))
}

// filterProblem turns what the Client finds wrong with a filter into an answer.
func filterProblem(err error) error {
	items := fieldItems(err, map[string]string{"integration": "integrationId"})
	if len(items) == 0 {
		return err
	}
	for n, it := range items {
		if it.Path[0] == "filter" {
			items[n].Path = it.Path[1:]
		}
	}
	return invalid("invalid_query_params", items...)
}

// candidates are the connections that the Store can select.
func (s *server) candidates(ctx context.Context, l listing) iter.Seq2[tieline.Connection, error] {
	if len(l.integrations) == 0 && l.id == "" {
		return s.client.Connections.All(ctx, l.filter)
	}
	return func(yield func(tieline.Connection, error) bool) {
		for key, err := range s.keysOf(ctx, l) {
			if err != nil {
				yield(tieline.Connection{}, err)
				return
			}
			f := l.filter
			f.Integration = key
			selected := s.client.Connections.All(ctx, f)
			if l.id != "" {
				selected = s.named(ctx, key, l.id)
			}
			for c, err := range selected {
				if !yield(c, err) {
					return
				}
			}
		}
	}
}

// keysOf are the integrations to look in.
func (s *server) keysOf(ctx context.Context, l listing) iter.Seq2[string, error] {
	return func(yield func(string, error) bool) {
		for _, key := range l.integrations {
			if !yield(key, nil) {
				return
			}
		}
		if len(l.integrations) > 0 {
			return
		}
		for in, err := range s.client.Integrations.All(ctx) {
			if in.Key != "" {
				err = nil // its connections can be read all the same
			}
			if !yield(in.Key, err) {
				return
			}
		}
	}
}

// named is the one connection of an integration that has an ID, if there is one. It
// is looked up, not looked for.
func (s *server) named(ctx context.Context, key, id string) iter.Seq2[tieline.Connection, error] {
	return func(yield func(tieline.Connection, error) bool) {
		c, err := s.client.Connections.Get(ctx, key, id)
		switch {
		case errors.Is(err, tieline.ErrNotFound):
			return
		case errors.Is(err, tieline.ErrDamaged), errors.Is(err, tieline.ErrUnknownKey), errors.Is(err, tieline.ErrNewerFormat):
			c.RowID = id // that it can be told from a Store that fails
		}
		yield(c, err)
	}
}

// matches is the part of the filters that the Store does not know.
func (l listing) matches(c tieline.Connection) bool {
	if l.id != "" && !l.selects(c) {
		return false
	}
	if l.search == "" {
		return true
	}
	texts := []string{c.ID}
	if c.EndUser != nil {
		texts = append(texts, c.EndUser.DisplayName, c.EndUser.Email)
	}
	return slices.ContainsFunc(texts, func(text string) bool { return strings.Contains(strings.ToLower(text), l.search) })
}

// selects is what the Store would do of the filter, for a connection that it was not
// asked for by it.
func (l listing) selects(c tieline.Connection) bool {
	f := l.filter
	for key, value := range f.Tags {
		if c.Tags[key] != value {
			return false
		}
	}
	user := tieline.EndUser{}
	if c.EndUser != nil {
		user = *c.EndUser
	}
	organization := ""
	if user.Organization != nil {
		organization = user.Organization.ID
	}
	return (f.EndUser == "" || f.EndUser == user.ID) && (f.Organization == "" || f.Organization == organization)
}
