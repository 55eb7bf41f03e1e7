package tieline

import (
	"github.com/tieline/tieline/internal/wire"
)

// The binary forms of the credentials of logins, of OAuth 1.0a, of installed
// applications, and of an application's own modes.

func (t *TwoStep) seal(b []byte) []byte {
	b = appendSecrets(wire.AppendUint(b, kindTwoStep), t.Values)
	b = appendSecrets(b, t.Options)
	b = appendSecret(b, t.Token)
	b = appendSecret(b, t.RefreshToken)
	b = wire.AppendTime(b, t.ExpiresAt)
	b = appendSecrets(b, t.Headers)
	b = appendSecret(b, t.Assertion)
	b = wire.AppendTime(b, t.AssertionExpiresAt)
	return appendSecret(b, t.Raw)
}

func readTwoStep(r *wire.Reader) Credential {
	return &TwoStep{
		Values: readSecrets(r), Options: readSecrets(r), Token: readSecret(r), RefreshToken: readSecret(r), ExpiresAt: r.Time(),
		Headers: readSecrets(r), Assertion: readSecret(r), AssertionExpiresAt: r.Time(), Raw: readSecret(r),
	}
}

func (t *JWT) seal(b []byte) []byte {
	b = appendSecrets(wire.AppendUint(b, kindJWT), t.Values)
	return wire.AppendTime(appendSecret(b, t.Token), t.ExpiresAt)
}

func readJWT(r *wire.Reader) Credential {
	return &JWT{Values: readSecrets(r), Token: readSecret(r), ExpiresAt: r.Time()}
}

func (t *Signature) seal(b []byte) []byte {
	b = appendSecret(wire.AppendUint(b, kindSignature), t.Username)
	b = appendSecret(b, t.Password)
	return wire.AppendTime(appendSecret(b, t.Token), t.ExpiresAt)
}

func readSignature(r *wire.Reader) Credential {
	return &Signature{Username: readSecret(r), Password: readSecret(r), Token: readSecret(r), ExpiresAt: r.Time()}
}

func (t *Bill) seal(b []byte) []byte {
	b = wire.AppendUint(b, kindBill)
	for _, s := range []Secret{t.Username, t.Password, t.OrganizationID, t.DevKey, t.SessionID} {
		b = appendSecret(b, s)
	}
	b = wire.AppendString(b, t.UserID)
	b = wire.AppendTime(b, t.ExpiresAt)
	return appendSecret(b, t.Raw)
}

func readBill(r *wire.Reader) Credential {
	return &Bill{
		Username: readSecret(r), Password: readSecret(r), OrganizationID: readSecret(r), DevKey: readSecret(r),
		SessionID: readSecret(r), UserID: r.String(), ExpiresAt: r.Time(), Raw: readSecret(r),
	}
}

func (t *OAuth1Token) seal(b []byte) []byte {
	b = appendSecret(wire.AppendUint(b, kindOAuth1), t.Token)
	return appendSecret(appendSecret(b, t.TokenSecret), t.Raw)
}

func readOAuth1(r *wire.Reader) Credential {
	return &OAuth1Token{Token: readSecret(r), TokenSecret: readSecret(r), Raw: readSecret(r)}
}

func (t *TBA) seal(b []byte) []byte {
	b = appendSecret(wire.AppendUint(b, kindTBA), t.TokenID)
	b = appendSecret(b, t.TokenSecret)
	return appendSecret(wire.AppendString(b, t.ClientID), t.ClientSecret)
}

func readTBA(r *wire.Reader) Credential {
	return &TBA{TokenID: readSecret(r), TokenSecret: readSecret(r), ClientID: r.String(), ClientSecret: readSecret(r)}
}

func (t *AppToken) seal(b []byte) []byte { return t.fields(wire.AppendUint(b, kindApp)) }

func (t *AppToken) fields(b []byte) []byte {
	b = appendSecret(wire.AppendString(b, t.InstallationID), t.Token)
	return appendSecret(wire.AppendTime(b, t.ExpiresAt), t.Raw)
}

func readAppToken(r *wire.Reader) *AppToken {
	return &AppToken{InstallationID: r.String(), Token: readSecret(r), ExpiresAt: r.Time(), Raw: readSecret(r)}
}

func (t *CustomToken) seal(b []byte) []byte {
	return t.User.fields(t.App.fields(wire.AppendUint(b, kindCustom)))
}

func readCustom(r *wire.Reader) Credential {
	return &CustomToken{App: *readAppToken(r), User: *readOAuth2(r)}
}

func (t *AWS) seal(b []byte) []byte {
	b = wire.AppendUint(b, kindAWS)
	for _, s := range []string{t.RoleARN, t.Region, t.ExternalID, t.AccessKeyID} {
		b = wire.AppendString(b, s)
	}
	b = appendSecret(b, t.SecretAccessKey)
	b = appendSecret(b, t.SessionToken)
	return appendSecret(wire.AppendTime(b, t.ExpiresAt), t.Raw)
}

func readAWS(r *wire.Reader) Credential {
	return &AWS{
		RoleARN: r.String(), Region: r.String(), ExternalID: r.String(), AccessKeyID: r.String(),
		SecretAccessKey: readSecret(r), SessionToken: readSecret(r), ExpiresAt: r.Time(), Raw: readSecret(r),
	}
}

func (f *Fields) seal(b []byte) []byte {
	b = wire.AppendString(wire.AppendUint(b, kindFields), string(f.Mode))
	return wire.AppendTime(appendSecrets(b, f.Values), f.ExpiresAt)
}

func readFields(r *wire.Reader) Credential {
	return &Fields{Mode: AuthMode(r.String()), Values: readSecrets(r), ExpiresAt: r.Time()}
}

func appendSecrets(b []byte, m map[string]Secret) []byte {
	plain := make(map[string]string, len(m))
	for name, v := range m {
		plain[name] = v.Reveal()
	}
	return wire.AppendMap(b, plain)
}

// readSecrets is nil for an empty map.
func readSecrets(r *wire.Reader) map[string]Secret {
	var m map[string]Secret
	for name, v := range r.Map() {
		if m == nil {
			m = map[string]Secret{}
		}
		m[name] = NewSecret(v)
	}
	return m
}
