package e2e

import (
	"fmt"
	"io"
	mathrand "math/rand/v2"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"
	"github.com/tieline/tieline/internal/sign"
)

// awsRequest is a request to sign, and with what.
type awsRequest struct {
	name           string
	method, url    string
	host           string // "" is that of the URL
	header         http.Header
	body           string
	service, token string
	unsigned       bool // the body
}

func (r awsRequest) s3() bool { return r.service == "s3" }

func (r awsRequest) hash() string {
	if r.unsigned {
		return sign.UnsignedPayload
	}
	return sign.HashBody([]byte(r.body))
}

func (r awsRequest) build(t testing.TB) *http.Request {
	t.Helper()
	var body io.Reader
	if r.body != "" {
		body = strings.NewReader(r.body)
	}
	req, err := http.NewRequestWithContext(t.Context(), r.method, r.url, body)
	if err != nil {
		t.Fatalf("%s: %v", r.name, err)
	}
	for name, values := range r.header {
		req.Header[name] = values
	}
	if r.host != "" {
		req.Host = r.host
	}
	return req
}

// awsTheirs signs with the official signer and returns the headers it makes.
func (r awsRequest) awsTheirs(t testing.TB, req *http.Request) string {
	t.Helper()
	// The SDK sets this one elsewhere, before the signer is called.
	req.Header.Set("X-Amz-Content-Sha256", r.hash())
	signer := v4.NewSigner(func(o *v4.SignerOptions) { o.DisableURIPathEscaping = r.s3() })
	credentials := aws.Credentials{AccessKeyID: "AKIDEXAMPLE", SecretAccessKey: "secret/+=", SessionToken: r.token}
	if err := signer.SignHTTP(t.Context(), credentials, req, r.hash(), r.service, "eu-central-1", interopTime); err != nil {
		t.Fatalf("%s: %v", r.name, err)
	}
	return awsHeaders(req)
}

// awsOurs signs with package sign and returns the headers it makes.
func (r awsRequest) awsOurs(t testing.TB, req *http.Request) string {
	t.Helper()
	s := sign.SigV4{
		AccessKeyID: "AKIDEXAMPLE", SecretAccessKey: "secret/+=", SessionToken: r.token,
		Region: "eu-central-1", Service: r.service,
	}
	if err := s.Sign(req, r.hash(), interopTime); err != nil {
		t.Fatalf("%s: %v", r.name, err)
	}
	return awsHeaders(req)
}

func awsHeaders(req *http.Request) string {
	var b strings.Builder
	for _, name := range []string{"Authorization", "X-Amz-Date", "X-Amz-Content-Sha256", "X-Amz-Security-Token"} {
		fmt.Fprintf(&b, "%s: %q\n", name, req.Header[name])
	}
	return b.String()
}

// checkAWS has both signers sign r, and the official one also what ours sends.
func checkAWS(t *testing.T, r awsRequest) {
	t.Helper()
	theirs := r.awsTheirs(t, r.build(t))
	sent := r.build(t)
	if ours := r.awsOurs(t, sent); ours != theirs {
		t.Errorf("%s: %+v\nours:\n%stheirs:\n%s", r.name, r, ours, theirs)
	}
	before := *sent.URL
	for _, name := range []string{"Authorization", "X-Amz-Date", "X-Amz-Security-Token"} {
		sent.Header.Del(name)
	}
	if again := r.awsTheirs(t, sent); again != theirs {
		t.Errorf("%s: %+v\nis sent as %s, which is\n%snot:\n%s", r.name, r, &before, again, theirs)
	}
}

// TestInteropSigV4: the official signer makes the same signatures.
func TestInteropSigV4(t *testing.T) {
	t.Parallel()
	header := func(pairs ...string) http.Header {
		h := http.Header{}
		for i := 0; i < len(pairs); i += 2 {
			h.Add(pairs[i], pairs[i+1])
		}
		return h
	}
	for _, r := range []awsRequest{
		{name: "plain", method: "GET", url: "https://iam.amazonaws.com/?Action=ListUsers&Version=2010-05-08", service: "iam"},
		{name: "no path", method: "GET", url: "https://iam.amazonaws.com", service: "iam"},
		{name: "form", method: "POST", url: "https://sts.amazonaws.com/", service: "sts", body: "Action=GetCallerIdentity&Version=2011-06-15",
			header: header("Content-Type", "application/x-www-form-urlencoded; charset=utf-8")},
		{name: "session token", method: "GET", url: "https://a.example/", service: "x", token: "FwoGZXIvYXdzE//+=="},
		{name: "old headers", method: "GET", url: "https://a.example/", service: "x", header: header("X-Amz-Date", "20000101T000000Z", "Authorization", "old")},
		{name: "spaces in a value", method: "GET", url: "https://a.example/", service: "x", header: header("My-Header", "  a   b  ", "My-Header", "c")},
		{name: "empty value", method: "GET", url: "https://a.example/", service: "x", header: header("My-Header", "")},
		{name: "not signed", method: "GET", url: "https://a.example/", service: "x", header: header("User-Agent", "u", "X-Amzn-Trace-Id", "t", "Expect", "100-continue")},
		{name: "port", method: "GET", url: "https://a.example:8443/", service: "x"},
		{name: "default port", method: "GET", url: "https://a.example:443/", service: "x"},
		{name: "default port of http", method: "GET", url: "http://a.example:80/", service: "x"},
		{name: "port of the other scheme", method: "GET", url: "http://a.example:443/", service: "x"},
		{name: "host", method: "GET", url: "https://127.0.0.1:9/", host: "A.example", service: "x"},
		{name: "IPv6", method: "GET", url: "https://[2001:db8::1]:8443/", service: "x"},
		{name: "path", method: "DELETE", url: "https://a.example/a b/c%2Fd/é/$&+,:;=@!'()*/~", service: "x"},
		{name: "double encoding", method: "GET", url: "https://a.example/a%2520b%252F", service: "x"},
		{name: "query", method: "GET", url: "https://a.example/?b=2&a=%20+%2B&a=1&%C3%A9=%c3%a9&bare&empty=&a=", service: "x"},
		{name: "order after encoding", method: "GET", url: "https://a.example/?a-=1&a%2F=2&a=%2F&a=-&%7E=1&z=1&%C3%BF=1", service: "x"},
		{name: "S3 key", method: "PUT", url: "https://b.s3.amazonaws.com/a%20b/%C3%A9%2B%3D/..//./x", service: "s3", body: "hello", header: header("X-Amz-Acl", "private")},
		{name: "S3 unsigned", method: "PUT", url: "https://b.s3.amazonaws.com/k", service: "s3", body: "hello", unsigned: true},
		{name: "S3 subresource", method: "GET", url: "https://b.s3.amazonaws.com/?acl&prefix=a/b", service: "s3"},
		{name: "S3 range", method: "HEAD", url: "https://b.s3.amazonaws.com/k", service: "s3", header: header("Range", "bytes=0-9")},
	} {
		checkAWS(t, r)
	}
}

func TestInteropSigV4Random(t *testing.T) {
	t.Parallel()
	random := mathrand.New(mathrand.NewPCG(3, 4))
	for i := range 2000 {
		r := awsRequest{
			name: fmt.Sprintf("random %d", i), method: pickOne(random, "GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS"),
			service: pickOne(random, "s3", "iam", "execute-api"), token: pickOne(random, "", "to/ken+=="),
			host: pickOne(random, "", "", "other.example", "other.example:443", "other.example:8080"), header: http.Header{},
		}
		base := pickOne(random, "https", "http") + "://" + pickOne(random, "a.example", "A.Example", "b.a.example:443", "a.example:80", "10.0.0.1:9000")
		r.url = base + awsPath(random, r.s3()) + awsQuery(random)
		r.unsigned = r.s3() && random.IntN(3) == 0
		if random.IntN(2) == 0 {
			r.body = randomText(random, 20) + "x"
		}
		for range random.IntN(5) {
			name := pickOne(random, "Content-Type", "Accept", "X-Amz-Meta-A", "X-Amz-Target", "My-Header", "Range", "Date", "If-Match", "X-A_b.c~")
			r.header.Add(name, pickOne(random, "", " ", "a", "  a  b   c ", "x;y, z=\"  q  \"", "é"))
		}
		checkAWS(t, r)
		if t.Failed() {
			return
		}
	}
}

// awsPath is a path with everything in it that the official signer signs right by
// itself, which is not all: it leaves it to the clients in the SDK to normalize
// the path for services other than S3, and to encode it for S3, where a slash in
// a key is never encoded.
func awsPath(random *mathrand.Rand, s3 bool) string {
	var b strings.Builder
	for range random.IntN(5) {
		s := strings.ReplaceAll(randomText(random, 6), "/", "")
		switch {
		case !s3:
			s = "k" + s + pickOne(random, "", "/")
		case random.IntN(4) == 0:
			s = pickOne(random, "", ".", "..")
		}
		if s = strictEncode(s); !s3 {
			s = loosenEncoding(random, s) // all but the slash
		}
		b.WriteString("/" + s)
	}
	if random.IntN(3) == 0 {
		b.WriteString("/")
	}
	return b.String()
}

func awsQuery(random *mathrand.Rand) string {
	var pairs []string
	for range random.IntN(6) {
		pair := loosenEncoding(random, strictEncode(randomText(random, 3)))
		if random.IntN(5) > 0 {
			pair += "=" + loosenEncoding(random, strictEncode(randomText(random, 5)))
		}
		pairs = append(pairs, strings.ReplaceAll(pair, "+", "%2B"))
	}
	if len(pairs) == 0 {
		return pickOne(random, "", "?")
	}
	query := strings.Join(pairs, "&")
	if random.IntN(2) == 0 {
		query = strings.ReplaceAll(query, "%20", "+")
	}
	return "?" + query
}

// randomText is up to most characters, of all sorts.
func randomText(random *mathrand.Rand, most int) string {
	alphabet := []rune("aZ09-._~ !\"#$%&'()*+,/:;<=>?@[]^`{|}\\é\u00ff\U0001F600\t\n")
	s := make([]rune, random.IntN(most+1))
	for i := range s {
		s[i] = alphabet[random.IntN(len(alphabet))]
	}
	return string(s)
}

// strictEncode encodes everything but what RFC 3986 section 2.3 calls unreserved.
func strictEncode(s string) string { return strings.ReplaceAll(url.QueryEscape(s), "+", "%20") }

// loosenEncoding decodes some of what need not be encoded, and spells the rest in lower
// case at times.
func loosenEncoding(random *mathrand.Rand, s string) string {
	for _, c := range []string{"$", "!", "'", "(", ")", "*", ",", ":", "@", "+"} {
		if random.IntN(2) == 0 {
			s = strings.ReplaceAll(s, strictEncode(c), c)
		}
	}
	if random.IntN(3) == 0 {
		s = strings.NewReplacer("%2F", "%2f", "%3D", "%3d", "%C3", "%c3").Replace(s)
	}
	return s
}

func pickOne(random *mathrand.Rand, from ...string) string { return from[random.IntN(len(from))] }
