package httpapi

import (
	"bytes"
	_ "embed" // for the document
	"encoding/json"
	"net/http"
)

// openAPIDocument describes the surface in the words of OpenAPI 3.1. A test compares
// it with the routes and with what their handlers read.
//
//go:embed openapi.json
var openAPIDocument []byte

func (s *server) openAPIRoutes() []route {
	return []route{{method: "GET", pattern: "/openapi.json", serve: s.openAPI}}
}

// openAPI serves the document, which says where this server is.
func (s *server) openAPI(w http.ResponseWriter, _ *http.Request) error {
	here, err := json.Marshal(s.options.PublicURL)
	if err != nil {
		return err
	}
	w.Header().Set("Content-Type", "application/json; charset=utf-8")
	_, _ = w.Write(bytes.Replace(openAPIDocument, []byte(`"url": "/"`), append([]byte(`"url": `), here...), 1)) // the caller is gone if this fails
	return nil
}
