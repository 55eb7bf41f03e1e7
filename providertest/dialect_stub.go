package providertest

import "net/url"

func (d *Dialect) billLogin(h *hit) Answer     { return Answer{} }
func (d *Dialect) oauth1Request(h *hit) Answer { return Answer{} }
func (d *Dialect) oauth1Access(h *hit) Answer  { return Answer{} }
func (d *Dialect) register(h *hit) Answer      { return Answer{} }
func (d *Dialect) planApp()                    {}
func (d *Dialect) planSTS()                    {}
func (d *Dialect) planDiscovery()              {}
func (d *Dialect) planTwoStep()                {}
func (d *Dialect) inventAnswers()              {}
func (d *Dialect) issuer() string              { return "" }
func (d *Dialect) challenge() Answer           { return Answer{} }

var resourceScopes []string

func (d *Dialect) visitOAuth1(raw string) (url.Values, error)           { return nil, nil }
func (d *Dialect) visitInstallation(raw string) (url.Values, error)     { return nil, nil }
func (d *Dialect) visitPlugin(raw string) (url.Values, error)           { return nil, nil }
func (d *Dialect) checkAssertionClient(h *hit, p url.Values, id string) {}
func (d *Dialect) signedAPI(h *hit) (*issued, []string)                 { return nil, nil }
func (d *Dialect) sigV4API(h *hit) (*issued, []string)                  { return nil, nil }
func (d *Dialect) selfMade(*hit, *view, placement) (*issued, []string)  { return nil, nil }
func (d *Dialect) sigV4Header(h *hit, v *view, t string) []string       { return nil }
