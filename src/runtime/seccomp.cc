#include "runtime/seccomp.h"

#include <linux/netlink.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include <nlohmann/json.hpp>

namespace burrow::runtime {
namespace {

using nlohmann::json;

// clang-format off
constexpr const char* kAllowed[] = {
    // Files.
    "access", "chdir", "chmod", "chown", "chown32", "close", "close_range", "copy_file_range", "creat", "dup", "dup2", "dup3",
    "faccessat", "faccessat2", "fadvise64", "fadvise64_64", "fallocate", "fchdir", "fchmod", "fchmodat", "fchmodat2",
    "fchown", "fchown32", "fchownat", "fcntl", "fcntl64", "fdatasync", "fgetxattr", "flistxattr", "flock", "fremovexattr",
    "fsetxattr", "fstat", "fstat64", "fstatat64", "fstatfs", "fstatfs64", "fsync", "ftruncate", "ftruncate64", "futimesat",
    "getcwd", "getdents", "getdents64", "getxattr", "ioctl", "lchown", "lchown32", "lgetxattr", "link", "linkat", "listxattr",
    "llistxattr", "lremovexattr", "lseek", "_llseek", "lsetxattr", "lstat", "lstat64", "mkdir", "mkdirat", "newfstatat",
    "open", "openat", "openat2", "pread64", "preadv", "preadv2", "pwrite64", "pwritev", "pwritev2", "read", "readahead",
    "readlink", "readlinkat", "readv", "removexattr", "rename", "renameat", "renameat2", "rmdir", "sendfile", "sendfile64",
    "setxattr", "splice", "stat", "stat64", "statfs", "statfs64", "statx", "symlink", "symlinkat", "sync", "sync_file_range",
    "syncfs", "tee", "truncate", "truncate64", "umask", "unlink", "unlinkat", "utime", "utimensat", "utimensat_time64",
    "utimes", "vmsplice", "write", "writev", "chroot", "cachestat", "name_to_handle_at",
    // Memory.
    "brk", "get_mempolicy", "madvise", "mbind", "membarrier", "memfd_create", "mincore", "mlock", "mlock2", "mlockall", "mmap",
    "mmap2", "mprotect", "mremap", "mseal", "msync", "munlock", "munlockall", "munmap", "pkey_alloc", "pkey_free",
    "pkey_mprotect", "process_madvise", "process_mrelease", "remap_file_pages", "set_mempolicy",
    "set_mempolicy_home_node", "migrate_pages", "move_pages",
    // Processes and threads.
    "arch_prctl", "capget", "capset", "execve", "execveat", "exit", "exit_group", "fork", "futex", "futex_requeue",
    "futex_time64", "futex_wait", "futex_waitv", "futex_wake", "get_robust_list", "get_thread_area", "getcpu", "getegid",
    "getegid32", "geteuid", "geteuid32", "getgid", "getgid32", "getgroups", "getgroups32", "getpgid", "getpgrp", "getpid",
    "getppid", "getpriority", "getresgid", "getresgid32", "getresuid", "getresuid32", "getrlimit", "getrusage", "getsid",
    "gettid", "getuid", "getuid32", "ioprio_get", "ioprio_set", "kcmp", "landlock_add_rule", "landlock_create_ruleset",
    "landlock_restrict_self", "modify_ldt", "pidfd_getfd", "pidfd_open", "pidfd_send_signal", "prctl", "prlimit64",
    "process_vm_readv", "process_vm_writev", "ptrace", "rseq", "sched_get_priority_max", "sched_get_priority_min",
    "sched_getaffinity", "sched_getattr", "sched_getparam", "sched_getscheduler", "sched_rr_get_interval",
    "sched_rr_get_interval_time64", "sched_setaffinity", "sched_setattr", "sched_setparam", "sched_setscheduler",
    "sched_yield", "seccomp", "set_robust_list", "set_thread_area", "set_tid_address", "setfsgid", "setfsgid32", "setfsuid",
    "setfsuid32", "setgid", "setgid32", "setgroups", "setgroups32", "setpgid", "setpriority", "setregid", "setregid32",
    "setresgid", "setresgid32", "setresuid", "setresuid32", "setreuid", "setreuid32", "setrlimit", "setsid", "setuid",
    "setuid32", "ugetrlimit", "vfork", "wait4", "waitid", "waitpid",
    // Signals.
    "alarm", "kill", "pause", "restart_syscall", "rt_sigaction", "rt_sigpending", "rt_sigprocmask", "rt_sigqueueinfo",
    "rt_sigreturn", "rt_sigsuspend", "rt_sigtimedwait", "rt_sigtimedwait_time64", "rt_tgsigqueueinfo", "sigaltstack",
    "signalfd", "signalfd4", "sigprocmask", "sigreturn", "tgkill", "tkill",
    // Time.
    "clock_getres", "clock_getres_time64", "clock_gettime", "clock_gettime64", "clock_nanosleep", "clock_nanosleep_time64",
    "adjtimex", "clock_adjtime", "clock_adjtime64", "getitimer", "gettimeofday", "nanosleep", "setitimer", "time", "timer_create",
    "timer_delete", "timer_getoverrun", "timer_gettime", "timer_gettime64", "timer_settime", "timer_settime64",
    "timerfd_create", "timerfd_gettime", "timerfd_gettime64", "timerfd_settime", "timerfd_settime64", "times",
    // Events, pipes, sockets and other communication.
    "accept", "accept4", "bind", "connect", "epoll_create", "epoll_create1", "epoll_ctl", "epoll_ctl_old", "epoll_pwait",
    "epoll_pwait2", "epoll_wait", "epoll_wait_old", "eventfd", "eventfd2", "getpeername", "getsockname", "getsockopt",
    "inotify_add_watch", "inotify_init", "inotify_init1", "inotify_rm_watch", "io_cancel", "io_destroy", "io_getevents",
    "io_pgetevents", "io_pgetevents_time64", "io_setup", "io_submit", "ipc", "listen", "mq_getsetattr", "mq_notify",
    "mq_open", "mq_timedreceive", "mq_timedreceive_time64", "mq_timedsend", "mq_timedsend_time64", "mq_unlink", "msgctl",
    "msgget", "msgrcv", "msgsnd", "_newselect", "pipe", "pipe2", "poll", "ppoll", "ppoll_time64", "pselect6",
    "pselect6_time64", "recv", "recvfrom", "recvmmsg", "recvmmsg_time64", "recvmsg", "select", "semctl", "semget", "semop",
    "semtimedop", "semtimedop_time64", "send", "sendmmsg", "sendmsg", "sendto", "setsockopt", "shmat", "shmctl", "shmdt",
    "shmget", "shutdown", "socketcall", "socketpair",
    // The system.
    "getrandom", "sysinfo", "uname",
};
// clang-format on

constexpr uint64_t kNewNamespaces = 0x7E020000;  // CLONE_NEWNS, NEWCGROUP, NEWUTS, NEWIPC, NEWUSER, NEWPID, NEWNET
constexpr int kFunctionNotImplemented = 38;      // ENOSYS

json Argument(int index, const char* operation, uint64_t value, uint64_t value_two = 0) {
  return {{"index", index}, {"value", value}, {"valueTwo", value_two}, {"op", operation}};
}

json Allow(const char* name, json argument) {
  return {{"names", json::array({name})}, {"action", "SCMP_ACT_ALLOW"}, {"args", json::array({std::move(argument)})}};
}

// Sockets of every family but the kernel's crypto interface and the virtual machine's host.
// `joins`: of netlink the network's own protocol only, since such a process can have every capability over a network
// namespace.
void AddSockets(json& calls, bool joins) {
  calls.push_back(Allow("socket", Argument(0, "SCMP_CMP_LT", joins ? AF_NETLINK : AF_ALG)));
  if (joins) {
    for (uint64_t family = AF_NETLINK + 1; family < AF_ALG; ++family)
      calls.push_back(Allow("socket", Argument(0, "SCMP_CMP_EQ", family)));
    json route = Allow("socket", Argument(0, "SCMP_CMP_EQ", AF_NETLINK));
    route["args"].push_back(Argument(2, "SCMP_CMP_EQ", NETLINK_ROUTE));
    calls.push_back(std::move(route));
  }
  calls.push_back(Allow("socket", Argument(0, "SCMP_CMP_EQ", AF_ALG + 1)));
  calls.push_back(Allow("socket", Argument(0, "SCMP_CMP_GT", AF_VSOCK)));
}

// Pipes, sockets and plain files; no nodes of devices.
void AddNodes(json& calls) {
  for (unsigned type :
       {0U, static_cast<unsigned>(S_IFREG), static_cast<unsigned>(S_IFIFO), static_cast<unsigned>(S_IFSOCK)}) {
    calls.push_back(Allow("mknod", Argument(1, "SCMP_CMP_MASKED_EQ", S_IFMT, type)));
    calls.push_back(Allow("mknodat", Argument(2, "SCMP_CMP_MASKED_EQ", S_IFMT, type)));
  }
}

// The machine's own only: the list for 32-bit programs too would take the engine 10 ms more at every start. Those are
// killed.
const char* NativeArchitecture() {
#if defined(__x86_64__)
  return "SCMP_ARCH_X86_64";
#elif defined(__aarch64__)
  return "SCMP_ARCH_AARCH64";
#else
#error "the seccomp list knows x86-64 and arm64"
#endif
}

}  // namespace

json DefaultSeccomp(bool joins) {
  json calls = json::array();
  if (joins) calls.push_back({{"names", json::array({"setns"})}, {"action", "SCMP_ACT_ALLOW"}});
  calls.push_back({{"names", kAllowed}, {"action", "SCMP_ACT_ALLOW"}});
  calls.push_back(
      {{"names", json::array({"clone3"})}, {"action", "SCMP_ACT_ERRNO"}, {"errnoRet", kFunctionNotImplemented}});
  calls.push_back(Allow("clone", Argument(0, "SCMP_CMP_MASKED_EQ", kNewNamespaces, 0)));
  for (uint64_t persona : {0x0UL, 0x8UL, 0x20000UL, 0x20008UL, 0x40000UL, 0xffffffffUL}) {
    calls.push_back(Allow("personality", Argument(0, "SCMP_CMP_EQ", persona)));
  }
  AddSockets(calls, joins);
  AddNodes(calls);
  return {{"defaultAction", "SCMP_ACT_ERRNO"},
          {"defaultErrnoRet", 1},
          {"architectures", json::array({NativeArchitecture()})},
          {"syscalls", std::move(calls)}};
}

}  // namespace burrow::runtime
