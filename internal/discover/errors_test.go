package discover

import (
	"errors"
	"testing"

	"github.com/tieline/tieline/internal/outbound"
)

func TestErrorText(t *testing.T) {
	t.Parallel()
	_, err := AuthorizationServer(t.Context(), newWeb(t, map[string]answer{atOAuth: {err: outbound.ErrForbidden}}), issuer, Options{})
	want := "authorization server metadata: no whole answer: " + outbound.ErrForbidden.Error()
	if err == nil || err.Error() != want {
		t.Errorf("%v, want %s", err, want)
	}
	_, err = AuthorizationServer(t.Context(), newWeb(t, map[string]answer{atOAuth: {body: metadata(map[string]any{"token_endpoint": "/t"})}}), issuer, Options{})
	want = "authorization server metadata: URL not allowed (token_endpoint), status 200"
	if err == nil || err.Error() != want {
		t.Errorf("%v, want %s", err, want)
	}
	if errors.Is(err, ErrNone) || !errors.Is(err, ErrURL) {
		t.Error("the sentinel is not told apart from others")
	}
}
