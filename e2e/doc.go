// Package e2e tests Tieline against an authorization server that its authors did
// not write, over real HTTP, on real databases, with real processes.
//
// The server is made of github.com/ory/fosite, in internal/authserver: the
// authorization code grant with PKCE, refresh with rotation and with no mercy for
// a refresh token that is used twice, client credentials and revocation. Access
// tokens live for exactly two seconds, so a minute of test has as many refreshes
// as an ordinary day. A referee in front of its token endpoint, outside the
// processes under test, writes down every exchange.
//
//   - TestOneExchangePerGeneration: three processes with 32 callers each use one
//     connection in one SQLite file for a minute. Each refresh token is used
//     exactly once, never before it is due, and no caller sees an error or an
//     expired token. TestOneExchangePerGenerationPostgres: the same on PostgreSQL.
//   - TestHandlesOutliveRotation: the same with http.Clients, at a server that
//     kills the access token at the moment of the rotation. No caller sees a 401.
//     TestRefusedTokenOfBefore: nor is the server asked again because of one.
//   - TestAuthorizeRefusals: the wrong browser, a replayed callback, a user who
//     says no, a code from another flow, a hundred callbacks at once.
//   - TestClientCredentials and TestRevocationOnDelete: what their names say.
//   - TestNothingInTheClear: every secret that existed during a full life of a
//     connection is looked for, in many encodings, in logs, errors, events and the
//     database's three files.
//
// TestKill is of another kind. Its processes are killed, stopped for a while and
// restarted, and their database goes away; a provider of its own and a judge see
// whether a grant was lost that need not have been. Package internal/kill is how.
// TestKillNotices breaks a store on purpose, and expects grants to be lost.
//
// TestFunctionsKill kills and stops processes that run package functions, on a schedule
// of a second and on demand, and judges from what the functions told a provider that
// no interval was completed twice or left out; without claims it finds hundreds.
//
// Package sdk is about a connection's client underneath SDKs of other people, and
// package browser about the connect page; it needs Node and Chromium.
//
// TestNodeClient calls every method of the official Node client of the surface that
// httpapi serves, against examples/server; TestLoad, with TIELINE_E2E_LOAD=30s,
// measures that server next to a bare handler.
//
// Everything else is in the tests here. Nothing but Go is needed:
//
//	cd e2e && go test ./...
//
// takes about five minutes; with -short, about one. What runs on PostgreSQL is
// skipped when its programs are not installed, unless TIELINE_REQUIRE_POSTGRES is
// set; what needs Node.js and npm, unless TIELINE_REQUIRE_NODE is.
// TIELINE_E2E_DURATION sets how long processes call ("10m"),
// TIELINE_E2E_KILL_DURATION how long they are harmed on each database, and -v
// shows what was counted. More than a thousand kills on each database:
//
//	TIELINE_E2E_KILL_DURATION=8m go test -run TestKill -v -timeout 30m .
//
// The module is separate so that none of what it needs reaches the go.mod of
// somebody who uses Tieline.
package e2e
