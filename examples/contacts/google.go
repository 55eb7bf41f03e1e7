package main

import (
	"context"
	"time"

	"github.com/tieline/tieline/functions"
)

// googlePerson is a person of the People API. Everything there may be several times; one
// of each is the primary one.
type googlePerson struct {
	ResourceName string `json:"resourceName"`
	Metadata     struct {
		Sources []struct {
			Type       string    `json:"type"`
			UpdateTime time.Time `json:"updateTime"`
		} `json:"sources"`
	} `json:"metadata"`
	Names          []googleField `json:"names"`
	EmailAddresses []googleField `json:"emailAddresses"`
	PhoneNumbers   []googleField `json:"phoneNumbers"`
	Organizations  []googleField `json:"organizations"`
}

// googleField is one of them; what it says has one of three names.
type googleField struct {
	Metadata struct {
		Primary bool `json:"primary"`
	} `json:"metadata"`
	DisplayName string `json:"displayName"` // of a name
	Value       string `json:"value"`       // of an address and a number
	Name        string `json:"name"`        // of an organization
}

// primary is the primary one of fields, or the first.
func primary(fields []googleField) googleField {
	for _, f := range fields {
		if f.Metadata.Primary {
			return f
		}
	}
	return append(fields, googleField{})[0]
}

func googleContacts(ctx context.Context, call *functions.Call, in Query) (Contacts, error) {
	const url = "/v1/people/me/connections?personFields=metadata,names,emailAddresses,phoneNumbers,organizations"
	return list(ctx, call, in, url, func(p googlePerson) Contact {
		c := Contact{
			ID: p.ResourceName, Name: primary(p.Names).DisplayName,
			Email: primary(p.EmailAddresses).Value, Phone: primary(p.PhoneNumbers).Value, Company: primary(p.Organizations).Name,
		}
		for _, s := range p.Metadata.Sources {
			if s.Type == "CONTACT" {
				c.UpdatedAt = s.UpdateTime
			}
		}
		return c
	})
}
