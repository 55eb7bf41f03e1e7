package providertest

import (
	"encoding/base64"
	"net/url"
	"strings"
)

// clientAuth is how a client authenticates at the token endpoint.
type clientAuth int

const (
	inBody clientAuth = iota
	headerEncoded
	headerRaw
	headerEither // the entry sets both
	headerSecret // the secret as the user name, and no password
	inCustom     // username and password parameters
	byAssertion  // private_key_jwt
	public
)

func (d *Dialect) clientAuth() clientAuth {
	if how, ok := ownAuths[d.own("client_auth")]; ok {
		return how
	}
	encoded := textOf(d.entry["authorization_method"]) == "header"
	raw := textOf(d.entry["token_request_auth_method"]) == "basic"
	switch {
	case d.registration() != "static":
		return public
	case encoded && raw:
		d.doubt("authorization_method and token_request_auth_method both ask for Basic, encoded and not: either will do")
		return headerEither
	case encoded:
		return headerEncoded
	case raw:
		return headerRaw
	}
	return inBody
}

// checkClient checks the client's authentication in its one place. It removes
// what it has looked at from p.
func (d *Dialect) checkClient(h *hit, p url.Values, how clientAuth, id, secret string) {
	header := h.r.Header.Values("Authorization")
	switch how {
	case inBody, public:
		if len(header) > 0 {
			d.problem(h.role, "header authorization is sent, and the client authenticates in the body")
		}
		if how == public {
			d.checkClientID(h.role, p.Get("client_id"), "")
			if p.Get("client_secret") != "" {
				d.problem(h.role, "client_secret is %q, and the client is public", p.Get("client_secret"))
			}
			p.Del("client_secret")
		} else {
			d.equal(h.role, "parameter client_id", p["client_id"], id)
			d.equal(h.role, "parameter client_secret", p["client_secret"], secret)
			p.Del("client_secret")
		}
		p.Del("client_id")
		return
	case inCustom:
		d.noAuthorization(h)
		d.equal(h.role, "parameter username", p["username"], id)
		d.equal(h.role, "parameter password", p["password"], secret)
		p.Del("username")
		p.Del("password")
		return
	case byAssertion:
		d.checkAssertionClient(h, p, id)
		return
	}
	for _, n := range []string{"client_id", "client_secret"} {
		if p.Has(n) {
			d.problem(h.role, "parameter %s is sent, and the client authenticates in the header", n)
			p.Del(n)
		}
	}
	raw := "Basic " + base64.StdEncoding.EncodeToString([]byte(id+":"+secret))
	encoded := "Basic " + base64.StdEncoding.EncodeToString([]byte(url.QueryEscape(id)+":"+url.QueryEscape(secret)))
	switch {
	case how == headerEither && len(header) == 1 && header[0] == raw:
	case how == headerSecret:
		d.equal(h.role, "header authorization", header, "Basic "+base64.StdEncoding.EncodeToString([]byte(secret+":")))
	case how == headerRaw:
		d.equal(h.role, "header authorization", header, raw)
	default:
		if len(header) == 1 && sameBasic(header[0], encoded) {
			return
		}
		d.equal(h.role, "header authorization", header, encoded)
	}
}

// sameBasic compares Basic headers whose parts are form-urlencoded: a space may
// be + or %20, and characters may be escaped that need not be.
func sameBasic(a, b string) bool {
	open := func(s string) (string, string, bool) {
		raw, err := base64.StdEncoding.DecodeString(strings.TrimPrefix(s, "Basic "))
		id, secret, found := strings.Cut(string(raw), ":")
		id, err1 := url.QueryUnescape(id)
		secret, err2 := url.QueryUnescape(secret)
		return id, secret, strings.HasPrefix(s, "Basic ") && found && err == nil && err1 == nil && err2 == nil
	}
	id1, secret1, ok1 := open(a)
	id2, secret2, ok2 := open(b)
	return ok1 && ok2 && id1 == id2 && secret1 == secret2
}

func (d *Dialect) equal(role, what string, got []string, want string) bool {
	switch {
	case len(got) == 0:
		d.problem(role, "%s is missing, want %q", what, want)
	case len(got) > 1:
		d.problem(role, "%s is given more than once", what)
	case got[0] != want:
		d.problem(role, "%s is %q, want %q", what, got[0], want)
	default:
		return true
	}
	return false
}
