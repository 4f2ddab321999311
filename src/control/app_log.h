// What apps print: into each app's live feed at once, and into its stored log in batches.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/error.h"
#include "control/apps.h"
#include "control/background.h"
#include "control/log_directory.h"
#include "control/log_filter.h"
#include "net/event.h"

namespace burrow::control {

// A log as it stood at one moment, and where in the app's feed the next line is.
struct LogSnapshot {
  std::vector<pb::LogLine> lines;
  uint64_t feed_position = 0;
};

// Loop's thread only.
class AppLogs {
 public:
  // `directory` exists.
  AppLogs(net::IoContext& io, const Clock& clock, std::string directory)
      : clock_(clock), directory_(std::move(directory)), disk_(io, 1), written_(io) {}

  void Append(App& app, pb::LogLine line);
  // Burrow's own words.
  void Note(App& app, const std::string& text);
  // Of the lines that the filter takes the last `tail` ones.
  net::Task<Result<LogSnapshot>> Read(App& app, uint32_t tail, LogFilter filter = {});
  // Removes the stored logs of these apps.
  void Remove(const std::vector<AppId>& apps);
  bool idle() const;
  net::Event& written() { return written_; }

 private:
  struct Pending {
    std::map<std::string, std::string> lines;  // by container
    size_t bytes = 0;
    uint64_t dropped = 0;
    bool writing = false;
    void Add(const pb::LogLine& line);
  };
  LogDirectory DirectoryOf(const AppId& app) const { return {directory_ + "/" + app.str(), app.str()}; }
  void Write(const AppId& app);

  const Clock& clock_;
  std::string directory_;
  std::map<AppId, Pending> pending_;  // those with something to write
  Background disk_;                   // one thread: a read sees exactly the writes before it
  net::Event written_;
};

}  // namespace burrow::control
