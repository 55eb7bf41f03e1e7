package main

import (
	"context"
	"encoding/json"
	"time"

	"github.com/tieline/tieline"
	"github.com/tieline/tieline/functions"
)

// listContacts is the name under which the contacts of every provider are listed.
const listContacts = "contacts.list"

// Query is what the function is asked.
type Query struct {
	// Cursor is the Next of the page before.
	Cursor string `json:"cursor,omitempty" description:"Where to go on. Empty for the first page."`
}

// Contacts is one page.
type Contacts struct {
	Contacts []Contact `json:"contacts"`
	Next     string    `json:"next,omitempty" description:"The cursor of the next page. None for the last one."`
}

// Contact is what the application knows of a contact, whoever keeps it.
type Contact struct {
	ID        string    `json:"id" description:"The provider's."`
	Name      string    `json:"name"`
	Email     string    `json:"email,omitempty"`
	Phone     string    `json:"phone,omitempty"`
	Company   string    `json:"company,omitempty"`
	UpdatedAt time.Time `json:"updated_at"`
}

// providers are the functions of each provider. One more provider is one more line, and
// a file like hubspot.go.
func providers() map[string][]*functions.Function {
	return map[string][]*functions.Function{
		"hubspot":         {define(hubspotContacts)},
		"salesforce":      {define(salesforceContacts)},
		"google-contacts": {define(googleContacts)},
	}
}

func define(list func(context.Context, *functions.Call, Query) (Contacts, error)) *functions.Function {
	return functions.Define(listContacts, list, functions.Options{Description: "Lists the user's contacts, a page at a time."})
}

// list reads one page. How the provider divides a list is in the catalog, so all that is
// left to say is where it is, and what a contact is called there.
func list[T any](ctx context.Context, call *functions.Call, in Query, url string, contact func(T) Contact) (Contacts, error) {
	out := Contacts{Contacts: []Contact{}}
	for page, err := range call.Pages(ctx, tieline.PageRequest{URL: url, Cursor: in.Cursor, MaxPages: 1}) {
		if err != nil {
			return Contacts{}, err
		}
		for _, item := range page.Items {
			var theirs T
			if err := json.Unmarshal(item, &theirs); err != nil {
				return Contacts{}, err
			}
			out.Contacts = append(out.Contacts, contact(theirs))
		}
		out.Next = page.Next
	}
	return out, nil
}
