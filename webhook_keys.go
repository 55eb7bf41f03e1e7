package tieline

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"sync"
	"time"
)

const (
	// A provider's keys are used for this long before they are asked for again.
	// That is also how long a delivery signed with a new key is refused at most,
	// and how often a sender who makes up key IDs can have us ask.
	keysFresh = 5 * time.Minute
	// When they cannot be had, those known stay in use for this long.
	keysStale = 24 * time.Hour
	// keysRetry is how long after a failure nobody asks again.
	keysRetry = 30 * time.Second

	keysTimeout = 10 * time.Second
	maxKeySet   = 1 << 20 // bytes
	// maxKeySets bounds what is kept: a URL may come from a delivery.
	maxKeySets = 64
)

// keySets fetches the keys that providers publish, and keeps them for a while. It
// is a [webhook.KeySource]. The zero value with its fields set is ready.
type keySets struct {
	http http.RoundTripper
	now  func() time.Time

	mu   sync.Mutex
	sets map[string]*keySet // by URL
}

// keySet is one document. Its slot is held by whoever fetches it.
type keySet struct {
	slot     chan struct{}
	document []byte
	fetched  time.Time
	tried    time.Time
	err      error
}

// Fetch returns the document at a URL, which may be some minutes old.
func (k *keySets) Fetch(ctx context.Context, url string) ([]byte, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	set := k.set(url)
	select {
	case set.slot <- struct{}{}:
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	defer func() { <-set.slot }()
	now := k.now()
	switch {
	case set.document != nil && within(now, set.fetched, keysFresh):
		return set.document, nil
	case set.err != nil && within(now, set.tried, keysRetry):
	default:
		document, err := k.get(ctx, url)
		if err != nil && ctx.Err() != nil {
			return nil, ctx.Err() // which says nothing about the provider
		}
		set.tried, set.err = now, err
		if err == nil {
			set.document, set.fetched = document, now
		}
	}
	if set.err != nil && (set.document == nil || !within(now, set.fetched, keysStale)) {
		return nil, set.err
	}
	return set.document, nil
}

// within also says no when the clock was set back.
func within(now, then time.Time, d time.Duration) bool {
	age := now.Sub(then)
	return age >= 0 && age < d
}

func (k *keySets) set(url string) *keySet {
	k.mu.Lock()
	defer k.mu.Unlock()
	set, ok := k.sets[url]
	if !ok {
		if k.sets == nil || len(k.sets) >= maxKeySets {
			k.sets = map[string]*keySet{}
		}
		set = &keySet{slot: make(chan struct{}, 1)}
		k.sets[url] = set
	}
	return set
}

// get follows no redirect: whoever can make a provider redirect is not the
// provider.
func (k *keySets) get(ctx context.Context, url string) ([]byte, error) {
	ctx, cancel := context.WithTimeout(ctx, keysTimeout)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return nil, fmt.Errorf("fetch webhook keys: %w", err)
	}
	req.Header.Set("Accept", "application/json")
	resp, err := k.http.RoundTrip(req)
	if err != nil {
		return nil, fmt.Errorf("fetch webhook keys: %w", err)
	}
	defer func() { _ = resp.Body.Close() }()
	if resp.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("fetch webhook keys: status %d", resp.StatusCode)
	}
	document, err := io.ReadAll(io.LimitReader(resp.Body, maxKeySet+1))
	if err != nil {
		return nil, fmt.Errorf("fetch webhook keys: %w", err)
	}
	if len(document) > maxKeySet {
		return nil, fmt.Errorf("fetch webhook keys: more than %d bytes", maxKeySet)
	}
	return document, nil
}
