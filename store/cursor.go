package store

import (
	"encoding/base64"
	"encoding/binary"
	"hash/crc32"
	"time"
)

// Cursor is a place in the order of a query: right after the row with this Due
// and ID. In the order by ID alone, Due is zero. The zero Cursor is the place
// before the first row; it compares as less than any row in both orders.
//
// It is what [Query.After] and [Page.Next] hold in the Stores of this module,
// for other Stores to share or not, as they like.
type Cursor struct {
	Due time.Time // UTC, a whole microsecond
	ID  string
}

// Cursors are text: base64url without padding of
//
//	1 byte   the order: 'i' by ID, 'd' by (Due, ID)
//	8 bytes  only with 'd': Due, microseconds since 1970, big-endian
//	the ID
//	4 bytes  CRC-32 of all of the above
//
// The checksum is there to tell a cursor from any other text, such as the
// cursor of another Store or half of one. It is no defense against forging;
// nothing but a position can be said with a forged cursor.
const (
	orderID  = 'i'
	orderDue = 'd'
)

// Cursor returns the place that q.After names, and the zero Cursor when After
// is empty. Text that is not a cursor, or one of the other order, is
// [ErrInvalid].
func (q Query) Cursor() (Cursor, error) {
	if q.After == "" {
		return Cursor{}, nil
	}
	raw, err := base64.RawURLEncoding.DecodeString(q.After)
	if err != nil || len(raw) < 1+crc32.Size || base64.RawURLEncoding.EncodeToString(raw) != q.After {
		return Cursor{}, invalid("After is not a cursor")
	}
	body, sum := raw[:len(raw)-crc32.Size], raw[len(raw)-crc32.Size:]
	if binary.BigEndian.Uint32(sum) != crc32.ChecksumIEEE(body) {
		return Cursor{}, invalid("After is not a cursor")
	}
	order, body := body[0], body[1:]
	if order != q.order() {
		return Cursor{}, invalid("After is the cursor of another query")
	}
	var c Cursor
	if order == orderDue {
		if len(body) < 8 {
			return Cursor{}, invalid("After is not a cursor")
		}
		c.Due = time.UnixMicro(int64(binary.BigEndian.Uint64(body))).UTC()
		body = body[8:]
	}
	c.ID = string(body)
	if validName("ID", c.ID) != nil || validTime("Due", c.Due) != nil {
		return Cursor{}, invalid("After is not a cursor")
	}
	return c, nil
}

// CursorAfter returns the Next of a page of q that ends with the row last, to be
// given as After for the page that follows.
func (q Query) CursorAfter(last Row) string {
	raw := make([]byte, 0, 1+8+len(last.ID)+crc32.Size)
	raw = append(raw, q.order())
	if q.order() == orderDue {
		raw = binary.BigEndian.AppendUint64(raw, uint64(last.Due.UnixMicro()))
	}
	raw = append(raw, last.ID...)
	raw = binary.BigEndian.AppendUint32(raw, crc32.ChecksumIEEE(raw))
	return base64.RawURLEncoding.EncodeToString(raw)
}

func (q Query) order() byte {
	if q.DueBefore.IsZero() {
		return orderID
	}
	return orderDue
}
