package main

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"io"
	"maps"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"time"
)

// network stands in for the Internet: a server on this machine with the names of all
// hosts, and a proxy that leads there. So the application reaches the fakes under the
// providers' own addresses, and the built-in catalog is used as it is.
type network struct{ server, proxy *httptest.Server }

func newNetwork(hosts map[string]http.Handler) (*network, error) {
	cert, err := certificate(slices.Collect(maps.Keys(hosts)))
	if err != nil {
		return nil, err
	}
	n := &network{}
	n.server = httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		hosts[r.Host].ServeHTTP(w, r) // the certificate has no other name
	}))
	n.server.TLS = &tls.Config{Certificates: []tls.Certificate{cert}}
	n.server.StartTLS()
	n.proxy = httptest.NewServer(http.HandlerFunc(n.tunnel))
	return n, nil
}

func (n *network) close() {
	n.proxy.Close()
	n.server.Close()
}

// transport leads to the network.
func (n *network) transport() *http.Transport {
	roots := x509.NewCertPool()
	roots.AddCert(n.server.Certificate())
	return &http.Transport{
		Proxy:           func(*http.Request) (*url.URL, error) { return url.Parse(n.proxy.URL) },
		TLSClientConfig: &tls.Config{RootCAs: roots, MinVersion: tls.VersionTLS13},
	}
}

// tunnel is the proxy.
func (n *network) tunnel(w http.ResponseWriter, _ *http.Request) {
	server, err := net.Dial("tcp", n.server.Listener.Addr().String())
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadGateway)
		return
	}
	client, _, err := http.NewResponseController(w).Hijack()
	if err != nil {
		_ = server.Close()
		return
	}
	fmt.Fprint(client, "HTTP/1.1 200 OK\r\n\r\n")
	pipe := func(to, from net.Conn) {
		_, _ = io.Copy(to, from)
		_ = to.Close()
	}
	go pipe(server, client)
	go pipe(client, server)
}

// certificate is one that vouches for itself.
func certificate(hosts []string) (tls.Certificate, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return tls.Certificate{}, err
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), DNSNames: hosts, NotAfter: time.Now().Add(time.Hour),
		IsCA: true, BasicConstraintsValid: true,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}, err
}
