package kill

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"time"

	"github.com/tieline/tieline"
	"github.com/tieline/tieline/store"
)

// integrationOf is the integration of a connection: its provider's, and part of
// its name.
func integrationOf(conn string) string {
	provider, _, _ := strings.Cut(conn, "-")
	return provider
}

// ask asks for a credential: as it is mostly, a few times in a hundred by force,
// and as often with less patience than a refresh takes.
func (a *actor) ask(ctx context.Context, conn string) {
	limit, force := 3*time.Second, false
	switch n := rand.N(100); {
	case n < 5:
		limit = rand.N(20 * time.Millisecond)
	case n < 6:
		force = true
	}
	bounded, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	called := time.Now()
	var cred tieline.Credential
	var err error
	if force && !a.needsUser(bounded, conn) {
		cred, err = a.client.Connections.Refresh(bounded, integrationOf(conn), conn, nil)
	} else {
		cred, err = a.client.Connections.Credential(bounded, integrationOf(conn), conn)
	}
	if ctx.Err() != nil {
		return // the process ends
	}
	a.note(conn, called, cred, err)
}

// needsUser says whether a connection waits for its user. Nobody forces that.
func (a *actor) needsUser(ctx context.Context, conn string) bool {
	c, err := a.client.Connections.Get(ctx, integrationOf(conn), conn)
	return err == nil && c.Status == tieline.StatusNeedsReauth
}

// note tells the parent what a caller got, if it is news.
func (a *actor) note(conn string, called time.Time, cred tieline.Credential, err error) {
	got := time.Now()
	a.mu.Lock()
	defer a.mu.Unlock()
	a.counts["call"]++
	if err != nil {
		a.counts[kindOf(err)]++
		return
	}
	if late := got.Sub(cred.Expiry()); late >= 0 {
		a.sayLocked("expired %d %d", got.UnixNano(), late)
	}
	if h := hash(cred.(*tieline.OAuth2Token).AccessToken.Reveal()); a.seen[conn] != h {
		a.seen[conn] = h
		a.sayLocked("token %d %s", called.UnixNano(), h)
	}
}

// kindOf names an error for the table.
func kindOf(err error) string {
	var refresh *tieline.RefreshError
	switch {
	case errors.Is(err, context.DeadlineExceeded), errors.Is(err, context.Canceled):
		return "deadline"
	case errors.Is(err, tieline.ErrReauthRequired):
		return "reauth required"
	case errors.Is(err, tieline.ErrClosed), errors.Is(err, store.ErrClosed):
		return "closing"
	case errors.As(err, &refresh):
		return "refresh failed: " + refresh.Failure.Code
	default:
		return "database"
	}
}

// settle is the role of the fresh process at the end: it asks for every
// connection until its token has been replaced once, or its user is needed. A
// spent token that is still stored shows then.
func (a *actor) settle() error {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	if err := a.open(ctx); err != nil {
		return err
	}
	results := make(chan error)
	for _, conn := range a.Conns {
		go func() { results <- a.settleOne(ctx, conn) }()
	}
	var errs []error
	for range a.Conns {
		errs = append(errs, <-results)
	}
	errs = append(errs, a.close())
	if err := errors.Join(errs...); err != nil {
		return err
	}
	a.say("bye")
	return nil
}

func (a *actor) settleOne(ctx context.Context, conn string) error {
	first := ""
	ticker := time.NewTicker(20 * time.Millisecond)
	defer ticker.Stop()
	for {
		cred, err := a.client.Connections.Credential(ctx, integrationOf(conn), conn)
		if errors.Is(err, tieline.ErrReauthRequired) {
			// Callers are told before it is written down.
			c, err := a.client.Connections.Get(ctx, integrationOf(conn), conn)
			if err == nil && c.Status == tieline.StatusNeedsReauth {
				a.say("final %s reauth %s", conn, codeOf(c))
				return nil
			}
		}
		if err == nil {
			h := hash(cred.(*tieline.OAuth2Token).AccessToken.Reveal())
			if first != "" && first != h {
				a.say("final %s stored %s", conn, h)
				return nil
			}
			first = h
		}
		select {
		case <-ticker.C:
		case <-ctx.Done():
			return fmt.Errorf("%s does not settle: %w", conn, errors.Join(err, ctx.Err()))
		}
	}
}

// codeOf is what a connection says of its last failure.
func codeOf(c tieline.Connection) string {
	if c.LastError == nil || c.LastError.Code == "" {
		return "none"
	}
	return c.LastError.Code
}
