// A node for tests whose containers have a volume, and a control that applies what they write to its head.
#pragma once

#include <boost/asio/post.hpp>
#include <filesystem>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "volume/testing/volume_head.h"
#include "worker/testing/node_fixture.h"

namespace burrow::worker::testing {

class VolumeFixture : public NodeFixture {
 protected:
  void SetUp() override {
    NodeFixture::SetUp();
    if (IsSkipped() || HasFatalFailure()) return;
    head_ = std::make_unique<volume::testing::VolumeHead>(store_.get(), temp_ / "heads");
    ShowHead();
  }
  void TearDown() override {
    NodeFixture::TearDown();
    const std::string volumes = temp_ / "volumes";
    EXPECT_TRUE(!std::filesystem::exists(volumes) || std::filesystem::is_empty(volumes));
  }

  void ShowHead() { images_.Add(head_->index(), head_->path()); }
  // Another container's commit.
  void PutInHead(const std::string& path, const std::string& content) {
    const Status put = head_->PutFile(path, content);
    ASSERT_TRUE(put) << put.error().message();
    ShowHead();
  }
  // The next containers have the head there.
  void UseVolume(const std::string& path = "/data", bool read_only = false) {
    burrow::link::v1::MountedVolume volume;
    volume.set_volume_id("vo-test");
    volume.set_path(path);
    volume.set_read_only(read_only);
    volume.set_index_digest(head_->index().Hex());
    volume.set_version(head_->version());
    volumes_ = {volume};
  }

  void Hear(FromWorker message) override {
    if (message.has_volume_changed() && answers_) {
      boost::asio::post(io_, [this, changed = message.volume_changed()] { Answer(changed); });
    }
    NodeFixture::Hear(std::move(message));
  }
  void Answer(const burrow::link::v1::VolumeChanged& changed) {
    if (!manager_) return;
    burrow::link::v1::VolumeApplied applied;
    applied.set_owner_id(changed.owner_id());
    applied.set_volume_id(changed.volume_id());
    applied.set_sequence(changed.sequence());
    if (!refusal_.empty()) {
      applied.set_error(refusal_);
    } else if (!changed.changes_digest().empty() && applied_[changed.owner_id()] < changed.sequence()) {
      applied_[changed.owner_id()] = changed.sequence();
      const Status done = head_->ApplyBlob(changed.changes_digest());
      EXPECT_TRUE(done) << done.error().message();
      ShowHead();
    }
    applied.set_index_digest(head_->index().Hex());
    applied.set_version(head_->version());
    manager_->VolumeApplied(applied);
  }

  // Asks for a commit or a reload as a call in the container would, and waits for the end of it.
  burrow::link::v1::VolumeRequestDone Ask(const std::string& container, bool reload) {
    burrow::link::v1::VolumeRequest request;
    request.set_request_id("request-" + std::to_string(++requests_));
    request.set_container_id(container);
    request.set_volume_id("vo-test");
    request.set_reload(reload);
    manager_->AskVolume(request);
    return Await([&](const FromWorker& m) {
             return m.has_volume_request_done() && m.volume_request_done().request_id() == request.request_id();
           })
        .volume_request_done();
  }
  void Run(const std::string& container, uint8_t step) {
    const auto done = AwaitDone(Call(container, IntArgument(step)));
    EXPECT_EQ(done.status(), burrow::v1::CALL_STATUS_SUCCESS) << done.ShortDebugString();
  }
  void StopAndAwait(const std::string& container) {
    Stop(container);
    AwaitStopped(container);
  }
  // How often something was told of the volume, questions for the head left out.
  size_t Told() const {
    size_t count = 0;
    for (const auto& message : said_)
      count += message.has_volume_changed() && !message.volume_changed().changes_digest().empty();
    return count;
  }
  std::string SystemLines() const {
    std::string text;
    for (const auto& line : Lines()) {
      if (line.stream() == burrow::v1::LOG_STREAM_SYSTEM) text += line.text() + "\n";
    }
    return text;
  }
  std::vector<std::string> Printed() const {
    std::vector<std::string> texts;
    for (const auto& line : Lines()) {
      if (line.stream() != burrow::v1::LOG_STREAM_SYSTEM) texts.push_back(line.text());
    }
    return texts;
  }

  std::unique_ptr<volume::testing::VolumeHead> head_;
  bool answers_ = true;
  std::string refusal_;                      // what control says instead of applying
  std::map<std::string, uint64_t> applied_;  // by container
  int requests_ = 0;
};

}  // namespace burrow::worker::testing
