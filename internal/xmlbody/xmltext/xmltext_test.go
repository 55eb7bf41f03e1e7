package xmltext_test

import (
	"encoding/xml"
	"testing"

	"github.com/tieline/tieline/internal/xmlbody/xmltext"
)

func TestEscapes(t *testing.T) {
	t.Parallel()
	const all = "a&b<c>d\"e'f\tg\nh\ri\r\nj é\U0001F600\u0085\u2028"
	const text = "a&amp;b&lt;c&gt;d\"e'f\tg\nh&#xD;i&#xD;\nj é\U0001F600\u0085\u2028"
	const attr = "a&amp;b&lt;c>d&quot;e'f&#x9;g&#xA;h&#xD;i&#xD;&#xA;j é\U0001F600\u0085\u2028"
	if got := string(xmltext.AppendText(nil, all)); got != text {
		t.Errorf("text:\n%q, want\n%q", got, text)
	}
	if got := string(xmltext.AppendAttr(nil, all)); got != attr {
		t.Errorf("attribute:\n%q, want\n%q", got, attr)
	}
}

// TestValid has the borders of Char in XML 1.0 section 2.2.
func TestValid(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		s    string
		want bool
	}{
		{"", true},
		{"\t\n\r", true},
		{"\x00", false},
		{"\x08", false},
		{"\x0b", false},
		{"\x0c", false},
		{"\x0e", false},
		{"\x1f", false},
		{" ", true},
		{"\x7f", true},
		{"a\xff", false},
		{"\xed\xa0\x80", false}, // a surrogate
		{"\xc0\x80", false},     // overlong
		{"\ufffd", true},        // the character itself, not a decoding error
		{"\ufffe", false},
		{"\uffff", false},
		{"\ud7ff\ue000", true},
		{"\U00010000\U0010ffff", true},
	} {
		if got := xmltext.Valid(tt.s); got != tt.want {
			t.Errorf("Valid(%q) = %v", tt.s, got)
		}
	}
}

// TestNames has the borders of NameStartChar and NameChar in XML 1.0 section 2.3.
func TestNames(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		s         string
		nc, qname bool
	}{
		{"a", true, true},
		{"_Z-9.é", true, true},
		{"a\u00b7\u0300\u036f\u203f\u2040", true, true},
		{"\u0370\u037d\u037f\u1fff\u200c\u200d\u2070\u218f\u2c00\u2fef\u3001\ud7ff\uf900\ufdcf\ufdf0\ufffd\U00010000\U000effff", true, true},
		{"soap:Envelope", false, true},
		{"", false, false},
		{":a", false, false},
		{"a:", false, false},
		{"a:b:c", false, false},
		{"a:1", false, false},
		{"1a", false, false},
		{"-a", false, false},
		{".a", false, false},
		{"\u00b7", false, false},
		{"\u0300", false, false},
		{"a b", false, false},
		{"a>", false, false},
		{"a/", false, false},
		{"a=\"", false, false},
		{"a\x00", false, false},
		{"a\xff", false, false},
		{"a\u00d7", false, false},
		{"a\u00f7", false, false},
		{"a\u037e", false, false},
		{"a\u2000", false, false},
		{"a\u3000", false, false},
		{"a\ue000", false, false},
		{"a\ufdd0", false, false},
		{"a\U000f0000", false, false},
	} {
		if got := xmltext.IsNCName(tt.s); got != tt.nc {
			t.Errorf("IsNCName(%q) = %v", tt.s, got)
		}
		if got := xmltext.IsQName(tt.s); got != tt.qname {
			t.Errorf("IsQName(%q) = %v", tt.s, got)
		}
	}
}

// What is valid comes back from a parser as it was.
func FuzzRoundTrip(f *testing.F) {
	f.Add("a&b<c>d\"e'f\tg\nh\ri\r\nj")
	f.Add("]]>")
	f.Add("&#xD;")
	f.Add("\x00")
	f.Fuzz(func(t *testing.T, s string) {
		if !xmltext.Valid(s) {
			return
		}
		doc := append(xmltext.AppendAttr([]byte(`<a b="`), s), `">`...)
		doc = append(xmltext.AppendText(doc, s), "</a>"...)
		var got struct {
			B    string `xml:"b,attr"`
			Text string `xml:",chardata"`
		}
		if err := xml.Unmarshal(doc, &got); err != nil {
			t.Fatalf("%q: %v", doc, err)
		}
		if got.B != s || got.Text != s {
			t.Fatalf("%q came back as %q and %q", s, got.B, got.Text)
		}
	})
}
