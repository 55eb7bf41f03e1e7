package pack

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
)

func samples(n int) []Text {
	texts := make([]Text, n)
	for i := range texts {
		texts[i] = Text{fmt.Sprintf("name-%04d", i), fmt.Sprintf(`{"url":"https://%d.example.com/token","grant":"refresh_token","n":%q}`, i, strings.Repeat("x", i%50))}
	}
	return texts
}

func TestRoundTrip(t *testing.T) {
	t.Parallel()
	for _, n := range []int{0, 1, 2, 7, 1000} {
		texts := samples(n)
		if n > 1 {
			texts[1].Text = ""
		}
		p, err := New(texts)
		if err != nil {
			t.Fatal(err)
		}
		var names []string
		for name := range p.Names() {
			names = append(names, name)
		}
		for i, want := range texts {
			got, ok, err := p.Lookup(want.Name)
			if got != want.Text || !ok || err != nil {
				t.Errorf("of %d: Lookup(%q) = %q, %v, %v, want %q", n, want.Name, got, ok, err, want.Text)
			}
			if names[i] != want.Name {
				t.Errorf("of %d: name %d is %q", n, i, names[i])
			}
		}
		for _, absent := range []string{"", "a", "name-", "name-0000\t", "name-00000", "zzz", "\n", "\t"} {
			if got, ok, err := p.Lookup(absent); ok || err != nil {
				t.Errorf("of %d: Lookup(%q) = %q, %v", n, absent, got, err)
			}
		}
	}
	if _, ok, err := (Pack{}).Lookup("a"); ok || err != nil {
		t.Error("there is something in nothing")
	}
}

// That is what it is for.
func TestIsSmall(t *testing.T) {
	t.Parallel()
	texts := samples(1000)
	total := 0
	for _, text := range texts {
		total += len(text.Text)
	}
	p, err := New(texts)
	if err != nil {
		t.Fatal(err)
	}
	if packed := len(p.Data) - dictionarySize; packed > total/3 {
		t.Errorf("%d bytes became %d", total, packed)
	}
}

func TestBadNames(t *testing.T) {
	t.Parallel()
	for name, texts := range map[string][]Text{
		"empty":    {{"", "x"}},
		"twice":    {{"a", "x"}, {"a", "y"}},
		"unsorted": {{"b", "x"}, {"a", "y"}},
		"tab":      {{"a\tb", "x"}},
		"newline":  {{"a\nb", "x"}},
		"endless":  {{"a", strings.Repeat("x", maxText)}},
	} {
		if _, err := New(texts); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
}

// A damaged pack is an error, never another text of the wrong length and never a
// panic.
func TestDamage(t *testing.T) {
	t.Parallel()
	texts := samples(20)
	good, err := New(texts)
	if err != nil {
		t.Fatal(err)
	}
	last := texts[19].Name
	for name, p := range map[string]Pack{
		"cut short":      {good.Index, good.Data[:len(good.Data)-3]},
		"nothing":        {good.Index, nil},
		"no number":      {strings.Replace(good.Index, last+"\t", last+"\tx", 1), good.Data},
		"beyond the end": {strings.Replace(good.Index, last+"\t", last+"\t9", 1), good.Data},
		"negative":       {strings.Replace(good.Index, last+"\t", last+"\t-", 1), good.Data},
		"longer":         {strings.TrimSuffix(good.Index, "\n") + "0\n", good.Data},
		"shorter":        {good.Index[:len(good.Index)-2] + "\n", good.Data},
		"a bomb":         bomb(t, last),
	} {
		if text, ok, err := p.Lookup(last); ok || !errors.Is(err, errDamaged) {
			t.Errorf("%s: %q, %v, %v", name, text, ok, err)
		}
	}
}

// bomb has a text that is too long to be one.
func bomb(t *testing.T, name string) Pack {
	t.Helper()
	data, err := compress(strings.Repeat("x", 2*maxText), "")
	if err != nil {
		t.Fatal(err)
	}
	return Pack{Index: fmt.Sprintf("\t0\t0\t0\n%s\t0\t%d\t%d\n", name, len(data), 2*maxText), Data: []byte(data)}
}

func TestNamesStopsEarly(t *testing.T) {
	t.Parallel()
	p, err := New(samples(5))
	if err != nil {
		t.Fatal(err)
	}
	for range p.Names() {
		break
	}
}

func TestLookup(t *testing.T) {
	t.Parallel()
	lines := ""
	want := map[string]string{}
	for _, name := range slices.Sorted(slices.Values([]string{"a", "a-b", "ab", "b", "ba", "c", "zzz"})) {
		want[name] = strings.Repeat(name, len(want)*20)
		lines += name + "\t" + want[name] + "\n"
		for name, value := range want {
			if got, ok := lookup(lines, name); !ok || got != value {
				t.Errorf("of %d lines: lookup(%q) = %q, %v", len(want), name, got, ok)
			}
		}
		for _, absent := range []string{"", "A", "aa", "a-", "a-c", "bb", "zz", "zzzz", "{", "a\t", "\n", "a\n"} {
			if got, ok := lookup(lines, absent); ok {
				t.Errorf("of %d lines: lookup(%q) = %q", len(want), absent, got)
			}
		}
	}
}

func BenchmarkLookup(b *testing.B) {
	p, err := New(samples(500))
	if err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		if _, ok, err := p.Lookup("name-0250"); !ok || err != nil {
			b.Fatal(ok, err)
		}
	}
}
