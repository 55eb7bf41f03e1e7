package providertest

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"errors"
	"math/big"
	"strings"
	"sync"
	"time"
)

// material is the keys a process invents, once: making an RSA key is slow.
type material struct {
	rsa, ec, ed, cert string // PEM, PKCS #8, without a newline at the end
	jwk               string // the RSA key as a JSON Web Key
}

// keyID is the kid of the invented JSON Web Key.
const keyID = "dialect-key-1"

// keys generates them on first use.
var keys = sync.OnceValues(func() (material, error) {
	r, err1 := rsa.GenerateKey(rand.Reader, 2048)
	e, err2 := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	_, d, err3 := ed25519.GenerateKey(rand.Reader)
	if err := errors.Join(err1, err2, err3); err != nil {
		return material{}, err
	}
	var m material
	for out, key := range map[*string]any{&m.rsa: r, &m.ec: e, &m.ed: d} {
		der, err := x509.MarshalPKCS8PrivateKey(key)
		if err != nil {
			return material{}, err
		}
		*out = pemText("PRIVATE KEY", der)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1),
		Subject:      pkix.Name{CommonName: "dialect.example.com"},
		NotBefore:    time.Unix(0, 0),
		NotAfter:     time.Unix(1<<33, 0),
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &r.PublicKey, r)
	if err != nil {
		return material{}, err
	}
	m.cert = pemText("CERTIFICATE", der)
	m.jwk, err = jwkText(r)
	return m, err
})

func pemText(kind string, der []byte) string {
	return strings.TrimSpace(string(pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der})))
}

// jwkText writes an RSA key as RFC 7517 has it.
func jwkText(k *rsa.PrivateKey) (string, error) {
	n := func(i *big.Int) string { return base64.RawURLEncoding.EncodeToString(i.Bytes()) }
	out, err := json.Marshal(map[string]string{
		"kty": "RSA", "kid": keyID, "alg": "RS256", "use": "sig",
		"n": n(k.N), "e": n(big.NewInt(int64(k.E))), "d": n(k.D),
		"p": n(k.Primes[0]), "q": n(k.Primes[1]),
		"dp": n(k.Precomputed.Dp), "dq": n(k.Precomputed.Dq), "qi": n(k.Precomputed.Qinv),
	})
	return string(out), err
}

// parsePrivate reads a private key in PEM, whose newlines may be written as \n.
func parsePrivate(text string) (crypto.Signer, error) {
	block, _ := pem.Decode([]byte(strings.ReplaceAll(text, `\n`, "\n") + "\n"))
	if block == nil {
		return nil, errors.New("providertest: no PEM block")
	}
	key, err := x509.ParsePKCS8PrivateKey(block.Bytes)
	if err != nil {
		return nil, errors.New("providertest: no PKCS #8 key")
	}
	signer, ok := key.(crypto.Signer)
	if !ok {
		return nil, errors.New("providertest: a key that cannot sign")
	}
	return signer, nil
}

// parsePublicJWK reads the public half of a JSON Web Key.
func parsePublicJWK(text string) (*rsa.PublicKey, error) {
	var k struct{ N, E string }
	if err := json.Unmarshal([]byte(text), &k); err != nil {
		return nil, errors.New("providertest: no JSON Web Key")
	}
	n, err1 := base64.RawURLEncoding.DecodeString(k.N)
	e, err2 := base64.RawURLEncoding.DecodeString(k.E)
	if err := errors.Join(err1, err2); err != nil {
		return nil, err
	}
	return &rsa.PublicKey{N: new(big.Int).SetBytes(n), E: int(new(big.Int).SetBytes(e).Int64())}, nil
}
