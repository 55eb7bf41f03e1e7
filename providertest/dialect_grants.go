package providertest

import (
	"fmt"
	"math/rand/v2"
	"net/url"
	"time"
)

// grants is everything a Dialect has issued.
type grants struct {
	r        *rand.Rand
	n        int
	access   []*issued
	refresh  map[string]*refreshable
	codes    map[string]*visit
	states   map[string]bool
	requests map[string]*requestToken
	clients  map[string]*registered
	pushed   map[string]url.Values // authorization requests, by their request_uri
	fresh    bool                  // a code was exchanged, and nothing was made of the token yet
	done     int                   // the step of a sign-in that was answered last
	external string                // the external ID of the first AssumeRole
}

// issued is something that gives access to the API.
type issued struct {
	value   string
	kind    string            // "" for bearer tokens
	secret  string            // OAuth 1.0a token secret, AWS secret key
	extra   map[string]string // AWS session token, cookies, BILL session
	expires time.Time         // zero: never by itself
	expired bool              // by Expire
}

func (i *issued) dead(now time.Time) bool {
	return i.expired || !i.expires.IsZero() && !now.Before(i.expires)
}

type refreshable struct{ used bool }

// visit is a code and the authorization request it was given for.
type visit struct {
	clientID, redirectURI, challenge, resource string
	used                                       bool
}

type requestToken struct {
	secret, callback, verifier string
	used                       bool
}

// registered is a client of dynamic registration.
type registered struct{ redirectURIs []string }

func (g *grants) init(name string) {
	*g = grants{
		r:        seeded(name + "/grants"),
		refresh:  map[string]*refreshable{},
		codes:    map[string]*visit{},
		states:   map[string]bool{},
		requests: map[string]*requestToken{},
		clients:  map[string]*registered{},
		pushed:   map[string]url.Values{},
	}
}

// text is a new unguessable-looking value. It holds letters that RFC 6750 allows
// in a token and that a form or a query must escape.
func (g *grants) text(prefix string) string {
	g.n++
	return fmt.Sprintf("%s%d.%s~+/=", prefix, g.n, randomText(g.r, 24, alphanumeric))
}

// plain is one for places where escaping is not the question.
func (g *grants) plain(prefix string) string {
	g.n++
	return fmt.Sprintf("%s%d%s", prefix, g.n, randomText(g.r, 16, alphanumeric))
}

// newAccess issues a token that lives that long; 0 means for ever.
func (d *Dialect) newAccess(life time.Duration) *issued {
	a := &issued{value: d.grants.text("at-")}
	if life > 0 {
		a.expires = d.now().Add(life)
	}
	d.grants.access = append(d.grants.access, a)
	return a
}

func (d *Dialect) newRefresh() string {
	v := d.grants.text("rt-")
	d.grants.refresh[v] = &refreshable{}
	return v
}

// Issue makes a new access token, good for life (0: for ever), and a refresh
// token, for the answers of an Override.
func (d *Dialect) Issue(life time.Duration) (access, refresh string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.newAccess(life).value, d.newRefresh()
}

// Code makes an authorization code as if the user had allowed the access, for
// providers whose code comes in a webhook. The redirect URI is not checked.
func (d *Dialect) Code() string {
	d.mu.Lock()
	defer d.mu.Unlock()
	code := d.grants.text("code-")
	d.grants.codes[code] = &visit{clientID: d.in.ClientID}
	return code
}

// Webhook is the installation webhook of an entry whose flow starts at the
// provider: a new code and the metadata, where the entry says that they are.
func (d *Dialect) Webhook() map[string]any {
	path := textOf(d.entry["authorization_code_param_in_webhook"])
	if path == "" {
		path = "code"
	}
	out := map[string]any{}
	setPath(out, path, d.Code())
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, name := range textsOf(d.entry["webhook_response_metadata"]) {
		// The entry names them as they are below the payload's data.
		setPath(out, name, d.learned[name])
		setPath(out, "data."+name, d.learned[name])
	}
	return out
}

// metadata are the values that come with the callback.
func (d *Dialect) metadata(v url.Values) {
	for _, name := range textsOf(d.entry["redirect_uri_metadata"]) {
		if name == "state" && v.Has(name) {
			d.learned[name] = v.Get(name) // which some token endpoints want as well
			continue
		}
		v.Set(name, d.learned[name])
	}
}
