#include "worker/container_inputs.h"

#include <functional>
#include <utility>
#include <vector>

#include "cas/digest.h"
#include "worker/coroutine.h"

namespace burrow::worker {
namespace {

Result<imagefs::ImageLease> FindImage(const ContainerServices& services, const std::string& index_digest,
                                      const std::string& record_token) {
  auto digest = cas::Digest::FromHex(index_digest);
  if (!digest) return Fail(Code::kInvalidArgument, "'{}' names no image", index_digest);
  return services.images->Acquire(*digest, {.record_token = record_token});
}

}  // namespace

net::Task<Result<ContainerInputs>> FetchInputs(const ContainerServices& services,
                                               const burrow::link::v1::ContainerSpec& spec,
                                               const std::string& record_token) {
  Result<imagefs::ImageLease> image;
  Result<std::string> function;
  Result<std::shared_ptr<const SourceDirectory>> source;
  std::vector<std::function<void()>> work;
  work.emplace_back([&] { image = FindImage(services, spec.image().index_digest(), record_token); });
  if (spec.source_size() > 0) {
    work.emplace_back([&] { source = services.sources->Materialise({spec.source().begin(), spec.source().end()}); });
  }
  co_await RunAllBlocking(*services.pool, std::move(work));
  if (spec.function().pickled().data_case() != burrow::v1::Payload::DATA_NOT_SET) {
    function = co_await services.payloads->Fetch(spec.function().pickled());
  }
  ContainerInputs inputs;
  BURROW_CO_ASSIGN_OR_RETURN(inputs.image, std::move(image));
  BURROW_CO_ASSIGN_OR_RETURN(inputs.source, std::move(source));
  BURROW_CO_ASSIGN_OR_RETURN(inputs.function, std::move(function));
  co_return inputs;
}

}  // namespace burrow::worker
