#include "control/unused_variants.h"

#include "base/log.h"

namespace burrow::control {
namespace {

bool IsUsed(const Function& variant) {
  return variant.waiting() > 0 || variant.running > 0 || !variant.containers.empty();
}

}  // namespace

std::vector<std::shared_ptr<Function>> TakeUnusedVariants(AppTable& apps, uint64_t now_ms, uint64_t long_ms) {
  std::vector<std::shared_ptr<Function>> unused;
  for (const App* app : apps.All()) {
    for (const auto& [key, function] : app->functions) {
      if (!function->is_variant()) continue;
      if (IsUsed(*function))
        function->unused_since_ms = 0;
      else if (function->unused_since_ms == 0)
        function->unused_since_ms = now_ms;
      else if (now_ms >= function->unused_since_ms + long_ms)
        unused.push_back(function);
    }
  }
  for (const auto& function : unused) apps.Leave(*function);
  return unused;
}

void UnusedVariants::Begin() {
  timer_.Start(p_.timings.variant_check, [this] {
    Look();
    Begin();
  });
}

void UnusedVariants::Look() {
  const auto unused =
      TakeUnusedVariants(p_.apps, p_.clock.UnixMillis(), static_cast<uint64_t>(p_.timings.unused_variant.count()));
  if (unused.empty()) return;
  std::vector<FunctionId> ids;
  for (const auto& function : unused) {
    p_.autoscaler.Forget(*function);
    ids.push_back(function->id);
  }
  p_.store_thread.Run([&store = p_.store, ids] { return store.PutFunctions({}, ids); },
                      [](const Status& status) {
                        if (!status) LogError("unused variants could not be dropped: {}", status.error().message());
                      });
}

}  // namespace burrow::control
