package spec

import (
	"encoding/json"
	"os"
	"reflect"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

func everyKey(t *testing.T) Provider {
	t.Helper()
	data, err := os.ReadFile("testdata/every-key.yaml")
	if err != nil {
		t.Fatal(err)
	}
	entries, problems := readFile(File{Name: "every-key.yaml", Data: data})
	if len(problems) > 0 || len(entries) != 1 {
		t.Fatalf("%d entries, problems %v", len(entries), problems)
	}
	d := newDecoder(entries[0].name)
	var p Provider
	d.provider(&p, entries[0].pairs)
	if len(d.problems) > 0 {
		t.Fatalf("problems: %v", d.problems)
	}
	return p
}

// Every key is read, and none is forgotten in the test file.
func TestEveryKeyIsRead(t *testing.T) {
	t.Parallel()
	p := everyKey(t)
	requireAll(t, reflect.ValueOf(p), "")
	if got := len(keysOf(reflect.TypeFor[Provider]())); got < 90 {
		t.Errorf("an entry has only %d keys", got)
	}
}

// requireAll reports every field of a struct that is zero.
func requireAll(t *testing.T, v reflect.Value, path string) {
	t.Helper()
	switch v.Kind() {
	case reflect.Pointer:
		if !v.IsNil() {
			requireAll(t, v.Elem(), path)
		}
		return
	case reflect.Struct:
	default:
		return
	}
	for _, f := range reflect.VisibleFields(v.Type()) {
		key := f.Tag.Get("yaml")
		if key == "" || key == "-" || key == ",inline" || key == "alias" {
			continue
		}
		if json, _, _ := strings.Cut(f.Tag.Get("json"), ","); json != key {
			t.Errorf("%s%s is called %q in JSON", path, key, json)
		}
		field := v.FieldByIndex(f.Index)
		// A pointer to false, or to 0, is there.
		if field.IsZero() {
			t.Errorf("%s%s was not read, or is missing in testdata/every-key.yaml", path, key)
		}
		switch {
		case field.Type() == reflect.TypeFor[Fields]():
			if key == "connection_config" { // the sub-keys are the same everywhere
				requireAll(t, field.Index(0), path+key+".*.")
			}
		case field.Type() == reflect.TypeFor[Value](), field.Type() == reflect.TypeFor[TokenURL]():
		case field.Kind() == reflect.Slice && field.Type().Elem().Kind() == reflect.Struct && field.Type() != reflect.TypeFor[Map]():
			requireAll(t, field.Index(0), path+key+"[0].")
		default:
			requireAll(t, field, path+key+".")
		}
	}
}

var compareProviders = []cmp.Option{cmpopts.IgnoreUnexported(Field{}), cmpopts.EquateEmpty()}

// The fast form loses nothing, and is what encoding/json reads as well.
func TestFastFormIsTheWholeEntry(t *testing.T) {
	t.Parallel()
	p := everyKey(t)
	data, err := EncodeEntry(&Entry{Name: "everything", Provider: p})
	if err != nil {
		t.Fatal(err)
	}
	var fast, slow Provider
	if err := readJSON(string(data), &fast); err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(data, &slow); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(p, fast, compareProviders...); diff != "" {
		t.Errorf("what was read is not what was written (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(p, slow, compareProviders...); diff != "" {
		t.Errorf("encoding/json reads something else (-want +got):\n%s", diff)
	}
	again, err := EncodeEntry(&Entry{Provider: fast})
	if err != nil || string(again) != string(data) {
		t.Errorf("written again it differs: %s, %v", again, err)
	}
}

func TestOrderIsKept(t *testing.T) {
	t.Parallel()
	const src = `{"z":{"b":1,"a":[true,null,"x",2.50]},"a":"é<&>\n\u2028"}`
	var m Map
	if err := json.Unmarshal([]byte(src), &m); err != nil {
		t.Fatal(err)
	}
	data, err := EncodeEntry(&Entry{Provider: Provider{TokenParams: m}})
	if err != nil {
		t.Fatal(err)
	}
	if want := `{"token_params":` + src + `}`; string(data) != want {
		t.Errorf("wrote %s, want %s", data, want)
	}
}

func TestBadFastForm(t *testing.T) {
	t.Parallel()
	for _, data := range []string{
		``, `{`, `{"a"`, `{"display_name":1}`, `{"display_name":"a}`, `{"display_name":"a"} x`, `[]`, `"x"`, `{"display_name":"\x"}`,
		`{"categories":["a" "b"]}`, `{"categories":"a"}`, `{"disable_pkce":maybe}`, `{"token_expires_in_ms":"1"}`, `{"proxy":[]}`,
		`{"token_params":{"a":01}}`, `{"token_params":{"a":tru}}`, `{"auth_mode":"FOO"}`, `{"auth_mode":"OAUTH2","token_url":"nonsense"}`,
		`{"token_params":` + strings.Repeat(`{"a":`, 40) + `1` + strings.Repeat(`}`, 41),
	} {
		if e, err := DecodeEntry("x", data); err == nil {
			t.Errorf("DecodeEntry(%s) = %+v", data, e)
		}
	}
	if _, err := DecodeEntry("x", ` { "auth_mode" : "NONE" , "future" : [ { "a" : null } ] } `); err != nil {
		t.Errorf("spaces and a key of the future: %v", err)
	}
}

func FuzzReadJSON(f *testing.F) {
	for _, s := range []string{`{}`, `[1,2.5e3,-0]`, `{"a":{"b":[true,false,null,"x"]}}`, `"\u00e9\n\"\\"`, ` { "a" : 1 } `, `"`, `{"a":}`, `[,]`, `{"a" 1}`, `nul`} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, src string) {
		var v Value
		err := readJSON(src, &v)
		if !json.Valid([]byte(src)) {
			return // what is not JSON may be read as something; it may not crash
		}
		var want any
		if json.Unmarshal([]byte(src), &want) != nil || err != nil {
			return // nested too deeply for one of the two
		}
		data, err := json.Marshal(v)
		if err != nil {
			t.Fatalf("%s cannot be written: %v", src, err)
		}
		var got any
		if err := json.Unmarshal(data, &got); err != nil {
			t.Fatalf("%s was written as %s: %v", src, data, err)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Fatalf("%s was read as %s (-want +got):\n%s", src, data, diff)
		}
	})
}
