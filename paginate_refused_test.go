package tieline

import (
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"testing"
)

const (
	linkPages   = "paginate: {type: link, link_rel_in_response_header: next, link_path_in_response_body: next, response_path: d}"
	cursorPages = "paginate: {type: cursor, cursor_name_in_request: c, cursor_path_in_response: n, response_path: d}"
	offsetPages = "paginate: {type: offset, offset_name_in_request: o, response_path: d}"
)

// onePage is an answer with one item that leads to the next.
func onePage(next string) told {
	return told{body: `{"d":[1],"next":` + next + `,"n":` + next + `}`}
}

var endTests = []struct {
	name, proxy string
	answers     []told
	pages, sent int
	want        string // in the error; empty: there is none
}{
	{"another host", linkPages, []told{onePage(`"https://evil.example.net/list?secret=1"`)}, 1, 1, `another origin, "https://evil.example.net"`},
	{"another host without a scheme", linkPages, []told{onePage(`"//evil.example.net/list"`)}, 1, 1, `another origin, "https://evil.example.net"`},
	{"in the header", linkPages, []told{{body: `{"d":[1]}`, header: `Link: <https://evil.example.net/>; rel=next`}}, 1, 1, "another origin"},
	{"a host that looks like it", linkPages, []told{onePage(`"https://api.example.com.evil.net/"`)}, 1, 1, "another origin"},
	{"a host below it", linkPages, []told{onePage(`"https://x.api.example.com/"`)}, 1, 1, "another origin"},
	{"a user that looks like it", linkPages, []told{onePage(`"https://api.example.com@evil.example.net/"`)}, 1, 1, `"https://evil.example.net"`},
	{"a user", linkPages, []told{onePage(`"https://me:pass@api.example.com/"`)}, 1, 1, "has a user"},
	{"a backslash", linkPages, []told{onePage(`"https://api.example.com\\@evil.example.net/"`)}, 1, 1, "not a URL"},
	{"in the clear", linkPages, []told{onePage(`"http://api.example.com/list"`)}, 1, 1, `another origin, "http://api.example.com"`},
	{"another port", linkPages, []told{onePage(`"https://api.example.com:8443/list"`)}, 1, 1, `another origin, "https://api.example.com:8443"`},
	{"another scheme", linkPages, []told{onePage(`"javascript:alert(1)"`)}, 1, 1, "another origin"},
	{"no URL", linkPages, []told{onePage(`"https://[::1"`)}, 1, 1, "not a URL"},
	{"no string", linkPages, []told{onePage(`17`)}, 1, 1, ""},
	{"nothing", linkPages, []told{onePage(`"  "`)}, 1, 1, ""},
	{"itself", linkPages, []told{onePage(`"/v1/list?q=private"`)}, 1, 1, "been there before"},
	{"a circle of links", linkPages, []told{onePage(`"?p=2"`), onePage(`"?p=3"`), onePage(`"?p=2"`)}, 3, 3, "been there before"},
	{"the same cursor", cursorPages, []told{onePage(`"a"`)}, 2, 2, "been there before"},
	{"a circle of cursors", cursorPages, []told{onePage(`"a"`), onePage(`"b"`), onePage(`"a"`)}, 3, 3, "been there before"},
	{"an offset that is not looked at", offsetPages, []told{onePage(`0`)}, 1, 2, "the same as the one before"},
	{"a cursor that is none", cursorPages, []told{onePage(`{"a":1}`)}, 1, 1, ""},
	{"a cursor that is true", cursorPages, []told{onePage(`true`)}, 1, 1, ""},
	{"no list", cursorPages, []told{{body: `{"d":{"a":1}}`}}, 0, 1, `"d" of the answer is not a list`},
	{"no list at all", cursorPages, []told{{body: `{}`}}, 1, 1, ""},
	{"an empty body", cursorPages, []told{{status: 204}}, 1, 1, ""},
	{"no JSON", cursorPages, []told{{body: `<html>`}}, 0, 1, "not JSON"},
	{"too much", cursorPages, []told{{body: `{"d":["` + strings.Repeat("x", 2000) + `"]}`}}, 0, 1, "longer than 1500 bytes"},
	{"as much as is allowed", cursorPages, []told{{body: `{"d":[],"x":"` + strings.Repeat("x", 1485) + `"}`}}, 1, 1, ""},
	{"an error", cursorPages, []told{onePage(`"a"`), {status: 403, body: "s3cret"}}, 1, 2, "the provider answered 403 Forbidden"},
	{"a redirect to another host", cursorPages, []told{{status: 307, header: "Location: https://evil.example.net/?code=1"}}, 0, 1, `"https://evil.example.net"`},
	{"no answer", cursorPages, []told{{err: io.EOF}}, 0, 3, "EOF"},
	{"a redirect in the clear", cursorPages, []told{{status: 302, header: "Location: http://api.example.com/"}}, 0, 1, `"http://api.example.com"`},
	{"a redirect", cursorPages, []told{{status: 302, header: "Location: /v1/elsewhere"}, {body: `{"d":[1]}`}}, 1, 2, ""},
	{"redirects without end", cursorPages, []told{{status: 302, header: "Location: /v1/list"}}, 0, 10, "redirected too often"},
}

// A list that cannot be read on: the pages so far come, then one error, and nothing
// more is sent.
func TestPagesEnd(t *testing.T) {
	t.Parallel()
	for _, tt := range endTests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			w := newAPIWorld(t, tt.proxy, tt.answers...)
			got := readPages(w.Connections.Pages(t.Context(), "api", "alice", PageRequest{URL: "/list?q=private", MaxBytes: 1500}))
			if len(got.pages) != tt.pages || len(w.sent) != tt.sent {
				t.Errorf("%d pages of %d requests: %q", len(got.pages), len(w.sent), w.urls())
			}
			if tt.want == "" {
				if got.err != nil {
					t.Error(got.err)
				}
				return
			}
			text := fmt.Sprint(got.err)
			if !strings.Contains(text, tt.want) || !strings.HasPrefix(text, `connections: pages "api"/"alice": `) || strings.Contains(text, "s3cret") || strings.Contains(text, "?") {
				t.Errorf("the error is %s", text)
			}
			if origin := strings.Contains(tt.want, "origin") || strings.Contains(tt.want, "://"); origin != errors.Is(got.err, ErrForbidden) && tt.want != "has a user" {
				t.Errorf("ErrForbidden: %v", !origin)
			}
			for _, u := range w.urls() {
				if !strings.HasPrefix(u, "https://api.example.com/v1/") {
					t.Errorf("sent to %s", u)
				}
			}
		})
	}
}

func TestPageRequestIsChecked(t *testing.T) {
	t.Parallel()
	w := newAPIWorld(t, linkPages)
	below := int64(-1)
	for field, req := range map[string]PageRequest{
		"URL": {}, "url": {URL: "//evil.example.net/"}, "Limit": {URL: "/x", Limit: 5}, "MaxPages": {URL: "/x", MaxPages: -1}, "MaxItems": {URL: "/x", MaxItems: -1}, "MaxBytes": {URL: "/x", MaxBytes: -1},
		"Method": {URL: "/x", Method: "G T"}, "Cursor": {URL: "/x", Cursor: "{}"}, "Body": {URL: "/x", Body: []byte("{}")},
		"Pagination.Type": {}, "Pagination": {URL: "/x", Pagination: Pagination{Type: "pages"}}, "Pagination.OffsetStart": {URL: "/x", Pagination: Pagination{OffsetStart: &below}},
		"Pagination.OffsetStep": {URL: "/x", Pagination: Pagination{OffsetStep: "by-chance"}}, "Retry.Attempts": {URL: "/x", Client: ClientOptions{Retry: RetryPolicy{Attempts: -1}}},
	} {
		world := w
		if field == "Pagination.Type" {
			world, req.URL = newAPIWorld(t, ""), "/x"
		}
		got := readPages(world.Connections.Pages(t.Context(), "api", "alice", req))
		if !slices.Equal(fieldErrorsOf(got.err), []string{field}) || len(world.sent) > 0 {
			t.Errorf("%s: %v, sent %d", field, got.err, len(world.sent))
		}
	}
	for _, body := range []string{"[]", "null", "{} {}", "{"} {
		got := readPages(w.Connections.Pages(t.Context(), "api", "alice", PageRequest{URL: "/x", Method: "POST", Body: []byte(body)}))
		if !slices.Equal(fieldErrorsOf(got.err), []string{"Body"}) {
			t.Errorf("body %s: %v", body, got.err)
		}
	}
	for _, target := range []string{"https://evil.example.net/x", "https://me@api.example.com/x", "http://api.example.com/x"} {
		got := readPages(w.Connections.Pages(t.Context(), "api", "alice", PageRequest{URL: target}))
		if !errors.Is(got.err, ErrForbidden) {
			t.Errorf("%s: %v", target, got.err)
		}
	}
	got := readPages(w.Connections.Pages(t.Context(), "api", "alice", PageRequest{URL: "/x", Cursor: `"https://evil.example.net/x"`}))
	if !errors.Is(got.err, ErrForbidden) || len(w.sent) > 0 {
		t.Errorf("a cursor to elsewhere: %v, sent %q", got.err, w.urls())
	}
	got = readPages(w.Connections.Pages(t.Context(), "api", "bob", PageRequest{URL: "/x"}))
	if !errors.Is(got.err, ErrNotFound) {
		t.Errorf("nobody's list: %v", got.err)
	}
}

// However long a list is, a circle of up to a thousand pages is noticed, and no more
// than that is remembered.
func TestTrailIsBounded(t *testing.T) {
	t.Parallel()
	var s trail
	s.first("start")
	for i := range 10 * keptPages {
		if s.before(fmt.Sprint(i)) {
			t.Fatalf("%d was there before", i)
		}
	}
	if len(s.places) != keptPages || len(s.order) != keptPages {
		t.Errorf("%d places, %d in order", len(s.places), len(s.order))
	}
	if last := 10*keptPages - 1; !s.before(fmt.Sprint(last)) || !s.before(fmt.Sprint(last-keptPages+1)) || s.before(fmt.Sprint(last-keptPages)) {
		t.Error("the last thousand are not what is remembered")
	}
}

func TestLinkHeader(t *testing.T) {
	t.Parallel()
	for value, want := range map[string]string{
		`</a>; rel=next`: "/a", `</a>; rel="next"`: "/a", `</a>;REL="prev  Next"`: "/a", `< /a >; rel = next`: "/a",
		`</a>; rel=prev, </b>; rel=next`: "/b", `</a,b;c>; rel=next`: "/a,b;c", `</a>; title="x, </c>; rel=next"; rel=last, </b>; rel=next`: "/b",
		`</a>; title="\", </c>"; rel=next`: "/a", `</a>; rel=prev; rel=next`: "", `</a>; rel*=next`: "", `</a>`: "", `/a; rel=next`: "",
		`</a; rel=next`: "", `</a>; rel="next`: "/a", `,, </a>; rel=next`: "/a", ``: "", `</a>; rel=nextpage`: "", `</a>; anchor="#x"; rel=next`: "/a",
		`x </a>; rel=next`: "", `<>; rel=next`: "",
	} {
		if got := linkTo([]string{"</z>; rel=self", value}, "next"); got != want {
			t.Errorf("%s leads to %q, want %q", value, got, want)
		}
	}
}
