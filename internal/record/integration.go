package record

import (
	"fmt"
	"time"

	"github.com/tieline/tieline/internal/wire"
)

// Integration is the Data of an integration's row.
type Integration struct {
	Provider        string
	DisplayName     string // empty: the provider's
	ForwardWebhooks bool
	Config          map[string]string // values that are not secret
	Deleting        bool              // no refresh begins any more
	Gen             int64             // of the sealed part
	CreatedAt       time.Time
	UpdatedAt       time.Time
	Sealed          []byte // app credential and secret config
	APIHosts        []string

	tail []byte
}

// ParseIntegration takes Data apart. Sealed shares memory with it.
func ParseIntegration(data []byte) (*Integration, error) {
	r, err := open(data)
	if err != nil {
		return nil, err
	}
	i := &Integration{
		Provider:        r.String(),
		DisplayName:     r.String(),
		ForwardWebhooks: r.Bool(),
		Config:          r.Map(),
		Deleting:        r.Bool(),
		Gen:             r.Int(),
		CreatedAt:       r.Time(),
		UpdatedAt:       r.Time(),
		Sealed:          r.View(),
		APIHosts:        r.Strings(),
	}
	i.tail = r.Rest()
	if err := r.Err(); err != nil {
		return nil, fmt.Errorf("record: integration: %w", err)
	}
	return i, nil
}

// Encode is the opposite of ParseIntegration.
func (i *Integration) Encode() []byte {
	b := []byte{format}
	b = wire.AppendString(b, i.Provider)
	b = wire.AppendString(b, i.DisplayName)
	b = wire.AppendBool(b, i.ForwardWebhooks)
	b = wire.AppendMap(b, i.Config)
	b = wire.AppendBool(b, i.Deleting)
	b = wire.AppendInt(b, i.Gen)
	b = wire.AppendTime(b, i.CreatedAt)
	b = wire.AppendTime(b, i.UpdatedAt)
	b = wire.AppendBytes(b, i.Sealed)
	b = wire.AppendStrings(b, i.APIHosts)
	return append(b, i.tail...)
}

// ParseSealed takes apart the Data of a row that is sealed as a whole, such as
// a pending authorization. The result shares memory with it.
func ParseSealed(data []byte) ([]byte, error) {
	r, err := open(data)
	if err != nil {
		return nil, err
	}
	sealed := r.View()
	if err := r.Err(); err != nil {
		return nil, fmt.Errorf("record: %w", err)
	}
	return sealed, nil
}

// EncodeSealed is the opposite of ParseSealed.
func EncodeSealed(sealed []byte) []byte {
	return wire.AppendBytes([]byte{format}, sealed)
}
