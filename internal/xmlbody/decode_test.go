package xmlbody_test

import (
	"errors"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/tieline/tieline/internal/spec"
	"github.com/tieline/tieline/internal/xmlbody"
)

type obj = map[string]any

func TestDecode(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name, in string
		want     any
	}{
		{"login", "\ufeff" + declaration + "\n<!-- hello --><response>\n <operation>\n  <authentication><sessiontimeout>\n2030-01-01T00:00:00+00:00\n</sessiontimeout></authentication>" +
			"<result><data listtype=\"api\"><api><sessionid>a&amp;b</sessionid></api></data></result>\n </operation>\n</response>\n",
			obj{"response": obj{"operation": obj{
				"authentication": obj{"sessiontimeout": "2030-01-01T00:00:00+00:00"},
				"result":         obj{"data": obj{"$listtype": "api", "api": obj{"sessionid": "a&b"}}},
			}}}},
		{"empty", `<a/>`, obj{"a": ""}},
		{"empty, attribute", `<a b=""/>`, obj{"a": obj{"$b": ""}}},
		{"text beside an attribute", `<a b=" 1 "> x </a>`, obj{"a": obj{"$b": " 1 ", "#text": "x"}}},
		{"text beside an element", `<a>x<b/>y</a>`, obj{"a": obj{"b": "", "#text": "xy"}}},
		{"repeated", `<a><b>1</b><c/><b><d>2</d></b><b/></a>`, obj{"a": obj{"b": []any{"1", obj{"d": "2"}, ""}, "c": ""}}},
		{"twice", `<a><b/><b/></a>`, obj{"a": obj{"b": []any{"", ""}}}},
		{"prefixes", `<s:a xmlns:s="urn:x"><s:b>1</s:b><b>2</b></s:a>`, obj{"s:a": obj{"$xmlns:s": "urn:x", "s:b": "1", "b": "2"}}},
		{"escapes", `<a b="&#x9;&quot;">&lt;&#65;&#xD;&apos;<![CDATA[<b>&amp;]]></a>`, obj{"a": obj{"$b": "\t\"", "#text": "<A\r'<b>&amp;"}}},
		{"skipped", `<?p i?><a>1<!-- <b/> -->2<?p i?></a><!-- x --><?p i?>`, obj{"a": "12"}},
		{"line ends", "<a>x\r\ny\rz</a>", obj{"a": "x\ny\nz"}},
		{"other white space", "<a>\u00a0x\u2003</a>", obj{"a": "\u00a0x\u2003"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			got, err := xmlbody.Decode([]byte(tt.in))
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

func TestDecodeErrors(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		in   string
		want error
	}{
		"nothing":              {"", xmlbody.ErrMalformed},
		"white space":          {" \n", xmlbody.ErrMalformed},
		"declaration alone":    {declaration, xmlbody.ErrMalformed},
		"JSON":                 {`{"token":"ssw0rd"}`, xmlbody.ErrMalformed},
		"text before":          {`x<a/>`, xmlbody.ErrMalformed},
		"text after":           {`<a/>x`, xmlbody.ErrMalformed},
		"two roots":            {`<a/><b/>`, xmlbody.ErrMalformed},
		"one root twice":       {`<a/><a/>`, xmlbody.ErrMalformed},
		"not closed":           {`<a><b></b>`, xmlbody.ErrMalformed},
		"closed too often":     {`<a></a></a>`, xmlbody.ErrMalformed},
		"closed before opened": {`</a>`, xmlbody.ErrMalformed},
		"wrong end tag":        {`<a><ssw0rd></b></a>`, xmlbody.ErrMalformed},
		"wrong prefix":         {`<x:a></y:a>`, xmlbody.ErrMalformed},
		"attribute twice":      {`<a b="1" b="2"/>`, xmlbody.ErrMalformed},
		"attribute not quoted": {`<a b=ssw0rd/>`, xmlbody.ErrMalformed},
		"unknown entity":       {`<a>&ssw0rd;</a>`, xmlbody.ErrMalformed},
		"HTML entity":          {`<a>&nbsp;</a>`, xmlbody.ErrMalformed},
		"control character":    {"<a>\x01</a>", xmlbody.ErrMalformed},
		"referenced control":   {"<a>&#1;</a>", xmlbody.ErrMalformed},
		"not UTF-8":            {"<a>\xff</a>", xmlbody.ErrMalformed},
		"UTF-16":               {"\xff\xfe<\x00a\x00/\x00>\x00", xmlbody.ErrMalformed},
		"other encoding":       {`<?xml version="1.0" encoding="ISO-8859-1"?><a/>`, xmlbody.ErrMalformed},
		"doctype":              {`<!DOCTYPE a><a/>`, xmlbody.ErrDoctype},
		"entities": {`<!DOCTYPE a [<!ENTITY b "ssw0rd"><!ENTITY c SYSTEM "file:///etc/passwd">]><a>&b;&c;</a>`,
			xmlbody.ErrDoctype},
		"doctype within": {`<a><!DOCTYPE a></a>`, xmlbody.ErrDoctype},
		"doctype after":  {`<a/><!DOCTYPE a>`, xmlbody.ErrDoctype},
		"too deep":       {strings.Repeat("<a>", xmlbody.MaxDepth+1), xmlbody.ErrTooLarge},
		"much too deep":  {strings.Repeat("<a>", 300_000), xmlbody.ErrTooLarge},
		"too long":       {"<a>" + strings.Repeat("x", xmlbody.MaxSize-6) + "</a>", xmlbody.ErrTooLarge},
	} {
		got, err := xmlbody.Decode([]byte(tt.in))
		if !errors.Is(err, tt.want) || err.Error() != tt.want.Error() || got != nil {
			t.Errorf("%s: %v and error %v", name, got, err)
		}
	}
}

func TestLongest(t *testing.T) {
	t.Parallel()
	if _, err := xmlbody.Decode([]byte("<a>" + strings.Repeat("x", xmlbody.MaxSize-7) + "</a>")); err != nil {
		t.Error(err)
	}
}

// tree is what was decoded as something to encode.
func tree(v any) spec.Value {
	switch v := v.(type) {
	case map[string]any:
		out := spec.Value{Kind: spec.Object}
		for _, name := range slices.Sorted(maps.Keys(v)) {
			out.Map = append(out.Map, spec.Member{Name: name, Value: tree(v[name])})
		}
		return out
	case []any:
		out := spec.Value{Kind: spec.List}
		for _, e := range v {
			out.List = append(out.List, tree(e))
		}
		return out
	default:
		return spec.Value{Kind: spec.String, Text: v.(string)}
	}
}

// What was decoded comes back when it is encoded and decoded again.
func FuzzDecode(f *testing.F) {
	f.Add([]byte(declaration + `<a b="1">x<c/><c>&#xD;</c></a>`))
	f.Add([]byte(`<s:a xmlns:s="urn:x"><s:b>1</s:b><b><![CDATA[<]]></b></s:a>`))
	f.Add([]byte(`<!DOCTYPE a [<!ENTITY b "x">]><a>&b;</a>`))
	f.Fuzz(func(t *testing.T, b []byte) {
		first, err := xmlbody.Decode(b)
		if err != nil {
			if first != nil || !errors.Is(err, xmlbody.ErrMalformed) && !errors.Is(err, xmlbody.ErrDoctype) && !errors.Is(err, xmlbody.ErrTooLarge) {
				t.Fatalf("%v, error %v", first, err)
			}
			return
		}
		again, err := xmlbody.Encode(tree(first))
		var ee *xmlbody.EncodeError
		if errors.As(err, &ee) && ee.Reason == "is not an XML name" {
			return // the parser allows a few more, such as one that begins with a colon
		}
		if err != nil {
			t.Fatal(err)
		}
		second, err := xmlbody.Decode(again)
		if len(again) > xmlbody.MaxSize && errors.Is(err, xmlbody.ErrTooLarge) {
			return
		}
		if err != nil {
			t.Fatalf("%v in %q", err, again)
		}
		if diff := cmp.Diff(first, second); diff != "" {
			t.Fatalf("(-first +second):\n%s", diff)
		}
	})
}

// What was encoded comes back when it is decoded, as far as XML can tell it.
func FuzzEncode(f *testing.F) {
	f.Add(`{"a":{"$b":"1","c":["x",{"d":null}],"#text":" y\r\n","e":{}}}`)
	f.Add(`{"a":{"b":[[1]]}}`)
	f.Add(`{"a b":1}`)
	f.Fuzz(func(t *testing.T, src string) {
		var v spec.Value
		if v.UnmarshalJSON([]byte(src)) != nil {
			return
		}
		b, err := xmlbody.Encode(v)
		if err != nil || len(b) > xmlbody.MaxSize {
			return
		}
		got, err := xmlbody.Decode(b)
		if err != nil && !isASCII(src) {
			return // the parser's names are those of an earlier edition of XML
		}
		if err != nil {
			t.Fatalf("%v in %q", err, b)
		}
		if diff := cmp.Diff(plain(v), got); diff != "" {
			t.Fatalf("%q (-want +got):\n%s", b, diff)
		}
	})
}

func isASCII(s string) bool {
	return !strings.Contains(s, `\u`) && strings.IndexFunc(s, func(r rune) bool { return r > 0x7e }) < 0
}

// plain is the Go form of v after its way through XML.
func plain(v spec.Value) any {
	if v.Kind != spec.Object {
		return trimmed(v.Text)
	}
	out, text := map[string]any{}, ""
	for _, m := range v.Map {
		switch {
		case strings.HasPrefix(m.Name, "$"):
			out[m.Name] = m.Value.Text
		case m.Name == "#text":
			text = trimmed(m.Value.Text)
		case m.Value.Kind != spec.List:
			out[m.Name] = plain(m.Value)
		case len(m.Value.List) == 1:
			out[m.Name] = plain(m.Value.List[0])
		case len(m.Value.List) > 1:
			var list []any
			for _, e := range m.Value.List {
				list = append(list, plain(e))
			}
			out[m.Name] = list
		}
	}
	if len(out) == 0 {
		return text
	}
	if text != "" {
		out["#text"] = text
	}
	return out
}

func trimmed(s string) string { return strings.Trim(s, " \t\r\n") }
