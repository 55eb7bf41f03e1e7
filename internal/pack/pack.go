// Package pack keeps many small texts of the same kind in little room, so that
// one of them is read without the others: each is compressed by itself (RFC 1951)
// with a dictionary that is made of some of them.
package pack

import (
	"bytes"
	"compress/flate"
	"errors"
	"fmt"
	"io"
	"iter"
	"strconv"
	"strings"
)

// Pack is a set of named texts. The zero Pack is empty. It may be used by several
// goroutines.
type Pack struct {
	// Index has a line for each text, sorted by name: the name, where the text is
	// in Data, as offset and length, and its length when it is unpacked. There are
	// tabs between and a line feed after each. The first line, without a name, is
	// the dictionary's.
	Index string
	// Data is the dictionary, as it is, and the compressed texts. It is not changed.
	Data []byte
}

// maxText bounds one text, in bytes.
const maxText = 1 << 20

var errDamaged = errors.New("pack: damaged")

// Lookup returns the text of a name, and whether there is one. A damaged pack is
// an error.
func (p Pack) Lookup(name string) (text string, ok bool, err error) {
	packed, length, ok, err := p.find(name)
	if err != nil || !ok || name == "" {
		return "", false, err
	}
	dictionary, _, _, err := p.find("")
	if err != nil {
		return "", false, err
	}
	r := flate.NewReaderDict(bytes.NewReader(packed), dictionary)
	out := make([]byte, length+1) // one more shows that there is no more
	if n, err := io.ReadFull(r, out); n != length || err != io.ErrUnexpectedEOF && (err != io.EOF || length > 0) {
		return "", false, fmt.Errorf("%w: the text of %q", errDamaged, name)
	}
	return string(out[:length]), true, nil
}

// Names yields the names of all texts in order.
func (p Pack) Names() iter.Seq[string] {
	return func(yield func(string) bool) {
		for line := range strings.Lines(p.Index) {
			name, _, _ := strings.Cut(line, "\t")
			if name != "" && !yield(name) {
				return
			}
		}
	}
}

// Texts returns everything.
func (p Pack) Texts() ([]Text, error) {
	var out []Text
	for name := range p.Names() {
		text, ok, err := p.Lookup(name)
		if err != nil {
			return nil, err
		}
		if !ok {
			return nil, fmt.Errorf("%w: the names are not in order", errDamaged)
		}
		out = append(out, Text{name, text})
	}
	return out, nil
}

// find returns the part of Data that belongs to a name, and the length of what is
// packed in it.
func (p Pack) find(name string) (part []byte, length int, ok bool, err error) {
	where, ok := lookup(p.Index, name)
	if !ok {
		return nil, 0, false, nil
	}
	var numbers [3]int // offset, packed length, length
	for i := range numbers {
		var number string
		number, where, _ = strings.Cut(where, "\t")
		n, err := strconv.Atoi(number)
		if err != nil || n < 0 {
			return nil, 0, false, fmt.Errorf("%w: the place of %q", errDamaged, name)
		}
		numbers[i] = n
	}
	offset, size, length := numbers[0], numbers[1], numbers[2]
	if offset > len(p.Data) || size > len(p.Data)-offset || length >= maxText {
		return nil, 0, false, fmt.Errorf("%w: the place of %q", errDamaged, name)
	}
	return p.Data[offset : offset+size], length, true, nil
}

// lookup finds the line that begins with name, by halving the text, and returns
// what is behind the tab.
func lookup(lines, name string) (string, bool) {
	for lines != "" {
		// The line around the middle begins after the line feed before it.
		middle := strings.LastIndexByte(lines[:len(lines)/2], '\n') + 1
		line, rest, _ := strings.Cut(lines[middle:], "\n")
		have, value, _ := strings.Cut(line, "\t")
		switch strings.Compare(name, have) {
		case 0:
			return value, true
		case -1:
			lines = lines[:middle]
		default:
			lines = rest
		}
	}
	return "", false
}

// Text is a text and its name.
type Text struct{ Name, Text string }

// dictionarySize bounds the dictionary, in bytes. A reader copies all of it for
// each text; twice as much makes texts smaller by a twentieth.
const dictionarySize = 16 << 10

// New packs texts, which are sorted by name, no two of the same.
func New(texts []Text) (Pack, error) {
	var index strings.Builder
	var data bytes.Buffer
	dictionary := dictionaryOf(texts)
	data.WriteString(dictionary)
	fmt.Fprintf(&index, "\t0\t%[1]d\t%[1]d\n", len(dictionary))
	for i, t := range texts {
		if t.Name == "" || strings.ContainsAny(t.Name, "\t\n") || i > 0 && t.Name <= texts[i-1].Name {
			return Pack{}, fmt.Errorf("pack: the name %q is bad, or not in order", t.Name)
		}
		if len(t.Text) >= maxText {
			return Pack{}, fmt.Errorf("pack: the text of %q has %d bytes", t.Name, len(t.Text))
		}
		packed, err := compress(t.Text, dictionary)
		if err != nil {
			return Pack{}, fmt.Errorf("pack: %w", err)
		}
		fmt.Fprintf(&index, "%s\t%d\t%d\t%d\n", t.Name, data.Len(), len(packed), len(t.Text))
		data.WriteString(packed)
	}
	return Pack{Index: index.String(), Data: data.Bytes()}, nil
}

func compress(text, dictionary string) (string, error) {
	var out strings.Builder
	w, err := flate.NewWriterDict(&out, flate.BestCompression, []byte(dictionary))
	if err != nil {
		return "", err
	}
	_, err = io.WriteString(w, text)
	err = errors.Join(err, w.Close())
	return out.String(), err
}

// dictionaryOf takes texts from all over the set until there are enough.
func dictionaryOf(texts []Text) string {
	total := 0
	for _, t := range texts {
		total += len(t.Text)
	}
	step := max(1, total/dictionarySize)
	var out strings.Builder
	for i := 0; i < len(texts); i += step {
		if out.Len()+len(texts[i].Text) <= dictionarySize {
			out.WriteString(texts[i].Text)
		}
	}
	return out.String()
}
