package tieline

import (
	"context"
	"encoding/json"
	"fmt"
	"iter"
	"net/http"
)

// PageRequest is the first request for a list that a provider gives out in pages.
type PageRequest struct {
	// URL is where the list is, relative to the provider's base URL or absolute,
	// with the parameters of the caller. Required.
	URL string
	// Method is the method of all requests. Default: GET. With POST, PUT and PATCH
	// the cursor and the limit go into the body, else into the query.
	Method string
	// Header is sent with every request. Accept is application/json unless it is set.
	Header http.Header
	// Body is an object of JSON, for POST, PUT and PATCH. Default: an empty one.
	Body json.RawMessage

	// Pagination says how the list is divided. Zero fields are the provider's.
	Pagination Pagination
	// Limit is how many items to ask for at a time. Default: what the provider
	// thinks fit.
	Limit int
	// Cursor is the [Page.Next] to go on from. Empty: the beginning.
	Cursor string

	// MaxPages is after how many pages to stop. Default: none.
	MaxPages int
	// MaxItems is after how many items to stop. [Connections.Pages] stops after the
	// page with the last of them, and leaves the page whole. Default: none.
	MaxItems int
	// MaxBytes bounds the body of one page. Default: 10 MiB.
	MaxBytes int64

	// Client are the rules by which requests are repeated.
	Client ClientOptions
}

const defaultPageBytes = 10 << 20

// PaginationType is how a page tells where the next one is.
type PaginationType string

// The types.
const (
	// PaginationLink: by a URL, in a Link header (RFC 8288) or in the body.
	PaginationLink PaginationType = "link"
	// PaginationCursor: by a value that goes back as a parameter.
	PaginationCursor PaginationType = "cursor"
	// PaginationOffset: not at all; the parameter counts items or pages.
	PaginationOffset PaginationType = "offset"
)

// OffsetStep is what an offset counts.
type OffsetStep string

// The steps.
const (
	OffsetByItems OffsetStep = "by-response-size" // the items that have come
	OffsetByPages OffsetStep = "per-page"         // the pages that have come
)

// Pagination says how a list is divided into pages. Fields that do not belong to
// the Type are not looked at. Paths are dotted, with numbers for places in lists.
type Pagination struct {
	Type PaginationType

	LinkRel  string // the relation of the link in the header, such as "next"
	LinkPath string // of the link in the body; where LinkRel finds none

	CursorParam string // the parameter that takes the cursor
	CursorPath  string // of the cursor in the body

	OffsetParam string     // the parameter that takes the offset
	OffsetStart *int64     // Default: 0
	OffsetStep  OffsetStep // Default: OffsetByItems

	LimitParam string // the parameter that takes the limit
	// ItemsPath is where the list is in the body. "$" is the body itself, which is
	// also the default.
	ItemsPath string
}

// Page is a part of a list.
type Page struct {
	// Items are the elements as the provider wrote them, so that no digit of a
	// number is lost.
	Items []json.RawMessage
	// Next is what to give as Cursor to go on after this page: a value of JSON that
	// means nothing to anybody else. Empty: this is the last page.
	Next string
	// Header is of the answer.
	Header http.Header
}

// PageError says why a list cannot be read on. The pages before it are good, and
// the Next of the last one leads back to here.
type PageError struct {
	Reason string
	// Err is ErrForbidden if the next page is where none may be asked for, nil for the
	// rest.
	Err error
}

// Error shows the reason.
func (e *PageError) Error() string { return e.Reason }

// Unwrap returns Err.
func (e *PageError) Unwrap() error { return e.Err }

// StatusError is an answer of a provider's API that is no success.
type StatusError struct {
	Status int
	// Body is the beginning of the answer's body. It is a Secret because providers
	// put back into it what they were sent.
	Body Secret
}

// Error shows the status.
func (e *StatusError) Error() string {
	return fmt.Sprintf("the provider answered %d %s", e.Status, http.StatusText(e.Status))
}

// Pages reads a list page by page, as the connection and by the rules of its
// client. After an error there are no more pages.
//
// Every request goes to the origin (scheme, host and port) of the provider's base
// URL, or to a host that the provider's data or [Integration.APIHosts] lists: a link
// or a redirect to another one is a [*PageError] that names it, and nothing is sent. So is a cursor that has been there before, or a page of an offset
// that is the same as the one before it: the list would never end. An answer that is
// no success is a [*StatusError].
//
// A list by offset ends with an empty page. If a limit is asked for, it ends with
// one that is shorter than the limit and than the longest so far: a provider may
// give less than was asked for.
func (m *Connections) Pages(ctx context.Context, integration, id string, req PageRequest) iter.Seq2[Page, error] {
	return func(yield func(Page, error) bool) {
		w, err := m.walk(ctx, integration, id, req)
		for err == nil && w.more() {
			var page Page
			if page, err = w.page(ctx); err == nil && !yield(page, nil) {
				return
			}
		}
		if err != nil {
			yield(Page{}, opError("connections: pages", err, integration, id))
		}
	}
}

// Items reads a list item by item, as [Connections.Pages] does page by page.
func (m *Connections) Items(ctx context.Context, integration, id string, req PageRequest) iter.Seq2[json.RawMessage, error] {
	return func(yield func(json.RawMessage, error) bool) {
		n := 0
		for page, err := range m.Pages(ctx, integration, id, req) {
			if err != nil {
				yield(nil, err)
				return
			}
			for _, item := range page.Items {
				if n++; req.MaxItems > 0 && n > req.MaxItems || !yield(item, nil) {
					return
				}
			}
		}
	}
}
