package main

import (
	"embed"
	"net/http"
	"strings"
)

// answers are what the fakes answer, page by page. Their shapes are those of the real
// APIs:
//
//   - HubSpot: CollectionResponseContact of the OpenAPI description in
//     github.com/api-evangelist/hubspot, and recorded answers in the tests of
//     github.com/amp-labs/connectors;
//   - Salesforce: QueryResult and Record of github.com/jsforce/jsforce, and recorded
//     answers in the tests of github.com/amp-labs/connectors;
//   - Google: ListConnectionsResponse and Person of google.golang.org/api/people/v1, which
//     Google generates from its description of the API.
//
//go:embed answers
var answers embed.FS

// fake is a provider's API with two pages of contacts.
type fake struct {
	provider  string            // its name in the catalog
	config    map[string]string // of connections
	host      string
	path      string   // of the list
	ask       string   // the parameter that says which fields to answer with
	fields    []string // those that are in the answers
	cursor    string   // the parameter that says which page; "": the second one has a path of its own
	next      string   // its value, or that path
	directory string   // of the answers
}

func fakes() []fake {
	return []fake{
		{
			provider: "google-contacts", host: "people.googleapis.com", path: "/v1/people/me/connections",
			ask: "personFields", fields: []string{"metadata", "names", "emailAddresses", "phoneNumbers", "organizations"},
			cursor: "pageToken", next: "GgQKAggB", directory: "answers/google",
		},
		{
			provider: "hubspot", host: "api.hubapi.com", path: "/crm/v3/objects/contacts",
			ask: "properties", fields: []string{"firstname", "lastname", "email", "phone", "company"},
			cursor: "after", next: "NTI1Cg==", directory: "answers/hubspot",
		},
		{
			provider: "salesforce", config: map[string]string{"instance_url": "https://acme.my.salesforce.com"},
			host: "acme.my.salesforce.com", path: "/services/data/v62.0/query",
			ask: "q", fields: []string{"Id", "Name", "Email", "Phone", "Account.Name", "LastModifiedDate"},
			next: "/services/data/v62.0/query/01g000000000001AAA-2", directory: "answers/salesforce",
		},
	}
}

// token is what the user's connections are authorized by.
const token = "a-token-of-the-fakes"

// ServeHTTP answers as the provider does, if it is asked for all that it answers with.
func (f fake) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.Header.Get("Authorization") != "Bearer "+token {
		w.WriteHeader(http.StatusUnauthorized)
		return
	}
	page := f.page(r)
	if page == "" {
		w.WriteHeader(http.StatusBadRequest)
		return
	}
	data, err := answers.ReadFile(f.directory + page)
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	_, _ = w.Write(data)
}

// page is the file that answers a request; "": it is none that the provider would answer.
func (f fake) page(r *http.Request) string {
	query := r.URL.Query()
	if f.cursor == "" && r.URL.Path == f.next {
		return "/2.json"
	}
	if r.URL.Path != f.path {
		return ""
	}
	for _, field := range f.fields {
		if !strings.Contains(query.Get(f.ask), field) {
			return ""
		}
	}
	switch {
	case !query.Has(f.cursor):
		return "/1.json"
	case query.Get(f.cursor) == f.next:
		return "/2.json"
	}
	return ""
}
