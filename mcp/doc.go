// Package mcp makes tools of functions, for models that speak the Model Context
// Protocol. It is built on the official SDK, github.com/modelcontextprotocol/go-sdk.
//
//	server, err := mcp.NewServer(fns, mcp.Options{Connections: connectionsOf})
//	http.Handle("/mcp", authenticate(server.Handler())) // streamable HTTP
//	err = server.Run(ctx, &sdk.StdioTransport{})         // or stdin and stdout
//
// Who asks, and which connections they may use, is for the application to say:
// [Options.Connections] is asked with every request. A tool that they do not lead to is
// not listed, and cannot be called.
//
// # Names
//
// A tool is called what its function is, with an underscore for whatever is no letter, digit,
// hyphen or underscore: contacts.list is contacts_list. MCP allows dots, but the model
// APIs behind it do not. A function that differs between integrations, in its
// description or in a schema, is a tool for each, with the key of the integration at the
// end: contacts_list_crm. Names of more than 64 bytes are cut, and they, and names that
// would be the same as another one, end in eight digits of a hash of the function's
// name.
//
// # Connections
//
// Where a caller has several connections for a tool, it has one more argument, connection,
// which is required and has their names: "crm/alice" is the connection alice of the
// integration crm.
//
// # Schemas
//
// Arguments are the fields of the function's input. An input that is no struct, or one that
// refers to itself or has a field named connection, is the argument "input". An output that is
// no object is the member "output" of one, as MCP wants objects. It is there as
// structured content and, for clients that do not know this, as text.
//
// # Failures
//
// What goes wrong with a call is a result that a model can read, without anything from
// inside the application: faults of the arguments with their JSON pointers, so that it can
// correct them; that the user has to connect again, and where ([Options.ReconnectURL]);
// that the provider refused, or is busy; that the function is faulty. The error itself is
// logged.
package mcp
