package authserver

import "fmt"

// The providers of [Catalog].
const (
	Provider   = "fosite"    // OAUTH2
	ProviderCC = "fosite-cc" // OAUTH2_CC
)

// Catalog returns the provider file for the server at a URL.
func Catalog(url string) []byte {
	return fmt.Appendf(nil, `
%[2]s:
  display_name: Fosite
  categories: [dev-tools]
  docs: %[1]s/
  auth_mode: OAUTH2
  authorization_url: %[1]s/authorize
  token_url: %[1]s/token
  default_scopes: [read, write]
  scope_separator: " "
  pkce: required
  client_auth: basic
  refresh:
    grant: refresh_token
    rotation: always
    reuse: revoke_family
  revocation:
    url: %[1]s/revoke
  proxy:
    base_url: %[1]s/api
%[3]s:
  display_name: Fosite (client credentials)
  categories: [dev-tools]
  docs: %[1]s/
  auth_mode: OAUTH2_CC
  token_url: %[1]s/token
  token_params:
    grant_type: client_credentials
  client_auth: body
  revocation:
    url: %[1]s/revoke
    token: access_token
  proxy:
    base_url: %[1]s/api
  credentials:
    client_id:
      type: string
      title: Client ID
      description: The ID of the app.
    client_secret:
      type: string
      title: Client secret
      description: The secret of the app.
      secret: true
`, url, Provider, ProviderCC)
}
