package e2e

import (
	"crypto/tls"
	"errors"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/tieline/tieline"
)

// TestInteropMTLS: RFC 8705, against the TLS of the standard library.
func TestInteropMTLS(t *testing.T) {
	t.Parallel()
	t.Run("two clients", mtlsTwoClients)
	t.Run("elsewhere", mtlsElsewhere)
	t.Run("bad certificates", mtlsBad)
	t.Run("untrusted server", mtlsUntrusted)
}

// Each client is known by its own certificate, whoever's turn it is, also after an
// expiry.
func mtlsTwoClients(t *testing.T) {
	t.Parallel()
	b := newBank(t)
	a := b.open()
	names := []string{"alice", "bob"}
	for _, name := range names {
		cert, key := b.clients.client(name)
		if err := machine(a, name, cert, key); err != nil {
			t.Fatal(err)
		}
	}
	for range 2 {
		for _, name := range []string{"alice", "bob", "alice", "alice", "bob"} {
			if got := whoami(a, name); got != name {
				t.Errorf("the bank took %s for %q", name, got)
			}
		}
		a.clock.advance(longLife)
	}
	if _, given := b.counts(); given != 4 {
		t.Errorf("%d tokens were given, want 4", given)
	}
}

// Neither certificate nor token goes to another host than the provider's.
func mtlsElsewhere(t *testing.T) {
	t.Parallel()
	b := newBank(t)
	a := b.open()
	cert, key := b.clients.client(user)
	if err := machine(a, user, cert, key); err != nil {
		t.Fatal(err)
	}
	var seen, certs, tokens int
	other := httptest.NewUnstartedServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		seen++
		certs += len(r.TLS.PeerCertificates)
		tokens += len(r.Header["Authorization"])
	}))
	other.TLS = &tls.Config{Certificates: []tls.Certificate{b.servers.server("127.0.0.1")}, ClientAuth: tls.RequestClientCert, MinVersion: tls.VersionTLS13}
	other.StartTLS()
	defer other.Close()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, other.URL+"/", nil)
	if err != nil {
		t.Fatal(err)
	}
	resp, err := a.Connections.HTTPClient(integration, user).Do(req)
	if err != nil {
		t.Fatal(err)
	}
	_ = resp.Body.Close()
	if seen != 1 || certs != 0 || tokens != 0 {
		t.Errorf("%d requests, with %d certificates and %d tokens", seen, certs, tokens)
	}
}

func mtlsBad(t *testing.T) {
	t.Parallel()
	b := newBank(t)
	a := b.open()
	cert, key := b.clients.client(user)
	_, otherKey := b.clients.client(user)
	foreignCert, foreignKey := newAuthority(t).client(user)
	othersCert, othersKey := b.clients.client("mallory")
	for name, c := range map[string]struct {
		cert, key string
		asked     int    // what got as far as the handler
		code      string // of a TokenError
		field     string // of a FieldError
	}{
		"of another authority": {cert: foreignCert, key: foreignKey},
		"of another client":    {cert: othersCert, key: othersKey, asked: 1, code: "invalid_client"},
		"key of another":       {cert: cert, key: otherKey, field: "credential.client_certificate"},
		"no PEM":               {cert: "certificate", key: key, field: "credential.client_certificate"},
		"no certificate":       {key: key, field: "credential.client_certificate"},
		"no key":               {cert: cert, field: "credential.client_private_key"},
	} {
		before, _ := b.counts()
		err := machine(a, user, c.cert, c.key)
		after, given := b.counts()
		var field *tieline.FieldError
		var refusal *tieline.TokenError
		switch {
		case c.field != "" && (!errors.As(err, &field) || field.Field != c.field):
			t.Errorf("%s: got %v, want a FieldError of %s", name, err, c.field)
		case c.field == "" && (!errors.Is(err, tieline.ErrTokenEndpoint) || !errors.As(err, &refusal) || refusal.Code != c.code):
			t.Errorf("%s: got %v, want a TokenError %q", name, err, c.code)
		}
		if after-before != c.asked || given != 0 {
			t.Errorf("%s: the bank was asked %d times, and gave %d tokens", name, after-before, given)
		}
		a.nobody()
	}
}

// The bank's own certificate is checked as always, and that cannot be turned off.
func mtlsUntrusted(t *testing.T) {
	t.Parallel()
	b, misnamed := newBank(t), newBankOf(t, "another-name.example")
	for name, c := range map[string]struct {
		bank     *bank
		settings *tls.Config
	}{
		"the system's roots": {b, &tls.Config{}},
		"roots of another":   {b, &tls.Config{RootCAs: newAuthority(t).pool()}},
		"the clients' root":  {b, &tls.Config{RootCAs: b.clients.pool()}},
		"check turned off":   {b, &tls.Config{InsecureSkipVerify: true}}, //nolint:gosec // it must have no effect
		"another name":       {misnamed, &tls.Config{RootCAs: misnamed.servers.pool()}},
	} {
		a := newAppTLS(t, mtlsFile, c.bank.url, c.settings)
		a.integrate("bank", nil)
		cert, key := c.bank.clients.client(user)
		err := machine(a, user, cert, key)
		var refusal *tieline.TokenError
		var untrusted *tls.CertificateVerificationError
		if !errors.As(err, &refusal) || refusal.Class != tieline.ClassNotSent || !errors.As(err, &untrusted) {
			t.Errorf("%s: got %v, want a TokenError of class not_sent, for the certificate", name, err)
		}
		a.nobody()
		if asked, _ := c.bank.counts(); asked != 0 {
			t.Errorf("%s: the bank was asked %d times", name, asked)
		}
	}
}
