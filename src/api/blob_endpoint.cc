#include "api/blob_endpoint.h"

#include <sys/stat.h>
#include <sys/uio.h>

#include <algorithm>
#include <charconv>
#include <cstring>
#include <memory>
#include <optional>
#include <utility>

#include "api/answer.h"
#include "api/byte_range.h"
#include "burrow/v1/blobs.pb.h"

namespace burrow::api {
using burrow::v1::MissingRequest;
using burrow::v1::MissingResponse;
using net::HttpExchange;
using net::Task;

namespace {

constexpr uint64_t kSmall = 64u << 10;  // read whole and sent with the head
constexpr size_t kPiece = 256u << 10;   // of an upload, to one turn of the pool
constexpr int kMissingLimit = 10'000;
constexpr const char* kContentType = "application/octet-stream";

// What the page cache holds, without waiting for the disk.
std::optional<std::string> ReadCached(int fd, uint64_t offset, uint64_t length) {
  std::string data(length, '\0');
  iovec part{data.data(), data.size()};
  ssize_t got = ::preadv2(fd, &part, 1, static_cast<off_t>(offset), RWF_NOWAIT);
  if (got < 0 || static_cast<uint64_t>(got) != length) return std::nullopt;
  return data;
}

// An upload under way; shared with the pool's thread, which has it while the coroutine waits.
struct Upload {
  std::optional<cas::DiskBlobWriter> writer;
  std::string piece;

  Status Store(cas::DiskBlobStore& store, const cas::Digest& digest, size_t size, bool last) {
    if (!writer) {
      auto opened = store.NewWriter();
      if (!opened) return Forward(std::move(opened.error()));
      writer.emplace(std::move(*opened));
    }
    BURROW_RETURN_IF_ERROR(writer->Append(std::string_view(piece).substr(0, size)));
    return last ? writer->Commit(digest) : Status();
  }
};

size_t PieceSize(const HttpExchange& exchange) {
  auto header = exchange.header("Content-Length");
  uint64_t length = kPiece;
  std::from_chars(header.data(), header.data() + header.size(), length);
  return std::clamp<uint64_t>(length + 1, 1, kPiece);  // one more: the end is seen with the last byte
}

Result<std::vector<cas::Digest>> ParseDigests(const MissingRequest& request) {
  if (request.digests_size() > kMissingLimit) {
    return Fail(Code::kInvalidArgument, "{} digests at once are too many: ask for at most {}", request.digests_size(),
                kMissingLimit);
  }
  std::vector<cas::Digest> digests;
  digests.reserve(static_cast<size_t>(request.digests_size()));
  for (const auto& hex : request.digests()) {
    auto digest = cas::Digest::FromHex(hex);
    if (!digest) return Fail(Code::kInvalidArgument, "a digest must be 64 lower-case hex digits");
    digests.push_back(*digest);
  }
  return digests;
}

}  // namespace

Task<void> BlobEndpoint::Handle(HttpExchange& exchange) {
  auto digest = cas::Digest::FromHex(exchange.path().substr(kPrefix.size()));
  if (!digest) {
    co_await RespondError(
        exchange, Error(Code::kInvalidArgument, "a blob is named /blobs/<SHA-256 in 64 lower-case hex digits>"));
  } else if (exchange.method() == "GET" || exchange.method() == "HEAD") {
    co_await Get(exchange, *digest);
  } else if (exchange.method() == "PUT") {
    co_await Put(exchange, *digest);
  } else {
    exchange.AddHeader("Allow", "GET, HEAD, PUT");
    co_await RespondError(exchange, Error(Code::kUnimplemented, "blobs understand GET, HEAD and PUT"), 405);
  }
}

Task<void> BlobEndpoint::Get(HttpExchange& exchange, const cas::Digest& digest) {
  auto file = store_.OpenBlob(digest);
  struct stat info{};
  if (file && ::fstat(file->get(), &info) != 0) file = FailErrno("examine a blob");
  if (!file) {
    co_await RespondError(exchange, file.error());
    co_return;
  }
  auto size = static_cast<uint64_t>(info.st_size);
  std::string tag = fmt::format("\"{}\"", digest.Hex());
  exchange.AddHeader("ETag", tag);
  exchange.AddHeader("Accept-Ranges", "bytes");
  if (exchange.header("If-None-Match") == tag) {
    co_await exchange.Respond(304, "", "");
    co_return;
  }
  auto condition = exchange.header("If-Range");
  bool ranged = exchange.method() == "GET" && (condition.empty() || condition == tag);
  auto range = ParseRange(ranged ? exchange.header("Range") : std::string_view(), size);
  if (range.kind == ByteRange::Kind::kUnsatisfiable) {
    exchange.AddHeader("Content-Range", fmt::format("bytes */{}", size));
    co_await RespondError(exchange, Error(Code::kOutOfRange, fmt::format("the blob has {} bytes", size)), 416);
    co_return;
  }
  bool part = range.kind == ByteRange::Kind::kPart;
  if (part) {
    exchange.AddHeader("Content-Range",
                       fmt::format("bytes {}-{}/{}", range.offset, range.offset + range.length - 1, size));
  }
  int status = part ? 206 : 200;
  if (exchange.method() == "GET" && range.length <= kSmall) {
    if (auto data = ReadCached(file->get(), range.offset, range.length)) {
      co_await exchange.Respond(status, kContentType, std::move(*data));
      co_return;
    }
  }
  (void)co_await exchange.RespondFile(status, kContentType, file->get(), range.offset, range.length);
}

Task<void> BlobEndpoint::Put(HttpExchange& exchange, const cas::Digest& digest) {
  auto known = store_.Has(digest);
  if (known && *known) {
    co_await exchange.Respond(200, "application/json", "{}");
    co_return;
  }
  Status received = known ? co_await Receive(exchange, digest) : Status(Forward(std::move(known.error())));
  if (received) {
    co_await exchange.Respond(201, "application/json", "{}");
  } else {
    co_await RespondError(exchange, received.error());
  }
}

Task<Status> BlobEndpoint::Receive(HttpExchange& exchange, const cas::Digest& digest) {
  auto upload = std::make_shared<Upload>();
  upload->piece.resize(PieceSize(exchange));
  for (bool last = false; !last;) {
    size_t filled = 0;
    while (filled < upload->piece.size() && !last) {
      BURROW_CO_ASSIGN_OR_RETURN(size_t got, co_await exchange.ReadSome(std::span(upload->piece).subspan(filled)));
      filled += got;
      last = got == 0;
    }
    auto store = [upload, &blobs = store_, digest, filled, last] { return upload->Store(blobs, digest, filled, last); };
    BURROW_CO_RETURN_IF_ERROR(co_await net::RunBlocking(pool_, std::move(store)));
  }
  co_return Status();
}

void BlobEndpoint::Register(Gateway& gateway) {
  gateway.AddUnary<MissingRequest, MissingResponse>(
      "burrow.v1.Blobs/Missing", [this](const MissingRequest& request) -> Task<Result<MissingResponse>> {
        BURROW_CO_ASSIGN_OR_RETURN(auto digests, ParseDigests(request));
        auto find = [&blobs = store_, digests = std::move(digests)] { return blobs.Missing(digests); };
        BURROW_CO_ASSIGN_OR_RETURN(auto missing, co_await net::RunBlocking(pool_, std::move(find)));
        MissingResponse response;
        for (const auto& digest : missing) response.add_digests(digest.Hex());
        co_return response;
      });
}

}  // namespace burrow::api
