#include "worker/hot_start.h"

#include <algorithm>
#include <utility>
#include <vector>

#include "base/log.h"
#include "cas/frames.h"
#include "image/index_blobs.h"
#include "imagefs/trace.h"
#include "net/detached.h"

namespace burrow::worker {
namespace {

using burrow::link::v1::FromWorker;
using TracedSet = burrow::link::v1::HotSet;

std::vector<cas::HotBlob> Decode(const TracedSet& set) {
  std::vector<cas::HotBlob> blobs;
  for (const auto& blob : set.blobs()) {
    std::array<uint8_t, cas::Digest::kSize> bytes{};
    if (blob.digest().size() != bytes.size() || blobs.size() == imagefs::kMaxTrace) continue;
    std::ranges::copy(blob.digest(), bytes.begin());
    cas::HotBlob decoded{.digest = cas::Digest(bytes), .size = blob.size()};
    for (uint32_t frame : blob.frames()) {
      if (frame < cas::FrameCount(blob.size())) decoded.frames.push_back(frame);
    }
    blobs.push_back(std::move(decoded));
  }
  return blobs;
}

Result<TracedSet> OfImage(const std::vector<imagefs::Access>& reads, const std::vector<std::string>& directories,
                          const std::string& image) {
  auto digest = cas::Digest::FromHex(image);
  if (!digest) return Fail(Code::kInvalidArgument, "'{}' names no image", image);
  BURROW_ASSIGN_OR_RETURN(const auto loaded, image::LoadLocalIndex(directories, *digest));
  TracedSet set;
  for (const cas::HotBlob& read : imagefs::HotBlobsOf(reads, loaded->index())) {
    auto& blob = *set.add_blobs();
    blob.set_digest(read.digest.bytes().data(), read.digest.bytes().size());
    blob.set_size(read.size);
    blob.mutable_frames()->Add(read.frames.begin(), read.frames.end());
  }
  return set;
}

net::Task<void> SendTrace(ContainerServices services, std::string container, std::string image,
                          std::vector<imagefs::Access> reads) {
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
  auto image = cas::Digest::FromHex(image_);
  if (services_.prefetcher && image) {
    services_.prefetcher->Start(container_, {.image = *image, .blobs = Decode(request.hot_set())});
  }
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
