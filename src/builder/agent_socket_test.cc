#include "builder/agent_socket.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <condition_variable>
#include <mutex>

#include "os/testing/environment.h"

namespace burrow::builder {
namespace {

using burrow::link::v1::AgentRequest;
using std::chrono::seconds;

std::string Message(std::string_view content) {
  std::string message;
  for (int shift = 24; shift >= 0; shift -= 8) message += static_cast<char>(content.size() >> shift & 0xff);
  return message.append(content);
}

// A process of the step.
UniqueFd Connect(const std::string& path) {
  UniqueFd fd(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_un address{.sun_family = AF_UNIX};
  path.copy(address.sun_path, sizeof address.sun_path - 1);
  EXPECT_EQ(::connect(fd.get(), reinterpret_cast<sockaddr*>(&address), sizeof address), 0);
  return fd;
}

// What the socket says next, at most `size` bytes; "" when it is closed or silent for a minute.
std::string Read(int fd, size_t size) {
  std::string text;
  while (text.size() < size) {
    pollfd wait{.fd = fd, .events = POLLIN};
    char buffer[65536];
    if (::poll(&wait, 1, 60'000) <= 0) break;
    const ssize_t n = ::recv(fd, buffer, std::min(sizeof buffer, size - text.size()), 0);
    if (n <= 0) break;
    text.append(buffer, static_cast<size_t>(n));
  }
  return text;
}

class AgentSocketTest : public ::testing::Test {
 protected:
  void SetUp() override {
    auto link = AgentLink::Create("st-1", [this](AgentRequest request) {
      std::lock_guard lock(mutex_);
      requests_.push_back(std::move(request));
      changed_.notify_all();
    });
    ASSERT_TRUE(link);
    link_ = *link;
    sockets_.emplace(link_.get(), temp_.path());
    burrow::link::v1::RunMount::Agent agent;
    agent.set_id("default");
    agent.set_uid(geteuid());
    agent.set_gid(getegid());
    auto path = sockets_->Listen(agent);
    ASSERT_TRUE(path) << os::ErrorText(path);
    path_ = *path;
    ASSERT_TRUE(sockets_->Start());
  }

  // The next request; an empty one after a minute.
  AgentRequest Next() {
    std::unique_lock lock(mutex_);
    EXPECT_TRUE(changed_.wait_for(lock, seconds(60), [this] { return seen_ < requests_.size(); }));
    return seen_ < requests_.size() ? requests_[seen_++] : AgentRequest();
  }
  void Answer(const AgentRequest& request, const std::string& message) {
    burrow::link::v1::AgentAnswer answer;
    answer.set_step_id("st-1");
    answer.set_connection(request.connection());
    answer.set_message(message);
    link_->Deliver(std::move(answer));
  }

  os::TempDirectory temp_;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::vector<AgentRequest> requests_;  // guarded by mutex_
  size_t seen_ = 0;                     // guarded by mutex_
  std::shared_ptr<AgentLink> link_;
  std::optional<AgentSockets> sockets_;
  std::string path_;
};

TEST(AgentMessage, IsWholeBoundedAndNotEmpty) {
  EXPECT_EQ(WholeAgentMessage("").value_or(9), 0u);
  EXPECT_EQ(WholeAgentMessage(Message("hello").substr(0, 6)).value_or(9), 0u);
  EXPECT_EQ(WholeAgentMessage(Message("hello") + "more").value_or(0), 9u);
  EXPECT_FALSE(WholeAgentMessage(std::string(4, '\0')));
  EXPECT_FALSE(WholeAgentMessage(Message(std::string(kMaxAgentMessage + 1, 'x')).substr(0, 4)));
  EXPECT_TRUE(WholeAgentMessage(Message(std::string(kMaxAgentMessage, 'x')).substr(0, 4)));
}

TEST_F(AgentSocketTest, CarriesQuestionsAndAnswersOfEachConnection) {
  struct stat info{};
  ASSERT_EQ(::stat(path_.c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 0777, 0600u);
  UniqueFd one = Connect(path_), two = Connect(path_);
  ASSERT_TRUE(os::WriteAll(one.get(), Message("first")));
  const auto first = Next();
  EXPECT_EQ(first.step_id(), "st-1");
  EXPECT_EQ(first.agent(), "default");
  EXPECT_EQ(first.message(), Message("first"));
  ASSERT_TRUE(os::WriteAll(two.get(), Message("second")));
  const auto second = Next();
  EXPECT_NE(second.connection(), first.connection());
  Answer(second, Message("to two"));
  EXPECT_EQ(Read(two.get(), 10), Message("to two"));
  Answer(first, Message(std::string(200'000, 'y')));
  EXPECT_EQ(Read(one.get(), 200'004), Message(std::string(200'000, 'y')));
  one.Reset();
  const auto gone = Next();
  EXPECT_EQ(gone.connection(), first.connection());
  EXPECT_EQ(gone.message(), "");
}

TEST_F(AgentSocketTest, AsksOneThingAtATimeAndGathersPieces) {
  UniqueFd fd = Connect(path_);
  const std::string both = Message("one") + Message("two");
  ASSERT_TRUE(os::WriteAll(fd.get(), both.substr(0, 2)));
  ASSERT_TRUE(os::WriteAll(fd.get(), both.substr(2)));
  const auto first = Next();
  EXPECT_EQ(first.message(), Message("one"));
  Answer(first, Message("1"));
  EXPECT_EQ(Read(fd.get(), 5), Message("1"));
  const auto second = Next();
  EXPECT_EQ(second.message(), Message("two")) << "only after the first was answered";
  Answer(second, Message("2"));
  EXPECT_EQ(Read(fd.get(), 5), Message("2"));
}

TEST_F(AgentSocketTest, HangsUpOnWhatIsNoMessage) {
  UniqueFd fd = Connect(path_);
  ASSERT_TRUE(os::WriteAll(fd.get(), "\xff\xff\xff\xff"));
  EXPECT_EQ(Read(fd.get(), 1), "");
  EXPECT_EQ(Next().message(), "");
}

TEST_F(AgentSocketTest, HangsUpWhenTheAgentHasGoneOrAnswersNonsense) {
  for (const std::string& answer : {std::string(), std::string("nonsense"), Message("x") + "more"}) {
    UniqueFd fd = Connect(path_);
    ASSERT_TRUE(os::WriteAll(fd.get(), Message("question")));
    Answer(Next(), answer);
    EXPECT_EQ(Read(fd.get(), 1), "");
  }
}

TEST_F(AgentSocketTest, LetsConnectionsBeyondTheBoundWaitAndEndsWithTheStep) {
  std::vector<UniqueFd> connections;
  for (size_t i = 0; i < kMaxAgentConnections; ++i) {
    connections.push_back(Connect(path_));
    ASSERT_TRUE(os::WriteAll(connections.back().get(), Message("q")));
    Next();
  }
  UniqueFd extra = Connect(path_);
  ASSERT_TRUE(os::WriteAll(extra.get(), Message("extra")));
  connections.front().Reset();
  EXPECT_EQ(Next().message(), "");
  EXPECT_EQ(Next().message(), Message("extra"));
  sockets_.reset();
  EXPECT_EQ(Read(extra.get(), 1), "");
  EXPECT_EQ(requests_.size(), kMaxAgentConnections + 2 + kMaxAgentConnections) << "each is told to have gone";
}

}  // namespace
}  // namespace burrow::builder
