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

net::Task<Result<burrow::v1::Payload>> Payloads::Pack(std::string value) {
  burrow::v1::Payload payload;
  if (value.size() <= kMaxInlinePayload) {
    payload.set_inline_(std::move(value));
    co_return payload;
  }
  co_return co_await net::RunBlocking(*pool_,
                                      [store = store_, value = std::move(value)]() -> Result<burrow::v1::Payload> {
                                        auto digest = cas::Digest::Of(value);
                                        if (auto put = store->Put(digest, value); !put)
                                          return Forward(std::move(put.error()).WithContext("store a large value"));
                                        burrow::v1::Payload stored;
                                        stored.set_digest(digest.Hex());
                                        return stored;
                                      });
}

}  // namespace burrow::worker
