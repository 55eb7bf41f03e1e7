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
// A run can outlive its process: [Functions.Start] accepts one, [Functions.CallWith]
// makes one of all calls with an idempotency key, [Options.Every] and
// [Options.Webhooks] start functions by themselves. [Functions.Work] does what is due, in any
// number of processes; the Store is the queue. docs/functions.md has what is
// guaranteed, and how.
//
// What goes in and comes out is checked against a JSON Schema that is derived from
// the Go types, see [Define]. Errors have a [Kind] that says whose fault it was, and
// a panic is one function's failure.
package functions
