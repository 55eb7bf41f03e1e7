package providertest_test

import (
	"context"
	"encoding/json"
	"fmt"
	"log"
	"net/http"
	"net/url"

	"github.com/tieline/tieline/providertest"
)

// postForm sends a token request, and returns the answer's JSON.
func postForm(client *http.Client, address string, form url.Values) (map[string]any, error) {
	resp, err := client.PostForm(address, form)
	if err != nil {
		return nil, err
	}
	defer func() { _ = resp.Body.Close() }()
	var answer map[string]any
	err = json.NewDecoder(resp.Body).Decode(&answer)
	return answer, err
}

func ExampleStart() {
	s, err := providertest.Start(providertest.Options{
		RedirectURIs: []string{"https://app.example/callback"},
		PKCE:         providertest.PKCEOptional,
	})
	if err != nil {
		log.Fatal(err)
	}
	defer s.Close()
	app := s.Credentials()

	// The app sends its user to the provider, who consents and comes back.
	request := url.Values{
		"response_type": {"code"},
		"client_id":     {app.ClientID},
		"redirect_uri":  {"https://app.example/callback"},
		"state":         {"4711"},
		"login_hint":    {"carol"},
	}
	callback, redirectURI, err := s.Authorize(context.Background(), s.URL+"/authorize?"+request.Encode())
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(redirectURI, callback.Get("state"))

	// The app turns the code into tokens.
	token, err := postForm(http.DefaultClient, s.URL+"/token", url.Values{
		"grant_type":    {"authorization_code"},
		"code":          {callback.Get("code")},
		"redirect_uri":  {"https://app.example/callback"},
		"client_id":     {app.ClientID},
		"client_secret": {app.ClientSecret},
	})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(token["token_type"], s.IsLive(token["access_token"].(string)))
	for _, g := range s.Grants() {
		fmt.Println("grant", g.ID, "of", g.User)
	}
	// Output:
	// https://app.example/callback 4711
	// Bearer true
	// grant 1 of carol
}

// An answer is lost after the provider has acted on the request.
func ExampleServer_Fail() {
	s := providertest.NewInProcess(providertest.Options{})
	defer s.Close()
	client := &http.Client{Transport: s.RoundTripper()}
	request := url.Values{
		"grant_type":    {"client_credentials"},
		"client_id":     {s.Credentials().ClientID},
		"client_secret": {s.Credentials().ClientSecret},
	}

	s.Fail(providertest.Fault{Endpoint: providertest.Token, Lost: true})
	_, err := postForm(client, s.URL+"/token", request)
	fmt.Println("failed:", err != nil, "- tokens issued:", s.Stats().ClientCredentials)

	_, err = postForm(client, s.URL+"/token", request)
	fmt.Println("failed:", err != nil, "- tokens issued:", s.Stats().ClientCredentials)
	// Output:
	// failed: true - tokens issued: 1
	// failed: false - tokens issued: 2
}
