package tieline

import (
	"fmt"
	"math/rand/v2"
	"net/http"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tieline/tieline/providertest"
)

// clocked is a world of several processes, each with a wall clock of its own.
type clocked struct {
	*world
	clients []*Client
	clocks  []*settableClock

	mu     sync.Mutex
	expiry map[string]time.Time // of each access token, by the provider's clock
}

func newClocked(t *testing.T, o worldOptions, offsets ...time.Duration) *clocked {
	w := &clocked{expiry: map[string]time.Time{}}
	for i, d := range offsets {
		clock := &settableClock{}
		clock.advance(d)
		o.config = func(cfg *Config) { cfg.Now = clock.Now }
		if i == 0 {
			w.world = connected(t, o)
			w.clients = append(w.clients, w.Client)
		} else {
			c, _, _ := w.client(o)
			w.clients = append(w.clients, c)
		}
		w.clocks = append(w.clocks, clock)
	}
	for _, c := range w.clients {
		c.core.tokenHTTP = hookedTripper{next: c.core.tokenHTTP, after: w.note}
	}
	w.note(nil)
	return w
}

// note remembers the expiry of the newest token.
func (w *clocked) note(*http.Request) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, g := range w.provider.Grants() {
		w.expiry[g.AccessToken] = g.ExpiresAt
	}
}

// ask has each of the processes ask for the credential at once, and returns for
// how long the worst of the tokens served has been over.
func (w *clocked) ask(clients ...*Client) (worst time.Duration) {
	w.t.Helper()
	tokens := make([]*OAuth2Token, len(clients))
	var wg sync.WaitGroup
	for i, c := range clients {
		wg.Go(func() {
			cred, err := c.Connections.Credential(w.t.Context(), "acme", "alice")
			if err != nil {
				w.t.Errorf("process %d: Credential = %v", i, err)
				return
			}
			tokens[i] = cred.(*OAuth2Token)
		})
	}
	wg.Wait()
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, token := range tokens {
		if token == nil {
			continue
		}
		end, known := w.expiry[token.AccessToken.Reveal()]
		if !known {
			w.t.Error("a token was served that the provider gave to nobody who is still connected")
			continue
		}
		worst = max(worst, time.Since(end))
	}
	return worst
}

func (w *clocked) wantExact(generations int) {
	w.t.Helper()
	w.wantOncePerGeneration()
	if st := w.provider.Stats(); st.Refreshes < generations || st.MaxConcurrentPerGrant > 1 {
		w.t.Errorf("%d refreshes, want at least %d; %d at once", st.Refreshes, generations, st.MaxConcurrentPerGrant)
	}
	for _, c := range w.clients {
		w.flightsEnd(c)
	}
	w.wantNothingLost(1)
}

const clockMargin = 15 * time.Second // of a poll

// Processes whose clocks are ten minutes off, one way and the other.
func TestSkewedClocks(t *testing.T) {
	t.Parallel()
	for _, life := range []time.Duration{5 * time.Minute, time.Hour} {
		t.Run(life.String(), func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				o := worldOptions{provider: providertest.Options{TokenLifetime: life}}
				w := newClocked(t, o, 0, -10*time.Minute, 10*time.Minute)
				w.provider.Fail(providertest.Fault{Endpoint: providertest.Refresh, Times: providertest.Always, DelayAfter: 3 * time.Second})
				const skew = 20 * time.Minute // between the outermost two
				random := rand.New(rand.NewPCG(3, 4))
				for range 1000 {
					// Sometimes all of them are quiet for a long time, sometimes all but one.
					pause := 10 * time.Second
					if random.IntN(20) == 0 {
						pause = time.Duration(random.Int64N(int64(3 * life)))
					}
					time.Sleep(pause)
					asking := slices.Clone(w.clients)
					random.Shuffle(len(asking), func(i, j int) { asking[i], asking[j] = asking[j], asking[i] })
					if random.IntN(2) == 0 {
						asking = asking[:1]
					}
					if over := w.ask(asking...); over > skew+clockMargin {
						t.Fatalf("a token was served %v after its end", over)
					}
				}
				w.wantExact(12)
			})
		})
	}
}

// The same with one of them alone after another has written by its clock.
func TestSkewedWriterAndReader(t *testing.T) {
	t.Parallel()
	for _, offsets := range [][2]time.Duration{{10 * time.Minute, -10 * time.Minute}, {-10 * time.Minute, 10 * time.Minute}} {
		t.Run(fmt.Sprint(offsets[0]), func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				w := newClocked(t, worldOptions{}, offsets[0], offsets[1])
				writer, reader := w.clients[0], w.clients[1]
				for range 10 {
					if _, err := writer.Connections.Refresh(t.Context(), "acme", "alice", nil); err != nil {
						t.Fatal(err)
					}
					before := w.provider.Stats().Refreshes
					for w.provider.Stats().Refreshes == before {
						if over := w.ask(reader); over > 20*time.Minute+clockMargin {
							t.Fatalf("a token was served %v after its end", over)
						}
						time.Sleep(10 * time.Second)
					}
				}
				w.wantExact(20)
			})
		})
	}
}

// jumps are what happens to a wall clock in the middle of a refresh.
var jumps = []struct {
	name  string
	steps func(*settableClock) // over 20 s
	moves time.Duration        // at most
}{
	{"an hour forward", func(c *settableClock) { c.advance(time.Hour) }, time.Hour},
	{"an hour and a half forward", func(c *settableClock) { c.advance(90 * time.Minute) }, 90 * time.Minute},
	{"an hour back", func(c *settableClock) { c.advance(-time.Hour) }, time.Hour},
	{"an hour forward and back", func(c *settableClock) {
		c.advance(time.Hour)
		time.Sleep(2 * time.Second)
		c.advance(-time.Hour)
	}, time.Hour},
	{"small steps back", func(c *settableClock) {
		for range 40 {
			c.advance(-250 * time.Millisecond)
			time.Sleep(500 * time.Millisecond)
		}
	}, 10 * time.Second},
	{"a day back", func(c *settableClock) { c.advance(-24 * time.Hour) }, 24 * time.Hour},
}

// A wall clock jumps in the middle of a refresh: that of the process that
// refreshes, that of one that waits for it, or both.
func TestClockJumpsDuringARefresh(t *testing.T) {
	t.Parallel()
	for _, jump := range jumps {
		for _, who := range []string{"holder", "waiter", "both"} {
			// Before the token is sent, and after.
			for _, at := range []time.Duration{0, time.Second, 5 * time.Second} {
				t.Run(fmt.Sprintf("%s/%s/%v", jump.name, who, at), func(t *testing.T) {
					t.Parallel()
					synctest.Test(t, func(t *testing.T) {
						w := newClocked(t, worldOptions{}, 0, 0)
						time.Sleep(time.Hour)
						w.provider.Fail(providertest.Fault{Endpoint: providertest.Refresh, Delay: 4 * time.Second, DelayAfter: 4 * time.Second})
						jumpDuring(w, jump.steps, who, at)
						synctest.Wait()
						w.wantOncePerGeneration()
						// Whoever waited may have found the new token expired by its own
						// clock, and asked for another; and so it goes on.
						for start := time.Now(); time.Since(start) < 3*time.Hour; time.Sleep(time.Minute) {
							if over := w.ask(w.clients...); over > jump.moves+time.Minute {
								t.Fatalf("a token was served %v after its end", over)
							}
						}
						w.wantExact(1)
					})
				})
			}
		}
	}
}

// jumpDuring has the first process refresh, the second wait for it, and the
// clocks jump meanwhile.
func jumpDuring(w *clocked, steps func(*settableClock), who string, at time.Duration) {
	var wg sync.WaitGroup
	wg.Go(func() { w.ask(w.clients[0]) })
	synctest.Wait()
	wg.Go(func() {
		time.Sleep(100 * time.Millisecond)
		w.waitFor(w.clients[1])
	})
	for i, clock := range w.clocks {
		if who == "both" || who == "holder" && i == 0 || who == "waiter" && i == 1 {
			wg.Go(func() {
				time.Sleep(at)
				steps(clock)
			})
		}
	}
	wg.Wait()
}

// waitFor asks without looking at what is served.
func (w *clocked) waitFor(c *Client) {
	if _, err := c.Connections.Credential(w.t.Context(), "acme", "alice"); err != nil {
		w.t.Errorf("the process that waited: %v", err)
	}
}

// Where a process is in the world makes no difference.
func TestTimeZones(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := connected(t, worldOptions{})
		clients := []*Client{w.Client}
		for _, hours := range []int{-12, -1, 1, 14} {
			zone := time.FixedZone("somewhere", hours*3600)
			c, _, _ := w.client(worldOptions{config: func(cfg *Config) {
				cfg.Now = func() time.Time { return time.Now().In(zone) }
			}})
			clients = append(clients, c)
		}
		for generation := 1; generation <= 10; generation++ {
			time.Sleep(time.Hour)
			// Each of them refreshes twice, and the others read what it wrote.
			first := clients[generation%len(clients)]
			want := w.credentialOf(first)
			w.flightsEnd(first)
			for i, c := range clients {
				got := w.credentialOf(c)
				if !got.AccessToken.Equal(want.AccessToken) || !got.ExpiresAt.Equal(time.Now().Add(time.Hour)) {
					t.Errorf("process %d has another token, or one that expires at %v", i, got.ExpiresAt)
				}
			}
			w.wantRefreshes(generation)
		}
		w.wantNothingLost(1)
	})
}
