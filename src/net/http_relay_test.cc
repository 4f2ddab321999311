#include "net/http_relay.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <boost/system/system_error.hpp>
#include <future>
#include <optional>
#include <string>

#include "net/event.h"
#include "net/testing/loop_thread.h"
#include "net/testing/raw_client.h"

namespace burrow::net {
namespace {

using ::testing::HasSubstr;
using testing::LoopThread;
using ::testing::Not;
using testing::RawClient;

// A server, and one in front of it that hands everything on.
class HttpRelayTest : public ::testing::Test {
 protected:
  HttpRelayTest() {
    request_.headers = {"Content-Type", "X-Passed"};
    request_.added = {{"Authorization", "Bearer relay"}};
    request_.body_limit = 8u << 20;
    request_.withholds = [](int status) { return status == 401; };
  }
  ~HttpRelayTest() override {
    loop_.Do([this] {
      front_.reset();
      relay_.reset();
      server_.reset();
    });
    loop_.Join();
  }

  void Serve(HttpHandler handler) {
    loop_.Do([&] {
      server_ = Listen(0, std::move(handler));
      relay_.emplace(HttpRelayOptions{.host = "127.0.0.1", .port = server_->port(), .connections = 2});
      front_ = Listen(0, [this](HttpExchange& exchange) -> Task<void> {
        auto passed = co_await relay_->Forward(exchange, request_);
        if (!passed && passed.error().code() != Code::kAborted)
          co_await exchange.Respond(599, "text/plain", std::string(CodeName(passed.error().code())));
      });
    });
  }
  // The same server on the same port, without the connections that it had.
  void Restart(HttpHandler handler) {
    loop_.Do([&] {
      const uint16_t port = server_->port();
      server_.reset();
      server_ = Listen(port, std::move(handler));
    });
  }
  std::unique_ptr<HttpServer> Listen(uint16_t port, HttpHandler handler) {
    auto server = HttpServer::Listen(loop_.io(), {.port = port}, std::move(handler));
    if (!server) throw std::runtime_error(server.error().message());
    return std::move(*server);
  }
  HttpHandler Echo() {
    return [this](HttpExchange& exchange) -> Task<void> {
      ++asked_;
      auto body = co_await exchange.ReadBody(8u << 20);
      if (!body) co_return;
      exchange.AddHeader("Retry-After", "7");
      exchange.AddHeader("X-Private", "no");
      std::string head;
      for (const char* name : {"Authorization", "Content-Type", "X-Passed", "X-Dropped", "Burrow-Container"})
        head += fmt::format("{}={};", name, exchange.header(name));
      co_await exchange.Respond(207, "text/test",
                                fmt::format("{} {} {} {}", exchange.method(), exchange.path(), head, *body));
    };
  }
  uint16_t port() const { return front_->port(); }

  HttpRelayRequest request_;
  std::atomic<int> asked_ = 0;
  std::promise<void> first_seen_, begun_, left_;
  std::optional<HttpRelay> relay_;
  LoopThread loop_;
  std::unique_ptr<HttpServer> server_, front_;
};

TEST_F(HttpRelayTest, HandsOnTheRequestAndItsAnswer) {
  Serve(Echo());
  auto answer = RawClient(port()).Exchange("POST", "/a/b?query", "Content-Type: x/y\r\nX-Passed: 1\r\n", "body");
  EXPECT_EQ(answer.status, 207);
  EXPECT_EQ(answer.headers["content-type"], "text/test");
  EXPECT_EQ(answer.headers["retry-after"], "7");
  EXPECT_FALSE(answer.headers.contains("x-private"));
  EXPECT_THAT(answer.body, HasSubstr("POST /a/b Authorization=Bearer relay;Content-Type=x/y;X-Passed=1;"));
  EXPECT_TRUE(answer.body.ends_with(" body"));
}

TEST_F(HttpRelayTest, TakesOverOnlyTheHeadersThatAreNamed) {
  Serve(Echo());
  auto answer = RawClient(port()).Exchange(
      "POST", "/", "Authorization: Bearer mine\r\nX-Dropped: 1\r\nBurrow-Container: ct-other\r\n", "x");
  EXPECT_THAT(answer.body, HasSubstr("Authorization=Bearer relay;"));
  EXPECT_THAT(answer.body, Not(HasSubstr("mine")));
  EXPECT_THAT(answer.body, HasSubstr("X-Dropped=;Burrow-Container=;"));
}

TEST_F(HttpRelayTest, KeepsConnectionsForTheNextRequests) {
  Serve(Echo());
  RawClient client(port());
  for (int i = 0; i < 5; ++i) EXPECT_EQ(client.Exchange("POST", "/", "", "x").status, 207);
  EXPECT_EQ(loop_.Do([this] { return relay_->open(); }), 1u);
}

TEST_F(HttpRelayTest, AsksAgainWhereAKeptConnectionIsDead) {
  Serve(Echo());
  RawClient client(port());
  EXPECT_EQ(client.Exchange("POST", "/", "", "x").status, 207);
  Restart(Echo());
  EXPECT_EQ(client.Exchange("POST", "/", "", "x").status, 207);
  EXPECT_EQ(asked_, 2);
}

TEST_F(HttpRelayTest, SaysThatTheServerIsAway) {
  Serve(Echo());
  loop_.Do([this] { server_.reset(); });
  auto answer = RawClient(port()).Exchange("POST", "/", "", "x");
  EXPECT_EQ(answer.status, 599);
  EXPECT_EQ(answer.body, "unavailable");
}

TEST_F(HttpRelayTest, CarriesLargeBodiesBothWays) {
  Serve(Echo());
  const std::string large(3u << 20, 'y');
  RawClient client(port());
  for (int i = 0; i < 2; ++i) {
    auto answer = client.Exchange("PUT", "/large", "", large);
    EXPECT_EQ(answer.status, 207);
    EXPECT_TRUE(answer.complete);
    EXPECT_TRUE(answer.body.ends_with(" " + large));
  }
}

TEST_F(HttpRelayTest, RefusesBodiesOverTheLimit) {
  request_.body_limit = 100'000;
  Serve(Echo());
  EXPECT_EQ(RawClient(port()).Exchange("PUT", "/", "", std::string(100'000, 'x')).status, 207);
  auto answer = RawClient(port()).Exchange("PUT", "/", "", std::string(100'001, 'x'));
  EXPECT_EQ(answer.status, 599);
  EXPECT_EQ(answer.body, "out_of_range");
}

TEST_F(HttpRelayTest, WithholdsAnswersThatAreNotTheClients) {
  Serve([](HttpExchange& exchange) -> Task<void> { co_await exchange.Respond(401, "text/plain", "a secret"); });
  auto answer = RawClient(port()).Exchange("POST", "/", "", "x");
  EXPECT_EQ(answer.body, "unauthenticated");
}

TEST_F(HttpRelayTest, AnswersHeadWithoutABody) {
  Serve([](HttpExchange& exchange) -> Task<void> { co_await exchange.Respond(200, "text/plain", "twelve bytes"); });
  RawClient client(port());
  auto answer = client.Exchange("HEAD", "/");
  EXPECT_EQ(answer.headers["content-length"], "12");
  EXPECT_EQ(client.Exchange("GET", "/").body, "twelve bytes");
}

TEST_F(HttpRelayTest, PassesEachPieceOfAStreamAsItComes) {
  Serve([this](HttpExchange& exchange) -> Task<void> {
    co_await exchange.BeginStream(200, "text/plain");
    co_await exchange.WriteChunk("first");
    Event seen(loop_.io());
    auto waits = first_seen_.get_future();
    while (waits.wait_for(std::chrono::seconds(0)) != std::future_status::ready)
      co_await seen.Wait(std::chrono::milliseconds(5));
    co_await exchange.WriteChunk("second");
    co_await exchange.EndStream();
  });
  RawClient client(port());
  client.Request("POST", "/", "", "x");
  EXPECT_EQ(client.ReceiveHead().status, 200);
  EXPECT_EQ(client.ReceiveChunk(), "first");
  first_seen_.set_value();
  EXPECT_EQ(client.ReceiveChunk(), "second");
  EXPECT_EQ(client.ReceiveChunk(), "");
}

TEST_F(HttpRelayTest, BreaksOffWhereTheServerDoes) {
  Serve([](HttpExchange& exchange) -> Task<void> {
    co_await exchange.BeginStream(200, "text/plain", 1u << 20);
    co_await exchange.WriteChunk("only this");
  });
  auto answer = RawClient(port()).Exchange("GET", "/");
  EXPECT_EQ(answer.status, 200);
  EXPECT_FALSE(answer.complete);
}

TEST_F(HttpRelayTest, TellsTheServerThatTheClientHasLeft) {
  Serve([this](HttpExchange&) -> Task<void> {
    Event never(loop_.io());
    begun_.set_value();
    try {
      co_await never.Wait(std::chrono::minutes(10));
    } catch (const boost::system::system_error&) {
      left_.set_value();
      throw;
    }
  });
  RawClient client(port());
  client.Request("POST", "/", "", "x");
  begun_.get_future().wait();
  client.Close();
  EXPECT_EQ(left_.get_future().wait_for(std::chrono::seconds(20)), std::future_status::ready);
}

TEST_F(HttpRelayTest, BoundsTheRequestsOnTheirWay) {
  std::atomic<int> waiting = 0;
  Serve([&](HttpExchange&) -> Task<void> {
    Event never(loop_.io());
    if (++waiting == 2) begun_.set_value();
    co_await never.Wait(std::chrono::minutes(10));
  });
  RawClient one(port()), two(port()), three(port());
  one.Request("POST", "/", "", "x");
  two.Request("POST", "/", "", "x");
  begun_.get_future().wait();
  EXPECT_EQ(three.Exchange("POST", "/", "", "x").body, "resource_exhausted");
  one.Close();
  two.Close();
  loop_.Do([this] { front_->Stop(); });
}

}  // namespace
}  // namespace burrow::net
