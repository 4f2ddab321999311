#include "control/app_log.h"

#include <unistd.h>

#include <algorithm>
#include <utility>

#include "base/log.h"
#include "control/limits.h"
#include "control/log_file.h"

namespace burrow::control {
namespace {

constexpr size_t kMaxPendingBytes = 8 << 20;

// Cuts at a character's start.
void Truncate(std::string& text, size_t limit) {
  if (text.size() <= limit) return;
  while (limit > 0 && (static_cast<unsigned char>(text[limit]) & 0xc0) == 0x80) limit--;
  text.resize(limit);
}

}  // namespace

void AppLogs::Append(App& app, pb::LogLine line) {
  Truncate(*line.mutable_text(), kMaxLogText);
  if (line.time_ms() == 0) line.set_time_ms(clock_.UnixMillis());
  File& file = files_[app.record.id];
  if (file.pending.size() < kMaxPendingBytes) {
    file.pending += EncodeLogLine(line);
  } else {
    file.dropped++;
  }
  if (!file.writing) Write(app.record.id);
  pb::AppEvent event;
  event.mutable_log()->Swap(&line);
  app.feed.Append(std::move(event));
}

void AppLogs::Note(App& app, const std::string& text) {
  pb::LogLine line;
  line.set_app_id(app.record.id.str());
  line.set_stream(pb::LOG_STREAM_SYSTEM);
  line.set_text(text);
  Append(app, std::move(line));
}

void AppLogs::Write(const AppId& app) {
  File& file = files_[app];
  if (file.dropped > 0) {
    pb::LogLine note;
    note.set_time_ms(clock_.UnixMillis());
    note.set_stream(pb::LOG_STREAM_SYSTEM);
    note.set_text(
        fmt::format("{} lines are missing here: the disk was too slow for them", std::exchange(file.dropped, 0)));
    file.pending += EncodeLogLine(note);
  }
  file.writing = true;
  disk_.Run([path = PathOf(app),
             lines = std::exchange(file.pending, {})] { return AppendLog(path, lines, kMaxLogFileBytes); },
            [this, app](const Status& status) {
              if (!status) LogError("log of app {}: {}", app.str(), status.error().message());
              File& written = files_[app];
              written.writing = false;
              if (written.pending.empty() && written.dropped == 0) {
                files_.erase(app);
              } else {
                Write(app);
              }
              written_.Notify();
            });
}

net::Task<Result<LogSnapshot>> AppLogs::Read(App& app, uint32_t tail, LogFilter filter) {
  AppId id = app.record.id;
  // Pending lines of this moment must be in the file; those that come meanwhile may be there too, since the position is
  // taken after.
  while (files_.contains(id) && files_[id].writing) {
    if (files_[id].pending.empty()) break;  // the last write is queued before the read
    co_await written_.Wait(Millis(1'000));
  }
  LogSnapshot snapshot;
  snapshot.feed_position = app.feed.end();
  auto lines = co_await disk_.Ask(
      [path = PathOf(id), text = id.str(), tail, filter] { return ReadLog(path, text, tail, filter); });
  BURROW_CO_ASSIGN_OR_RETURN(snapshot.lines, std::move(lines));
  co_return snapshot;
}

void AppLogs::Remove(const std::vector<AppId>& apps) {
  if (apps.empty()) return;
  std::vector<std::string> paths;
  paths.reserve(apps.size());
  for (const AppId& app : apps) paths.push_back(PathOf(app));
  disk_.Run(
      [paths = std::move(paths)] {
        for (const std::string& path : paths) {
          ::unlink(path.c_str());
          ::unlink((path + ".1").c_str());
        }
        return true;
      },
      [](bool) {});
}

bool AppLogs::idle() const { return files_.empty(); }

}  // namespace burrow::control
