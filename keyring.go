package tieline

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"errors"
	"fmt"
	"log/slog"
	"strings"

	"github.com/tieline/tieline/internal/seal"
)

// KeySize is the length of an encryption key in bytes.
const KeySize = 32

// Keyring encrypts every secret before it reaches the Store. The first key
// seals, any of them opens.
//
// To rotate keys without downtime: give every process the new key as second
// one, then as the first one, call [Client.Rewrap] until [Client.KeyUsage] shows
// nothing under the old key, and drop it.
//
// The zero Keyring cannot be used; make one with [ParseKeyring], [NewKeyring]
// or [UnwrapKeyring]. Printing it shows the IDs of its keys.
type Keyring struct {
	ring *seal.Keyring
}

// GenerateKey returns a new random key as [ParseKeyring] reads it.
func GenerateKey() string {
	key := make([]byte, KeySize)
	_, _ = rand.Read(key) // never fails
	return base64.StdEncoding.EncodeToString(key)
}

// ParseKeyring reads one or more keys of KeySize bytes in standard base64,
// newest first, separated by commas; spaces around them do not count. This is
// how keys usually come from an environment variable. Errors tell which key is
// wrong, never what it is.
func ParseKeyring(keys string) (*Keyring, error) {
	if strings.TrimSpace(keys) == "" {
		return nil, errors.New("keyring: no key given")
	}
	var roots [][]byte
	for text := range strings.SplitSeq(keys, ",") {
		root, err := base64.StdEncoding.DecodeString(strings.TrimSpace(text))
		if err != nil {
			return nil, fmt.Errorf("keyring: key %d is not base64", len(roots)+1)
		}
		roots = append(roots, root)
	}
	return NewKeyring(roots...)
}

// NewKeyring makes a Keyring of keys of KeySize random bytes, newest first.
func NewKeyring(keys ...[]byte) (*Keyring, error) {
	ring, err := seal.New(keys, nil)
	if err != nil {
		return nil, fmt.Errorf("keyring: %w", err)
	}
	return &Keyring{ring: ring}, nil
}

// KeyUnwrapper decrypts a key that was encrypted by a key management service.
type KeyUnwrapper interface {
	// UnwrapKey returns the KeySize bytes of the key.
	UnwrapKey(ctx context.Context, wrapped []byte) ([]byte, error)
}

// UnwrapKeyring makes a Keyring of keys that u decrypts, newest first. That
// happens here, once; the service is not needed again.
func UnwrapKeyring(ctx context.Context, u KeyUnwrapper, wrapped ...[]byte) (*Keyring, error) {
	roots := make([][]byte, 0, len(wrapped))
	for i, w := range wrapped {
		root, err := u.UnwrapKey(ctx, w)
		if err != nil {
			return nil, fmt.Errorf("keyring: unwrap key %d: %w", i+1, err)
		}
		roots = append(roots, root)
	}
	return NewKeyring(roots...)
}

// SealedFor says what a sealed value is for. It has to be the same when opening, so
// that a value does not open in another place, of another row, or, where the
// generation grows, put back after a newer one.
type SealedFor struct {
	Purpose    string // such as "export"; the application's own, apart from this package's
	ID         string // of what it belongs to
	Generation int64  // 0 where values are never replaced
}

func (f SealedFor) binding() seal.Binding {
	return seal.Binding{Purpose: purposeOwn + f.Purpose, RowID: f.ID, Generation: f.Generation}
}

// purposeOwn begins the purposes that are not this package's, so that nothing which
// was sealed for somebody else opens as a credential.
const purposeOwn = "own:"

// Seal encrypts plain with the first key, for an application that keeps secrets of
// its own beside those of connections. [Client.Rewrap] finds those of package
// functions and no others.
func (k *Keyring) Seal(plain []byte, what SealedFor) ([]byte, error) {
	if k == nil || k.ring == nil {
		return nil, fmt.Errorf("keyring: seal: %w", &FieldError{Field: "keyring", Reason: "has no key"})
	}
	sealed, err := k.ring.Seal(plain, what.binding())
	if err != nil {
		return nil, fmt.Errorf("keyring: %w", err)
	}
	return sealed, nil
}

// Open decrypts what [Keyring.Seal] made for the same purpose, ID and generation. The
// error is an ErrDamaged, or an ErrUnknownKey.
func (k *Keyring) Open(sealed []byte, what SealedFor) ([]byte, error) {
	if k == nil || k.ring == nil {
		return nil, fmt.Errorf("keyring: open: %w", &FieldError{Field: "keyring", Reason: "has no key"})
	}
	plain, err := k.ring.Open(nil, sealed, what.binding())
	if err != nil {
		return nil, fmt.Errorf("keyring: open: %w", translate(err))
	}
	return plain, nil
}

// IDs names the keys, the one that seals first. An ID tells nothing about its
// key; [Client.KeyUsage] counts by it.
func (k *Keyring) IDs() []string {
	if k == nil || k.ring == nil {
		return nil
	}
	var ids []string
	for _, id := range k.ring.IDs() {
		ids = append(ids, id.String())
	}
	return ids
}

// String shows the IDs of the keys.
func (k *Keyring) String() string { return "keyring" + fmt.Sprint(k.IDs()) }

// GoString shows the IDs of the keys.
func (k *Keyring) GoString() string { return k.String() }

// Format shows the IDs of the keys, whatever the verb.
func (k *Keyring) Format(f fmt.State, _ rune) { _, _ = f.Write([]byte(k.String())) }

// LogValue shows the IDs of the keys.
func (k *Keyring) LogValue() slog.Value { return slog.StringValue(k.String()) }

// MarshalText shows the IDs of the keys.
func (k *Keyring) MarshalText() ([]byte, error) { return []byte(k.String()), nil }
