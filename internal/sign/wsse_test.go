package sign

import (
	"strings"
	"testing"
	"time"
)

func TestWSSE(t *testing.T) {
	t.Parallel()
	at := time.Date(2014, 3, 20, 14, 51, 45, 7_999_999, time.FixedZone("", 2*3600))
	// printf '%s' 'd36e3162829ed4c89851497a717f2014-03-20T12:51:45.007Zcustomersecret01' |
	//   sha1sum | cut -c1-40 | tr -d '\n' | base64 -w0
	const want = `UsernameToken Username="customer001", PasswordDigest="MzY3MmMzYTFkYWQxMTc5NWRiN2Y0MjhhZWJkMjgwNjE1YThlNDQ0Zg==", ` +
		`Nonce="d36e3162829ed4c89851497a717f", Created="2014-03-20T12:51:45.007Z"`
	got, err := WSSE("customer001", "customersecret01", "d36e3162829ed4c89851497a717f", at)
	if got != want || err != nil {
		t.Errorf("%v\n got %s\nwant %s", err, got, want)
	}
	if got, err := WSSE(`a"b\`, "p", "n", at); err != nil || !strings.Contains(got, ` Username="a\"b\\", `) {
		t.Errorf("quotes: %s, %v", got, err)
	}
	for name, args := range map[string][3]string{
		"user name": {"", "p", "n"}, "password": {"u", "", "n"}, "nonce": {"u", "p", ""},
		"control character": {"u\n", "p", "n"}, "nonce has a control": {"u", "p", "n\r\nX: y"},
	} {
		if got, err := WSSE(args[0], args[1], args[2], at); err == nil || !strings.Contains(err.Error(), name) || got != "" {
			t.Errorf("%s: %q, %v", name, got, err)
		}
	}
	if _, err := WSSE("u", "p", "n", time.Time{}); err == nil {
		t.Error("no time: no error")
	}
}
