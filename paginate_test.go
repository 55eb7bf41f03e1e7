package tieline

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"iter"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
)

// read is what a walk gave.
type read struct {
	pages []string // their items, with spaces between
	next  []string
	err   error
}

func readPages(pages iter.Seq2[Page, error]) read {
	var r read
	for page, err := range pages {
		if err != nil {
			r.err = err
			continue
		}
		var items []string
		for _, item := range page.Items {
			items = append(items, string(item))
		}
		r.pages = append(r.pages, strings.Join(items, " "))
		r.next = append(r.next, page.Next)
	}
	return r
}

// numbers is a list of 1 to 7, of which an API gives so many at a time. at is the
// place of the first.
func numbers(at, n int) (list string, next int) {
	items := []string{}
	for i := at; i < min(at+n, 7); i++ {
		items = append(items, strconv.Itoa(i+1))
	}
	if next = at + n; next >= 7 {
		next = 0
	}
	return "[" + strings.Join(items, ",") + "]", next
}

func numberOr(text string, otherwise int) int {
	if n, err := strconv.Atoi(text); err == nil {
		return n
	}
	return otherwise
}

// styles are the ways in which the list is divided: the provider's data, and the
// API that follows it.
var styles = map[string]struct {
	proxy string
	serve func(r *http.Request, body string) told
}{
	"link in the header": {"paginate: {type: link, link_rel_in_response_header: next, limit_name_in_request: per_page}",
		func(r *http.Request, _ string) told {
			list, next := numbers(numberOr(r.URL.Query().Get("at"), 0), numberOr(r.URL.Query().Get("per_page"), 3))
			if next == 0 {
				return told{body: list, header: `Link: <https://api.example.com/v1/list?at=0>; rel="first"`}
			}
			return told{body: list, header: fmt.Sprintf(`Link: </v1/list?at=0,0>; title="a, b; rel=next"; rel=first, <list?at=%d&per_page=%s>; rel="x NEXT"`, next, r.URL.Query().Get("per_page"))}
		}},
	"link in the body": {"paginate: {type: link, link_path_in_response_body: meta.next, response_path: data, limit_name_in_request: per_page}",
		func(r *http.Request, _ string) told {
			list, next := numbers(numberOr(r.URL.Query().Get("at"), 0), numberOr(r.URL.Query().Get("per_page"), 3))
			link := "null"
			if next > 0 {
				link = fmt.Sprintf("%q", fmt.Sprintf("https://API.example.com:443/v1/list?at=%d&per_page=%s#x", next, r.URL.Query().Get("per_page")))
			}
			return told{body: fmt.Sprintf(`{"data":%s,"meta":{"next":%s}}`, list, link)}
		}},
	"cursor": {"paginate: {type: cursor, cursor_name_in_request: after, cursor_path_in_response: paging.after, response_path: data, limit_name_in_request: n}",
		func(r *http.Request, _ string) told {
			list, next := numbers(numberOr(strings.TrimPrefix(r.URL.Query().Get("after"), "c&"), 0), numberOr(r.URL.Query().Get("n"), 3))
			if next == 0 {
				return told{body: fmt.Sprintf(`{"data":%s,"paging":{"after":""}}`, list)}
			}
			return told{body: fmt.Sprintf(`{"data":%s,"paging":{"after":"c&%d"}}`, list, next)}
		}},
	"offset": {"paginate: {type: offset, offset_name_in_request: skip, limit_name_in_request: take, response_path: data}",
		func(r *http.Request, _ string) told {
			list, _ := numbers(numberOr(r.URL.Query().Get("skip"), 99), numberOr(r.URL.Query().Get("take"), 3))
			return told{body: fmt.Sprintf(`{"data":%s}`, list)}
		}},
	"page number": {"paginate: {type: offset, offset_name_in_request: page, offset_start_value: 1, offset_calculation_method: per-page, limit_name_in_request: take}",
		func(r *http.Request, _ string) told {
			n := numberOr(r.URL.Query().Get("take"), 3)
			list, _ := numbers((numberOr(r.URL.Query().Get("page"), 99)-1)*n, n)
			return told{body: list}
		}},
}

func TestPages(t *testing.T) {
	t.Parallel()
	for name, style := range styles {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newAPIWorld(t, style.proxy)
			w.serve = style.serve
			ends := strings.Contains(style.proxy, "offset") // with an empty page
			for _, tt := range []struct {
				req  PageRequest
				want []string
				sent int
			}{
				{PageRequest{}, []string{"1 2 3", "4 5 6", "7"}, 3},
				{PageRequest{Limit: 2}, []string{"1 2", "3 4", "5 6", "7"}, 4},
				{PageRequest{MaxPages: 2}, []string{"1 2 3", "4 5 6"}, 2},
				{PageRequest{MaxItems: 4}, []string{"1 2 3", "4 5 6"}, 2},
				{PageRequest{MaxItems: 3}, []string{"1 2 3"}, 1},
			} {
				if ends && tt.req.Limit+tt.req.MaxPages+tt.req.MaxItems == 0 {
					tt.want, tt.sent = append(tt.want, ""), tt.sent+1
				}
				w.sent = nil
				tt.req.URL = "list?q=a%20b"
				got := readPages(w.Connections.Pages(t.Context(), "api", "alice", tt.req))
				if diff := cmp.Diff(tt.want, got.pages); diff != "" || got.err != nil {
					t.Errorf("%+v: %v, -want +got:\n%s", tt.req, got.err, diff)
				}
				if len(w.sent) != tt.sent {
					t.Errorf("%+v: sent %q, want %d", tt.req, w.urls(), tt.sent)
				}
				if !strings.Contains(w.sent[0].url, "?q=a%20b") || w.sent[0].auth != "Bearer k3y" {
					t.Errorf("the first request: %+v", w.sent[0])
				}
				if last := got.next[len(got.next)-1]; (last == "") != (tt.req.MaxPages+tt.req.MaxItems == 0) {
					t.Errorf("%+v: after the last page comes %s", tt.req, last)
				}
			}
		})
	}
}

// Every page says how to go on after it, in another process too.
func TestPagesGoOn(t *testing.T) {
	t.Parallel()
	for name, style := range styles {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newAPIWorld(t, style.proxy)
			w.serve = style.serve
			req := PageRequest{URL: "/list", Limit: 2}
			all := readPages(w.Connections.Pages(t.Context(), "api", "alice", req))
			if all.err != nil || len(all.pages) != 4 {
				t.Fatalf("%+v", all)
			}
			for i, next := range all.next[:3] {
				req.Cursor = next
				got := readPages(w.Connections.Pages(t.Context(), "api", "alice", req))
				if n := len(got.pages); n > 0 && got.pages[n-1] == "" {
					got.pages = got.pages[:n-1] // by offset; how long a page can be is not known any more
				}
				if diff := cmp.Diff(all.pages[i+1:], got.pages); diff != "" || got.err != nil {
					t.Errorf("after page %d, with %s: %v, -want +got:\n%s", i+1, next, got.err, diff)
				}
			}
		})
	}
}

// A page that is shorter than the limit is not the last if all are: the provider has
// a limit of its own.
func TestPagesOfASmallerLimit(t *testing.T) {
	t.Parallel()
	w := newAPIWorld(t, "paginate: {type: offset, offset_name_in_request: skip, limit_name_in_request: take}")
	w.serve = func(r *http.Request, _ string) told {
		list, _ := numbers(numberOr(r.URL.Query().Get("skip"), 0), min(3, numberOr(r.URL.Query().Get("take"), 3)))
		return told{body: list}
	}
	for _, req := range []PageRequest{{URL: "/list", Limit: 100}, {URL: "/list?take=100"}} {
		w.sent = nil
		got := readPages(w.Connections.Pages(t.Context(), "api", "alice", req))
		if diff := cmp.Diff([]string{"1 2 3", "4 5 6", "7"}, got.pages); diff != "" || got.err != nil || len(w.sent) != 3 {
			t.Errorf("%v, sent %d, -want +got:\n%s", got.err, len(w.sent), diff)
		}
	}
}

func TestItems(t *testing.T) {
	t.Parallel()
	w := newAPIWorld(t, styles["cursor"].proxy)
	w.serve = styles["cursor"].serve
	items := func(req PageRequest, stop int) (got []string) {
		req.URL = "/list"
		for item, err := range w.Connections.Items(t.Context(), "api", "alice", req) {
			if err != nil {
				t.Fatal(err)
			}
			if got = append(got, string(item)); len(got) == stop {
				break
			}
		}
		return got
	}
	for _, tt := range []struct {
		req        PageRequest
		stop, want int
		sent       int
	}{{PageRequest{}, 0, 7, 3}, {PageRequest{MaxItems: 4}, 0, 4, 2}, {PageRequest{MaxItems: 3}, 0, 3, 1}, {PageRequest{}, 2, 2, 1}, {PageRequest{MaxPages: 2}, 0, 6, 2}} {
		w.sent = nil
		if got := items(tt.req, tt.stop); len(got) != tt.want || len(w.sent) != tt.sent {
			t.Errorf("%+v: %v, sent %d", tt.req, got, len(w.sent))
		}
	}
	w.serve = func(*http.Request, string) told { return told{status: 404} }
	for _, err := range w.Connections.Items(t.Context(), "api", "alice", PageRequest{URL: "/list"}) {
		if status := new(StatusError); !errors.As(err, &status) || status.Status != 404 {
			t.Errorf("%v", err)
		}
	}
}

// With POST the cursor is in the body, as the provider wrote it: a long number stays
// one, and no digit is lost.
func TestPagesInTheBody(t *testing.T) {
	t.Parallel()
	const long = "12345678901234567890123"
	w := newAPIWorld(t, "paginate: {type: cursor, cursor_name_in_request: variables.after, cursor_path_in_response: next, limit_name_in_request: first, response_path: rows}",
		told{body: `{"rows":[{"id":` + long + `}],"next":` + long + `}`}, told{body: `{"rows":[1e400],"next":"` + long + `0"}`}, told{body: `{"next":null}`})
	req := PageRequest{URL: "/search", Method: http.MethodPost, Limit: 5, Body: json.RawMessage(`{"variables":{"q":90071992547409931},"first":1}`)}
	got := readPages(w.Connections.Pages(t.Context(), "api", "alice", req))
	if diff := cmp.Diff([]string{`{"id":` + long + `}`, "1e400", ""}, got.pages); diff != "" || got.err != nil {
		t.Errorf("%v, -want +got:\n%s", got.err, diff)
	}
	req.Cursor = got.next[0]
	_ = readPages(w.Connections.Pages(t.Context(), "api", "alice", req))
	var bodies []string
	for _, s := range w.sent {
		bodies = append(bodies, s.body)
		if s.url != "https://api.example.com/v1/search" || s.method != "POST" {
			t.Errorf("%s %s", s.method, s.url)
		}
	}
	want := []string{
		`{"first":5,"variables":{"q":90071992547409931}}`,
		`{"first":5,"variables":{"after":` + long + `,"q":90071992547409931}}`,
		`{"first":5,"variables":{"after":"` + long + `0","q":90071992547409931}}`,
		`{"first":5,"variables":{"after":` + long + `,"q":90071992547409931}}`,
	}
	if diff := cmp.Diff(want, bodies); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

// What the caller says goes before what the provider's data says, field by field.
func TestPaginationOfTheCaller(t *testing.T) {
	t.Parallel()
	zero := int64(0)
	w := newAPIWorld(t, "paginate: {type: offset, offset_name_in_request: page, offset_start_value: 1, offset_calculation_method: per-page, response_path: data, limit_name_in_request: take}",
		told{body: `[1,2]`}, told{body: `[]`})
	got := readPages(w.Connections.Pages(t.Context(), "api", "alice", PageRequest{URL: "/x?take=9", Limit: 2, Pagination: Pagination{
		OffsetParam: "skip", OffsetStart: &zero, OffsetStep: OffsetByItems, ItemsPath: "$",
	}}))
	want := []string{"https://api.example.com/v1/x?take=2&skip=0", "https://api.example.com/v1/x?take=2&skip=2"}
	if diff := cmp.Diff(want, w.urls()); diff != "" || got.err != nil {
		t.Errorf("%v, -want +got:\n%s", got.err, diff)
	}
}

// A page is asked for as the client asks for anything: repeated, and with a
// credential that is renewed.
func TestPagesUseTheClient(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newAPIWorld(t, "paginate: {type: cursor, cursor_name_in_request: c, cursor_path_in_response: n, response_path: d}",
			told{body: `{"d":[1],"n":"a"}`}, told{status: 429, header: "Retry-After: 4"}, told{body: `{"d":[2]}`})
		got := readPages(w.Connections.Pages(t.Context(), "api", "alice", PageRequest{URL: "/x"}))
		if diff := cmp.Diff([]string{"1", "2"}, got.pages); diff != "" || got.err != nil {
			t.Errorf("%v, -want +got:\n%s", got.err, diff)
		}
		diffWaits(t, w, 0, 4*time.Second)

		ctx, cancel := context.WithCancel(t.Context())
		n := 0
		for _, err := range w.Connections.Pages(ctx, "api", "alice", PageRequest{URL: "/y", Pagination: Pagination{Type: PaginationOffset, OffsetParam: "o"}}) {
			if n++; err == nil {
				cancel()
			} else if !errors.Is(err, context.Canceled) {
				t.Error(err)
			}
		}
		if n != 2 {
			t.Errorf("%d turns", n)
		}
		cancel()
	})
}

// A link has a key of the query in it, as providers repeat the whole URL. It is not
// shown, and a newer one replaces it.
func TestPagesDoNotShowTheKey(t *testing.T) {
	t.Parallel()
	w := newAPIWorld(t, "query: {api_key: '${apiKey}'}\npaginate: {type: link, link_path_in_response_body: next, response_path: d}",
		told{body: `{"d":[],"next":"https://api.example.com/v1/x?page=2&api_key=0ld&access_token=0ld&z=%20"}`}, told{body: `{"d":[]}`})
	got := readPages(w.Connections.Pages(t.Context(), "api", "alice", PageRequest{URL: "/x?page=1"}))
	want := []string{"https://api.example.com/v1/x?page=1&api_key=k3y", "https://api.example.com/v1/x?page=2&z=%20&api_key=k3y"}
	if diff := cmp.Diff(want, w.urls()); diff != "" || got.err != nil || got.next[0] != `"https://api.example.com/v1/x?page=2\u0026z=%20"` {
		t.Errorf("%v, next %s, -want +got:\n%s", got.err, got.next[0], diff)
	}
	resp, err := w.client(ClientOptions{}).Get("/x?page=1")
	body(t, resp, err)
	if u, _ := url.Parse("https://api.example.com/v1/x?page=1"); *resp.Request.URL != *u {
		t.Errorf("the caller gets to see %s", resp.Request.URL)
	}
}
