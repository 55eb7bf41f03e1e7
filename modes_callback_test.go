package tieline

import (
	"net/url"
	"strings"
)

type badCallback struct {
	change func(v url.Values)
	want   string // see typed
}

func without(name string) func(url.Values) { return func(v url.Values) { v.Del(name) } }

func with(name, value string) func(url.Values) { return func(v url.Values) { v.Set(name, value) } }

// badCallbacks are what may come back instead of a user.
func badCallbacks(e modeEntry) map[string]badCallback {
	long := strings.Repeat("x", 9000)
	out := map[string]badCallback{
		"denied": {with("error", "access_denied"), "authorization"},
	}
	switch e.mode {
	case ModeOAuth2, ModeMCPOAuth2, ModeMCPOAuth2Generic:
		out["no code"] = badCallback{without("code"), "field callback.code"}
		out["long code"] = badCallback{with("code", long), "field callback.code"}
		out["two codes"] = badCallback{func(v url.Values) { v["code"] = []string{"a", "b"} }, "field callback.code"}
		if e.mode == ModeMCPOAuth2Generic {
			out["another issuer"] = badCallback{with("iss", "https://evil.test"), "field callback.iss"}
			out["no code of another issuer"] = badCallback{func(v url.Values) { v.Del("code"); v.Set("iss", "https://evil.test") }, "field callback.iss"}
		}
	case ModeOAuth1:
		out["refused"] = badCallback{with("denied", "x"), "authorization"}
		out["no verifier"] = badCallback{without("oauth_verifier"), "field callback.oauth_verifier"}
		out["no token"] = badCallback{without("oauth_token"), "field callback.oauth_token"}
		out["another token"] = badCallback{with("oauth_token", "x"), "field callback.oauth_token"}
	case ModeApp:
		out["no installation"] = badCallback{without("installation_id"), "field callback.installation_id"}
		out["approval"] = badCallback{with("setup_action", "request"), "authorization"}
		for _, id := range []string{"1/../2", "1#", "1?x", "1@x", "1\n", "-1", "１", strings.Repeat("9", 21)} {
			out["installation "+id] = badCallback{with("installation_id", id), "field callback.installation_id"}
		}
	case ModeCustom:
		out["nothing"] = badCallback{func(v url.Values) { v.Del("code"); v.Del("installation_id") }, "field callback.installation_id"}
		out["installation with a path"] = badCallback{with("installation_id", "1/../2"), "field callback.installation_id"}
	case ModeInstallPlugin:
		out["no site"] = badCallback{without("website_id"), "field callback.website_id"}
	}
	return out
}
