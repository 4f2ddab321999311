#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <condition_variable>
#include <deque>
#include <future>
#include <mutex>
#include <set>
#include <stdexcept>

#include "link/control_end.h"
#include "link/outbox.h"
#include "link/worker_end.h"
#include "net/http_server.h"
#include "net/testing/loop_thread.h"

namespace burrow::link {
namespace {

using burrow::link::v1::FromControl;
using burrow::link::v1::FromWorker;
using burrow::link::v1::Hello;
using net::Task;
using net::testing::LoopThread;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

// What happened, in order, for the test's thread to wait for.
class Journal {
 public:
  void Add(std::string entry) {
    std::lock_guard lock(mutex_);
    entries_.push_back(std::move(entry));
    changed_.notify_all();
  }
  std::string Next() {
    std::unique_lock lock(mutex_);
    if (!changed_.wait_for(lock, std::chrono::seconds(20), [this] { return !entries_.empty(); }))
      return "nothing happened";
    std::string entry = std::move(entries_.front());
    entries_.pop_front();
    return entry;
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<std::string> entries_;
};

class Control final : public WorkerListener {
 public:
  explicit Control(Journal& journal) : journal_(journal) {}
  void WorkerJoined(std::shared_ptr<WorkerConnection> worker, const Hello& hello) override {
    worker_ = std::move(worker);
    journal_.Add("joined " + hello.worker_id());
  }
  void WorkerSaid(WorkerConnection&, FromWorker message) override {
    if (message.done().call_id() == "throw") throw std::runtime_error("a bug");
    journal_.Add("said " + message.done().call_id());
  }
  void WorkerGone(const WorkerId& worker) override { journal_.Add("gone " + worker.str()); }

  Journal& journal_;
  std::shared_ptr<WorkerConnection> worker_;
};

class LinkTest : public ::testing::Test {
 protected:
  LinkTest() { Listen(0); }
  ~LinkTest() override {
    loop_.Do([this] {
      for (auto& worker : workers_) worker->Stop();
      control_.worker_.reset();
      server_.reset();
    });
    loop_.Join();
  }

  void Listen(uint16_t port) {
    loop_.Do([&] {
      net::HttpServerOptions options;
      options.port = port;
      auto server = net::HttpServer::Listen(loop_.io(), options, [this](net::HttpExchange& exchange) -> Task<void> {
        if (exchange.header("Authorization") != "Bearer join" || !token_lasts_) {
          co_await exchange.Respond(401, "text/plain", "no");
          co_return;
        }
        auto socket = co_await exchange.UpgradeToWebSocket(64 << 20);
        if (socket) co_await ServeWorker(std::move(*socket), control_, [this] { return token_lasts_.load(); });
      });
      if (!server) throw std::runtime_error(server.error().message());
      server_ = std::move(*server);
      port_ = server_->port();
    });
  }

  WorkerEnd& Dial(const std::string& id, std::string token = "join") {
    WorkerEndOptions options;
    options.host = "127.0.0.1";
    options.port = port_;
    options.token = std::move(token);
    options.hello = [id] {
      Hello hello;
      hello.set_worker_id(id);
      return hello;
    };
    options.on_lost = [this] {
      if (tell_of_loss_) journal_.Add("lost");
    };
    options.on_message = [this](FromControl message) { journal_.Add("told " + message.call().call_id()); };
    return loop_.Do([&]() -> WorkerEnd& {
      workers_.push_back(NewWorkerEnd(loop_.io(), std::move(options)));
      runs_.push_back(loop_.Start(workers_.back()->Run()));
      return *workers_.back();
    });
  }
  void Say(WorkerEnd& worker, const std::string& call) {
    loop_.Do([&] {
      FromWorker message;
      message.mutable_done()->set_call_id(call);
      worker.Send(std::move(message));
    });
  }
  void Tell(const std::string& call) {
    loop_.Do([&] {
      FromControl message;
      message.mutable_call()->set_call_id(call);
      control_.worker_->Send(message);
    });
  }

  LoopThread loop_;
  Journal journal_;
  Control control_{journal_};
  std::unique_ptr<net::HttpServer> server_;
  std::vector<std::unique_ptr<WorkerEnd>> workers_;
  std::vector<std::future<Status>> runs_;
  uint16_t port_ = 0;
  bool tell_of_loss_ = false;
  std::atomic<bool> token_lasts_ = true;
};

TEST_F(LinkTest, CarriesMessagesInOrderBothWays) {
  auto& worker = Dial("wk-1");
  EXPECT_EQ(journal_.Next(), "joined wk-1");
  for (int i = 0; i < 100; ++i) Say(worker, std::to_string(i));
  for (int i = 0; i < 100; ++i) EXPECT_EQ(journal_.Next(), fmt::format("said {}", i));
  for (int i = 0; i < 100; ++i) Tell(std::to_string(i));
  for (int i = 0; i < 100; ++i) EXPECT_EQ(journal_.Next(), fmt::format("told {}", i));
}

TEST_F(LinkTest, KeepsWhatAWorkerSaysBeforeItIsConnected) {
  auto& worker = Dial("wk-1");
  Say(worker, "early");
  EXPECT_EQ(journal_.Next(), "joined wk-1");
  EXPECT_EQ(journal_.Next(), "said early");
}

TEST_F(LinkTest, DialsAgainAndSendsWhatWasSaidMeanwhile) {
  auto& worker = Dial("wk-1");
  EXPECT_EQ(journal_.Next(), "joined wk-1");
  loop_.Do([this] { server_.reset(); });
  EXPECT_EQ(journal_.Next(), "gone wk-1");
  // Control is down: the worker notices, and what it says waits.
  while (loop_.Do([&] { return worker.connected(); })) std::this_thread::yield();
  Say(worker, "meanwhile");
  Listen(port_);
  EXPECT_EQ(journal_.Next(), "joined wk-1");
  EXPECT_EQ(journal_.Next(), "said meanwhile");
}

TEST_F(LinkTest, DialsAgainWhenControlClosesTheConnection) {
  Dial("wk-1");
  EXPECT_EQ(journal_.Next(), "joined wk-1");
  loop_.Do([this] { control_.worker_->Close(); });
  EXPECT_EQ(journal_.Next(), "gone wk-1");
  EXPECT_EQ(journal_.Next(), "joined wk-1");
}

TEST_F(LinkTest, TellsTheWorkerOfEachLossOnce) {
  tell_of_loss_ = true;
  Dial("wk-1");
  EXPECT_EQ(journal_.Next(), "joined wk-1");
  loop_.Do([this] { control_.worker_->Close(); });
  const std::set<std::string> next = {journal_.Next(), journal_.Next()};
  EXPECT_EQ(next, (std::set<std::string>{"lost", "gone wk-1"}));
  EXPECT_EQ(journal_.Next(), "joined wk-1");
}

TEST_F(LinkTest, GivesUpWhenTheTokenIsRefused) {
  Dial("wk-1", "wrong");
  auto status = runs_.back().get();
  ASSERT_FALSE(status);
  EXPECT_EQ(status.error().code(), Code::kUnauthenticated);
}

TEST_F(LinkTest, EndsWithTheNextMessageOnceTheTokenIsRevoked) {
  auto& worker = Dial("wk-1");
  EXPECT_EQ(journal_.Next(), "joined wk-1");
  token_lasts_ = false;
  Say(worker, "late");
  EXPECT_EQ(journal_.Next(), "gone wk-1");
  auto ended = runs_[0].get();
  ASSERT_FALSE(ended);
  EXPECT_EQ(ended.error().code(), Code::kUnauthenticated);
}

TEST_F(LinkTest, StopEndsAWorkerThatIsConnectedAndOneThatIsNot) {
  auto& connected = Dial("wk-1");
  EXPECT_EQ(journal_.Next(), "joined wk-1");
  Say(connected, "last");
  loop_.Do([&] { connected.Stop(); });
  EXPECT_TRUE(runs_[0].get());
  EXPECT_EQ(journal_.Next(), "said last");
  EXPECT_EQ(journal_.Next(), "gone wk-1");
  loop_.Do([this] { server_.reset(); });
  auto& dialling = Dial("wk-2");
  loop_.Do([&] { dialling.Stop(); });
  EXPECT_TRUE(runs_[1].get());
}

TEST_F(LinkTest, ReplacesAWorkerThatDialsInTwice) {
  Dial("wk-1");
  EXPECT_EQ(journal_.Next(), "joined wk-1");
  auto& old = *workers_[0];
  Dial("wk-1");
  EXPECT_EQ(journal_.Next(), "gone wk-1");
  EXPECT_EQ(journal_.Next(), "joined wk-1");
  loop_.Do([&] { old.Stop(); });
}

TEST_F(LinkTest, SurvivesAListenerThatThrows) {
  auto& worker = Dial("wk-1");
  EXPECT_EQ(journal_.Next(), "joined wk-1");
  Say(worker, "throw");
  EXPECT_EQ(journal_.Next(), "gone wk-1");
  EXPECT_EQ(journal_.Next(), "joined wk-1");
}

// A worker of another make, message by message.
class ForeignWorkerTest : public LinkTest {
 protected:
  ~ForeignWorkerTest() override {
    loop_.Do([this] { socket_.reset(); });
  }
  void Say(const std::string& bytes) {
    net::WebSocketClientOptions options;
    options.host = "127.0.0.1";
    options.port = port_;
    options.bearer_token = "join";
    auto socket = loop_.Start(net::ConnectWebSocket(options)).get();
    ASSERT_TRUE(socket) << socket.error().message();
    socket_ = std::move(*socket);
    loop_.Do([&] { socket_->Send(bytes); });
  }
  Result<std::string> Read() { return loop_.Start(socket_->Read()).get(); }
  std::unique_ptr<net::WebSocket> socket_;
};

TEST_F(ForeignWorkerTest, IsToldTheProtocolAndDismissed) {
  FromWorker message;
  message.mutable_hello()->set_protocol(99);
  message.mutable_hello()->set_worker_id("wk-9");
  Say(message.SerializeAsString());
  FromControl answer;
  ASSERT_TRUE(answer.ParseFromString(*Read()));
  EXPECT_EQ(answer.welcome().protocol(), 1u);
  EXPECT_FALSE(Read());
}

TEST_F(ForeignWorkerTest, IsDismissedWithoutHello) {
  Say("\xff\xff nonsense");
  EXPECT_FALSE(Read());
  FromWorker message;
  message.mutable_usage()->set_containers(1);
  Say(message.SerializeAsString());
  EXPECT_FALSE(Read());
}

TEST(Outbox, DropsLogsFirstAndThenTheOldest) {
  using Kind = Outbox::Kind;
  Outbox outbox(10);
  outbox.Add(Kind::kLogs, "log1");
  outbox.Add(Kind::kMessage, "one");
  outbox.Add(Kind::kLogs, "log");
  EXPECT_EQ(outbox.bytes(), 10u);
  outbox.Add(Kind::kMessage, "two");
  EXPECT_EQ(outbox.dropped(), 1u);
  outbox.Add(Kind::kMessage, "three");
  EXPECT_EQ(outbox.dropped(), 3u);
  EXPECT_THAT(outbox.Take(), ElementsAre("two", "three"));
  EXPECT_EQ(outbox.bytes(), 0u);
}

TEST(Outbox, PutsBackBeforeWhatWasAddedSince) {
  Outbox outbox(100);
  outbox.Add(Outbox::Kind::kMessage, "later");
  outbox.PutBack({"first", "second"});
  EXPECT_THAT(outbox.Take(), ElementsAre("first", "second", "later"));
}

}  // namespace
}  // namespace burrow::link
