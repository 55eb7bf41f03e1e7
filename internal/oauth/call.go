package oauth

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"
)

// ClientAuth is where the client's own credentials go.
type ClientAuth string

// The places. Exactly one is used (RFC 6749 section 2.3 forbids more), and it
// is never found out by trying: that would send a single-use token twice.
const (
	AuthBody        ClientAuth = "body"         // client_id and client_secret
	AuthBasic       ClientAuth = "basic"        // header, both form-encoded first, RFC 6749 section 2.3.1
	AuthBasicRaw    ClientAuth = "basic_raw"    // header, not encoded, which many servers expect instead
	AuthBasicSecret ClientAuth = "basic_secret" // header, the secret as the user name and no password, as Stripe has it
	AuthCustom      ClientAuth = "custom"       // as the parameters username and password
	AuthNone        ClientAuth = "none"         // a public client: client_id alone
	AuthAbsent      ClientAuth = "absent"       // the caller has put something into the header
)

// Format is how parameters are sent.
type Format string

// The formats.
const (
	Form  Format = "form"
	JSON  Format = "json"
	Query Format = "query" // in the URL, with an empty body
)

// Call is one request to a token endpoint, as data.
type Call struct {
	URL    *url.URL
	Method string // empty: POST
	Format Format // empty: Form
	Header http.Header

	// Params are strings and, for JSON, maps of strings.
	Params map[string]any
	// Names renames standard parameters to the provider's; an empty new name
	// leaves the parameter out.
	Names map[string]string
	// QueryParams are the parameters, by the names they have before Names, that
	// go into the URL while the others are in the body.
	QueryParams []string
	// RepeatedParams are those that go into the URL and are in the body as well.
	RepeatedParams []string

	// Sign adds to the header what depends on the body, such as a signature; nil
	// adds nothing.
	Sign func(body []byte, header http.Header) error

	Auth         ClientAuth // empty: AuthBody
	ClientID     string
	ClientSecret string

	Fields  Fields  // where the answer has what
	Success Success // what an answer with a good status must say; the zero value asks nothing
	Rules   []Rule  // before the default classification
	// NoToken says that the answer needs no access token: it prolongs the one
	// there is. A new one in it is returned all the same.
	NoToken bool
}

// request builds the HTTP request. It has no GetBody and no idempotency key, so
// that net/http never sends it a second time.
func (c *Call) request(ctx context.Context) (*http.Request, error) {
	params := maps.Clone(c.Params)
	if params == nil {
		params = map[string]any{}
	}
	header := c.Header.Clone()
	if header == nil {
		header = http.Header{}
	}
	if err := c.authenticate(params, header); err != nil {
		return nil, err
	}
	target := *c.URL
	if err := c.query(params, &target); err != nil {
		return nil, err
	}
	body, contentType, err := encode(c.Format, rename(params, c.Names), &target)
	if err != nil {
		return nil, err
	}
	method := c.Method
	if method == "" {
		method = http.MethodPost
	}
	req, err := http.NewRequestWithContext(ctx, method, target.String(), body)
	if err != nil {
		return nil, errors.New("oauth: the token endpoint's URL cannot be used")
	}
	req.GetBody = nil
	if err := c.sign(req, header); err != nil {
		return nil, err
	}
	if contentType != "" && header.Get("Content-Type") == "" {
		header.Set("Content-Type", contentType)
	}
	if header.Get("Accept") == "" {
		header.Set("Accept", "application/json")
	}
	if header.Get("User-Agent") == "" {
		header.Set("User-Agent", "tieline")
	}
	req.Header = header
	return req, nil
}

// sign lets Sign see the body that is going to be sent.
func (c *Call) sign(req *http.Request, header http.Header) error {
	if c.Sign == nil {
		return nil
	}
	var body []byte
	if req.Body != nil {
		var err error
		if body, err = io.ReadAll(req.Body); err != nil {
			return errors.New("oauth: the body cannot be read")
		}
		req.Body = io.NopCloser(bytes.NewReader(body))
	}
	return c.Sign(body, header)
}

// query puts into target the parameters that go there although the others are in
// the body, and takes them out of params if they are not in both.
func (c *Call) query(params map[string]any, target *url.URL) error {
	in := map[string]any{}
	for _, name := range c.RepeatedParams {
		if v, ok := params[name]; ok && c.Format != Query {
			in[name] = v
		}
	}
	for _, name := range c.QueryParams {
		if v, ok := params[name]; ok {
			in[name] = v
			delete(params, name)
		}
	}
	if len(in) == 0 {
		return nil
	}
	_, _, err := encode(Query, rename(in, c.Names), target)
	return err
}

func (c *Call) authenticate(params map[string]any, header http.Header) error {
	switch c.Auth {
	case AuthBody, "":
		params["client_id"] = c.ClientID
		if c.ClientSecret != "" {
			params["client_secret"] = c.ClientSecret
		}
	case AuthBasic:
		header.Set("Authorization", basic(url.QueryEscape(c.ClientID), url.QueryEscape(c.ClientSecret)))
	case AuthBasicRaw:
		header.Set("Authorization", basic(c.ClientID, c.ClientSecret))
	case AuthBasicSecret:
		if c.ClientSecret == "" {
			return errors.New("oauth: the client has no secret, which is all that it would be known by")
		}
		header.Set("Authorization", basic(c.ClientSecret, ""))
	case AuthCustom:
		params["username"] = c.ClientID
		params["password"] = c.ClientSecret
	case AuthNone:
		params["client_id"] = c.ClientID
	case AuthAbsent:
	default:
		return fmt.Errorf("oauth: client authentication %q is not known", string(c.Auth))
	}
	return nil
}

// sent says whether code is a secret of this call, or has a part of one in it,
// that the server sends back where an error code should be.
func (c *Call) sent(code string) bool {
	echoes := func(secret string) bool {
		const tellsNothing = 5
		return len(code) > tellsNothing && strings.Contains(secret, code) ||
			len(secret) > tellsNothing && strings.Contains(code, secret)
	}
	for name, v := range c.Params {
		if s, ok := v.(string); ok && name != "grant_type" && echoes(s) {
			return true
		}
	}
	return echoes(c.ClientSecret)
}

func basic(user, password string) string {
	return "Basic " + base64.StdEncoding.EncodeToString([]byte(user+":"+password))
}

func rename(params map[string]any, names map[string]string) map[string]any {
	if len(names) == 0 {
		return params
	}
	out := make(map[string]any, len(params))
	for name, v := range params {
		to, ok := names[name]
		switch {
		case !ok:
			out[name] = v
		case to != "":
			out[to] = v
		}
	}
	return out
}

// encode gives the body for params, or puts them into target.
func encode(format Format, params map[string]any, target *url.URL) (io.Reader, string, error) {
	if format == JSON {
		b, err := json.Marshal(params)
		if err != nil {
			return nil, "", errors.New("oauth: parameters cannot be written as JSON")
		}
		return bytes.NewReader(b), "application/json", nil
	}
	values := url.Values{}
	for _, name := range slices.Sorted(maps.Keys(params)) {
		s, ok := params[name].(string)
		if !ok {
			return nil, "", fmt.Errorf("oauth: parameter %q is not a string, which only JSON can carry", name)
		}
		values.Set(name, s)
	}
	switch format {
	case Form, "":
		return strings.NewReader(values.Encode()), "application/x-www-form-urlencoded", nil
	case Query:
		if target.RawQuery != "" && len(values) > 0 {
			target.RawQuery += "&"
		}
		target.RawQuery += values.Encode()
		return nil, "", nil
	default:
		return nil, "", fmt.Errorf("oauth: body format %q is not known", string(format))
	}
}
