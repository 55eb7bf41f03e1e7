package httpapi

import (
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/tieline/tieline"
)

const (
	maxAccessToken = 16384
	maxAppSecret   = 2048
	maxToken       = 4096
	maxPEM         = 10_000
	maxTypedIn     = 1024
)

// importBody is a connection whose credential was obtained elsewhere.
type importBody struct {
	key, id string
	appID   string // of a GitHub App that the installation is of
	in      tieline.ConnectionInput
}

func (s *server) importConnection(w http.ResponseWriter, r *http.Request) error {
	q := readQuery(r.URL.Query())
	q.strict()
	if err := q.err("invalid_query_params"); err != nil {
		return err
	}
	o, err := readBody(r)
	if err != nil {
		return err
	}
	b, err := s.readImport(o)
	if err != nil {
		return err
	}
	if err := o.err("invalid_body"); err != nil {
		return err
	}
	conn, err := s.importAs(r, b)
	if err != nil {
		return err
	}
	out := connectionJSON(conn, credentialJSON(b.in.Credential))
	if _, minted := b.in.Credential.(*tieline.AppToken); minted {
		cred, err := s.client.Connections.Credential(r.Context(), b.key, conn.ID)
		if err != nil {
			return err
		}
		out["credentials"] = credentialJSON(cred)
	}
	if conn.Metadata == nil {
		out["metadata"] = map[string]any{}
	}
	writeJSON(w, http.StatusCreated, out)
	return nil
}

// readImport reads the body in the order in which its faults are reported.
func (s *server) readImport(o *object) (*importBody, error) {
	b := &importBody{key: integrationKey(o, "provider_config_key")}
	b.id, _ = o.optionalText("connection_id", matching(patternConnection), maxLength(maxName))
	metadata, err := rawObject(o, "metadata", false)
	if err != nil {
		return nil, err
	}
	scopes := readScopes(o)
	b.in.Metadata, b.in.Config = metadata, readConfig(o)
	b.in.WebhookURL, _ = s.readWebhookURL(o)
	if err := b.readCredential(o); err != nil {
		return nil, err
	}
	if token, ok := b.in.Credential.(*tieline.OAuth2Token); ok {
		token.Scopes = scopes
	}
	b.in.EndUser = readEndUser(o, false)
	tags, _ := readTags(o, "tags")
	b.in.Tags = allTags(b.in.EndUser, nil, tags)
	o.strict()
	return b, nil
}

// readScopes reads the scopes that a token has, which the surface has in the
// connection's config.
func readScopes(o *object) []string {
	config, _ := o.members["connection_config"].(map[string]any)
	if _, ok := config[scopesOverride]; !ok {
		return nil
	}
	inner := &object{path: o.at("connection_config"), members: config, read: map[string]bool{}, items: o.items}
	scopes, _ := inner.list(scopesOverride)
	return scopes
}

// importAs stores the connection, if the credential is of the type that the
// provider takes.
func (s *server) importAs(r *http.Request, b *importBody) (tieline.Connection, error) {
	none := tieline.Connection{}
	in, err := s.client.Integrations.Get(r.Context(), b.key)
	if errors.Is(err, tieline.ErrNotFound) || errors.Is(err, tieline.ErrInvalid) {
		return none, notFound("Integration does not exist")
	}
	if err != nil {
		return none, err
	}
	p, err := s.client.Providers.Get(in.Provider)
	if errors.Is(err, tieline.ErrUnknownProvider) {
		return none, notFound("Provider does not exist")
	}
	if err != nil {
		return none, err
	}
	if app, ok := in.App.(*tieline.GitHubApp); ok && b.appID != "" && app.AppID != b.appID {
		return none, invalid("invalid_body", item{"custom", "is not the app of the integration", []string{"credentials", "app_id"}})
	}
	conn, err := s.client.Connections.Import(r.Context(), b.key, b.id, b.in)
	switch {
	case errors.Is(err, tieline.ErrWrongMode):
		return none, invalidBody(fmt.Sprintf("Provider %s does not support %s auth", p.AuthMode, b.in.Credential.Type()))
	case errors.Is(err, tieline.ErrNotFound): // deleted meanwhile
		return none, notFound("Integration does not exist")
	case err != nil:
		return none, connectionProblem(err, connectionFields())
	}
	return conn, nil
}

// readCredential reads the credentials, which are a union by their type.
func (b *importBody) readCredential(o *object) error {
	c := o.object("credentials", true)
	if c == nil {
		return nil
	}
	raw, err := json.Marshal(c.members)
	if err != nil {
		return err
	}
	kind, _ := c.get("type")
	switch kind {
	case "OAUTH2":
		token := &tieline.OAuth2Token{
			AccessToken: secretText(c, "access_token", 1, maxAccessToken), RefreshToken: optionalSecret(c, "refresh_token", 1, maxAccessToken),
			ExpiresAt: moment(c, "expires_at"), Raw: tieline.NewSecret(string(raw)),
		}
		token.ClientID, token.ClientSecret = readOverride(c)
		b.in.Credential = token
	case "OAUTH2_CC":
		b.in.Credential = &tieline.ClientCredentials{
			Token: secretText(c, "token", 1, maxToken), ClientID: c.text("client_id", minLength(1), maxLength(maxName)),
			ClientSecret: secretText(c, "client_secret", 1, maxAppSecret), Certificate: optionalSecret(c, "client_certificate", 0, maxPEM),
			PrivateKey: optionalSecret(c, "client_private_key", 0, maxPEM), ExpiresAt: moment(c, "expires_at"), Raw: tieline.NewSecret(string(raw)),
		}
	case "OAUTH1":
		b.in.Credential = &tieline.OAuth1Token{
			Token: secretText(c, "oauth_token", 1, maxAppSecret), TokenSecret: secretText(c, "oauth_token_secret", 1, maxAppSecret), Raw: tieline.NewSecret(string(raw)),
		}
	case "API_KEY":
		b.in.Credential = &tieline.APIKey{Key: secretText(c, "apiKey", 1, maxTypedIn)}
	case "BASIC":
		b.in.Credential = &tieline.Basic{Username: secretText(c, "username", 0, maxTypedIn), Password: secretText(c, "password", 0, maxTypedIn)}
	case "NONE":
		b.in.Credential = &tieline.None{}
	case "TBA":
		token := &tieline.TBA{TokenID: secretText(c, "token_id", 1, maxAppSecret), TokenSecret: secretText(c, "token_secret", 1, maxAppSecret)}
		token.ClientID, token.ClientSecret = readOverride(c)
		b.in.Credential = token
	case "APP", "CUSTOM":
		b.appID = c.text("app_id", minLength(1), maxLength(maxName))
		app := tieline.AppToken{InstallationID: c.text("installation_id", minLength(1), maxLength(maxName))}
		b.in.Credential = &app
		if kind == "CUSTOM" {
			b.in.Credential = &tieline.CustomToken{App: app}
		}
	default:
		c.report("invalid_union", "Invalid input", c.at("type"))
		return nil
	}
	c.strict()
	return nil
}

func secretText(o *object, name string, least, most int) tieline.Secret {
	return tieline.NewSecret(o.text(name, minLength(least), maxLength(most)))
}

func optionalSecret(o *object, name string, least, most int) tieline.Secret {
	s, _ := o.optionalText(name, minLength(least), maxLength(most))
	return tieline.NewSecret(s)
}

// readOverride reads the app that a connection has of its own.
func readOverride(o *object) (id string, secret tieline.Secret) {
	c := o.object("config_override", false)
	if c == nil {
		return "", tieline.Secret{}
	}
	id, _ = c.optionalText("client_id", maxLength(maxName))
	secret = optionalSecret(c, "client_secret", 0, maxAppSecret)
	c.strict()
	return id, secret
}

// moment reads a time that may be absent: a date, or seconds or milliseconds since
// 1970.
func moment(o *object, name string) time.Time {
	v, there := o.get(name)
	if !there || v == nil {
		return time.Time{}
	}
	t, ok := parseMoment(v)
	if !ok {
		o.report("invalid_type", "Invalid input: expected date, received "+typeOf(v), o.at(name))
	}
	return t
}

func parseMoment(v any) (time.Time, bool) {
	text := ""
	switch v := v.(type) {
	case json.Number:
		text = v.String()
	case string:
		text = strings.TrimSpace(v)
		for _, layout := range []string{time.RFC3339Nano, "2006-01-02T15:04:05.999999999", "2006-01-02 15:04:05", time.DateOnly, time.RFC1123} {
			if t, err := time.Parse(layout, text); err == nil {
				return t.UTC(), true
			}
		}
	default:
		return time.Time{}, false
	}
	n, err := strconv.ParseFloat(text, 64)
	const year1972, year9999 = 63_072_000, 253_402_300_799 // in seconds
	switch {
	case err != nil || math.IsNaN(n) || n <= 0 || n >= year9999*1000:
		return time.Time{}, false
	case n >= year1972*1000: // what were a later year in seconds is in milliseconds
		return time.UnixMilli(int64(n)).UTC(), true
	}
	return time.Unix(int64(n), 0).UTC(), true
}
