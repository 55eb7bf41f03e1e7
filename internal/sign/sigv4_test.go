package sign

import (
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func suiteSigner(token string) SigV4 {
	return SigV4{
		AccessKeyID: "AKIDEXAMPLE", SecretAccessKey: "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY",
		SessionToken: token, Region: "us-east-1", Service: "service",
	}
}

var suiteTime = time.Date(2015, 8, 30, 12, 36, 0, 0, time.UTC)

func suiteRequest(c suiteCase) (req *http.Request, path string) {
	path, query, _ := strings.Cut(c.target, "?")
	req = &http.Request{
		Method: c.method, Host: "example.amazonaws.com", Header: http.Header{},
		URL: &url.URL{Scheme: "https", Host: "example.amazonaws.com", Path: path, RawQuery: query},
	}
	for _, h := range c.headers {
		// net/http sends no folded header; what folds is a space.
		req.Header.Add(h[0], strings.ReplaceAll(h[1], "\n", " "))
	}
	if c.body != "" {
		req.Body, req.ContentLength = io.NopCloser(strings.NewReader(c.body)), int64(len(c.body))
	}
	return req, path
}

func TestSigV4Suite(t *testing.T) {
	t.Parallel()
	for _, c := range suiteCases() {
		req, path := suiteRequest(c)
		hash := HashBody([]byte(c.body))
		if c.hashed {
			req.Header.Set("X-Amz-Content-Sha256", hash)
		}
		signer := suiteSigner(c.token)
		// The suite has paths that are not encoded on the wire, and a service
		// without normalisation that is not S3: so from the target itself.
		got, err := signer.authorize(req, canonicalPath(path, c.plain), hash, suiteTime)
		wantSignature(t, c.name, got, err, c.want)
		if c.plain || req.URL.EscapedPath() != path {
			continue
		}
		got, err = signer.Authorization(req, hash, suiteTime.In(time.FixedZone("", 7200)))
		wantSignature(t, c.name+", from the URL", got, err, c.want)
	}
}

func wantSignature(t *testing.T, name, got string, err error, want string) {
	t.Helper()
	if _, sig, _ := strings.Cut(got, ", Signature="); sig != want || err != nil {
		t.Errorf("%s: %v\n got %s\nwant %s", name, err, got, want)
	}
}

// The examples of AWS's documentation: IAM ListUsers ("Create a signed AWS API
// request") and S3 ("Authenticating Requests: Using the Authorization Header").
func TestSigV4Documentation(t *testing.T) {
	t.Parallel()
	iam := suiteSigner("")
	iam.Service = "iam"
	s3 := SigV4{
		AccessKeyID: "AKIAIOSFODNN7EXAMPLE", SecretAccessKey: "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY",
		Region: "us-east-1", Service: "s3",
	}
	s3Time := time.Date(2013, 5, 24, 0, 0, 0, 0, time.UTC)
	tests := map[string]struct {
		signer              SigV4
		method, url, body   string
		headers             http.Header
		at                  time.Time
		signed, wantedFinal string
	}{
		"IAM ListUsers": {
			iam, "GET", "https://iam.amazonaws.com/?Action=ListUsers&Version=2010-05-08", "",
			http.Header{"Content-Type": {"application/x-www-form-urlencoded; charset=utf-8"}}, suiteTime,
			"content-type;host;x-amz-date", "5d672d79c15b13162d9279b0855cfba6789a8edb4c82c400e06b5924a6f2b5d7",
		},
		"S3 GET object": {
			s3, "GET", "https://examplebucket.s3.amazonaws.com/test.txt", "",
			http.Header{"Range": {"bytes=0-9"}}, s3Time,
			"host;range;x-amz-content-sha256;x-amz-date", "f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41",
		},
		"S3 PUT object": {
			s3, "PUT", "https://examplebucket.s3.amazonaws.com/test$file.text", "Welcome to Amazon S3.",
			http.Header{"Date": {"Fri, 24 May 2013 00:00:00 GMT"}, "X-Amz-Storage-Class": {"REDUCED_REDUNDANCY"}}, s3Time,
			"date;host;x-amz-content-sha256;x-amz-date;x-amz-storage-class",
			"98ad721746da40c64f1a55b78f14c238d841ea1380cd77a1b5971af0ece108bd",
		},
		"S3 GET bucket lifecycle": {
			s3, "GET", "https://examplebucket.s3.amazonaws.com?lifecycle", "", nil, s3Time,
			"host;x-amz-content-sha256;x-amz-date", "fea454ca298b7da1c68078a5d1bdbfbbe0d65c699e0f91ac7a200a0136783543",
		},
		"S3 list objects": {
			s3, "GET", "https://examplebucket.s3.amazonaws.com/?max-keys=2&prefix=J", "", nil, s3Time,
			"host;x-amz-content-sha256;x-amz-date", "34b48302e7b5fa45bde8084f4b7868a86f0a534bc59db6670ed5711ef69dc6f7",
		},
	}
	for name, test := range tests {
		req, err := http.NewRequest(test.method, test.url, nil) // a body of known length would be signed
		if err != nil {
			t.Fatal(err)
		}
		req.Header = test.headers.Clone()
		hash := HashBody([]byte(test.body))
		var got string
		if test.signer.Service == "iam" { // the example lacks X-Amz-Content-Sha256
			got, err = test.signer.Authorization(req, hash, test.at)
		} else if err = test.signer.Sign(req, hash, test.at); err == nil {
			got = req.Header.Get("Authorization")
		}
		wantSignature(t, name, got, err, test.wantedFinal)
		if !strings.Contains(got, ", SignedHeaders="+test.signed+", ") {
			t.Errorf("%s: signs other headers: %s", name, got)
		}
	}
}

func TestSigV4Path(t *testing.T) {
	t.Parallel()
	tests := []struct{ url, normal, s3 string }{
		{"https://h", "/", "/"},
		{"https://h/", "/", "/"},
		{"https://h/a%20b", "/a%2520b", "/a%20b"},
		{"https://h/a b", "/a%2520b", "/a%20b"},
		{"https://h/a%2Fb/c", "/a%252Fb/c", "/a/b/c"},
		{"https://h/arn:aws:x/(1)+2=3", "/arn%3Aaws%3Ax/%281%29%2B2%3D3", "/arn%3Aaws%3Ax/%281%29%2B2%3D3"},
		{"https://h/é", "/%25C3%25A9", "/%C3%A9"},
		{"https://h/%c3%a9", "/%25c3%25a9", "/%C3%A9"},
		{"https://h//a///b//", "/a/b/", "//a///b//"},
		{"https://h/a/./b/../c", "/a/c", "/a/./b/../c"},
		{"https://h/../../a", "/a", "/../../a"},
		{"https://h/a/..", "/", "/a/.."},
		{"https://h/a/b/..", "/a/", "/a/b/.."},
		{"https://h/a/.", "/a/", "/a/."},
		{"https://h/%2e%2e/a", "/%252e%252e/a", "/../a"},
		{"https://h/...", "/...", "/..."},
	}
	for _, test := range tests {
		u, err := url.Parse(test.url)
		if err != nil {
			t.Fatal(err)
		}
		if got := canonicalPath(wirePath(u), false); got != test.normal {
			t.Errorf("%s: %s, want %s", test.url, got, test.normal)
		}
		if got := canonicalPath(wirePath(u), true); got != test.s3 {
			t.Errorf("%s, S3: %s, want %s", test.url, got, test.s3)
		}
	}
	for opaque, want := range map[string]string{"//h/a%2Fb": "/a%2Fb", "/x/y": "/x/y", "//h": "/", "x": "/x", "//h/a?b": "/a"} {
		if got := wirePath(&url.URL{Scheme: "https", Host: "h", Opaque: opaque}); got != want {
			t.Errorf("opaque %s: %s, want %s", opaque, got, want)
		}
	}
	for service, want := range map[string]bool{"s3": true, "s3express": true, "s3tables": false, "sts": false, "": false} {
		if singleEncoded(service) != want {
			t.Errorf("service %q", service)
		}
	}
}

func TestSigV4Query(t *testing.T) {
	t.Parallel()
	tests := []struct{ raw, canonical, wire string }{
		{"", "", ""},
		{"a", "a=", "a"},
		{"a=", "a=", "a="},
		{"acl&a=1", "a=1&acl=", "acl&a=1"},
		{"b=2&a=2&a=1&a", "a=&a=1&a=2&b=2", "b=2&a=2&a=1&a"},
		{"Z=1&a=1&A=1", "A=1&Z=1&a=1", "Z=1&a=1&A=1"},
		{"a-b=1&a=2", "a=2&a-b=1", "a-b=1&a=2"}, // by name, not by the pair: '-' is before '='
		{"a=b=c", "a=b%3Dc", "a=b%3Dc"},
		{"a=x+y", "a=x%20y", "a=x%20y"},
		{"a=x%20y%2B", "a=x%20y%2B", "a=x%20y%2B"},
		{"a=%c3%A9&a=é", "a=%C3%A9&a=%C3%A9", "a=%C3%A9&a=%C3%A9"},
		{"a=%7E~*'()", "a=~~%2A%27%28%29", "a=~~%2A%27%28%29"},
		{"&&a=1&&", "a=1", "a=1"},
		{"=v", "=v", "=v"},
		{"a=1;b=2", "a=1%3Bb%3D2", "a=1%3Bb%3D2"},
		{"a=%zz%", "a=%25zz%25", "a=%25zz%25"},
		{"a=%4", "a=%254", "a=%254"},
	}
	for _, test := range tests {
		if got := canonicalQuery(test.raw); got != test.canonical {
			t.Errorf("%q: canonical %q, want %q", test.raw, got, test.canonical)
		}
		if got := wireQuery(test.raw); got != test.wire {
			t.Errorf("%q: wire %q, want %q", test.raw, got, test.wire)
		}
	}
}

func TestSigV4Headers(t *testing.T) {
	t.Parallel()
	req := httptest.NewRequest("GET", "https://EXAMPLE.com:443/", nil)
	req.Header = http.Header{
		"Content-Type":  {"  a/b;  c=d\t"},
		"X-Tab":         {"a\t b"},
		"X-Two":         {"1", " 2 "},
		"x-two":         {"3"},
		"X-Empty":       {""},
		"X-None":        {},
		"X-Hop":         {"1"},
		"Connection":    {"keep-alive, X-Hop"},
		"Authorization": {"old"}, "User-Agent": {"x"}, "Accept-Encoding": {"x"}, "Te": {"x"}, "Expect": {"x"},
		"Proxy-Authorization": {"x"}, "Transfer-Encoding": {"x"}, "Upgrade": {"x"}, "Keep-Alive": {"x"},
		"X-Amzn-Trace-Id": {"x"}, "Traceparent": {"x"}, "Cookie": {"x"}, "Via": {"x"},
		"Host": {"other"}, "Content-Length": {"7"}, "x-amz-date": {"old"}, "X-Amz-Security-Token": {"old"},
	}
	got, err := suiteSigner("").canonicalHeaders(req, suiteTime)
	want := []header{
		{"content-type", "a/b; c=d"},
		{"host", "EXAMPLE.com"},
		{"x-amz-date", "20150830T123600Z"},
		{"x-empty", ""},
		{"x-tab", "a\t b"},
		{"x-two", "1,2,3"},
	}
	if diff := cmp.Diff(want, got, cmp.AllowUnexported(header{})); diff != "" || err != nil {
		t.Errorf("%v (-want +got):\n%s", err, diff)
	}
	if req.Header.Get("X-Two") != "1" || req.Header["X-Two"][1] != " 2 " {
		t.Errorf("the header was changed: %q", req.Header["X-Two"])
	}
}

func TestSigV4Host(t *testing.T) {
	t.Parallel()
	tests := []struct{ scheme, urlHost, reqHost, want string }{
		{"https", "a:443", "", "a"},
		{"https", "a:80", "", "a:80"},
		{"http", "a:80", "", "a"},
		{"HTTP", "a:80", "", "a"},
		{"http", "a:443", "", "a:443"},
		{"https", "a:8443", "", "a:8443"},
		{"https", "[::1]:443", "", "[::1]"},
		{"https", "a", "b:443", "b"},
		{"https", "a:1", "b", "b"},
	}
	for _, test := range tests {
		req := &http.Request{Host: test.reqHost, URL: &url.URL{Scheme: test.scheme, Host: test.urlHost}}
		if got := requestHost(req); got != test.want {
			t.Errorf("%+v: %s", test, got)
		}
	}
}

// What Sign writes is what it signed: signing the request as it then is gives
// the same, and signing again replaces everything.
func TestSigV4Sign(t *testing.T) {
	t.Parallel()
	hash := HashBody([]byte("body"))
	signer := suiteSigner("token")
	req, err := http.NewRequest("POST", "https://h.example:443/p?b=x+y&a", strings.NewReader("body"))
	if err != nil {
		t.Fatal(err)
	}
	given := req.URL
	for _, name := range []string{"x-amz-date", "authorization", "X-Amz-Security-Token", "x-amz-content-sha256"} {
		req.Header[name] = []string{"stale"}
	}
	req.Header["X-Kept"] = []string{"1"}
	if err := signer.Sign(req, hash, suiteTime.In(time.FixedZone("", 7200))); err != nil {
		t.Fatal(err)
	}
	auth := req.Header.Get("Authorization")
	want := http.Header{
		"X-Kept": {"1"}, "X-Amz-Date": {"20150830T123600Z"}, "X-Amz-Security-Token": {"token"},
		"X-Amz-Content-Sha256": {hash}, "Authorization": {auth},
	}
	if diff := cmp.Diff(want, req.Header); diff != "" {
		t.Errorf("headers (-want +got):\n%s", diff)
	}
	if req.Host != "h.example" || req.URL.RawQuery != "b=x%20y&a" || given.RawQuery != "b=x+y&a" {
		t.Errorf("host %q, query %q, the query given %q", req.Host, req.URL.RawQuery, given.RawQuery)
	}
	if again, err := signer.Authorization(req, hash, suiteTime); again != auth || err != nil {
		t.Errorf("the request as sent has another signature, %v:\n%s\n%s", err, again, auth)
	}
	const names = "SignedHeaders=content-length;host;x-amz-content-sha256;x-amz-date;x-amz-security-token;x-kept,"
	if !strings.Contains(auth, names) {
		t.Errorf("signed: %s", auth)
	}
	signer.SessionToken = ""
	if err := signer.Sign(req, UnsignedPayload, suiteTime.Add(time.Hour)); err != nil {
		t.Fatal(err)
	}
	if h := req.Header; len(h) != 4 || h.Get("X-Amz-Date") != "20150830T133600Z" || h.Get("X-Amz-Content-Sha256") != UnsignedPayload {
		t.Errorf("signed again: %v", h)
	}
}

func TestSigV4Refuses(t *testing.T) {
	t.Parallel()
	hash := HashBody(nil)
	tests := map[string]func(*SigV4, *http.Request, *string){
		"access key ID is missing": func(s *SigV4, _ *http.Request, _ *string) { s.AccessKeyID = "" },
		"access key ID is":         func(s *SigV4, _ *http.Request, _ *string) { s.AccessKeyID = "a,b" },
		"secret access key":        func(s *SigV4, _ *http.Request, _ *string) { s.SecretAccessKey = "" },
		"region is":                func(s *SigV4, _ *http.Request, _ *string) { s.Region = "a/b" },
		"region is missing":        func(s *SigV4, _ *http.Request, _ *string) { s.Region = "" },
		"service is":               func(s *SigV4, _ *http.Request, _ *string) { s.Service = "a b" },
		"session token":            func(s *SigV4, _ *http.Request, _ *string) { s.SessionToken = "a\nb" },
		"payload hash is":          func(_ *SigV4, _ *http.Request, h *string) { *h = "" },
		"payload hash is not":      func(_ *SigV4, _ *http.Request, h *string) { *h = strings.ToUpper(*h) },
		"payload hash":             func(_ *SigV4, _ *http.Request, h *string) { *h = (*h)[2:] },
		"no host":                  func(_ *SigV4, r *http.Request, _ *string) { r.Host, r.URL.Host = "", "" },
		"one with characters":      func(_ *SigV4, r *http.Request, _ *string) { r.Host = "a\nb" },
		"no URL":                   func(_ *SigV4, r *http.Request, _ *string) { r.URL = nil },
		"header x-a has":           func(_ *SigV4, r *http.Request, _ *string) { r.Header["X-A"] = []string{"a\nx-amz-date:b"} },
		"header has a name":        func(_ *SigV4, r *http.Request, _ *string) { r.Header["X A"] = []string{"a"} },
	}
	for want, change := range tests {
		signer, req, payload := suiteSigner(""), httptest.NewRequest("GET", "https://h/?a=b+c", nil), hash
		change(&signer, req, &payload)
		before := req.Clone(t.Context())
		err := signer.Sign(req, payload, suiteTime)
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", want, err)
		}
		if diff := cmp.Diff(before.Header, req.Header); diff != "" || req.URL != nil && req.URL.RawQuery != "a=b+c" {
			t.Errorf("%s: the request was changed", want)
		}
		if _, err := signer.Authorization(req, payload, suiteTime); err == nil {
			t.Errorf("%s: Authorization has no error", want)
		}
	}
}

// A request without a Header map, as one built by hand has it.
func TestSigV4NilHeader(t *testing.T) {
	t.Parallel()
	req := &http.Request{URL: &url.URL{Scheme: "https", Host: "h"}}
	if err := suiteSigner("").Sign(req, HashBody(nil), suiteTime); err != nil {
		t.Fatal(err)
	}
	if req.Header.Get("Authorization") == "" || req.Host != "" {
		t.Errorf("%v, host %q", req.Header, req.Host)
	}
}
