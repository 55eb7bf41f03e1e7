package e2e

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	standardwebhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"
	"github.com/tieline/tieline"
)

const hooksSecret = "a-webhook-secret-of-the-tests"

// A process that takes in webhooks is killed again and again, in the middle of it. Every
// webhook that it has acknowledged reaches the receiver.
func TestForwardKill(t *testing.T) {
	w := newHooksWorld(t, false)
	kills := 100
	if testing.Short() {
		kills = 20
	}
	w.harm(kills)
	w.finish()
	n := w.count()
	t.Logf("%d kills: %d sent, %d acknowledged, %d of them on their way when a process was killed, %d received, %d doubled, %d lost",
		kills, w.posted.Load(), n.acked, n.onTheWay, n.received, n.doubled, n.lost)
	if n.lost > 0 {
		t.Errorf("%d webhooks that were acknowledged were never received", n.lost)
	}
	if n.acked < 5*kills || n.onTheWay < kills/4 {
		t.Error("too little was going on for the test to mean anything")
	}
}

// With a queue in memory webhooks are lost. If none is, TestForwardKill proves nothing.
func TestForwardKillNotices(t *testing.T) {
	w := newHooksWorld(t, true)
	w.harm(10)
	w.finish()
	n := w.count()
	t.Logf("10 kills with a queue in memory: %d acknowledged, %d lost", n.acked, n.lost)
	if n.lost == 0 {
		t.Error("nothing was lost")
	}
}

// hooksWorld is a receiver, and processes that forward to it, one at a time.
type hooksWorld struct {
	t    *testing.T
	role role

	url    atomic.Pointer[string] // of the process that takes webhooks; nil: there is none
	posted atomic.Int64

	mu       sync.Mutex
	acked    map[string]bool
	received map[string]int // by webhook
	ids      map[string]string
	onTheWay map[string]bool // acknowledged and not received when a process was killed
}

func newHooksWorld(t *testing.T, forget bool) *hooksWorld {
	t.Helper()
	w := &hooksWorld{t: t, acked: map[string]bool{}, received: map[string]int{}, ids: map[string]string{}, onTheWay: map[string]bool{}}
	secret := tieline.NewForwardSecret().Reveal()
	verifier, err := standardwebhooks.NewWebhook(secret)
	if err != nil {
		t.Fatal(err)
	}
	receiver := httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) { w.receive(rw, r, verifier) }))
	t.Cleanup(receiver.Close)
	w.role = role{
		site: site{Server: "http://127.0.0.1:1", DB: newFile(t), Key: tieline.GenerateKey()}, Play: "hooks",
		Hooks: hooks{Receiver: receiver.URL, Secret: secret, Forget: forget},
	}
	p, err := w.role.openHooks()
	if err != nil {
		t.Fatal(err)
	}
	_, err = p.Integrations.Create(t.Context(), tieline.Integration{
		Key: hooksIntegration, Provider: "slack", ForwardWebhooks: true,
		App: &tieline.OAuthApp{ClientID: "id", ClientSecret: tieline.NewSecret("secret"), WebhookSecret: tieline.NewSecret(hooksSecret)},
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := p.close(); err != nil {
		t.Fatal(err)
	}
	return w
}

// receive is the receiver: as slow as one may be.
func (w *hooksWorld) receive(rw http.ResponseWriter, r *http.Request, v *standardwebhooks.Webhook) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return // the sender was killed
	}
	if err := v.Verify(body, r.Header); err != nil {
		w.t.Errorf("a signature that is not accepted: %v", err)
	}
	var message struct {
		Payload struct {
			EventID string `json:"event_id"`
		}
	}
	if err := json.Unmarshal(body, &message); err != nil {
		w.t.Error(err)
	}
	name := message.Payload.EventID
	time.Sleep(rand.N(20 * time.Millisecond))
	w.mu.Lock()
	defer w.mu.Unlock()
	if id := r.Header.Get("webhook-id"); w.ids[name] != "" && w.ids[name] != id {
		w.t.Errorf("%s came with two IDs", name)
	} else {
		w.ids[name] = id
	}
	w.received[name]++
}

// harm lets webhooks come in while it kills process after process.
func (w *hooksWorld) harm(kills int) {
	w.t.Helper()
	stop := make(chan struct{})
	var posters sync.WaitGroup
	defer func() { close(stop); posters.Wait() }()
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}, Timeout: time.Minute}
	for i := range 4 {
		posters.Go(func() {
			for n := 0; ; n++ {
				select {
				case <-stop:
					return
				default:
					w.post(client, fmt.Sprintf("event-%d-%d", i, n))
				}
			}
		})
	}
	for range kills {
		a := w.start(w.role)
		w.await(1 + rand.IntN(20))
		time.Sleep(rand.N(20 * time.Millisecond))
		_ = a.cmd.Process.Kill()
		w.noteOnTheWay()
		w.url.Store(nil)
		_ = a.cmd.Wait()
	}
}

// await waits until so many more webhooks were acknowledged, however busy the machine.
func (w *hooksWorld) await(more int) {
	w.t.Helper()
	enough := w.count().acked + more
	for deadline := time.Now().Add(30 * time.Second); w.count().acked < enough; time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			w.t.Fatal("no webhook is acknowledged")
		}
	}
}

// start starts a process and waits until it listens.
func (w *hooksWorld) start(r role) *actor {
	w.t.Helper()
	a := r.enlist(w.t)
	line, err := a.stdout.ReadString('\n')
	if err != nil {
		w.t.Fatalf("another process: %v\n%s", err, a.stderr.Bytes())
	}
	u := strings.TrimSpace(line)
	w.url.Store(&u)
	return a
}

// post sends one webhook, as the provider does.
func (w *hooksWorld) post(client *http.Client, id string) {
	u := w.url.Load()
	if u == nil {
		time.Sleep(time.Millisecond)
		return
	}
	body := fmt.Appendf(nil, `{"type":"event_callback","team_id":"T1","event_id":%q,"event":{"type":"message"}}`, id)
	stamp := strconv.FormatInt(time.Now().Unix(), 10)
	mac := hmac.New(sha256.New, []byte(hooksSecret))
	mac.Write([]byte("v0:" + stamp + ":"))
	mac.Write(body)
	req, err := http.NewRequestWithContext(w.t.Context(), http.MethodPost, *u, bytes.NewReader(body))
	if err != nil {
		w.t.Error(err)
		return
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("X-Slack-Request-Timestamp", stamp)
	req.Header.Set("X-Slack-Signature", "v0="+hex.EncodeToString(mac.Sum(nil)))
	w.posted.Add(1)
	resp, err := client.Do(req)
	if err != nil {
		return // the process is dead: nothing was acknowledged
	}
	defer resp.Body.Close()
	if resp.StatusCode >= 300 {
		w.t.Errorf("a webhook was answered with %s", resp.Status)
		return
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.acked[id] = true
}

func (w *hooksWorld) noteOnTheWay() {
	w.mu.Lock()
	defer w.mu.Unlock()
	for id := range w.acked {
		if w.received[id] == 0 {
			w.onTheWay[id] = true
		}
	}
}

// finish lets a last process forward what is left. Its clock is ahead, so that it need
// not wait until the claims of the dead have run out.
func (w *hooksWorld) finish() {
	w.t.Helper()
	r := w.role
	r.Hooks.Ahead = 2 * time.Minute
	a := w.start(r)
	w.url.Store(nil)
	deadline := time.Now().Add(30 * time.Second)
	for w.count().lost > 0 && time.Now().Before(deadline) && !w.role.Hooks.Forget {
		time.Sleep(20 * time.Millisecond)
	}
	_ = a.stdin.Close()
	if err := a.cmd.Wait(); err != nil {
		w.t.Errorf("the last process: %v\n%s", err, a.stderr.Bytes())
	}
}

// hooksCount is what became of webhooks.
type hooksCount struct{ acked, onTheWay, received, doubled, lost int }

func (w *hooksWorld) count() hooksCount {
	w.mu.Lock()
	defer w.mu.Unlock()
	n := hooksCount{acked: len(w.acked), onTheWay: len(w.onTheWay), received: len(w.received)}
	for id := range w.acked {
		if w.received[id] == 0 {
			n.lost++
		}
	}
	for _, times := range w.received {
		if times > 1 {
			n.doubled++
		}
	}
	return n
}
