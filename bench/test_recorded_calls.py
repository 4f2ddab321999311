"""What strace prints becomes calls to replay."""

from recorded_calls import parse

_LINES = """\
12 execve("/usr/bin/python3", ["/usr/bin/python3"], 0x7ffd /* 3 vars */) = 0
12 access("/etc/ld.so.preload", R_OK) = -1 ENOENT (No such file or directory)
12 openat(AT_FDCWD, "/etc/ld.so.cache", O_RDONLY|O_CLOEXEC) = 3
12 newfstatat(3, "", {st_mode=S_IFREG|0644, st_size=9, ...}, AT_EMPTY_PATH) = 0
12 newfstatat(AT_FDCWD, "/usr/lib", {st_mode=S_IFDIR|0755, ...}, 0) = 0
12 newfstatat(AT_FDCWD, "/lib", {st_mode=S_IFLNK|0777, ...}, AT_SYMLINK_NOFOLLOW) = 0
13 openat(AT_FDCWD, "/usr/lib", O_RDONLY|O_NONBLOCK|O_CLOEXEC|O_DIRECTORY) = 3
13 readlink("/usr/bin/python3", "python3.11", 4096) = 10
13 openat(AT_FDCWD, "/proc/self/maps", O_RDONLY) = 3
13 openat(AT_FDCWD, "/var/x", O_WRONLY|O_CREAT, 0666) = 3
13 +++ exited with 0 +++
"""


def test_reads_of_the_root_filesystem_are_kept_in_their_order() -> None:
    assert list(parse(_LINES.splitlines())) == [
        ("access", "/etc/ld.so.preload"),
        ("open", "/etc/ld.so.cache"),
        ("stat", "/usr/lib"),
        ("lstat", "/lib"),
        ("list", "/usr/lib"),
        ("readlink", "/usr/bin/python3"),
    ]
