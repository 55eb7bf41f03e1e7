package outbound

import (
	"crypto/tls"
	"net/http"
)

// WithCertificate is the same way out with a client certificate (RFC 8705): it may
// go where rt may, and checks the server as rt does. It keeps no connection, so that
// none is used by anybody else. A RoundTripper that is not of this package's, as
// tests have, is returned as it is.
func WithCertificate(rt http.RoundTripper, cert tls.Certificate) http.RoundTripper {
	g, ok := rt.(*guard)
	if !ok {
		return rt
	}
	n := &guard{policy: g.policy, plain: g.plain, secure: g.secure.Clone()}
	n.secure.TLSClientConfig.Certificates = []tls.Certificate{cert}
	n.secure.TLSClientConfig.GetClientCertificate = nil // it would go before
	n.secure.TLSClientConfig.ClientSessionCache = nil   // a resumed session has its first certificate
	n.secure.DisableKeepAlives = true
	return n
}
