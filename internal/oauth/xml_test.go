package oauth

import (
	"testing"
	"time"
)

// An answer in XML is read where the data says, and a page is none.
func TestParseXML(t *testing.T) {
	t.Parallel()
	f := Fields{
		AccessToken: "credentials.access-token", RefreshToken: "credentials.refresh-token", ExpiresAt: "credentials.expires-at.#text",
		Error: "api-error-response.errors.credentials.errors.error.code",
	}
	at := time.Date(2030, 1, 1, 0, 0, 0, 0, time.UTC)
	a := Parse([]byte("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<credentials><access-token>AT</access-token><refresh-token>RT</refresh-token>"+
		"<expires-at type=\"datetime\">2030-01-02T00:00:00Z</expires-at></credentials>"), f, at)
	if a.AccessToken != "AT" || a.RefreshToken != "RT" || a.ExpiresAt.Sub(at) != 24*time.Hour || a.Torn || a.Raw == nil {
		t.Errorf("%+v", a)
	}
	a = Parse([]byte(`<?xml version="1.0"?><api-error-response><errors><errors type="array"/><credentials><errors type="array"><error><code>93801</code></error></errors></credentials></errors></api-error-response>`), f, at)
	if a.ErrorCode != "93801" || a.AccessToken != "" {
		t.Errorf("an error: %+v", a)
	}
	for _, page := range []string{`<?xml version="1.0"?><html><body>no</body></html>`, `<?xml version="1.0"?><!DOCTYPE html><html/>`, `<?xml version="1.0"?><credentials><access-token>`} {
		if a := Parse([]byte(page), f, at); !a.Torn || a.Raw != nil {
			t.Errorf("%s: %+v", page, a)
		}
	}
}
