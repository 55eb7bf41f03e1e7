package outbound

import (
	"context"
	"encoding/binary"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"sync"
	"testing"
)

// fakeDNS answers each question for an address of version 4 with the next one of a
// list, the last one for ever.
type fakeDNS struct {
	mu        sync.Mutex
	addresses []string
	asked     int
}

func (d *fakeDNS) resolver() *net.Resolver {
	return &net.Resolver{PreferGo: true, Dial: func(context.Context, string, string) (net.Conn, error) {
		ours, theirs := net.Pipe()
		go d.serve(theirs)
		return ours, nil
	}}
}

// serve answers one question in the form of RFC 1035 section 4.2.2, with the length
// before the message.
func (d *fakeDNS) serve(conn net.Conn) {
	defer conn.Close()
	var length [2]byte
	if _, err := io.ReadFull(conn, length[:]); err != nil {
		return
	}
	query := make([]byte, binary.BigEndian.Uint16(length[:]))
	if _, err := io.ReadFull(conn, query); err != nil {
		return
	}
	end := 12 // after the header: the name, its type and its class
	for query[end] != 0 {
		end += int(query[end]) + 1
	}
	end += 5
	kind := binary.BigEndian.Uint16(query[end-4:])
	answer := append([]byte{query[0], query[1], 0x84, 0, 0, 1, 0, 0, 0, 0, 0, 0}, query[12:end]...)
	if kind == 1 { // A
		answer[7] = 1
		answer = append(answer, 0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 0, 0, 4) // the name again, and no time to live
		answer = append(answer, d.next()...)
	}
	_, _ = conn.Write(binary.BigEndian.AppendUint16(nil, uint16(len(answer))))
	_, _ = conn.Write(answer)
}

func (d *fakeDNS) next() []byte {
	d.mu.Lock()
	defer d.mu.Unlock()
	addr := netip.MustParseAddr(d.addresses[min(d.asked, len(d.addresses)-1)])
	d.asked++
	return addr.AsSlice()
}

// A name that was good a moment ago is checked again for every connection: what its
// owner answers the second time gets nobody inside.
func TestRebinding(t *testing.T) {
	t.Parallel()
	srv := httptest.NewServer(http.NotFoundHandler())
	defer srv.Close()
	_, port, _ := strings.Cut(strings.TrimPrefix(srv.URL, "http://"), ":")
	for _, second := range []string{"10.0.0.1", "127.0.0.2", "169.254.169.254"} {
		dns := &fakeDNS{addresses: []string{"127.0.0.1", second}}
		tr := New(nil, Policy{AllowPrivate: []netip.Prefix{netip.MustParsePrefix("127.0.0.1/32")}, resolver: dns.resolver()})
		target := "http://rebinding.example.com:" + port
		if code, err := get(tr.API, target); err != nil || code != http.StatusNotFound {
			t.Fatalf("the first time: %d, %v", code, err)
		}
		tr.CloseIdle()
		for name, rt := range map[string]http.RoundTripper{"API": tr.API, "Token": tr.Token} {
			if _, err := get(rt, target); !errors.Is(err, ErrForbidden) {
				t.Errorf("%s, with %s the second time: %v", name, second, err)
			}
		}
		if dns.asked != 3 {
			t.Errorf("the name was looked up %d times", dns.asked)
		}
	}
}
