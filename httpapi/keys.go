package httpapi

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"iter"
	"slices"
	"time"

	"github.com/tieline/tieline"
	"github.com/tieline/tieline/store"
)

// kindKey are the rows of keys.
const kindKey store.Kind = "api_key"

// Keys are the secret keys that callers of the surface have. Those that are made
// here are kept in a Store, as hashes: a key is random, so its hash tells nobody
// what it is. Make one with [NewKeys].
type Keys struct {
	store  store.Store
	static []staticKey
	now    func() time.Time
}

// Key is a secret key without its secret.
type Key struct {
	ID        string // random; for static keys "static-1" and so on
	Name      string // for people
	Scopes    []string
	CreatedAt time.Time
}

type staticKey struct {
	hash [sha256.Size]byte
	key  Key
}

// NewKeys keeps keys in a Store, beside static ones. A nil Store has no others.
func NewKeys(s store.Store, static ...StaticKey) (*Keys, error) {
	k := &Keys{store: s, now: time.Now}
	for n, given := range static {
		if !isUUID(given.Secret.Reveal()) {
			return nil, fmt.Errorf("httpapi: %w", &tieline.FieldError{Field: fmt.Sprintf("static[%d].Secret", n), Reason: "must be a UUID"})
		}
		scopes, err := checkScopes(given.Scopes)
		if err != nil {
			return nil, fmt.Errorf("httpapi: static key %d: %w", n+1, err)
		}
		k.static = append(k.static, staticKey{
			hash: sha256.Sum256([]byte(given.Secret.Reveal())),
			key:  Key{ID: fmt.Sprintf("static-%d", n+1), Name: given.Name, Scopes: scopes},
		})
	}
	return k, nil
}

// StaticKey is a key that the application keeps itself, as small services do.
type StaticKey struct {
	Secret tieline.Secret // a UUID
	Name   string
	Scopes []string // empty: all
}

type storedKey struct {
	Name      string    `json:"name"`
	Scopes    []string  `json:"scopes"`
	CreatedAt time.Time `json:"created_at"`
}

// Create makes a key with these scopes, or all if there are none, and returns its
// secret, which cannot be had again.
func (k *Keys) Create(ctx context.Context, name string, scopes ...string) (Key, tieline.Secret, error) {
	fail := func(err error) (Key, tieline.Secret, error) {
		return Key{}, tieline.Secret{}, fmt.Errorf("httpapi: create key: %w", err)
	}
	if k.store == nil {
		return fail(errNoStore)
	}
	scopes, err := checkScopes(scopes)
	if err != nil {
		return fail(err)
	}
	secret, id := newUUID(), newUUID()
	hash := sha256.Sum256([]byte(secret))
	stored := storedKey{Name: name, Scopes: scopes, CreatedAt: k.now().UTC()}
	data, err := json.Marshal(stored)
	if err != nil {
		return fail(err)
	}
	row := store.Row{Key: store.Key{Kind: kindKey, ID: id}, Unique: hex.EncodeToString(hash[:]), Data: data}
	if _, err := k.store.Put(ctx, row); err != nil {
		return fail(err)
	}
	return stored.key(id), tieline.NewSecret(secret), nil
}

func (s storedKey) key(id string) Key {
	return Key{ID: id, Name: s.Name, Scopes: s.Scopes, CreatedAt: s.CreatedAt}
}

var errNoStore = errors.New("there is no Store to keep keys in")

// All yields the keys that are stored.
func (k *Keys) All(ctx context.Context) iter.Seq2[Key, error] {
	return func(yield func(Key, error) bool) {
		if k.store == nil {
			return
		}
		q := store.Query{Kind: kindKey}
		for {
			page, err := k.store.List(ctx, q)
			if err != nil {
				yield(Key{}, fmt.Errorf("httpapi: list keys: %w", err))
				return
			}
			for _, row := range page.Rows {
				key, err := parseKey(row)
				if !yield(key, err) {
					return
				}
			}
			if page.Next == "" {
				return
			}
			q.After = page.Next
		}
	}
}

func parseKey(row store.Row) (Key, error) {
	var stored storedKey
	if err := json.Unmarshal(row.Data, &stored); err != nil {
		return Key{ID: row.ID}, fmt.Errorf("httpapi: key %q: %w", row.ID, tieline.ErrDamaged)
	}
	return stored.key(row.ID), nil
}

// Revoke takes a key away, or returns [tieline.ErrNotFound]. It is refused from the
// next request on, in every process.
func (k *Keys) Revoke(ctx context.Context, id string) error {
	if k.store == nil {
		return fmt.Errorf("httpapi: revoke key: %w", errNoStore)
	}
	row, err := k.store.Get(ctx, store.Key{Kind: kindKey, ID: id})
	if err == nil {
		err = k.store.Delete(ctx, row.Key, row.Version)
	}
	if errors.Is(err, store.ErrNotFound) || errors.Is(err, store.ErrInvalid) {
		err = tieline.ErrNotFound
	}
	if err != nil {
		return fmt.Errorf("httpapi: revoke key: %w", err)
	}
	return nil
}

// find returns the key that has this secret. What is compared are hashes, so the
// time it takes tells nothing about a key.
func (k *Keys) find(ctx context.Context, secret string) (Key, error) {
	hash := sha256.Sum256([]byte(secret))
	for _, s := range k.static {
		if subtle.ConstantTimeCompare(s.hash[:], hash[:]) == 1 {
			return s.key, nil
		}
	}
	if k.store == nil {
		return Key{}, tieline.ErrNotFound
	}
	row, err := store.GetUnique(ctx, k.store, kindKey, hex.EncodeToString(hash[:]))
	if errors.Is(err, store.ErrNotFound) {
		return Key{}, tieline.ErrNotFound
	}
	if err != nil {
		return Key{}, err
	}
	return parseKey(row)
}

func checkScopes(scopes []string) ([]string, error) {
	if len(scopes) == 0 {
		return []string{ScopeAll}, nil
	}
	for n, s := range scopes {
		if !validScope(s) {
			return nil, &tieline.FieldError{Field: fmt.Sprintf("scopes[%d]", n), Reason: "is no scope"}
		}
	}
	return slices.Clone(scopes), nil
}

// newUUID is a random UUID (RFC 9562, version 4).
func newUUID() string {
	var b [16]byte
	_, _ = rand.Read(b[:]) // never fails
	return formatUUID(b)
}

// formatUUID writes 16 bytes as a UUID of version 4, whose bits it sets.
func formatUUID(b [16]byte) string {
	b[6] = b[6]&0x0f | 0x40
	b[8] = b[8]&0x3f | 0x80
	return fmt.Sprintf("%x-%x-%x-%x-%x", b[:4], b[4:6], b[6:8], b[8:10], b[10:])
}

// isUUID accepts any version.
func isUUID(s string) bool {
	if len(s) != 36 {
		return false
	}
	for n := range len(s) {
		c := s[n]
		switch n {
		case 8, 13, 18, 23:
			if c != '-' {
				return false
			}
		default:
			if (c < '0' || c > '9') && (c < 'a' || c > 'f') && (c < 'A' || c > 'F') {
				return false
			}
		}
	}
	return true
}
