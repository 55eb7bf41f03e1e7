package discover

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/tieline/tieline/internal/redact"
)

// ClientMetadata is what a client says about itself when it registers (RFC 7591
// section 2). Empty fields are not sent, and mean the server's defaults.
type ClientMetadata struct {
	RedirectURIs            []string `json:"redirect_uris,omitempty"`
	ClientName              string   `json:"client_name,omitempty"`
	GrantTypes              []string `json:"grant_types,omitempty"`
	ResponseTypes           []string `json:"response_types,omitempty"`
	TokenEndpointAuthMethod string   `json:"token_endpoint_auth_method,omitempty"`
	Scope                   string   `json:"scope,omitempty"`
	SoftwareID              string   `json:"software_id,omitempty"`
}

// Registered is a client as the server registered it, which may differ from what
// was asked for (RFC 7591 section 3.2.1). What the server does not repeat is as
// it was asked for.
type Registered struct {
	ClientID              string
	ClientSecret          redact.Secret // empty for a public client
	ClientSecretExpiresAt time.Time     // zero means never
	// RegistrationAccessToken and RegistrationClientURI manage the registration
	// (RFC 7592). The URI is secret because some servers put the token in it; it
	// was checked like an endpoint.
	RegistrationAccessToken redact.Secret
	RegistrationClientURI   redact.Secret

	RedirectURIs            []string
	GrantTypes              []string
	ResponseTypes           []string
	TokenEndpointAuthMethod string
	Scope                   string
}

// Register registers a client at the registration endpoint (RFC 7591 section 3).
// It sends one POST and never another, whatever happens: a second might make a
// second client. Every error is an [*Error]; a refusal matches one of the
// sentinels of section 3.2.2 or [ErrRefused].
func Register(ctx context.Context, rt http.RoundTripper, endpoint string, client ClientMetadata, opts Options) (Registered, error) {
	u := opts.parse(endpoint)
	if u == nil {
		return Registered{}, fail(StepRegistration, ErrURL, "registration_endpoint", 0)
	}
	if failure := checkClient(StepRegistration, client); failure != nil {
		return Registered{}, failure
	}
	body, err := json.Marshal(client)
	if err != nil { // strings and lists of them can be marshaled
		return Registered{}, fail(StepRegistration, ErrType, "", 0)
	}
	ctx, cancel := context.WithTimeout(ctx, requestTimeout)
	defer cancel()
	resp, failure := post(ctx, rt, u, body)
	if failure != nil {
		return Registered{}, failure
	}
	defer resp.Body.Close()
	switch {
	case resp.StatusCode == http.StatusCreated, resp.StatusCode == http.StatusOK:
		doc, failure := read(ctx, StepRegistration, resp)
		if failure != nil {
			return Registered{}, failure
		}
		return parseRegistered(doc, client, resp.StatusCode, opts)
	case isRedirect(resp.StatusCode):
		return Registered{}, fail(StepRegistration, ErrRedirect, "", resp.StatusCode)
	case isNo(resp.StatusCode):
		return Registered{}, refusal(ctx, resp)
	}
	return Registered{}, fail(StepRegistration, ErrStatus, "", resp.StatusCode)
}

// post sends the request. Without GetBody net/http cannot send it again by
// itself, as it would over a kept connection that turns out to be closed.
func post(ctx context.Context, rt http.RoundTripper, u *url.URL, body []byte) (*http.Response, *Error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, u.String(), io.NopCloser(bytes.NewReader(body)))
	if err != nil {
		return nil, fail(StepRegistration, ErrURL, "registration_endpoint", 0)
	}
	req.ContentLength = int64(len(body))
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("Accept", "application/json")
	req.Header.Set("User-Agent", userAgent)
	resp, err := rt.RoundTrip(req)
	if err != nil {
		return nil, unreachable(ctx, StepRegistration, 0, err)
	}
	return resp, nil
}

// refusal reads an error answer. Only a code of RFC 7591 section 3.2.2 is taken
// from it.
func refusal(ctx context.Context, resp *http.Response) *Error {
	reason := ErrRefused
	if doc, failure := read(ctx, StepRegistration, resp); failure == nil {
		code, _ := doc.text("error")
		for _, known := range []error{ErrInvalidRedirectURI, ErrInvalidClientMetadata, ErrInvalidSoftwareStatement, ErrUnapprovedSoftwareStatement} {
			if k, ok := known.(*kind); ok && k.code == code { //nolint:errorlint // the sentinels themselves
				reason = known
			}
		}
	}
	return fail(StepRegistration, reason, "", resp.StatusCode)
}

// checkClient says what is wrong with a client before anybody is asked: a code
// goes to a redirect URI, which is absolute and without fragment (RFC 6749
// section 3.1.2).
func checkClient(step string, client ClientMetadata) *Error {
	grants := client.GrantTypes
	if len(client.RedirectURIs) == 0 && (len(grants) == 0 || slices.Contains(grants, "authorization_code") || slices.Contains(grants, "implicit")) {
		return fail(step, ErrMissing, "redirect_uris", 0)
	}
	for _, raw := range client.RedirectURIs {
		u, err := url.Parse(raw)
		hostless := err == nil && (u.Scheme == "https" || u.Scheme == "http") && u.Hostname() == ""
		if err != nil || !u.IsAbs() || hostless || u.User != nil || strings.Contains(raw, "#") {
			return fail(step, ErrURL, "redirect_uris", 0)
		}
	}
	return nil
}

// parseRegistered reads the answer to a registration.
func parseRegistered(doc object, asked ClientMetadata, status int, opts Options) (Registered, error) {
	f := fields{doc: doc, step: StepRegistration, opts: opts, status: status}
	expires, ok := doc.seconds("client_secret_expires_at")
	if !ok {
		f.fail(ErrType, "client_secret_expires_at")
	}
	id, secret := clientID(doc, &f), f.text("client_secret")
	r := Registered{
		ClientID:                id,
		ClientSecret:            redact.New(secret),
		ClientSecretExpiresAt:   expires,
		RegistrationAccessToken: redact.New(f.text("registration_access_token")),
		RegistrationClientURI:   redact.New(f.endpoint("registration_client_uri")),
		RedirectURIs:            orAsked(f.list("redirect_uris"), asked.RedirectURIs),
		GrantTypes:              orAsked(f.list("grant_types"), asked.GrantTypes),
		ResponseTypes:           orAsked(f.list("response_types"), asked.ResponseTypes),
		TokenEndpointAuthMethod: f.text("token_endpoint_auth_method"),
		Scope:                   f.text("scope"),
	}
	if r.TokenEndpointAuthMethod == "" {
		r.TokenEndpointAuthMethod = asked.TokenEndpointAuthMethod
	}
	if r.Scope == "" {
		r.Scope = asked.Scope
	}
	switch {
	case f.failure != nil:
	case id == "":
		f.fail(ErrMissing, "client_id")
	case !isVisible(id):
		f.fail(ErrType, "client_id")
	case !isVisible(secret):
		f.fail(ErrType, "client_secret")
	case secret == "" && slices.Contains([]string{"client_secret_basic", "client_secret_post", "client_secret_jwt"}, r.TokenEndpointAuthMethod):
		f.fail(ErrMissing, "client_secret")
	}
	if f.failure != nil {
		return Registered{}, f.failure
	}
	return r, nil
}

// clientID reads it, also as a number.
func clientID(doc object, f *fields) string {
	if n, ok := doc.value("client_id").(json.Number); ok {
		return n.String()
	}
	return f.text("client_id")
}

func orAsked(got, asked []string) []string {
	if len(got) > 0 {
		return got
	}
	return slices.Clone(asked)
}
