package httpapi

import (
	"errors"
	"net/http"
	"strings"

	"github.com/tieline/tieline"
)

// message is a page that says one thing: how a sign-in ended, or why there is
// nothing to do.
type message struct {
	Status      int
	Outcome     string // "connected", "pending", "error" or "notice"
	Title, Text string
	Code        string // of an error, for scripts and support
	Support     string // the request's ID, of an error that only the log explains
	Back        bool   // whether there is a page to go back to
	Base        string // from the page's path to the root

	Session, Integration, Connection string
	Origins                          string // JSON
}

// showPage answers with a message, in a page that tells the window which opened it.
func (s *server) showPage(w http.ResponseWriter, r *http.Request, m message) {
	m.Base = strings.Repeat("../", strings.Count(r.URL.Path, "/")-1)
	m.Origins = s.originList()
	if m.Status == 0 {
		m.Status = http.StatusOK
	}
	if err := s.render(w, m.Status, "message.html", m); err != nil {
		s.fail(w, r, err)
	}
}

func (s *server) connectedPage(conn tieline.Connection, session string) message {
	m := message{
		Outcome: "connected", Title: "Connected", Text: "Your account is connected. You can close this window.",
		Session: session, Integration: conn.Integration, Connection: conn.ID,
	}
	if conn.Status == tieline.StatusPending {
		m.Outcome, m.Title = "pending", "Waiting for approval"
		m.Text = "Somebody has to approve the installation at the provider. The connection starts to work then. You can close this window."
	}
	return m
}

// installedPage is for who installs an app at the provider without having begun here.
func installedPage() message {
	return message{
		Outcome: "notice", Title: "The app is installed",
		Text: "To connect it to your account, go back to the application that you want to use it with, and start from there.",
	}
}

// failPage answers a person with an error.
func (s *server) failPage(w http.ResponseWriter, r *http.Request, err error) {
	if r.Context().Err() != nil {
		return // nobody is there any more
	}
	m := s.explain(r, err)
	m.Outcome = "error"
	m.Back = s.pageToken(r) != "" && m.Code != errOtherUser.code && m.Code != errEnded.code
	s.showPage(w, r, m)
}

// explain says what went wrong in words for the person in front of the browser.
// Nothing of it comes from the provider but the code of its refusal.
func (s *server) explain(r *http.Request, err error) message {
	var refused *tieline.AuthorizationError
	var p *problem
	bad := func(code, title, text string) message {
		return message{Status: http.StatusBadRequest, Code: code, Title: title, Text: text}
	}
	switch {
	case errors.Is(err, tieline.ErrState):
		return bad("state", "This sign-in is no longer valid", "It was begun in another browser, has been finished already, or took too long. Nothing was connected. Please start again.")
	case errors.As(err, &refused) && refused.Code == "access_denied":
		return bad(refused.Code, "Nothing was connected", "Access was declined at the provider. You can try again whenever you like.")
	case errors.As(err, &refused):
		return bad(refused.Code, "The provider refused", "The provider did not grant access ("+refused.Code+"). Nothing was connected.")
	case errors.Is(err, tieline.ErrInvalid) && !errors.As(err, &p):
		return bad("callback_err", "The provider's answer could not be used", "Something in it was missing or not as it should be. Nothing was connected. Please start again.")
	}
	if !errors.As(connectProblem(err, "callback_err"), &p) {
		p = s.internal(r, err)
		return message{Status: p.status, Code: p.code, Title: "Something went wrong", Support: requestID(r.Context()),
			Text: "This is not your fault, and nothing was connected as far as we know. Please try again in a moment."}
	}
	title, text := problemText(p)
	return message{Status: p.status, Code: p.code, Title: title, Text: text}
}

// problemText is what a problem means to a person.
func problemText(p *problem) (title, text string) {
	switch p.code {
	case errSession.code, errSessionFormat.code:
		return "This link does not work", "It is not complete, has expired, or was withdrawn. Please ask for a new one where you got it."
	case errEnded.code:
		return "This link has expired", "Connect links work for 30 minutes. Please ask for a new one where you got it."
	case errNoLink.code, errNoHeader.code:
		return "Nothing to connect here", "Please open the link that you were given to connect an account."
	case errSessionUsed.code:
		return "Already connected", "This link was used to connect an account. To connect another one, please ask for a new link."
	case errOtherUser.code:
		return "This link is for somebody else", "You are signed in as another person than the one it was made for. Nothing was connected or shown."
	case errCrossOrigin.code:
		return "Please start on the connect page", "For your safety, a sign-in begins only with a click there."
	case "integration_not_allowed", "unknown_provider_config":
		return "This cannot be connected", "The link does not allow it, or it is not offered any more."
	case "invalid_auth_mode":
		return "This is connected another way", "Connections to this provider do not begin with a sign-in there."
	}
	if p.message != "" {
		return "Nothing was connected", p.message
	}
	return "This request cannot be used", "Something in it was missing or not as it should be. Nothing was connected."
}
