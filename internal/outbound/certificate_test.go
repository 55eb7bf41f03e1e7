package outbound

import (
	"crypto/tls"
	"net/http"
	"testing"
)

// A connection's certificate goes before what the base transport would present, and
// is no other connection's.
func TestWithCertificate(t *testing.T) {
	t.Parallel()
	base := &http.Transport{TLSClientConfig: &tls.Config{
		GetClientCertificate: func(*tls.CertificateRequestInfo) (*tls.Certificate, error) { return &tls.Certificate{}, nil },
		ClientSessionCache:   tls.NewLRUClientSessionCache(1),
	}}
	shared := New(base, Policy{}).API
	cert := tls.Certificate{Certificate: [][]byte{{1}}}
	own := WithCertificate(shared, cert).(*guard)
	cfg := own.secure.TLSClientConfig
	switch {
	case len(cfg.Certificates) != 1 || string(cfg.Certificates[0].Certificate[0]) != "\x01":
		t.Errorf("certificates %v", cfg.Certificates)
	case cfg.GetClientCertificate != nil || cfg.ClientSessionCache != nil:
		t.Error("the base transport's certificate or sessions are used")
	case cfg.InsecureSkipVerify || !own.secure.DisableKeepAlives:
		t.Error("the server is not verified, or the connection is kept")
	}
	if before := shared.(*guard).secure.TLSClientConfig; len(before.Certificates) != 0 || before.GetClientCertificate == nil {
		t.Error("the shared transport was changed")
	}
}
