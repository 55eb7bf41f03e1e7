package main

import (
	"bytes"
	"context"
	"encoding/json"
	"net/http"
	"net/url"

	"github.com/tieline/tieline/functions"
)

// providerFunctions are what callers may have done for a connection, by provider: an
// application adds its own.
func providerFunctions() map[string][]*functions.Function {
	return map[string][]*functions.Function{
		"github": {
			functions.Define("user.get", getUser, functions.Options{Description: "Whose account it is."}),
			functions.Define("issues.create", createIssue, functions.Options{Description: "Creates an issue in a repository."}),
		},
	}
}

type gitHubUser struct {
	Login string `json:"login"`
	Name  string `json:"name"`
}

func getUser(ctx context.Context, call *functions.Call, _ struct{}) (gitHubUser, error) {
	var user gitHubUser
	err := call.Get(ctx, "/user", &user)
	return user, err
}

type newIssue struct {
	Owner string `json:"owner" minLength:"1"`
	Repo  string `json:"repo" minLength:"1"`
	Title string `json:"title" minLength:"1" maxLength:"256"`
	Body  string `json:"body,omitempty" description:"Markdown"`
}

type issue struct {
	Number int    `json:"number"`
	URL    string `json:"html_url"`
}

func createIssue(ctx context.Context, call *functions.Call, in newIssue) (issue, error) {
	body, err := json.Marshal(map[string]string{"title": in.Title, "body": in.Body})
	if err != nil {
		return issue{}, err
	}
	target := "/repos/" + url.PathEscape(in.Owner) + "/" + url.PathEscape(in.Repo) + "/issues"
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, target, bytes.NewReader(body))
	if err != nil {
		return issue{}, err
	}
	req.Header.Set("Content-Type", "application/json")
	resp, err := call.HTTPClient().Do(req)
	if err != nil {
		return issue{}, err
	}
	defer func() { _ = resp.Body.Close() }() // of a body that was read
	if err := functions.Check(resp); err != nil {
		return issue{}, err
	}
	var made issue
	err = json.NewDecoder(resp.Body).Decode(&made)
	return made, err
}
