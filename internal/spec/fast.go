package spec

import (
	"bytes"
	"encoding/json"
	"fmt"
)

// EncodeEntry returns the compact JSON form of the resolved keys of an entry,
// with the names of the format. [DecodeEntry] reads it.
func EncodeEntry(e *Entry) ([]byte, error) {
	var buf bytes.Buffer
	enc := json.NewEncoder(&buf)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(e.Provider); err != nil {
		return nil, fmt.Errorf("spec: encode %s: %w", e.Name, err)
	}
	return bytes.TrimSuffix(buf.Bytes(), []byte("\n")), nil
}

// DecodeEntry reads what [EncodeEntry] wrote and compiles it. The entry was
// checked before it was written, so only what makes it unusable is an error.
//
// The entry keeps parts of data, which is free where that is in the program's
// own read-only data.
func DecodeEntry(name, data string) (*Entry, error) {
	e := &Entry{Name: name}
	if err := readJSON(data, &e.Provider); err != nil {
		return nil, fmt.Errorf("spec: decode %s: %w", name, err)
	}
	c := newChecker(&decoder{name: name}, e)
	c.compile()
	for _, problem := range c.problems {
		if problem.Severity == Rejected {
			return nil, fmt.Errorf("spec: decode %s", problem)
		}
	}
	return e, nil
}
