package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/netip"
	"sync"
	"time"

	"github.com/tieline/tieline"
	"github.com/tieline/tieline/providertest"
)

const (
	user    = "alice"
	callers = 50

	// tokenLifetime is as short as it is so that nobody waits long to see a
	// token expire. Real ones live for an hour or so.
	tokenLifetime = 3 * time.Second
)

// demo is the walk that needs no set-up and no network.
func demo(ctx context.Context, o options, out io.Writer) error {
	// It is as strict as providers get: every refresh rotates the refresh token,
	// and whoever presents an old one loses the grant.
	provider, err := providertest.Start(providertest.Options{TokenLifetime: tokenLifetime})
	if err != nil {
		return err
	}
	defer provider.Close()
	say(out, "provider", "one to test against, at %s; its access tokens live %v", provider.URL, tokenLifetime)

	catalog, problems := tieline.LoadCatalog(tieline.CatalogFile{Name: "acme.yaml", Data: provider.ProvidersYAML()})
	if len(problems) > 0 {
		return errors.New(problems[0].String())
	}
	cfg := tieline.Config{
		Providers: catalog,
		// Real providers are on the Internet, and nothing else can be reached
		// unless it is allowed.
		Outbound: tieline.Outbound{AllowPrivate: []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}},
	}
	err = withApp(o, "127.0.0.1:0", cfg, out, func(a *app) error {
		if err := connectUser(ctx, a, provider, out); err != nil {
			return err
		}
		return callAtOnce(ctx, a, out)
	})
	if err != nil {
		return err
	}
	say(out, "close", "every refresh has ended and every token is saved")
	// Counted now, so that a refresh behind everybody's back would be seen, too.
	line, err := verdict(provider.Stats())
	fmt.Fprintln(out, line)
	return err
}

// connectUser walks the authorization code flow.
func connectUser(ctx context.Context, a *app, provider *providertest.Server, out io.Writer) error {
	if err := provider.RegisterRedirectURI(a.url + "/callback"); err != nil {
		return err
	}
	credentials := provider.Credentials()
	err := a.register(ctx, tieline.Integration{
		Key:      "acme",
		Provider: "acme",
		App: &tieline.OAuthApp{
			ClientID:     credentials.ClientID,
			ClientSecret: tieline.NewSecret(credentials.ClientSecret),
		},
	}, out)
	if err != nil {
		return err
	}
	// The connection is named after the application's own user.
	a.authorize = tieline.AuthorizeOptions{ConnectionID: user}
	a.serve()
	if err := browse(ctx, a, provider, out); err != nil {
		return err
	}
	conn, err := a.client.Connections.Get(ctx, a.integration, user)
	if err != nil {
		return err
	}
	say(out, "connection", "%q is %s; its access token expires in %v", conn.ID, conn.Status, time.Until(conn.ExpiresAt).Round(100*time.Millisecond))
	return nil
}

// browse is the user's browser: from the application to the provider, where the
// user allows what is asked, and back.
func browse(ctx context.Context, a *app, provider *providertest.Server, out io.Writer) error {
	jar, err := cookiejar.New(nil)
	if err != nil {
		return err
	}
	browser := &http.Client{Jar: jar, CheckRedirect: func(*http.Request, []*http.Request) error {
		return http.ErrUseLastResponse // to see where the application sends the user
	}}
	resp, page, err := get(ctx, browser, a.url+"/connect")
	if err != nil {
		return err
	}
	sent, err := resp.Location()
	if err != nil {
		return fmt.Errorf("GET /connect: %s: %s", resp.Status, page)
	}
	say(out, "authorize", "%s/connect sends the browser to %s://%s%s, with a PKCE challenge (%s)",
		a.url, sent.Scheme, sent.Host, sent.Path, sent.Query().Get("code_challenge_method"))
	callback, redirectURI, err := provider.Authorize(ctx, sent.String())
	if err != nil {
		return err
	}
	say(out, "consent", "the user allows it, and the provider sends the browser to %s", redirectURI)
	resp, page, err = get(ctx, browser, redirectURI+"?"+callback.Encode())
	if err != nil {
		return err
	}
	if resp.StatusCode != http.StatusOK {
		return fmt.Errorf("GET /callback: %s: %s", resp.Status, page)
	}
	return nil
}

// get opens a page and reads it.
func get(ctx context.Context, browser *http.Client, url string) (*http.Response, string, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return nil, "", err
	}
	resp, err := browser.Do(req)
	if err != nil {
		return nil, "", err
	}
	defer func() { _ = resp.Body.Close() }()
	page, err := io.ReadAll(resp.Body)
	return resp, string(page), err
}

// callAtOnce calls the API, lets the access token expire, and calls again from
// many goroutines at once.
func callAtOnce(ctx context.Context, a *app, out io.Writer) error {
	first, err := me(ctx, a.client, a.integration)
	if err != nil {
		return err
	}
	say(out, "call", "GET /me answers that the caller is %q, with access token number %d", first.User, first.Generation)

	conn, err := a.client.Connections.Get(ctx, a.integration, user)
	if err != nil {
		return err
	}
	if err := sleep(ctx, time.Until(conn.ExpiresAt)); err != nil {
		return err
	}
	say(out, "expiry", "the access token has expired")

	start := make(chan struct{})
	var wg sync.WaitGroup
	answers, errs := make([]answer, callers), make([]error, callers)
	for i := range callers {
		wg.Go(func() {
			<-start
			answers[i], errs[i] = me(ctx, a.client, a.integration)
		})
	}
	close(start)
	wg.Wait()
	if err := errors.Join(errs...); err != nil {
		return err
	}
	for i, got := range answers {
		if got.User != user || got.Generation != first.Generation+1 {
			return fmt.Errorf("caller %d called as %q with access token number %d", i, got.User, got.Generation)
		}
	}
	say(out, "call", "%d goroutines call GET /me at once, and all get through with access token number %d", callers, first.Generation+1)
	return nil
}

// answer is what the provider's API says of its caller.
type answer struct {
	User       string `json:"user"`
	Generation int    `json:"generation"` // of the access token, from 1
}

// me calls the provider's API as the connection. This is all that an
// application does to use one: no token is seen, and none is old.
func me(ctx context.Context, client *tieline.Client, integration string) (answer, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "/me", nil) // below the provider's base URL
	if err != nil {
		return answer{}, err
	}
	resp, err := client.Connections.HTTPClient(integration, user).Do(req)
	if err != nil {
		return answer{}, err
	}
	defer func() { _ = resp.Body.Close() }()
	if resp.StatusCode != http.StatusOK {
		return answer{}, fmt.Errorf("GET /me: %s", resp.Status)
	}
	var a answer
	return a, json.NewDecoder(resp.Body).Decode(&a)
}

// verdict is the last line, and an error if it is not the one to expect.
func verdict(seen providertest.Stats) (string, error) {
	refreshes := seen.Requests[providertest.Refresh]
	noun := "refreshes"
	if refreshes == 1 {
		noun = "refresh"
	}
	line := fmt.Sprintf("%d %s for %d callers", refreshes, noun, callers)
	if refreshes == 1 && seen.Refreshes == 1 {
		return line, nil
	}
	return line, fmt.Errorf("want 1 refresh; the provider saw %d, accepted %d and refused %d", refreshes, seen.Refreshes, seen.RefreshRejected)
}

func sleep(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}
