package oauth

import (
	"io"
	"net/http"
	"testing"
)

var (
	zeros    = Success{Path: "result", Test: TestEquals, Want: "0000"}
	saysOK   = Success{Path: "ok", Test: TestEquals, Want: "true"}
	codeZero = Success{Path: "data.code", Test: TestEquals, Want: "0"}
)

var successTable = []struct {
	name    string
	rule    Success
	noToken bool
	status  int // 0: 200
	body    string
	rules   []Rule
	class   Class // empty: success
	code    string
	refresh string // that comes out, also of a failure
}{
	{name: "equal", rule: zeros, body: `{"result":"0000","access_token":"AT"}`},
	{name: "another value is the code", rule: zeros, body: `{"result":"5001","access_token":"AT"}`, class: Ambiguous, code: "5001"},
	{name: "a rule for that code", rule: zeros, body: `{"result":"5001"}`, rules: []Rule{{Code: "5001", Class: Permanent}}, class: Permanent, code: "5001"},
	{name: "another spelling of a number", rule: zeros, body: `{"result":0,"access_token":"AT"}`, class: Ambiguous, code: "0"},
	{name: "a number", rule: codeZero, body: `{"data":{"code":0},"access_token":"AT"}`},
	{name: "nothing there", rule: zeros, body: `{"access_token":"AT"}`, class: Ambiguous},
	{name: "a new refresh token beside a failure", rule: zeros, body: `{"result":"9","access_token":"AT","refresh_token":"RT2"}`, class: Ambiguous, code: "9", refresh: "RT2"},
	{name: "the sent refresh token beside a failure", rule: zeros, body: `{"result":"9","refresh_token":"RT-sent-before"}`, class: Ambiguous, code: "9"},
	{name: "a sentence is no code", rule: zeros, body: `{"result":"it did not work"}`, class: Ambiguous},
	{name: "a bad status all the same", rule: zeros, status: 400, body: `{"result":"0000","access_token":"AT"}`, class: Ambiguous},
	{name: "a bad status and a code of its own", rule: zeros, status: 400, body: `{"result":"1","error":"invalid_grant"}`, class: Permanent, code: "invalid_grant"},

	{name: "the only good status", rule: Success{Status: 201}, status: 201, body: `{"access_token":"AT"}`},
	{name: "another good status", rule: Success{Status: 201}, status: 200, body: `{"access_token":"AT"}`, class: Ambiguous},
	{name: "the only good status and another value", rule: Success{Status: 201, Path: "ok", Test: TestEquals, Want: "true"}, status: 201, body: `{"ok":false,"access_token":"AT"}`, class: Ambiguous, code: "false"},
	{name: "a new refresh token at another good status", rule: Success{Status: 201}, status: 202, body: `{"access_token":"AT","refresh_token":"RT2"}`, class: Ambiguous, refresh: "RT2"},
	{name: "a prolongation at another good status", rule: Success{Status: 201}, noToken: true, status: 200, class: Ambiguous},

	{name: "Slack says yes", rule: saysOK, body: `{"ok":true,"access_token":"AT"}`},
	{name: "Slack says no", rule: saysOK, body: `{"ok":false,"error":"token_revoked"}`, class: Permanent, code: "token_revoked"},
	{name: "Slack says no beside a token", rule: saysOK, body: `{"ok":false,"error":"token_revoked","access_token":"AT"}`, class: Permanent, code: "token_revoked"},
	{name: "Slack says no without a reason", rule: saysOK, body: `{"ok":false}`, class: Ambiguous, code: "false"},
	{name: "Slack, without a rule", body: `{"ok":false,"error":"invalid_auth"}`, class: Ambiguous, code: "invalid_auth"},

	{name: "not equal", rule: Success{Path: "status", Test: TestNotEquals, Want: "error"}, body: `{"status":"fine","access_token":"AT"}`},
	{name: "not equal, absent", rule: Success{Path: "status", Test: TestNotEquals, Want: "error"}, body: `{"access_token":"AT"}`},
	{name: "equal to what it must not be", rule: Success{Path: "status", Test: TestNotEquals, Want: "error"}, body: `{"status":"error","access_token":"AT"}`, class: Ambiguous, code: "error"},
	{name: "present", rule: Success{Path: "data.user", Test: TestPresent}, body: `{"data":{"user":{"id":1}},"access_token":"AT"}`},
	{name: "present but empty", rule: Success{Path: "data.user", Test: TestPresent}, body: `{"data":{"user":{}},"access_token":"AT"}`, class: Ambiguous},
	{name: "present but false", rule: Success{Path: "ok", Test: TestPresent}, body: `{"ok":false,"access_token":"AT"}`, class: Ambiguous, code: "false"},
	{name: "absent", rule: Success{Path: "errors", Test: TestAbsent}, body: `{"errors":[],"access_token":"AT"}`},
	{name: "absent, but there", rule: Success{Path: "errors", Test: TestAbsent}, body: `{"errors":[{"code":1}],"access_token":"AT"}`, class: Ambiguous},
	{name: "no such test", rule: Success{Path: "ok", Test: "like"}, body: `{"ok":true,"access_token":"AT"}`, class: Ambiguous, code: "true"},

	{name: "equal to nothing", rule: Success{Path: "error", Test: TestEquals}, body: `{"error":"","access_token":"AT"}`},
	{name: "equal to nothing, absent", rule: Success{Path: "error", Test: TestEquals}, body: `{"access_token":"AT"}`, class: Ambiguous},
	{name: "not a single value", rule: Success{Path: "error", Test: TestEquals}, body: `{"error":{},"access_token":"AT"}`, class: Ambiguous},
	{name: "within a string", rule: zeros, body: `"{\"result\":\"1\",\"access_token\":\"AT\"}"`, class: Ambiguous, code: "1"},
	{name: "true in a list", rule: saysOK, body: `[{"ok":true,"access_token":"AT"}]`},
	{name: "in a list", rule: zeros, body: `[{"result":"0000","access_token":"AT"}]`},
	{name: "in a list, no", rule: zeros, body: `[{"result":"1","access_token":"AT"}]`, class: Ambiguous, code: "1"},
	{name: "torn, and said before", rule: zeros, body: `{"result":"1","access_token":"AT","x":`, class: Ambiguous, code: "1"},
	{name: "torn, before it was said", rule: zeros, body: `{"access_token":"AT","resu`},

	{name: "prolonged", rule: zeros, noToken: true, body: `{"result":"0000"}`},
	{name: "prolonged with a new refresh token", rule: zeros, noToken: true, body: `{"result":"0000","refresh_token":"RT2"}`, refresh: "RT2"},
	{name: "prolonged, with an error of 0", rule: zeros, noToken: true, body: `{"result":"0000","error":0}`},
	{name: "not prolonged", rule: zeros, noToken: true, body: `{"result":"1"}`, class: Ambiguous, code: "1"},
	{name: "prolonged by the status alone", noToken: true, body: ``},
	{name: "prolonged by the status, with something to read", noToken: true, body: `{"message":"OK"}`},
	{name: "an error is no prolongation", noToken: true, body: `{"error":"invalid_grant"}`, class: Permanent, code: "invalid_grant"},
	{name: "a page is no prolongation", noToken: true, body: `<html>`, class: Ambiguous},
	{name: "a refused prolongation", noToken: true, status: 401, class: Config},
	{name: "no token where one is needed", rule: zeros, body: `{"result":"0000"}`, class: Ambiguous},
}

func TestSuccess(t *testing.T) {
	t.Parallel()
	for _, tt := range successTable {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			u, _ := server(t, func(w http.ResponseWriter, _ *http.Request) {
				if tt.status != 0 {
					w.WriteHeader(tt.status)
				}
				_, _ = io.WriteString(w, tt.body)
			})
			call := refresh(u)
			call.Success, call.NoToken, call.Rules = tt.rule, tt.noToken, tt.rules
			call.Params["refresh_token"] = "RT-sent-before"
			answer, failure := Send(t.Context(), transport(t), call, now)
			got := Error{}
			if failure != nil {
				got = *failure
			}
			if got.Class != tt.class || got.Code != tt.code {
				t.Errorf("%q with code %q, want %q with %q", got.Class, got.Code, tt.class, tt.code)
			}
			token := ""
			if answer != nil {
				token = answer.RefreshToken
			}
			if token != tt.refresh {
				t.Errorf("refresh token %q, want %q", token, tt.refresh)
			}
			if failure == nil && !tt.noToken && answer.AccessToken != "AT" {
				t.Errorf("a success without a token: %+v", answer)
			}
		})
	}
}

func TestNotifyAsksForSuccess(t *testing.T) {
	t.Parallel()
	for body, want := range map[string]bool{`{"result":"0000"}`: true, `{"result":"0000","error":"0"}`: true, `{"result":"1"}`: false, `{}`: false, `[]`: false} {
		u, _ := server(t, func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, body) })
		call := refresh(u)
		call.Success = zeros
		if failure := Notify(t.Context(), transport(t), call, now); (failure == nil) != want {
			t.Errorf("%s: %v", body, failure)
		}
	}
}

// What stands at the path of a success is no code if it is what was sent.
func TestSuccessShowsNoSecret(t *testing.T) {
	t.Parallel()
	u, _ := server(t, func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, `{"result":"RT-canary"}`) })
	call := refresh(u)
	call.Params["refresh_token"], call.Success = "RT-canary", zeros
	if _, failure := Send(t.Context(), transport(t), call, now); failure == nil || failure.Code != "" {
		t.Errorf("failure %v with the code %q", failure, failure.Code)
	}
}
