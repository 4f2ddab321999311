#include "api/pack_endpoint.h"

#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <memory>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "api/answer.h"
#include "base/log.h"
#include "cas/pack.h"

namespace burrow::api {
using net::HttpExchange;
using net::Task;

namespace {

constexpr size_t kPackPiece = 256u << 10;    // of an upload, to one turn of the pool
constexpr uint64_t kFirstFrame = 64u << 10;  // so that a prefetch has its first blobs soon
constexpr uint64_t kStoredTogether = 4u << 20;
constexpr size_t kKeptPiece = 512u << 10;  // of a kept pack

Result<std::vector<cas::Digest>> ReadDigests(std::string_view body) {
  if (body.size() % cas::Digest::kSize != 0) {
    return Fail(Code::kInvalidArgument, "ask for blobs by their digests, {} bytes each, without anything between",
                cas::Digest::kSize);
  }
  std::vector<cas::Digest> digests;
  digests.reserve(body.size() / cas::Digest::kSize);
  for (; !body.empty(); body.remove_prefix(cas::Digest::kSize)) {
    std::array<uint8_t, cas::Digest::kSize> bytes;
    std::memcpy(bytes.data(), body.data(), bytes.size());
    digests.emplace_back(bytes);
  }
  return digests;
}

// A pack being made; the pool's thread has it while the coroutine waits.
class Outgoing {
 public:
  // `cache` may be absent.
  Outgoing(cas::BlobStore& store, std::vector<cas::Digest> digests, PackCache* cache, const cas::Digest& request)
      : store_(store),
        digests_(std::move(digests)),
        writer_({},
                [this](std::string_view data) -> Status {
                  out_ += data;
                  return {};
                }),
        cache_(cache),
        request_(request) {
    if (cache_) draft_ = cache_->Begin(request_);
  }

  // The next bytes; empty at the end.
  Result<std::string> Next() {
    while (out_.empty() && !finished_) BURROW_RETURN_IF_ERROR(next_ < digests_.size() ? AddOne() : Finish());
    if (draft_) draft_->Append(out_);
    // What is absent may come.
    if (draft_ && finished_ && absent_.empty()) cache_->Keep(request_, std::move(*std::exchange(draft_, nullptr)));
    return std::exchange(out_, {});
  }

 private:
  Status AddOne() {
    const cas::Digest& digest = digests_[next_++];
    auto content = cas::GetAll(store_, digest, cas::kManyLimit);
    if (content) {
      BURROW_RETURN_IF_ERROR(writer_.Add(digest, *content));
      bool first = writer_.frames().empty() && writer_.buffered() >= kFirstFrame;
      return first ? writer_.Flush() : Status();
    }
    Code code = content.error().code();
    if (code == Code::kDataLoss) LogError("{}", content.error().message());
    if (code != Code::kNotFound && code != Code::kDataLoss && code != Code::kOutOfRange) {
      return Forward(std::move(content.error()));
    }
    absent_.push_back(digest);
    return {};
  }
  Status Finish() {
    finished_ = true;
    BURROW_RETURN_IF_ERROR(writer_.AddAbsent(absent_));
    return writer_.Finish();
  }

  cas::BlobStore& store_;
  std::vector<cas::Digest> digests_, absent_;
  std::string out_;
  cas::PackWriter writer_;
  size_t next_ = 0;
  bool finished_ = false;
  PackCache* const cache_;
  const cas::Digest request_;
  std::unique_ptr<PackDraft> draft_;  // none: nothing of it is kept
};

// The next piece of a kept pack from `offset` on, which moves.
Result<std::string> ReadPiece(const KeptPack& pack, uint64_t& offset) {
  std::string piece;
  ssize_t got = 0;
  piece.resize_and_overwrite(std::min<uint64_t>(kKeptPiece, pack.bytes - offset), [&](char* buffer, size_t size) {
    got = ::pread(pack.file.get(), buffer, size, static_cast<off_t>(offset));
    return got > 0 ? static_cast<size_t>(got) : 0;
  });
  if (got < 0) return FailErrno("read a kept pack");
  if (got == 0 && offset < pack.bytes) return Fail(Code::kDataLoss, "a kept pack is shorter than it was");
  offset += static_cast<uint64_t>(got);
  return piece;
}

// A pack that comes in; the pool's thread has it while the coroutine waits.
class Incoming {
 public:
  explicit Incoming(cas::BlobStore& store) : store_(store), reader_(Events()) {}

  std::string piece = std::string(kPackPiece, '\0');

  Status Take(size_t size, bool last) {
    Status taken = reader_.Append(std::string_view(piece).substr(0, size));
    if (!taken && taken.error().code() == Code::kDataLoss) {
      return Fail(Code::kInvalidArgument, "{}", taken.error().message());
    }
    BURROW_RETURN_IF_ERROR(taken);
    if (!last) return {};
    if (!reader_.complete()) return Fail(Code::kInvalidArgument, "the pack has no end: it was cut off");
    return Store();
  }

 private:
  cas::PackEvents Events() {
    return {.blob = [this](const cas::Digest& digest, std::string_view data) { return Add(digest, data); },
            .absent = [](const cas::Digest&) -> Status { return {}; },
            .damaged = [](const cas::Digest& digest, uint64_t) -> Status {
              return Fail(Code::kInvalidArgument, "the bytes given for blob {} hash to another digest", digest.Hex());
            }};
  }
  Status Add(const cas::Digest& digest, std::string_view data) {
    if (bytes_ > 0 && bytes_ + data.size() > kStoredTogether) BURROW_RETURN_IF_ERROR(Store());
    bytes_ += data.size();
    blobs_.emplace_back(digest, data);
    return {};
  }
  Status Store() {
    std::vector<cas::BlobBytes> together;
    together.reserve(blobs_.size());
    for (const auto& [digest, data] : blobs_) together.push_back({.digest = digest, .data = data});
    BURROW_RETURN_IF_ERROR(store_.PutMany(together));
    blobs_.clear();
    bytes_ = 0;
    return {};
  }

  cas::BlobStore& store_;
  cas::PackReader reader_;
  std::vector<std::pair<cas::Digest, std::string>> blobs_;
  uint64_t bytes_ = 0;
};

}  // namespace

Task<void> PackEndpoint::Handle(HttpExchange& exchange) {
  if (exchange.method() == "POST") {
    co_await Send(exchange);
  } else if (exchange.method() == "PUT") {
    Status received = co_await Receive(exchange);
    if (received) {
      co_await exchange.Respond(201, "application/json", "{}");
    } else {
      co_await RespondError(exchange, received.error());
    }
  } else {
    exchange.AddHeader("Allow", "POST, PUT");
    co_await RespondError(exchange, Error(Code::kUnimplemented, "packs understand POST and PUT"), 405);
  }
}

Task<void> PackEndpoint::Send(HttpExchange& exchange) {
  auto body = co_await exchange.ReadBody(cas::kMaxPackDigests * cas::Digest::kSize);
  auto digests = body ? ReadDigests(*body) : Forward(std::move(body.error()));
  if (!digests) {
    co_await RespondError(exchange, digests.error());
    co_return;
  }
  const cas::Digest request = cas::Digest::Of(*body);
  if (auto kept = cache_ ? cache_->Find(request) : nullptr) {
    auto offset = std::make_shared<uint64_t>(0);
    co_return co_await Stream(exchange, [kept, offset] { return ReadPiece(*kept, *offset); });
  }
  auto pack = std::make_shared<Outgoing>(store_, std::move(*digests), cache_, request);
  co_await Stream(exchange, [pack] { return pack->Next(); });
}

Task<void> PackEndpoint::Stream(HttpExchange& exchange, NextPiece next_piece) {
  Status status = co_await exchange.BeginStream(200, "application/octet-stream");
  while (status) {
    auto next = co_await net::RunBlocking(pool_, [next_piece] { return next_piece(); });
    if (!next) {  // an unfinished stream: the client asks for the rest again
      LogError("a pack of blobs breaks off: {}", next.error().message());
      co_return;
    }
    if (next->empty()) break;
    status = co_await exchange.WriteChunk(*next);
  }
  if (status) co_await exchange.EndStream();
}

Task<Status> PackEndpoint::Receive(HttpExchange& exchange) {
  auto pack = std::make_shared<Incoming>(store_);
  for (bool last = false; !last;) {
    size_t filled = 0;
    while (filled < pack->piece.size() && !last) {
      BURROW_CO_ASSIGN_OR_RETURN(size_t got, co_await exchange.ReadSome(std::span(pack->piece).subspan(filled)));
      filled += got;
      last = got == 0;
    }
    BURROW_CO_RETURN_IF_ERROR(
        co_await net::RunBlocking(pool_, [pack, filled, last] { return pack->Take(filled, last); }));
  }
  co_return Status();
}

}  // namespace burrow::api
