package main

import (
	"context"
	"strings"
	"time"

	"github.com/tieline/tieline/functions"
)

// hubspotContact is a contact as GET /crm/v3/objects/contacts gives it out. Its fields
// are properties, and only those that were asked for are there.
type hubspotContact struct {
	ID         string `json:"id"`
	Properties struct {
		FirstName string `json:"firstname"`
		LastName  string `json:"lastname"`
		Email     string `json:"email"`
		Phone     string `json:"phone"`
		Company   string `json:"company"`
	} `json:"properties"`
	UpdatedAt time.Time `json:"updatedAt"`
}

func hubspotContacts(ctx context.Context, call *functions.Call, in Query) (Contacts, error) {
	const url = "/crm/v3/objects/contacts?properties=firstname,lastname,email,phone,company"
	return list(ctx, call, in, url, func(c hubspotContact) Contact {
		p := c.Properties
		return Contact{
			ID: c.ID, Name: strings.TrimSpace(p.FirstName + " " + p.LastName),
			Email: p.Email, Phone: p.Phone, Company: p.Company, UpdatedAt: c.UpdatedAt,
		}
	})
}
