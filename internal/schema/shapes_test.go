package schema

import (
	"encoding/json"
	"errors"
	"math"
	"math/rand/v2"
	"net/netip"
	"reflect"
	"strings"
	"testing"
	"time"
)

// The shapes that the properties are shown with.
type (
	numbersShape struct {
		I   int
		I8  int8
		I16 int16
		I32 int32
		I64 int64
		U   uint
		U8  uint8
		U16 uint16
		U32 uint32
		U64 uint64
		F32 float32
		F64 float64
		B   bool
		N   json.Number
	}
	pointersShape struct {
		I  *int      `json:"i"`
		S  *string   `json:"s" required:"true"`
		T  *treeNode `json:"t,omitempty"`
		PP **bool
		PL *[]int
	}
	omitShape struct {
		A string    `json:"a,omitempty"`
		B int       `json:"b,omitzero"`
		C time.Time `json:"c,omitzero"`
		D []string  `json:"d,omitempty" required:"false"`
		E bool      `json:"-"`
		//lint:ignore SA5008 the name is -
		F bool `json:"-,"`
		g int
	}
	quotedShape struct {
		I int     `json:"i,string"`
		U *uint8  `json:"u,string"`
		F float64 `json:",string"`
		B bool    `json:",string"`
		S string  `json:",string"`
		//lint:ignore SA5008 the option does nothing
		L []int `json:",string"`
	}
	base struct {
		ID   string `json:"id"`
		Name string
		Same int
	}
	Other struct {
		Same  int
		Extra bool `json:"extra"`
	}
	embeddedShape struct {
		base
		*Other
		Name int `json:"name"`
	}
	listsShape struct {
		Bytes []byte
		Grid  [][]int8
		Fixed [3]uint8
		Pairs [2][]string
		Any   []any
		Raw   json.RawMessage
	}
	mapsShape struct {
		Text  map[string]int
		Ints  map[int16]string
		Uints map[uint8][]bool
		Addrs map[netip.Addr]float32
		Times map[time.Time]*int
		Deep  map[string]map[string][]base
	}
	textShape struct {
		At   time.Time
		Addr netip.Addr
		Net  *netip.Prefix
		For  time.Duration
		Col  colour
	}
	treeNode struct {
		Value int
		Left  *treeNode
		Kids  []treeNode
		Named map[string]*treeNode
	}
	ring        []ring
	generic     = page[base]
	page[T any] struct {
		Items []T `json:"items"`
		Next  *T  `json:"next,omitempty"`
	}
	anonShape struct {
		In struct {
			X, Y int
			Z    []struct{ W string }
		} `json:"in"`
		Self described
	}
)

// colour is written as a text of its own.
type colour int

func (c colour) MarshalText() ([]byte, error) {
	return []byte([]string{"red", "green", "blue"}[c]), nil
}

func (c *colour) UnmarshalText(text []byte) error {
	i := strings.Index("red green blue", string(text))
	switch i {
	case 0, 4, 10:
		*c = colour(i / 4)
		if i == 10 {
			*c = 2
		}
		return nil
	}
	return errors.New("no colour: " + string(text))
}

// described says its own schema.
type described string

func (described) JSONSchema() json.RawMessage {
	return json.RawMessage(`{"type": "string", "enum": ["up", "down"]}`)
}

func shapes() []reflect.Type {
	return []reflect.Type{
		reflect.TypeFor[numbersShape](), reflect.TypeFor[pointersShape](), reflect.TypeFor[omitShape](),
		reflect.TypeFor[quotedShape](), reflect.TypeFor[embeddedShape](), reflect.TypeFor[listsShape](),
		reflect.TypeFor[mapsShape](), reflect.TypeFor[textShape](), reflect.TypeFor[treeNode](),
		reflect.TypeFor[ring](), reflect.TypeFor[generic](), reflect.TypeFor[anonShape](),
		reflect.TypeFor[*treeNode](), reflect.TypeFor[map[string]treeNode](), reflect.TypeFor[any](),
		reflect.TypeFor[ruled](),
	}
}

// ruled has tags that narrow its fields.
type ruled struct {
	Name  string   `json:"name" minLength:"2" maxLength:"8" pattern:"^[a-zé]+$"`
	Level int      `json:"level" minimum:"1" maximum:"9"`
	Ratio float64  `json:"ratio" exclusiveMinimum:"0" maximum:"1"`
	Kind  string   `json:"kind" enum:"small, large"`
	Tags  []string `json:"tags" enum:"x,y,z" maxItems:"3"`
	Mail  *string  `json:"mail" format:"email"`
	Size  *int     `json:"size" enum:"1,2,3"`
}

func mustFor(t testing.TB, typ reflect.Type) *Schema {
	t.Helper()
	s, err := For(typ)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// generator makes random values. Nil slices and maps are made only if nils is set.
type generator struct {
	*rand.Rand
	nils bool
}

func (g generator) value(t reflect.Type, deep int) reflect.Value {
	v := reflect.New(t).Elem()
	g.fill(v, deep)
	return v
}

func (g generator) fill(v reflect.Value, deep int) {
	switch p := v.Addr().Interface().(type) {
	case *time.Time:
		*p = time.Unix(g.Int64N(1<<33), g.Int64N(1e9)).UTC()
	case *netip.Addr:
		*p = netip.AddrFrom4([4]byte{byte(g.Uint32()), 1, 2, byte(g.Uint32())})
	case *netip.Prefix:
		*p = netip.PrefixFrom(netip.AddrFrom4([4]byte{10}), g.IntN(33))
	case *json.Number:
		*p = json.Number([]string{"0", "-1.5e300", "12345678901234567890123", "1E-9"}[g.IntN(4)])
	case *json.RawMessage:
		*p = json.RawMessage([]string{"null", `{"a": [1, "é"]}`, "1e400", `"<"`}[g.IntN(4)])
	case *any:
		*p = []any{nil, true, "ü\n\u2028", 1.5, []any{1, map[string]any{}}, map[string]any{"a": nil, "b": "c"}}[g.IntN(6)]
	case *described:
		*p = []described{"up", "down"}[g.IntN(2)]
	case *colour:
		*p = colour(g.IntN(3))
	case *ruled:
		mail, size := "a@example.com", 1+g.IntN(3)
		*p = ruled{
			Name: []string{"ab", "ééé", "abcdefgh"}[g.IntN(3)], Level: 1 + g.IntN(9), Ratio: 1 - g.Float64(),
			Kind: []string{"small", "large"}[g.IntN(2)], Tags: []string{"x", "z", "x"}[:g.IntN(4)],
		}
		if g.IntN(2) == 0 {
			p.Mail, p.Size = &mail, &size
		}
	default:
		g.fillKind(v, deep)
	}
}

func (g generator) fillKind(v reflect.Value, deep int) {
	switch v.Kind() {
	case reflect.Bool:
		v.SetBool(g.IntN(2) == 0)
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64:
		v.SetInt([]int64{0, -1, math.MinInt64, math.MaxInt64, g.Int64()}[g.IntN(5)] >> (64 - v.Type().Bits()))
	case reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64:
		v.SetUint([]uint64{0, math.MaxUint64, g.Uint64()}[g.IntN(3)] >> (64 - v.Type().Bits()))
	case reflect.Float32:
		v.SetFloat([]float64{0, math.MaxFloat32, -math.SmallestNonzeroFloat32, g.NormFloat64()}[g.IntN(4)])
	case reflect.Float64:
		v.SetFloat([]float64{0, math.MaxFloat64, math.SmallestNonzeroFloat64, g.NormFloat64()}[g.IntN(4)])
	case reflect.String:
		v.SetString([]string{"", "a", "null", "\"\\\x00\x7f", "日本\u2028😀", "\xff", "a/b~c"}[g.IntN(7)])
	case reflect.Pointer:
		if deep > 0 && g.IntN(3) > 0 {
			v.Set(reflect.New(v.Type().Elem()))
			g.fill(v.Elem(), deep-1)
		}
	case reflect.Slice:
		if n := g.length(deep); n >= 0 {
			v.Set(reflect.MakeSlice(v.Type(), n, n))
			for i := range n {
				g.fill(v.Index(i), deep-1)
			}
		}
	case reflect.Array:
		for i := range v.Len() {
			g.fill(v.Index(i), deep-1)
		}
	case reflect.Map:
		if n := g.length(deep); n >= 0 {
			v.Set(reflect.MakeMap(v.Type()))
			for range n {
				v.SetMapIndex(g.value(v.Type().Key(), 1), g.value(v.Type().Elem(), deep-1))
			}
		}
	case reflect.Struct:
		for i := range v.NumField() {
			f := v.Type().Field(i)
			if f.IsExported() || f.Anonymous && f.Type.Kind() == reflect.Struct {
				g.fillField(v.Field(i), deep)
			}
		}
	}
}

// fillField fills the exported fields of an embedded struct even if it is not
// exported itself.
func (g generator) fillField(v reflect.Value, deep int) {
	if v.CanSet() {
		g.fill(v, deep-1)
		return
	}
	for i := range v.NumField() {
		if v.Field(i).CanSet() {
			g.fill(v.Field(i), deep-1)
		}
	}
}

// length is that of a list or map; -1: nil.
func (g generator) length(deep int) int {
	if g.nils && g.IntN(4) == 0 {
		return -1
	}
	if deep <= 0 {
		return 0
	}
	return g.IntN(4)
}
