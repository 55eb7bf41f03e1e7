package sdk

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-github/v84/github"

	"github.com/tieline/tieline"
)

// githubProxy are the rules of the catalog's entry, which are replaced as a whole.
const githubProxy = "    retry: {at: [x-ratelimit-reset], remaining: x-ratelimit-remaining}\n"

// issues is where most tests go.
const issues = "/repos/o/r/issues"

func newGitHub(t *testing.T, api http.HandlerFunc) (*stub, *app, *github.Client) {
	t.Helper()
	s := newStub(t, api)
	a := newApp(t, s, "github", githubProxy)
	return s, a, a.github(t, s, a.http())
}

// github is the SDK over an HTTP client of the connection's.
func (a *app) github(t *testing.T, s *stub, client *http.Client) *github.Client {
	t.Helper()
	base, err := url.Parse(s.URL + "/")
	if err != nil {
		t.Fatal(err)
	}
	gh := github.NewClient(client)
	gh.BaseURL, gh.UploadURL = base, base
	return gh
}

// The SDK goes from page to page by what it finds in the header Link.
func TestGitHubPages(t *testing.T) {
	t.Parallel()
	const pages, perPage = 4, 3
	var s *stub
	s, _, gh := newGitHub(t, func(w http.ResponseWriter, r *http.Request) {
		page := max(1, number(t, r, "page"))
		if n := number(t, r, "per_page"); r.URL.Path != issues || n != perPage {
			t.Errorf("%s", r.URL)
		}
		if page < pages {
			w.Header().Set("Link", fmt.Sprintf(`<%s%s?page=%d&per_page=%d>; rel="next", <%[1]s%[2]s?page=%[5]d>; rel="last"`, s.URL, issues, page+1, perPage, pages))
		}
		var list []string
		for i := range perPage {
			list = append(list, fmt.Sprintf(`{"number":%d}`, (page-1)*perPage+i+1))
		}
		answer(w, http.StatusOK, "["+strings.Join(list, ",")+"]")
	})
	var got, want []int
	options := &github.IssueListByRepoOptions{ListOptions: github.ListOptions{PerPage: perPage}}
	for issue, err := range gh.Issues.ListByRepoIter(t.Context(), "o", "r", options) {
		if err != nil {
			t.Fatal(err)
		}
		got = append(got, issue.GetNumber())
	}
	for n := range pages * perPage {
		want = append(want, n+1)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("issues (-want +got):\n%s", diff)
	}
	s.want(pages, 0)
}

func number(t *testing.T, r *http.Request, name string) int {
	t.Helper()
	text := r.URL.Query().Get(name)
	if text == "" {
		return 0
	}
	n, err := strconv.Atoi(text)
	if err != nil {
		t.Errorf("%s: %v", r.URL, err)
	}
	return n
}

// created answers a request to create an issue with the issue.
func created(w http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body)
	answer(w, http.StatusCreated, string(body))
}

// A token that the provider does not take any more is renewed once, and the request
// is made again, with its body. The SDK does not hear of it.
func TestGitHubCreateAfterRevocation(t *testing.T) {
	t.Parallel()
	s, a, gh := newGitHub(t, created)
	a.revoke(s)
	issue, resp, err := gh.Issues.Create(t.Context(), "o", "r", &github.IssueRequest{Title: github.Ptr("It <breaks>"), Body: github.Ptr("é")})
	if err != nil || issue.GetTitle() != "It <breaks>" || issue.GetBody() != "é" || resp.StatusCode != http.StatusCreated {
		t.Fatalf("Create = %v, %v", issue, err)
	}
	secretless(t, err, resp.Response)
	s.want(2, 1)
	log := s.requests()
	if log[0].method != http.MethodPost || log[0].method != log[1].method || log[0].body == "" || log[0].body != log[1].body {
		t.Errorf("the request was not made again as it was: %+v", log)
	}
	if log[0].auth == log[1].auth {
		t.Error("it was made again with the same token")
	}
}

// So it is when many notice at once.
func TestGitHubManyCreateAfterRevocation(t *testing.T) {
	t.Parallel()
	const many = 16
	s, a, _ := newGitHub(t, created)
	a.revoke(s)
	var wg sync.WaitGroup
	for n := range many {
		gh := a.github(t, s, a.http())
		wg.Go(func() {
			title := fmt.Sprint("issue ", n)
			issue, _, err := gh.Issues.Create(t.Context(), "o", "r", &github.IssueRequest{Title: &title})
			if err != nil || issue.GetTitle() != title {
				t.Errorf("Create = %v, %v", issue, err)
			}
		})
	}
	wg.Wait()
	accepted := map[string]int{}
	for _, r := range s.requests() {
		if r.auth == "Bearer "+accessToken(3) {
			accepted[r.body]++
		}
	}
	for body, n := range accepted {
		if n != 1 {
			t.Errorf("%s was created %d times", body, n)
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(accepted) != many || s.refreshes != 1 {
		t.Errorf("%d issues, %d refreshes", len(accepted), s.refreshes)
	}
}

// An upload that the SDK reads from a file can be sent only once. It fails, and the
// next one does not: the token is renewed all the same.
func TestGitHubUploadAfterRevocation(t *testing.T) {
	t.Parallel()
	content := strings.Repeat("0123456789abcdef", 1<<16)
	var arrived string
	s, a, gh := newGitHub(t, func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		arrived = string(body)
		answer(w, http.StatusCreated, `{"id":7}`)
	})
	name := filepath.Join(t.TempDir(), "asset.zip")
	if err := os.WriteFile(name, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	upload := func() error {
		file, err := os.Open(name)
		if err != nil {
			t.Fatal(err)
		}
		defer file.Close()
		asset, _, err := gh.Repositories.UploadReleaseAsset(t.Context(), "o", "r", 1, &github.UploadOptions{Name: "asset.zip"}, file)
		if err == nil && asset.GetID() != 7 {
			t.Errorf("UploadReleaseAsset = %v", asset)
		}
		return err
	}
	a.revoke(s)
	var refused *github.ErrorResponse
	if err := upload(); !errors.As(err, &refused) || refused.Response.StatusCode != http.StatusUnauthorized {
		t.Errorf("the first upload: %v", err)
	}
	if err := upload(); err != nil || arrived != content {
		t.Errorf("the second upload: %v, %d of %d bytes arrived", err, len(arrived), len(content))
	}
	s.want(2, 1)
}

// cache is a RoundTripper of somebody else on top of the connection's: it keeps
// answers by ETag.
type cache struct {
	next     http.RoundTripper
	tag      string
	body     string
	answered int // from memory
}

func (c *cache) RoundTrip(r *http.Request) (*http.Response, error) {
	if c.tag != "" {
		r = r.Clone(r.Context())
		r.Header.Set("If-None-Match", c.tag)
	}
	resp, err := c.next.RoundTrip(r)
	switch {
	case err != nil:
		return nil, err
	case resp.StatusCode == http.StatusNotModified:
		c.answered++
		_ = resp.Body.Close()
		resp.StatusCode, resp.Body = http.StatusOK, io.NopCloser(strings.NewReader(c.body))
	case resp.StatusCode == http.StatusOK:
		body, err := io.ReadAll(resp.Body)
		_ = resp.Body.Close()
		if err != nil {
			return nil, err
		}
		c.tag, c.body = resp.Header.Get("ETag"), string(body)
		resp.Body = io.NopCloser(strings.NewReader(c.body))
	}
	return resp, nil
}

// Conditional requests and their answers pass as they are, also after a 401.
func TestGitHubConditional(t *testing.T) {
	t.Parallel()
	const tag = `W/"a-b"`
	s, a, plain := newGitHub(t, func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("ETag", tag)
		if r.Header.Get("If-None-Match") == tag {
			w.WriteHeader(http.StatusNotModified)
			return
		}
		answer(w, http.StatusOK, `{"full_name":"o/r"}`)
	})
	kept := &cache{next: a.http().Transport}
	gh := a.github(t, s, &http.Client{Transport: kept})
	for n := range 3 {
		if n == 2 {
			a.revoke(s)
		}
		repo, _, err := gh.Repositories.Get(t.Context(), "o", "r")
		if err != nil || repo.GetFullName() != "o/r" || kept.answered != n {
			t.Errorf("Get = %v, %v; %d answers came from memory", repo, err, kept.answered)
		}
	}
	s.want(4, 1)
	var asked []string
	for _, r := range s.requests() {
		asked = append(asked, r.header.Get("If-None-Match"))
	}
	if want := []string{"", tag, tag, tag}; !slices.Equal(asked, want) {
		t.Errorf("If-None-Match was %q, want %q", asked, want)
	}
	req, err := plain.NewRequest(http.MethodGet, "repos/o/r", nil)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("If-None-Match", tag)
	resp, err := plain.Do(t.Context(), req, nil)
	if resp == nil || resp.StatusCode != http.StatusNotModified || resp.Header.Get("ETag") != tag {
		t.Errorf("Do = %v, %v", resp, err)
	}
}

// The API sends whoever wants an asset to another host, which gets no token.
func TestGitHubRedirect(t *testing.T) {
	t.Parallel()
	var got http.Header
	storage := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		got = r.Header
		_, _ = io.WriteString(w, "content")
	}))
	t.Cleanup(storage.Close)
	s, a, gh := newGitHub(t, func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, storage.URL+"/asset?signature=x", http.StatusFound)
	})
	rc, _, err := gh.Repositories.DownloadReleaseAsset(t.Context(), "o", "r", 1, a.http())
	if err != nil {
		t.Fatal(err)
	}
	defer rc.Close()
	if body, err := io.ReadAll(rc); err != nil || string(body) != "content" {
		t.Errorf("%q, %v", body, err)
	}
	if auth := got.Get("Authorization"); auth != "" {
		t.Errorf("the other host got %q", auth)
	}
	s.want(1, 0)
}

// A caller's context reaches the server.
func TestGitHubCancel(t *testing.T) {
	t.Parallel()
	arrived, left := make(chan bool), make(chan bool)
	s, _, gh := newGitHub(t, func(_ http.ResponseWriter, r *http.Request) {
		close(arrived)
		<-r.Context().Done()
		close(left)
	})
	ctx, cancel := context.WithCancel(t.Context())
	go func() {
		<-arrived
		cancel()
	}()
	_, _, err := gh.Repositories.Get(ctx, "o", "r")
	if !errors.Is(err, context.Canceled) {
		t.Errorf("Get = %v", err)
	}
	secretless(t, err, nil)
	select {
	case <-left:
	case <-time.After(time.Minute):
		t.Error("the server was not told")
	}
	s.want(1, 0)
}

// What is wrong with the connection is found in the SDK's error, without a token.
func TestGitHubReauthorize(t *testing.T) {
	t.Parallel()
	s, a, gh := newGitHub(t, created)
	s.refuses = true
	a.expire()
	_, _, err := gh.Repositories.Get(t.Context(), "o", "r")
	if !errors.Is(err, tieline.ErrReauthRequired) {
		t.Errorf("Get = %v", err)
	}
	secretless(t, err, nil)
	if sent := s.requests(); len(sent) != 0 {
		t.Errorf("sent %+v", sent)
	}
}
