package seal

import (
	"bytes"
	"errors"
	"io"
	"strings"
	"sync"
	"testing"
)

func key(b byte) []byte { return bytes.Repeat([]byte{b}, KeySize) }

func ring(t testing.TB, keys ...byte) *Keyring {
	t.Helper()
	var roots [][]byte
	for _, b := range keys {
		roots = append(roots, key(b))
	}
	k, err := New(roots, nil)
	if err != nil {
		t.Fatal(err)
	}
	return k
}

var here = Binding{Purpose: "credential", RowID: "row", Generation: 7}

func TestRoundTrip(t *testing.T) {
	t.Parallel()
	k := ring(t, 1)
	for _, n := range []int{0, 1, 255, 256, 257, 5000} {
		plain := bytes.Repeat([]byte{0x80}, n)
		sealed, err := k.Seal(plain, here)
		if err != nil {
			t.Fatal(err)
		}
		if (len(sealed)-headerLen-overhead)%padTo != 0 {
			t.Errorf("%d bytes: the sealed length %d tells the plain one", n, len(sealed))
		}
		got, err := k.Open([]byte("before"), sealed, here)
		if err != nil || !bytes.Equal(got, append([]byte("before"), plain...)) {
			t.Errorf("%d bytes: Open = %d bytes, %v", n, len(got), err)
		}
	}
}

func TestOpenByAnyKey(t *testing.T) {
	t.Parallel()
	old := ring(t, 1)
	sealed, _ := old.Seal([]byte("x"), here)
	if got, err := ring(t, 2, 1).Open(nil, sealed, here); err != nil || string(got) != "x" {
		t.Errorf("after rotation: %q, %v", got, err)
	}
	_, err := ring(t, 2).Open(nil, sealed, here)
	var unknown *UnknownKeyError
	if !errors.As(err, &unknown) || unknown.ID != old.Primary().String() {
		t.Errorf("under a missing key: %v", err)
	}
}

// Everything that could be swapped for something else must be noticed.
func TestBinding(t *testing.T) {
	t.Parallel()
	k := ring(t, 1)
	sealed, _ := k.Seal([]byte("x"), here)
	others := map[string]Binding{
		"another row":            {Purpose: "credential", RowID: "row2", Generation: 7},
		"another purpose":        {Purpose: "app", RowID: "row", Generation: 7},
		"a newer generation":     {Purpose: "credential", RowID: "row", Generation: 8},
		"an older generation":    {Purpose: "credential", RowID: "row", Generation: 6},
		"a shifted boundary":     {Purpose: "credentialr", RowID: "ow", Generation: 7},
		"purpose and row as one": {Purpose: "credentialrow", RowID: "", Generation: 7},
	}
	for name, b := range others {
		if _, err := k.Open(nil, sealed, b); !errors.Is(err, ErrDamaged) {
			t.Errorf("%s: %v, want ErrDamaged", name, err)
		}
	}
}

func TestEveryFlippedBitIsNoticed(t *testing.T) {
	t.Parallel()
	k := ring(t, 1)
	sealed, _ := k.Seal([]byte("secret"), here)
	for i := range sealed {
		for bit := range 8 {
			damaged := bytes.Clone(sealed)
			damaged[i] ^= 1 << bit
			_, err := k.Open(nil, damaged, here)
			var unknown *UnknownKeyError
			if !errors.Is(err, ErrDamaged) && !errors.As(err, &unknown) {
				t.Fatalf("byte %d bit %d: %v", i, bit, err)
			}
		}
	}
	for n := range sealed {
		if _, err := k.Open(nil, sealed[:n], here); !errors.Is(err, ErrDamaged) {
			t.Fatalf("cut to %d bytes: %v", n, err)
		}
	}
}

func TestNewRefuses(t *testing.T) {
	t.Parallel()
	tests := map[string][][]byte{
		"no key":         nil,
		"a short key":    {key(1)[:31]},
		"a long key":     {append(key(1), 1)},
		"zeros":          {make([]byte, KeySize)},
		"the same twice": {key(1), key(2), key(1)},
	}
	for name, roots := range tests {
		if _, err := New(roots, nil); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
}

func TestSaltIsRenewed(t *testing.T) {
	t.Parallel()
	k := ring(t, 1)
	first, _ := k.Seal(nil, here)
	second, _ := k.Seal(nil, here)
	if !bytes.Equal(first[:headerLen], second[:headerLen]) {
		t.Error("the derived key is not kept")
	}
	if bytes.Equal(first[headerLen:], second[headerLen:]) {
		t.Error("a nonce was used twice")
	}
	k.current.Load().used.Store(sealsPerSalt)
	third, _ := k.Seal(nil, here)
	if bytes.Equal(first[:headerLen], third[:headerLen]) {
		t.Error("the derived key is kept for ever")
	}
	for _, sealed := range [][]byte{first, second, third} {
		if _, err := k.Open(nil, sealed, here); err != nil {
			t.Error(err)
		}
	}
}

func TestCiphersAreBounded(t *testing.T) {
	t.Parallel()
	k := ring(t, 1)
	sealed, _ := k.Seal([]byte("x"), here)
	for i := range maxCiphers + 10 {
		forged := bytes.Clone(sealed)
		forged[1+idSize], forged[2+idSize] = byte(i), byte(i>>8)
		_, _ = k.Open(nil, forged, here)
	}
	if n := len(k.ciphers); n > maxCiphers {
		t.Errorf("%d ciphers are kept", n)
	}
	if _, err := k.Open(nil, sealed, here); err != nil {
		t.Error(err)
	}
}

func TestNoRandomness(t *testing.T) {
	t.Parallel()
	k, err := New([][]byte{key(1)}, strings.NewReader(""))
	if err != nil {
		t.Fatal(err)
	}
	if err := k.Prepare(); !errors.Is(err, io.EOF) {
		t.Errorf("Prepare() = %v, want the reader's error", err)
	}
}

func TestMACs(t *testing.T) {
	t.Parallel()
	before, after := ring(t, 1), ring(t, 2, 1)
	a := before.MACs("state", []byte("x"))
	b := after.MACs("state", []byte("x"))
	if len(a) != 1 || len(b) != 2 || !bytes.Equal(a[0], b[1]) || bytes.Equal(a[0], b[0]) {
		t.Error("a value hashed before the rotation is not found after it")
	}
	if bytes.Equal(a[0], before.MACs("binding", []byte("x"))[0]) {
		t.Error("two purposes share a key")
	}
}

func TestConcurrentUse(t *testing.T) {
	t.Parallel()
	k := ring(t, 1)
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			for range 200 {
				sealed, err := k.Seal([]byte("x"), here)
				if err == nil {
					_, err = k.Open(nil, sealed, here)
				}
				if err != nil {
					t.Error(err)
					return
				}
			}
		})
	}
	wg.Wait()
}

func FuzzOpen(f *testing.F) {
	k := ring(f, 1)
	sealed, _ := k.Seal([]byte("x"), here)
	f.Add(sealed)
	f.Add([]byte{1})
	f.Fuzz(func(t *testing.T, in []byte) {
		got, err := k.Open(nil, in, here)
		if err == nil && string(got) != "x" {
			t.Fatalf("opened %d bytes that were never sealed: %q", len(in), got)
		}
	})
}

func BenchmarkOpen(b *testing.B) {
	k := ring(b, 1)
	sealed, _ := k.Seal(make([]byte, 900), here)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := k.Open(nil, sealed, here); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkSeal(b *testing.B) {
	k := ring(b, 1)
	plain := make([]byte, 900)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := k.Seal(plain, here); err != nil {
			b.Fatal(err)
		}
	}
}
