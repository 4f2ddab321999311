// burrow.v1.Apps/Bind: variants of functions, by the parameters of a class and by changed options.
#pragma once

#include <memory>
#include <set>
#include <string>
#include <vector>

#include "api/gateway.h"
#include "control/apps.h"
#include "control/background.h"
#include "control/dispatcher.h"
#include "control/secret_table.h"
#include "control/volumes.h"
#include "store/store.h"

namespace burrow::control {

// What the service works on; all of it outlives the service.
struct ClassServiceParts {
  net::IoContext& io;
  AppTable& apps;
  Dispatcher& dispatcher;
  store::Store& store;
  Background& store_thread;
  const Volumes& volumes;
  const SecretTable& secrets;
};

class ClassService {
 public:
  explicit ClassService(ClassServiceParts parts) : p_(parts) {}
  void Register(api::Gateway& gateway);

 private:
  net::Task<Result<pb::BindResponse>> Bind(const api::Caller& by, const pb::BindRequest& request);

  // May the caller choose them, and are its volumes and secrets there? Seals the secrets' variables.
  Status PrepareOverrides(const api::Caller& by, const Function& base, pb::SpecOverrides& overrides) const;

  ClassServiceParts p_;
};

size_t CountVariants(const App& app);
// The variants of a function that is about to be published anew as `prepared`, in the same way: to be stored and
// entered with it. Those whose keys are in `but` are left out.
std::vector<std::shared_ptr<Function>> PrepareVariants(net::IoContext& io, App& app, const Function& prepared,
                                                       const std::set<std::string>& but = {});

}  // namespace burrow::control
