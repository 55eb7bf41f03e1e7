package template

import (
	"crypto/rand"
	"encoding/hex"
	"fmt"
	"io"
	"time"
)

// Env holds what one request brings to its templates.
//
// ${random} and ${now} keep their value for the life of an Env, because
// signatures repeat in one header what another header says. So an Env serves
// one request, and one goroutine. The zero Env is usable and has no variables.
type Env struct {
	// Lookup returns the value of a variable, and whether it has one.
	Lookup func(Ref) (value string, ok bool)

	// Now is the clock of ${now}. Nil means time.Now.
	Now func() time.Time

	// Rand is where ${random} comes from. Nil means crypto/rand.
	Rand io.Reader

	// Sign computes the functions that need the whole request, such as
	// awsSigV4. Nil makes them an [*UnsupportedError].
	Sign func(name string, args []string) (string, error)

	now    time.Time
	random string
}

func (e *Env) lookup(r Ref) (string, bool) {
	if e == nil || e.Lookup == nil {
		return "", false
	}
	return e.Lookup(r)
}

// time returns the moment that every ${now} of this Env stands for.
func (e *Env) time() time.Time {
	if e.now.IsZero() {
		if e.Now != nil {
			e.now = e.Now()
		} else {
			e.now = time.Now()
		}
	}
	return e.now
}

// uuid returns the UUID that every ${random} of this Env stands for: version 4,
// RFC 9562 section 5.4.
func (e *Env) uuid() (string, error) {
	if e.random != "" {
		return e.random, nil
	}
	source := e.Rand
	if source == nil {
		source = rand.Reader
	}
	var b [16]byte
	if _, err := io.ReadFull(source, b[:]); err != nil {
		return "", fmt.Errorf("${random}: %w", err)
	}
	b[6] = b[6]&0x0f | 0x40
	b[8] = b[8]&0x3f | 0x80
	text := make([]byte, 0, 36)
	for i, group := range [][]byte{b[:4], b[4:6], b[6:8], b[8:10], b[10:]} {
		if i > 0 {
			text = append(text, '-')
		}
		text = hex.AppendEncode(text, group)
	}
	e.random = string(text)
	return e.random, nil
}
