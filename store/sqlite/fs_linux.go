package sqlite

import "syscall"

// networkFS returns the name of the network file system that dir is on, and
// nothing for any other or when it cannot be told.
func networkFS(dir string) string {
	var st syscall.Statfs_t
	if err := syscall.Statfs(dir, &st); err != nil {
		return ""
	}
	return networkFSName(uint32(st.Type)) // a number of another type on each architecture
}

// networkFSName knows the numbers of <linux/magic.h> and of the kernel sources
// of the file systems that are used from several machines. Of FUSE file systems,
// which share one number, most that hold a user's files are on the network.
func networkFSName(magic uint32) string {
	switch magic {
	case 0x6969:
		return "NFS"
	case 0x517b, 0xfe534d42, 0xff534d42:
		return "SMB"
	case 0x564c:
		return "NCP"
	case 0x5346414f, 0x6b414653:
		return "AFS"
	case 0x73757245:
		return "Coda"
	case 0x00c36400:
		return "Ceph"
	case 0x65735546:
		return "FUSE"
	}
	return ""
}
