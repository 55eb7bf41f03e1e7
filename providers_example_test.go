package tieline_test

import (
	"fmt"

	"github.com/tieline/tieline"
)

func ExampleCatalog_Get() {
	github, err := tieline.Builtin().Get("github")
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(github.DisplayName, github.AuthMode)
	// Output: GitHub OAUTH2
}

func ExampleLoadCatalog() {
	providers, problems := tieline.LoadCatalog(tieline.CatalogFile{
		Name: "acme.yaml",
		Data: []byte(`
acme:
  display_name: Acme
  auth_mode: API_KEY
  credentials:
    apiKey: {type: string, title: API key, secret: true}
  proxy:
    base_url: https://api.acme.example/v1
    headers:
      x-api-key: ${apiKey}
acme-oauth:
  auth_mode: OAUTH2
  authorization_url: https://acme.example/authorize
  proxy:
    base_url: https://api.acme.example/v1
`),
	})
	for _, p := range problems {
		fmt.Printf("%s: %s\n", p.Severity, p)
	}
	for p := range providers.All() {
		fmt.Println(p.DisplayName, "asks for", p.CredentialFields[0].Title)
	}
	// Output:
	// rejected: acme.yaml:11:1: acme-oauth: token_url: the mode cannot do without a token_url
	// Acme asks for API key
}

// An entry of one's own can build on a built-in one, here on that of the same
// name, and gives only what differs.
func ExampleCatalog_With() {
	providers, problems := tieline.Builtin().With(tieline.CatalogFile{
		Name: "ours.yaml",
		Data: []byte(`
github:
  alias: github
  default_scopes: [repo, read:org]
`),
	})
	if len(problems) > 0 {
		fmt.Println(problems)
		return
	}
	github, err := providers.Get("github")
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(github.DisplayName, github.DefaultScopes)
	// Output: GitHub [repo read:org]
}
