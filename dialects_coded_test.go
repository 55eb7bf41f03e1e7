package tieline

import "github.com/tieline/tieline/providertest"

// codedDialects are providers that do more than their entry says: what the
// reference system has code for.
var codedDialects = map[string]func(*providertest.Dialect){}
