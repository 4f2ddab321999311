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

using Laid = Result<std::shared_ptr<const SourceDirectory>>;

// Work that lays the files of each attachment out; `laid` outlives it.
void AddAttachments(const ContainerServices& services, const burrow::v1::FunctionSpec& function,
                    std::vector<Laid>& laid, std::vector<std::function<void()>>& work) {
  laid.resize(static_cast<size_t>(function.attached_size()));
  for (size_t i = 0; i < laid.size(); ++i) {
    work.emplace_back([&services, &function, &laid, i] {
      const auto& files = function.attached(static_cast<int>(i)).files();
      laid[i] = services.sources->Materialise({files.begin(), files.end()});
    });
  }
}

}  // namespace

net::Task<Result<ContainerInputs>> FetchInputs(const ContainerServices& services,
                                               const burrow::link::v1::ContainerSpec& spec,
                                               const std::string& record_token, ContainerVolumes* volumes) {
  Result<imagefs::ImageLease> image;
  Result<std::vector<runtime::Bind>> mounted;
  Result<std::string> function;
  Laid source;
  std::vector<Laid> attached;
  std::vector<std::function<void()>> work;
  work.emplace_back([&] { image = FindImage(services, spec.image().index_digest(), record_token); });
  if (spec.source_size() > 0) {
    work.emplace_back([&] { source = services.sources->Materialise({spec.source().begin(), spec.source().end()}); });
  }
  if (volumes != nullptr && !volumes->empty()) work.emplace_back([&] { mounted = volumes->Mount(); });
  AddAttachments(services, spec.function(), attached, work);
  co_await RunAllBlocking(*services.pool, std::move(work));
  if (spec.function().pickled().data_case() != burrow::v1::Payload::DATA_NOT_SET) {
    function = co_await services.payloads->Fetch(spec.function().pickled());
  }
  ContainerInputs inputs;
  BURROW_CO_ASSIGN_OR_RETURN(inputs.image, std::move(image));
  BURROW_CO_ASSIGN_OR_RETURN(inputs.source, std::move(source));
  BURROW_CO_ASSIGN_OR_RETURN(inputs.volumes, std::move(mounted));
  for (Laid& directory : attached) {
    BURROW_CO_RETURN_IF_ERROR(directory);
    inputs.attached.push_back(std::move(*directory));
  }
  BURROW_CO_ASSIGN_OR_RETURN(inputs.function, std::move(function));
  co_return inputs;
}

}  // namespace burrow::worker
