// What control must find again after a restart: workspaces, tokens, apps, functions, images, volumes, and calls that
// were acknowledged as queued. Not stored: where containers are, and what Invoke runs. Messages travel through here as
// opaque bytes.
//
// Implementations are thread-safe and block; each function is one transaction, durable when it returns (SQLite: WAL,
// synchronous=FULL).
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/error.h"
#include "base/ids.h"

namespace burrow::store {

// The workspace that is always there.
inline constexpr const char* kDefaultWorkspace = "default";

// Whom apps, images, secrets and calls belong to.
struct WorkspaceRecord {
  std::string name;
  uint32_t max_containers = 0;    // of all its functions together; 0: no bound of its own
  uint32_t max_cpu_millis = 0;    // that its containers reserve, in thousandths of a core; 0: no bound of its own
  uint32_t max_memory_mib = 0;    // that they reserve; 0: no bound of its own
  uint32_t max_queued_calls = 0;  // of all its functions together; 0: the server's bound
  uint64_t max_storage_mib = 0;   // of its volumes and images; 0: no bound of its own
  bool shares_cache = false;      // of build steps, with all others that do
  uint64_t created_ms = 0;
};

// What a token is for; stored by these numbers. An admin may do everything, a member all but hand out tokens, a caller
// call functions; a worker's opens the link and blobs.
enum class TokenRole { kAdmin = 0, kWorker = 1, kMember = 2, kCaller = 3 };
struct TokenRecord {
  std::string id;
  std::string name;           // "" for those of the first start
  std::string secret_sha256;  // hex; the secret itself is never stored
  TokenRole role = TokenRole::kCaller;
  uint64_t created_ms = 0;
  std::string workspace = kDefaultWorkspace;
};

struct AppRecord {
  AppId id;
  std::string name;
  bool ephemeral = false;
  uint64_t created_ms = 0;
  uint64_t stopped_ms = 0;  // 0 while it runs
  std::string workspace = kDefaultWorkspace;
};

struct FunctionRecord {
  FunctionId id;
  AppId app;
  std::string name;  // unique in the app
  std::string spec;  // serialized burrow.link.v1.ContainerSpec
};

struct ImageName {
  std::string workspace, name;
  ImageId image;
};

// What containers of a function read first; only the newest ones of each workspace are kept.
struct HotSetRecord {
  std::string workspace;
  std::string app;       // name
  std::string function;  // key in the app
  std::string image;     // digest of its index, hex
  uint64_t updated_ms = 0;
  std::string hot_set;  // serialized burrow.link.v1.RecordedHotSet
};
inline constexpr size_t kMaxHotSets = 256;  // of a workspace

struct ImageRecord {
  ImageId id;
  std::string image;        // serialized burrow.link.v1.Image
  std::string description;  // of the step that made it
  uint64_t files = 0, bytes = 0, created_ms = 0;
  std::string build;  // id of the build that made it; empty for imports
  std::string workspace = kDefaultWorkspace;
};

// What a step of a build led to.
struct StepRecord {
  std::string key;    // of the cache: "SCOPE/..." where the cache is one workspace's own
  std::string image;  // serialized burrow.link.v1.Image
  uint64_t files = 0, bytes = 0, created_ms = 0;
};

enum class CallState { kQueued, kFinished };
struct CallRecord {
  CallId id;
  FunctionId function;
  GroupId group;
  uint32_t index = 0;
  std::string arguments;  // serialized burrow.v1.Payload
  CallState state = CallState::kQueued;
  std::string result;  // serialized burrow.v1.CallResult once finished
  uint64_t created_ms = 0, finished_ms = 0;
};
struct GroupRecord {
  GroupId id;
  FunctionId function;
  bool closed = false;
  std::string workspace = kDefaultWorkspace;
};

struct FinishedCall {
  CallId id;
  std::string result;
  uint64_t finished_ms = 0;
};

// A named secret; only its owner can open it.
struct SecretRecord {
  std::string workspace, name;
  std::string sealed;
  uint64_t created_ms = 0, updated_ms = 0;
};

// Where the schedule of a function stands.
struct ScheduleRecord {
  FunctionId function;
  uint64_t last_ms = 0;  // Unix time for which its last call was made, or from which on it counts
};

// A volume and the index that it is now.
struct VolumeHead {
  std::string index_digest;       // hex
  uint64_t version = 0;           // counts the changes
  uint64_t files = 0, bytes = 0;  // regular files, hard links once
  uint64_t changed_ms = 0;
};
struct VolumeRecord {
  VolumeId id;
  std::string workspace;
  std::string name;  // unique in the workspace
  uint64_t created_ms = 0;
  VolumeHead head;
};
// The last changes of one container or build step that are part of a volume's head, so that they are not applied twice.
struct VolumeCommit {
  VolumeId volume;
  std::string owner;
  uint64_t sequence = 0;
  uint64_t committed_ms = 0;
};
// Longer than any worker says again what it was not answered.
inline constexpr uint64_t kVolumeCommitsKeptMs = 3'600'000;

// All of one deploy.
struct Deployment {
  AppRecord app;
  std::vector<FunctionRecord> functions;
  std::vector<ScheduleRecord> schedules;
  uint64_t deployed_ms = 0;
};
struct DeploymentRecord {
  uint32_t version = 0;
  uint64_t deployed_ms = 0;
  std::string functions;  // names, one a line
};
inline constexpr size_t kMaxDeployments = 100;  // of one app, kept for its history

class Store {
 public:
  virtual ~Store() = default;

  virtual Status PutWorkspace(const WorkspaceRecord& workspace) = 0;  // inserts or replaces by name
  virtual Result<std::vector<WorkspaceRecord>> Workspaces() = 0;      // by name; the default one is always there
  // With all that belongs to it, but for tokens.
  virtual Status DropWorkspace(const std::string& name) = 0;

  virtual Status PutToken(const TokenRecord& token) = 0;
  virtual Result<std::vector<TokenRecord>> Tokens() = 0;  // the oldest first
  virtual Status DropToken(const std::string& id) = 0;

  virtual Status PutApp(const AppRecord& app) = 0;    // inserts or replaces
  virtual Result<std::vector<AppRecord>> Apps() = 0;  // oldest first
  // Inserts or replaces by id, and forgets `dropped`, in one step.
  virtual Status PutFunctions(const std::vector<FunctionRecord>& functions, const std::vector<FunctionId>& dropped) = 0;
  Status PutFunctions(const std::vector<FunctionRecord>& functions) { return PutFunctions(functions, {}); }
  virtual Result<std::vector<FunctionRecord>> Functions() = 0;
  virtual Status DropApps(const std::vector<AppId>& apps) = 0;  // with their functions; unknown ones are passed over

  // Inserts or replaces the app and its functions; further functions of it are forgotten with their schedules.
  // Schedules never go back. Gives the version's number, 1 for the app's first.
  virtual Result<uint32_t> PutDeployment(const Deployment& deployment) = 0;
  virtual Result<std::vector<DeploymentRecord>> Deployments(const AppId& app) = 0;  // newest first

  virtual Status PutSecret(const SecretRecord& secret) = 0;  // inserts or replaces by workspace and name
  virtual Result<std::vector<SecretRecord>> Secrets() = 0;   // by workspace and name
  virtual Status DropSecret(const std::string& workspace, const std::string& name) = 0;

  virtual Status AddVolume(const VolumeRecord& volume) = 0;       // kAlreadyExists where its id or its name is taken
  virtual Result<std::vector<VolumeRecord>> Volumes() = 0;        // by workspace and name
  virtual Result<std::vector<VolumeCommit>> VolumeCommits() = 0;  // in no order
  // With the commit that made the head what it is, where there is one; forgets the volume's older than
  // kVolumeCommitsKeptMs by then. A volume that is not there stays away.
  virtual Status MoveVolumeHead(const VolumeId& id, const VolumeHead& head,
                                const std::optional<VolumeCommit>& commit) = 0;
  virtual Status RenameVolume(const VolumeId& id, const std::string& name) = 0;  // kAlreadyExists
  virtual Status DropVolume(const VolumeId& id) = 0;  // with its commits; not there: no error

  virtual Result<std::vector<ScheduleRecord>> Schedules() = 0;
  // Adds the call that a schedule makes, with its group, and notes the time that it is made for: both or none.
  // False, and nothing is added, where that time or a later one is noted already, or the function has no schedule.
  virtual Result<bool> FireSchedule(const ScheduleRecord& schedule, const GroupRecord& group,
                                    const CallRecord& call) = 0;

  virtual Status PutImage(const ImageRecord& image) = 0;
  virtual Result<std::vector<ImageRecord>> Images() = 0;
  // Inserts or replaces by all that says whose it is; forgets the workspace's oldest over kMaxHotSets.
  virtual Status PutHotSet(const HotSetRecord& record) = 0;
  virtual Result<std::vector<HotSetRecord>> HotSets() = 0;  // newest first
  // Forgets images; those that are not there are passed over.
  virtual Status DropImages(const std::vector<ImageId>& images) = 0;
  // The cache of build steps: inserts or replaces by key.
  virtual Status PutStep(const StepRecord& step) = 0;
  virtual Result<std::optional<StepRecord>> FindStep(const std::string& key) = 0;
  virtual Result<std::vector<StepRecord>> Steps() = 0;  // in no order
  // Those of one workspace's own cache, or of the common one where `scope` is empty; gives how many there were.
  virtual Result<uint64_t> DropSteps(const std::string& scope) = 0;
  // Gives the image a name, which another image may lose by it.
  virtual Status NameImage(const ImageName& name) = 0;
  virtual Status DropImageNames(const std::string& workspace, const std::vector<std::string>& names) = 0;
  virtual Result<std::vector<ImageName>> ImageNames() = 0;  // by workspace and name
  // What importing something led to: digests in hex, by the importer's own keys.
  virtual Status PutImported(const std::string& key, const std::string& digest) = 0;
  virtual Result<std::optional<std::string>> FindImported(const std::string& key) = 0;

  // Inserts the group (or closes it: a closed one stays closed) and those calls that are not there yet; gives the ids
  // that were new.
  virtual Result<std::vector<CallId>> AddCalls(const GroupRecord& group, const std::vector<CallRecord>& calls) = 0;
  // Marks calls finished; ids that are unknown or finished already are passed over.
  virtual Status FinishCalls(const std::vector<FinishedCall>& calls) = 0;
  // Of that workspace.
  virtual Result<std::optional<CallRecord>> FindCall(const std::string& workspace, const CallId& id) = 0;
  virtual Result<std::optional<GroupRecord>> FindGroup(const std::string& workspace, const GroupId& id) = 0;
  virtual Result<std::vector<CallRecord>> GroupCalls(const GroupId& id) = 0;  // by index
  virtual Result<std::vector<CallRecord>> QueuedCalls() = 0;                  // in order of submission
  // Every call, in pieces, so that others go on meanwhile: what comes or goes in between may be seen or not.
  virtual Status VisitCalls(const std::function<Status(const CallRecord&)>& visit) = 0;
  // Forgets calls that finished before, and closed groups without calls.
  virtual Status DropFinishedBefore(uint64_t unix_ms) = 0;
};

// Opens or creates the database; runs missing migrations. kFailedPrecondition, naming both versions, when it was
// written by a newer Burrow.
Result<std::unique_ptr<Store>> OpenSqliteStore(const std::string& path);

}  // namespace burrow::store
