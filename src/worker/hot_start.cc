#include "worker/hot_start.h"

#include <algorithm>
#include <utility>
#include <vector>

#include "base/log.h"
#include "image/index_blobs.h"
#include "net/detached.h"

namespace burrow::worker {
namespace {

using burrow::link::v1::FromWorker;
using burrow::link::v1::HotSet;

std::vector<cas::HotBlob> Decode(const HotSet& set) {
  std::vector<cas::HotBlob> blobs;
  for (const auto& blob : set.blobs()) {
    std::array<uint8_t, cas::Digest::kSize> bytes{};
    if (blob.digest().size() != bytes.size() || blobs.size() == imagefs::kMaxTrace) continue;
    std::ranges::copy(blob.digest(), bytes.begin());
    blobs.push_back({.digest = cas::Digest(bytes), .size = blob.size()});
  }
  return blobs;
}

// What others read meanwhile is noted, too: only files of the image count.
Result<HotSet> OfImage(const std::vector<cas::Digest>& reads, const std::vector<std::string>& directories,
                       const std::string& image) {
  auto digest = cas::Digest::FromHex(image);
  if (!digest) return Fail(Code::kInvalidArgument, "'{}' names no image", image);
  BURROW_ASSIGN_OR_RETURN(const auto loaded, image::LoadLocalIndex(directories, *digest));
  const auto files = image::FilesOf(loaded->index());
  HotSet set;
  for (const cas::Digest& read : reads) {
    auto at = std::ranges::lower_bound(files, read, {}, &image::ImageBlob::digest);
    if (at == files.end() || at->digest != read) continue;
    auto& blob = *set.add_blobs();
    blob.set_digest(read.bytes().data(), read.bytes().size());
    blob.set_size(at->size);
  }
  return set;
}

net::Task<void> SendTrace(ContainerServices services, std::string container, std::string image,
                          std::vector<cas::Digest> reads) {
  auto set = co_await net::RunBlocking(*services.pool, [&services, image, reads = std::move(reads)] {
    return OfImage(reads, services.blob_directories, image);
  });
  if (!set) {
    LogDebug("container {} leaves no trace: {}", container, set.error().message());
    co_return;
  }
  FromWorker message;
  auto& trace = *message.mutable_trace();
  trace.set_container_id(container);
  trace.set_index_digest(image);
  *trace.mutable_reads() = std::move(*set);
  services.send(std::move(message));
}

}  // namespace

HotStart::HotStart(const ContainerServices& services, const burrow::link::v1::StartContainer& request)
    : services_(services), container_(request.container_id()), image_(request.spec().image().index_digest()) {
  if (services_.prefetcher) services_.prefetcher->Start(container_, Decode(request.hot_set()));
  if (!services_.accesses || !request.record()) return;
  std::string token = cas::Digest::Of(container_).Hex().substr(0, imagefs::kTokenBytes);
  if (services_.accesses->Begin(token)) token_ = std::move(token);
}

HotStart::~HotStart() {
  if (services_.prefetcher) services_.prefetcher->Forget(container_);
  if (!token_.empty()) services_.accesses->Finish(token_);
}

void HotStart::Ready() {
  if (token_.empty()) return;
  auto reads = services_.accesses->Finish(std::exchange(token_, {}));
  net::RunDetached(*services_.io, SendTrace(services_, container_, image_, std::move(reads)), "trace of " + container_);
}

}  // namespace burrow::worker
