// Package seal encrypts what Tieline hands to a Store and checks, on the way
// back, that it is what was written for that very row.
//
// A sealed value is
//
//	0x01 | key ID (8) | salt (16) | nonce (12) | ciphertext | tag (16)
//
// AES-256-GCM with a random nonce, under a key derived with HKDF-SHA256 (RFC
// 5869) from a root key and the salt. A [Keyring] takes a new salt when it is
// made and again after 2^24 seals, so that the number of random nonces under
// one key stays far below the 2^32 of NIST SP 800-38D section 8.3, while
// readers can keep the few derived ciphers they meet: building one costs more
// than opening a credential.
//
// The associated data names the key, the purpose, the row and the generation
// of the secret. A value moved to another row, another place in it, or put
// back under a newer generation does not open.
package seal

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"sync"
	"sync/atomic"
)

// KeySize is the length of a root key in bytes.
const KeySize = 32

const (
	version   = 1
	idSize    = 8
	saltSize  = 16
	headerLen = 1 + idSize + saltSize
	overhead  = 12 + 16 // nonce and tag, as cipher.NewGCMWithRandomNonce lays them out

	// padTo hides the length of what was sealed: lengths tell token types apart.
	padTo = 256

	// sealsPerSalt bounds the random nonces under one derived key.
	sealsPerSalt = 1 << 24

	// maxCiphers bounds the derived ciphers kept for reading, about 1 KiB each.
	maxCiphers = 4096
)

// ErrDamaged is the answer to a sealed value that was changed, cut short, or
// written for another row.
var ErrDamaged = errors.New("seal: damaged, or sealed for another row")

// UnknownKeyError is the answer to a value sealed under a key that the Keyring
// does not have.
type UnknownKeyError struct{ ID string }

func (e *UnknownKeyError) Error() string { return "seal: no key " + e.ID + " in the keyring" }

// Binding says what a sealed value is for. It has to be the same when opening.
type Binding struct {
	Purpose    string // such as "credential"
	RowID      string
	Generation int64 // of the secret; an older value does not open under a newer one
}

// ID names a root key without telling anything about it.
type ID [idSize]byte

func (id ID) String() string { return hex.EncodeToString(id[:]) }

type rootKey struct {
	id     ID
	secret [KeySize]byte
}

type cipherKey struct {
	id   ID
	salt [saltSize]byte
}

// epoch is one derived key that seals.
type epoch struct {
	cipherKey
	aead cipher.AEAD
	used atomic.Int64
}

// Keyring seals under its first root key and opens under any of them. Make it
// with [New]. It is safe for concurrent use.
type Keyring struct {
	rand io.Reader
	keys []rootKey

	current atomic.Pointer[epoch]

	mu      sync.RWMutex
	ciphers map[cipherKey]cipher.AEAD
}

// New makes a Keyring of one or more root keys of KeySize random bytes, the one
// that seals first. A nil reader means crypto/rand; it gives salts, while
// nonces always come from crypto/rand.
func New(roots [][]byte, random io.Reader) (*Keyring, error) {
	if len(roots) == 0 {
		return nil, errors.New("seal: a keyring needs at least one key")
	}
	if random == nil {
		random = rand.Reader
	}
	k := &Keyring{rand: random, ciphers: make(map[cipherKey]cipher.AEAD)}
	for i, root := range roots {
		if len(root) != KeySize {
			return nil, fmt.Errorf("seal: key %d has %d bytes, want %d", i+1, len(root), KeySize)
		}
		key := rootKey{secret: [KeySize]byte(root)}
		if key.secret == ([KeySize]byte{}) {
			return nil, fmt.Errorf("seal: key %d is all zeros", i+1)
		}
		copy(key.id[:], key.mac("key id"))
		if k.root(key.id) != nil {
			return nil, fmt.Errorf("seal: key %d is given twice", i+1)
		}
		k.keys = append(k.keys, key)
	}
	return k, nil
}

// Primary is the ID of the key that seals.
func (k *Keyring) Primary() ID { return k.keys[0].id }

// IDs are those of all keys, the one that seals first.
func (k *Keyring) IDs() []ID {
	ids := make([]ID, len(k.keys))
	for i := range k.keys {
		ids[i] = k.keys[i].id
	}
	return ids
}

// Prepare makes sure that the next Seal needs nothing that can fail, so that a
// token can be spent knowing that its successor can be sealed.
func (k *Keyring) Prepare() error {
	_, err := k.epoch()
	return err
}

// Seal encrypts plaintext for what b says. It fails only when no salt could be
// read, which [Keyring.Prepare] rules out beforehand.
func (k *Keyring) Seal(plaintext []byte, b Binding) ([]byte, error) {
	e, err := k.epoch()
	if err != nil {
		return nil, err
	}
	e.used.Add(1)
	padded := pad(plaintext)
	out := make([]byte, headerLen, headerLen+len(padded)+overhead)
	out[0] = version
	copy(out[1:], e.id[:])
	copy(out[1+idSize:], e.salt[:])
	return e.aead.Seal(out, nil, padded, b.associated(e.id)), nil
}

// Open decrypts what Seal made for the same Binding and appends it to dst, which
// must not overlap it. The error is ErrDamaged or an *UnknownKeyError.
func (k *Keyring) Open(dst, sealed []byte, b Binding) ([]byte, error) {
	id, err := KeyID(sealed)
	if err != nil {
		return nil, err
	}
	root := k.root(id)
	if root == nil {
		return nil, &UnknownKeyError{ID: id.String()}
	}
	aead, err := k.cipher(root, cipherKey{id: id, salt: [saltSize]byte(sealed[1+idSize : headerLen])})
	if err != nil {
		return nil, err
	}
	padded, err := aead.Open(dst, nil, sealed[headerLen:], b.associated(id))
	if err != nil {
		return nil, ErrDamaged
	}
	return unpad(padded, len(dst))
}

// KeyID tells which key a value was sealed under. The error is ErrDamaged.
func KeyID(sealed []byte) (ID, error) {
	if len(sealed) < headerLen+overhead || sealed[0] != version {
		return ID{}, ErrDamaged
	}
	return ID(sealed[1 : 1+idSize]), nil
}

// MACs are the HMAC-SHA256 of data under a key derived from each root key for
// this purpose, the one that seals first. They let a secret be looked up
// without being stored; more than one because the keys may have been rotated
// since.
func (k *Keyring) MACs(purpose string, data []byte) [][]byte {
	out := make([][]byte, len(k.keys))
	for i := range k.keys {
		h := hmac.New(sha256.New, k.keys[i].mac("mac "+purpose))
		h.Write(data)
		out[i] = h.Sum(nil)
	}
	return out
}

func (k *Keyring) root(id ID) *rootKey {
	for i := range k.keys {
		if k.keys[i].id == id {
			return &k.keys[i]
		}
	}
	return nil
}

// epoch is the derived key in use, a new one when there is none or it has
// sealed enough. Two goroutines that find it used up at once make one each;
// both are good.
func (k *Keyring) epoch() (*epoch, error) {
	if e := k.current.Load(); e != nil && e.used.Load() < sealsPerSalt {
		return e, nil
	}
	e := &epoch{cipherKey: cipherKey{id: k.keys[0].id}}
	if _, err := io.ReadFull(k.rand, e.salt[:]); err != nil {
		return nil, fmt.Errorf("seal: read random salt: %w", err)
	}
	aead, err := k.cipher(&k.keys[0], e.cipherKey)
	if err != nil {
		return nil, err
	}
	e.aead = aead
	k.current.Store(e)
	return e, nil
}

// cipher derives a key, or finds the one derived before.
func (k *Keyring) cipher(root *rootKey, key cipherKey) (cipher.AEAD, error) {
	k.mu.RLock()
	aead := k.ciphers[key]
	k.mu.RUnlock()
	if aead != nil {
		return aead, nil
	}
	derived, err := hkdf.Key(sha256.New, root.secret[:], key.salt[:], "tieline/v1/seal", KeySize)
	if err != nil {
		return nil, fmt.Errorf("seal: derive key: %w", err)
	}
	block, err := aes.NewCipher(derived)
	if err != nil {
		return nil, fmt.Errorf("seal: %w", err)
	}
	aead, err = cipher.NewGCMWithRandomNonce(block)
	if err != nil {
		return nil, fmt.Errorf("seal: %w", err)
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	if len(k.ciphers) >= maxCiphers {
		clear(k.ciphers)
	}
	k.ciphers[key] = aead
	return aead, nil
}

func (r *rootKey) mac(label string) []byte {
	h := hmac.New(sha256.New, r.secret[:])
	h.Write([]byte("tieline/v1/" + label))
	return h.Sum(nil)
}

// associated is unambiguous because every part has a fixed length or its length
// before it.
func (b Binding) associated(id ID) []byte {
	out := make([]byte, 0, 1+idSize+8+2*binary.MaxVarintLen16+len(b.Purpose)+len(b.RowID))
	out = append(out, version)
	out = append(out, id[:]...)
	out = binary.BigEndian.AppendUint64(out, uint64(b.Generation))
	out = binary.AppendUvarint(out, uint64(len(b.Purpose)))
	out = append(out, b.Purpose...)
	out = binary.AppendUvarint(out, uint64(len(b.RowID)))
	return append(out, b.RowID...)
}

// pad appends 0x80 and zeros up to a multiple of padTo (ISO/IEC 7816-4).
func pad(p []byte) []byte {
	padded := make([]byte, (len(p)/padTo+1)*padTo)
	copy(padded, p)
	padded[len(p)] = 0x80
	return padded
}

// unpad looks at what follows the first bytes of p, which were there before.
func unpad(p []byte, before int) ([]byte, error) {
	for i := len(p) - 1; i >= before; i-- {
		switch p[i] {
		case 0:
		case 0x80:
			return p[:i], nil
		default:
			return nil, ErrDamaged
		}
	}
	return nil, ErrDamaged
}
