// Package providertest is a third-party provider to test against: an OAuth 2.0
// authorization server and a small API, on loopback or wholly in process.
//
// In a test, [New] starts one and stops it when the test ends:
//
//	s := providertest.New(t, providertest.Options{
//		RedirectURIs:  []string{"http://127.0.0.1/callback"},
//		TokenLifetime: time.Minute,
//	})
//
// Set the provider up with [Server.ProvidersYAML] and [Server.Credentials],
// let [Server.Authorize] play the user's browser and consent, then look at what
// the provider saw: [Server.Stats], [Server.Grants], [Server.IsLive]. Make it
// misbehave with [Server.Fail]: slow, down, throttling, answers lost after the
// refresh token was rotated, and token responses nobody should send.
//
// [NewInProcess] needs no network: with [Server.RoundTripper] as the transport,
// requests are served in the caller's goroutine and delays obey the fake clock
// of testing/synctest (make the Server inside the bubble).
//
// The provider speaks RFC 6749 (authorization code, client credentials, refresh),
// RFC 7636 (PKCE, S256), RFC 7009 (revocation), RFC 9207 (iss) and RFC 6750
// (bearer tokens), and is strict where a real one may be. Its paths are
//
//	/authorize  /token  /revoke
//	/api/me  /api/echo  /api/redirect?to=URL  /api/status/CODE  /api/ping
//
// Everything lives in memory. It is made for tests: everyone who reaches the
// consent page can consent, and tokens and secrets are no secrets.
package providertest
