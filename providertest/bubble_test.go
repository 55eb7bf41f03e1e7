package providertest

import (
	"context"
	"net/http"
	"testing"
	"testing/synctest"
	"time"
)

// inBubble runs a test under fake time.
func inBubble(t *testing.T, o Options, test func(t *testing.T, a app)) {
	t.Helper()
	t.Parallel()
	synctest.Test(t, func(t *testing.T) { test(t, inProcessApp(t, o)) })
}

// refreshWithin refreshes with a deadline, and returns the time that took.
func (a app) refreshWithin(d time.Duration, token string) (took time.Duration, err error) {
	a.t.Helper()
	ctx, cancel := context.WithTimeout(a.t.Context(), d)
	defer cancel()
	begun := time.Now()
	r := a.do(a.postRequest("/token", "grant_type", "refresh_token", "refresh_token", token).WithContext(ctx))
	return time.Since(begun), r.err
}

func TestBubbleTokensExpire(t *testing.T) {
	inBubble(t, Options{TokenLifetime: time.Minute}, func(t *testing.T, a app) {
		one := a.connect()
		time.Sleep(time.Minute - time.Nanosecond)
		equal(t, "status just before", a.me(one.access).status, 200)
		equal(t, "live just before", a.s.IsLive(one.access), true)
		time.Sleep(time.Nanosecond)
		equal(t, "status when it is over", a.me(one.access).status, 401)
		equal(t, "live when it is over", a.s.IsLive(one.access), false)
		a.mustTokens(a.refresh(one.refresh))
	})
}

func TestBubbleDelayBefore(t *testing.T) {
	inBubble(t, Options{}, func(t *testing.T, a app) {
		one := a.connect()
		a.s.Fail(Fault{Endpoint: Refresh, Delay: 30 * time.Second, Times: Always})
		took, err := a.refreshWithin(10*time.Second, one.refresh)
		wantErr(t, "impatient client", err, context.DeadlineExceeded)
		equal(t, "took", took, 10*time.Second)
		_, err = a.refreshWithin(30*time.Second, one.refresh)
		wantErr(t, "client that leaves at that moment", err, context.DeadlineExceeded)
		equal(t, "processed", a.s.Stats().Refreshes, 0)
		equal(t, "refresh token live", a.s.IsLive(one.refresh), true)
		took, err = a.refreshWithin(time.Minute, one.refresh)
		wantErr(t, "patient client", err, nil)
		equal(t, "took", took, 30*time.Second)
		equal(t, "processed", a.s.Stats().Refreshes, 1)
	})
}

func TestBubbleDelayAfter(t *testing.T) {
	inBubble(t, Options{}, func(t *testing.T, a app) {
		one := a.connect()
		a.s.Fail(Fault{Endpoint: Refresh, DelayAfter: 30 * time.Second})
		took, err := a.refreshWithin(10*time.Second, one.refresh)
		wantErr(t, "impatient client", err, context.DeadlineExceeded)
		equal(t, "took", took, 10*time.Second)
		equal(t, "processed", a.s.Stats().Refreshes, 1)
		equal(t, "refresh token live", a.s.IsLive(one.refresh), false)
	})
}

func TestBubbleLate(t *testing.T) {
	inBubble(t, Options{}, func(t *testing.T, a app) {
		one := a.connect()
		a.s.Fail(Fault{Endpoint: Refresh, Delay: 30 * time.Second, Late: true, Times: 2})
		took, err := a.refreshWithin(10*time.Second, one.refresh)
		wantErr(t, "impatient client", err, context.DeadlineExceeded)
		equal(t, "took", took, 10*time.Second)
		equal(t, "processed", a.s.Stats().Refreshes, 0)
		time.Sleep(20 * time.Second)
		synctest.Wait()
		equal(t, "processed late", a.s.Stats().Refreshes, 1)
		two := a.s.Grants()[0]
		took, err = a.refreshWithin(time.Minute, two.RefreshToken)
		wantErr(t, "patient client", err, nil)
		equal(t, "took", took, 30*time.Second)
	})
}

// Close ends waits at once: what was not processed never is.
func TestBubbleCloseCutsDelays(t *testing.T) {
	inBubble(t, Options{}, func(t *testing.T, a app) {
		one := a.connect()
		a.s.Fail(Fault{Endpoint: Refresh, Delay: time.Hour, Late: true})
		a.s.Fail(Fault{Endpoint: API, DelayAfter: time.Hour})
		got := make(chan error, 2)
		begun := time.Now()
		refresh := a.postRequest("/token", "grant_type", "refresh_token", "refresh_token", one.refresh)
		call := a.request("GET", "/api/ping", "")
		for _, r := range []*http.Request{refresh, call} {
			go func() { got <- a.do(r).err }()
		}
		synctest.Wait()
		a.s.Close()
		for range 2 {
			wantErr(t, "request under way", <-got, errConnClosed)
		}
		equal(t, "took", time.Since(begun), 0)
		equal(t, "processed", a.s.Stats().Refreshes, 0)
	})
}

// A hook may hold requests at a gate, and the bubble sees that all is blocked.
func TestBubbleGate(t *testing.T) {
	inBubble(t, Options{}, func(t *testing.T, a app) {
		one, two := a.connect(), a.connect()
		gate := make(chan struct{})
		a.s.FailFunc(func(r *http.Request) *Fault {
			if r.PostForm.Get("grant_type") == "refresh_token" {
				<-gate
			}
			return nil
		})
		for _, token := range []string{one.refresh, one.refresh, two.refresh} {
			r := a.postRequest("/token", "grant_type", "refresh_token", "refresh_token", token)
			go a.do(r)
		}
		synctest.Wait()
		equal(t, "processed", a.s.Stats().Refreshes, 0)
		equal(t, "requests", a.s.Stats().Requests[Refresh], 3)
		close(gate)
		synctest.Wait()
		equal(t, "processed", a.s.Stats().Refreshes, 2)
		equal(t, "MaxConcurrentRefreshes", a.s.Stats().MaxConcurrentRefreshes, 3)
		equal(t, "MaxConcurrentPerGrant", a.s.Stats().MaxConcurrentPerGrant, 2)
		a.refresh(two.refresh)
		equal(t, "MaxConcurrentRefreshes", a.s.Stats().MaxConcurrentRefreshes, 3)
	})
}

// What is in flight is counted out again.
func TestBubbleConcurrencyInARow(t *testing.T) {
	inBubble(t, Options{}, func(t *testing.T, a app) {
		token := a.connect().refresh
		for range 3 {
			token = a.mustTokens(a.refresh(token)).refresh
		}
		equal(t, "MaxConcurrentRefreshes", a.s.Stats().MaxConcurrentRefreshes, 1)
		equal(t, "MaxConcurrentPerGrant", a.s.Stats().MaxConcurrentPerGrant, 1)
	})
}

// Close waits for the goroutine of every connection, which ends a little after
// the connection was closed.
func TestBubbleCloseWaitsForConnections(t *testing.T) {
	inBubble(t, Options{}, func(t *testing.T, a app) {
		a.s.countConn(nil, http.StateNew)
		closed := make(chan struct{})
		go func() { a.s.Close(); close(closed) }()
		synctest.Wait()
		select {
		case <-closed:
			t.Error("Close did not wait")
		default:
		}
		a.s.countConn(nil, http.StateClosed)
		<-closed
	})
}

func TestBubbleEarlyRefreshes(t *testing.T) {
	inBubble(t, Options{TokenLifetime: time.Hour, Rotation: RotationNone}, func(t *testing.T, a app) {
		token := a.connect().refresh
		time.Sleep(50 * time.Minute)
		a.s.Fail(Fault{Endpoint: Refresh, Delay: 5 * time.Minute}) // what counts is the arrival
		a.mustTokens(a.refresh(token))
		time.Sleep(time.Hour)
		a.mustTokens(a.refresh(token)) // not early
		time.Sleep(59 * time.Minute)
		a.mustTokens(a.refresh(token))
		a.s.ExpireAccessTokens()
		a.mustTokens(a.refresh(token)) // not early either
		st := a.s.Stats()
		equal(t, "early refreshes", len(st.EarlyRefreshes), 2)
		equal(t, "first", st.EarlyRefreshes[0], EarlyRefresh{Grant: 1, Generation: 1, Remaining: 10 * time.Minute})
		equal(t, "second", st.EarlyRefreshes[1], EarlyRefresh{Grant: 1, Generation: 3, Remaining: time.Minute})
		equal(t, "MaxRemaining", st.MaxRemaining, 10*time.Minute)
		equal(t, "Refreshes", st.Refreshes, 4)
	})
}

// A refresh that was overtaken by another cannot have come before the token
// which that one issued.
func TestBubbleOvertakenRefresh(t *testing.T) {
	inBubble(t, Options{TokenLifetime: time.Hour, Rotation: RotationNone}, func(t *testing.T, a app) {
		token := a.connect().refresh
		time.Sleep(time.Hour)
		a.s.Fail(Fault{Endpoint: Refresh, Delay: 10 * time.Minute})
		slow := a.postRequest("/token", "grant_type", "refresh_token", "refresh_token", token)
		go a.do(slow)
		synctest.Wait()
		time.Sleep(5 * time.Minute)
		a.mustTokens(a.refresh(token))
		time.Sleep(5 * time.Minute)
		synctest.Wait()
		st := a.s.Stats()
		equal(t, "Refreshes", st.Refreshes, 2)
		equal(t, "MaxRemaining", st.MaxRemaining, time.Hour)
	})
}
