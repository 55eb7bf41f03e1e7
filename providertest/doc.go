// Package providertest is a provider to test against: an OAuth 2.0 authorization
// server with refresh token rotation, and a small API, on loopback or in process.
//
//	s := providertest.New(t, providertest.Options{
//		RedirectURIs:  []string{"http://127.0.0.1/callback"},
//		TokenLifetime: time.Minute,
//	})
//
// Set it up from [Server.ProvidersYAML] and [Server.Credentials]; [Server.Authorize]
// plays the user's browser and consent. [Server.Stats], [Server.Grants] and
// [Server.IsLive] tell what the provider saw and which tokens are good.
// [Server.Fail] makes it misbehave: slow, down, answers lost after a rotation.
// [NewInProcess] needs no network, and obeys the fake clock of testing/synctest.
//
// [NewInProcess] is for code that takes an [http.RoundTripper]; a tieline.Client
// dials for itself, so give it a Server of [New] and allow loopback addresses in
// its Config.
//
// It is for tests only: whoever reaches the consent page can consent.
package providertest
