package kill

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	mathrand "math/rand/v2"
	"net"
	"net/http"
	"strconv"
	"sync"
	"time"
)

// The providers.
const (
	Strict    = "strict" // no grace
	Forgiving = "grace"
)

// Referee is both providers, and keeps the book.
type Referee struct {
	URL string

	lifetime, grace, delay time.Duration

	server   *http.Server
	served   chan struct{}
	listener net.Listener

	mu     sync.Mutex
	issued map[string]Token // by refresh token
	access map[string]Token // by hash of the access token
	grants map[string]*grant
	book   []Exchange
	died   chan string // connections whose grant died, as many as there can be
}

// grant is a connection's newest one.
type grant struct {
	provider string
	number   int
	live     int       // generation of the refresh token that is good; 0: dead
	last     int       // the newest generation
	previous int       // the one that was spent for the live one
	spent    time.Time // when it was first
}

// newReferee starts both providers on loopback. Access tokens live for lifetime,
// the forgiving one takes the previous refresh token for grace, and each
// request takes up to delay before and after the commit.
func newReferee(lifetime, grace, delay time.Duration) (*Referee, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	r := &Referee{
		URL: "http://" + l.Addr().String(), lifetime: lifetime, grace: grace, delay: delay,
		listener: l, served: make(chan struct{}), died: make(chan string, 10_000),
		issued: map[string]Token{}, access: map[string]Token{}, grants: map[string]*grant{},
	}
	mux := http.NewServeMux()
	mux.HandleFunc("POST /{process}/{provider}/token", r.token)
	r.server = &http.Server{Handler: mux, ReadHeaderTimeout: time.Minute}
	go func() {
		defer close(r.served)
		_ = r.server.Serve(l)
	}()
	return r, nil
}

// close ends the providers when their answers are out.
func (r *Referee) close() error {
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	err := r.server.Shutdown(ctx)
	<-r.served
	return err
}

// pair is what a client gets.
type pair struct {
	AccessToken  string  `json:"access_token"`
	RefreshToken string  `json:"refresh_token"`
	TokenType    string  `json:"token_type"`
	ExpiresIn    float64 `json:"expires_in"`
}

// open begins a new grant of a connection, and returns its first tokens.
func (r *Referee) open(provider, conn string) (Token, pair) {
	r.mu.Lock()
	defer r.mu.Unlock()
	g := &grant{provider: provider, number: 1}
	if old := r.grants[conn]; old != nil {
		g.number = old.number + 1
	}
	r.grants[conn] = g
	p := r.issue(conn, g)
	return Token{Conn: conn, Grant: g.number, Gen: g.live}, p
}

// issue makes the next generation, which is the live one. It is called with the
// lock held.
func (r *Referee) issue(conn string, g *grant) pair {
	g.last++
	g.live = g.last
	p := pair{AccessToken: "at-" + rand.Text(), RefreshToken: "rt-" + rand.Text(), TokenType: "bearer", ExpiresIn: r.lifetime.Seconds()}
	t := Token{Conn: conn, Grant: g.number, Gen: g.live}
	r.issued[p.RefreshToken], r.access[hash(p.AccessToken)] = t, t
	return p
}

// hash is how a token is named outside.
func hash(token string) string {
	sum := sha256.Sum256([]byte(token))
	return hex.EncodeToString(sum[:12])
}

// token is the token endpoint of both. Its client may be dead by the time of the
// commit: that is nothing to a server.
func (r *Referee) token(w http.ResponseWriter, req *http.Request) {
	x := Exchange{Provider: req.PathValue("provider"), Arrived: now()}
	x.Process, _ = strconv.Atoi(req.PathValue("process"))
	presented := req.PostFormValue("refresh_token")
	wait(r.delay)
	p := r.exchange(&x, presented)
	wait(r.delay)
	w.Header().Set("Content-Type", "application/json")
	if !x.accepted() {
		w.WriteHeader(http.StatusBadRequest)
		fmt.Fprint(w, `{"error":"invalid_grant"}`)
		return
	}
	_ = json.NewEncoder(w).Encode(p) // to nobody, perhaps
	_ = http.NewResponseController(w).Flush()
	r.answered(x)
}

// exchange decides, and writes it down.
func (r *Referee) exchange(x *Exchange, presented string) (p pair) {
	r.mu.Lock()
	defer r.mu.Unlock()
	x.Committed = now()
	x.Outcome = r.decide(x, presented)
	g := r.grants[x.Presented.Conn]
	switch x.Outcome {
	case Rotated:
		g.previous, g.spent = x.Presented.Gen, x.Committed
		p = r.issue(x.Presented.Conn, g)
		x.Issued = g.live
	case Again:
		p = r.issue(x.Presented.Conn, g)
		x.Issued = g.live
	case Reused:
		g.live = 0
		r.died <- x.Presented.Conn
	}
	x.Answered = x.Committed // until it is
	r.book = append(r.book, *x)
	return p
}

// decide says what becomes of a refresh token that is presented. Of the tokens
// that were used, only the one before the live one is ever forgiven, and the one
// that was issued for it at first is as dead as any other then.
func (r *Referee) decide(x *Exchange, presented string) Outcome {
	t, ok := r.issued[presented]
	if !ok {
		return Unknown
	}
	x.Presented = t
	g := r.grants[t.Conn]
	switch {
	case g.number != t.Grant, g.live == 0:
		return Dead
	case t.Gen == g.live:
		return Rotated
	case t.Gen == g.previous && g.provider == Forgiving && x.Committed.Sub(g.spent) < r.grace:
		return Again
	default:
		return Reused
	}
}

// answered notes when an answer was out.
func (r *Referee) answered(x Exchange) {
	at := now()
	r.mu.Lock()
	defer r.mu.Unlock()
	for i := len(r.book) - 1; i >= 0; i-- {
		if b := &r.book[i]; b.Presented == x.Presented && b.Issued == x.Issued {
			b.Answered = at
			return
		}
	}
}

// exchanges is a copy of the book.
func (r *Referee) exchanges() []Exchange {
	r.mu.Lock()
	defer r.mu.Unlock()
	return append([]Exchange(nil), r.book...)
}

// seen finds a token by the hash of its access token.
func (r *Referee) seen(hash string) (Token, bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	t, ok := r.access[hash]
	return t, ok
}

// live is the token of a connection that is good. Its Gen is 0 when the grant is
// dead.
func (r *Referee) live(conn string) Token {
	r.mu.Lock()
	defer r.mu.Unlock()
	g := r.grants[conn]
	return Token{Conn: conn, Grant: g.number, Gen: g.live}
}

// now is the wall clock, without the monotonic part that other processes do not
// share.
func now() time.Time { return time.Now().Round(0) }

// wait takes a random time up to d.
func wait(d time.Duration) {
	if d <= 0 {
		return
	}
	timer := time.NewTimer(mathrand.N(d))
	defer timer.Stop()
	<-timer.C
}

// catalogFile is the provider file for one process: the address of the token
// endpoints says which it is.
func catalogFile(url string, process int, grace time.Duration) []byte {
	return fmt.Appendf(nil, `
strict:
  display_name: Strict
  categories: [dev-tools]
  docs: %[1]s/
  auth_mode: OAUTH2
  authorization_url: %[1]s/authorize
  token_url: %[1]s/%[2]d/strict/token
  client_auth: body
  refresh:
    rotation: always
    reuse: revoke_family
  proxy:
    base_url: %[1]s/api
grace:
  display_name: Forgiving
  categories: [dev-tools]
  docs: %[1]s/
  auth_mode: OAUTH2
  authorization_url: %[1]s/authorize
  token_url: %[1]s/%[2]d/grace/token
  client_auth: body
  refresh:
    rotation: always
    grace_seconds: %[3]d
    grace_answer: newest_pair_only
    reuse: revoke_family
  proxy:
    base_url: %[1]s/api
`, url, process, int(grace.Seconds()))
}
