package sdk

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"strings"
	"testing"

	"google.golang.org/api/drive/v3"
	"google.golang.org/api/googleapi"
	"google.golang.org/api/option"

	"github.com/tieline/tieline"
)

const driveProxy = "    retry: {after: [retry-after]}\n"

func newDrive(t *testing.T, api http.HandlerFunc) (*stub, *app, *drive.Service) {
	t.Helper()
	s := newStub(t, api)
	a := newApp(t, s, "google-drive", driveProxy)
	service, err := drive.NewService(t.Context(), option.WithHTTPClient(a.http()), option.WithEndpoint(s.URL+"/drive/v3/"))
	if err != nil {
		t.Fatal(err)
	}
	return s, a, service
}

// uploads is the side of the API that takes files in pieces: the first request names
// the file and is told where the content goes.
type uploads struct {
	t       *testing.T
	stub    *stub
	content bytes.Buffer
	pieces  int
	taken   func(piece int) // called when a piece was
}

const uploadPath = "/upload/drive/v3/files"

func (u *uploads) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.URL.Query().Get("upload_id") == "" {
		if r.URL.Path != uploadPath || r.URL.Query().Get("uploadType") != "resumable" || r.Header.Get("X-Upload-Content-Type") != "video/mp4" {
			u.t.Errorf("%s %s %v", r.Method, r.URL, r.Header)
		}
		w.Header().Set("Location", u.stub.URL+uploadPath+"?uploadType=resumable&upload_id=u1")
		w.WriteHeader(http.StatusOK)
		return
	}
	var first, last int
	total := "*"
	if n, err := fmt.Sscanf(r.Header.Get("Content-Range"), "bytes %d-%d/%s", &first, &last, &total); n != 3 || first != u.content.Len() {
		u.t.Errorf("Content-Range: %q (%v), after %d bytes", r.Header.Get("Content-Range"), err, u.content.Len())
		answer(w, http.StatusBadRequest, `{"error":{"code":400}}`)
		return
	}
	u.pieces++
	if n, err := io.Copy(&u.content, r.Body); err != nil || int(n) != last+1-first {
		u.t.Errorf("a piece of %d bytes: %v", n, err)
	}
	u.taken(u.pieces)
	if total == "*" {
		w.Header().Set("X-Http-Status-Code-Override", "308")
		w.Header().Set("Range", fmt.Sprint("bytes=0-", u.content.Len()-1))
		w.WriteHeader(http.StatusOK)
		return
	}
	answer(w, http.StatusOK, `{"id":"f1","name":"film"}`)
}

// content is something that no compression makes shorter.
func content(n int) []byte {
	b := make([]byte, n)
	_, _ = rand.NewChaCha8([32]byte{1}).Read(b)
	return b
}

// A token that ends during an upload in pieces is renewed once, and the upload goes
// on: before the next piece, or after that was refused.
func TestDriveUpload(t *testing.T) {
	t.Parallel()
	const pieces = 8
	want := content((pieces-1)*googleapi.MinUploadChunkSize + 1000)
	for name, tt := range map[string]struct {
		ends    func(*app, *stub)
		refused int
	}{
		"it expires":    {func(a *app, _ *stub) { a.expire() }, 0},
		"it is revoked": {(*app).revoke, 1},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			u := &uploads{t: t}
			s, a, service := newDrive(t, u.ServeHTTP)
			u.stub = s
			u.taken = func(piece int) {
				if piece == 3 {
					tt.ends(a, s)
				}
			}
			file, err := service.Files.Create(&drive.File{Name: "film"}).
				Media(io.MultiReader(bytes.NewReader(want)), googleapi.ChunkSize(googleapi.MinUploadChunkSize), googleapi.ContentType("video/mp4")).
				Context(t.Context()).Do()
			if err != nil || file.Id != "f1" {
				t.Fatalf("Do = %+v, %v", file, err)
			}
			if !bytes.Equal(u.content.Bytes(), want) || u.pieces != pieces {
				t.Errorf("%d other bytes arrived in place of %d, in %d pieces", u.content.Len(), len(want), u.pieces)
			}
			s.want(1+pieces+tt.refused, 1)
		})
	}
}

// A small file goes in one request, which is made again after a 401.
func TestDriveSmallUpload(t *testing.T) {
	t.Parallel()
	s, a, service := newDrive(t, func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if r.URL.Query().Get("uploadType") != "multipart" || err != nil || !strings.Contains(string(body), "small content") {
			t.Errorf("%s %q, %v", r.URL, body, err)
		}
		answer(w, http.StatusOK, `{"id":"f2"}`)
	})
	a.revoke(s)
	file, err := service.Files.Create(&drive.File{Name: "note"}).Media(strings.NewReader("small content")).Do()
	if err != nil || file.Id != "f2" {
		t.Errorf("Do = %v, %v", file, err)
	}
	s.want(2, 1)
}

// A download comes whole, also after a 401, and in part if so asked.
func TestDriveDownload(t *testing.T) {
	t.Parallel()
	want := content(3 << 20)
	s, a, service := newDrive(t, func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/drive/v3/files/f1" || r.URL.Query().Get("alt") != "media" {
			t.Errorf("%s", r.URL)
		}
		if r.Header.Get("Range") == "bytes=100-299" {
			w.WriteHeader(http.StatusPartialContent)
			_, _ = w.Write(want[100:300])
			return
		}
		_, _ = w.Write(want)
	})
	a.revoke(s)
	download := func(part string, want []byte) {
		t.Helper()
		call := service.Files.Get("f1").Context(t.Context())
		if part != "" {
			call.Header().Set("Range", part)
		}
		resp, err := call.Download()
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		secretless(t, err, resp)
		sum := sha256.New()
		if n, err := io.Copy(sum, resp.Body); err != nil || [32]byte(sum.Sum(nil)) != sha256.Sum256(want) {
			t.Errorf("%d bytes, %v", n, err)
		}
	}
	download("", want)
	download("bytes=100-299", want[100:300])
	s.want(3, 1)
}

// The API's errors are the SDK's own, those of the connection are found in them, and
// none shows a token.
func TestDriveErrors(t *testing.T) {
	t.Parallel()
	s, a, service := newDrive(t, func(w http.ResponseWriter, _ *http.Request) {
		answer(w, http.StatusForbidden, `{"error":{"code":403,"message":"User rate limit exceeded.","errors":[{"domain":"usageLimits","reason":"userRateLimitExceeded"}]}}`)
	})
	get := func(ctx context.Context) error {
		_, err := service.Files.Get("f1").Context(ctx).Do()
		secretless(t, err, nil)
		return err
	}
	var refused *googleapi.Error
	if err := get(t.Context()); !errors.As(err, &refused) || refused.Code != http.StatusForbidden || len(refused.Errors) != 1 || refused.Errors[0].Reason != "userRateLimitExceeded" {
		t.Errorf("Do = %v", err)
	}
	s.want(1, 0)
	canceled, cancel := context.WithCancel(t.Context())
	cancel()
	if err := get(canceled); !errors.Is(err, context.Canceled) {
		t.Errorf("Do = %v", err)
	}
	s.mu.Lock()
	s.refuses = true
	s.mu.Unlock()
	a.expire()
	if err := get(t.Context()); !errors.Is(err, tieline.ErrReauthRequired) {
		t.Errorf("Do = %v", err)
	}
	if sent := s.requests(); len(sent) != 1 {
		t.Errorf("sent %d requests", len(sent))
	}
}
