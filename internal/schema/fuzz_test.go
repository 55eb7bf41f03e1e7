package schema

import (
	"errors"
	"reflect"
	"testing"
)

// FuzzValidate: validation never panics, what it accepts encoding/json decodes and
// Encode writes validly again, and what it refuses has a reason.
func FuzzValidate(f *testing.F) {
	types := shapes()
	var schemas []*Schema
	for _, typ := range append(types, reflect.TypeFor[union](), reflect.TypeFor[even](), reflect.TypeFor[goldenNotes]()) {
		schemas = append(schemas, mustFor(f, typ))
	}
	for i := range schemas {
		f.Add(byte(i), []byte(`{"a":[1,-0,1e2,null,true,"\ud83d\ude00"],"a":{}}`))
	}
	f.Add(byte(3), []byte(`{"i":"1","u":"2","F":"1.5","B":"true","S":"\"a\"","L":[1]}`))
	f.Add(byte(6), []byte(`{"Text":{"a":1},"Ints":{"-1":""},"Uints":{"0":[true]},"Addrs":{"::1":1},"Times":{"2024-02-29T00:00:00Z":1},"Deep":{"a":{"b":[{"id":"","Name":"","Same":0}]}}}`))
	f.Add(byte(8), []byte(`{"Value":1,"Left":null,"Kids":[{"Value":2,"Kids":[],"Named":{}}],"Named":{"a":null}}`))
	f.Add(byte(15), []byte(`{"name":"ab","level":1,"ratio":0.5,"kind":"small","tags":["x"],"mail":"a@b.c","size":1}`))
	f.Add(byte(16), []byte(`{"kind":"b","more":"x"}`))
	f.Fuzz(func(t *testing.T, i byte, data []byte) {
		s := schemas[int(i)%len(schemas)]
		err := s.Validate(data)
		if err != nil {
			var faults Errors
			if !errors.As(err, &faults) || len(faults) == 0 || len(faults) > MaxErrors || faults[0].Reason == "" {
				t.Fatalf("%#v", err)
			}
			return
		}
		if err := decodes(data, s.typ); err != nil {
			t.Fatalf("%s: %s\n%v", s.typ, data, err)
		}
		v := reflect.New(s.typ)
		if err := s.Decode(data, v.Interface()); err != nil {
			t.Fatal(err)
		}
		if _, err := s.Encode(v.Interface()); err != nil {
			t.Fatalf("%s: %s\n%v", s.typ, data, err)
		}
	})
}
