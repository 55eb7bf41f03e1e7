package authserver

import (
	"crypto/sha256"
	"encoding/hex"
	"maps"
	"slices"
	"sync"
	"time"
)

// Exchange is one request to the token endpoint.
type Exchange struct {
	At   time.Time // when it arrived
	Took time.Duration

	GrantType string
	// Presented is the [Hash] of the code or the refresh token that was
	// presented, empty for a grant without either.
	Presented string
	// Grant is one user's authorization, or one client's own. All that follows
	// from it has the same one. Empty when nobody knows what was presented.
	Grant string
	// Generation is that of the refresh token that was presented: the first
	// one of a grant is 1, and every use makes the next. 0 when there is none, or
	// it was never issued.
	Generation int
	// Remaining is what the newest access token of the grant had left to live on
	// the server's clock when the request arrived, negative when it had expired.
	// Zero when there was none.
	Remaining time.Duration
	// InFlight is how many requests the endpoint had at that moment, this one
	// included.
	InFlight int

	Status int
	Code   string // the error code of the answer, empty without one
	Issued int    // the generation that was issued, 0 for none
}

// Token is an access token that was issued.
type Token struct {
	Grant      string
	Generation int
	Expires    time.Time // on the server's clock, exactly
}

// Revocation is one request to the revocation endpoint.
type Revocation struct {
	Token string // its [Hash]
	Err   error  // nil when it was accepted
}

// Referee watches the token endpoint, and knows what was issued to whom. It sits
// outside the processes that use the endpoint, and believes nothing they say.
// The zero value is ready.
type Referee struct {
	mu          sync.Mutex
	inFlight    int
	exchanges   []Exchange
	revocations []Revocation
	refusals    int
	pushes      int
	access      map[string]Token
	refresh     map[string]refreshToken
	newest      map[string]Token // by grant
	secrets     map[string]bool
}

type refreshToken struct {
	grant      string
	generation int
}

// Hash names a token without telling what it is.
func Hash(token string) string {
	if token == "" {
		return ""
	}
	sum := sha256.Sum256([]byte(token))
	return hex.EncodeToString(sum[:12])
}

// Exchanges are all of them so far, in the order of their arrival.
func (r *Referee) Exchanges() []Exchange {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Clone(r.exchanges)
}

// Revocations are all of them so far.
func (r *Referee) Revocations() []Revocation {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Clone(r.revocations)
}

// Refusals is how often the resource server did not take a token.
func (r *Referee) Refusals() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.refusals
}

// Pushes is how many authorization requests were pushed and accepted.
func (r *Referee) Pushes() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.pushes
}

func (r *Referee) pushed() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.pushes++
}

func (r *Referee) refuse() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.refusals++
}

// Tokens are the access tokens that were issued so far, by their [Hash].
func (r *Referee) Tokens() map[string]Token {
	r.mu.Lock()
	defer r.mu.Unlock()
	return maps.Clone(r.access)
}

// Secrets are all the values that passed the server and that nobody else may
// see: states, codes, verifiers, tokens, client secrets and whole headers with
// one in them. They are sorted.
func (r *Referee) Secrets() []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Sorted(maps.Keys(r.secrets))
}

// keep remembers secrets.
func (r *Referee) keep(secrets ...string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.secrets == nil {
		r.secrets = map[string]bool{}
	}
	for _, s := range secrets {
		if s != "" {
			r.secrets[s] = true
		}
	}
}

func (r *Referee) revoked(token string, err error) {
	r.keep(token)
	r.mu.Lock()
	defer r.mu.Unlock()
	r.revocations = append(r.revocations, Revocation{Token: Hash(token), Err: err})
}

// arrive writes down what is known before the server has looked at a request.
func (r *Referee) arrive(in request) (index int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.inFlight++
	x := Exchange{At: time.Now(), GrantType: in.grantType, Presented: Hash(in.presented), InFlight: r.inFlight}
	switch in.grantType {
	case "refresh_token":
		known := r.refresh[x.Presented]
		x.Grant, x.Generation = known.grant, known.generation
	case "authorization_code":
		x.Grant = "code " + x.Presented
	case "client_credentials":
		x.Grant = "client " + in.clientID
	}
	if last, ok := r.newest[x.Grant]; ok {
		x.Remaining = last.Expires.Sub(x.At)
	}
	r.exchanges = append(r.exchanges, x)
	return len(r.exchanges) - 1
}

// leave writes down what became of it.
func (r *Referee) leave(index int, out answer) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.inFlight--
	x := &r.exchanges[index]
	x.Took, x.Status, x.Code = time.Since(x.At), out.status, out.Error
	if out.AccessToken == "" {
		return
	}
	if r.access == nil {
		r.access, r.refresh, r.newest = map[string]Token{}, map[string]refreshToken{}, map[string]Token{}
	}
	x.Issued = r.newest[x.Grant].Generation + 1
	token := Token{Grant: x.Grant, Generation: x.Issued, Expires: out.expires}
	r.access[Hash(out.AccessToken)] = token
	r.newest[x.Grant] = token
	if out.RefreshToken != "" {
		r.refresh[Hash(out.RefreshToken)] = refreshToken{grant: x.Grant, generation: x.Issued}
	}
}
