#include "control/app_log.h"

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

void AppLogs::Pending::Add(const pb::LogLine& line) {
  const std::string text = EncodeLogLine(line);
  bytes += text.size();
  lines[line.container_id()] += text;
}

void AppLogs::Append(App& app, pb::LogLine line) {
  Truncate(*line.mutable_text(), kMaxLogText);
  if (line.time_ms() == 0) line.set_time_ms(clock_.UnixMillis());
  Pending& pending = pending_[app.record.id];
  if (pending.bytes < kMaxPendingBytes) {
    pending.Add(line);
  } else {
    pending.dropped++;
  }
  if (!pending.writing) Write(app.record.id);
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
  Pending& pending = pending_[app];
  if (pending.dropped > 0) {
    pb::LogLine note;
    note.set_time_ms(clock_.UnixMillis());
    note.set_stream(pb::LOG_STREAM_SYSTEM);
    note.set_text(
        fmt::format("{} lines are missing here: the disk was too slow for them", std::exchange(pending.dropped, 0)));
    pending.Add(note);
  }
  pending.writing = true;
  pending.bytes = 0;
  disk_.Run([log = DirectoryOf(app), lines = std::exchange(pending.lines, {})] { return log.Append(lines); },
            [this, app](const Status& status) {
              if (!status) LogError("log of app {}: {}", app.str(), status.error().message());
              Pending& written = pending_[app];
              written.writing = false;
              if (written.lines.empty() && written.dropped == 0) {
                pending_.erase(app);
              } else {
                Write(app);
              }
              written_.Notify();
            });
}

net::Task<Result<LogSnapshot>> AppLogs::Read(App& app, uint32_t tail, LogFilter filter) {
  AppId id = app.record.id;
  // Pending lines of this moment must be stored; those that come meanwhile may be there too, since the position is
  // taken after.
  while (pending_.contains(id) && pending_[id].writing) {
    if (pending_[id].lines.empty()) break;  // the last write is queued before the read
    co_await written_.Wait(Millis(1'000));
  }
  LogSnapshot snapshot;
  snapshot.feed_position = app.feed.end();
  auto lines = co_await disk_.Ask([log = DirectoryOf(id), tail, filter] { return log.Read(tail, filter); });
  BURROW_CO_ASSIGN_OR_RETURN(snapshot.lines, std::move(lines));
  co_return snapshot;
}

void AppLogs::Remove(const std::vector<AppId>& apps) {
  if (apps.empty()) return;
  std::vector<LogDirectory> logs;
  logs.reserve(apps.size());
  for (const AppId& app : apps) logs.push_back(DirectoryOf(app));
  disk_.Run(
      [logs = std::move(logs)] {
        for (const LogDirectory& log : logs) log.Remove();
        return true;
      },
      [](bool) {});
}

bool AppLogs::idle() const { return pending_.empty(); }

}  // namespace burrow::control
