package oauth

import (
	"bytes"
	"compress/flate"
	"compress/gzip"
	"compress/zlib"
	"encoding/binary"
	"io"
	"strings"
	"unicode/utf16"
)

// unpack undoes a compression that was not asked for. What the header says is
// not believed: the bytes tell. What is broken off is read as far as it goes.
func unpack(body []byte, encoding string) []byte {
	var r io.Reader
	switch {
	case bytes.HasPrefix(body, []byte{0x1f, 0x8b}):
		z, err := gzip.NewReader(bytes.NewReader(body))
		if err != nil {
			return body
		}
		r = z
	case strings.EqualFold(encoding, "deflate"):
		r = flate.NewReader(bytes.NewReader(body))
		if z, err := zlib.NewReader(bytes.NewReader(body)); err == nil {
			r = z
		}
	default:
		return body
	}
	plain, _ := io.ReadAll(io.LimitReader(r, maxBody))
	if len(plain) == 0 {
		return body
	}
	return plain
}

// decodeText strips byte order marks and what stands before the text, and turns
// UTF-16 into UTF-8.
func decodeText(b []byte) string {
	switch {
	case bytes.HasPrefix(b, []byte{0xFF, 0xFE}):
		b = []byte(fromUTF16(b[2:], binary.LittleEndian))
	case bytes.HasPrefix(b, []byte{0xFE, 0xFF}):
		b = []byte(fromUTF16(b[2:], binary.BigEndian))
	default:
		if order := utf16Order(b); order != nil {
			b = []byte(fromUTF16(b, order))
		}
	}
	return strings.TrimLeft(string(b), "\ufeff\x00 \t\r\n")
}

// utf16Order recognizes UTF-16 without a mark: of text in ASCII every other byte
// is zero.
func utf16Order(b []byte) binary.ByteOrder {
	b = b[:min(len(b), 64)]
	var zeros [2]int
	for i, c := range b {
		if c == 0 {
			zeros[i%2]++
		}
	}
	half := len(b) / 2
	switch {
	case half < 2:
		return nil
	case zeros[1] > half*3/4 && zeros[0] == 0:
		return binary.LittleEndian
	case zeros[0] > half*3/4 && zeros[1] == 0:
		return binary.BigEndian
	}
	return nil
}

func fromUTF16(b []byte, order binary.ByteOrder) string {
	units := make([]uint16, len(b)/2)
	for i := range units {
		units[i] = order.Uint16(b[2*i:])
	}
	return string(utf16.Decode(units))
}
