package schema

import (
	"bytes"
	"encoding/json"
	"math/rand/v2"
	"os"
	"reflect"
	"strconv"
	"testing"
	"time"
)

// seeded is a source of randomness whose seed is in the log of a failure.
func seeded(t *testing.T) *rand.Rand {
	seed := uint64(time.Now().UnixNano())
	if s := os.Getenv("SCHEMA_SEED"); s != "" {
		var err error
		if seed, err = strconv.ParseUint(s, 10, 64); err != nil {
			t.Fatal(err)
		}
	}
	t.Logf("SCHEMA_SEED=%d", seed)
	return rand.New(rand.NewPCG(seed, 0))
}

// decodes is the other side of the agreement: encoding/json, which knows no schema.
func decodes(data []byte, t reflect.Type) error {
	d := json.NewDecoder(bytes.NewReader(data))
	d.DisallowUnknownFields()
	d.UseNumber()
	return d.Decode(reflect.New(t).Interface())
}

// TestMarshaledIsValid: what encoding/json writes, the schema accepts.
func TestMarshaledIsValid(t *testing.T) {
	g := generator{Rand: seeded(t)}
	for _, typ := range shapes() {
		s := mustFor(t, typ)
		for range 300 {
			v := g.value(typ, 5)
			data, err := json.Marshal(v.Addr().Interface())
			if err != nil {
				t.Fatal(err)
			}
			if err := s.Validate(data); err != nil {
				t.Fatalf("%s: %s\n%v", typ, data, err)
			}
		}
	}
}

// TestRoundTrip: what is encoded, with nil slices and maps, is valid, decodes, and is
// encoded to the same again.
func TestRoundTrip(t *testing.T) {
	g := generator{Rand: seeded(t), nils: true}
	for _, typ := range shapes() {
		s := mustFor(t, typ)
		for range 300 {
			v := g.value(typ, 5)
			data, err := s.Encode(v.Interface())
			if err != nil {
				t.Fatalf("%s: %#v\n%v", typ, v, err)
			}
			back := reflect.New(typ)
			if err := s.Decode(data, back.Interface()); err != nil {
				t.Fatalf("%s: %s\n%v", typ, data, err)
			}
			again, err := s.Encode(back.Interface())
			if err != nil {
				t.Fatalf("%s: %s\n%v", typ, data, err)
			}
			// Not the bytes: \ufffd stands for what is no UTF-8, once.
			second := reflect.New(typ)
			if err := s.Decode(again, second.Interface()); err != nil || !reflect.DeepEqual(back.Interface(), second.Interface()) {
				t.Fatalf("%s: %v\n%s\n%s", typ, err, data, again)
			}
		}
	}
}

// TestAgreement: what the schema accepts of damaged texts, encoding/json decodes.
func TestAgreement(t *testing.T) {
	r := seeded(t)
	g := generator{Rand: r, nils: true}
	accepted, refused := 0, 0
	for _, typ := range shapes() {
		s := mustFor(t, typ)
		for range 200 {
			data, err := s.Encode(g.value(typ, 4).Interface())
			if err != nil {
				t.Fatal(err)
			}
			for range 10 {
				bad := damage(r, data)
				if s.Validate(bad) != nil {
					refused++
					continue
				}
				accepted++
				if err := decodes(bad, typ); err != nil {
					t.Fatalf("%s: %s\n%v", typ, bad, err)
				}
			}
		}
	}
	t.Logf("%d accepted, %d refused", accepted, refused)
	if accepted < 1000 || refused < 1000 {
		t.Errorf("the damage is not what it should be: %d accepted, %d refused", accepted, refused)
	}
}

// damage changes a text: a byte, a token, or by leaving out or repeating a part.
func damage(r *rand.Rand, data []byte) []byte {
	out := bytes.Clone(data)
	i := r.IntN(len(out))
	j := min(len(out), i+1+r.IntN(8))
	tokens := []string{"null", "0", "-0", "1.0", "1e2", `""`, `"1"`, "[]", "{}", "true", "-", "9223372036854775808", `"\ud800"`, `"x":1,`, " ", "\xff"}
	token := tokens[r.IntN(len(tokens))]
	switch r.IntN(6) {
	case 0:
		out[i] = `0123456789-+.eE"\{}[]:,ntf `[r.IntN(27)]
	case 1:
		out = append(out[:i], out[j:]...)
	case 2:
		out = append(out[:j:j], data[i:]...)
	case 3:
		out = append(append(out[:i:i], token...), data[i:]...)
	case 4, 5:
		// In place of a scalar, which is where a type or a bound is at stake.
		from := bytes.IndexByte(out[i:], ':')
		if from < 0 {
			break
		}
		from += i + 1
		to := from
		for to < len(data) && !bytes.ContainsRune([]byte(",}]"), rune(data[to])) {
			to++
		}
		out = append(append(out[:from:from], token...), data[to:]...)
	}
	return out
}
