package discover

import (
	"net/netip"
	"net/url"
	"strings"
)

// The well-known paths of RFC 9728 section 3, RFC 8414 section 3 and OpenID
// Connect Discovery 1.0 section 4.
const (
	wellKnownResource = "/.well-known/oauth-protected-resource"
	wellKnownServer   = "/.well-known/oauth-authorization-server"
	wellKnownOpenID   = "/.well-known/openid-configuration"
)

// parse reads a URL that may be called, or returns nil: absolute, https or what
// the Options allow, with a host, without fragment and user information.
func (o Options) parse(raw string) *url.URL {
	if raw == "" || len(raw) > maxURL || strings.Contains(raw, "#") {
		return nil
	}
	u, err := url.Parse(raw)
	if err != nil || u.Opaque != "" || u.Hostname() == "" || u.User != nil {
		return nil
	}
	if u.Scheme != "https" && (u.Scheme != "http" || !o.PlainLoopback || !isLoopback(u.Hostname())) {
		return nil
	}
	return u
}

// parseIssuer reads an issuer identifier: a URL as above, without a query (RFC
// 8414 section 2).
func (o Options) parseIssuer(raw string) *url.URL {
	u := o.parse(raw)
	if u == nil || u.RawQuery != "" || u.ForceQuery {
		return nil
	}
	return u
}

// same compares two identifiers.
func (o Options) same(a, b string) bool {
	return a == b || o.LooseSlash && strings.TrimSuffix(a, "/") == strings.TrimSuffix(b, "/")
}

func isLoopback(host string) bool {
	if strings.EqualFold(host, "localhost") {
		return true
	}
	addr, err := netip.ParseAddr(host)
	return err == nil && addr.Unmap().IsLoopback()
}

// Origin returns scheme, host and port of u, in lower case and without the
// default port. For an MCP server without metadata it is the issuer to ask (MCP
// specification 2025-03-26, "Authorization Base URL").
func Origin(u *url.URL) string {
	scheme, host := strings.ToLower(u.Scheme), strings.ToLower(u.Hostname())
	if strings.Contains(host, ":") {
		host = "[" + strings.ReplaceAll(host, "%", "%25") + "]" // IPv6, perhaps with a zone
	}
	if port := u.Port(); port != "" && !(scheme == "https" && port == "443") && !(scheme == "http" && port == "80") {
		host += ":" + port
	}
	return scheme + "://" + host
}

// CanonicalResource returns the resource indicator for u (RFC 8707 section 2;
// MCP, "Canonical Server URI"): scheme and host in lower case, no default port,
// no user information, no fragment, and no slash where the path is only that.
// The rest of the path stays as it is, as a server may tell "/mcp" from "/mcp/";
// so does the query.
func CanonicalResource(u *url.URL) string {
	s := Origin(u)
	if path := u.EscapedPath(); path != "/" {
		s += path
	}
	if u.RawQuery != "" {
		s += "?" + u.RawQuery
	}
	return s
}

// insert puts a well-known path between the host and the path of u. The query
// stays (RFC 9728 section 3.1).
func insert(u *url.URL, wellKnown, path string) *url.URL {
	c := &url.URL{Scheme: u.Scheme, Host: u.Host, RawQuery: u.RawQuery}
	return join(c, wellKnown, path)
}

// join sets the path of c, given both parts escaped.
func join(c *url.URL, first, second string) *url.URL {
	raw := first + second
	path, err := url.PathUnescape(raw)
	if err != nil { // an escaped path that url made itself can be unescaped
		path = raw
	}
	c.Path, c.RawPath = path, raw
	return c
}

// resourcePlaces are the places of the metadata of a resource: with its path,
// then without, as MCP servers have it that protect all of their host.
func resourcePlaces(u *url.URL) []*url.URL {
	root := join(&url.URL{Scheme: u.Scheme, Host: u.Host}, wellKnownResource, "")
	path := u.EscapedPath()
	if path == "/" {
		path = "" // RFC 9728 section 3.1
	}
	if path == "" && u.RawQuery == "" {
		return []*url.URL{root}
	}
	return []*url.URL{insert(u, wellKnownResource, path), root}
}

// serverPlaces are the places of the metadata of an issuer: that of RFC 8414,
// that of OpenID Connect in the way of RFC 8414 section 5, and where OpenID
// Connect itself has it.
func serverPlaces(issuer *url.URL) []*url.URL {
	path := strings.TrimSuffix(issuer.EscapedPath(), "/") // RFC 8414 section 3.1
	places := []*url.URL{insert(issuer, wellKnownServer, path), insert(issuer, wellKnownOpenID, path)}
	if path != "" {
		places = append(places, insert(issuer, path, wellKnownOpenID))
	}
	return places
}

// describes returns the identifier whose metadata belongs at place, or "" if it
// is not a well-known place.
func describes(place *url.URL) string {
	path, ok := strings.CutPrefix(place.EscapedPath(), wellKnownResource)
	if !ok || path != "" && path[0] != '/' {
		return ""
	}
	u := join(&url.URL{Scheme: place.Scheme, Host: place.Host, RawQuery: place.RawQuery}, "", path)
	return CanonicalResource(u)
}

// covers says whether the resource parent, a canonical identifier, is u or the
// part of its host that u lies in. Another origin covers nothing of u's.
func covers(parent string, u *url.URL) bool {
	path, ok := strings.CutPrefix(CanonicalResource(u), strings.TrimSuffix(parent, "/"))
	return ok && (path == "" || path[0] == '/' || path[0] == '?')
}

// sameOrigin says whether both have scheme, host and port in common.
func sameOrigin(a, b *url.URL) bool { return Origin(a) == Origin(b) }
