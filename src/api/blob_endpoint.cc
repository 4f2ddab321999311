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
#include "cas/pack.h"

namespace burrow::api {
using burrow::v1::MissingRequest;
using burrow::v1::MissingResponse;
using net::HttpExchange;
using net::Task;

namespace {

constexpr uint64_t kSmall = 64u << 10;  // read whole and sent with the head
constexpr size_t kPiece = 256u << 10;   // of an upload, to one turn of the pool
constexpr size_t kSent = 1u << 20;      // of a download that has no file, from one turn of the pool
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
  std::unique_ptr<cas::BlobWriter> writer;
  std::string piece;

  Status Store(cas::BlobStore& store, const cas::Digest& digest, size_t size, bool last) {
    if (!writer) {
      BURROW_ASSIGN_OR_RETURN(writer, store.StartBlob());
    }
    BURROW_RETURN_IF_ERROR(writer->Append(std::string_view(piece).substr(0, size)));
    return last ? writer->Commit(digest) : Status();
  }
};

// A blob as it is found: with a file, or only its size.
struct Found {
  UniqueFd file;
  uint64_t size = 0;
};

Result<Found> FoundFile(UniqueFd file) {
  struct stat info{};
  if (::fstat(file.get(), &info) != 0) return FailErrno("examine a blob");
  return Found{.file = std::move(file), .size = static_cast<uint64_t>(info.st_size)};
}

// On the loop's thread where the blob has a file: opening one is cheaper than going to the pool.
// Whoever asks by HEAD relies on the answer, and Size counts as a use of the blob.
Task<Result<Found>> Find(cas::BlobStore& store, net::BlockingPool& pool, const cas::Digest& digest, bool only_asked) {
  if (!only_asked) {
    auto file = store.OpenBlob(digest);
    if (file) co_return FoundFile(std::move(*file));
    if (file.error().code() != Code::kUnimplemented) co_return Forward(std::move(file.error()));
  }
  BURROW_CO_ASSIGN_OR_RETURN(uint64_t size,
                             co_await net::RunBlocking(pool, [&store, digest] { return store.Size(digest); }));
  co_return Found{.size = size};
}

// A part in memory; a whole small blob is verified.
Result<std::string> ReadPart(cas::BlobStore& store, const cas::Digest& digest, uint64_t offset, uint64_t length,
                             bool whole) {
  if (whole) return cas::GetAll(store, digest, length);
  std::string data;
  data.reserve(length);
  BURROW_RETURN_IF_ERROR(store.GetRange(digest, offset, length, [&](std::string_view piece) -> Status {
    data += piece;
    return {};
  }));
  return data;
}

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
  if (exchange.path() == cas::kPackPath) {
    co_await packs_.Handle(exchange);
  } else if (!digest) {
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
  auto found = co_await Find(store_, pool_, digest, exchange.method() == "HEAD");
  if (!found) {
    co_await RespondError(exchange, found.error());
    co_return;
  }
  uint64_t size = found->size;
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
  if (!found->file.valid()) {
    (void)co_await SendPieces(exchange, digest, status, range);
    co_return;
  }
  if (exchange.method() == "GET" && range.length <= kSmall) {
    if (auto data = ReadCached(found->file.get(), range.offset, range.length)) {
      co_await exchange.Respond(status, kContentType, std::move(*data));
      co_return;
    }
  }
  (void)co_await exchange.RespondFile(status, kContentType, found->file.get(), range.offset, range.length);
}

// What has no file comes through memory. The client verifies: a blob that breaks off in the middle is asked for again.
Task<Status> BlobEndpoint::SendPieces(HttpExchange& exchange, const cas::Digest& digest, int status, ByteRange range) {
  bool begun = exchange.method() == "HEAD";
  if (begun) BURROW_CO_RETURN_IF_ERROR(co_await exchange.BeginStream(status, kContentType, range.length));
  for (uint64_t sent = 0; sent < range.length && exchange.method() == "GET"; sent += kSent) {
    uint64_t length = std::min<uint64_t>(kSent, range.length - sent);
    bool whole = range.kind == ByteRange::Kind::kWhole && length == range.length;
    auto read = [&store = store_, digest, offset = range.offset + sent, length, whole] {
      return ReadPart(store, digest, offset, length, whole);
    };
    auto data = co_await net::RunBlocking(pool_, std::move(read));
    if (!data && begun) co_return Forward(std::move(data.error()));  // unfinished: the connection is closed
    if (!data) co_return co_await RespondError(exchange, data.error());
    if (length == range.length) co_return co_await exchange.Respond(status, kContentType, std::move(*data));
    if (!begun) BURROW_CO_RETURN_IF_ERROR(co_await exchange.BeginStream(status, kContentType, range.length));
    begun = true;
    BURROW_CO_RETURN_IF_ERROR(co_await exchange.WriteChunk(*data));
  }
  if (!begun) co_return co_await exchange.Respond(status, kContentType, "");
  co_return co_await exchange.EndStream();
}

Task<void> BlobEndpoint::Put(HttpExchange& exchange, const cas::Digest& digest) {
  auto known = co_await net::RunBlocking(pool_, [&store = store_, digest] { return store.Has(digest); });
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
      "burrow.v1.Blobs/Missing", [this](const Caller&, const MissingRequest& request) -> Task<Result<MissingResponse>> {
        BURROW_CO_ASSIGN_OR_RETURN(auto digests, ParseDigests(request));
        auto find = [&blobs = store_, digests = std::move(digests)] { return blobs.Missing(digests); };
        BURROW_CO_ASSIGN_OR_RETURN(auto missing, co_await net::RunBlocking(pool_, std::move(find)));
        MissingResponse response;
        for (const auto& digest : missing) response.add_digests(digest.Hex());
        co_return response;
      });
}

}  // namespace burrow::api
