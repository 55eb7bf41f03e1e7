package oauth

import (
	"io"
	"net/http"
	"strconv"
	"testing"
)

// What is signed is what is sent, and what cannot be signed is not sent.
func TestSign(t *testing.T) {
	t.Parallel()
	for _, format := range []Format{Form, JSON, Query} {
		body, signed, sent := "", "", 0
		u, _ := server(t, func(w http.ResponseWriter, r *http.Request) {
			b, _ := io.ReadAll(r.Body)
			body, sent = string(b), sent+1
			if r.Header.Get("Length") != strconv.Itoa(len(b)) || r.ContentLength != int64(len(b)) {
				t.Errorf("%s: the signature is %q, the length %d of %d", format, r.Header.Get("Length"), r.ContentLength, len(b))
			}
			_, _ = io.WriteString(w, `{"access_token":"AT"}`)
		})
		call := refresh(u)
		call.Format = format
		call.Sign = func(b []byte, h http.Header) error {
			signed = string(b)
			h.Set("Length", strconv.Itoa(len(b)))
			return nil
		}
		if _, failure := Send(t.Context(), transport(t), call, now); failure != nil || signed != body || sent != 1 {
			t.Errorf("%s: %v; signed %q, sent %q", format, failure, signed, body)
		}
		call.Sign = func([]byte, http.Header) error { return io.ErrNoProgress }
		if _, failure := Send(t.Context(), transport(t), call, now); failure == nil || failure.Class != Config || sent != 1 {
			t.Errorf("%s: %v, sent %d times", format, failure, sent)
		}
	}
}
