package httpapi

import (
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/tieline/tieline"
)

// flatFault is a fault of the older form of import, which has codes in the place of
// validation items.
func flatFault(code, message string) *problem {
	return &problem{status: http.StatusBadRequest, code: code, message: message, payload: noPayload()}
}

// importFlat is the older form of import: one object whose members depend on the
// provider's mode. Nothing is tried out.
func (s *server) importFlat(w http.ResponseWriter, r *http.Request) error {
	o, err := readBody(r)
	if err != nil {
		return err
	}
	if key, _ := o.members["provider_config_key"].(string); key == "" {
		return flatFault("missing_provider_config", "Missing param 'provider_config_key'")
	}
	b := &importBody{key: integrationKey(o, "provider_config_key")}
	b.id, _ = o.optionalText("connection_id", matching(patternConnection), maxLength(maxName))
	b.in.SkipVerification = true
	if b.in.Metadata, err = rawObject(o, "metadata", false); err != nil {
		return err
	}
	scopes := readScopes(o)
	b.in.Config = readConfig(o)
	b.in.WebhookURL, _ = s.readWebhookURL(o)
	if err := o.err("invalid_body"); err != nil {
		return err
	}
	p, err := s.providerOf(r.Context(), b.key)
	if err != nil {
		var unknown *problem
		if errors.As(err, &unknown) && unknown.code == "unknown_provider_config" {
			return errNoIntegration
		}
		return err
	}
	if b.in.Credential, err = flatCredential(o, p.AuthMode, b.in.Config, s.options.Now()); err != nil {
		return err
	}
	if token, ok := b.in.Credential.(*tieline.OAuth2Token); ok {
		token.Scopes = scopes
	}
	if id, there := o.members["app_id"]; there {
		b.appID = fmt.Sprint(id) // a number, often
	}
	conn, err := s.importAs(r, b)
	if err != nil {
		return err
	}
	out := map[string]any{}
	for name, v := range o.members {
		out[name] = v
	}
	out["connection_id"] = conn.ID
	writeJSON(w, http.StatusCreated, out)
	return nil
}

// flatCredential reads the credential that a mode takes.
func flatCredential(o *object, mode tieline.AuthMode, config map[string]string, now time.Time) (tieline.Credential, error) {
	f := flatReader{o: o}
	var cred tieline.Credential
	switch mode {
	case tieline.ModeOAuth2:
		token := &tieline.OAuth2Token{
			AccessToken: f.need("access_token", maxAccessToken, "missing_access_token"), RefreshToken: optionalSecret(o, "refresh_token", 0, maxAccessToken),
			ClientSecret: optionalSecret(o, "oauth_client_secret_override", 0, maxAppSecret), ExpiresAt: f.expiry(now),
		}
		token.ClientID, _ = o.optionalText("oauth_client_id_override", maxLength(maxName))
		if raw, err := rawObject(o, "raw", false); err == nil && raw != nil {
			token.Raw = tieline.NewSecret(string(raw))
		}
		cred = token
	case tieline.ModeOAuth1:
		cred = &tieline.OAuth1Token{Token: f.need("oauth_token", maxAppSecret, "missing_oauth_token"), TokenSecret: f.need("oauth_token_secret", maxAppSecret, "missing_oauth_token_secret")}
	case tieline.ModeBasic:
		cred = &tieline.Basic{Username: f.need("username", maxTypedIn, "missing_basic_username"), Password: optionalSecret(o, "password", 0, maxTypedIn)}
	case tieline.ModeAPIKey:
		cred = &tieline.APIKey{Key: f.need("api_key", maxTypedIn, "missing_api_key")}
	case tieline.ModeApp:
		f.need("app_id", maxName, "missing_app_id")
		cred = &tieline.AppToken{InstallationID: f.need("installation_id", maxName, "missing_installation_id").Reveal()}
	case tieline.ModeTBA:
		token := &tieline.TBA{TokenID: f.need("token_id", maxAppSecret, "missing_token_id"), TokenSecret: f.need("token_secret", maxAppSecret, "missing_token_secret")}
		token.ClientID, _ = o.optionalText("oauth_client_id_override", maxLength(maxName))
		token.ClientSecret = optionalSecret(o, "oauth_client_secret_override", 0, maxAppSecret)
		if config["accountId"] == "" {
			f.fault("missing_account_id", "Missing param 'connection_config.accountId'")
		}
		cred = token
	case tieline.ModeNone:
		cred = &tieline.None{}
	default:
		return nil, flatFault("unknown_oauth_type", "Connections of mode "+string(mode)+" cannot be imported this way")
	}
	if err := o.err("invalid_body"); err != nil {
		return nil, err
	}
	return cred, f.err()
}

// flatReader keeps the first member that is missing.
type flatReader struct {
	o     *object
	first *problem
}

func (f *flatReader) fault(code, message string) {
	if f.first == nil {
		f.first = flatFault(code, message)
	}
}

func (f *flatReader) err() error {
	if f.first == nil {
		return nil
	}
	return f.first
}

// need reads a text that has to be there. Numbers, which IDs often are, are taken
// for their text.
func (f *flatReader) need(name string, most int, code string) tieline.Secret {
	if n, ok := f.o.members[name].(interface{ String() string }); ok {
		return tieline.NewSecret(n.String())
	}
	s := optionalSecret(f.o, name, 0, most)
	if s.IsZero() {
		f.fault(code, "Missing param '"+name+"'")
	}
	return s
}

// expiry is when the token expires, or that it is said not to.
func (f *flatReader) expiry(now time.Time) time.Time {
	if never, _ := f.o.boolean("no_expiration"); never {
		return time.Time{}
	}
	if v, there := f.o.get("expires_at"); there && v != nil {
		t, ok := parseMoment(v)
		if !ok {
			f.fault("invalid_expires_at", "Param 'expires_at' is no time")
		}
		return t
	}
	v, there := f.o.get("expires_in")
	if !there || v == nil {
		f.fault("missing_expires_at", "Missing param 'expires_at', 'expires_in' or 'no_expiration'")
		return time.Time{}
	}
	text, _ := v.(string)
	if n, ok := v.(interface{ String() string }); ok {
		text = n.String()
	}
	const tenYears = 10 * 366 * 24 * 3600
	seconds, err := strconv.ParseInt(strings.TrimSpace(text), 10, 64)
	if err != nil || seconds <= 0 || seconds > tenYears {
		f.fault("invalid_expires_at", "Param 'expires_in' is no number of seconds")
		return time.Time{}
	}
	return now.Add(time.Duration(seconds) * time.Second).UTC()
}
