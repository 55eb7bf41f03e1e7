package outbound

import (
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"strings"
	"testing"
)

var loopback = []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8"), netip.MustParsePrefix("::1/128")}

func TestAddresses(t *testing.T) {
	t.Parallel()
	lan := Policy{AllowPrivate: append([]netip.Prefix{netip.MustParsePrefix("10.0.0.0/8"), netip.MustParsePrefix("169.254.0.0/16"), netip.MustParsePrefix("fd00::/8")}, loopback...)}
	tests := []struct {
		addr          string
		https         bool // by the zero Policy
		lanHTTPS, lan bool // https and http by a Policy that allows private ranges
	}{
		{"8.8.8.8", true, true, false},
		{"2606:4700:4700::1111", true, true, false},
		{"127.0.0.1", false, true, true},
		{"127.255.255.254", false, true, true},
		{"::1", false, true, true},
		{"::ffff:127.0.0.1", false, true, true},
		{"10.1.2.3", false, true, true},
		{"192.168.1.1", false, false, false},
		{"172.16.0.1", false, false, false},
		{"169.254.1.1", false, true, true},
		{"169.254.169.254", false, false, false},
		{"::ffff:169.254.169.254", false, false, false},
		{"fd00:ec2::254", false, false, false},
		{"168.63.129.16", false, false, false},
		{"fd12::1", false, true, true},
		{"fe80::1", false, false, false},
		{"100.64.0.1", false, false, false},
		{"0.0.0.0", false, false, false},
		{"255.255.255.255", false, false, false},
		{"224.0.0.1", false, false, false},
		{"ff02::1", false, false, false},
		{"::", false, false, false},
		{"64:ff9b::7f00:1", false, false, false},
		{"64:ff9b::808:808", false, false, false},
		{"2002:7f00:1::", false, false, false},
		{"2001:0:4136:e378:8000:63bf:3fff:fdd2", false, false, false},
		{"192.0.2.1", false, false, false},
		{"198.18.0.1", false, false, false},
	}
	for _, tt := range tests {
		network, address := "tcp6", "["+tt.addr+"]:443"
		if !strings.Contains(tt.addr, ":") {
			network, address = "tcp4", tt.addr+":443"
		}
		for _, c := range []struct {
			name  string
			check func(netip.Addr) error
			ok    bool
		}{
			{"https", newGuard(&http.Transport{}, Policy{}).checkPublic, tt.https},
			{"http", newGuard(&http.Transport{}, Policy{}).checkAllowed, false},
			{"https with private ranges", newGuard(&http.Transport{}, lan).checkPublic, tt.lanHTTPS},
			{"http with private ranges", newGuard(&http.Transport{}, lan).checkAllowed, tt.lan},
		} {
			err := checkAddress(network, address, c.check)
			if (err == nil) != c.ok || (err != nil && !errors.Is(err, ErrForbidden)) {
				t.Errorf("%s to %s: %v, want allowed=%v", c.name, tt.addr, err, c.ok)
			}
		}
	}
	if err := checkAddress("unix", "/run/docker.sock", func(netip.Addr) error { return nil }); !errors.Is(err, ErrForbidden) {
		t.Errorf("a Unix socket: %v", err)
	}
}

func get(rt http.RoundTripper, url string) (int, error) {
	req, err := http.NewRequest(http.MethodGet, url, nil)
	if err != nil {
		return 0, err
	}
	resp, err := rt.RoundTrip(req)
	if err != nil {
		return 0, err
	}
	defer resp.Body.Close()
	_, err = io.Copy(io.Discard, resp.Body)
	return resp.StatusCode, err
}

// A name is as good as what it resolves to: localhost stands for any name that
// points inside.
func TestResolvedNames(t *testing.T) {
	t.Parallel()
	srv := httptest.NewServer(http.NotFoundHandler())
	defer srv.Close()
	byName := strings.Replace(srv.URL, "127.0.0.1", "localhost", 1)

	closed := New(nil, Policy{})
	open := New(nil, Policy{AllowPrivate: loopback})
	defer open.CloseIdle()
	for _, url := range []string{srv.URL, byName} {
		for name, rt := range map[string]http.RoundTripper{"API": closed.API, "Token": closed.Token} {
			if _, err := get(rt, url); !errors.Is(err, ErrForbidden) {
				t.Errorf("%s, %s: %v, want ErrForbidden", name, url, err)
			}
		}
		for name, rt := range map[string]http.RoundTripper{"API": open.API, "Token": open.Token} {
			if code, err := get(rt, url); err != nil || code != http.StatusNotFound {
				t.Errorf("%s, %s, allowed: %d, %v", name, url, code, err)
			}
		}
	}
}

func TestRefusedSchemes(t *testing.T) {
	t.Parallel()
	rt := New(nil, Policy{AllowPrivate: loopback}).API
	for _, url := range []string{"ftp://example.com", "file:///etc/passwd", "gopher://127.0.0.1"} {
		if _, err := get(rt, url); !errors.Is(err, ErrForbidden) {
			t.Errorf("%s: %v", url, err)
		}
	}
}

func TestTokenConnectionsAreNotReused(t *testing.T) {
	t.Parallel()
	remotes := make(chan string, 10)
	srv := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { remotes <- r.RemoteAddr }))
	defer srv.Close()
	tr := New(nil, Policy{AllowPrivate: loopback})
	defer tr.CloseIdle()
	seen := map[string]bool{}
	for range 3 {
		if _, err := get(tr.Token, srv.URL); err != nil {
			t.Fatal(err)
		}
		seen[<-remotes] = true
	}
	if len(seen) != 3 {
		t.Errorf("3 token requests used %d connections", len(seen))
	}
}

func TestTLSIsVerified(t *testing.T) {
	t.Parallel()
	srv := httptest.NewTLSServer(http.NotFoundHandler())
	defer srv.Close()
	srv.Config.ErrorLog = nil
	trusting := srv.Client().Transport.(*http.Transport).Clone()
	trusting.TLSClientConfig.InsecureSkipVerify = true
	trusting.TLSClientConfig.RootCAs = nil
	tr := New(trusting, Policy{AllowPrivate: loopback})
	if _, err := get(tr.API, srv.URL); err == nil {
		t.Error("a certificate that nobody signed was accepted because the base transport skips verification")
	}
	ok := New(srv.Client().Transport.(*http.Transport), Policy{AllowPrivate: loopback})
	defer ok.CloseIdle()
	if _, err := get(ok.API, srv.URL); err != nil {
		t.Errorf("with the base transport's own roots: %v", err)
	}
}

func TestAllowedHosts(t *testing.T) {
	t.Parallel()
	patterns := []string{"api.example.com", "*.Example.org"}
	for host, want := range map[string]bool{
		"api.example.com": true, "API.example.com.": true, "example.com": false, "x.api.example.com": false,
		"a.example.org": true, "a.b.example.org": true, "example.org": false, "evilexample.org": false, "": false,
	} {
		if got := MatchHost(patterns, host); got != want {
			t.Errorf("MatchHost(%q) = %v", host, got)
		}
	}
	if MatchHost([]string{""}, "") || MatchHost([]string{"*"}, "a") || MatchHost([]string{"*."}, "a.b") {
		t.Error("an empty pattern matches")
	}
	rt := New(nil, Policy{AllowPrivate: loopback, AllowedHosts: patterns}).API
	if _, err := get(rt, "https://127.0.0.1:1/"); !errors.Is(err, ErrForbidden) {
		t.Errorf("a host outside the list: %v", err)
	}
}

// A proxy connects on its own, so the dialer sees only the proxy's address.
func TestBareAddressesBehindAProxy(t *testing.T) {
	t.Parallel()
	reached := make(chan string, 10)
	proxy := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { reached <- r.Host }))
	defer proxy.Close()
	u, err := url.Parse(proxy.URL)
	if err != nil {
		t.Fatal(err)
	}
	tr := New(&http.Transport{Proxy: http.ProxyURL(u)}, Policy{AllowPrivate: []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}})
	defer tr.CloseIdle()
	for _, target := range []string{"http://169.254.169.254/latest", "https://169.254.169.254/", "https://10.0.0.1/", "http://8.8.8.8/"} {
		req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, target, nil)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := tr.API.RoundTrip(req); !errors.Is(err, ErrForbidden) {
			t.Errorf("%s: %v", target, err)
		}
	}
	if len(reached) > 0 {
		t.Errorf("the proxy was asked for %s", <-reached)
	}
}

func TestDialTLSIsNotUsed(t *testing.T) {
	t.Parallel()
	used := false
	//lint:ignore SA1019 it is what must not be used
	base := &http.Transport{DialTLS: func(string, string) (net.Conn, error) {
		used = true
		return nil, errors.New("no")
	}}
	tr := New(base, Policy{})
	defer tr.CloseIdle()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "https://localhost:1/", nil)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := tr.API.RoundTrip(req); err == nil || used {
		t.Errorf("RoundTrip = %v, DialTLS used: %v", err, used)
	}
}
