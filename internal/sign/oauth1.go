package sign

import (
	"crypto"
	"crypto/hmac"
	"crypto/rsa"
	"crypto/sha1" // HMAC-SHA1 and RSA-SHA1 are what RFC 5849 has
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"hash"
	"log/slog"
	"mime"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
)

// OAuth1Method is an oauth_signature_method.
type OAuth1Method string

// The methods of RFC 5849 section 3.4, and the two with SHA-256 that providers
// such as NetSuite added.
const (
	HMACSHA1   OAuth1Method = "HMAC-SHA1"
	HMACSHA256 OAuth1Method = "HMAC-SHA256"
	RSASHA1    OAuth1Method = "RSA-SHA1"
	RSASHA256  OAuth1Method = "RSA-SHA256"
	Plaintext  OAuth1Method = "PLAINTEXT"
)

// OAuth1 signs requests as RFC 5849 says. It prints as "[secret]".
type OAuth1 struct {
	ConsumerKey    string // required
	ConsumerSecret string // not used by the RSA methods
	Token          string // empty when asking for a request token
	TokenSecret    string // not used by the RSA methods
	Method         OAuth1Method
	Realm          string // put into the header, not signed; may be empty
	PrivateKey     Key    // of RSA, for the RSA methods
	OmitVersion    bool   // leave oauth_version out; it is optional
}

// Header returns the value of the Authorization header of a request, RFC 5849
// section 3.5.1.
//
// u is the URL that is sent. form is the body when it is
// application/x-www-form-urlencoded, else nil ([FormBody] tells). nonce is never
// used twice with the same time. extra are further protocol parameters, such as
// oauth_callback and oauth_verifier; they are signed and put into the header.
// oauth_body_hash is not sent.
//
// It fails when a field is missing, when a parameter that it sets is also in
// the query, the body or extra (section 3.1 forbids that), and when the key does
// not fit the method.
func (o OAuth1) Header(method string, u *url.URL, form url.Values, nonce string, at time.Time, extra url.Values) (string, error) {
	if u == nil || u.Host == "" || u.Scheme == "" {
		return "", errors.New("sign: OAuth 1.0 needs a URL with a scheme and a host")
	}
	protocol, err := o.protocolParams(nonce, at, extra)
	if err != nil {
		return "", err
	}
	all := append(parseQuery(u.RawQuery), flatten(form)...)
	if clash(all, protocol) {
		return "", errors.New("sign: the request already has an OAuth 1.0 parameter of its own")
	}
	signature, err := o.signature(baseString(method, u, append(all, protocol...)))
	if err != nil {
		return "", err
	}
	protocol = append(protocol, param{name: "oauth_signature", value: signature})
	slices.SortFunc(protocol, func(a, b param) int { return strings.Compare(a.name, b.name) })
	var b strings.Builder
	b.WriteString("OAuth ")
	if o.Realm != "" {
		b.WriteString("realm=" + quoted(o.Realm) + ", ")
	}
	for i, p := range protocol {
		if i > 0 {
			b.WriteString(", ")
		}
		b.WriteString(percentEncode(p.name, "") + `="` + percentEncode(p.value, "") + `"`)
	}
	return b.String(), nil
}

// protocolParams returns what goes into the header but the signature.
func (o OAuth1) protocolParams(nonce string, at time.Time, extra url.Values) ([]param, error) {
	switch {
	case o.ConsumerKey == "":
		return nil, errors.New("sign: OAuth 1.0 needs a consumer key")
	case nonce == "" && o.Method != Plaintext:
		return nil, errors.New("sign: OAuth 1.0 needs a nonce")
	case at.Unix() <= 0 && o.Method != Plaintext:
		return nil, errors.New("sign: OAuth 1.0 needs a time after 1970")
	case !isHeaderValue(o.Realm):
		return nil, errors.New("sign: the realm has a control character")
	}
	params := []param{
		{name: "oauth_consumer_key", value: o.ConsumerKey},
		{name: "oauth_signature_method", value: string(o.Method)},
	}
	// Section 3.1: PLAINTEXT may go without these two.
	if nonce != "" {
		params = append(params, param{name: "oauth_nonce", value: nonce})
	}
	if at.Unix() > 0 {
		params = append(params, param{name: "oauth_timestamp", value: strconv.FormatInt(at.Unix(), 10)})
	}
	if o.Token != "" {
		params = append(params, param{name: "oauth_token", value: o.Token})
	}
	if !o.OmitVersion {
		params = append(params, param{name: "oauth_version", value: "1.0"})
	}
	more := flatten(extra)
	for i, p := range more {
		if p.name == "realm" || clash(more[i:i+1], params) || clash(more[i:i+1], more[:i]) {
			return nil, errors.New("sign: an extra OAuth 1.0 parameter is set twice")
		}
	}
	return append(params, more...), nil
}

// clash reports whether a name of protocol, or the signature, is in params.
func clash(params, protocol []param) bool {
	for _, p := range params {
		if p.name == "oauth_signature" ||
			slices.ContainsFunc(protocol, func(q param) bool { return q.name == p.name }) {
			return true
		}
	}
	return false
}

func flatten(values url.Values) []param {
	var params []param
	for name, list := range values {
		for _, v := range list {
			params = append(params, param{name: name, value: v})
		}
	}
	return params
}

// baseString is RFC 5849 section 3.4.1. The path is taken as it is sent.
func baseString(method string, u *url.URL, params []param) string {
	if method == "" {
		method = "GET"
	}
	scheme := strings.ToLower(u.Scheme)
	path := u.EscapedPath()
	if !strings.HasPrefix(path, "/") {
		path = "/" + path
	}
	uri := scheme + "://" + trimPort(strings.ToLower(u.Host), scheme) + path
	return strings.ToUpper(method) + "&" + percentEncode(uri, "") + "&" + percentEncode(normalParams(params), "")
}

// normalParams is section 3.4.1.3.2: encoded, then sorted, then joined.
func normalParams(params []param) string {
	encoded := make([]param, len(params))
	for i, p := range params {
		encoded[i] = param{name: percentEncode(p.name, ""), value: percentEncode(p.value, "")}
	}
	slices.SortFunc(encoded, func(a, b param) int {
		if c := strings.Compare(a.name, b.name); c != 0 {
			return c
		}
		return strings.Compare(a.value, b.value)
	})
	return joinParams(encoded)
}

// signature is sections 3.4.2 to 3.4.4.
func (o OAuth1) signature(base string) (string, error) {
	secrets := percentEncode(o.ConsumerSecret, "") + "&" + percentEncode(o.TokenSecret, "")
	switch o.Method {
	case Plaintext:
		return secrets, nil
	case HMACSHA1:
		return hmacBase64(sha1.New, secrets, base), nil
	case HMACSHA256:
		return hmacBase64(sha256.New, secrets, base), nil
	case RSASHA1:
		sum := sha1.Sum([]byte(base))
		return o.rsaBase64(crypto.SHA1, sum[:])
	case RSASHA256:
		sum := sha256.Sum256([]byte(base))
		return o.rsaBase64(crypto.SHA256, sum[:])
	}
	return "", errors.New("sign: the OAuth 1.0 signature method is not supported")
}

func hmacBase64(h func() hash.Hash, key, message string) string {
	mac := hmac.New(h, []byte(key))
	mac.Write([]byte(message))
	return base64.StdEncoding.EncodeToString(mac.Sum(nil))
}

func (o OAuth1) rsaBase64(h crypto.Hash, digest []byte) (string, error) {
	signer, _ := o.PrivateKey.Signer()
	key, ok := signer.(*rsa.PrivateKey)
	if !ok {
		return "", errors.New("sign: the OAuth 1.0 signature method needs an RSA private key")
	}
	sig, err := signPKCS1(key, h, digest)
	if err != nil {
		return "", err
	}
	return base64.StdEncoding.EncodeToString(sig), nil
}

// quoted is a quoted-string of RFC 9110 section 5.6.4.
func quoted(s string) string {
	return `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(s) + `"`
}

// FormBody returns the parameters of a body that OAuth 1.0 signs: RFC 5849
// section 3.4.1.3.1. It reports false when contentType is another one than
// application/x-www-form-urlencoded, whose body is not signed.
func FormBody(contentType string, body []byte) (url.Values, bool) {
	media, _, err := mime.ParseMediaType(contentType)
	if err != nil || media != "application/x-www-form-urlencoded" {
		return nil, false
	}
	form := make(url.Values)
	for _, p := range parseQuery(string(body)) {
		form.Add(p.name, p.value)
	}
	return form, true
}

// TBARealm returns the realm that NetSuite's token-based authentication wants
// for an account ID: upper case, the first hyphen an underscore, so that
// "123456-sb1" becomes "123456_SB1".
func TBARealm(accountID string) string {
	return strings.Replace(strings.ToUpper(strings.TrimSpace(accountID)), "-", "_", 1)
}

// String returns "[secret]".
func (o OAuth1) String() string { return redacted }

// Format writes "[secret]" whatever the verb.
func (o OAuth1) Format(f fmt.State, _ rune) { _, _ = f.Write([]byte(redacted)) }

// LogValue returns "[secret]".
func (o OAuth1) LogValue() slog.Value { return slog.StringValue(redacted) }

// MarshalText returns "[secret]".
func (o OAuth1) MarshalText() ([]byte, error) { return []byte(redacted), nil }
