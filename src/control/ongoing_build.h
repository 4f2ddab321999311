// One request for a build while it runs: what its coroutines share, and what its client sees. Held by a shared_ptr by
// each coroutine, since these may outlive the request for a moment.
#pragma once

#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <stop_token>
#include <string>

#include "control/build_log.h"
#include "control/build_secrets.h"
#include "control/builds.h"
#include "control/image_records.h"
#include "control/images.h"
#include "control/imports.h"
#include "control/step_cache.h"
#include "control/tree_work.h"
#include "control/volumes.h"
#include "control/workspaces.h"

namespace burrow::control {

// Nothing is owned; everything outlives the builds, but for coroutines that nobody resumes any more.
struct BuildServices {
  net::IoContext& io;
  const Clock& clock;
  const Timings& timings;
  ImageTable& images;
  ImageRecords& records;
  Builds& builds;
  Imports& imports;
  StepCache& cache;
  TreeWork& trees;
  cas::BlobStore& blobs;
  Background& disk;       // for trees
  Background& downloads;  // may take as long as other people's servers do
  BuildLogs& logs;
  const WorkspaceTable& workspaces;
  const Volumes& volumes;
  const SecretTable& secrets;
};

// How a step is named and found again.
struct StepCall {
  std::string key;          // of the step
  std::string description;  // one short line
  std::string stage;        // of a Dockerfile; else empty
  std::string place;        // "Dockerfile:3"; empty where there is none
  bool fresh = false;       // what the cache has does not count
  bool common = false;      // the same for all workspaces, whether they share their cache or not
};

// Loop's thread only.
class OngoingBuild : public std::enable_shared_from_this<OngoingBuild> {
 public:
  OngoingBuild(BuildServices services, std::string of_workspace, pb::BuildRequest build_request,
               BuildSecrets build_secrets)
      : services(services),
        workspace(std::move(of_workspace)),
        request(std::move(build_request)),
        secrets(std::move(build_secrets)),
        id(BuildId::New()),
        changed_(services.io),
        cache_scope_(services.workspaces.CacheScope(workspace)) {}

  const BuildServices services;
  const std::string workspace;
  const pb::BuildRequest request;
  const BuildSecrets secrets;
  const BuildId id;
  BuildLogId log_id() const { return {workspace, id}; }

  // Work on the disk's threads.
  template <class Work>
  auto OnDisk(Work work) -> net::Task<decltype(work())> {
    return services.disk.Ask(std::move(work));
  }
  // The step's outcome from the cache, or by `execute`, which gets the step's number.
  using Execute = std::function<net::Task<Result<BuiltTree>>(uint32_t step)>;
  net::Task<Result<BuiltTree>> Step(const StepCall& call, const Execute& execute);
  // A step that is executed here: what it led to is stored under the key.
  net::Task<Result<BuiltTree>> Local(const StepCall& call, const Execute& execute);
  net::Task<Status> Remember(const StepCall& call, BuiltTree built);
  // Executes a step on a worker and stores what it led to under the key. A function's time is bounded by its own
  // timeout, that of other steps by step_timeout().
  net::Task<Result<BuiltTree>> OnWorker(const StepCall& call, lpb::BuildStep work, uint32_t step);

  // From now until its end the build needs all of the tree.
  void Use(const lpb::Image& image) { trees_.insert(image.index_digest()); }
  const std::set<std::string>& trees() const { return trees_; }

  void Say(uint32_t step, const std::string& line);  // what a step prints
  // The step does not go on until what it waits for is there; empty: it goes on. May be repeated.
  void SayWait(uint32_t step, const std::string& waits_for);
  void Note(const std::string& text);
  // What the client has to see next.
  std::optional<pb::BuildEvent> TakeEvent();
  void AnswerAgent(const std::string& connection, const std::string& message);

  // Waits for an event, Wake or Cancel, but not forever: false after a heartbeat without one.
  net::Task<bool> WaitForChange();
  void Wake() { changed_.Notify(); }
  // Ends everything that runs for it: waits return soon, and Check fails.
  void Cancel();
  Status Check() const;  // kCancelled
  TreeOptions tree_options() const;
  Millis step_timeout() const;  // the request's, or the server's

 private:
  // Of the cache, which is the workspace's own unless it shares.
  std::string CacheKey(const StepCall& call) const;
  void Add(pb::BuildEvent event);
  void AddStep(uint32_t step, const StepCall& call, pb::StepEvent::State state, double ms);
  net::Task<Result<BuiltTree>> Follow(StepRun& run, uint32_t step);
  void HearAgent(const std::shared_ptr<StepRun>& run);
  net::Task<void> KeepWhatWasLeft(const StepCall& call, const StepRun& run, uint32_t step);

  std::deque<pb::BuildEvent> events_;
  size_t event_bytes_ = 0;
  uint64_t unseen_lines_ = 0;
  uint32_t next_step_ = 0;
  bool cancelled_ = false;
  std::stop_source stop_;
  std::set<std::string> trees_;            // indexes in use, by digest
  std::map<uint32_t, std::string> waits_;  // what steps wait for, by number
  std::map<uint32_t, std::string> left_;   // images that failed steps left, by number
  std::set<StepRun*> followed_;
  std::map<std::string, std::weak_ptr<StepRun>> agents_;  // by connection
  net::Event changed_;
  const std::string cache_scope_;  // "": the common cache
};

}  // namespace burrow::control
