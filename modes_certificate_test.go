package tieline

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/tieline/tieline/store"
)

const certYAML = `
mtls:
  display_name: Acme
  docs: https://docs.example.com
  categories: [other]
  auth_mode: OAUTH2_CC
  token_url: https://${connectionConfig.host}/token
  require_client_certificate: true
  proxy: {base_url: "https://${connectionConfig.host}/api"}
  connection_config: {host: {type: string, title: H}}
  credentials:
    client_id: {type: string, title: C}
    client_secret: {type: string, title: S, secret: true, optional: true}
    client_certificate: {type: string, title: X}
    client_private_key: {type: string, title: K, secret: true}
`

// The client presents its certificate to both endpoints (RFC 8705), and the server's
// is checked all the same.
func TestModesClientCertificate(t *testing.T) {
	t.Parallel()
	catalog, problems := LoadCatalog(CatalogFile{Name: "mtls.yaml", Data: []byte(certYAML)})
	for _, p := range problems {
		if p.Severity == SeverityRejected {
			t.Fatal(p)
		}
	}
	var shown, other atomic.Int64
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if len(r.TLS.PeerCertificates) == 1 && r.TLS.PeerCertificates[0].Subject.CommonName == "client" {
			shown.Add(1)
		} else {
			other.Add(1)
		}
		_, _ = io.WriteString(w, `{"access_token":"t","expires_in":3600}`)
	}))
	server.TLS = &tls.Config{ClientAuth: tls.RequestClientCert}
	server.Config.ErrorLog = log.New(io.Discard, "", 0)
	server.StartTLS()
	defer server.Close()
	pool := x509.NewCertPool()
	pool.AddCert(server.Certificate())
	cert, key := certificatePair()
	for name, roots := range map[string]*x509.CertPool{"known server": pool, "unknown server": x509.NewCertPool()} {
		c, err := New(Config{
			Store: &store.Memory{}, Keys: testKeys(t), Providers: catalog,
			Outbound: Outbound{
				Transport:    &http.Transport{TLSClientConfig: &tls.Config{RootCAs: roots}},
				AllowPrivate: []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")},
			},
		})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := c.Integrations.Create(t.Context(), Integration{Key: "key", Provider: "mtls"}); err != nil {
			t.Fatal(err)
		}
		_, err = c.Connections.Create(t.Context(), "key", "alice", ConnectionInput{
			Config:     map[string]string{"host": strings.TrimPrefix(server.URL, "https://")},
			Credential: &ClientCredentials{ClientID: "id", Certificate: NewSecret(cert), PrivateKey: NewSecret(key)},
		})
		if name == "unknown server" {
			var failure *TokenError
			if !errors.As(err, &failure) || failure.Class != ClassNotSent {
				t.Errorf("%s: %v", name, err)
			}
			continue
		}
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		resp, err := c.Connections.HTTPClient("key", "alice").Get("/things")
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
	}
	if shown.Load() != 2 || other.Load() != 0 {
		t.Errorf("%d requests with the certificate, %d without", shown.Load(), other.Load())
	}
}
