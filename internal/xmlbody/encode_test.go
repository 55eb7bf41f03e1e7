package xmlbody_test

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/tieline/tieline/internal/spec"
	"github.com/tieline/tieline/internal/xmlbody"
)

const declaration = `<?xml version="1.0" encoding="UTF-8"?>`

func value(t testing.TB, src string) spec.Value {
	t.Helper()
	var v spec.Value
	if err := json.Unmarshal([]byte(src), &v); err != nil {
		t.Fatalf("%v in %s", err, src)
	}
	return v
}

func TestEncode(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct{ name, in, want string }{
		// The shape of sage-intacct's login.
		{"login", `{"request":{"control":{"senderid":"me","password":"p&<>\"'","uniqueid":false,"dtdversion":"3.0"},
			"operation":{"content":{"function":{"getAPISession":"","$controlid":"c-1"}}}}}`,
			`<request><control><senderid>me</senderid><password>p&amp;&lt;&gt;"'</password><uniqueid>false</uniqueid><dtdversion>3.0</dtdversion></control>` +
				`<operation><content><function controlid="c-1"><getAPISession></getAPISession></function></content></operation></request>`},
		{"text root", `{"a":"x"}`, `<a>x</a>`},
		{"scalars", `{"a":{"b":null,"c":true,"d":1.50,"e":-1e9,"f":{},"g":[]}}`, `<a><b></b><c>true</c><d>1.50</d><e>-1e9</e><f></f></a>`},
		{"order", `{"a":{"z":"1","y":"2","x":"3"}}`, `<a><z>1</z><y>2</y><x>3</x></a>`},
		{"list", `{"a":{"b":["1",{"c":"2"},null],"d":["3"]}}`, `<a><b>1</b><b><c>2</c></b><b></b><d>3</d></a>`},
		{"attributes", `{"a":{"$z":"1","b":{"$y":null,"$x":"\t\n\r\"<&>"},"$w":2}}`, `<a z="1" w="2"><b y="" x="&#x9;&#xA;&#xD;&quot;&lt;&amp;>"></b></a>`},
		{"text", `{"a":{"$b":"1","#text":"x<y\r\n"}}`, "<a b=\"1\">x&lt;y&#xD;\n</a>"},
		{"mixed", `{"a":{"b":"1","#text":true,"c":"2"}}`, "<a><b>1</b>true<c>2</c></a>"},
		{"namespaces", `{"s:Envelope":{"$xmlns:s":"urn:x","s:Body":"é"}}`, `<s:Envelope xmlns:s="urn:x"><s:Body>é</s:Body></s:Envelope>`},
		{"injection", `{"a":{"b":"</b><admin/>","c":"<!-- ]]> &lt;"}}`, `<a><b>&lt;/b&gt;&lt;admin/&gt;</b><c>&lt;!-- ]]&gt; &amp;lt;</c></a>`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			got, err := xmlbody.Encode(value(t, tt.in))
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(declaration+tt.want, string(got)); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

func TestEncodeErrors(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct{ in, path string }{
		{`"ssw0rd"`, ""},
		{`null`, ""},
		{`[]`, ""},
		{`{}`, ""},
		{`{"a":"ssw0rd","b":"y"}`, ""},
		{`{"a":["ssw0rd"]}`, "a"},
		{`{"1a":"ssw0rd"}`, "1a"},
		{`{"":"ssw0rd"}`, ""},
		{`{"$a":"ssw0rd"}`, "$a"},
		{`{"#text":"ssw0rd"}`, "#text"},
		{`{"a":{"b":{"c d":"ssw0rd"}}}`, "a.b.c d"},
		{`{"a":{"b><c":"ssw0rd"}}`, "a.b><c"},
		{`{"a":{"#other":"ssw0rd"}}`, "a.#other"},
		{`{"a":{"b":"x","b:":"ssw0rd"}}`, "a.b:"},
		{`{"a":{"$b c":"ssw0rd"}}`, "a.$b c"},
		{`{"a":{"$":"ssw0rd"}}`, "a.$"},
		{`{"a":{"$b":{"c":"ssw0rd"}}}`, "a.$b"},
		{`{"a":{"$b":["ssw0rd"]}}`, "a.$b"},
		{`{"a":{"$b":"ssw0rd\u0001"}}`, "a.$b"},
		{`{"a":{"b":"ssw0rd\u0000"}}`, "a.b"},
		{`{"a":{"b":["x","ssw0rd\uffff"]}}`, "a.b"},
		{`{"a":{"#text":"ssw0rd\u001f"}}`, "a.#text"},
		{`{"a":{"#text":{"x":"ssw0rd"}}}`, "a.#text"},
		{`{"a":{"#text":["ssw0rd"]}}`, "a.#text"},
		{`{"a":{"b":[["ssw0rd"]]}}`, "a.b"},
	} {
		checkEncodeError(t, value(t, tt.in), tt.path)
	}
	// JSON can say neither of these.
	scalar := spec.Value{Kind: spec.String, Text: "ssw0rd"}
	for _, name := range []string{"$b", "b", "#text"} {
		twice := spec.Map{{Name: name, Value: scalar}, {Name: name, Value: scalar}}
		checkEncodeError(t, object("a", spec.Value{Kind: spec.Object, Map: twice}), "a."+name)
	}
	checkEncodeError(t, object("a", spec.Value{Kind: spec.String, Text: "ssw0rd\xff"}), "a")
	checkEncodeError(t, nested(xmlbody.MaxDepth+1), strings.Repeat("a.", xmlbody.MaxDepth)+"a")
}

func checkEncodeError(t *testing.T, v spec.Value, path string) {
	t.Helper()
	b, err := xmlbody.Encode(v)
	var ee *xmlbody.EncodeError
	if !errors.As(err, &ee) || b != nil {
		t.Errorf("%+v: error %v, body %q", v, err, b)
		return
	}
	if ee.Path != path || !strings.Contains(err.Error(), path) || strings.Contains(err.Error(), "ssw0rd") {
		t.Errorf("error %q at %q, want it at %q", err, ee.Path, path)
	}
}

func object(name string, v spec.Value) spec.Value {
	return spec.Value{Kind: spec.Object, Map: spec.Map{{Name: name, Value: v}}}
}

// nested is a document of n elements in each other.
func nested(n int) spec.Value {
	v := spec.Value{Kind: spec.String, Text: "x"}
	for range n {
		v = object("a", v)
	}
	return v
}

func TestDeepest(t *testing.T) {
	t.Parallel()
	b, err := xmlbody.Encode(nested(xmlbody.MaxDepth))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := xmlbody.Decode(b); err != nil {
		t.Error(err)
	}
}
