#include "worker/api_socket.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <atomic>
#include <boost/system/system_error.hpp>
#include <future>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "net/event.h"
#include "net/testing/loop_thread.h"
#include "net/testing/raw_client.h"
#include "os/testing/environment.h"

namespace burrow::worker {
namespace {

using net::testing::RawClient;
using ::testing::HasSubstr;
using ::testing::Not;

// Control, as far as a container's socket sees it, and the socket of one container.
class ApiSocketTest : public ::testing::Test {
 protected:
  void SetUp() override {
    auto listener = ApiListener::Open(directory_.path(), "ct-mine");
    ASSERT_TRUE(listener) << os::ErrorText(listener);
    loop_.Do([&] {
      auto control =
          net::HttpServer::Listen(loop_.io(), {}, [this](net::HttpExchange& exchange) { return Control(exchange); });
      ASSERT_TRUE(control);
      control_ = std::move(*control);
      door_ = std::make_shared<ApiDoor>(ApiDoorOptions{.directory = directory_.path(),
                                                       .control_host = "127.0.0.1",
                                                       .control_port = control_->port(),
                                                       .token = "the-workers",
                                                       .connected = [this] { return connected_.load(); },
                                                       .connections = 3,
                                                       .blob_bytes = 200'000,
                                                       .method_bytes = 100'000});
      auto socket = ApiSocket::Serve(loop_.io(), std::move(*listener), door_, "ct-mine");
      ASSERT_TRUE(socket) << os::ErrorText(socket);
      socket_ = std::move(*socket);
    });
  }
  ~ApiSocketTest() override {
    loop_.Do([this] {
      socket_.reset();
      door_.reset();
      control_.reset();
    });
    loop_.Join();
  }

  net::Task<void> Control(net::HttpExchange& exchange) {
    ++asked_;
    auto body = co_await exchange.ReadBody(1u << 20);
    if (exchange.path() == "/burrow.v1.Calls/Wait") {
      net::Event never(loop_.io());
      waiting_.set_value();
      try {
        co_await never.Wait(std::chrono::minutes(10));
      } catch (const boost::system::system_error&) {
        left_.set_value();
        throw;
      }
    }
    co_await exchange.Respond(status_, "application/json",
                              fmt::format("{} {} {} {}", exchange.method(), exchange.path(),
                                          exchange.header("Authorization"), exchange.header("Burrow-Container")));
  }

  std::string path() const { return directory_ / "ct-mine"; }
  net::testing::RawResponse Ask(std::string_view method, std::string_view target, std::string_view headers = "",
                                std::string_view body = "") {
    return RawClient(path()).Exchange(method, target, headers, body);
  }
  static void ExpectRefusal(const net::testing::RawResponse& answer, int status, const char* code) {
    EXPECT_EQ(answer.status, status) << answer.body;
    const auto said = nlohmann::json::parse(answer.body, nullptr, false);
    ASSERT_TRUE(said.is_object()) << answer.body;
    EXPECT_EQ(said["code"], code);
    EXPECT_FALSE(said["message"].get<std::string>().empty());
  }

  os::TempDirectory directory_;
  std::atomic<bool> connected_ = true;
  std::atomic<int> asked_ = 0, status_ = 200;
  std::promise<void> waiting_, left_;
  net::testing::LoopThread loop_;
  std::shared_ptr<ApiDoor> door_;
  std::unique_ptr<net::HttpServer> control_;
  std::unique_ptr<ApiSocket> socket_;
};

TEST_F(ApiSocketTest, MayBeUsedByEveryUserOfTheContainer) {
  struct stat info{};
  ASSERT_EQ(::stat(path().c_str(), &info), 0);
  EXPECT_TRUE(S_ISSOCK(info.st_mode));
  EXPECT_EQ(info.st_mode & 0777, 0666u);
}

TEST_F(ApiSocketTest, AsksControlAsTheWorkerAndNamesTheContainer) {
  EXPECT_EQ(Ask("POST", "/burrow.v1.Calls/Invoke", "", "{}").body,
            "POST /burrow.v1.Calls/Invoke Bearer the-workers ct-mine");
}

TEST_F(ApiSocketTest, LetsNoContainerPassForAnother) {
  const auto answer =
      Ask("POST", "/burrow.v1.Calls/Invoke", "Authorization: Bearer stolen\r\nBurrow-Container: ct-other\r\n", "{}");
  EXPECT_THAT(answer.body, HasSubstr(" Bearer the-workers ct-mine"));
  EXPECT_THAT(answer.body, Not(HasSubstr("other")));
}

TEST_F(ApiSocketTest, RefusesWhatIsNoRequestOfTheApi) {
  ExpectRefusal(Ask("GET", "/link", "Upgrade: websocket\r\nConnection: Upgrade\r\n"), 403, "permission_denied");
  for (const char* target : {"/", "/health", "/uploads", "/burrow", "*", "http://elsewhere/burrow.v1.Calls/Invoke",
                             "/burrow.v1.Calls/Invoke?x", "/blobs"})
    ExpectRefusal(Ask("POST", target, "", "{}"), 403, "permission_denied");
  for (const char* method : {"GET", "PUT", "DELETE", "PATCH"})
    ExpectRefusal(Ask(method, "/burrow.v1.Calls/Invoke"), 403, "permission_denied");
  ExpectRefusal(Ask("DELETE", "/blobs/x"), 403, "permission_denied");
  ExpectRefusal(Ask("POST", "/burrow.v1." + std::string(300, 'x'), "", "{}"), 403, "permission_denied");
  EXPECT_EQ(asked_, 0);
}

TEST_F(ApiSocketTest, AnswersWhatIsNoHttpByItself) {
  RawClient client(path());
  client.Send("\x16\x03\x01 not http\r\n\r\n");
  EXPECT_EQ(client.Receive().status, 400);
  RawClient endless(path());
  endless.Send("POST /burrow.v1.Calls/Invoke HTTP/1.1\r\nX: " + std::string(64u << 10, 'x'));
  EXPECT_EQ(endless.Receive().status, 431);
  EXPECT_EQ(asked_, 0);
}

TEST_F(ApiSocketTest, BoundsWhatIsSent) {
  EXPECT_EQ(Ask("PUT", "/blobs/x", "", std::string(200'000, 'x')).status, 200);
  ExpectRefusal(Ask("PUT", "/blobs/x", "", std::string(200'001, 'x')), 413, "out_of_range");
  EXPECT_EQ(Ask("POST", "/burrow.v1.Calls/Invoke", "", std::string(100'000, 'x')).status, 200);
  ExpectRefusal(Ask("POST", "/burrow.v1.Calls/Invoke", "", std::string(100'001, 'x')), 413, "out_of_range");
}

TEST_F(ApiSocketTest, SaysWhileControlIsAwayThatOneMayAskAgain) {
  connected_ = false;
  ExpectRefusal(Ask("POST", "/burrow.v1.Calls/Invoke", "", "{}"), 503, "unavailable");
  EXPECT_EQ(asked_, 0);
  connected_ = true;
  status_ = 401;  // it does not know the container yet
  ExpectRefusal(Ask("POST", "/burrow.v1.Calls/Invoke", "", "{}"), 503, "unavailable");
  loop_.Do([this] { control_.reset(); });
  ExpectRefusal(Ask("POST", "/burrow.v1.Calls/Invoke", "", "{}"), 503, "unavailable");
}

TEST_F(ApiSocketTest, TakesNoMoreConnectionsThanItsBound) {
  std::vector<std::unique_ptr<RawClient>> clients;
  for (int i = 0; i < 3; ++i) {
    clients.push_back(std::make_unique<RawClient>(path()));
    EXPECT_EQ(clients.back()->Exchange("POST", "/burrow.v1.Calls/Invoke", "", "{}").status, 200);
  }
  EXPECT_TRUE(RawClient(path()).AtEnd());
  EXPECT_EQ(clients[0]->Exchange("POST", "/burrow.v1.Calls/Invoke", "", "{}").status, 200);
}

TEST_F(ApiSocketTest, EndsRequestsWithTheContainer) {
  RawClient client(path());
  client.Request("POST", "/burrow.v1.Calls/Wait", "", "{}");
  waiting_.get_future().wait();
  loop_.Do([this] { socket_.reset(); });
  EXPECT_TRUE(client.AtEnd());
  EXPECT_EQ(left_.get_future().wait_for(std::chrono::seconds(20)), std::future_status::ready);
  struct stat info{};
  EXPECT_NE(::stat(path().c_str(), &info), 0) << "its file stays behind";
}

}  // namespace
}  // namespace burrow::worker
