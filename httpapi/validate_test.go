package httpapi

import (
	"encoding/json"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
)

// readAnything reads members in every way there is.
func readAnything(o *object) {
	o.text("a", minLength(1), maxLength(3))
	o.optionalText("b", matching(patternKey))
	o.boolean("c")
	o.record("d", true)
	o.list("e", isURL)
	if inner := o.object("f", false); inner != nil {
		inner.text("g", isEmail)
		inner.strict()
	}
	o.ignore("h")
	o.strict()
}

// checkItems checks what every report has: a code, a message, and a path of strings.
func checkItems(t *testing.T, o *object, code string) {
	t.Helper()
	err := o.err(code)
	if err == nil {
		return
	}
	data, merr := json.Marshal(err)
	if merr != nil {
		t.Fatal(merr)
	}
	var got struct {
		Error struct {
			Code   string
			Errors []struct {
				Code, Message string
				Path          []string
			}
		}
	}
	if err := json.Unmarshal(data, &got); err != nil || got.Error.Code != code || len(got.Error.Errors) == 0 {
		t.Fatalf("%s: %v", data, err)
	}
	for _, e := range got.Error.Errors {
		if e.Code == "" || e.Message == "" || e.Path == nil {
			t.Errorf("%+v", e)
		}
	}
}

func FuzzReadBody(f *testing.F) {
	for _, seed := range []string{`{}`, `{"a":"x","b":"y","c":true,"d":{"k":"v"},"e":["https://example.com"],"f":{"g":"a@example.com"},"h":null}`,
		`{"a":1,"a":"x"}`, `[]`, "{\"\xff\":1}", `{"a":{"a":{"a":[]}}}`, `{"e":[[],1,null]}`, `{"A":"\ud800"}`, ` `, `{} x`} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, body string) {
		o, err := readBody(httptest.NewRequestWithContext(t.Context(), "POST", "/", strings.NewReader(body)))
		if err != nil {
			return
		}
		if strings.TrimSpace(body) != "" && !json.Valid([]byte(body)) {
			t.Fatalf("%q was taken for JSON", body)
		}
		if len(o.order) != len(o.members) {
			t.Fatalf("%q: the names %q are those of %v", body, o.order, o.members)
		}
		readAnything(o)
		checkItems(t, o, "invalid_body")
	})
}

func FuzzReadQuery(f *testing.F) {
	for _, seed := range []string{"a=x&b=y", "a=1&a=2", "d[k]=v&d[l]=w", "e[]=1&e[]=2&e=3", "[", "[]=1", "a[=1", "a]=1", "a[b[c]]=1", "a[b][c]=1", "%5B%5D", "a=%ff", "d=1&d[k]=2&d[]=3", "&&=", "h"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, raw string) {
		query, err := url.ParseQuery(raw)
		if refused := checkQuery(raw); err != nil && refused == nil {
			t.Fatalf("%q is taken although a part is overlooked", raw)
		}
		o := readQuery(query)
		if len(o.order) != len(o.members) {
			t.Fatalf("%q: the names %q are those of %v", raw, o.order, o.members)
		}
		readAnything(o)
		checkItems(t, o, "invalid_query_params")
	})
}

// What is not read is reported, so no name is overlooked.
func TestReadQuery(t *testing.T) {
	t.Parallel()
	for raw, want := range map[string]string{
		"a=1": `{"a":"1"}`, "a=1&a=2": `{"a":["1","2"]}`, "a[]=1": `{"a":["1"]}`, "a[]=1&a[]=2": `{"a":["1","2"]}`, "a[b]=1&a[c]=2": `{"a":{"b":"1","c":"2"}}`,
		"a": `{"a":""}`, "a[b": `{"a[b":""}`, "a[b]c=1": `{"a[b]c":"1"}`, "": `{}`, "%5B": `{"[":""}`,
	} {
		query, err := url.ParseQuery(raw)
		if err != nil {
			t.Fatal(err)
		}
		if got, _ := json.Marshal(readQuery(query).members); string(got) != want {
			t.Errorf("%s: %s, want %s", raw, got, want)
		}
	}
}
