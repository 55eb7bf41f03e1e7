// Package postgrestest runs PostgreSQL for tests.
//
// A package whose tests need a database shares one server among them:
//
//	func TestMain(m *testing.M) { os.Exit(postgrestest.Main(m)) }
//
//	func TestSomething(t *testing.T) {
//		url := postgrestest.URL(t)
//		...
//	}
//
// The server is the one that the environment variable TIELINE_TEST_POSTGRES
// names, a postgres:// URL. Without it, it is a private cluster in a temporary
// folder, made with the programs of an installed PostgreSQL and gone at the end.
// Where neither is there, the tests are skipped with that reason, unless
// TIELINE_REQUIRE_POSTGRES is set: then they fail.
//
// A test that stops the server, or lets it crash, has [Start] make one of its
// own.
package postgrestest
