// Package functions holds an integration's own endpoints: typed Go functions that
// run with the credentials of one connection. An application calls "contacts.list"
// and need not know which provider a user has connected.
//
//	list := functions.Define("contacts.list",
//		func(ctx context.Context, call *functions.Call, in Query) (Contacts, error) {
//			resp, err := call.HTTPClient().Get("/crm/v3/objects/contacts")
//			...
//		}, functions.Options{Description: "Lists contacts."})
//
//	fns, err := functions.New(functions.Config{
//		Client:    client,
//		Providers: map[string][]*functions.Function{"hubspot": {list}},
//	})
//	out, err := fns.Call(ctx, functions.Target{Integration: "crm", Connection: "alice"}, "contacts.list", input)
//
// What goes in and comes out is checked against a JSON Schema that is derived from
// the Go types, see [Define]. Errors have a [Kind] that says whose fault it was, and
// a panic is one function's failure.
package functions
