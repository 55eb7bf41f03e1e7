package tieline

import (
	"context"
	"errors"

	"github.com/tieline/tieline/internal/record"
	"github.com/tieline/tieline/internal/seal"
	"github.com/tieline/tieline/store"
)

// RewrapReport counts what [Client.Rewrap] did.
type RewrapReport struct {
	Rewrapped int // moved to the newest key
	Current   int // under it already
	Failed    int // damaged, or under a key that is not in the keyring
}

// Rewrap seals everything that is under an older key anew under the newest one,
// while the Client is in use: a row that changes meanwhile is looked at again.
// Rows that cannot be opened are left as they are and counted; the error is then
// of the first of them, an ErrUnknownKey or an ErrDamaged. An error of the Store
// ends it; what was done stays done.
func (c *Client) Rewrap(ctx context.Context) (RewrapReport, error) {
	var report RewrapReport
	var first error
	for _, q := range sealedKinds() {
		for row, err := range c.core.rows(ctx, q) {
			if err != nil {
				return report, opError("tieline: rewrap", err)
			}
			done, err := c.core.rewrap(ctx, row)
			switch {
			case errors.Is(err, errUnreadable):
				report.Failed++
				if first == nil {
					first = opError("tieline: rewrap", err, row.Unique)
				}
			case err != nil:
				return report, opError("tieline: rewrap", err, row.Unique)
			case done:
				report.Rewrapped++
			default:
				report.Current++
			}
		}
	}
	return report, first
}

// KeyUsage counts the rows under each key, by its ID. A row that cannot be read
// counts under "".
func (c *Client) KeyUsage(ctx context.Context) (map[string]int, error) {
	usage := map[string]int{}
	for _, q := range sealedKinds() {
		for row, err := range c.core.rows(ctx, q) {
			if err != nil {
				return nil, opError("tieline: key usage", err)
			}
			id := ""
			if part, err := sealedPart(row); err == nil {
				if key, err := seal.KeyID(part.sealed); err == nil {
					id = key.String()
				}
			}
			usage[id]++
		}
	}
	return usage, nil
}

// kindFunctionRun and kindFunctionState are of package functions, which seals by
// [Keyring.Seal] for the purpose that is the name of the kind.
const (
	kindFunctionRun   store.Kind = "function_run"
	kindFunctionState store.Kind = "function_state"
)

// sealedKinds are the rows with something sealed in them. Some may be large, so few
// of those are read at once.
func sealedKinds() []store.Query {
	return []store.Query{
		{Kind: kindIntegration}, {Kind: kindConnection}, {Kind: kindAuthorization}, {Kind: kindSession}, {Kind: kindForward, Limit: 8},
		{Kind: kindFunctionRun, Limit: 8}, {Kind: kindFunctionState, Limit: 32},
	}
}

var errUnreadable = errors.New("row cannot be opened")

// part is the sealed bytes of a row, what they are bound to, and how the row
// looks with others in their place.
type part struct {
	sealed  []byte
	binding seal.Binding
	replace func(sealed []byte) []byte
}

func sealedPart(row store.Row) (part, error) {
	p := part{binding: seal.Binding{RowID: row.ID}}
	switch row.Kind {
	case kindIntegration:
		rec, err := record.ParseIntegration(row.Data)
		if err != nil {
			return p, err
		}
		p.sealed, p.binding.Purpose, p.binding.Generation = rec.Sealed, purposeApp, rec.Gen
		p.replace = func(sealed []byte) []byte { rec.Sealed = sealed; return rec.Encode() }
	case kindConnection:
		rec, err := record.ParseConnection(row.Data)
		if err != nil {
			return p, err
		}
		p.sealed, p.binding.Purpose, p.binding.Generation = rec.Sealed, purposeCredential, rec.State.TokenFence
		p.replace = func(sealed []byte) []byte { rec.Sealed = sealed; return rec.Encode() }
	case kindForward:
		rec, err := record.ParseForward(row.Data)
		if err != nil {
			return p, err
		}
		p.sealed, p.binding.Purpose = rec.Sealed, purposeForward
		p.replace = func(sealed []byte) []byte { rec.Sealed = sealed; return rec.Encode() }
	case kindFunctionRun, kindFunctionState:
		rec, err := record.ParseFunction(row.Data)
		if err != nil {
			return p, err
		}
		p.sealed, p.binding = rec.Sealed, SealedFor{Purpose: string(row.Kind), ID: row.ID, Generation: rec.Gen}.binding()
		p.replace = func(sealed []byte) []byte { rec.Sealed = sealed; return rec.Encode() }
	default:
		sealed, err := record.ParseSealed(row.Data)
		if err != nil {
			return p, err
		}
		p.sealed, p.binding.Purpose = sealed, purposeAuthorization
		if row.Kind == kindSession {
			p.binding.Purpose = purposeSession
		}
		p.replace = record.EncodeSealed
	}
	return p, nil
}

// rewrap moves one row to the newest key. Nothing but the sealed bytes changes,
// so no refresh under way is disturbed.
func (c *core) rewrap(ctx context.Context, row store.Row) (done bool, err error) {
	for {
		part, err := sealedPart(row)
		if err != nil {
			return false, errors.Join(errUnreadable, err)
		}
		if id, err := seal.KeyID(part.sealed); err == nil && id == c.keys.Primary() {
			return false, nil
		}
		plain, err := c.keys.Open(nil, part.sealed, part.binding)
		if err != nil {
			return false, errors.Join(errUnreadable, err)
		}
		sealed, err := c.keys.Seal(plain, part.binding)
		if err != nil {
			return false, err
		}
		row.Data = part.replace(sealed)
		_, err = c.store.Put(ctx, row)
		switch {
		case err == nil:
			return true, nil
		case errors.Is(err, store.ErrNotFound):
			return false, nil
		case !errors.Is(err, store.ErrConflict):
			return false, err
		}
		if row, err = c.store.Get(ctx, row.Key); errors.Is(err, store.ErrNotFound) {
			return false, nil
		} else if err != nil {
			return false, err
		}
	}
}
