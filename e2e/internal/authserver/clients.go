package authserver

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/rand"
	"crypto/rsa"
	"encoding/json"
	"errors"
	"net/http"
	"sync"

	"github.com/go-jose/go-jose/v3"
	"github.com/ory/fosite"
)

// newClient is the client that is there from the start.
func newClient(id string, secretHash []byte, o Options) (fosite.Client, error) {
	c := &fosite.DefaultClient{
		ID: id, Secret: secretHash, RedirectURIs: []string{o.RedirectURI},
		GrantTypes:    fosite.Arguments{"authorization_code", "refresh_token", "client_credentials"},
		ResponseTypes: fosite.Arguments{"code"},
		Scopes:        fosite.Arguments{"read", "write"},
	}
	if o.ClientKey == nil {
		return c, nil
	}
	alg, err := algorithm(o.ClientKey)
	c.Secret = nil
	return &fosite.DefaultOpenIDConnectClient{
		DefaultClient: c, TokenEndpointAuthMethod: "private_key_jwt", TokenEndpointAuthSigningAlgorithm: alg,
		JSONWebKeys: &jose.JSONWebKeySet{Keys: []jose.JSONWebKey{{Key: o.ClientKey, KeyID: KeyID, Use: "sig"}}},
	}, err
}

// KeyID is the ID under which the server knows the client's key.
const KeyID = "the-one"

func algorithm(key crypto.PublicKey) (string, error) {
	switch key.(type) {
	case *rsa.PublicKey:
		return "RS256", nil
	case *ecdsa.PublicKey:
		return "ES256", nil
	}
	return "", errors.New("no algorithm for a key of this type")
}

// registry holds the clients that registered themselves. The zero value is ready.
type registry struct {
	mu      sync.Mutex
	clients map[string]*fosite.DefaultClient
}

func (r *registry) get(id string) fosite.Client {
	r.mu.Lock()
	defer r.mu.Unlock()
	if c, ok := r.clients[id]; ok {
		return c
	}
	return nil
}

func (r *registry) put(c *fosite.DefaultClient) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.clients == nil {
		r.clients = map[string]*fosite.DefaultClient{}
	}
	r.clients[c.ID] = c
}

// Registered is how many clients registered themselves.
func (s *Server) Registered() int {
	s.clients.mu.Lock()
	defer s.clients.mu.Unlock()
	return len(s.clients.clients)
}

// register makes a public client of everybody who asks (RFC 7591 section 3).
func (s *Server) register(w http.ResponseWriter, r *http.Request) {
	var asked struct {
		RedirectURIs  []string `json:"redirect_uris"`
		GrantTypes    []string `json:"grant_types"`
		ResponseTypes []string `json:"response_types"`
		AuthMethod    string   `json:"token_endpoint_auth_method"`
	}
	w.Header().Set("Content-Type", "application/json")
	err := json.NewDecoder(http.MaxBytesReader(w, r.Body, 1<<20)).Decode(&asked)
	if err != nil || len(asked.RedirectURIs) == 0 || asked.AuthMethod != "none" {
		w.WriteHeader(http.StatusBadRequest)
		_ = json.NewEncoder(w).Encode(map[string]string{"error": "invalid_client_metadata"})
		return
	}
	c := &fosite.DefaultClient{
		ID: "registered-" + rand.Text(), RedirectURIs: asked.RedirectURIs, GrantTypes: asked.GrantTypes,
		ResponseTypes: asked.ResponseTypes, Scopes: fosite.Arguments{"read", "write"}, Public: true,
	}
	s.clients.put(c)
	w.WriteHeader(http.StatusCreated)
	_ = json.NewEncoder(w).Encode(map[string]any{
		"client_id": c.ID, "redirect_uris": asked.RedirectURIs, "grant_types": asked.GrantTypes,
		"response_types": asked.ResponseTypes, "token_endpoint_auth_method": "none",
	})
}
