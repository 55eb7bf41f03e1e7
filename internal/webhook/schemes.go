package webhook

import (
	"bytes"
	_ "embed" // for the schemes
	"fmt"

	"gopkg.in/yaml.v3"
)

//go:embed schemes.yaml
var schemesYAML []byte

// Schemes returns what is known of providers, by name. It is read anew at each call, so
// that importing the package costs nothing and the caller may change what it gets.
func Schemes() (map[string]Scheme, error) {
	schemes, err := ReadSchemes(schemesYAML)
	if err != nil {
		return nil, fmt.Errorf("webhook: built-in schemes: %w", err)
	}
	return schemes, nil
}

// ReadSchemes reads schemes from YAML, a mapping of names. An unknown key is an error. What
// the schemes say is for [Compile] to judge.
func ReadSchemes(text []byte) (map[string]Scheme, error) {
	dec := yaml.NewDecoder(bytes.NewReader(text))
	dec.KnownFields(true)
	var schemes map[string]Scheme
	if err := dec.Decode(&schemes); err != nil {
		return nil, err
	}
	return schemes, nil
}
