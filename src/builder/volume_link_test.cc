#include "builder/volume_link.h"

#include <gtest/gtest.h>

#include <thread>
#include <vector>

namespace burrow::builder {
namespace {

using burrow::link::v1::VolumeApplied;
using burrow::link::v1::VolumeChanged;

constexpr auto kPatience = std::chrono::minutes(1);

class VolumeLinkTest : public ::testing::Test {
 protected:
  VolumeLinkTest() {
    changed_.set_owner_id("st-1");
    changed_.set_volume_id("vo-1");
    changed_.set_sequence(1);
    link_ = *VolumeLink::Create([this](const VolumeChanged& said) {
      said_.push_back(said);
      if (on_said_) on_said_();
    });
  }
  VolumeApplied Answer(uint64_t sequence, const std::string& error = {}) const {
    VolumeApplied answer;
    answer.set_owner_id("st-1");
    answer.set_volume_id("vo-1");
    answer.set_sequence(sequence);
    answer.set_error(error);
    return answer;
  }
  Status Tell(std::chrono::milliseconds patience = kPatience) {
    return link_->Tell(changed_, std::chrono::steady_clock::now() + patience, *cancellation_);
  }

  VolumeChanged changed_;
  std::vector<VolumeChanged> said_;
  std::function<void()> on_said_;
  std::shared_ptr<VolumeLink> link_;
  std::shared_ptr<Cancellation> cancellation_ = *Cancellation::Create();
};

TEST_F(VolumeLinkTest, WaitsForTheAnswerToWhatItSaid) {
  on_said_ = [this] {
    link_->Deliver(Answer(7));
    link_->Deliver(Answer(1));
  };
  EXPECT_TRUE(Tell());
  EXPECT_EQ(said_.size(), 1u);
}

TEST_F(VolumeLinkTest, GivesControlsErrorAndForgetsIt) {
  on_said_ = [this] { link_->Deliver(Answer(changed_.sequence(), changed_.sequence() == 1 ? "no room" : "")); };
  Status refused = Tell();
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().message(), "no room");
  changed_.set_sequence(2);
  EXPECT_TRUE(Tell());
}

TEST_F(VolumeLinkTest, SaysAgainWhatIsNotAnsweredAndNothingElse) {
  link_->SayAgain();
  EXPECT_TRUE(said_.empty());
  std::jthread connection;
  on_said_ = [&, first = true]() mutable {
    if (!std::exchange(first, false)) return link_->Deliver(Answer(1));
    connection = std::jthread([this] { link_->SayAgain(); });
  };
  EXPECT_TRUE(Tell());
  connection.join();
  EXPECT_EQ(said_.size(), 2u);
}

TEST_F(VolumeLinkTest, EndsWithTheBuildAndAtTheDeadline) {
  EXPECT_EQ(Tell(std::chrono::milliseconds(1)).error().code(), Code::kDeadlineExceeded);
  on_said_ = [this] { cancellation_->Cancel(); };
  EXPECT_EQ(Tell().error().code(), Code::kCancelled);
}

}  // namespace
}  // namespace burrow::builder
