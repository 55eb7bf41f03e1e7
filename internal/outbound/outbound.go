// Package outbound is the only way out of Tieline to the network. It checks
// the address of every connection after names were resolved, so that a host
// name that a user supplied, a redirect or a DNS answer that changes cannot reach
// into the application's own network (SSRF).
package outbound

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"slices"
	"strings"
	"syscall"
	"time"
)

// ErrForbidden is the answer to a request that may not go where it would.
var ErrForbidden = errors.New("request may not go there (see Config.Outbound)")

// Policy says where requests may go. The zero value allows https to public
// addresses.
type Policy struct {
	// AllowPrivate are prefixes that are reachable although they are not
	// public, also by plain http.
	AllowPrivate []netip.Prefix
	// AllowedHosts, when not empty, are the only hosts reachable: names, or
	// "*.example.com" for everything below one.
	AllowedHosts []string

	resolver *net.Resolver // of tests; nil is the machine's
}

const (
	dialTimeout      = 5 * time.Second
	handshakeTimeout = 5 * time.Second
	headerTimeout    = 15 * time.Second
	maxHeaderBytes   = 64 << 10
)

// Transports are the two ways requests leave.
type Transports struct {
	// API keeps connections alive, and waits for headers as long as the
	// request's context does.
	API http.RoundTripper
	// Token opens a new connection for each request. A kept one that the
	// server has just closed fails in a way that does not tell whether the
	// request arrived, and a single-use refresh token may not be sent twice.
	Token http.RoundTripper

	close func()
}

// New builds the Transports from a base transport, which is cloned. Its Proxy
// and TLS settings are kept, its dialing is not. A nil base uses no proxy, not
// even one from the environment.
func New(base *http.Transport, policy Policy) *Transports {
	if base == nil {
		base = &http.Transport{ForceAttemptHTTP2: true, MaxIdleConnsPerHost: 8, IdleConnTimeout: 90 * time.Second}
	}
	api := newGuard(base, policy)
	token := newGuard(base, policy)
	for _, t := range []*http.Transport{token.secure, token.plain} {
		t.DisableKeepAlives = true
		// Nobody is asked to compress, and what is compressed all the same is read
		// leniently: the transport would drop a body over its checksum.
		t.DisableCompression = true
		t.ResponseHeaderTimeout = headerTimeout
	}
	return &Transports{API: api, Token: token, close: api.closeIdle}
}

// CloseIdle closes kept connections that are not in use.
func (t *Transports) CloseIdle() { t.close() }

// guard is a RoundTripper that checks scheme, host and address.
type guard struct {
	policy        Policy
	secure, plain *http.Transport
}

func newGuard(base *http.Transport, policy Policy) *guard {
	policy.AllowPrivate = slices.Clone(policy.AllowPrivate)
	policy.AllowedHosts = slices.Clone(policy.AllowedHosts)
	g := &guard{policy: policy}
	g.secure = g.transport(base, g.checkPublic)
	g.plain = g.transport(base, g.checkAllowed)
	return g
}

func (g *guard) transport(base *http.Transport, check func(netip.Addr) error) *http.Transport {
	t := base.Clone()
	dialer := &net.Dialer{
		Timeout:  dialTimeout,
		Resolver: g.policy.resolver,
		ControlContext: func(_ context.Context, network, address string, _ syscall.RawConn) error {
			return checkAddress(network, address, check)
		},
	}
	t.DialContext = dialer.DialContext
	t.DialTLSContext = nil
	//lint:ignore SA1019 it would still be used
	t.DialTLS = nil
	t.TLSHandshakeTimeout = handshakeTimeout
	t.MaxResponseHeaderBytes = maxHeaderBytes
	if t.TLSClientConfig == nil {
		t.TLSClientConfig = &tls.Config{}
	}
	t.TLSClientConfig.InsecureSkipVerify = false
	t.TLSClientConfig.MinVersion = max(t.TLSClientConfig.MinVersion, tls.VersionTLS12)
	return t
}

// RoundTrip implements [http.RoundTripper].
func (g *guard) RoundTrip(req *http.Request) (*http.Response, error) {
	if !g.hostAllowed(req.URL.Hostname()) {
		closeBody(req)
		return nil, fmt.Errorf("%w: host is not in the allowed list", ErrForbidden)
	}
	transport, check := g.secure, g.checkPublic
	switch req.URL.Scheme {
	case "https":
	case "http":
		transport, check = g.plain, g.checkAllowed
	default:
		closeBody(req)
		return nil, fmt.Errorf("%w: scheme is not https", ErrForbidden)
	}
	// The dialer checks what it dials, which is a proxy's address where there is
	// one. At least a bare address need not get that far.
	if addr, err := netip.ParseAddr(req.URL.Hostname()); err == nil {
		if err := check(addr.Unmap().WithZone("")); err != nil {
			closeBody(req)
			return nil, err
		}
	}
	return transport.RoundTrip(req)
}

func (g *guard) closeIdle() {
	g.secure.CloseIdleConnections()
	g.plain.CloseIdleConnections()
}

func (g *guard) hostAllowed(host string) bool {
	if len(g.policy.AllowedHosts) == 0 {
		return true
	}
	return MatchHost(g.policy.AllowedHosts, host)
}

// MatchHost says whether host is one of the patterns: a name, or "*.example.com"
// for every name below it. Case and a final dot do not count.
func MatchHost(patterns []string, host string) bool {
	host = strings.TrimSuffix(strings.ToLower(host), ".")
	return slices.ContainsFunc(patterns, func(p string) bool {
		p = strings.TrimSuffix(strings.ToLower(p), ".")
		if suffix, ok := strings.CutPrefix(p, "*"); ok && strings.HasPrefix(suffix, ".") {
			return strings.HasSuffix(host, suffix) && len(host) > len(suffix)
		}
		return host != "" && host == p
	})
}

// checkPublic is for https: public addresses, and those that are allowed.
func (g *guard) checkPublic(addr netip.Addr) error {
	if isMetadata(addr) {
		return fmt.Errorf("%w: cloud metadata service", ErrForbidden)
	}
	if isPublic(addr) || g.listed(addr) {
		return nil
	}
	return fmt.Errorf("%w: the address is not public", ErrForbidden)
}

// checkAllowed is for plain http, which shows a credential to everybody on the
// way: only addresses that the application named.
func (g *guard) checkAllowed(addr netip.Addr) error {
	if !isMetadata(addr) && g.listed(addr) {
		return nil
	}
	return fmt.Errorf("%w: plain http to an address that is not allowed", ErrForbidden)
}

func (g *guard) listed(addr netip.Addr) bool {
	return slices.ContainsFunc(g.policy.AllowPrivate, func(p netip.Prefix) bool { return p.Contains(addr) })
}

func checkAddress(network, address string, check func(netip.Addr) error) error {
	if network != "tcp4" && network != "tcp6" {
		return fmt.Errorf("%w: network %s", ErrForbidden, network)
	}
	ap, err := netip.ParseAddrPort(address)
	if err != nil {
		return fmt.Errorf("%w: no IP address", ErrForbidden)
	}
	return check(ap.Addr().Unmap().WithZone(""))
}

func closeBody(req *http.Request) {
	if req.Body != nil {
		_ = req.Body.Close()
	}
}
