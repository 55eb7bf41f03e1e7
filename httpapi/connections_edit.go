package httpapi

import (
	"net/http"

	"github.com/tieline/tieline"
)

func (s *server) updateConnection(w http.ResponseWriter, r *http.Request) error {
	key, id, err := connectionName(r, readQuery(r.URL.Query()))
	if err != nil {
		return err
	}
	o, err := readBody(r)
	if err != nil {
		return err
	}
	user := readEndUser(o, false)
	tags, hasTags := readTags(o, "tags")
	webhook, hasWebhook := s.readWebhookURL(o)
	o.strict()
	if err := o.err("invalid_body"); err != nil {
		return err
	}
	_, err = s.client.Connections.Update(r.Context(), key, id, func(c *tieline.Connection) error {
		if user != nil {
			withOrganization := *user
			if c.EndUser != nil && c.EndUser.ID == user.ID {
				withOrganization.Organization = c.EndUser.Organization // there is no way to say it here
			}
			c.EndUser = &withOrganization
		}
		if hasTags {
			c.Tags = allTags(user, nil, tags)
		}
		if hasWebhook {
			c.WebhookURL = webhook
		}
		return nil
	})
	if err != nil {
		return connectionProblem(missing(err, errNoConnection), connectionFields())
	}
	writeJSON(w, http.StatusOK, map[string]bool{"success": true})
	return nil
}

func (s *server) deleteConnection(w http.ResponseWriter, r *http.Request) error {
	key, id, err := connectionName(r, readQuery(r.URL.Query()))
	if err != nil {
		return err
	}
	err = s.client.Connections.Delete(r.Context(), key, id, tieline.DeleteOptions{})
	if err != nil {
		return missing(err, &problem{status: http.StatusNotFound, code: "unknown_connection", message: "Failed to find connection"})
	}
	writeJSON(w, http.StatusOK, map[string]bool{"success": true})
	return nil
}
