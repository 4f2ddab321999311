#include "oci/registry_client.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>

#include <atomic>
#include <functional>
#include <thread>
#include <vector>

#include "base/unique_fd.h"
#include "os/fs.h"
#include "os/testing/environment.h"

namespace burrow::oci {
namespace {

using std::chrono::milliseconds;
using ::testing::HasSubstr;
using ::testing::StartsWith;

UniqueFd Listen(uint16_t& port, int backlog) {
  UniqueFd listener(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_in address{.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};
  socklen_t size = sizeof address;
  EXPECT_EQ(::bind(listener.get(), reinterpret_cast<sockaddr*>(&address), size), 0);
  EXPECT_EQ(::listen(listener.get(), backlog), 0);
  ::getsockname(listener.get(), reinterpret_cast<sockaddr*>(&address), &size);
  port = ntohs(address.sin_port);
  return listener;
}

// Answers each request on a connection of its own as `answer` says; "" keeps it open and silent.
class Registry {
 public:
  explicit Registry(std::function<std::string(const std::string& request, int number)> answer)
      : answer_(std::move(answer)), listener_(Listen(port_, 16)), thread_([this](const std::stop_token& stop) {
          while (!stop.stop_requested()) Serve();
        }) {}
  std::string host() const { return fmt::format("127.0.0.1:{}", port_); }
  int requests() const { return requests_; }

 private:
  void Serve() {
    pollfd wait{.fd = listener_.get(), .events = POLLIN};
    if (::poll(&wait, 1, 20) <= 0) return;
    UniqueFd fd(::accept4(listener_.get(), nullptr, nullptr, SOCK_CLOEXEC));
    std::string request;
    char buffer[4096];
    while (!request.contains("\r\n\r\n")) {
      ssize_t n = ::recv(fd.get(), buffer, sizeof buffer, 0);
      if (n <= 0) return;
      request.append(buffer, static_cast<size_t>(n));
    }
    const std::string answer = answer_(request, ++requests_);
    ::send(fd.get(), answer.data(), answer.size(), MSG_NOSIGNAL);
    if (answer.empty() || answer.ends_with("...")) open_.push_back(std::move(fd));
  }

  std::function<std::string(const std::string&, int)> answer_;
  uint16_t port_ = 0;
  UniqueFd listener_;
  std::vector<UniqueFd> open_;
  std::atomic<int> requests_ = 0;
  std::jthread thread_;
};

std::string Answer(const std::string& status, const std::string& body, const std::string& headers = "") {
  return fmt::format("HTTP/1.1 {}\r\n{}Content-Length: {}\r\nConnection: close\r\n\r\n{}", status, headers, body.size(),
                     body);
}

RegistryClient ClientOf(const std::string& host, RegistryPatience patience) {
  auto reference = ParseReference(host + "/team/image");
  EXPECT_TRUE(reference) << host;
  return {*reference, {.patience = patience, .first_pause = milliseconds(5)}};
}
constexpr RegistryPatience kLittle{
    .connect = milliseconds(100), .silence = milliseconds(60), .whole = milliseconds(200)};

TEST(RegistryClient, GivesUpOnARegistryThatAcceptsAndIsSilent) {
  Registry registry([](const auto&, int) { return std::string(); });
  auto client = ClientOf(registry.host(), kLittle);
  const auto got = client.Manifest("latest", {});
  ASSERT_FALSE(got);
  EXPECT_EQ(got.error().code(), Code::kUnavailable);
  EXPECT_THAT(got.error().message(), StartsWith(registry.host() + " does not answer (no byte moved for "));
  EXPECT_THAT(got.error().message(), HasSubstr(" s: check its name"));
  EXPECT_EQ(got.error().message().find('\n'), std::string::npos);
  EXPECT_GE(registry.requests(), 2) << "it was not asked again";
}

// A full queue of connections lets further ones wait without an answer, as an address does that leads nowhere.
TEST(RegistryClient, GivesUpOnAnAddressThatLeadsNowhere) {
  uint16_t port = 0;
  UniqueFd listener = Listen(port, 0);
  std::vector<UniqueFd> waiting;
  for (int i = 0; i < 4; ++i) {
    waiting.emplace_back(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
    sockaddr_in address{.sin_family = AF_INET, .sin_port = htons(port), .sin_addr = {htonl(INADDR_LOOPBACK)}};
    (void)::connect(waiting.back().get(), reinterpret_cast<sockaddr*>(&address), sizeof address);
  }
  auto client = ClientOf(fmt::format("127.0.0.1:{}", port), {.connect = milliseconds(60), .whole = milliseconds(200)});
  const auto got = client.Manifest("latest", {});
  ASSERT_FALSE(got);
  EXPECT_EQ(got.error().code(), Code::kUnavailable);
  EXPECT_THAT(got.error().message(), HasSubstr("does not answer (no connection within "));
  EXPECT_THAT(got.error().message(), HasSubstr(" s: check its name"));
}

TEST(RegistryClient, SaysThatARegistryWhichStaysBusyIsToBeTriedLater) {
  Registry registry([](const auto&, int) { return Answer("503 Busy", ""); });
  auto client = ClientOf(registry.host(), kLittle);
  const auto got = client.Manifest("latest", {});
  ASSERT_FALSE(got);
  EXPECT_THAT(got.error().message(), HasSubstr("the registry answers 503 to image 'latest'"));
  EXPECT_THAT(got.error().message(), HasSubstr("try again later"));
}

TEST(RegistryClient, NamesTheSilentHostWhileItWaits) {
  Registry registry([](const auto&, int number) { return number == 1 ? std::string() : Answer("200 OK", "{}"); });
  auto client = ClientOf(registry.host(), {.silence = milliseconds(2'300)});
  std::jthread asking([&] { EXPECT_EQ(client.Manifest("latest", {}).value_or("nothing"), "{}"); });
  while (registry.requests() == 0) std::this_thread::yield();
  std::string silent;
  while (silent.empty() && registry.requests() < 2) {
    silent = client.SilentHost();
    std::this_thread::yield();
  }
  EXPECT_EQ(silent, registry.host());
  asking.join();
  EXPECT_EQ(client.SilentHost(), "");
}

TEST(RegistryClient, WaitsNoShorterForALongTransferThatMoves) {
  const std::string content(3000, 'x');
  // Each answer breaks off after some bytes: the patience counts from the last one.
  Registry registry([&](const std::string& request, int number) {
    size_t from = 0;
    if (size_t at = request.find("Range: bytes="); at != std::string::npos) from = std::stoul(request.substr(at + 13));
    std::this_thread::sleep_for(milliseconds(30));
    std::string head = fmt::format("HTTP/1.1 {}\r\nContent-Length: {}\r\n\r\n", from ? "206 Partial Content" : "200 OK",
                                   content.size() - from);
    return number < 30 ? head + content.substr(from, 100) : head + content.substr(from);
  });
  auto client = ClientOf(registry.host(), kLittle);
  os::TempDirectory temp;
  UniqueFd file = *os::Open(temp / "layer", O_RDWR | O_CREAT);
  const auto downloaded =
      client.Download({.digest = cas::Digest::Of(content), .size = content.size()}, file.get(), nullptr, {});
  EXPECT_TRUE(downloaded) << downloaded.error().message();
}

TEST(RegistryClient, EndsAWaitWhenItIsStopped) {
  Registry registry([](const auto&, int) { return std::string(); });
  auto client = ClientOf(registry.host(), {});
  std::stop_source stop;
  std::jthread stopper([&] {
    while (registry.requests() == 0) std::this_thread::yield();
    stop.request_stop();
  });
  EXPECT_EQ(client.Manifest("latest", stop.get_token()).error().code(), Code::kCancelled);
}

}  // namespace
}  // namespace burrow::oci
