package main

import (
	"context"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/tieline/tieline/functions"
)

func TestDemo(t *testing.T) {
	t.Parallel()
	var out strings.Builder
	if err := demo(t.Context(), &out); err != nil {
		t.Fatal(err)
	}
	want := `
NAME               EMAIL                  PHONE             COMPANY             FROM
Ada Lovelace       ada@example.com        +44 20 7946 0001  Analytical Engines  google-contacts, hubspot
Grace Hopper       Grace@example.com      (202) 555-0101    Navy                salesforce, hubspot
Joan Clarke        joan@example.com                         Bletchley Park      hubspot
Katherine Johnson  katherine@example.com                                        salesforce
Mary Jackson                              (757) 555-0142    Langley             salesforce
Radia Perlman                             (617) 555-0188    Spanning Tree       google-contacts
6 people in 3 accounts
`
	if got := "\n" + out.String(); got != want {
		t.Errorf("got%s", got)
	}
}

// Each provider's contacts are those of the one model.
func TestContacts(t *testing.T) {
	t.Parallel()
	at := func(s string) time.Time {
		when, err := time.Parse(time.RFC3339, s)
		if err != nil {
			t.Fatal(err)
		}
		return when
	}
	for provider, want := range map[string][]Contact{
		"google-contacts": {
			{ID: "people/c7100000000000000001", Name: "Ada Lovelace", Email: "ada@example.com", UpdatedAt: at("2026-06-11T14:02:33.517Z")},
			{
				ID: "people/c7100000000000000002", Name: "Radia Perlman", Phone: "(617) 555-0188", Company: "Spanning Tree",
				UpdatedAt: at("2026-01-20T05:15:00.1Z"),
			},
		},
		"hubspot": {
			{
				ID: "512", Name: "Ada Lovelace", Email: "ada@example.com", Phone: "+44 20 7946 0001", Company: "Analytical Engines",
				UpdatedAt: at("2026-05-06T19:26:18.036Z"),
			},
			{ID: "513", Name: "Grace", Email: "grace@example.com", UpdatedAt: at("2026-05-07T08:00:00Z")},
			{ID: "525", Name: "Joan Clarke", Email: "joan@example.com", Company: "Bletchley Park", UpdatedAt: at("2026-06-02T10:00:00Z")},
		},
		"salesforce": {
			{
				ID: "0030000000000AAhYAO", Name: "Grace Hopper", Email: "Grace@example.com", Phone: "(202) 555-0101", Company: "Navy",
				UpdatedAt: at("2026-05-07T22:29:47Z"),
			},
			{ID: "0030000000000AAiYAO", Name: "Katherine Johnson", Email: "katherine@example.com", UpdatedAt: at("2026-04-02T07:05:00Z")},
			{ID: "0030000000000AAjYAO", Name: "Mary Jackson", Phone: "(757) 555-0142", Company: "Langley", UpdatedAt: at("2026-03-31T16:45:10Z")},
		},
	} {
		t.Run(provider, func(t *testing.T) {
			t.Parallel()
			fns, account := world(t, provider, nil)
			got, err := listAll(t.Context(), fns, account)
			if err != nil {
				t.Fatal(err)
			}
			if !slices.Equal(got, want) {
				t.Errorf("got  %+v\nwant %+v", got, want)
			}
		})
	}
}

// What a provider refuses comes to the application as such, whoever it is.
func TestRefused(t *testing.T) {
	t.Parallel()
	no := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusForbidden) })
	for _, f := range fakes() {
		fns, account := world(t, f.provider, no)
		_, err := listAll(t.Context(), fns, account)
		if functions.KindOf(err) != functions.KindRefused {
			t.Errorf("%s: %v, which is %q", f.provider, err, functions.KindOf(err))
		}
	}
}

// world is one provider, or what answers instead, and an account there.
func world(t *testing.T, provider string, instead http.Handler) (*functions.Functions, functions.Target) {
	t.Helper()
	i := slices.IndexFunc(fakes(), func(f fake) bool { return f.provider == provider })
	f := fakes()[i]
	hosts := map[string]http.Handler{f.host: f}
	if instead != nil {
		hosts[f.host] = instead
	}
	n, err := newNetwork(hosts)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(n.close)
	client, err := newClient(n)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := client.Close(context.Background()); err != nil {
			t.Error(err)
		}
	})
	account, err := connect(t.Context(), client, f)
	if err != nil {
		t.Fatal(err)
	}
	fns, err := functions.New(functions.Config{Client: client, Providers: providers()})
	if err != nil {
		t.Fatal(err)
	}
	return fns, account
}
