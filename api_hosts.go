package tieline

import (
	"fmt"
	"net/netip"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/tieline/tieline/internal/outbound"
	"github.com/tieline/tieline/internal/template"
)

const maxAPIHosts = 50

// checkAPIHosts is the rule for [Integration.APIHosts]. It returns the hosts as they
// are stored.
func (c *core) checkAPIHosts(hosts []string) ([]string, error) {
	if len(hosts) > maxAPIHosts {
		return nil, &FieldError{Field: "api_hosts", Reason: fmt.Sprintf("has more than %d entries", maxAPIHosts)}
	}
	var out []string
	for i, h := range hosts {
		h = strings.ToLower(h)
		if reason := c.hostReason(h); reason != "" {
			return nil, &FieldError{Field: fmt.Sprintf("api_hosts[%d]", i), Reason: reason}
		}
		out = append(out, h)
	}
	return out, nil
}

// hostReason says what is wrong with a host in lower case, or "".
func (c *core) hostReason(host string) string {
	if at, err := netip.ParseAddrPort(host); err == nil {
		mine := slices.ContainsFunc(c.private, func(p netip.Prefix) bool { return p.Contains(at.Addr()) })
		if !at.Addr().IsLoopback() || !mine || at.String() != host {
			return "must be a host name; an address can only be a loopback one that Outbound.AllowPrivate has"
		}
		return ""
	}
	name, wild := strings.CutPrefix(host, "*.")
	_, err := netip.ParseAddr(name)
	switch {
	case !template.ValidHost(name) || err == nil:
		return "must be a host name, without a scheme, a port, a path or a final dot; it may begin with *."
	case !strings.Contains(name, "."):
		return "must have a domain"
	case wild && (template.HostUse{Suffix: "." + name}).ChoosesDomain():
		return "must not be for a whole top-level domain"
	}
	return ""
}

// listed says whether a request to target is to one of an integration's hosts.
func listed(hosts []string, target *url.URL) bool {
	if len(hosts) == 0 {
		return false
	}
	if target.Scheme == "https" && portOf(target) == "443" && outbound.MatchHost(hosts, target.Hostname()) {
		return true
	}
	addr, err := netip.ParseAddr(target.Hostname())
	port, perr := strconv.ParseUint(portOf(target), 10, 16)
	return err == nil && perr == nil && addr.IsLoopback() && slices.Contains(hosts, netip.AddrPortFrom(addr, uint16(port)).String())
}

// reaches says whether the credential may be sent to target: the origin of the base
// URL, which may be nil, or a host that the provider's data or the integration lists.
func (s *Subject) reaches(base, target *url.URL) bool {
	return base != nil && reaches(s.provider, base, target) || listed(s.integration.APIHosts, target)
}
