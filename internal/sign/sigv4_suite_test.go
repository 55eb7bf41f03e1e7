package sign

// suiteToken is the session token of the cases post-sts-header-*.
const suiteToken = "AQoDYXdzEPT//////////wEXAMPLEtc764bNrC9SAPBSM22wDOk4x4HIZ8j4FZTwdQWLWsKWHGBuFqwAeMicRXmxfpSPfIeoIYRqTflfKD8YUuwthAx7mSEI/qkPpKPi/kMcGdQrmGdeehM4IC1NtBmUpp2wUE8phUZampKsburEDy0KPkyQDYwT7WZ0wq5VSXDvp75YU9HFvlRd8Tx6q6fE8YQcHNVXAkiY9q6d+xo0rKwT38xVqr7ZD0u0iPPkUL64lIZbqBAz+scqKmlzm8FDrypNC9Yjc8fPOLn9FX9KSYvKTr4rvx3iSIlTJabIQwj2ICCR/oLxBA=="

// suiteCase is one case of AWS's test suite for Signature Version 4.
type suiteCase struct {
	name, method, target string
	headers              [][2]string
	body, token          string
	plain                bool // the path is not normalised
	hashed               bool // X-Amz-Content-Sha256 is sent
	want                 string
}

// suiteCases returns the inputs and signatures of the suite, from
// https://github.com/awslabs/aws-c-auth, tests/aws-signing-test-suite/v4. All
// are for AKIDEXAMPLE, us-east-1, the service "service", example.amazonaws.com
// and 2015-08-30T12:36:00Z.
func suiteCases() []suiteCase { return append(suitePaths(), suiteOthers()...) }

func suitePaths() []suiteCase {
	return []suiteCase{
		{name: "get-header-key-duplicate", target: "/", headers: [][2]string{{"My-Header1", "value2"}, {"My-Header1", "value2"}, {"My-Header1", "value1"}},
			want: "c9d5ea9f3f72853aea855b47ea873832890dbdd183b4468f858259531a5138ea"},
		{name: "get-header-value-multiline", target: "/", headers: [][2]string{{"My-Header1", "value1\n  value2\n     value3"}},
			want: "cfd34249e4b1c8d6b91ef74165d41a32e5fab3306300901bb65a51a73575eefd"},
		{name: "get-header-value-order", target: "/", headers: [][2]string{{"My-Header1", "value4"}, {"My-Header1", "value1"}, {"My-Header1", "value3"}, {"My-Header1", "value2"}},
			want: "08c7e5a9acfcfeb3ab6b2185e75ce8b1deb5e634ec47601a50643f830c755c01"},
		{name: "get-header-value-trim", target: "/", headers: [][2]string{{"My-Header1", " value1"}, {"My-Header2", " \"a   b   c\""}},
			want: "acc3ed3afb60bb290fc8d2dd0098b9911fcaa05412b367055dee359757a9c736"},
		{name: "get-relative-normalized", target: "/example/..",
			want: "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31"},
		{name: "get-relative-relative-normalized", target: "/example1/example2/../..",
			want: "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31"},
		{name: "get-relative-relative-unnormalized", target: "/example1/example2/../..", plain: true,
			want: "dc33e0856fd4baca4d7aa2146c38958283844764f38c74252a333df5e613003b"},
		{name: "get-relative-unnormalized", target: "/example/..", plain: true,
			want: "eca7ead57bb5aa5c8e28007acd4ff04e1ff9a0ff3b237ec1554a184887ff9282"},
		{name: "get-slash-dot-slash-normalized", target: "/./",
			want: "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31"},
		{name: "get-slash-dot-slash-unnormalized", target: "/./", plain: true,
			want: "68714168e6557f8f2de0ef956fc24dc2593a4bd2961f8df51898d8a134695145"},
		{name: "get-slash-normalized", target: "//",
			want: "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31"},
		{name: "get-slash-pointless-dot-normalized", target: "/./example",
			want: "ef75d96142cf21edca26f06005da7988e4f8dc83a165a80865db7089db637ec5"},
		{name: "get-slash-pointless-dot-unnormalized", target: "/./example", plain: true,
			want: "beb03f223f7deae4146464f06e29eebbee9c8afbe15c290cf07aa8b119e14cff"},
		{name: "get-slash-unnormalized", target: "//", plain: true,
			want: "c88bcd3d312d75078c0cd961d6deae3f4c754924b01669efcfcb439fd5e5b76e"},
		{name: "get-slashes-normalized", target: "//example//",
			want: "9a624bd73a37c9a373b5312afbebe7a714a789de108f0bdfe846570885f57e84"},
		{name: "get-slashes-unnormalized", target: "//example//", plain: true,
			want: "87cca117541a147f6df867677d98a7d80dff226d2bfca9e4ffa899665623c7e5"},
		{name: "get-space-normalized", target: "/example space/",
			want: "652487583200325589f1fba4c7e578f72c47cb61beeca81406b39ddec1366741"},
		{name: "get-space-unnormalized", target: "/example space/", plain: true,
			want: "652487583200325589f1fba4c7e578f72c47cb61beeca81406b39ddec1366741"},
		{name: "get-unreserved", target: "/-._~0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz",
			want: "07ef7494c76fa4850883e2b006601f940f8a34d404d0cfa977f52a65bbf5f24f"},
		{name: "get-utf8", target: "/ሴ",
			want: "8318018e0b0f223aa2bbf98705b62bb787dc9c0e678f255a891fd03141be5d85"},
	}
}

func suiteOthers() []suiteCase {
	return []suiteCase{
		{name: "get-vanilla-empty-query-key", target: "/?Param1=value1",
			want: "a67d582fa61cc504c4bae71f336f98b97f1ea3c7a6bfe1b6e45aec72011b9aeb"},
		{name: "get-vanilla-query-order-encoded", target: "/?Param-3=Value3&Param=Value2&%E1%88%B4=Value1",
			want: "371d3713e185cc334048618a97f809c9ffe339c62934c032af5a0e595648fcac"},
		{name: "get-vanilla-query-order-key-case", target: "/?Param2=value2&Param1=value1",
			want: "b97d918cfa904a5beff61c982a1b6f458b799221646efd99d3219ec94cdf2500"},
		{name: "get-vanilla-query-unreserved", target: "/?-._~0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz=-._~0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz",
			want: "9c3e54bfcdf0b19771a7f523ee5669cdf59bc7cc0884027167c21bb143a40197"},
		{name: "get-vanilla-query", target: "/",
			want: "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31"},
		{name: "get-vanilla-utf8-query", target: "/?ሴ=bar",
			want: "2cdec8eed098649ff3a119c94853b13c643bcf08f8b0a1d91e12c9027818dd04"},
		{name: "get-vanilla-with-session-token", target: "/", token: "6e86291e8372ff2a2260956d9b8aae1d763fbf315fa00fa31553b73ebf194267",
			want: "07ec1639c89043aa0e3e2de82b96708f198cceab042d4a97044c66dd9f74e7f8"},
		{name: "get-vanilla", target: "/",
			want: "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31"},
		{name: "post-header-key-case", target: "/", method: "POST",
			want: "5da7c1a2acd57cee7505fc6676e4e544621c30862966e37dddb68e92efbe5d6b"},
		{name: "post-header-key-sort", target: "/", method: "POST", headers: [][2]string{{"My-Header1", "value1"}},
			want: "c5410059b04c1ee005303aed430f6e6645f61f4dc9e1461ec8f8916fdf18852c"},
		{name: "post-header-value-case", target: "/", method: "POST", headers: [][2]string{{"My-Header1", "VALUE1"}},
			want: "cdbc9802e29d2942e5e10b5bccfdd67c5f22c7c4e8ae67b53629efa58b974b7d"},
		{name: "post-sts-header-after", target: "/", method: "POST",
			want: "5da7c1a2acd57cee7505fc6676e4e544621c30862966e37dddb68e92efbe5d6b"},
		{name: "post-sts-header-before", target: "/", method: "POST", token: suiteToken,
			want: "85d96828115b5dc0cfc3bd16ad9e210dd772bbebba041836c64533a82be05ead"},
		{name: "post-vanilla-empty-query-value", target: "/?Param1=value1", method: "POST",
			want: "28038455d6de14eafc1f9222cf5aa6f1a96197d7deb8263271d420d138af7f11"},
		{name: "post-vanilla-query", target: "/?Param1=value1", method: "POST",
			want: "28038455d6de14eafc1f9222cf5aa6f1a96197d7deb8263271d420d138af7f11"},
		{name: "post-vanilla", target: "/", method: "POST",
			want: "5da7c1a2acd57cee7505fc6676e4e544621c30862966e37dddb68e92efbe5d6b"},
		{name: "post-x-www-form-urlencoded-parameters", target: "/", method: "POST", headers: [][2]string{{"Content-Type", "application/x-www-form-urlencoded; charset=utf-8"}}, body: "Param1=value1", hashed: true,
			want: "328d1b9eaadca9f5818ef05e8392801e091653bafec24fcab71e7344e7f51422"},
		{name: "post-x-www-form-urlencoded", target: "/", method: "POST", headers: [][2]string{{"Content-Type", "application/x-www-form-urlencoded"}}, body: "Param1=value1", hashed: true,
			want: "d3875051da38690788ef43de4db0d8f280229d82040bfac253562e56c3f20e0b"},
	}
}
