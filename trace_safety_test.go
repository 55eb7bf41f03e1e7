package tieline

import (
	"context"
	"net/http"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tieline/tieline/store"
	"github.com/tieline/tieline/storetest"
)

// What an operation consists of is told when the token is in the Store, and not
// before: a Tracer that never returns costs no token.
func TestTracerComesAfterTheSave(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		n := &notes{}
		var w *world
		var told []OperationName
		stored := func(op OperationName) {
			told = append(told, op)
			row, rec := w.connectionRecord()
			token, _ := w.storedToken(row)
			if g := w.provider.Grants(); len(g) != 1 || g[0].RefreshToken != token.RefreshToken.Reveal() || rec.State.Holder != "" {
				t.Errorf("%s is told before the Store has the token", op)
			}
		}
		n.onStart = func(ctx context.Context, op Operation) (context.Context, func(Result)) {
			if op.Name != OpRefresh && op.Name != OpConnect {
				stored(op.Name)
			}
			return ctx, func(Result) { stored(op.Name) }
		}
		o := traced(n)
		w = newWorld(t, o)
		w.integration("acme", "acme")
		w.connect("acme", "alice")
		time.Sleep(time.Hour)
		w.credential()
		synctest.Wait()
		if len(told) != 6 {
			t.Errorf("told of %q", told)
		}
	})
}

// A Tracer that hangs before a refresh may hold that up, and nothing that has a
// token in hand.
func TestTracerThatHangs(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		release := make(chan struct{})
		n := &notes{onStart: func(ctx context.Context, op Operation) (context.Context, func(Result)) {
			if op.Name == OpTokenRequest {
				<-release
			}
			return ctx, nil
		}}
		w := newWorld(t, worldOptions{})
		w.integration("acme", "acme")
		w.connect("acme", "alice")
		w.core.tracer = n
		time.Sleep(time.Hour)
		before := w.provider.Grants()[0].RefreshToken
		cred := w.credential()
		synctest.Wait()
		row, rec := w.connectionRecord()
		if token, _ := w.storedToken(row); token.RefreshToken.Reveal() == before || !token.AccessToken.Equal(cred.AccessToken) || rec.State.Holder != "" {
			t.Error("the new token is not stored")
		}
		close(release)
		closeClean(t, w.Client)
	})
}

// Whatever a Tracer does with the context and the functions, nothing comes of it.
func TestTracerDisturbsNothing(t *testing.T) {
	t.Parallel()
	over := func(ctx context.Context) context.Context {
		ctx, cancel := context.WithCancel(ctx)
		cancel()
		return ctx
	}
	for name, start := range map[string]func(context.Context, Operation) (context.Context, func(Result)){
		"panics at the start": func(context.Context, Operation) (context.Context, func(Result)) { panic("canary-of-a-panic") },
		"panics at the end": func(ctx context.Context, _ Operation) (context.Context, func(Result)) {
			return ctx, func(Result) { panic("canary-of-a-panic") }
		},
		"nothing":                func(context.Context, Operation) (context.Context, func(Result)) { return nil, nil },
		"a context that is over": func(ctx context.Context, _ Operation) (context.Context, func(Result)) { return over(ctx), nil },
		"a context of its own": func(context.Context, Operation) (context.Context, func(Result)) {
			return over(context.Background()), nil
		},
		"a context with a limit": func(ctx context.Context, _ Operation) (context.Context, func(Result)) {
			ctx, cancel := context.WithTimeout(ctx, 1)
			_ = cancel
			return ctx, nil
		},
		"much time before it": func(ctx context.Context, _ Operation) (context.Context, func(Result)) {
			time.Sleep(12 * time.Second)
			return ctx, nil
		},
		"much time at the end": func(ctx context.Context, _ Operation) (context.Context, func(Result)) {
			return ctx, func(Result) { time.Sleep(time.Minute) }
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				n := &notes{onStart: start}
				w := connected(t, traced(n))
				time.Sleep(time.Hour)
				get(t, w, "/me")
				synctest.Wait()
				w.wantRefreshes(1)
				w.wantNothingLost(1)
				w.wantOncePerGeneration()
				logged := w.log.String()
				if strings.Contains(logged, "canary") {
					t.Error("the value of a panic is logged")
				}
				if got := strings.Count(logged, "Tracer panicked"); strings.HasPrefix(name, "panics") != (got == 5) {
					t.Errorf("%d panics are logged", got)
				}
			})
		})
	}
}

// A Tracer's values reach the Store's calls and what is told of a refresh, and no
// request to the provider: there they could hook into the exchange.
func TestTracerValues(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		n := &notes{}
		var mu sync.Mutex
		puts := map[OperationName]int{}
		w := newWorld(t, worldOptions{store: contextual{storetest.Faulty(&store.Memory{}, nil, nil), func(ctx context.Context) {
			mu.Lock()
			defer mu.Unlock()
			op, _ := ctx.Value(noteKey{}).(OperationName)
			puts[op]++
		}}, config: func(c *Config) {
			c.Tracer = n
			c.OnEvent = func(ctx context.Context, e Event) {
				if ctx.Value(noteKey{}) == nil {
					t.Errorf("the context of %s has nothing of the Tracer's", e.Type)
				}
			}
		}})
		w.core.tokenHTTP = hookedTripper{next: w.provider.RoundTripper(), before: func(r *http.Request) {
			if r.Context().Value(noteKey{}) != nil {
				t.Error("a token request has values of the Tracer's")
			}
		}}
		w.integration("acme", "acme")
		w.connect("acme", "alice")
		time.Sleep(time.Hour)
		w.credential()
		synctest.Wait()
		mu.Lock()
		defer mu.Unlock()
		if puts[OpConnect] != 1 || puts[OpRefresh] != 2 {
			t.Errorf("Puts by operation: %v", puts)
		}
	})
}

// contextual looks at the contexts of Puts.
type contextual struct {
	store.Store
	look func(context.Context)
}

func (c contextual) Put(ctx context.Context, row store.Row) (store.Row, error) {
	c.look(ctx)
	return c.Store.Put(ctx, row)
}
