package main

import (
	"context"
	"net/url"
	"strings"
	"time"

	"github.com/tieline/tieline/functions"
)

// salesforceContact is a record of the query below. The company is another object, an
// account, and null for who has none.
type salesforceContact struct {
	ID      string `json:"Id"`
	Name    string
	Email   string
	Phone   string
	Account struct {
		Name string
	}
	LastModifiedDate salesforceTime
}

// salesforceTime is a time as Salesforce writes it: 2026-05-07T22:29:47.000+0000.
type salesforceTime struct{ time.Time }

// UnmarshalJSON reads it.
func (t *salesforceTime) UnmarshalJSON(data []byte) (err error) {
	t.Time, err = time.Parse("2006-01-02T15:04:05.000-0700", strings.Trim(string(data), `"`))
	return err
}

func salesforceContacts(ctx context.Context, call *functions.Call, in Query) (Contacts, error) {
	const query = "SELECT Id, Name, Email, Phone, Account.Name, LastModifiedDate FROM Contact ORDER BY Id"
	path := "/services/data/v62.0/query?" + url.Values{"q": {query}}.Encode()
	return list(ctx, call, in, path, func(c salesforceContact) Contact {
		return Contact{
			ID: c.ID, Name: c.Name, Email: c.Email, Phone: c.Phone,
			Company: c.Account.Name, UpdatedAt: c.LastModifiedDate.UTC(),
		}
	})
}
