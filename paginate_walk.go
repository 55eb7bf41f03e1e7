package tieline

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"

	"github.com/tieline/tieline/internal/jsonpath"
)

// walk is one way through a list.
type walk struct {
	req     PageRequest // defaults filled in
	style   Pagination  // the caller's and the provider's
	client  *http.Client
	subject *Subject
	base    *url.URL
	secret  []string // parameters that are the client's to set

	target *url.URL // of the request
	body   map[string]any
	cursor json.RawMessage // that the next request carries; nil: none
	done   bool
	stuck  error // the next page cannot be asked for

	pages, items, longest int
	offset                int64
	seen                  trail
}

// walk gets ready to read a list. It asks nothing of the provider yet.
func (m *Connections) walk(ctx context.Context, integration, id string, req PageRequest) (*walk, error) {
	t := m.transport(integration, id, req.Client)
	if t.invalid != nil {
		return nil, t.invalid
	}
	if err := req.check(); err != nil {
		return nil, err
	}
	first, err := url.Parse(req.URL)
	if err != nil || req.URL == "" {
		return nil, &FieldError{Field: "URL", Reason: "must be a URL, or a path below the provider's base URL"}
	}
	s, err := t.handle.get(ctx)
	if err != nil {
		return nil, err
	}
	w := &walk{req: req.withDefaults(), subject: s.subject, base: s.base, secret: secretParams(s.subject.provider)}
	if w.style, err = req.Pagination.over(s.subject.provider); err != nil {
		return nil, err
	}
	if s.baseErr != nil {
		return nil, s.baseErr
	}
	if s.base == nil {
		return nil, fmt.Errorf("%w: the provider has no base URL", ErrInvalid)
	}
	if w.target, err = resolve(s, first); err != nil {
		return nil, err
	}
	if err := w.allowed(w.target); err != nil {
		return nil, err
	}
	w.seen.first(w.target.String())
	w.client = &http.Client{Transport: unnamed{t}, CheckRedirect: w.redirect}
	if w.body, err = w.firstBody(); err != nil {
		return nil, err
	}
	return w, w.start()
}

// check refuses numbers that cannot be meant.
func (r *PageRequest) check() error {
	for _, f := range []struct {
		name     string
		negative bool
	}{{"Limit", r.Limit < 0}, {"MaxPages", r.MaxPages < 0}, {"MaxItems", r.MaxItems < 0}, {"MaxBytes", r.MaxBytes < 0}} {
		if f.negative {
			return &FieldError{Field: f.name, Reason: "is negative"}
		}
	}
	return nil
}

func (r PageRequest) withDefaults() PageRequest {
	if r.Method == "" {
		r.Method = http.MethodGet
	}
	if r.MaxBytes == 0 {
		r.MaxBytes = defaultPageBytes
	}
	if r.Header = r.Header.Clone(); r.Header == nil {
		r.Header = http.Header{}
	}
	if r.Header.Get("Accept") == "" {
		r.Header.Set("Accept", "application/json")
	}
	if r.inBody() && r.Header.Get("Content-Type") == "" {
		r.Header.Set("Content-Type", "application/json")
	}
	return r
}

// inBody says whether parameters go into the body.
func (r *PageRequest) inBody() bool {
	return r.Method == http.MethodPost || r.Method == http.MethodPut || r.Method == http.MethodPatch
}

// unnamed is a connection's transport whose errors do not name the connection, as
// the caller's do.
type unnamed struct{ *transport }

func (t unnamed) RoundTrip(req *http.Request) (*http.Response, error) { return t.roundTrip(req) }

// firstBody is the caller's body, to which parameters can be added.
func (w *walk) firstBody() (map[string]any, error) {
	switch {
	case !w.req.inBody() && len(w.req.Body) > 0:
		return nil, &FieldError{Field: "Body", Reason: "is for POST, PUT and PATCH"}
	case !w.req.inBody():
		return nil, nil
	case len(w.req.Body) == 0:
		return map[string]any{}, nil
	}
	var object map[string]any
	dec := json.NewDecoder(bytes.NewReader(w.req.Body))
	dec.UseNumber()
	if err := dec.Decode(&object); err != nil || object == nil || trailing(dec) {
		return nil, &FieldError{Field: "Body", Reason: "must be a JSON object"}
	}
	return object, nil
}

// start puts into the first request what is there from the beginning.
func (w *walk) start() error {
	if w.req.Limit > 0 {
		if w.style.LimitParam == "" {
			return &FieldError{Field: "Limit", Reason: "has no parameter: set Pagination.LimitParam"}
		}
		w.set(w.style.LimitParam, json.RawMessage(strconv.Itoa(w.req.Limit)))
	}
	if w.req.Cursor == "" {
		if w.style.Type == PaginationOffset {
			return w.goTo(json.RawMessage(strconv.FormatInt(*w.style.OffsetStart, 10)), w.target)
		}
		return nil
	}
	cursor := json.RawMessage(w.req.Cursor)
	if _, ok := cursorText(cursor); !ok {
		return &FieldError{Field: "Cursor", Reason: "is not the Next of a page"}
	}
	return w.goTo(cursor, w.target)
}

// more says whether another page is to be asked for.
func (w *walk) more() bool {
	return !w.done && (w.req.MaxPages == 0 || w.pages < w.req.MaxPages) && (w.req.MaxItems == 0 || w.items < w.req.MaxItems)
}

// page asks for the page where the walk is, and finds the next one. A page whose
// next one cannot be asked for is good all the same: that error comes in place of
// the next.
func (w *walk) page(ctx context.Context) (Page, error) {
	if w.stuck != nil {
		return Page{}, w.stuck
	}
	resp, data, err := w.ask(ctx)
	if err != nil {
		return Page{}, err
	}
	page := Page{Header: resp.Header}
	if page.Items, err = w.list(data); err != nil {
		return Page{}, err
	}
	if w.style.Type == PaginationOffset && w.seen.twice(page.Items) {
		return Page{}, &PageError{Reason: "a page is the same as the one before it: the offset is not looked at"}
	}
	w.pages++
	w.items += len(page.Items)
	w.longest = max(w.longest, len(page.Items))
	next := w.next(resp, data, len(page.Items))
	if next == nil {
		w.done = true
		return page, nil
	}
	w.cursor = next
	w.stuck = w.goTo(next, resp.Request.URL)
	page.Next = string(w.cursor)
	return page, nil
}

// ask sends the request and reads the answer.
func (w *walk) ask(ctx context.Context) (*http.Response, json.RawMessage, error) {
	var body io.Reader
	if w.body != nil {
		text, err := json.Marshal(w.body)
		if err != nil {
			return nil, nil, err
		}
		body = bytes.NewReader(text)
	}
	req, err := http.NewRequestWithContext(ctx, w.req.Method, w.target.String(), body)
	if err != nil {
		return nil, nil, &FieldError{Field: "Method", Reason: "is not one of HTTP"}
	}
	req.Header = w.req.Header.Clone()
	resp, err := w.client.Do(req)
	if err != nil {
		var named *url.Error // it has the whole URL in it
		if errors.As(err, &named) {
			err = named.Err
		}
		return nil, nil, err
	}
	defer func() { _ = resp.Body.Close() }()
	if resp.StatusCode < 200 || resp.StatusCode > 299 {
		head, _ := io.ReadAll(io.LimitReader(resp.Body, min(maxPeek, w.req.MaxBytes)))
		return nil, nil, &StatusError{Status: resp.StatusCode, Body: NewSecret(string(head))}
	}
	data, err := io.ReadAll(io.LimitReader(resp.Body, w.req.MaxBytes+1))
	switch {
	case ctx.Err() != nil:
		return nil, nil, ctx.Err()
	case err != nil:
		return nil, nil, fmt.Errorf("read a page: %w", err)
	case int64(len(data)) > w.req.MaxBytes:
		return nil, nil, &PageError{Reason: fmt.Sprintf("a page is longer than %d bytes", w.req.MaxBytes)}
	}
	return resp, data, nil
}

// list finds the items. Where there is nothing there are none: some providers leave
// an empty list out.
func (w *walk) list(data json.RawMessage) ([]json.RawMessage, error) {
	if len(bytes.TrimSpace(data)) == 0 {
		return nil, nil
	}
	if !json.Valid(data) {
		return nil, &PageError{Reason: "a page is not JSON"}
	}
	path := w.style.ItemsPath
	if path == "$" {
		path = ""
	}
	found := jsonpath.Raw(data, path)
	if found == nil {
		return nil, nil
	}
	var items []json.RawMessage
	if err := json.Unmarshal(found, &items); err != nil {
		where := "the answer"
		if path != "" {
			where = fmt.Sprintf("%q of the answer", path)
		}
		return nil, &PageError{Reason: where + " is not a list: set Pagination.ItemsPath"}
	}
	return items, nil
}
