package tieline

// knownGaps are the quirks that are not met yet, by the name of the golden file. A
// gap that is closed, or that is another than it was, fails its test.
var knownGaps = map[string]gap{
	"17-authorize-parameter-names": {"authorize", "a challenge is sent whose verifier the token endpoint does not take: the entry lacks disable_pkce"},
	"19-no-response-type":          {"authorize", "the name is taken out of the URL and its value is left: =code"},
	"56-nonce":                     {"authorize", "the nonce is the entry's constant"},
	"56b-nonce-hybrid":             {"authorize", "the nonce is the entry's constant"},
}
