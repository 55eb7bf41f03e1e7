package webhook

import (
	"crypto"
	"crypto/ed25519"
	"crypto/hmac"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha1"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"encoding/pem"
	"hash"
	"math/big"
	"net/http"
	"strconv"
	"sync"
	"time"
)

// What follows signs deliveries the way the providers describe it, with nothing of the
// package: each line is the formula of a documentation page.

var (
	testNow = time.Date(2026, 8, 20, 12, 0, 0, 0, time.UTC)
	rsaKey  = sync.OnceValue(func() *rsa.PrivateKey {
		key, err := rsa.GenerateKey(rand.Reader, 2048)
		if err != nil {
			panic(err)
		}
		return key
	})
	edKey = sync.OnceValue(func() ed25519.PrivateKey { return ed25519.NewKeyFromSeed(make([]byte, 32)) })
)

const (
	plainSecret  = "a-secret-of-the-tests"
	base64Secret = "YS1zZWNyZXQtb2YtdGhlLXRlc3Rz" // the same in base64
	testURL      = "https://hooks.example.com/in/abc?x=a%3Ab"
)

func mac(h func() hash.Hash, key string, text string) []byte {
	m := hmac.New(h, []byte(key))
	m.Write([]byte(text))
	return m.Sum(nil)
}

func hexMAC(text string) string { return hex.EncodeToString(mac(sha256.New, plainSecret, text)) }

func b64MAC(text string) string {
	return base64.StdEncoding.EncodeToString(mac(sha256.New, plainSecret, text))
}

func hexSum(text string) string {
	sum := sha256.Sum256([]byte(text))
	return hex.EncodeToString(sum[:])
}

func seconds(at time.Time) string { return strconv.FormatInt(at.Unix(), 10) }
func millis(at time.Time) string  { return strconv.FormatInt(at.UnixMilli(), 10) }

func rsaSign(text string) string {
	sum := sha256.Sum256([]byte(text))
	sig, err := rsa.SignPKCS1v15(nil, rsaKey(), crypto.SHA256, sum[:])
	if err != nil {
		panic(err)
	}
	return base64.StdEncoding.EncodeToString(sig)
}

func publicPEM(key any) string {
	der, err := x509.MarshalPKIXPublicKey(key)
	if err != nil {
		panic(err)
	}
	return string(pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der}))
}

// keySet is the JWK set with the test's RSA key.
func keySet(kid string) string {
	enc := base64.RawURLEncoding
	key := rsaKey().PublicKey
	return `{"keys":[{"kty":"EC","crv":"P-999","kid":"other"},{"kty":"RSA","use":"sig","kid":"` + kid + `","n":"` +
		enc.EncodeToString(key.N.Bytes()) + `","e":"` + enc.EncodeToString(big.NewInt(int64(key.E)).Bytes()) + `"}]}`
}

// jws makes a token. It signs with the RSA key, or with the secret for HS256.
func jws(alg, kid string, claims map[string]any) string {
	enc := base64.RawURLEncoding
	head, _ := json.Marshal(map[string]string{"alg": alg, "kid": kid})
	body, _ := json.Marshal(claims)
	input := enc.EncodeToString(head) + "." + enc.EncodeToString(body)
	if alg == "HS256" {
		return input + "." + enc.EncodeToString(mac(sha256.New, plainSecret, input))
	}
	sig, _ := base64.StdEncoding.DecodeString(rsaSign(input))
	return input + "." + enc.EncodeToString(sig)
}

// sample is a delivery that a scheme's method verifies.
type sample struct {
	scheme, method string
	use            Use
	secret         string // plainSecret when empty
	body           string // {"type":"x"} when empty
	where          string // of the signature: a header, or query: or body: and a name
	tolerance      time.Duration
	keys           map[string]string
	params         map[string]string
	publicKey      string // put into the scheme's method, in place of the provider's
	// sign sets what a provider would set at that moment.
	sign func(d *Delivery, body string, at time.Time)
}

func header(name string, value func(body string, at time.Time) string) func(*Delivery, string, time.Time) {
	return func(d *Delivery, body string, at time.Time) { d.Header.Set(name, value(body, at)) }
}

func (s sample) deliver(at time.Time) Delivery {
	body := s.body
	if body == "" {
		body = `{"type":"x","value":[]}`
	}
	d := Delivery{Method: http.MethodPost, URL: testURL, Header: http.Header{"Content-Type": {"application/json"}}, Body: []byte(body)}
	s.sign(&d, body, at)
	return d
}

func (s sample) inputs(at time.Time) Inputs {
	in := Inputs{Now: at, Params: s.params}
	if s.secret == "" && s.publicKey == "" && s.keys == nil {
		s.secret = plainSecret
	}
	if s.secret != "" {
		in.Secrets = []Secret{NewSecret(s.use, "right", s.secret)}
	}
	if s.keys != nil {
		in.Keys = keyDocuments(s.keys)
	}
	return in
}

// sha1MAC is of autotask and jobdiva.
func sha1MAC(body string) []byte { return mac(sha1.New, plainSecret, body) }
