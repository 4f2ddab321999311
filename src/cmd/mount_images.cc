#include "cmd/mount_images.h"

#include <algorithm>
#include <charconv>
#include <nlohmann/json.hpp>
#include <optional>
#include <utility>

#include "cas/cache_layout.h"
#include "cas/frames.h"
#include "cas/http_blob_store.h"
#include "cmd/options.h"
#include "image/index_blobs.h"
#include "imagefs/trace.h"
#include "os/fs.h"

namespace burrow::cmd {
namespace {

constexpr uint64_t kOverflowMemory = 256u << 20;
constexpr const char* kRecording = "0000000000000001";  // there is one
constexpr const char* kContainer = "mount";

std::string_view TakeWord(std::string_view& line) {
  std::string_view word = line.substr(0, line.find(' '));
  line.remove_prefix(std::min(line.size(), word.size() + 1));
  return word;
}
template <class Number>
std::optional<Number> ParseNumber(std::string_view word) {
  Number number = 0;
  auto [end, error] = std::from_chars(word.data(), word.data() + word.size(), number);
  if (error != std::errc() || end != word.data() + word.size()) return std::nullopt;
  return number;
}

}  // namespace

std::vector<std::string> MountImages::BlobDirectories() const {
  return {cas::CacheLayout(options_.state_directory + "/cache").Blobs(), options_.state_directory + "/overflow"};
}

Status MountImages::OpenCache() {
  std::string cache = options_.state_directory + "/cache", overflow = options_.state_directory + "/overflow";
  BURROW_RETURN_IF_ERROR(os::MakeDirectories(overflow, 0700));
  BURROW_RETURN_IF_ERROR(os::UnmountBelow(options_.state_directory + "/overflow"));
  BURROW_ASSIGN_OR_RETURN(overflow_, os::MountTmpfs(overflow, kOverflowMemory));
  BURROW_ASSIGN_OR_RETURN(signals_, cas::CacheSignals::Create());
  store_ = cas::NewHttpBlobStore(
      {.url = options_.control_url, .token = options_.token, .deadline = options_.fetch_deadline, .signals = signals_});
  BURROW_ASSIGN_OR_RETURN(accesses_, imagefs::AccessLog::Create());
  auto blobs_of_image = [directories = BlobDirectories()](const cas::Digest& digest) {
    return image::LocalBlobsOf(directories, digest);
  };
  BURROW_ASSIGN_OR_RETURN(
      keeper_,
      cas::CacheKeeper::Open(
          {.directory = cache, .signals = signals_, .blobs_of_image = std::move(blobs_of_image), .clock = &clock_}));
  BURROW_ASSIGN_OR_RETURN(
      cache_, cas::BlobCache::Open(
                  {.directory = cache, .remote = store_.get(), .signals = signals_, .overflow_directory = overflow}));
  return {};
}

Status MountImages::StartImagefs() {
  BURROW_ASSIGN_OR_RETURN(images_,
                          imagefs::Supervisor::Start({.burrowd = SelfPath(),
                                                      .state_directory = options_.state_directory + "/imagefs",
                                                      .cache_directory = options_.state_directory + "/cache",
                                                      .blob_url = options_.control_url,
                                                      .token = options_.token,
                                                      .overflow_directory = options_.state_directory + "/overflow",
                                                      .signals = signals_,
                                                      .accesses = accesses_,
                                                      .tier = options_.tier,
                                                      .fetch_deadline = options_.fetch_deadline}));
  leased_images_ = std::make_unique<worker::LeasedImages>(images_.get(), keeper_.get());
  prefetcher_ = std::make_unique<worker::Prefetcher>(
      worker::PrefetcherOptions{.cache = cache_.get(), .remote = store_.get(), .images = images_.get()});
  return {};
}

Result<std::unique_ptr<MountImages>> MountImages::Start(MountImagesOptions options) {
  std::unique_ptr<MountImages> images(new MountImages(std::move(options)));
  BURROW_RETURN_IF_ERROR(images->OpenCache());
  BURROW_RETURN_IF_ERROR(images->StartImagefs());
  return images;
}

Result<imagefs::ImageLease> MountImages::Acquire(const cas::Digest& index, bool record) {
  index_ = index;
  if (record) accesses_->Begin(kRecording);
  return leased_images_->Acquire(index, {.record_token = record ? kRecording : ""});
}

void MountImages::Prefetch(const cas::Digest& index, std::vector<cas::HotBlob> blobs) {
  prefetcher_->Start(kContainer, {.image = index, .blobs = std::move(blobs)});
}

Result<std::vector<cas::HotBlob>> MountImages::FinishRecording() {
  BURROW_ASSIGN_OR_RETURN(const auto loaded, image::LoadLocalIndex(BlobDirectories(), index_));
  return imagefs::HotBlobsOf(accesses_->Finish(kRecording), loaded->index());
}

std::string MountImages::Counters() const {
  const cas::CacheCounters& counters = signals_->counters();
  return nlohmann::json{{"hits", counters.hits.load()},
                        {"misses", counters.misses.load()},
                        {"fetched_bytes", counters.fetched_bytes.load()},
                        {"slow_fetches", counters.slow_fetches.load()},
                        {"prefetched_blobs", counters.prefetched_blobs.load()},
                        {"prefetched_bytes", counters.prefetched_bytes.load()},
                        {"evicted_blobs", counters.evicted_blobs.load()},
                        {"failed_fetches", counters.failed_fetches.load()},
                        {"uncached_bytes", counters.uncached_bytes.load()},
                        {"retries", counters.retries.load()},
                        {"damaged_bytes", counters.damaged_bytes.load()},
                        {"failed_reads", counters.failed_reads.load()},
                        {"restarts", images_->restarts()},
                        {"imagefs_pid", images_->pid()}}
      .dump();
}

std::string FormatHotSet(const std::vector<cas::HotBlob>& blobs) {
  std::string text;
  for (const cas::HotBlob& blob : blobs) {
    text += fmt::format("{} {}", blob.digest.Hex(), blob.size);
    for (uint32_t frame : blob.frames) text += fmt::format(" {}", frame);
    text += '\n';
  }
  return text;
}

Result<std::vector<cas::HotBlob>> ParseHotSet(std::string_view text) {
  std::vector<cas::HotBlob> blobs;
  while (!text.empty()) {
    std::string_view line = text.substr(0, text.find('\n'));
    text.remove_prefix(std::min(text.size(), line.size() + 1));
    auto digest = cas::Digest::FromHex(TakeWord(line));
    auto size = ParseNumber<uint64_t>(TakeWord(line));
    if (!digest || !size) return Fail(Code::kInvalidArgument, "a line of a hot set is '<digest> <bytes> <frame>...'");
    cas::HotBlob blob{.digest = *digest, .size = *size};
    while (!line.empty()) {
      auto frame = ParseNumber<uint32_t>(TakeWord(line));
      if (!frame || *frame >= cas::FrameCount(blob.size)) {
        return Fail(Code::kInvalidArgument, "a hot set names a frame that blob {} does not have", digest->Hex());
      }
      blob.frames.push_back(*frame);
    }
    blobs.push_back(std::move(blob));
  }
  return blobs;
}

}  // namespace burrow::cmd
