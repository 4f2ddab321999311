// What control finds again when it starts: images, apps, functions, and the calls that were queued.
#pragma once

#include "base/error.h"
#include "control/app_lifecycle.h"
#include "control/apps.h"
#include "control/calls.h"
#include "control/dispatcher.h"
#include "control/images.h"
#include "control/result_writer.h"
#include "control/schedules.h"
#include "store/store.h"

namespace burrow::control {

struct RecoveryParts {
  net::IoContext& io;
  const Clock& clock;
  store::Store& store;
  const Timings& timings;
  AppTable& apps;
  ImageTable& images;
  CallTable& calls;
  Dispatcher& dispatcher;
  AppLifecycle& lifecycle;
  ResultWriter& writer;
  Schedules& schedules;
};

// A call that is in the store and in no table yet.
struct StoredCall {
  store::CallRecord record;
  std::shared_ptr<Function> function;
  std::shared_ptr<Group> group;
};
// Enters and queues it; kDataLoss where its arguments cannot be read.
Status QueueStoredCall(const StoredCall& stored, CallTable& calls, AppLifecycle& lifecycle, Dispatcher& dispatcher);

// Reads the store into the tables and queues what had not ended. Blocks; before anything else runs.
Status Recover(const RecoveryParts& parts);

}  // namespace burrow::control
