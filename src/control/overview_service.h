// burrow.v1.Overviews: what runs and what waits, at one glance.
#pragma once

#include "api/gateway.h"
#include "base/clock.h"
#include "control/apps.h"
#include "control/workers.h"

namespace burrow::control {

// What the service looks at; all of it outlives the service.
struct OverviewParts {
  const Clock& clock;
  const AppTable& apps;
  const WorkerPool& workers;
};

// Loop's thread only. Changes nothing.
class OverviewService {
 public:
  explicit OverviewService(OverviewParts parts) : p_(parts) {}
  void Register(api::Gateway& gateway);

 private:
  pb::Overview Show(const std::string& workspace) const;

  OverviewParts p_;
};

}  // namespace burrow::control
