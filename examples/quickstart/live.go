package main

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/netip"
	"os"
	"strings"
	"time"

	"github.com/tieline/tieline"
)

// connectionID is the name of the connection in the live walk, for want of a user
// of the application.
const connectionID = "you"

// live is the walk with a real service, in the user's browser.
func live(ctx context.Context, o options, out io.Writer) error {
	cfg, err := liveConfig(o, out)
	if err != nil {
		return err
	}
	provider, err := cfg.Providers.Get(o.provider)
	if err != nil {
		return err
	}
	if err := missing(o, provider); err != nil {
		return err
	}
	return withApp(o, o.addr, cfg, out, func(a *app) error {
		if err := signIn(ctx, a, o, provider, out); err != nil {
			return err
		}
		if err := tryOut(ctx, a, provider, out); err != nil {
			return err
		}
		return tellExpiry(ctx, a, out)
	})
}

// liveConfig overlays the catalog, if there is something to lay over it.
func liveConfig(o options, out io.Writer) (tieline.Config, error) {
	cfg := tieline.Config{Providers: tieline.Builtin()}
	if o.catalog == "" {
		return cfg, nil
	}
	data, err := os.ReadFile(o.catalog)
	if err != nil {
		return cfg, err
	}
	var problems []tieline.Problem
	cfg.Providers, problems = cfg.Providers.With(tieline.CatalogFile{Name: o.catalog, Data: data})
	for _, p := range problems {
		say(out, "catalog", "%s: %s", p.Severity, p)
	}
	// Who writes a provider file may well try it out against a server of their own.
	cfg.Outbound.AllowPrivate = []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8"), netip.MustParsePrefix("::1/128")}
	return cfg, nil
}

// missing finds out what is missing before the user is sent anywhere.
func missing(o options, p tieline.Provider) error {
	var errs []error
	if o.clientID == "" {
		errs = append(errs, errors.New("-provider needs the -client-id of your application at the provider"))
	}
	for _, f := range p.ConfigFields {
		if f.Required && o.config[f.Name] == "" {
			errs = append(errs, fmt.Errorf("%s needs -config %s=... (%s)", p.DisplayName, f.Name, f.Description))
		}
	}
	return errors.Join(errs...)
}

// signIn has the user authorize the application.
func signIn(ctx context.Context, a *app, o options, p tieline.Provider, out io.Writer) error {
	err := a.register(ctx, tieline.Integration{
		Key:      p.Name,
		Provider: p.Name,
		App:      &tieline.OAuthApp{ClientID: o.clientID, ClientSecret: tieline.NewSecret(o.clientSecret)},
	}, out)
	if err != nil {
		return err
	}
	a.authorize = tieline.AuthorizeOptions{ConnectionID: connectionID, Scopes: o.scopes, Config: o.config}
	a.serve()
	say(out, "register", "%s/callback must be a redirect URI of your application at %s", a.url, p.DisplayName)
	say(out, "open", "%s/connect", a.url)
	if err := a.wait(ctx, o.wait); err != nil {
		return err
	}
	conn, err := a.client.Connections.Get(ctx, a.integration, connectionID)
	if err != nil {
		return err
	}
	say(out, "connection", "%q is %s", conn.ID, conn.Status)
	return nil
}

// request is one that tells whether a credential works.
type request struct {
	method, url string
	body        json.RawMessage // nil for none
}

// probe finds in a provider's entry the request with which credentials are tried
// out, else the one that says who the user is. Those that are written with
// variables are left aside.
func probe(p tieline.Provider) (request, bool) {
	var entry struct {
		UserinfoURL string `json:"userinfo_url"`
		Proxy       struct {
			Verification struct {
				Method    string          `json:"method"`
				Endpoints []string        `json:"endpoints"`
				Data      json.RawMessage `json:"data"`
			} `json:"verification"`
		} `json:"proxy"`
		Verify []struct {
			URL        string            `json:"url"`
			Method     string            `json:"method"`
			Data       json.RawMessage   `json:"data"`
			BodyFormat string            `json:"body_format"`
			Headers    map[string]string `json:"headers"`
		} `json:"verify"`
	}
	if err := json.Unmarshal(p.JSON(), &entry); err != nil {
		return request{}, false
	}
	candidates := []request{{method: http.MethodGet, url: entry.UserinfoURL}}
	if v := entry.Proxy.Verification; len(v.Endpoints) > 0 {
		candidates = append([]request{{method: v.Method, url: v.Endpoints[0], body: v.Data}}, candidates...)
	}
	if len(entry.Verify) > 0 {
		if v := entry.Verify[0]; v.BodyFormat == "" && len(v.Headers) == 0 {
			candidates = append([]request{{method: cmp.Or(v.Method, http.MethodGet), url: v.URL, body: v.Data}}, candidates...)
		}
	}
	for _, r := range candidates {
		if r.url != "" && !strings.Contains(r.url+string(r.body), "${") {
			return r, true
		}
	}
	return request{}, false
}

// tryOut calls the provider's API as the connection.
func tryOut(ctx context.Context, a *app, p tieline.Provider, out io.Writer) error {
	call, ok := probe(p)
	if !ok {
		return tellScopes(ctx, a, out)
	}
	// The client has no timeout of its own: the request's context governs.
	ctx, cancel := context.WithTimeout(ctx, 30*time.Second)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, call.method, call.url, bytes.NewReader(call.body))
	if err != nil {
		return err
	}
	if call.body != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	resp, err := a.client.Connections.HTTPClient(a.integration, connectionID).Do(req)
	if err != nil {
		return err
	}
	defer func() { _ = resp.Body.Close() }()
	body, err := io.ReadAll(io.LimitReader(resp.Body, 1<<20))
	if err != nil {
		return err
	}
	say(out, "call", "%s %s answers %s, %d bytes%s", call.method, call.url, resp.Status, len(body), named(body))
	return nil
}

// named picks a name out of an answer. The rest of it is not printed: nobody
// knows what providers put there.
func named(body []byte) string {
	var who struct {
		Login, Username, User, Email, Name string
	}
	// A field of another type is none of these, and no reason to miss the others.
	_ = json.Unmarshal(body, &who)
	if name := cmp.Or(who.Login, who.Username, who.User, who.Email, who.Name); name != "" {
		return fmt.Sprintf(", for %q", name)
	}
	return ""
}

// tellScopes is for a provider whose entry has nothing to call.
func tellScopes(ctx context.Context, a *app, out io.Writer) error {
	token, err := oauth2Token(ctx, a)
	if err != nil {
		return err
	}
	if token.Scopes == nil {
		say(out, "scopes", "granted as asked for; the provider does not list them")
		return nil
	}
	say(out, "scopes", "granted: %s", strings.Join(token.Scopes, " "))
	return nil
}

// tellExpiry says how long the access token lives and what happens then.
func tellExpiry(ctx context.Context, a *app, out io.Writer) error {
	token, err := oauth2Token(ctx, a)
	if err != nil {
		return err
	}
	expiry := "does not expire, as far as the provider says"
	if !token.ExpiresAt.IsZero() {
		left := time.Until(token.ExpiresAt).Round(time.Second)
		expiry = fmt.Sprintf("expires at %s, in %v", token.ExpiresAt.Local().Format(time.DateTime), left)
	}
	refresh := "it is refreshed when it is needed"
	switch {
	case token.RefreshToken.IsZero():
		refresh = "there is no refresh token, so the user will have to authorize again when it ends"
	case token.ExpiresAt.IsZero():
		refresh = "there is a refresh token for when the API refuses it"
	}
	say(out, "expiry", "the access token %s; %s", expiry, refresh)
	return nil
}

// oauth2Token is the connection's credential. Nothing secret in it prints.
func oauth2Token(ctx context.Context, a *app) (*tieline.OAuth2Token, error) {
	credential, err := a.client.Connections.Credential(ctx, a.integration, connectionID)
	if err != nil {
		return nil, err
	}
	token, ok := credential.(*tieline.OAuth2Token)
	if !ok {
		return nil, fmt.Errorf("the credential is of type %s, want %s", credential.Type(), tieline.ModeOAuth2)
	}
	return token, nil
}
