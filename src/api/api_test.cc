#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <boost/asio/error.hpp>
#include <boost/system/system_error.hpp>
#include <filesystem>
#include <future>
#include <nlohmann/json.hpp>
#include <stdexcept>
#include <thread>
#include <vector>

#include "api/server.h"
#include "base/testing/rounds.h"
#include "burrow/v1/apps.pb.h"
#include "burrow/v1/calls.pb.h"
#include "cas/digest.h"
#include "cas/disk_blob_store.h"
#include "net/event.h"
#include "net/testing/loop_thread.h"
#include "net/testing/raw_client.h"

namespace burrow::api {
namespace {

using burrow::v1::AppEvent;
using burrow::v1::CallResult;
using burrow::v1::InvokeRequest;
using burrow::v1::WatchAppRequest;
using net::Task;
using net::testing::LoopThread;
using net::testing::RawClient;
using net::testing::RawResponse;
using ::testing::HasSubstr;
using Json = nlohmann::json;

constexpr const char* kClient = "Authorization: Bearer client\r\n";
constexpr const char* kWorker = "Authorization: Bearer worker\r\n";
constexpr const char* kInvoke = "/burrow.v1.Calls/Invoke";
constexpr const char* kWatch = "/burrow.v1.Apps/Watch";

std::string With(std::string_view more) { return std::string(kClient) + std::string(more); }
const std::string kJson = With("Content-Type: application/json\r\n");

std::string Envelope(std::string_view payload, char flags = 0) {
  std::string out(1, flags);
  for (int shift = 24; shift >= 0; shift -= 8) out.push_back(static_cast<char>(payload.size() >> shift & 0xff));
  return out.append(payload);
}

class ApiTest : public ::testing::Test {
 protected:
  ApiTest() {
    char pattern[] = "/tmp/burrow-api-XXXXXX";
    directory_ = ::mkdtemp(pattern);
    auto blobs = cas::DiskBlobStore::Open(directory_);
    if (!blobs) throw std::runtime_error(blobs.error().message());
    blobs_ = std::move(*blobs);
    AddMethods();
    loop_.Do([this] { Start(); });
  }
  ~ApiTest() override {
    loop_.Do([this] { server_->Stop(); });
    loop_.Join();
    std::filesystem::remove_all(directory_);
  }

  void Start() {
    ServerOptions options;
    options.authenticate = [](std::string_view token) {
      const auto access = token == "client" ? Access::kMember : token == "worker" ? Access::kWorker : Access::kNone;
      return Caller{access, "theirs"};
    };
    options.blobs = blobs_.get();
    options.pool = &pool_;
    options.revocations = [] { return 0u; };
    options.on_link = [this](std::unique_ptr<net::WebSocket> socket, Standing&) -> Task<void> {
      linked_.set_value();
      (void)co_await socket->Read();
    };
    auto server = Server::Start(loop_.io(), gateway_, std::move(options));
    if (!server) throw std::runtime_error(server.error().message());
    server_ = std::move(*server);
  }

  // The function id says what the call does.
  Task<Result<CallResult>> Invoke(const Caller& caller, const InvokeRequest& request) {
    if (request.function_id() == "fail")
      co_return Fail(Code::kNotFound, "there is no function {}", request.function_id());
    if (request.function_id() == "throw") throw std::runtime_error("a bug");
    if (request.function_id() == "wait") {
      net::Event never(loop_.io());
      waiting_.set_value();
      try {
        co_await never.Wait(std::chrono::minutes(10));
      } catch (const boost::system::system_error&) {
        cancelled_.set_value();
        throw;
      }
    }
    CallResult result;
    result.set_call_id(request.input().call_id());
    *result.mutable_value() = request.input().arguments();
    co_return result;
  }

  void AddMethods() {
    gateway_.AddUnary<InvokeRequest, CallResult>(
        "burrow.v1.Calls/Invoke",
        [this](const Caller& caller, const InvokeRequest& request) { return Invoke(caller, request); });
    gateway_.AddServerStream<WatchAppRequest, AppEvent>(
        "burrow.v1.Apps/Watch",
        [this](const Caller&, const WatchAppRequest& request, Writer<AppEvent> writer) -> Task<Status> {
          AppEvent event;
          for (int i = 0; i < 3; ++i) {
            event.mutable_log()->set_text(fmt::format("line {}", i));
            BURROW_CO_RETURN_IF_ERROR(co_await writer.Write(event));
          }
          if (request.app_id() == "fail") co_return Fail(Code::kAborted, "it broke \xff");
          if (request.app_id() == "wait") {
            net::Event never(loop_.io());
            waiting_.set_value();
            try {
              co_await never.Wait(std::chrono::minutes(10));
            } catch (const boost::system::system_error&) {
              cancelled_.set_value();
              throw;
            }
          }
          co_return Status();
        });
  }

  RawResponse Call(std::string_view method, std::string_view target, std::string_view headers = "",
                   std::string_view body = "") {
    return RawClient(server_->port()).Exchange(method, target, headers, body);
  }
  void ExpectError(const RawResponse& response, int status, std::string_view code, std::string_view part) {
    EXPECT_EQ(response.status, status) << response.body;
    auto json = Json::parse(response.body, nullptr, false);
    ASSERT_TRUE(json.is_object()) << response.body;
    EXPECT_EQ(json["code"], code);
    EXPECT_THAT(json["message"].get<std::string>(), HasSubstr(std::string(part)));
  }
  std::string BlobPath(std::string_view data) { return "/blobs/" + cas::Digest::Of(data).Hex(); }
  void PutBlob(std::string_view data) { ASSERT_TRUE(blobs_->Put(cas::Digest::Of(data), data)); }

  std::string directory_;
  std::unique_ptr<cas::DiskBlobStore> blobs_;
  Gateway gateway_;
  std::promise<void> waiting_, cancelled_, linked_;
  LoopThread loop_;
  net::BlockingPool pool_{2};
  std::unique_ptr<Server> server_;
};

using GatewayTest = ApiTest;
using ServerTest = ApiTest;
using BlobEndpointTest = ApiTest;

TEST_F(GatewayTest, AnswersJson) {
  auto response = Call("POST", kInvoke, kJson,
                       R"({"functionId":"f","newer":{"x":1},"input":{"callId":"c","arguments":{"inline":"aGk="}}})");
  EXPECT_EQ(response.status, 200);
  EXPECT_EQ(response.headers["content-type"], "application/json");
  EXPECT_EQ(Json::parse(response.body), Json::parse(R"({"callId":"c","value":{"inline":"aGk="}})"));
}

TEST_F(GatewayTest, AnswersBinary) {
  InvokeRequest request;
  request.mutable_input()->set_call_id("c");
  auto response = Call("POST", kInvoke, With("Content-Type: application/proto\r\n"), request.SerializeAsString());
  CallResult result;
  EXPECT_EQ(response.status, 200);
  EXPECT_EQ(response.headers["content-type"], "application/proto");
  ASSERT_TRUE(result.ParseFromString(response.body));
  EXPECT_EQ(result.call_id(), "c");
}

TEST_F(GatewayTest, ReportsErrorsOfMethods) {
  ExpectError(Call("POST", kInvoke, kJson, R"({"functionId":"fail"})"), 404, "not_found", "no function fail");
  ExpectError(Call("POST", kInvoke, kJson, R"({"functionId":"throw"})"), 500, "internal", "log");
}

TEST_F(GatewayTest, RefusesWhatItDoesNotUnderstand) {
  ExpectError(Call("POST", "/burrow.v1.Calls/Nothing", kJson, "{}"), 404, "unimplemented", "Nothing");
  ExpectError(Call("GET", kInvoke, kClient), 405, "unimplemented", "POST");
  ExpectError(Call("POST", kInvoke, With("Content-Type: text/html\r\n"), "{}"), 415, "invalid_argument", "text/html");
  ExpectError(Call("POST", kInvoke, With("Content-Type: application/connect+json\r\n"), "{}"), 415, "invalid_argument",
              "send application/json");
  ExpectError(Call("POST", kInvoke, kJson, "{\"functionId\": nonsense}"), 400, "invalid_argument", "nonsense");
  ExpectError(Call("POST", kInvoke, With("Content-Type: application/proto\r\n"), "\xff\xff\xff"), 400,
              "invalid_argument", "InvokeRequest");
  ExpectError(Call("POST", kInvoke, kJson + "Content-Encoding: gzip\r\n", "{}"), 501, "unimplemented", "gzip");
  ExpectError(Call("POST", kInvoke, kJson + "Connect-Timeout-Ms: soon\r\n", "{}"), 400, "invalid_argument", "digits");
  ExpectError(Call("POST", kInvoke, kJson + "Connect-Protocol-Version: 9\r\n", "{}"), 400, "invalid_argument", "9");
}

TEST_F(GatewayTest, BoundsTheRequest) {
  ExpectError(Call("POST", kInvoke, kJson, std::string((16 << 20) + 1, ' ')), 429, "resource_exhausted", "/blobs/");
}

TEST_F(GatewayTest, CancelsACallAtItsDeadline) {
  auto response = Call("POST", kInvoke, kJson + "Connect-Timeout-Ms: 20\r\n", R"({"functionId":"wait"})");
  ExpectError(response, 504, "deadline_exceeded", "20 ms");
  cancelled_.get_future().wait();
}

TEST_F(GatewayTest, CancelsACallWhoseClientLeaves) {
  RawClient client(server_->port());
  client.Request("POST", kInvoke, kJson + "Connect-Timeout-Ms: 500000\r\n", R"({"functionId":"wait"})");
  waiting_.get_future().wait();
  client.Close();
  cancelled_.get_future().wait();
}

TEST_F(GatewayTest, StreamsMessagesAndTheirEnd) {
  auto response = Call("POST", kWatch, With("Content-Type: application/connect+json\r\n"), Envelope("{}"));
  EXPECT_EQ(response.status, 200);
  EXPECT_EQ(response.headers["content-type"], "application/connect+json");
  std::string expected;
  for (int i = 0; i < 3; ++i) expected += Envelope(fmt::format(R"({{"log":{{"text":"line {}"}}}})", i));
  EXPECT_EQ(response.body, expected + Envelope("{}", 2));
}

TEST_F(GatewayTest, StreamsBinaryMessages) {
  AppEvent event;
  event.mutable_log()->set_text("line 0");
  auto response = Call("POST", kWatch, With("Content-Type: application/connect+proto\r\n"), Envelope(""));
  EXPECT_TRUE(response.body.starts_with(Envelope(event.SerializeAsString())));
}

TEST_F(GatewayTest, EndsAStreamWithItsError) {
  std::string headers = With("Content-Type: application/connect+json\r\n");
  auto failed = Call("POST", kWatch, headers, Envelope(R"({"appId":"fail"})"));
  EXPECT_THAT(failed.body, HasSubstr(R"({"error":{"code":"aborted","message":"it broke)"));
  auto late = Call("POST", kWatch, headers + "Connect-Timeout-Ms: 20\r\n", Envelope(R"({"appId":"wait"})"));
  EXPECT_THAT(late.body, HasSubstr("deadline_exceeded"));
  for (const std::string& bad : {std::string("\0\0", 2), Envelope("{}") + "x", Envelope("{]"), Envelope("{}", 1)}) {
    auto response = Call("POST", kWatch, headers, bad);
    EXPECT_EQ(response.status, 200);
    EXPECT_EQ(response.body[0], 2);
    EXPECT_THAT(response.body, HasSubstr("\"error\""));
  }
}

TEST_F(GatewayTest, CancelsAStreamWhoseClientLeaves) {
  RawClient client(server_->port());
  client.Request("POST", kWatch, With("Content-Type: application/connect+json\r\n"), Envelope(R"({"appId":"wait"})"));
  waiting_.get_future().wait();
  client.Close();
  cancelled_.get_future().wait();
}

TEST_F(ServerTest, TellsItsHealthWithoutAToken) {
  auto response = Call("GET", "/health");
  EXPECT_EQ(response.status, 200);
  EXPECT_EQ(Json::parse(response.body)["status"], "ok");
}

TEST_F(ServerTest, ChecksTokens) {
  for (const char* headers : {"", "Authorization: Bearer wrong\r\n", "Authorization: Basic client\r\n"}) {
    ExpectError(Call("POST", kInvoke, headers, "{}"), 401, "unauthenticated", "BURROW_TOKEN");
    ExpectError(Call("GET", BlobPath("x"), headers), 401, "unauthenticated", "BURROW_TOKEN");
    ExpectError(Call("GET", "/link", headers), 401, "unauthenticated", "token");
  }
  ExpectError(Call("POST", kInvoke, kWorker, "{}"), 403, "permission_denied", "client's token");
  ExpectError(Call("GET", "/link", kClient), 403, "permission_denied", "worker");
  EXPECT_EQ(Call("POST", "/burrow.v1.Blobs/Missing", std::string(kWorker) + "Content-Type: application/json\r\n", "{}")
                .status,
            200);
}

TEST_F(ServerTest, HasNothingElsewhere) {
  ExpectError(Call("GET", "/"), 404, "not_found", "nothing at /");
  ExpectError(Call("GET", "/favicon.ico"), 404, "not_found", "favicon");
  ExpectError(Call("GET", "/a/b/c.d/e", kClient), 404, "not_found", "/a/b/c.d/e");
}

TEST_F(ServerTest, HandsLinksOver) {
  net::WebSocketClientOptions options;
  options.host = "127.0.0.1";
  options.port = server_->port();
  options.target = "/link";
  options.bearer_token = "worker";
  auto socket = loop_.Start(net::ConnectWebSocket(options)).get();
  ASSERT_TRUE(socket) << socket.error().message();
  linked_.get_future().wait();
  loop_.Do([&] { socket->reset(); });
}

TEST_F(BlobEndpointTest, StoresABlobOnce) {
  std::string data(1'000'000, 'b');
  EXPECT_EQ(Call("PUT", BlobPath(data), kClient, data).status, 201);
  EXPECT_EQ(Call("PUT", BlobPath(data), kWorker, data).status, 200);
  EXPECT_EQ(Call("GET", BlobPath(data), kClient).body, data);
  EXPECT_EQ(Call("PUT", BlobPath(""), kClient, "").status, 201);
  EXPECT_EQ(Call("GET", BlobPath(""), kClient).status, 200);
}

TEST_F(BlobEndpointTest, StoresAChunkedUploadThatWaitedForItsInvitation) {
  std::string data(700'000, 'c');
  RawClient client(server_->port());
  client.Send(fmt::format("PUT {} HTTP/1.1\r\n{}Expect: 100-continue\r\nTransfer-Encoding: chunked\r\n\r\n",
                          BlobPath(data), kClient));
  EXPECT_EQ(client.ReceiveHead().status, 100);
  client.Send(fmt::format("{:x}\r\n{}\r\n0\r\n\r\n", data.size(), data));
  EXPECT_EQ(client.Receive().status, 201);
  EXPECT_EQ(client.Exchange("GET", BlobPath(data), kClient).body, data);
}

TEST_F(BlobEndpointTest, RefusesBytesThatAreNotTheirName) {
  ExpectError(Call("PUT", BlobPath("a"), kClient, "b"), 400, "invalid_argument", "");
  EXPECT_EQ(Call("GET", BlobPath("a"), kClient).status, 404);
}

TEST_F(BlobEndpointTest, KeepsNothingOfAnUploadThatBreaksOff) {
  std::string data(1'000'000, 'h');
  {
    RawClient client(server_->port());
    client.Send(fmt::format("PUT {} HTTP/1.1\r\n{}Content-Length: {}\r\n\r\n", BlobPath(data), kClient, data.size()));
    client.Send(data.substr(0, 500'000));
  }
  EXPECT_EQ(Call("GET", BlobPath(data), kClient).status, 404);
  EXPECT_EQ(Call("PUT", BlobPath(data), kClient, data).status, 201);
}

TEST_F(BlobEndpointTest, RefusesNamesThatAreNoDigest) {
  for (const char* path : {"/blobs/", "/blobs/xyz", "/blobs/../../etc/passwd", "/blobs/0123"}) {
    ExpectError(Call("GET", path, kClient), 400, "invalid_argument", "64 lower-case hex");
  }
  EXPECT_EQ(Call("DELETE", BlobPath("x"), kClient).status, 405);
}

TEST_F(BlobEndpointTest, ServesRanges) {
  std::string data = "0123456789";
  PutBlob(data);
  auto part = Call("GET", BlobPath(data), With("Range: bytes=2-5\r\n"));
  EXPECT_EQ(part.status, 206);
  EXPECT_EQ(part.body, "2345");
  EXPECT_EQ(part.headers["content-range"], "bytes 2-5/10");
  EXPECT_EQ(Call("GET", BlobPath(data), With("Range: bytes=7-\r\n")).body, "789");
  EXPECT_EQ(Call("GET", BlobPath(data), With("Range: bytes=-3\r\n")).body, "789");
  auto beyond = Call("GET", BlobPath(data), With("Range: bytes=10-\r\n"));
  EXPECT_EQ(beyond.status, 416);
  EXPECT_EQ(beyond.headers["content-range"], "bytes */10");
  EXPECT_EQ(Call("GET", BlobPath(data), With("Range: bytes=0-1\r\nIf-Range: \"other\"\r\n")).status, 200);
  EXPECT_EQ(Call("GET", BlobPath(data), With("Range: bytes=0-1,4-5\r\n")).body, data);
}

TEST_F(BlobEndpointTest, DescribesABlob) {
  std::string data(300'000, 'd');
  PutBlob(data);
  auto head = Call("HEAD", BlobPath(data), kClient);
  EXPECT_EQ(head.status, 200);
  EXPECT_EQ(head.headers["content-length"], "300000");
  EXPECT_EQ(head.headers["accept-ranges"], "bytes");
  auto again = Call("GET", BlobPath(data), With("If-None-Match: " + head.headers["etag"] + "\r\n"));
  EXPECT_EQ(again.status, 304);
  EXPECT_EQ(Call("HEAD", BlobPath("absent"), kClient).status, 404);
}

TEST_F(BlobEndpointTest, FindsMissingBlobs) {
  PutBlob("here");
  auto here = cas::Digest::Of("here").Hex();
  auto gone = cas::Digest::Of("gone").Hex();
  Json request = {{"digests", {here, gone}}};
  auto response = Call("POST", "/burrow.v1.Blobs/Missing", kJson, request.dump());
  EXPECT_EQ(Json::parse(response.body)["digests"], Json({gone}));
  ExpectError(Call("POST", "/burrow.v1.Blobs/Missing", kJson, R"({"digests":["x"]})"), 400, "invalid_argument", "hex");
}

TEST_F(BlobEndpointTest, ServesManyReadersAndCallsAtOnce) {
  std::string data(4 << 20, 'm');
  PutBlob(data);
  std::vector<std::unique_ptr<RawClient>> readers;
  for (int i = 0; i < burrow::testing::Rounds(100); ++i) {
    readers.push_back(std::make_unique<RawClient>(server_->port()));
    readers.back()->Request("GET", BlobPath(data), kClient);
  }
  // The readers do not read yet: their transfers stand, and calls go on.
  EXPECT_EQ(Call("POST", kInvoke, kJson, "{}").status, 200);
  std::atomic<size_t> whole = 0;
  std::vector<std::jthread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&, t] {
      for (size_t i = static_cast<size_t>(t); i < readers.size(); i += 4)
        whole += readers[i]->Receive().body == data ? 1 : 0;
    });
  }
  threads.clear();
  EXPECT_EQ(whole, readers.size());
}

}  // namespace
}  // namespace burrow::api
