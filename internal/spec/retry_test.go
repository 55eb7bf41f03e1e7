package spec

import (
	"net/http"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestRetryIsCompiled(t *testing.T) {
	t.Parallel()
	r := entry(t, apiKeyWith("retry: {at: [x-reset], after: [retry-after], remaining: x-left, error_code: [\"429\", 5xx, 500-502]}")).Retry
	got := []any{r.At, r.After, r.Remaining, r.InBody == nil, r.Replaces()}
	if diff := cmp.Diff([]any{[]string{"X-Reset"}, []string{"Retry-After"}, "X-Left", true, true}, got); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
	if none := entry(t, apiKeyWith("decompress: true")).Retry; none == nil || none.Replaces() || none.Lists(429) || none.Exhausted(http.Header{}) {
		t.Errorf("an entry without the key: %+v", none)
	}
}

func TestRetryCodes(t *testing.T) {
	t.Parallel()
	for codes, want := range map[string][]int{ // of 400, 429, 499, 500, 502, 503, 599
		`["429"]`: {429}, "[5xx]": {500, 502, 503, 599}, "[500-502]": {500, 502}, `["400", 5xx]`: {400, 500, 502, 503, 599},
		"[502-500]": nil, "[six]": nil, "[]": nil,
	} {
		p := &Retry{}
		if e := entry(t, apiKeyWith("retry: {error_code: "+codes+"}")); e.Provider.Proxy.Retry != nil {
			p = e.Provider.Proxy.Retry
		}
		var got []int
		for _, status := range []int{400, 429, 499, 500, 502, 503, 599} {
			if p.compile().Lists(status) {
				got = append(got, status)
			}
		}
		if diff := cmp.Diff(want, got); diff != "" || p.compile().Replaces() != (want != nil) {
			t.Errorf("%s, replaces %v: -want +got:\n%s", codes, p.compile().Replaces(), diff)
		}
	}
}

func TestRetryRemaining(t *testing.T) {
	t.Parallel()
	r := &CompiledRetry{Remaining: "X-Left"}
	for value, want := range map[string][2]bool{"0": {true, false}, " 0 ": {true, false}, "1": {false, true}, "": {}, "none": {}, "-1": {}} {
		h := http.Header{"X-Left": {value}}
		if got := [2]bool{r.Exhausted(h), r.Left(h)}; got != want {
			t.Errorf("%q: exhausted and left %v", value, got)
		}
	}
	if none := (http.Header{}); r.Exhausted(none) || r.Left(none) {
		t.Error("a header that is not there")
	}
}

// A pattern may be written as in JavaScript, between slashes.
func TestRetryPatterns(t *testing.T) {
	t.Parallel()
	const text = "Limit reached. Retry after 2030-01-02T03:04:05Z/UTC"
	for pattern, want := range map[string]string{
		`Retry after ([^/]+)`: "2030-01-02T03:04:05Z", `/Retry after ([^/]+)/`: "2030-01-02T03:04:05Z",
		`/retry AFTER ([^\/]+)\/utc/i`: "2030-01-02T03:04:05Z", `/retry after (.+)/`: "", `/RETRY.*?(\d+)/gi`: "2030",
		`/(UTC)`: "UTC", `/Limit (re.)/x`: "",
	} {
		re, err := compilePattern(pattern)
		if err != nil {
			t.Fatal(err)
		}
		got := ""
		if found := re.FindStringSubmatch(text); len(found) > 1 {
			got = found[1]
		}
		if got != want {
			t.Errorf("%s finds %q, want %q", pattern, got, want)
		}
	}
	for _, pattern := range []string{"/(?<=x)(y)/", "/(/", "("} {
		if _, err := compilePattern(pattern); err == nil {
			t.Errorf("%s compiles", pattern)
		}
		e := entry(t, apiKeyWith("retry: {in_body: {path: e, value: '"+pattern+"', strategy: at}}"))
		if e.Retry.InBody != nil {
			t.Errorf("%s is used", pattern)
		}
	}
	b := entry(t, apiKeyWith("retry: {in_body: {path: error.message, value: '/after (.+)/', strategy: at}}")).Retry.InBody
	if b == nil || b.Path != "error.message" || !b.At || !b.Pattern.MatchString("after x") {
		t.Errorf("in_body %+v", b)
	}
}
