#include "net/http_server.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/mman.h>
#include <sys/socket.h>

#include <atomic>
#include <boost/asio/error.hpp>
#include <boost/system/system_error.hpp>
#include <future>
#include <optional>
#include <thread>
#include <vector>

#include "base/testing/rounds.h"
#include "net/blocking_pool.h"
#include "net/event.h"
#include "net/testing/loop_thread.h"
#include "net/testing/raw_client.h"

namespace burrow::net {
namespace {

using std::chrono::milliseconds;
using ::testing::HasSubstr;
using testing::LoopThread;
using testing::RawClient;

// A handler that waits for ever, and tells how its wait ended.
struct Waiting {
  std::promise<void> begun;
  std::promise<bool> cancelled;
  HttpHandler Handler(IoContext& io) {
    return [this, &io](HttpExchange&) -> Task<void> {
      Event never(io);
      begun.set_value();
      try {
        co_await never.Wait(std::chrono::minutes(10));
        cancelled.set_value(false);
      } catch (const boost::system::system_error& e) {
        cancelled.set_value(e.code() == boost::asio::error::operation_aborted);
        throw;
      }
    };
  }
};

class HttpServerTest : public ::testing::Test {
 protected:
  ~HttpServerTest() override {
    loop_.Do([this] { server_.reset(); });
    loop_.Join();
  }
  void Serve(HttpHandler handler) {
    loop_.Do([&] {
      auto server = HttpServer::Listen(loop_.io(), options_, std::move(handler));
      if (!server) throw std::runtime_error(server.error().message());
      server_ = std::move(*server);
    });
  }
  void ServeEcho() {
    Serve([](HttpExchange& exchange) -> Task<void> {
      auto body = co_await exchange.ReadBody(8 << 20);
      if (!body) {
        co_await exchange.Respond(413, "text/plain", body.error().message());
        co_return;
      }
      std::string answer = fmt::format("{} {} {} [{}] ", exchange.method(), exchange.path(), exchange.query(),
                                       exchange.header("X-Test"));
      co_await exchange.Respond(200, "text/plain", answer + *body);
    });
  }
  uint16_t port() const { return server_->port(); }

  HttpServerOptions options_;
  // Handlers may outlive a test's body.
  Waiting waiting_;
  std::promise<Code> ended_;
  LoopThread loop_;
  BlockingPool pool_{2};
  std::unique_ptr<HttpServer> server_;
};

TEST_F(HttpServerTest, AnswersRequestAfterRequestOnOneConnection) {
  ServeEcho();
  RawClient client(port());
  for (int i = 0; i < 3; ++i) {
    auto response = client.Exchange("POST", "/a/b?x=1", "x-test: y\r\n", "hello");
    EXPECT_EQ(response.status, 200);
    EXPECT_EQ(response.body, "POST /a/b x=1 [y] hello");
    EXPECT_THAT(response.headers["date"], HasSubstr("GMT"));
  }
}

TEST_F(HttpServerTest, AnswersPipelinedRequestsInOrder) {
  ServeEcho();
  RawClient client(port());
  client.Send("GET /1 HTTP/1.1\r\n\r\nPOST /2 HTTP/1.1\r\nContent-Length: 2\r\n\r\nhiGET /3 HTTP/1.1\r\n\r\n");
  EXPECT_EQ(client.Receive().body, "GET /1  [] ");
  EXPECT_EQ(client.Receive().body, "POST /2  [] hi");
  EXPECT_EQ(client.Receive().body, "GET /3  [] ");
}

TEST_F(HttpServerTest, ReadsARequestThatArrivesByteByByte) {
  ServeEcho();
  RawClient client(port());
  for (char c : std::string_view("POST /slow HTTP/1.1\r\nContent-Length: 3\r\n\r\nabc"))
    client.Send(std::string_view(&c, 1));
  EXPECT_EQ(client.Receive().body, "POST /slow  [] abc");
}

TEST_F(HttpServerTest, ReadsLargeAndChunkedBodies) {
  ServeEcho();
  RawClient client(port());
  std::string large(3 << 20, 'z');
  EXPECT_EQ(client.Exchange("PUT", "/l", "", large).body.size(), large.size() + strlen("PUT /l  [] "));
  client.Send("POST /c HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nwiki\r\n5;x=y\r\npedia\r\n0\r\n\r\n");
  EXPECT_EQ(client.Receive().body, "POST /c  [] wikipedia");
  EXPECT_EQ(client.Exchange("GET", "/after").status, 200);
}

TEST_F(HttpServerTest, RefusesABodyAboveTheLimit) {
  ServeEcho();
  RawClient announced(port());
  announced.Send("POST / HTTP/1.1\r\nContent-Length: 9000000\r\n\r\n");
  EXPECT_EQ(announced.Receive().status, 413);
  RawClient chunked(port());
  chunked.Send("POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n");
  std::string piece = "100000\r\n" + std::string(1 << 20, 'x') + "\r\n";
  for (int i = 0; i < 9; ++i) chunked.Send(piece);
  EXPECT_EQ(chunked.Receive().status, 413);
}

TEST_F(HttpServerTest, RefusesAnOversizeHeaderAndGarbage) {
  ServeEcho();
  RawClient oversize(port());
  oversize.Request("GET", "/", "X: " + std::string(64 << 10, 'h') + "\r\n");
  EXPECT_EQ(oversize.Receive().status, 431);
  EXPECT_TRUE(oversize.AtEnd());
  RawClient garbage(port());
  garbage.Send("\x16\x03\x01 this is TLS\r\n\r\n");
  EXPECT_EQ(garbage.Receive().status, 400);
  EXPECT_TRUE(garbage.AtEnd());
}

TEST_F(HttpServerTest, EndsAConnectionWhoseRequestNeverCompletes) {
  options_.header_timeout = milliseconds(50);
  ServeEcho();
  RawClient client(port());
  client.Send("GET / HTT");
  EXPECT_EQ(client.Receive().status, 408);
  EXPECT_TRUE(client.AtEnd());
}

TEST_F(HttpServerTest, EndsIdleConnectionsAndStalledBodies) {
  options_.idle_timeout = milliseconds(50);
  options_.stall_timeout = milliseconds(50);
  ServeEcho();
  RawClient idle(port());
  EXPECT_TRUE(idle.AtEnd());
  RawClient stalled(port());
  stalled.Send("POST / HTTP/1.1\r\nContent-Length: 10\r\n\r\nabc");
  EXPECT_THAT(stalled.Receive().body, HasSubstr("stalled"));
}

TEST_F(HttpServerTest, AsksForABodyThatTheClientHoldsBack) {
  ServeEcho();
  RawClient client(port());
  client.Send("PUT /x HTTP/1.1\r\nExpect: 100-continue\r\nContent-Length: 4\r\n\r\n");
  EXPECT_EQ(client.ReceiveHead().status, 100);
  client.Send("body");
  EXPECT_EQ(client.Receive().body, "PUT /x  [] body");
}

TEST_F(HttpServerTest, DeclinesABodyWithoutAskingForIt) {
  Serve([](HttpExchange& exchange) -> Task<void> { co_await exchange.Respond(401, "text/plain", "no"); });
  RawClient client(port());
  client.Send("PUT /x HTTP/1.1\r\nExpect: 100-continue\r\nContent-Length: 4\r\n\r\n");
  auto response = client.Receive();
  EXPECT_EQ(response.status, 401);
  EXPECT_EQ(response.headers["connection"], "close");
}

TEST_F(HttpServerTest, DeliversARefusalToAClientThatIsStillSending) {
  Serve([](HttpExchange& exchange) -> Task<void> { co_await exchange.Respond(401, "text/plain", "no"); });
  RawClient client(port());
  EXPECT_TRUE(client.Request("PUT", "/x", "", std::string(20 << 20, 'b')));
  EXPECT_EQ(client.Receive().body, "no");
}

TEST_F(HttpServerTest, DrainsASmallBodyThatNobodyRead) {
  Serve([](HttpExchange& exchange) -> Task<void> { co_await exchange.Respond(200, "text/plain", "ok"); });
  RawClient client(port());
  EXPECT_EQ(client.Exchange("POST", "/", "", std::string(20'000, 'b')).status, 200);
  EXPECT_EQ(client.Exchange("POST", "/", "", "again").status, 200);
}

TEST_F(HttpServerTest, StreamsChunksAsTheyAreWritten) {
  std::promise<void> first_seen;
  auto seen = first_seen.get_future().share();
  Serve([this, seen](HttpExchange& exchange) -> Task<void> {
    co_await exchange.BeginStream(200, "text/plain");
    co_await exchange.WriteChunk("one");
    co_await RunBlocking(pool_, [seen] { seen.wait(); });
    co_await exchange.WriteChunk(std::string(100'000, 'x'));
    co_await exchange.EndStream();
  });
  RawClient client(port());
  client.Request("GET", "/");
  EXPECT_EQ(client.ReceiveHead().headers["transfer-encoding"], "chunked");
  EXPECT_EQ(client.ReceiveChunk(), "one");
  first_seen.set_value();
  EXPECT_EQ(client.ReceiveChunk().size(), 100'000u);
  EXPECT_EQ(client.ReceiveChunk(), "");
  EXPECT_EQ(client.Exchange("HEAD", "/").status, 200);
}

TEST_F(HttpServerTest, SpeaksToHttp10WithoutChunks) {
  Serve([](HttpExchange& exchange) -> Task<void> {
    co_await exchange.BeginStream(200, "text/plain");
    co_await exchange.WriteChunk("plain");
    co_await exchange.EndStream();
  });
  RawClient client(port());
  client.Send("GET / HTTP/1.0\r\n\r\n");
  auto head = client.ReceiveHead();
  EXPECT_EQ(head.headers.count("transfer-encoding"), 0u);
  EXPECT_TRUE(client.AtEnd());
}

TEST_F(HttpServerTest, CancelsTheHandlerWhenTheClientLeaves) {
  Serve(waiting_.Handler(loop_.io()));
  RawClient client(port());
  client.Request("GET", "/");
  waiting_.begun.get_future().wait();
  client.Close();
  EXPECT_TRUE(waiting_.cancelled.get_future().get());
}

TEST_F(HttpServerTest, CancelsTheHandlerWhenTheConnectionIsReset) {
  Serve(waiting_.Handler(loop_.io()));
  RawClient client(port());
  client.Request("POST", "/", "", std::string(1000, 'u'));
  waiting_.begun.get_future().wait();
  client.Reset();
  EXPECT_TRUE(waiting_.cancelled.get_future().get());
}

TEST_F(HttpServerTest, NoticesALeavingClientBehindAPipelinedRequest) {
  Serve(waiting_.Handler(loop_.io()));
  RawClient client(port());
  client.Send("GET / HTTP/1.1\r\n\r\nGET /next HTTP/1.1\r\n\r\n");
  waiting_.begun.get_future().wait();
  client.Close();
  EXPECT_TRUE(waiting_.cancelled.get_future().get());
}

TEST_F(HttpServerTest, StopCancelsTheHandlers) {
  Serve(waiting_.Handler(loop_.io()));
  RawClient client(port());
  client.Request("GET", "/");
  waiting_.begun.get_future().wait();
  loop_.Do([this] { server_->Stop(); });
  EXPECT_TRUE(waiting_.cancelled.get_future().get());
  EXPECT_TRUE(client.AtEnd());
}

TEST_F(HttpServerTest, EndsAStreamWhoseReaderHasLeft) {
  Serve([&](HttpExchange& exchange) -> Task<void> {
    co_await exchange.BeginStream(200, "text/plain");
    std::string data(1 << 16, 'd');
    for (;;) {
      auto written = co_await exchange.WriteChunk(data);
      if (written) continue;
      ended_.set_value(written.error().code());
      co_return;
    }
  });
  RawClient client(port());
  client.Request("GET", "/");
  client.ReceiveChunk();
  client.Close();
  EXPECT_EQ(ended_.get_future().get(), Code::kCancelled);
}

TEST_F(HttpServerTest, AnswersForAHandlerThatThrowsOrForgets) {
  Serve([](HttpExchange& exchange) -> Task<void> {
    if (exchange.path() == "/throw") throw std::runtime_error("a bug");
    co_return;
  });
  RawClient client(port());
  EXPECT_EQ(client.Exchange("GET", "/throw").status, 500);
  RawClient other(port());
  EXPECT_EQ(other.Exchange("GET", "/forget").status, 500);
}

class FileTest : public HttpServerTest, public ::testing::WithParamInterface<bool> {};

TEST_P(FileTest, SendsAPartOfAFileToSlowAndManyReaders) {
  if (GetParam()) options_.file_pool = &pool_;
  std::string content(8 << 20, '\0');
  for (size_t i = 0; i < content.size(); ++i) content[i] = static_cast<char>(i * 31 >> 7);
  UniqueFd file(::memfd_create("file", MFD_CLOEXEC));
  ASSERT_EQ(::write(file.get(), content.data(), content.size()), static_cast<ssize_t>(content.size()));
  Serve([&](HttpExchange& exchange) -> Task<void> {
    co_await exchange.RespondFile(206, "application/octet-stream", file.get(), 1000, content.size() - 2000);
  });
  std::atomic<int> right = 0;
  std::vector<std::jthread> readers;
  constexpr int kReaders = burrow::testing::Rounds(20);
  for (int i = 0; i < kReaders; ++i) {
    readers.emplace_back([&] {
      RawClient client(port());
      for (int round = 0; round < 2; ++round) {
        if (client.Exchange("GET", "/").body == content.substr(1000, content.size() - 2000)) ++right;
      }
    });
  }
  readers.clear();
  EXPECT_EQ(right, 2 * kReaders);
  RawClient client(port());
  auto head = client.Exchange("HEAD", "/");
  EXPECT_EQ(head.headers["content-length"], std::to_string(content.size() - 2000));
  EXPECT_EQ(client.Exchange("GET", "/").status, 206);
}
INSTANTIATE_TEST_SUITE_P(WithAndWithoutPool, FileTest, ::testing::Bool());

TEST_F(HttpServerTest, ServesManyConnectionsAtOnce) {
  ServeEcho();
  std::vector<std::unique_ptr<RawClient>> clients;
  for (int i = 0; i < 300; ++i) clients.push_back(std::make_unique<RawClient>(port()));
  for (auto& client : clients) client->Request("POST", "/", "", "x");
  for (auto& client : clients) EXPECT_EQ(client->Receive().status, 200);
}

TEST_F(HttpServerTest, ClosesConnectionsAboveItsBound) {
  options_.connections = 1;
  ServeEcho();
  RawClient first(port());
  EXPECT_EQ(first.Exchange("GET", "/").status, 200);
  RawClient second(port());
  EXPECT_TRUE(second.AtEnd());
}

TEST_F(HttpServerTest, NamesThePortThatIsTaken) {
  ServeEcho();
  HttpServerOptions same;
  same.port = port();
  auto second = loop_.Do([&] { return HttpServer::Listen(loop_.io(), same, nullptr); });
  ASSERT_FALSE(second);
  EXPECT_EQ(second.error().code(), Code::kFailedPrecondition);
  EXPECT_THAT(second.error().message(), HasSubstr(fmt::format("127.0.0.1:{}", port())));
}

}  // namespace
}  // namespace burrow::net
