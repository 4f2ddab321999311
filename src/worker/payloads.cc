#include "worker/payloads.h"

#include <utility>

#include "worker/frame.h"

namespace burrow::worker {

net::Task<Result<std::string>> Payloads::Fetch(burrow::v1::Payload payload) {
  if (!IsRemote(payload)) co_return std::move(*payload.mutable_inline_());
  auto digest = cas::Digest::FromHex(payload.digest());
  if (!digest) co_return Fail(Code::kInvalidArgument, "'{}' is no digest", payload.digest());
  co_return co_await net::RunBlocking(
      *pool_, [store = store_, digest = *digest] { return cas::GetAll(*store, digest, kMaxFrameBody); });
}

net::Task<Result<std::shared_ptr<Spool>>> Payloads::FetchFile(burrow::v1::Payload payload) {
  auto digest = cas::Digest::FromHex(payload.digest());
  if (!digest) co_return Fail(Code::kInvalidArgument, "'{}' is no digest", payload.digest());
  auto fetch = [store = store_, directory = directory_, digest = *digest]() -> Result<std::shared_ptr<Spool>> {
    auto spool = std::make_shared<Spool>(directory);
    BURROW_RETURN_IF_ERROR(store->Get(digest, [&](std::string_view piece) -> Status {
      if (spool->size() + piece.size() > kMaxFrameBody)
        return Fail(Code::kOutOfRange, "it is larger than {} MiB", kMaxFrameBody >> 20);
      return spool->Append(piece);
    }));
    return spool;
  };
  co_return co_await net::RunBlocking(*pool_, std::move(fetch));
}

net::Task<Result<burrow::v1::Payload>> Payloads::Pack(RunnerBody value) {
  burrow::v1::Payload payload;
  if (!value.large) {
    payload.set_inline_(std::move(value.bytes));
    co_return payload;
  }
  auto put = [store = store_, value = std::move(value.large)]() -> Result<burrow::v1::Payload> {
    BURROW_ASSIGN_OR_RETURN(const auto digest, value->Finish());
    if (auto stored = store->PutFile(digest, value->fd()); !stored)
      return Forward(std::move(stored.error()).WithContext("store a large value"));
    burrow::v1::Payload payload;
    payload.set_digest(digest.Hex());
    return payload;
  };
  co_return co_await net::RunBlocking(*pool_, std::move(put));
}

}  // namespace burrow::worker
