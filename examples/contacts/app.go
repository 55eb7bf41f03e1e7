package main

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"slices"
	"strings"
	"text/tabwriter"

	"github.com/tieline/tieline/functions"
)

// listAll calls the function for one account until there are no more pages.
func listAll(ctx context.Context, fns *functions.Functions, account functions.Target) ([]Contact, error) {
	var all []Contact
	for q := (Query{}); ; {
		page, err := functions.CallFor[Contacts](ctx, fns, account, listContacts, q)
		if err != nil {
			return nil, err
		}
		all = append(all, page.Contacts...)
		if q.Cursor = page.Next; q.Cursor == "" {
			return all, nil
		}
	}
}

// person is one contact in all accounts that have it.
type person struct {
	Contact
	from []string
}

// merge puts together contacts that have the same e-mail address. What was changed last
// goes first.
func merge(ctx context.Context, fns *functions.Functions, accounts []functions.Target) ([]person, error) {
	var all []person
	for _, account := range accounts {
		contacts, err := listAll(ctx, fns, account)
		if err != nil {
			return nil, err
		}
		for _, c := range contacts {
			all = append(all, person{c, []string{account.Integration}})
		}
	}
	slices.SortStableFunc(all, func(a, b person) int { return b.UpdatedAt.Compare(a.UpdatedAt) })
	var out []person
	for _, p := range all {
		i := slices.IndexFunc(out, func(q person) bool { return p.Email != "" && strings.EqualFold(p.Email, q.Email) })
		if i < 0 {
			out = append(out, p)
			continue
		}
		q := &out[i]
		q.Name, q.Phone, q.Company = cmp.Or(q.Name, p.Name), cmp.Or(q.Phone, p.Phone), cmp.Or(q.Company, p.Company)
		q.from = append(q.from, p.from...)
	}
	slices.SortFunc(out, func(a, b person) int { return cmp.Compare(a.Name, b.Name) })
	return out, nil
}

// show prints everybody in the accounts.
func show(ctx context.Context, fns *functions.Functions, accounts []functions.Target, out io.Writer) error {
	people, err := merge(ctx, fns, accounts)
	if err != nil {
		return err
	}
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "NAME\tEMAIL\tPHONE\tCOMPANY\tFROM")
	for _, p := range people {
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\n", p.Name, p.Email, p.Phone, p.Company, strings.Join(p.from, ", "))
	}
	if err := w.Flush(); err != nil {
		return err
	}
	_, err = fmt.Fprintf(out, "%d people in %d accounts\n", len(people), len(accounts))
	return err
}
