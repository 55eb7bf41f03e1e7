package httpapi

import (
	"encoding/json"
	"errors"
	"net/http"

	"github.com/tieline/tieline"
)

func (s *server) providerRoutes() []route {
	return []route{
		{method: "GET", pattern: "/health", serve: s.health},
		{method: "GET", pattern: "/ready", serve: s.ready},
		{method: "GET", pattern: "/providers.json", serve: s.allProviders},
		{method: "GET", pattern: "/providers", access: keyOrSession, jsonOnly: true, serve: s.listProviders},
		{method: "GET", pattern: "/providers/{provider}", access: keyOrSession, jsonOnly: true, serve: s.getProvider},
		{method: "GET", pattern: "/providers/{provider}/templates", access: keyOnly, jsonOnly: true, serve: s.listTemplates},
	}
}

func (s *server) health(w http.ResponseWriter, _ *http.Request) error {
	writeJSON(w, http.StatusOK, map[string]string{"result": "ok"})
	return nil
}

// ready asks the Store: a service without its Store can do nothing.
func (s *server) ready(w http.ResponseWriter, r *http.Request) error {
	if _, err := s.client.Integrations.List(r.Context(), "", 1); err != nil && !errors.Is(err, tieline.ErrDamaged) && !errors.Is(err, tieline.ErrUnknownKey) {
		s.log.WarnContext(r.Context(), "not ready", "request_id", requestID(r.Context()), "error", err.Error())
		return &problem{status: http.StatusServiceUnavailable, code: "not_ready", message: "The store does not answer"}
	}
	writeJSON(w, http.StatusOK, map[string]string{"result": "ok"})
	return nil
}

// providerJSON is an entry as it is written, with its name and logo.
func (s *server) providerJSON(p tieline.Provider) (map[string]json.RawMessage, error) {
	entry := map[string]json.RawMessage{}
	if err := json.Unmarshal(p.JSON(), &entry); err != nil {
		return nil, err
	}
	for name, value := range map[string]string{"name": p.Name, "logo_url": s.logo(p.Name), "display_name": p.DisplayName} {
		text, err := json.Marshal(value)
		if err != nil {
			return nil, err
		}
		entry[name] = text
	}
	return entry, nil
}

func (s *server) listProviders(w http.ResponseWriter, r *http.Request) error {
	q := readQuery(r.URL.Query())
	search, _ := q.optionalText("search")
	q.strict()
	if err := q.err("invalid_query_params"); err != nil {
		return err
	}
	data := []map[string]json.RawMessage{}
	for p := range s.client.Providers.Search(search) {
		entry, err := s.providerJSON(p)
		if err != nil {
			return err
		}
		data = append(data, entry)
	}
	writeJSON(w, http.StatusOK, map[string]any{"data": data})
	return nil
}

func (s *server) getProvider(w http.ResponseWriter, r *http.Request) error {
	name, err := providerInPath(r)
	if err != nil {
		return err
	}
	p, err := s.client.Providers.Get(name)
	if errors.Is(err, tieline.ErrUnknownProvider) {
		return notFound("Unknown provider %s", name)
	}
	if err != nil {
		return err
	}
	entry, err := s.providerJSON(p)
	if err != nil {
		return err
	}
	writeJSON(w, http.StatusOK, map[string]any{"data": entry})
	return nil
}

// listTemplates are the function templates of a provider, of which there are none.
func (s *server) listTemplates(w http.ResponseWriter, r *http.Request) error {
	if _, err := providerInPath(r); err != nil {
		return err
	}
	writeJSON(w, http.StatusOK, map[string]any{"data": []any{}})
	return nil
}

// providerInPath is the {provider} of a path, of a request that has no query.
func providerInPath(r *http.Request) (string, error) {
	q := readQuery(r.URL.Query())
	q.strict()
	if err := q.err("invalid_query_params"); err != nil {
		return "", err
	}
	path := newObject(map[string]any{"provider": r.PathValue("provider")}, nil)
	name := path.text("provider", matching(patternProvider), maxLength(maxName))
	return name, path.err("invalid_uri_params")
}

// allProviders is the whole catalog by name.
func (s *server) allProviders(w http.ResponseWriter, _ *http.Request) error {
	all := map[string]json.RawMessage{}
	for p := range s.client.Providers.All() {
		all[p.Name] = p.JSON()
	}
	writeJSON(w, http.StatusOK, all)
	return nil
}
