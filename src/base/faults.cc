#include "base/faults.h"

#include <sys/stat.h>

#include <algorithm>
#include <csignal>
#include <cstdint>
#include <cstdlib>
#include <fstream>
#include <iterator>
#include <map>
#include <mutex>

namespace burrow {
namespace {

using Requests = std::map<std::string, std::string, std::less<>>;

Requests ParseFaults(std::string_view text) {
  Requests requests;
  while (!text.empty()) {
    std::string_view item = text.substr(0, text.find_first_of(",\n"));
    text.remove_prefix(std::min(text.size(), item.size() + 1));
    size_t equals = item.find('=');
    if (equals != std::string_view::npos) requests.emplace(item.substr(0, equals), item.substr(equals + 1));
  }
  return requests;
}

std::string_view Environment(const char* name) {
  const char* text = std::getenv(name);
  return text ? text : "";
}

class Faults {
 public:
  Faults() : file_(Environment("BURROW_FAULTS_FILE")), requests_(ParseFaults(Environment("BURROW_FAULTS"))) {}

  bool none() const { return file_.empty() && requests_.empty(); }

  std::string RequestOf(std::string_view name) {
    std::lock_guard lock(mutex_);
    if (!file_.empty()) ReadAgainIfChanged();
    auto it = requests_.find(name);
    return it == requests_.end() ? std::string() : it->second;
  }

 private:
  // Which version of the file it is: a file that was renamed there may be as old as the one before.
  struct Version {
    ino_t inode = 0;
    int64_t seconds = 0;
    int64_t nanoseconds = 0;
    bool operator==(const Version&) const = default;
  };

  void ReadAgainIfChanged() {
    struct stat info{};
    Version version;
    if (::stat(file_.c_str(), &info) == 0) version = {info.st_ino, info.st_mtim.tv_sec, info.st_mtim.tv_nsec};
    if (version == version_) return;
    version_ = version;
    std::ifstream file(file_);
    requests_ = ParseFaults(std::string(std::istreambuf_iterator<char>(file), {}));
  }

  const std::string file_;
  std::mutex mutex_;
  Requests requests_;
  Version version_;
};

}  // namespace

std::string FaultRequest(std::string_view name) {
  static Faults faults;
  static const bool none = faults.none();
  return none ? std::string() : faults.RequestOf(name);
}

Status FaultPoint(std::string_view name) {
  std::string request = FaultRequest(name);
  if (request.empty()) return {};
  if (request == "kill") std::raise(SIGKILL);
  return Fail(Code::kUnavailable, "fault {} was asked for", name);
}

void KillPoint(std::string_view name) {
  if (FaultRequest(name) == "kill") std::raise(SIGKILL);
}

}  // namespace burrow
