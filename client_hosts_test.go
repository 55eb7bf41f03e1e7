package tieline

import (
	"errors"
	"net/http"
	"net/netip"
	"net/url"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
)

const (
	isWith    = "with the credential"
	isWithout = "without it"
	isRefused = "refused"
)

var hostTests = []struct{ base, target, direct, redirected string }{
	{"https://api.example.com", "/v1/x", isWith, isWith},
	{"https://api.example.com", "/v1/x?a=b", isWith, isWith},
	{"https://api.example.com", "https://api.example.com/elsewhere", isWith, isWith},
	{"https://api.example.com", "HTTPS://API.Example.COM/x", isWith, isWith},
	{"https://api.example.com", "https://api.example.com./x", isWith, isWith},
	{"https://api.example.com", "https://api.example.com:443/x", isWith, isWith},
	{"https://API.example.com:443", "https://api.example.com/x", isWith, isWith},
	{"https://api.example.com", "https://evil.example.net/x", isWithout, isWithout},
	{"https://api.example.com", "//evil.example.net/x", isRefused, isWithout},
	{"https://api.example.com", "https:evil.example.net", isRefused, isRefused},
	{"https://api.example.com", `/\evil.example.net/x`, isWith, isWith}, // a path
	{"https://api.example.com", `https://api.example.com\@evil.example.net/`, isRefused, isRefused},
	{"https://api.example.com", "https://api.example.com@evil.example.net/", isWithout, isWithout},
	{"https://api.example.com", "https://api.example.com:443@evil.example.net/", isWithout, isWithout},
	{"https://api.example.com", "https://evil.example.net#@api.example.com/", isWithout, isWithout},
	{"https://api.example.com", "https://evil.example.net?@api.example.com/", isWithout, isWithout},
	{"https://api.example.com", "https://api.example.com%2eevil.example.net/", isRefused, isRefused},
	{"https://api.example.com", "https://api.example.com%40evil.example.net/", isRefused, isRefused},
	{"https://api.example.com", "https://api.example.com.evil.example.net/", isWithout, isWithout},
	{"https://api.example.com", "https://evilapi.example.com/", isWithout, isWithout},
	{"https://api.example.com", "https://x.api.example.com/", isWithout, isWithout},
	{"https://api.example.com", "https://example.com/", isWithout, isWithout},
	{"https://api.example.com", "https://api.example.com../x", isWithout, isWithout},
	{"https://api.example.com", "https://api.ex\u0430mple.com/x", isWithout, isWithout}, // the fifth letter is Cyrillic
	{"https://api.example.com", "https://api.example.com:8443/x", isWithout, isWithout},
	{"https://api.example.com", "http://api.example.com/x", isWithout, isWithout},
	{"https://api.example.com", "http://api.example.com:443/x", isWithout, isWithout},
	{"https://api.example.com:8443", "https://api.example.com/x", isWithout, isWithout},
	{"https://[2606:4700::1]", "/x", isWith, isWith},
	{"https://[2606:4700::1]", "https://[2606:4700::1]:443/x", isWith, isWith},
	{"https://[2606:4700::a]", "https://[2606:4700::A]/x", isWith, isWith},
	{"https://[2606:4700::1]", "https://[2606:4700:0:0:0:0:0:1]/x", isWithout, isWithout}, // the same, in other words
	{"https://[2606:4700::1]", "https://[2606:4700::2]/x", isWithout, isWithout},
	{"https://[2606:4700::1]", "https://[2606:4700::1%25eth0]/x", isWithout, isWithout},
	{"https://[2606:4700::1]", "https://[::ffff:127.0.0.1]/x", isWithout, isWithout},
}

// Wherever the caller, or a redirect of the provider, sends a request: the credential
// goes along to the provider's own origin and stays there. Links of pages are in
// TestPagesEnd, and what names resolve to is in internal/outbound.
func TestCredentialNeverLeaves(t *testing.T) {
	t.Parallel()
	for _, tt := range hostTests {
		leads(t, tt.base, nil, tt.target, tt.direct, tt.redirected)
	}
}

// leads checks what the target of a request gets, when the caller names it and when
// the provider redirects there.
func leads(t *testing.T, base string, hosts []string, target, direct, redirected string) {
	t.Helper()
	catalog, problems := LoadCatalog(CatalogFile{Name: "api.yaml", Data: []byte("api:\n  display_name: API\n  docs: https://example.com\n  auth_mode: API_KEY\n" +
		"  proxy: {base_url: '" + base + "', headers: {x-key: '${apiKey}'}, query: {key: '${apiKey}'}}\n")})
	for _, p := range problems {
		if p.Severity == SeverityRejected {
			t.Fatal(p)
		}
	}
	w := &apiWorld{t: t}
	w.open(catalog, "api", &APIKey{Key: NewSecret("k3y")}, nil)
	w.list(hosts...)
	got := isRefused
	w.serve = func(r *http.Request, _ string) told {
		if r.URL.Path == "/away" && !strings.HasPrefix(target, "/away") {
			return told{status: http.StatusTemporaryRedirect, header: "Location: " + target}
		}
		switch found := r.Header.Get("X-Key") == "k3y" && r.URL.Query().Get("key") == "k3y"; {
		case found:
			got = isWith
		case strings.Contains(r.URL.String(), "k3y"), r.Header.Get("X-Key") != "":
			got = "a part of the credential"
		default:
			got = isWithout
		}
		return told{}
	}
	for how, want := range map[string]string{target: direct, "/away": redirected} {
		got = isRefused
		resp, err := w.client(ClientOptions{}).Get(how)
		if err == nil {
			_ = resp.Body.Close()
		}
		if (err != nil) != (want == isRefused) || got != want {
			t.Errorf("%s at %s, by %s: %s, %v; want it %s", target, base, how, got, err, want)
		}
	}
}

// list sets the integration's hosts.
func (w *apiWorld) list(hosts ...string) {
	w.t.Helper()
	w.core.private = []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8"), netip.MustParsePrefix("::1/128"), netip.MustParsePrefix("10.0.0.0/8")}
	_, err := w.Integrations.Update(w.t.Context(), "api", func(i *Integration) error {
		i.APIHosts = hosts
		return nil
	})
	if err != nil {
		w.t.Fatal(err)
	}
}

// The credential goes to the hosts that the integration lists as well, and to nothing
// that only looks like one of them.
func TestListedHosts(t *testing.T) {
	t.Parallel()
	hosts := []string{"uploads.example.net", "*.cdn.example.net", "127.0.0.1:8080", "[::1]:8080"}
	for target, want := range map[string]string{
		"https://uploads.example.net/x":                    isWith,
		"https://UPLOADS.Example.NET/x":                    isWith,
		"https://uploads.example.net./x":                   isWith,
		"https://uploads.example.net:443/x":                isWith,
		"https://a.cdn.example.net/x":                      isWith,
		"https://a.b.cdn.example.net/x":                    isWith,
		"http://127.0.0.1:8080/x":                          isWith,
		"https://127.0.0.1:8080/x":                         isWith,
		"http://[::1]:8080/x":                              isWith,
		"https://cdn.example.net/x":                        isWithout,
		"https://evilcdn.example.net/x":                    isWithout,
		"https://a.cdn.example.net.evil.example.org/x":     isWithout,
		"https://uploads.example.net.evil.example.org/x":   isWithout,
		"https://eviluploads.example.net/x":                isWithout,
		"https://x.uploads.example.net/x":                  isWithout,
		"https://example.net/x":                            isWithout,
		"https://uploads.example.net../x":                  isWithout,
		"https://uploads.example.net:8443/x":               isWithout,
		"http://uploads.example.net/x":                     isWithout,
		"http://uploads.example.net:443/x":                 isWithout,
		"https://uploads.example.net@evil.example.org/":    isWithout,
		"https://uploads.example.net:443@evil.example.org": isWithout,
		"https://evil.example.org#@uploads.example.net/":   isWithout,
		"https://evil.example.org?@uploads.example.net/":   isWithout,
		"https://uplo\u0430ds.example.net/x":               isWithout, // the fifth letter is Cyrillic
		"http://127.0.0.1:8081/x":                          isWithout,
		"http://127.0.0.2:8080/x":                          isWithout,
		"http://127.0.0.1/x":                               isWithout,
		"http://localhost:8080/x":                          isWithout,
		"http://[::ffff:127.0.0.1]:8080/x":                 isWithout,
	} {
		leads(t, "https://api.example.com", hosts, target, want, want)
	}
	leads(t, "https://api.example.com", hosts, "//uploads.example.net/x", isRefused, isWith)
	leads(t, "https://api.example.com", hosts, `https://uploads.example.net\@evil.example.org/`, isRefused, isRefused)
	leads(t, "https://api.example.com", nil, "https://uploads.example.net/x", isWithout, isWithout)
}

// What is sent with the credential names the host that it goes to. Behind a server of
// many customers another name would be another one of them.
func TestCredentialGoesWithItsHost(t *testing.T) {
	t.Parallel()
	w := newAPIWorld(t, "")
	var got []string
	w.serve = func(r *http.Request, _ string) told {
		got = append(got, r.URL.Host+" "+r.Host+" "+r.Header.Get("Authorization"))
		return told{}
	}
	for _, target := range []string{"/x", "https://api.example.com/x", "https://other.example.net/x"} {
		req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, target, nil)
		if err != nil {
			t.Fatal(err)
		}
		req.Host = "evil.example.org"
		resp, err := w.client(ClientOptions{}).Do(req)
		if err != nil {
			t.Fatal(err)
		}
		_ = resp.Body.Close()
	}
	want := []string{"api.example.com  Bearer k3y", "api.example.com  Bearer k3y", "other.example.net evil.example.org "}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("host, Host header and credential (-want +got):\n%s", diff)
	}
	// A URL that is put together by hand can have another one in it.
	req := (&http.Request{Method: http.MethodGet, URL: &url.URL{Scheme: "https", Host: "api.example.com", Opaque: "//evil.example.org/x"}}).WithContext(t.Context())
	if _, err := w.client(ClientOptions{}).Transport.RoundTrip(req); !errors.Is(err, ErrInvalid) {
		t.Errorf("an opaque URL: %v", err)
	}
}

// A host that is taken off the list gets nothing any more, once clients have looked.
func TestUnlistedHost(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newAPIWorld(t, "")
		client := w.client(ClientOptions{})
		w.list("uploads.example.net")
		get := func() string {
			resp, err := client.Get("https://uploads.example.net/x")
			if err != nil {
				t.Fatal(err)
			}
			_ = resp.Body.Close()
			return w.sent[len(w.sent)-1].auth
		}
		if auth := get(); auth != "Bearer k3y" {
			t.Errorf("listed: %q", auth)
		}
		w.list()
		time.Sleep(defaultMaxStale)
		if auth := get(); auth != "" {
			t.Errorf("not listed any more: %q", auth)
		}
	})
}

// A host is a name, and no more than the vendor's; what cannot be meant is refused.
func TestAPIHostsAreChecked(t *testing.T) {
	t.Parallel()
	w := newAPIWorld(t, "")
	w.list("Uploads.Example.net", "*.CDN.example.net", "127.0.0.1:8080", "[::1]:1", "xn--bcher-kva.example.com", "a.co.uk", "*.a.co.uk")
	got, err := w.Integrations.Get(t.Context(), "api")
	want := []string{"uploads.example.net", "*.cdn.example.net", "127.0.0.1:8080", "[::1]:1", "xn--bcher-kva.example.com", "a.co.uk", "*.a.co.uk"}
	if diff := cmp.Diff(want, got.APIHosts); err != nil || diff != "" {
		t.Errorf("kept (-want +got):\n%s%v", diff, err)
	}
	many := make([]string, maxAPIHosts+1)
	for i := range many {
		many[i] = "a.example.com"
	}
	bad := [][]string{many}
	for _, host := range []string{
		"", "*", "*.", ".", "*.com", "*.co.uk", "com", "localhost", "intranet", "*.*.example.com", "a.*.example.com", "a*.example.com", "*example.com",
		"https://a.example.com", "a.example.com:443", "a.example.com/x", "a.example.com.", ".example.com", "a..example.com", "a.example.com ", "a@b.example.com",
		"a_b.example.com", "-a.example.com", "b\u00fccher.example.com", "a.example.com\n", "a,b.example.com", "a.example.com?x", "a%2e.example.com",
		"10.0.0.1", "127.0.0.1", "*.0.0.1", "0x7f.1", "2130706433", "127.1", "[::1]", "::1", "10.0.0.1:80", "8.8.8.8:443", "127.0.0.1:080", "127.0.0.1:0x50", "[::ffff:127.0.0.1]:80", "localhost:80",
	} {
		bad = append(bad, []string{"a.example.com", host})
	}
	for _, hosts := range bad {
		var field *FieldError
		_, err := w.Integrations.Update(t.Context(), "api", func(i *Integration) error { i.APIHosts = hosts; return nil })
		if !errors.As(err, &field) || !strings.HasPrefix(field.Field, "api_hosts") || len(hosts) == 2 && field.Field != "api_hosts[1]" {
			t.Errorf("Update with %q = %v", hosts[len(hosts)-1], err)
		}
		_, err = w.Integrations.Create(t.Context(), Integration{Key: "other", Provider: "api", APIHosts: hosts})
		if !errors.Is(err, ErrInvalid) {
			t.Errorf("Create with %q = %v", hosts[len(hosts)-1], err)
		}
	}
	w.core.private = nil
	if _, err := w.Integrations.Create(t.Context(), Integration{Key: "other", Provider: "api", APIHosts: []string{"127.0.0.1:8080"}}); !errors.Is(err, ErrInvalid) {
		t.Errorf("a loopback address that Outbound does not allow: %v", err)
	}
}

// Lists may go on at a listed host, by a link and by a redirect.
func TestPagesAtListedHosts(t *testing.T) {
	t.Parallel()
	w := newAPIWorld(t, "paginate: {type: link, link_path_in_response_body: next, response_path: data}")
	w.list("more.example.net")
	w.serve = func(r *http.Request, _ string) told {
		switch r.URL.String() {
		case "https://api.example.com/v1/things":
			return told{body: `{"data":[1],"next":"https://more.example.net/2"}`}
		case "https://more.example.net/2":
			return told{status: http.StatusFound, header: "Location: /two"}
		case "https://more.example.net/two":
			return told{body: `{"data":[2],"next":"https://more.example.net.evil.example.org/3"}`}
		}
		t.Errorf("asked %s", r.URL)
		return told{}
	}
	var seen []string
	var last error
	for item, err := range w.Connections.Items(t.Context(), "api", "alice", PageRequest{URL: "/things"}) {
		if last = err; err == nil {
			seen = append(seen, string(item))
		}
	}
	if !slices.Equal(seen, []string{"1", "2"}) || !errors.Is(last, ErrForbidden) {
		t.Errorf("items %q, %v", seen, last)
	}
	for _, s := range w.sent {
		if s.auth != "Bearer k3y" {
			t.Errorf("%s was asked with %q", s.url, s.auth)
		}
	}
}
