// Every bound and every waiting time of the control plane in one place. Tests shorten the times.
#pragma once

#include <cstddef>
#include <cstdint>

#include "base/clock.h"

namespace burrow::control {

inline constexpr size_t kMaxNameBytes = 128;
inline constexpr size_t kMaxFunctions = 1'000;  // of one app
inline constexpr size_t kMaxVariants = 10'000;  // sets of parameters of the classes of one app
inline constexpr size_t kMaxMethods = 1'000;    // of one class
inline constexpr size_t kMaxParameters = 100;   // of one class
inline constexpr size_t kMaxParameterBytes = 16 << 10;
inline constexpr uint32_t kMaxCallsAtOnce = 1'000;  // in one container
inline constexpr uint32_t kMaxBatchWaitMs = 600'000;
inline constexpr size_t kMaxSourceFiles = 100'000;  // of one app
inline constexpr size_t kMaxAttached = 64;          // destinations of attached files, of one function
inline constexpr size_t kMaxPathBytes = 4'000;
inline constexpr size_t kMaxEnvironment = 1'000;              // variables
inline constexpr size_t kMaxEnvironmentBytes = 128 << 10;     // one value
inline constexpr size_t kMaxInlineBytes = 1 << 20;            // of one payload
inline constexpr size_t kMaxInputs = 10'000;                  // of one Submit
inline constexpr size_t kMaxQueuedCalls = 100'000;            // of one function
inline constexpr size_t kMaxQueuedInWorkspace = 500'000;      // of all functions of one workspace
inline constexpr size_t kMaxUnfinishedCalls = 1'000'000;      // of all functions
inline constexpr uint64_t kMaxArgumentBytes = 1ull << 30;     // inline arguments of all unfinished calls
inline constexpr uint64_t kMaxRetainedBytes = 64ull << 20;    // results of finished calls in memory
inline constexpr uint64_t kMaxUnreadItemBytes = 64ull << 20;  // items of one group that nobody has taken
inline constexpr size_t kMaxRunningApps = 1'000;
inline constexpr size_t kMaxStoppedApps = 1'000;      // kept in memory for lists and logs
inline constexpr size_t kMaxShells = 100;             // open ones
inline constexpr uint64_t kGuestMemory = 1ull << 30;  // bytes that a shell may use, and a build step counts as
inline constexpr double kGuestCpus = 1.0;             // reserved, too
inline constexpr size_t kMaxSteps = 200;              // of one image
inline constexpr uint32_t kMaxWaitMs = 60'000;
inline constexpr uint32_t kMaxTimeoutMs = 7u * 86'400'000u;
inline constexpr uint32_t kDefaultTimeoutMs = 300'000;
inline constexpr uint32_t kDefaultScaledownMs = 60'000;
inline constexpr uint32_t kDefaultMemoryMib = 512;
inline constexpr double kDefaultCpus = 1.0;
inline constexpr uint64_t kMaxLogFileBytes = 16ull << 20;  // of an app's own words, then the file is rotated once
inline constexpr uint64_t kMaxAppLogBytes = 32ull << 20;   // of what all containers of an app printed
inline constexpr uint64_t kMaxContainerLogBytes = 4ull << 20;
inline constexpr size_t kMaxContainerLogs = 1'000;  // of one app
inline constexpr size_t kMaxFeedEvents = 20'000;    // of one app, in memory for followers
inline constexpr uint64_t kMaxFeedBytes = 4ull << 20;
inline constexpr size_t kMaxLogText = 64 << 10;  // one line
inline constexpr unsigned kMaxFailedStarts = 3;  // in a row, before the waiting calls fail

struct Timings {
  Millis first_watch{60'000};      // an ephemeral app's life before its first watcher
  Millis last_watch{20'000};       // and after its last one left
  Millis no_worker{60'000};        // calls wait so long for any worker
  Millis no_room{600'000};         // and so long for other containers to make room
  Millis shell_room{30'000};       // a shell waits so long for room in its workspace
  Millis worker_grace{10'000};     // a lost connection may come back within
  Millis reconcile{2'000};         // after a reconnect: what the worker had buffered has arrived by then
  Millis start_deadline{600'000};  // of a container
  Millis stop_deadline{10'000};    // of a container, after its grace
  Millis stop_grace{2'000};        // between the polite signal and the kill
  Millis exit_grace{10'000};       // the same for containers with something to run before they stop
  Millis overdue_call{30'000};     // beyond its timeout, before its container is given up
  Millis sweep{5'000};             // how often overdue things are looked for
  Millis start_backoff{200};       // after the first failed start; doubles
  Millis result_retention{300'000};
  Millis heartbeat{15'000};                  // of silent streams
  Millis shell_input{5'000};                 // wait for the command to read, before input is refused for the moment
  Millis build_step{1'800'000};              // from its beginning on a worker, where its build says nothing else
  Millis overdue_step{60'000};               // beyond it, before its worker is no longer waited for
  Millis finished_calls{7ull * 86'400'000};  // kept in the store
  Millis daily{86'400'000};
  Millis unused_variant{86'400'000};  // before it is forgotten
  Millis variant_check{3'600'000};    // between looks for these
  Millis volume_request{1'800'000};   // until a worker has committed what a container wrote
  Millis collect_blobs{3'600'000};    // between collections of blobs
  Millis schedule_check{30'000};      // how late a schedule may be noticed after the machine's clock was set
};

}  // namespace burrow::control
