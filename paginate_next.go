package tieline

import (
	"cmp"
	"encoding/json"
	"fmt"
	"hash/maphash"
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"github.com/tieline/tieline/internal/jsonpath"
	"github.com/tieline/tieline/internal/spec"
)

// over is the provider's pagination with the caller's laid over it.
func (p Pagination) over(e *spec.Entry) (Pagination, error) {
	var known spec.Paginate
	if e.Provider.Proxy != nil && e.Provider.Proxy.Paginate != nil {
		known = *e.Provider.Proxy.Paginate
	}
	p.Type = cmp.Or(p.Type, PaginationType(known.Type))
	p.LinkRel = cmp.Or(p.LinkRel, known.LinkRelInResponseHeader)
	p.LinkPath = cmp.Or(p.LinkPath, known.LinkPathInResponseBody)
	p.CursorParam = cmp.Or(p.CursorParam, known.CursorNameInRequest)
	p.CursorPath = cmp.Or(p.CursorPath, known.CursorPathInResponse)
	p.OffsetParam = cmp.Or(p.OffsetParam, known.OffsetNameInRequest)
	p.OffsetStart = cmp.Or(p.OffsetStart, known.OffsetStartValue, new(int64))
	p.OffsetStep = cmp.Or(p.OffsetStep, OffsetStep(known.OffsetCalculationMethod), OffsetByItems)
	p.LimitParam = cmp.Or(p.LimitParam, known.LimitNameInRequest)
	p.ItemsPath = cmp.Or(p.ItemsPath, known.ResponsePath)
	works := spec.Paginate{
		Type: string(p.Type), LinkRelInResponseHeader: p.LinkRel, LinkPathInResponseBody: p.LinkPath,
		CursorNameInRequest: p.CursorParam, CursorPathInResponse: p.CursorPath, OffsetNameInRequest: p.OffsetParam,
	}
	switch {
	case *p.OffsetStart < 0:
		return p, &FieldError{Field: "Pagination.OffsetStart", Reason: "is negative"}
	case p.Type == "":
		return p, &FieldError{Field: "Pagination.Type", Reason: "is required: the provider's data does not say how lists are divided"}
	case !works.Works():
		return p, &FieldError{Field: "Pagination", Reason: "has a type that does not exist, or lacks what it needs"}
	case p.OffsetStep != OffsetByItems && p.OffsetStep != OffsetByPages:
		return p, &FieldError{Field: "Pagination.OffsetStep", Reason: "is none that exists"}
	}
	return p, nil
}

// next is what leads to the page after an answer with n items; nil: it is the last.
func (w *walk) next(resp *http.Response, data json.RawMessage, n int) json.RawMessage {
	var found json.RawMessage
	switch w.style.Type {
	case PaginationLink:
		if link := linkTo(resp.Header["Link"], w.style.LinkRel); w.style.LinkRel != "" && link != "" {
			return quoted(link)
		}
		if w.style.LinkPath == "" {
			return nil
		}
		if found = jsonpath.Raw(data, w.style.LinkPath); len(found) > 0 && found[0] != '"' {
			return nil
		}
	case PaginationCursor:
		found = jsonpath.Raw(data, w.style.CursorPath)
	case PaginationOffset:
		return w.nextOffset(n)
	}
	if _, ok := cursorText(found); !ok {
		return nil
	}
	return found
}

// nextOffset counts on.
func (w *walk) nextOffset(n int) json.RawMessage {
	if n == 0 || n < w.limit() && n < w.longest {
		return nil
	}
	if w.style.OffsetStep == OffsetByPages {
		n = 1
	}
	return json.RawMessage(strconv.FormatInt(w.offset+int64(n), 10))
}

// limit is what is asked for at a time, by the caller's option or in the URL; 0:
// nothing is.
func (w *walk) limit() int {
	if w.req.Limit > 0 || w.style.LimitParam == "" {
		return w.req.Limit
	}
	n, err := strconv.Atoi(w.target.Query().Get(w.style.LimitParam))
	if err != nil {
		return 0
	}
	return n
}

// goTo makes the next request the one for the page that a cursor leads to. from is
// what a link is relative to.
func (w *walk) goTo(cursor json.RawMessage, from *url.URL) error {
	text, _ := cursorText(cursor)
	switch w.style.Type {
	case PaginationLink:
		target, err := from.Parse(text)
		if err != nil {
			return &PageError{Reason: "the link to the next page is not a URL"}
		}
		target.Fragment, target.RawFragment = "", ""
		dropParams(target, w.secret)
		text = target.String()
		cursor = quoted(text)
		w.cursor = cursor
		if err := w.allowed(target); err != nil {
			return err
		}
		w.target = target
	case PaginationCursor:
		w.set(w.style.CursorParam, cursor)
	case PaginationOffset:
		offset, err := strconv.ParseInt(text, 10, 64)
		if err != nil || offset < 0 {
			return &FieldError{Field: "Cursor", Reason: "is not the Next of a page"}
		}
		w.offset = offset
		w.set(w.style.OffsetParam, cursor)
	}
	w.cursor = cursor
	if w.style.Type != PaginationOffset && w.seen.before(text) {
		return &PageError{Reason: "the next page is one that has been there before"}
	}
	return nil
}

// allowed says whether a page may be asked for there: where the credential may be
// sent, with nobody's name in the URL.
func (w *walk) allowed(target *url.URL) error {
	switch {
	case !w.subject.reaches(w.base, target):
		return &PageError{Reason: fmt.Sprintf("a page is at another origin, %q", target.Scheme+"://"+target.Host), Err: ErrForbidden}
	case target.User != nil:
		return &PageError{Reason: "the URL of a page has a user in it", Err: ErrForbidden}
	}
	return nil
}

// redirect is the client's CheckRedirect.
func (w *walk) redirect(req *http.Request, via []*http.Request) error {
	if len(via) >= 10 {
		return &PageError{Reason: "a page is redirected too often"}
	}
	return w.allowed(req.URL)
}

// set puts a parameter into the next request: a string or a number of JSON.
func (w *walk) set(name string, value json.RawMessage) {
	if w.body != nil {
		setMember(w.body, name, value)
		return
	}
	text, _ := cursorText(value)
	target := *w.target
	setParam(&target, name, text)
	w.target = &target
}

// setMember sets a member of an object, by its name or by the path of names that
// leads to it.
func setMember(object map[string]any, path string, value any) {
	for {
		name, rest, deep := strings.Cut(path, ".")
		if _, literal := object[path]; literal || !deep {
			object[path] = value
			return
		}
		below, ok := object[name].(map[string]any)
		if !ok {
			below = map[string]any{}
			object[name] = below
		}
		object, path = below, rest
	}
}

// secretParams are parameters of the query with the credential in them. Providers
// repeat them in links; the client sets them anew. access_token is the one of
// RFC 6750 section 2.3.
func secretParams(e *spec.Entry) []string {
	names := []string{"access_token"}
	for _, p := range e.ProxyQuery {
		if carriesCredential(p.Value) {
			names = append(names, p.Name)
		}
	}
	return names
}

// cursorText is the text of a string or number of JSON. ok is false for everything
// else, and for a string with nothing in it.
func cursorText(cursor json.RawMessage) (text string, ok bool) {
	var v any
	dec := json.NewDecoder(strings.NewReader(string(cursor)))
	dec.UseNumber()
	if dec.Decode(&v) != nil || trailing(dec) {
		return "", false
	}
	switch v := v.(type) {
	case string:
		return v, strings.TrimSpace(v) != ""
	case json.Number:
		return v.String(), true
	}
	return "", false
}

func quoted(text string) json.RawMessage {
	b, _ := json.Marshal(text) // cannot fail
	return b
}

// keptPages is how many pages back a circle is noticed.
const keptPages = 1000

// trail remembers where the walk has been, as hashes of a fixed number.
type trail struct {
	seed   maphash.Seed
	places map[uint64]bool
	order  []uint64 // of places; the oldest is at oldest
	oldest int
	page   uint64 // hash of the page before
	paged  bool
}

// first is where the walk begins.
func (s *trail) first(place string) {
	s.seed, s.places = maphash.MakeSeed(), map[uint64]bool{}
	s.before(place)
}

// before says whether the walk was at a place before, and remembers it.
func (s *trail) before(place string) bool {
	h := maphash.String(s.seed, place)
	if s.places[h] {
		return true
	}
	s.places[h] = true
	if len(s.order) < keptPages {
		s.order = append(s.order, h)
		return false
	}
	delete(s.places, s.order[s.oldest])
	s.order[s.oldest] = h
	s.oldest = (s.oldest + 1) % keptPages
	return false
}

// twice says whether a page that is not empty has the same items as the one before.
func (s *trail) twice(items []json.RawMessage) bool {
	if len(items) == 0 {
		return false
	}
	var h maphash.Hash
	h.SetSeed(s.seed)
	for _, item := range items {
		_, _ = h.Write(item)
		_ = h.WriteByte(0)
	}
	same := s.paged && h.Sum64() == s.page
	s.page, s.paged = h.Sum64(), true
	return same
}
