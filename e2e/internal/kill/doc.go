// Package kill is a harness that does to processes what production does: it
// kills them, stops them for a while, restarts them and takes their database
// away, while they keep many connections fresh; and it judges afterwards whether a
// grant was lost that need not have been.
//
// The parties:
//
//   - actors (actor.go) are real processes with a Client each. They write down
//     what they see on their standard output at once, because they may be killed
//     at any moment.
//   - The referee (referee.go) is the provider, in the process of the test: one
//     that punishes a refresh token that is used twice, and one that forgives it
//     for a while. It shares no code with package providertest, and writes down
//     every exchange.
//   - The nemesis (nemesis.go) does harm, and writes down when and to whom.
//   - The judge (judge.go) looks at nothing but what was written down, and
//     decides for each second use of a refresh token which fault explains it.
//     TestJudge shows it every kind of wrong.
//
// What no client can rule out is excused: a process that is killed between the
// provider's commit and its own takes the new refresh token with it, and one that
// is stopped between its last look and its request sends an old one. Anything
// else is not.
package kill
