// burrow.v1.CallViews.
#pragma once

#include "api/gateway.h"
#include "base/clock.h"
#include "control/apps.h"
#include "control/background.h"
#include "control/calls.h"
#include "store/store.h"

namespace burrow::control {

// What the service works on; all of it outlives the service.
struct CallViewParts {
  const Clock& clock;
  AppTable& apps;
  CallTable& calls;
  store::Store& store;
  Background& store_thread;
};

class CallViewService {
 public:
  explicit CallViewService(CallViewParts parts) : p_(parts) {}
  void Register(api::Gateway& gateway);

 private:
  net::Task<Result<pb::CallView>> Show(const std::string& workspace, const pb::ShowCallRequest& request);

  CallViewParts p_;
};

// Why a call that is in no container waits, as one sentence.
std::string WhyWaiting(const Call& call, uint32_t ahead, SteadyTime now);

}  // namespace burrow::control
