#include "builder/disk_watch.h"

#include <sys/statvfs.h>

#include <algorithm>

#include "os/tree_size.h"

namespace burrow::builder {
namespace {

using Clock = std::chrono::steady_clock;

constexpr uint64_t kReserveInodes = 10'000;
constexpr uint64_t kLeastShare = 20;  // the reserve is at most this part of a filesystem
constexpr int kMeasureShare = 50;     // measuring takes at most this part of the time
constexpr auto kLeastPause = std::chrono::seconds(1);

std::string Gigabytes(uint64_t bytes) {
  constexpr double kGiB = 1u << 30;
  return fmt::format("{:.1f} GiB", static_cast<double>(bytes) / kGiB);
}

}  // namespace

DiskWatch::DiskWatch(DiskBounds bounds, std::string place, std::vector<std::string> directories)
    : bounds_(bounds),
      place_(std::move(place)),
      directories_(std::move(directories)),
      next_measure_(Clock::now() + kLeastPause) {}

Status DiskWatch::Check() {
  BURROW_RETURN_IF_ERROR(CheckFree());
  return CheckWritten();
}

Status DiskWatch::CheckFree() const {
  struct statvfs info{};
  if (::statvfs(place_.c_str(), &info) != 0) return FailErrno("ask for the free space of " + place_);
  const uint64_t unit = info.f_frsize, total = info.f_blocks * unit, free = info.f_bavail * unit;
  const uint64_t reserve = std::min(bounds_.reserve_bytes, total / kLeastShare);
  if (free < reserve) {
    return Fail(Code::kResourceExhausted,
                "the worker's disk is nearly full ({} are left, {} are kept free): remove images or caches, or give "
                "it more space",
                Gigabytes(free), Gigabytes(reserve));
  }
  if (info.f_files > 0 && info.f_favail < std::min<uint64_t>(kReserveInodes, info.f_files / kLeastShare))
    return Fail(Code::kResourceExhausted, "the worker's disk has room for {} more files only", info.f_favail);
  return {};
}

Status DiskWatch::CheckWritten() {
  const auto began = Clock::now();
  if (began < next_measure_) return {};
  const uint64_t bytes = os::TreeBytes(directories_);
  const auto ended = Clock::now();
  next_measure_ = ended + std::max<Clock::duration>(kLeastPause, (ended - began) * kMeasureShare);
  if (bytes <= bounds_.step_bytes) return {};
  return Fail(Code::kResourceExhausted, "the step wrote {}, more than the {} that a step may", Gigabytes(bytes),
              Gigabytes(bounds_.step_bytes));
}

}  // namespace burrow::builder
