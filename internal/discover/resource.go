package discover

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"strings"
)

// Resource is what a protected resource says about itself (RFC 9728 section 2).
type Resource struct {
	// Resource is its identifier, to be sent as the resource parameter of RFC
	// 8707: what was asked about, or the part of its host that it lies in.
	Resource string `json:"resource"`
	// AuthorizationServers are issuers for [AuthorizationServer]. It may be
	// empty, which RFC 9728 allows and MCP does not.
	AuthorizationServers []string `json:"authorization_servers,omitempty"`
	ScopesSupported      []string `json:"scopes_supported,omitempty"`
	// BearerMethodsSupported are out of header, body and query. Empty means not
	// said.
	BearerMethodsSupported []string `json:"bearer_methods_supported,omitempty"`
	// Name is the server's own text, for people to read.
	Name string `json:"resource_name,omitempty"`
	// ChallengeScopes are those that the resource asked for when it was called
	// without a token (RFC 6750 section 3). They go before ScopesSupported.
	ChallengeScopes []string `json:"-"`
}

// ProtectedResource finds the metadata of a resource: at the place that its
// answer to a request without a token names (RFC 9728 section 5.1), else at the
// well-known place with the resource's path (section 3.1), else at the one of its
// host.
//
// The metadata counts only if it is of the resource. Its resource value has to
// be the URL asked about, in the form of [CanonicalResource], or the identifier
// that the place of the document stands for, if the resource lies in that: the
// host's metadata may be of the whole host (section 3.3).
//
// A resource without metadata is [ErrNone]. The Resource then holds what is
// known all the same: the identifier, and the ChallengeScopes. Every error is
// an [*Error].
func ProtectedResource(ctx context.Context, rt http.RoundTripper, resource *url.URL, opts Options) (Resource, error) {
	asked := *resource
	asked.Fragment, asked.RawFragment = "", ""
	u := opts.parse(asked.String())
	if u == nil {
		return Resource{}, fail(StepResource, ErrURL, "resource", 0)
	}
	bare := Resource{Resource: CanonicalResource(u)}
	challenge, failure := probe(ctx, rt, u)
	if failure != nil {
		return Resource{}, failure
	}
	bare.ChallengeScopes = scopes([]string{challenge["scope"]})
	places := resourcePlaces(u)
	if named := challenge["resource_metadata"]; named != "" {
		place := opts.parse(named)
		if place == nil {
			return Resource{}, fail(StepResource, ErrURL, "resource_metadata", 0)
		}
		places = append([]*url.URL{place}, places...)
	}
	found, err := firstOf(ctx, rt, StepResource, distinct(places), func(doc object, place *url.URL) (Resource, *Error) {
		return parseResource(doc, u, place, opts)
	})
	switch {
	case errors.Is(err, ErrNone):
		return bare, err
	case err != nil:
		return Resource{}, err
	}
	found.ChallengeScopes = bare.ChallengeScopes
	return found, nil
}

// distinct leaves out what was there before.
func distinct(places []*url.URL) []*url.URL {
	seen := map[string]bool{}
	var out []*url.URL
	for _, p := range places {
		if s := p.String(); !seen[s] {
			seen[s] = true
			out = append(out, p)
		}
	}
	return out
}

// probe calls the resource without a token and returns the parameters of its
// challenge, empty if it has none. Whatever else happens is no failure, as the
// well-known places are still there; only that the request may not go there is,
// and that ctx is done.
func probe(ctx context.Context, rt http.RoundTripper, u *url.URL) (map[string]string, *Error) {
	limited, cancel := context.WithTimeout(ctx, requestTimeout)
	defer cancel()
	// An MCP server may answer a GET with a stream that never ends. Its body is
	// not read.
	resp, failure := get(limited, rt, StepResource, u, "application/json, text/event-stream")
	switch {
	case ctx.Err() != nil:
		if failure == nil {
			_ = resp.Body.Close()
		}
		return nil, unreachable(ctx, StepResource, 0, ctx.Err())
	case failure != nil && isForbidden(failure):
		return nil, failure
	case failure != nil:
		return nil, nil
	}
	_ = resp.Body.Close()
	return pick(ParseChallenges(resp.Header.Values("WWW-Authenticate"))), nil
}

// pick returns the parameters of the challenge that counts: the first Bearer that
// names metadata, else the first of any scheme that does, as DPoP's may (RFC 9728
// section 5.1), else the first Bearer.
func pick(challenges []Challenge) map[string]string {
	var best map[string]string
	rank := 0
	for _, c := range challenges {
		r := 0
		if strings.TrimSpace(c.Params["resource_metadata"]) != "" {
			r = 2
		}
		if c.Scheme == "bearer" {
			r++
		}
		if r > rank {
			best, rank = c.Params, r
		}
	}
	return best
}

// parseResource reads the document at place, asked about u.
func parseResource(doc object, u, place *url.URL, opts Options) (Resource, *Error) {
	id, ok := doc.text("resource")
	if reason := checkResource(id, ok, u, place, opts); reason != nil {
		failure := fail(StepResource, reason, "resource", http.StatusOK)
		failure.foreign = true
		return Resource{}, failure
	}
	r := Resource{Resource: id}
	f := fields{doc: doc, step: StepResource, opts: opts, status: http.StatusOK}
	servers := f.list("authorization_servers")
	r.ScopesSupported = scopes(f.list("scopes_supported"))
	r.BearerMethodsSupported = f.list("bearer_methods_supported")
	r.Name = f.text("resource_name")
	if f.failure != nil {
		return Resource{}, f.failure
	}
	for _, issuer := range servers {
		if opts.parseIssuer(issuer) != nil {
			r.AuthorizationServers = append(r.AuthorizationServers, issuer)
		}
	}
	// One that cannot be used hides no other.
	if len(servers) > 0 && len(r.AuthorizationServers) == 0 {
		return Resource{}, fail(StepResource, ErrURL, "authorization_servers", http.StatusOK)
	}
	return r, nil
}

// checkResource says what is wrong with the identifier in a document.
func checkResource(id string, isText bool, u, place *url.URL, opts Options) error {
	switch {
	case !isText:
		return ErrType
	case id == "":
		return ErrMissing
	}
	stated := opts.parse(id)
	if stated == nil {
		return ErrURL
	}
	canonical := CanonicalResource(stated)
	if opts.same(canonical, CanonicalResource(u)) {
		return nil
	}
	if of := describes(place); canonical == of && covers(canonical, u) {
		return nil
	}
	return ErrMismatch
}
