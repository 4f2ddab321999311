#include "worker/library.h"

#include <algorithm>
#include <chrono>
#include <filesystem>
#include <system_error>
#include <vector>

#include "base/log.h"
#include "cas/digest.h"
#include "os/fs.h"
#include "os/process.h"

namespace burrow::worker {
namespace {

namespace fs = std::filesystem;

struct PackageFile {
  std::string path;  // relative to the SDK's directory
  std::string content;
};

Result<std::vector<PackageFile>> ReadPackage(const std::string& sdk_directory) {
  std::vector<PackageFile> files;
  std::error_code error;
  for (fs::recursive_directory_iterator at(sdk_directory + "/burrow", error), end; !error && at != end;
       at.increment(error)) {
    if (at->path().filename() == "__pycache__") at.disable_recursion_pending();
    if (!at->is_regular_file(error) || at->path().extension() == ".pyc") continue;
    BURROW_ASSIGN_OR_RETURN(auto content, os::ReadFile(at->path()));
    files.push_back({at->path().lexically_relative(sdk_directory).string(), std::move(content)});
  }
  if (error || files.empty()) {
    return Fail(Code::kFailedPrecondition,
                "there is no Python package 'burrow' in {}: start burrowd with the directory that holds it",
                sdk_directory);
  }
  std::sort(files.begin(), files.end(), [](const auto& a, const auto& b) { return a.path < b.path; });
  return files;
}

std::string HashOf(const std::vector<PackageFile>& files) {
  cas::Hasher hasher;
  for (const auto& file : files) hasher.Update(fmt::format("{}\n{}\n", file.path, cas::Digest::Of(file.content).Hex()));
  return hasher.Finish().Hex().substr(0, 16);
}

Status WritePackage(const std::vector<PackageFile>& files, const std::string& directory) {
  for (const auto& file : files) {
    fs::path target = fs::path(directory) / file.path;
    BURROW_RETURN_IF_ERROR(os::MakeDirectories(target.parent_path()));
    BURROW_RETURN_IF_ERROR(os::WriteFileAtomically(target, file.content));
  }
  return {};
}

// Unchecked: the copy never changes, so no import needs to look at a source file's time.
void Compile(const std::string& directory) {
  os::SpawnOptions compile{.argv = {"/usr/bin/python3", "-I", "-m", "compileall", "-q", "-s", directory, "-p",
                                    "/burrow/lib", "--invalidation-mode", "unchecked-hash", directory}};
  auto output = os::Run(std::move(compile), std::chrono::seconds(60));
  if (!output) LogWarn("precompile the runner: {}", output.error().message());
  if (output && !output->status.Success()) LogWarn("precompile the runner: {}", output->out);
}

void RemoveOthers(const std::string& directory, const std::string& kept) {
  std::error_code error;
  for (const auto& entry : fs::directory_iterator(directory, error)) {
    if (entry.path().filename() == kept) continue;
    if (auto removed = os::RemoveTree(entry.path()); !removed) LogWarn("{}", removed.error().message());
  }
}

}  // namespace

Result<std::string> PrepareLibrary(const std::string& sdk_directory, const std::string& directory) {
  BURROW_ASSIGN_OR_RETURN(auto files, ReadPackage(sdk_directory));
  std::string hash = HashOf(files), target = directory + "/" + hash;
  BURROW_RETURN_IF_ERROR(os::MakeDirectories(directory));
  RemoveOthers(directory, hash);
  std::error_code error;
  if (fs::exists(target, error)) return target;
  std::string temporary = target + ".new";
  BURROW_RETURN_IF_ERROR(WritePackage(files, temporary));
  Compile(temporary);
  if (::rename(temporary.c_str(), target.c_str()) != 0) return FailErrno("rename " + temporary);
  return target;
}

}  // namespace burrow::worker
