#include "net/websocket.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <future>
#include <optional>

#include "net/http_server.h"
#include "net/testing/loop_thread.h"
#include "net/testing/raw_client.h"

namespace burrow::net {
namespace {

using testing::LoopThread;
using testing::RawClient;

class WebSocketTest : public ::testing::Test {
 protected:
  WebSocketTest() {
    loop_.Do([this] {
      auto server = HttpServer::Listen(loop_.io(), {}, [this](HttpExchange& exchange) { return Handle(exchange); });
      if (!server) throw std::runtime_error(server.error().message());
      server_ = std::move(*server);
    });
  }
  ~WebSocketTest() override {
    loop_.Do([this] {
      socket_.reset();
      server_.reset();
    });
    loop_.Join();
  }

  // Echoes; "close" closes; "burst" sends 1000 numbers.
  Task<void> Handle(HttpExchange& exchange) {
    if (exchange.header("Authorization") == "Bearer wrong") {
      co_await exchange.Respond(401, "text/plain", "no");
      co_return;
    }
    auto socket = co_await exchange.UpgradeToWebSocket(1 << 20);
    if (!socket) co_return;
    for (;;) {
      auto message = co_await (*socket)->Read();
      if (!message) break;
      if (*message == "close") break;
      if (*message == "burst") {
        for (int i = 0; i < 1000; ++i) (*socket)->Send(std::to_string(i));
      } else {
        (*socket)->Send(*message);
      }
    }
    ended_.set_value();
  }

  Result<std::unique_ptr<WebSocket>> Connect(std::string token = "right") {
    WebSocketClientOptions options;
    options.host = "127.0.0.1";
    options.port = server_->port();
    options.target = "/link";
    options.bearer_token = std::move(token);
    return loop_.Start(ConnectWebSocket(options)).get();
  }
  void Open() {
    auto socket = Connect();
    ASSERT_TRUE(socket) << socket.error().message();
    socket_ = std::move(*socket);
  }
  void Send(std::string message) {
    loop_.Do([&] { socket_->Send(std::move(message)); });
  }
  Result<std::string> Read() { return loop_.Start(socket_->Read()).get(); }

  LoopThread loop_;
  std::unique_ptr<HttpServer> server_;
  std::unique_ptr<WebSocket> socket_;
  std::promise<void> ended_;
};

TEST_F(WebSocketTest, CarriesMessagesBothWays) {
  Open();
  Send("hello");
  EXPECT_EQ(*Read(), "hello");
  Send("");
  EXPECT_EQ(*Read(), "");
  std::string large(900'000, 'w');
  Send(large);
  EXPECT_EQ(*Read(), large);
}

TEST_F(WebSocketTest, KeepsTheOrderOfABurst) {
  Open();
  Send("burst");
  for (int i = 0; i < 1000; ++i) ASSERT_EQ(*Read(), std::to_string(i));
}

TEST_F(WebSocketTest, FailsReadsOnceThePeerHasClosed) {
  Open();
  Send("close");
  auto message = Read();
  ASSERT_FALSE(message);
  EXPECT_EQ(message.error().code(), Code::kUnavailable);
}

TEST_F(WebSocketTest, DeliversWhatWasSentBeforeClose) {
  Open();
  loop_.Do([this] {
    for (int i = 0; i < 100; ++i) socket_->Send(std::string(10'000, 'x'));
    socket_->Send("close");
    socket_.reset();
  });
  ended_.get_future().wait();
}

TEST_F(WebSocketTest, CloseEndsAPendingRead) {
  Open();
  auto pending = loop_.Start(socket_->Read());
  loop_.Do([this] { socket_->Close(); });
  EXPECT_FALSE(pending.get());
  ended_.get_future().wait();
}

TEST_F(WebSocketTest, CutsOffAPeerWhoseMessageIsTooLarge) {
  Open();
  Send(std::string(2 << 20, 'x'));
  EXPECT_FALSE(Read());
}

TEST_F(WebSocketTest, SaysThatTheTokenIsRefused) {
  auto socket = Connect("wrong");
  ASSERT_FALSE(socket);
  EXPECT_EQ(socket.error().code(), Code::kUnauthenticated);
}

TEST_F(WebSocketTest, SaysThatNobodyListens) {
  uint16_t port = server_->port();
  loop_.Do([this] { server_.reset(); });
  WebSocketClientOptions options;
  options.host = "localhost";
  options.port = port;
  auto socket = loop_.Start(ConnectWebSocket(options)).get();
  ASSERT_FALSE(socket);
  EXPECT_EQ(socket.error().code(), Code::kUnavailable);
  loop_.Do([this] {
    auto server = HttpServer::Listen(loop_.io(), {}, nullptr);
    server_ = std::move(*server);
  });
}

TEST_F(WebSocketTest, RefusesAnUpgradeThatIsNone) {
  RawClient client(server_->port());
  EXPECT_EQ(client.Exchange("GET", "/link").status, 400);
  EXPECT_TRUE(client.AtEnd());
}

TEST_F(WebSocketTest, StoppingTheServerEndsItsSockets) {
  Open();
  auto pending = loop_.Start(socket_->Read());
  loop_.Do([this] { server_->Stop(); });
  EXPECT_FALSE(pending.get());
}

}  // namespace
}  // namespace burrow::net
