package sdk

import (
	"errors"
	"fmt"
	"net/http"
	"testing"
	"time"

	"github.com/google/go-github/v84/github"

	"github.com/tieline/tieline"
)

// limited is an answer about the number of calls.
type limited struct {
	name    string
	post    bool // else GET
	status  int
	header  map[string]string
	body    string
	sent    int // how often the request is
	primary bool
	after   time.Duration // to wait, in the SDK's error
}

const (
	tooMany   = `{"message":"API rate limit exceeded for user ID 1."}`
	tooFast   = `{"message":"You have exceeded a secondary rate limit.","documentation_url":"https://docs.github.com/rest/using-the-rest-api/rate-limits-for-the-rest-api#about-secondary-rate-limits"}`
	remaining = "X-Ratelimit-Remaining"
	reset     = "X-Ratelimit-Reset"
)

// Limits that the client could not wait for, or that are there again after it did,
// are the SDK's own errors. In the beginning the window has ended already, so that
// the client waits for a moment only.
func limits(began time.Time) []limited {
	over, long := fmt.Sprint(began.Add(-time.Minute).Unix()), fmt.Sprint(began.Add(50*time.Minute).Unix())
	return []limited{
		{name: "403, repeated until the retries are used up", status: 403, header: map[string]string{remaining: "0", reset: over}, body: tooMany, sent: 3, primary: true},
		{name: "429, repeated until the retries are used up", status: 429, header: map[string]string{remaining: "0", reset: over}, body: tooMany, sent: 3, primary: true},
		{name: "403, for longer than a client waits", status: 403, header: map[string]string{remaining: "0", reset: long}, body: tooMany, sent: 1, primary: true},
		{name: "403, not to be repeated", post: true, status: 403, header: map[string]string{remaining: "0", reset: over}, body: tooMany, sent: 1, primary: true},
		{name: "secondary, 403", status: 403, header: map[string]string{"Retry-After": "60"}, body: tooFast, sent: 1, after: time.Minute},
		{name: "secondary, 429, for longer than a client waits", status: 429, header: map[string]string{"Retry-After": "60"}, body: tooFast, sent: 1, after: time.Minute},
		{name: "secondary, 429, repeated until the retries are used up", status: 429, header: map[string]string{"Retry-After": "0"}, body: tooFast, sent: 3},
	}
}

func TestGitHubLimits(t *testing.T) {
	t.Parallel()
	for _, tt := range limits(time.Now()) {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			s, a, _ := newGitHub(t, func(w http.ResponseWriter, _ *http.Request) {
				w.Header().Set("X-Ratelimit-Limit", "5000")
				for name, value := range tt.header {
					w.Header().Set(name, value)
				}
				answer(w, tt.status, tt.body)
			})
			gh := a.github(t, s, a.Connections.HTTPClientWith(integration, user, tieline.ClientOptions{Retry: tieline.RetryPolicy{Backoff: time.Millisecond}}))
			resp, err := tt.call(t, gh)
			tt.judge(t, err)
			if resp == nil || resp.StatusCode != tt.status {
				t.Fatalf("the answer is %v", resp)
			}
			secretless(t, err, resp.Response)
			s.want(tt.sent, 0)
		})
	}
}

func (l limited) call(t *testing.T, gh *github.Client) (*github.Response, error) {
	t.Helper()
	if l.post {
		_, resp, err := gh.Issues.Create(t.Context(), "o", "r", &github.IssueRequest{})
		return resp, err
	}
	_, resp, err := gh.Repositories.Get(t.Context(), "o", "r")
	return resp, err
}

// judge looks whether the error is the right one of the SDK, and says what the
// answer did.
func (l limited) judge(t *testing.T, err error) {
	t.Helper()
	var (
		primary   *github.RateLimitError
		secondary *github.AbuseRateLimitError
	)
	switch {
	case l.primary:
		if !errors.As(err, &primary) {
			t.Fatalf("got %T %v", err, err)
		}
		if got := fmt.Sprint(primary.Rate.Reset.Unix()); primary.Rate.Limit != 5000 || got != l.header[reset] || primary.Message == "" {
			t.Errorf("it says %+v, %q", primary.Rate, primary.Message)
		}
	case !errors.As(err, &secondary):
		t.Fatalf("got %T %v", err, err)
	case secondary.GetRetryAfter() != l.after || secondary.Message == "":
		t.Errorf("it says %v, %q", secondary.RetryAfter, secondary.Message)
	}
}

// An answer that says when to come back, in time, is waited for, and the SDK does
// not hear of it.
func TestGitHubWaits(t *testing.T) {
	t.Parallel()
	first := true
	s, _, gh := newGitHub(t, func(w http.ResponseWriter, _ *http.Request) {
		if first {
			first = false
			w.Header().Set("Retry-After", "1")
			answer(w, http.StatusTooManyRequests, tooFast)
			return
		}
		answer(w, http.StatusOK, `{"full_name":"o/r"}`)
	})
	repo, _, err := gh.Repositories.Get(t.Context(), "o", "r")
	if err != nil || repo.GetFullName() != "o/r" {
		t.Errorf("Get = %v, %v", repo, err)
	}
	s.want(2, 0)
}

// Other errors of the API are the SDK's, too.
func TestGitHubErrors(t *testing.T) {
	t.Parallel()
	s, _, gh := newGitHub(t, func(w http.ResponseWriter, _ *http.Request) {
		answer(w, http.StatusUnprocessableEntity, `{"message":"Validation Failed","errors":[{"resource":"Issue","field":"title","code":"missing_field"}]}`)
	})
	_, _, err := gh.Issues.Create(t.Context(), "o", "r", &github.IssueRequest{})
	var refused *github.ErrorResponse
	if !errors.As(err, &refused) || len(refused.Errors) != 1 || refused.Errors[0].Field != "title" {
		t.Fatalf("Create = %v", err)
	}
	secretless(t, err, refused.Response)
	s.want(1, 0)
	s.Close()
	_, _, err = gh.Issues.Create(t.Context(), "o", "r", &github.IssueRequest{})
	if err == nil {
		t.Error("there is no server, and no error")
	}
	secretless(t, err, nil)
}
