package sqlite

import "testing"

func TestNetworkFSName(t *testing.T) {
	t.Parallel()
	cifs := int64(0xff534d42)
	for _, tt := range []struct {
		name  string
		magic uint32
		want  string
	}{
		{"nfs", 0x6969, "NFS"},
		{"cifs", 0xff534d42, "SMB"},
		{"cifs where the number is a negative int32", uint32(int32(cifs)), "SMB"},
		{"fuse", 0x65735546, "FUSE"},
		{"ext4", 0xef53, ""},
		{"xfs", 0x58465342, ""},
		{"btrfs", 0x9123683e, ""},
		{"tmpfs", 0x01021994, ""},
		{"overlay", 0x794c7630, ""},
	} {
		if got := networkFSName(tt.magic); got != tt.want {
			t.Errorf("%s: %q, want %q", tt.name, got, tt.want)
		}
	}
}

func TestNetworkFS(t *testing.T) {
	t.Parallel()
	if got := networkFS("/proc"); got != "" {
		t.Errorf("/proc is on %q", got)
	}
	if got := networkFS("/there/is/no/such/directory"); got != "" {
		t.Errorf("no directory is on %q", got)
	}
}
