// Replays recorded file system calls and prints how many nanoseconds they took.
//   replay ROOT CALLS: each line of CALLS is "<call> <path>", <call> one of stat, lstat, open, readlink, access, list.
// `open` opens, examines, reads to the end and closes, as an interpreter does. Failures are part of a recording.
#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <chrono>
#include <cstdio>
#include <fstream>
#include <string>
#include <vector>

namespace {

struct Call {
  std::string kind, path;
};

std::vector<Call> ReadCalls(const char* file) {
  std::vector<Call> calls;
  std::ifstream input(file);
  for (std::string line; std::getline(input, line);) {
    size_t space = line.find(' ');
    if (space != std::string::npos) calls.push_back({line.substr(0, space), line.substr(space + 1)});
  }
  return calls;
}

void ReadToEnd(const char* path, std::vector<char>& buffer) {
  int fd = ::open(path, O_RDONLY | O_CLOEXEC);
  if (fd < 0) return;
  struct stat info;
  ::fstat(fd, &info);
  if (S_ISREG(info.st_mode)) {
    while (::read(fd, buffer.data(), buffer.size()) > 0) {
    }
  }
  ::close(fd);
}

void List(const char* path) {
  DIR* directory = ::opendir(path);
  if (directory == nullptr) return;
  while (::readdir(directory) != nullptr) {
  }
  ::closedir(directory);
}

void Do(const Call& call, std::vector<char>& buffer) {
  struct stat info;
  const char* path = call.path.c_str();
  if (call.kind == "stat") {
    (void)::stat(path, &info);
  } else if (call.kind == "lstat") {
    (void)::lstat(path, &info);
  } else if (call.kind == "open") {
    ReadToEnd(path, buffer);
  } else if (call.kind == "readlink") {
    (void)!::readlink(path, buffer.data(), buffer.size());
  } else if (call.kind == "access") {
    (void)!::access(path, R_OK);
  } else if (call.kind == "list") {
    List(path);
  }
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 3) return 2;
  std::vector<Call> calls = ReadCalls(argv[2]);
  std::vector<char> buffer(256 << 10);
  if (calls.empty() || ::chroot(argv[1]) != 0 || ::chdir("/") != 0) return 1;
  auto begin = std::chrono::steady_clock::now();
  for (const Call& call : calls) Do(call, buffer);
  auto took = std::chrono::steady_clock::now() - begin;
  std::printf("%lld\n", static_cast<long long>(std::chrono::nanoseconds(took).count()));
}
