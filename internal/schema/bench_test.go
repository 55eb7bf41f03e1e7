package schema

import (
	"encoding/json"
	"reflect"
	"testing"
	"time"
)

// ticket is a typical input: ten fields, one of them a list.
type ticket struct {
	ID       string    `json:"id" format:"uuid"`
	Title    string    `json:"title" minLength:"1" maxLength:"200"`
	Body     string    `json:"body"`
	Priority int       `json:"priority" minimum:"1" maximum:"5"`
	State    string    `json:"state" enum:"open,closed,waiting"`
	Urgent   bool      `json:"urgent"`
	Score    float64   `json:"score" minimum:"0"`
	Due      time.Time `json:"due"`
	Owner    *string   `json:"owner" format:"email"`
	Lines    []line    `json:"lines" maxItems:"50"`
}

type line struct {
	SKU   string `json:"sku" pattern:"^[A-Z]{3}-[0-9]+$"`
	Count uint16 `json:"count"`
}

const ticketJSON = `{"id":"7b1c5f4e-3f0a-4a57-9d3c-0f8a4f0c2d11","title":"The printer on floor 3","body":"It prints \"PC LOAD LETTER\" and nothing else.",` +
	`"priority":2,"state":"open","urgent":false,"score":0.75,"due":"2025-03-04T10:00:00Z","owner":"ann@example.com",` +
	`"lines":[{"sku":"ABC-1","count":1},{"sku":"ABC-22","count":2},{"sku":"DEF-333","count":3},{"sku":"GHI-4444","count":4},{"sku":"JKL-5","count":5}]}`

// BenchmarkValidate has its floor beside it: encoding/json going through the text
// without a schema, and decoding it.
func BenchmarkValidate(b *testing.B) {
	s := mustFor(b, reflect.TypeFor[ticket]())
	data := []byte(ticketJSON)
	run := func(name string, do func() bool) {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			b.SetBytes(int64(len(data)))
			for b.Loop() {
				if !do() {
					b.Fatal("refused")
				}
			}
		})
	}
	run("validate", func() bool { return s.Validate(data) == nil })
	run("floor: json.Valid", func() bool { return json.Valid(data) })
	run("json.Unmarshal", func() bool { return json.Unmarshal(data, new(ticket)) == nil })
	run("decode", func() bool { return s.Decode(data, new(ticket)) == nil })
	v := new(ticket)
	if err := s.Decode(data, v); err != nil {
		b.Fatal(err)
	}
	run("encode", func() bool { _, err := s.Encode(v); return err == nil })
}

func BenchmarkFor(b *testing.B) {
	b.ReportAllocs()
	for b.Loop() {
		mustFor(b, reflect.TypeFor[ticket]())
	}
}

// TestFewAllocations: a check of plain members allocates nothing.
func TestFewAllocations(t *testing.T) {
	type plain struct {
		A string         `json:"a" minLength:"1" enum:"x,y" pattern:"x|y"`
		B []int          `json:"b" minItems:"1"`
		C map[string]any `json:"c"`
		D *float64       `json:"d" minimum:"1"`
		E time.Time      `json:"e"`
	}
	s := mustFor(t, reflect.TypeFor[plain]())
	data := []byte(`{"a":"x","b":[1,2,3],"c":{},"d":1.5,"e":"2025-03-04T10:00:00Z"}`)
	if n := testing.AllocsPerRun(100, func() { _ = s.Validate(data) }); n != 0 || s.Validate(data) != nil {
		t.Errorf("%v allocations", n)
	}
}
