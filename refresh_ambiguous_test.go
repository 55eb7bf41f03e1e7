package tieline

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/tieline/tieline/providertest"
)

// After an answer that says nothing about the token, when it is asked again
// depends on what the provider does about a token that it has seen before.
func TestAskingAgain(t *testing.T) {
	t.Parallel()
	const due, expired = 55 * time.Minute, 61 * time.Minute
	last := 60*time.Minute - 90*time.Second - due // until the last moments of the access token
	for name, tt := range map[string]struct {
		provider providertest.Options
		age      time.Duration // of the token when it is asked for
		want     []time.Duration
	}{
		"it punishes":                         {providertest.Options{}, due, []time.Duration{0, last}},
		"it punishes, and nothing is at risk": {providertest.Options{}, expired, []time.Duration{0, 5 * time.Second}},
		"it does not rotate":                  {providertest.Options{Rotation: providertest.RotationNone}, due, []time.Duration{0, 5 * time.Second, 20 * time.Second}},
		"it forgives for minutes":             {providertest.Options{Grace: 10 * time.Minute}, due, []time.Duration{0, 5 * time.Second, 20 * time.Second}},
		"it forgives for ten seconds":         {providertest.Options{Grace: 10 * time.Second}, due, []time.Duration{0, 5 * time.Second, last}},
		"it forgives for too short":           {providertest.Options{Grace: 3 * time.Second}, due, []time.Duration{0, last}},
		"it only refuses":                     {providertest.Options{Reuse: providertest.ReuseReject}, due, []time.Duration{0, 5 * time.Second, 20 * time.Second, last}},
		"it does not mind":                    {providertest.Options{Reuse: providertest.ReuseIgnore}, due, []time.Duration{0, 5 * time.Second, 20 * time.Second}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				w := connected(t, worldOptions{provider: tt.provider})
				w.provider.Fail(providertest.Fault{Endpoint: providertest.Refresh, Times: providertest.Always, Status: 502})
				time.Sleep(tt.age)
				asked := w.watchRequests(5 * time.Minute)
				for i, want := range tt.want {
					if i >= len(asked) || asked[i] < want || asked[i] > want+2*time.Second {
						t.Fatalf("asked after %v, want %v", asked, tt.want)
					}
				}
				if tt.want[len(tt.want)-1] != last && len(asked) < 4 {
					t.Errorf("asked after %v and not again", asked)
				}
			})
		})
	}
}

// watchRequests asks for the credential each second and says when the provider
// was asked.
func (w *world) watchRequests(d time.Duration) []time.Duration {
	var asked []time.Duration
	start, seen := time.Now(), w.refreshRequests()
	for time.Since(start) < d {
		go func() { _, _ = w.Connections.Credential(w.t.Context(), "acme", "alice") }()
		synctest.Wait()
		for n := w.refreshRequests(); seen < n; seen++ {
			asked = append(asked, time.Since(start))
		}
		time.Sleep(time.Second)
	}
	return asked
}

// Another process that finds an attempt without an end is as careful.
func TestTakingOverACrash(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		provider providertest.Options
		want     time.Duration
	}{
		"it punishes":                   {providertest.Options{}, 5*time.Minute - 90*time.Second},
		"it forgives for half a minute": {providertest.Options{Grace: 30 * time.Second}, 5*time.Minute - 90*time.Second},
		"it forgives for minutes":       {providertest.Options{Grace: 10 * time.Minute}, 45 * time.Second},
		"it only refuses":               {providertest.Options{Reuse: providertest.ReuseReject}, 45 * time.Second},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				w := connected(t, worldOptions{provider: tt.provider})
				time.Sleep(55 * time.Minute)
				w.crashDuring(time.Now())
				asked := w.watchRequests(5 * time.Minute)
				// It watches in turns of a take-over, which need not end just then.
				if len(asked) != 1 || asked[0] < tt.want || asked[0] > tt.want+46*time.Second {
					t.Errorf("asked after %v, want %v", asked, tt.want)
				}
			})
		})
	}
}
