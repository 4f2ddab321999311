// A ControlFixture that makes volumes and puts files into them.
#pragma once

#include <sys/stat.h>

#include <string>
#include <vector>

#include "cas/digest.h"
#include "control/testing/control_fixture.h"

namespace burrow::control::testing {

class VolumeFixture : public ControlFixture {
 protected:
  pb::VolumeInfo Make(const std::string& name) {
    pb::CreateVolumeRequest request;
    request.set_name(name);
    const auto made = Ask<pb::CreateVolumeResponse>("Volumes/Create", request);
    EXPECT_TRUE(made) << made.error().message();
    return made ? made->volume() : pb::VolumeInfo();
  }
  Result<pb::VolumeInfo> Get(const std::string& name) {
    pb::GetVolumeRequest request;
    request.set_name(name);
    auto got = Ask<pb::GetVolumeResponse>("Volumes/Get", request);
    if (!got) return Forward(std::move(got.error()));
    return got->volume();
  }
  Result<pb::DeleteVolumeResponse> Delete(const std::string& id) {
    pb::DeleteVolumeRequest request;
    request.set_volume_id(id);
    return Ask<pb::DeleteVolumeResponse>("Volumes/Delete", request);
  }
  Result<pb::ChangeVolumeResponse> Change(const pb::ChangeVolumeRequest& request) {
    return Ask<pb::ChangeVolumeResponse>("Volumes/Change", request);
  }
  // PUTs the bytes as a blob, and gives them back.
  std::string Upload(const std::string& content) {
    const std::string digest = cas::Digest::Of(content).Hex();
    net::HttpRequest put{.method = "PUT", .url = fmt::format("http://127.0.0.1:{}/blobs/{}", port(), digest)};
    put.headers = {"Content-Type: application/octet-stream", "Authorization: Bearer " + token};
    put.body = content;
    const auto response = net::HttpClient().Perform(put);
    EXPECT_TRUE(response && response->status / 100 == 2) << (response ? response->body : response.error().message());
    return content;
  }
  // Of a file whose content was, or was not, uploaded.
  static pb::VolumeChange FileChange(const std::string& path, const std::string& content) {
    pb::VolumeChange change;
    change.set_kind(pb::VolumeChange::PUT);
    change.set_path(path);
    change.set_mode(S_IFREG | 0644);
    change.set_size(content.size());
    const auto digest = cas::Digest::Of(content).bytes();
    change.set_digest(digest.data(), digest.size());
    return change;
  }
  Result<pb::ChangeVolumeResponse> PutFile(const std::string& id, const std::string& path, const std::string& content,
                                           bool keep_existing = false) {
    pb::ChangeVolumeRequest request;
    request.set_volume_id(id);
    request.set_keep_existing(keep_existing);
    *request.mutable_changes()->add_changes() = FileChange(path, Upload(content));
    return Change(request);
  }
  std::vector<std::string> Paths(const std::string& id) {
    pb::VolumeEntriesRequest request;
    request.set_volume_id(id);
    request.set_recursive(true);
    const auto listed = Ask<pb::VolumeEntriesResponse>("Volumes/Entries", request);
    EXPECT_TRUE(listed) << listed.error().message();
    std::vector<std::string> paths;
    if (!listed) return paths;
    for (const auto& entry : listed->entries()) paths.push_back(entry.path());
    return paths;
  }
  static void Mount(pb::FunctionSpec& spec, const std::string& id) {
    auto& mount = *spec.add_volumes();
    mount.set_volume_id(id);
    mount.set_path("/data");
  }
};

}  // namespace burrow::control::testing
