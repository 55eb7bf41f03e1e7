// Package dialects holds what single providers do in their own way, as data for
// provider files of other people's that have no words for it. It is laid over the
// entries of such a file that have the same name and mode; what an entry says
// itself stays.
package dialects

import _ "embed"

// File is the text of the overlay, in the provider format with Tieline's own keys
// (docs/provider-format.md, "Dialects").
//
//go:embed dialects.yaml
var File []byte
