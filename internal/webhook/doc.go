// Package webhook says whether a delivery that arrived at a webhook URL comes from the
// provider that it claims to come from, what a provider's handshake is to be answered
// with, and which connection a delivery is about. How each provider does these things is
// data, a [Scheme]; [Compile] checks it and makes a [Verifier] of it.
//
// A delivery ends in one of three ways. It is [Verified]: a signature or a token was
// there, and was made with one of the secrets or keys at hand. It is refused, with an
// *[Error] that says why and is safe to print. Or it is [Unverified]: the provider signs
// nothing, or nobody configured what its signatures could be checked with. Nothing that a
// sender leaves out makes a delivery verified, and once a secret is there, a delivery
// without a signature is refused.
//
// The signature is checked over the bytes as they arrived. Every comparison with a secret,
// or with what was made of one, takes the same time wherever the two differ.
//
// The package reads no clock, does no I/O of its own (key sets come through a [KeySource])
// and remembers nothing. It cannot tell that a delivery was seen before: a window of time
// bounds how long one can be replayed, and [Result.DeliveryID] is there to drop doubles by.
package webhook
