// Package sdk tests that a connection's client works underneath SDKs that its
// authors did not write: github.com/google/go-github, and the Drive service of
// google.golang.org/api. Each talks to a stub of its API on loopback, over TLS and
// HTTP/2, with the built-in catalog's entry of the provider.
//
//   - TestGitHub*: pages, a request that is repeated after a 401, limits that come
//     out as the SDK's own errors, conditional requests, redirects, contexts, and no
//     token in any error.
//   - TestDrive*: an upload in pieces across the expiry of a token, downloads, and
//     the SDK's own errors.
//
// The package is apart from the other tests because their processes, which start by
// the hundred, should not have to start these SDKs too.
package sdk
