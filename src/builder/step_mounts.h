// What a step's container has mounted beside the image. Blocking; one thread. Private to this module.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "builder/agent_socket.h"
#include "builder/bind_source.h"
#include "builder/memory_files.h"
#include "builder/step_context.h"

namespace burrow::builder {

class StepMounts {
 public:
  // `directory` is the step's own and goes after this object.
  StepMounts(const StepContext& context, std::string directory);

  // Of a RUN; once. Waits for caches that others have locked.
  Status Add(const google::protobuf::RepeatedPtrField<burrow::link::v1::RunMount>& mounts);
  // A file in memory, mounted read-only.
  Status AddFile(const std::string& target, std::string_view content, const FileOwner& owner);
  void AddBind(runtime::Bind bind) { binds_.push_back(std::move(bind)); }
  // A directory that the step fills and that counts for it.
  void AddWritten(std::string directory) { written_.push_back(std::move(directory)); }

  const std::vector<runtime::Bind>& binds() const { return binds_; }
  const std::vector<runtime::TmpfsMount>& tmpfs() const { return tmpfs_; }
  // Variables that come with mounts, NAME=value.
  const std::vector<std::string>& env() const { return env_; }
  // Directories that the step fills and that go with it.
  const std::vector<std::string>& written() const { return written_; }

 private:
  using RunMount = burrow::link::v1::RunMount;

  Status AddOne(const RunMount& mount);
  Status AddImage(const RunMount& mount);
  Status AcquireCaches(const google::protobuf::RepeatedPtrField<RunMount>& mounts);
  Status FillCache(const RunMount::Cache& cache, const std::string& directory);
  Status AddSecret(const RunMount& mount);
  Status AddAgent(const RunMount& mount);
  std::string NewDirectory();

  const StepContext& context_;
  std::string directory_;
  int count_ = 0;
  MemoryFiles memory_;
  std::vector<BindSource> sources_;
  std::map<std::string, CacheLease> caches_;  // by id
  std::unique_ptr<AgentSockets> agents_;
  std::vector<runtime::Bind> binds_;
  std::vector<runtime::TmpfsMount> tmpfs_;
  std::vector<std::string> env_, written_;
};

}  // namespace burrow::builder
