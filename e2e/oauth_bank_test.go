package e2e

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/json"
	"encoding/pem"
	"io"
	"log"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/tieline/tieline"
)

// mtlsFile is a provider whose clients are known by their certificate alone.
const mtlsFile = `
bank:
  display_name: Bank
  categories: [dev-tools]
  docs: SERVER/
  auth_mode: OAUTH2_CC
  token_url: SERVER/token
  token_params:
    grant_type: client_credentials
  client_auth: none
  require_client_certificate: true
  proxy:
    base_url: SERVER/api
  credentials:
    client_id:
      type: string
      title: Client ID
      description: The ID of the app.
    client_certificate:
      type: string
      title: Certificate
      description: What the bank issued, in PEM.
    client_private_key:
      type: string
      title: Private key
      description: The key that goes with it, in PEM.
      secret: true
`

// authority issues certificates.
type authority struct {
	t    *testing.T
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
}

func newAuthority(t *testing.T) *authority {
	t.Helper()
	a := &authority{t: t}
	a.cert, a.key = a.issue(&x509.Certificate{
		Subject: pkix.Name{CommonName: "authority"}, IsCA: true, BasicConstraintsValid: true,
		KeyUsage: x509.KeyUsageCertSign | x509.KeyUsageDigitalSignature,
	})
	return a
}

// issue signs with the authority, or, when it has no key yet, with the new key.
func (a *authority) issue(template *x509.Certificate) (*x509.Certificate, *ecdsa.PrivateKey) {
	a.t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		a.t.Fatal(err)
	}
	if template.SerialNumber, err = rand.Int(rand.Reader, big.NewInt(1<<62)); err != nil {
		a.t.Fatal(err)
	}
	template.NotBefore, template.NotAfter = time.Now().Add(-time.Hour), time.Now().Add(24*time.Hour)
	parent, signer := a.cert, a.key
	if parent == nil {
		parent, signer = template, key
	}
	der, err := x509.CreateCertificate(rand.Reader, template, parent, &key.PublicKey, signer)
	if err != nil {
		a.t.Fatal(err)
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		a.t.Fatal(err)
	}
	return cert, key
}

func (a *authority) pool() *x509.CertPool {
	p := x509.NewCertPool()
	p.AddCert(a.cert)
	return p
}

// client is a certificate and its key in PEM.
func (a *authority) client(name string) (cert, key string) {
	a.t.Helper()
	c, k := a.issue(&x509.Certificate{
		Subject: pkix.Name{CommonName: name}, KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth},
	})
	return string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: c.Raw})), keyPEM(a.t, k)
}

// server is a server's pair, for an address or a name.
func (a *authority) server(name string) tls.Certificate {
	a.t.Helper()
	var ips []net.IP
	var names []string
	if ip := net.ParseIP(name); ip != nil {
		ips = []net.IP{ip}
	} else {
		names = []string{name}
	}
	c, k := a.issue(&x509.Certificate{
		Subject: pkix.Name{CommonName: "server"}, IPAddresses: ips, DNSNames: names,
		KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	})
	return tls.Certificate{Certificate: [][]byte{c.Raw}, PrivateKey: k}
}

// bank is a token endpoint and an API behind TLS that demands a certificate (RFC
// 8705). Its tokens work only with the certificate that they were given for
// (section 3).
type bank struct {
	t       *testing.T
	servers *authority // issued its own certificate
	clients *authority // issues those of its clients
	url     string

	mu     sync.Mutex
	tokens map[string][sha256.Size]byte // the certificate's thumbprint
	asked  int                          // requests of both kinds
	given  int                          // tokens
}

func newBank(t *testing.T) *bank {
	t.Helper()
	return newBankOf(t, "127.0.0.1")
}

// newBankOf is a bank whose certificate has this name.
func newBankOf(t *testing.T, name string) *bank {
	t.Helper()
	b := &bank{t: t, servers: newAuthority(t), clients: newAuthority(t), tokens: map[string][sha256.Size]byte{}}
	mux := http.NewServeMux()
	mux.HandleFunc("POST /token", b.token)
	mux.HandleFunc("GET /api/me", b.me)
	web := httptest.NewUnstartedServer(mux)
	web.TLS = &tls.Config{
		Certificates: []tls.Certificate{b.servers.server(name)},
		ClientAuth:   tls.RequireAndVerifyClientCert, ClientCAs: b.clients.pool(), MinVersion: tls.VersionTLS13,
	}
	web.Config.ErrorLog = log.New(io.Discard, "", 0) // handshakes that are to fail
	web.StartTLS()
	t.Cleanup(web.Close)
	b.url = web.URL
	return b
}

// token takes the client that the certificate is of, and no secret.
func (b *bank) token(w http.ResponseWriter, r *http.Request) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.asked++
	cert := r.TLS.PeerCertificates[0]
	w.Header().Set("Content-Type", "application/json")
	_, _, basic := r.BasicAuth()
	if r.PostFormValue("client_id") != cert.Subject.CommonName || r.PostFormValue("client_secret") != "" || basic {
		w.WriteHeader(http.StatusUnauthorized)
		_ = json.NewEncoder(w).Encode(map[string]string{"error": "invalid_client"})
		return
	}
	b.given++
	token := rand.Text()
	b.tokens[token] = sha256.Sum256(cert.Raw)
	_ = json.NewEncoder(w).Encode(map[string]any{"access_token": token, "token_type": "Bearer", "expires_in": int(longLife / time.Second)})
}

// me says who the certificate is of.
func (b *bank) me(w http.ResponseWriter, r *http.Request) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.asked++
	cert := r.TLS.PeerCertificates[0]
	token := strings.TrimPrefix(r.Header.Get("Authorization"), "Bearer ")
	if bound, ok := b.tokens[token]; !ok || bound != sha256.Sum256(cert.Raw) {
		w.WriteHeader(http.StatusUnauthorized)
		return
	}
	_, _ = io.WriteString(w, cert.Subject.CommonName)
}

func (b *bank) counts() (asked, given int) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.asked, b.given
}

// open is an application that trusts the bank.
func (b *bank) open() *app {
	b.t.Helper()
	a := newApp(b.t, mtlsFile, b.url, b.servers.pool())
	a.integrate("bank", nil)
	return a
}

// machine connects as a client.
func machine(a *app, id, cert, key string) error {
	_, err := a.Connections.Create(a.t.Context(), integration, id, tieline.ConnectionInput{
		Credential: &tieline.ClientCredentials{ClientID: id, Certificate: tieline.NewSecret(cert), PrivateKey: tieline.NewSecret(key)},
	})
	return err
}

// whoami asks the bank whose certificate it sees.
func whoami(a *app, id string) string {
	a.t.Helper()
	req, err := http.NewRequestWithContext(a.t.Context(), http.MethodGet, "/me", nil)
	if err != nil {
		a.t.Fatal(err)
	}
	resp, err := a.Connections.HTTPClient(integration, id).Do(req)
	if err != nil {
		a.t.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		a.t.Fatal(err)
	}
	if resp.StatusCode != http.StatusOK {
		a.t.Errorf("%s: %s", id, resp.Status)
	}
	return string(body)
}
