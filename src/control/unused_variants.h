// Variants (of classes with parameters, of functions with other options) that nobody has used for long are forgotten,
// or every set of parameters that ever was would stay. Whoever comes again binds it again, and gets the same id.
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "base/clock.h"
#include "control/apps.h"
#include "control/autoscaling.h"
#include "control/background.h"
#include "control/timer.h"
#include "store/store.h"

namespace burrow::control {

// Takes those out of the table that looks have found unused for `long_ms`, this one included. A call, a container and a
// Bind are uses.
std::vector<std::shared_ptr<Function>> TakeUnusedVariants(AppTable& apps, uint64_t now_ms, uint64_t long_ms);

// What it works on; all of it outlives it.
struct UnusedVariantsParts {
  net::IoContext& io;
  const Clock& clock;
  const Timings& timings;
  AppTable& apps;
  Autoscaler& autoscaler;
  store::Store& store;
  Background& store_thread;
};

// Loop's thread only.
class UnusedVariants {
 public:
  explicit UnusedVariants(UnusedVariantsParts parts) : p_(parts), timer_(parts.io) {}
  // Looks from now on.
  void Begin();
  void Stop() { timer_.Cancel(); }

 private:
  void Look();

  UnusedVariantsParts p_;
  Timer timer_;
};

}  // namespace burrow::control
