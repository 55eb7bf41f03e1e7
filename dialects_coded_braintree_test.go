package tieline

import (
	"errors"
	"fmt"
	"html"
	"net/http"
	"net/url"
	"testing"
	"time"

	"github.com/tieline/tieline/providertest"
)

// braintree is the gateway as the vendor's SDK for Node talks to it: JSON in, XML out.
func braintree(d *providertest.Dialect) {
	want := func(f request) request {
		return func(in providertest.Inputs) wantedCall {
			w := asJSON(lacking(f, "client_id", "client_secret", "redirect_uri"))(in)
			w.basic = in.ClientID + ":" + in.ClientSecret
			w.header = map[string]string{"Accept": "application/xml", "X-ApiVersion": "6"}
			return w
		}
	}
	(&codedSpec{plain: true, unsaid: true, first: want(formFirst), again: want(formAgain), answer: braintreeAnswer, life: 24 * time.Hour}).play(d)
}

func braintreeAnswer(c *codedProvider, _ bool, access, refresh string) (int, any) {
	return http.StatusCreated, fmt.Sprintf(`<?xml version="1.0" encoding="UTF-8"?>
<credentials>
  <access-token>%s</access-token>
  <refresh-token>%s</refresh-token>
  <token-type>bearer</token-type>
  <expires-at type="datetime">%s</expires-at>
</credentials>`, html.EscapeString(access), html.EscapeString(refresh), c.until.UTC().Format(time.RFC3339))
}

// A grant that the gateway does not know any more is over, though its status says only
// that the request cannot be processed.
func TestCodedBraintreeGrantIsDead(t *testing.T) {
	t.Parallel()
	entries := referenceEntries(t)
	catalog, _ := LoadCatalog(CatalogFile{Name: "providers.yaml", Data: referenceFile(t)})
	again(t, catalog, "braintree", entries["braintree"], func(t *testing.T, w *dialectWorld) {
		before, err := w.Connections.Credential(t.Context(), "key", "alice")
		if err != nil {
			t.Fatal(err)
		}
		w.provider.Override.Refresh = func(*http.Request, url.Values) (int, any) {
			return http.StatusUnprocessableEntity, `<?xml version="1.0" encoding="UTF-8"?><api-error-response><errors><errors type="array"/>` +
				`<credentials><errors type="array"><error><code>93801</code><attribute type="symbol">code</attribute></error></errors></credentials></errors></api-error-response>`
		}
		w.provider.Expire()
		time.Sleep(time.Until(before.Expiry()) + time.Second)
		if _, err := w.Connections.Credential(t.Context(), "key", "alice"); !errors.Is(err, ErrReauthRequired) {
			t.Errorf("%v, want that the user has to authorize again", err)
		}
	})
}
