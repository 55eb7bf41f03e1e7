package tieline

import (
	"encoding/json"
	"fmt"
	"time"

	"github.com/tieline/tieline/internal/record"
	"github.com/tieline/tieline/internal/seal"
	"github.com/tieline/tieline/internal/wire"
)

const (
	purposeAuthorization = "authorization"
	purposeState         = "state"
	purposeBinding       = "binding"
)

// authorization is a flow under way: what is remembered between sending the
// user to the provider and their return. All of it is sealed.
type authorization struct {
	Flow // State is not stored

	Connection   string
	BindingMAC   []byte
	Config       map[string]string // all of it, secret values too
	Metadata     json.RawMessage
	Tags         map[string]string
	EndUser      *EndUser
	WebhookURL   string
	ClientID     string
	ClientSecret string
	NewOnly      bool
	ExpiresAt    time.Time

	binding string // not stored
}

func (c *core) sealAuthorization(rowID string, a *authorization) ([]byte, error) {
	sealed, err := c.keys.Seal(a.encode(), seal.Binding{Purpose: purposeAuthorization, RowID: rowID})
	if err != nil {
		return nil, err
	}
	return record.EncodeSealed(sealed), nil
}

func (c *core) openAuthorization(rowID string, data []byte) (*authorization, error) {
	sealed, err := record.ParseSealed(data)
	if err != nil {
		return nil, err
	}
	plain, err := c.keys.Open(nil, sealed, seal.Binding{Purpose: purposeAuthorization, RowID: rowID})
	if err != nil {
		return nil, err
	}
	return decodeAuthorization(plain)
}

func (a *authorization) encode() []byte {
	b := wire.AppendString(nil, a.Connection)
	b = wire.AppendString(b, a.RedirectURL)
	b = wire.AppendString(b, a.Verifier)
	b = wire.AppendBytes(b, a.BindingMAC)
	b = wire.AppendStrings(b, a.Scopes)
	b = wire.AppendMap(b, a.Params)
	b = wire.AppendMap(b, a.Config)
	b = wire.AppendBytes(b, a.Metadata)
	b = wire.AppendMap(b, a.Tags)
	// A short-lived row may afford JSON for what nests.
	user, _ := json.Marshal(a.EndUser)
	b = wire.AppendBytes(b, user)
	b = wire.AppendString(b, a.WebhookURL)
	b = wire.AppendString(b, a.ClientID)
	b = wire.AppendString(b, a.ClientSecret)
	b = wire.AppendBool(b, a.NewOnly)
	b = wire.AppendTime(b, a.ExpiresAt)
	return wire.AppendMap(b, a.Keep)
}

func decodeAuthorization(b []byte) (*authorization, error) {
	r := wire.NewReader(b)
	a := &authorization{
		Connection: r.String(), Flow: Flow{RedirectURL: r.String(), Verifier: r.String()}, BindingMAC: r.Bytes(),
	}
	a.Scopes, a.Params, a.Config, a.Metadata, a.Tags = r.Strings(), r.Map(), r.Map(), r.Bytes(), r.Map()
	user := r.Bytes()
	a.WebhookURL, a.ClientID, a.ClientSecret = r.String(), r.String(), r.String()
	a.NewOnly, a.ExpiresAt, a.Keep = r.Bool(), r.Time(), r.Map()
	if err := r.Err(); err != nil {
		return nil, fmt.Errorf("pending authorization: %w", err)
	}
	if err := json.Unmarshal(user, &a.EndUser); err != nil {
		return nil, fmt.Errorf("pending authorization: %w", wire.ErrMalformed)
	}
	return a, nil
}
