// What the steps of builds printed: a file for each build, the newest ones kept.
#pragma once

#include <compare>
#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "base/error.h"
#include "base/ids.h"
#include "control/background.h"

namespace burrow::control {

inline constexpr uint64_t kMaxBuildLogBytes = 16u << 20;  // of one; what comes later is left out
inline constexpr size_t kMaxBuildLogs = 500;

// Whose build, and which: who asks in another workspace finds nothing.
struct BuildLogId {
  std::string workspace;
  BuildId build;
  auto operator<=>(const BuildLogId&) const = default;
};

// Loop's thread only.
class BuildLogs {
 public:
  // `directory` exists.
  BuildLogs(net::IoContext& io, std::string directory) : directory_(std::move(directory)), disk_(io, 1) {}

  // Makes room for one more; nothing is written yet.
  void Begin();
  void Append(const BuildLogId& build, const std::string& line);
  void End(const BuildLogId& build);  // nothing is appended any more
  // Every line so far. kNotFound for a build that printed nothing, or whose log is gone.
  net::Task<Result<std::vector<std::string>>> Read(BuildLogId build);

 private:
  struct File {
    std::string pending;
    uint64_t bytes = 0;
    bool writing = false, ended = false;
  };
  std::string PathOf(const BuildLogId& build) const;
  void Write(const BuildLogId& build);

  std::string directory_;
  std::map<BuildLogId, File> files_;  // those of builds of this process that wrote lately
  Background disk_;                   // one thread: a read sees exactly the writes before it
};

}  // namespace burrow::control
