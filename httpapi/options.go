package httpapi

import (
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/netip"
	"net/url"
	"strings"
	"time"

	"github.com/tieline/tieline"
	"github.com/tieline/tieline/functions"
)

// Options say how the surface is served. Keys and PublicURL are required; the zero
// value of every other field is a default that works.
type Options struct {
	// Keys are who may call. Required.
	Keys *Keys

	// PublicURL is where the handler is reached, without a trailing slash: https,
	// or http on a loopback address. It may have a path, which the application
	// strips. Required.
	PublicURL string

	// ConnectURL is where the connect page is reached. Default: PublicURL/connect.
	ConnectURL string

	// Origins are the pages that may open the connect page and hear from it, such as
	// "https://app.example.com". Default: none.
	Origins []string

	// EnvironmentID is in the URLs of webhooks, as the Nango client expects it.
	// Default: a UUID of zeros.
	EnvironmentID string

	// Functions are what callers may run for connections and what listings of
	// functions show. Their MaxBytes counts for inputs if it is less than MaxBody.
	// Nil: the routes answer with 404.
	Functions *functions.Functions

	// Webhooks say what becomes of what providers send.
	Webhooks tieline.WebhookOptions

	// ConfirmUser, if there is one, is asked whether the browser is the session's end
	// user, before it is shown or connects anything: the application's own sign-in
	// tells. An error is answered with 403. Nil: the session's token is enough.
	ConfirmUser func(*http.Request, tieline.Session) error

	// Limit, if there is one, is asked before each request of a caller who is known.
	// A duration above 0 refuses it with 429 until then. caller is the key's ID, or
	// that of a session.
	Limit func(r *http.Request, caller string) time.Duration

	// MaxBody is the largest body of a request in bytes, other than one that is
	// passed through to a provider. 0: 1 MiB.
	MaxBody int64

	// ProxyIdle is how long a call that is passed through to a provider may make no
	// progress in either direction. 0: 5 min.
	ProxyIdle time.Duration

	// Logger gets a line for each request, without its query, and errors. Default:
	// nothing is logged.
	Logger *slog.Logger

	// Now is the clock. Default: time.Now.
	Now func() time.Time
}

const (
	defaultMaxBody     = 1 << 20
	defaultEnvironment = "00000000-0000-0000-0000-000000000000"
)

// withDefaults checks the options and fills in what is absent.
func (o Options) withDefaults() (Options, error) {
	o.PublicURL = strings.TrimSuffix(o.PublicURL, "/")
	if o.ConnectURL == "" {
		o.ConnectURL = o.PublicURL + "/connect"
	}
	if o.EnvironmentID == "" {
		o.EnvironmentID = defaultEnvironment
	}
	if o.MaxBody <= 0 {
		o.MaxBody = defaultMaxBody
	}
	if o.ProxyIdle <= 0 {
		o.ProxyIdle = defaultIdle
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	errs := []error{checkURL("PublicURL", o.PublicURL), checkURL("ConnectURL", o.ConnectURL)}
	if o.Keys == nil {
		errs = append(errs, &tieline.FieldError{Field: "Keys", Reason: "is required"})
	}
	for n, origin := range o.Origins {
		u, err := url.Parse(origin)
		if err != nil || u.Scheme != "https" && u.Scheme != "http" || u.Host == "" || u.String() != u.Scheme+"://"+u.Host {
			errs = append(errs, &tieline.FieldError{Field: fmt.Sprintf("Origins[%d]", n), Reason: "must be scheme and host, such as https://app.example.com"})
		}
	}
	return o, errors.Join(errs...)
}

func checkURL(field, raw string) error {
	u, err := url.Parse(raw)
	switch {
	case err != nil || u.Host == "" || u.RawQuery != "" || u.Fragment != "" || u.User != nil:
		return &tieline.FieldError{Field: field, Reason: "must be an absolute URL without a query"}
	case u.Scheme == "https", u.Scheme == "http" && isLoopback(u.Hostname()):
		return nil
	}
	return &tieline.FieldError{Field: field, Reason: "must be https, or http on a loopback address"}
}

// isLoopback is a name or an address of the machine itself, to which browsers are as
// good as by https.
func isLoopback(host string) bool {
	addr, err := netip.ParseAddr(host)
	return host == "localhost" || err == nil && addr.IsLoopback()
}
