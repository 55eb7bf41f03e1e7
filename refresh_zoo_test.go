package tieline

import (
	"bytes"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tieline/tieline/providertest"
)

// oddAnswers are what becomes of the real answer to a refresh, whose tokens are
// all in it. internal/oauth has many more for its parser; these go all the way
// into the Store.
var oddAnswers = map[string]providertest.Fault{
	"a form":                           {Form: true},
	"a byte order mark":                {BOM: true},
	"gzip":                             {Gzip: true},
	"more than 1 MiB":                  {Padding: 2 << 20},
	"no access token":                  {Omit: []string{"access_token"}},
	"expires_in as a float":            {Fields: map[string]any{"expires_in": 3600.5}},
	"expires_in empty":                 {Fields: map[string]any{"expires_in": ""}},
	"expires_in as a duration":         {Fields: map[string]any{"expires_in": "1h"}},
	"token_type an object":             {Fields: map[string]any{"token_type": map[string]any{"a": 1}}},
	"error a list":                     {Fields: map[string]any{"error": []int{1}}},
	"an error beside the tokens":       {Fields: map[string]any{"error": "invalid_grant"}},
	"an error beside a refresh token":  {Fields: map[string]any{"error": "invalid_grant"}, Omit: []string{"access_token"}},
	"a config error beside one":        {Fields: map[string]any{"error": "invalid_client"}, Omit: []string{"access_token"}},
	"the wrong type":                   {ContentType: "text/html"},
	"201":                              edited(func(a *providertest.Answer) { a.Status = 201 }),
	"500":                              edited(func(a *providertest.Answer) { a.Status = 500 }),
	"429":                              edited(func(a *providertest.Answer) { a.Status = 429 }),
	"in a page":                        edited(func(a *providertest.Answer) { surround(a, "<pre>", "</pre>") }),
	"in a list":                        edited(func(a *providertest.Answer) { surround(a, "[", "]") }),
	"in an object":                     edited(func(a *providertest.Answer) { surround(a, `{"data":`, "}") }),
	"after another object":             edited(func(a *providertest.Answer) { surround(a, "{}\n", "") }),
	"before junk":                      edited(func(a *providertest.Answer) { surround(a, "", "</html>") }),
	"a stray comma":                    edited(func(a *providertest.Answer) { a.Body = append(bytes.TrimSuffix(a.Body, []byte("}")), ",}"...) }),
	"cut off at the end":               edited(func(a *providertest.Answer) { a.Body = bytes.TrimSuffix(a.Body, []byte("}")) }),
	"broken off behind the tokens":     {Fields: map[string]any{"zzz": strings.Repeat("x", 4<<10)}, Truncated: true},
	"a refresh token that is repeated": {RefreshToken: providertest.RefreshTokenSame},
	"no refresh token, as none is new": {RefreshToken: providertest.RefreshTokenAbsent},
}

func edited(edit func(*providertest.Answer)) providertest.Fault {
	return providertest.Fault{Edit: edit}
}

func surround(a *providertest.Answer, before, after string) {
	a.Body = []byte(before + string(a.Body) + after)
}

// Whatever else an answer is like, the tokens in it are saved: the connection
// lives on, and no token is sent twice.
func TestOddAnswersAreSaved(t *testing.T) {
	t.Parallel()
	for name, fault := range oddAnswers {
		for _, age := range []time.Duration{52 * time.Minute, time.Hour} {
			t.Run(fmt.Sprintf("%s/%v old", name, age), func(t *testing.T) {
				t.Parallel()
				synctest.Test(t, func(t *testing.T) {
					w := connected(t, worldOptions{})
					first := w.credential()
					time.Sleep(age)
					f := fault
					f.Endpoint = providertest.Refresh
					w.provider.Fail(f)
					// An answer without an access token is a failure all the same.
					_, err := w.Connections.Credential(t.Context(), "acme", "alice")
					w.flightsEnd(w.Client)
					time.Sleep(10 * time.Minute)
					if got := w.credential(); got.AccessToken.Equal(first.AccessToken) {
						t.Errorf("the first call ended with %v, and 10 minutes later the old token is served", err)
					}
					if _, err := w.Connections.Refresh(t.Context(), "acme", "alice", nil); err != nil {
						t.Errorf("Refresh = %v", err)
					}
					closeClean(t, w.Client)
					w.wantOncePerGeneration()
					w.wantNothingLost(1)
				})
			})
		}
	}
}
