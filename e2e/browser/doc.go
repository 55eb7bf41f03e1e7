// Package browser tests the connect page of package httpapi in Chromium: signing in
// through a window and without one, forms, links that have ended or are somebody
// else's, several tabs, the keyboard, applications of another origin, and what
// becomes of all that on a narrow screen, in the dark and for a screen reader.
//
// Everything is in the tests. The Go test starts the service, a provider and an
// application, and has Node run driver/run.js, which drives Chromium by Puppeteer and
// looks at each view with axe-core. Node, npm, Chromium and a network for npm are
// needed; the test is skipped without them, unless TIELINE_REQUIRE_BROWSER is set.
// Pictures of the views go to the folder that TIELINE_SHOTS names, and
// TIELINE_BROWSER_CASE runs one case alone:
//
//	TIELINE_SHOTS=/tmp/shots TIELINE_BROWSER_CASE=keyboard go test -v ./browser
package browser
