// The control plane: apps, calls, images, and the workers that run them. Served over HTTP; state in one directory:
//   <state>/control/burrow.db        what the store holds
//   <state>/control/blobs/           content by SHA-256
//   <state>/control/packs/           small content, many together
//   <state>/control/packing/         the index of the packs, and what is in none yet
//   <state>/control/blob-uses/       what was put or asked for lately
//   <state>/control/logs/<app>.jsonl what apps printed
//   <state>/control/secrets.key      the key that secrets are sealed with, mode 0600
//   <state>/control/tokens           the secrets of the first client and worker, mode 0600
#pragma once

#include <chrono>
#include <memory>
#include <string>

#include "base/clock.h"
#include "base/error.h"
#include "control/blob_stores.h"
#include "control/limits.h"
#include "net/http_server.h"
#include "net/task.h"
#include "oci/default_registry.h"

namespace burrow::control {

struct ControlOptions {
  std::string state_directory;
  net::HttpServerOptions http;
  Timings timings;
  BlobStoreOptions blobs;
  oci::DefaultRegistry registry;
  const Clock* clock = nullptr;  // null: the machine's; outlives the Control
};

// Everything runs on the one thread of `io`, which the owner runs; `io` outlives the Control.
class Control {
 public:
  // Blocks while it opens the state: kFailedPrecondition when another control uses it, when a newer Burrow wrote it, or
  // when the port is taken.
  static Result<std::unique_ptr<Control>> Start(net::IoContext& io, ControlOptions options);
  virtual ~Control() = default;

  virtual uint16_t port() const = 0;
  virtual const std::string& client_token() const = 0;  // empty: it was revoked
  virtual const std::string& worker_token() const = 0;
  // Takes no new calls of clients and waits until those that run have ended; ends after `most`, or at Hurry. Stop
  // follows.
  virtual net::Task<void> Drain(Millis most) = 0;
  virtual void Hurry() = 0;
  // Stops every container, lets results and logs reach the disk, ends streams and links. Takes at most ~15 s, usually
  // none. What was queued by Submit is found again by the next Start; running apps are, too. Call once; then destroy
  // after `io` has stopped.
  virtual net::Task<void> Stop() = 0;
};

}  // namespace burrow::control
