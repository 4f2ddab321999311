// The stored log of one app: a file of JSON lines, rotated once when it is full. Blocking; one thread at a time for one
// app.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/error.h"
#include "control/log_filter.h"
#include "control/messages.h"

namespace burrow::control {

// One JSON object and a newline.
std::string EncodeLogLine(const pb::LogLine& line);

// A log is two files: what is written to, and the one before.
inline std::string EarlierLog(const std::string& path) { return path + ".1"; }

enum class Appended { kToSameFile, kToNewFile };
// Appends whole lines to `path`; one that has become longer than `limit` bytes becomes the earlier one first. kNotFound
// where its directory is not there.
Result<Appended> AppendLog(const std::string& path, const std::string& lines, uint64_t limit);

// The last `tail` lines (0: all) of both files that the filter takes. Lines that cannot be read (a machine that lost
// power) are passed over.
Result<std::vector<pb::LogLine>> ReadLog(const std::string& path, const std::string& app_id, uint32_t tail,
                                         const LogFilter& filter = {});

// Both files, as far as they are there.
void RemoveLog(const std::string& path);

}  // namespace burrow::control
