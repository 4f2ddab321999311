#include "net/http_client.h"

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <thread>

#include "base/unique_fd.h"

namespace burrow::net {
namespace {

// Accepts one connection, reads one request's head, and sends fixed bytes.
class OneAnswer {
 public:
  explicit OneAnswer(std::string answer) : answer_(std::move(answer)), listener_(::socket(AF_INET, SOCK_STREAM, 0)) {
    sockaddr_in address{.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};
    socklen_t size = sizeof address;
    EXPECT_EQ(::bind(listener_.get(), reinterpret_cast<sockaddr*>(&address), size), 0);
    EXPECT_EQ(::listen(listener_.get(), 1), 0);
    ::getsockname(listener_.get(), reinterpret_cast<sockaddr*>(&address), &size);
    url_ = fmt::format("http://127.0.0.1:{}/", ntohs(address.sin_port));
    thread_ = std::jthread([this] { Serve(); });
  }
  const std::string& url() const { return url_; }
  const std::string& request() {
    if (thread_.joinable()) thread_.join();
    return request_;
  }

 private:
  void Serve() {
    UniqueFd fd(::accept(listener_.get(), nullptr, nullptr));
    char buffer[4096];
    while (request_.find("\r\n\r\n") == std::string::npos) {
      ssize_t n = ::recv(fd.get(), buffer, sizeof buffer, 0);
      if (n <= 0) break;
      request_.append(buffer, static_cast<size_t>(n));
    }
    ::send(fd.get(), answer_.data(), answer_.size(), MSG_NOSIGNAL);
    if (answer_.empty()) ::recv(fd.get(), buffer, sizeof buffer, 0);  // silent until the client goes
  }
  std::string answer_, request_, url_;
  UniqueFd listener_;
  std::jthread thread_;
};

TEST(HttpClient, CollectsABodyAndSendsHeaders) {
  OneAnswer server("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello");
  HttpClient client;
  auto response = client.Perform({.url = server.url(), .headers = {"X-Test: yes"}});
  ASSERT_TRUE(response) << response.error().message();
  EXPECT_EQ(response->status, 200);
  EXPECT_EQ(response->body, "hello");
  EXPECT_NE(server.request().find("X-Test: yes\r\n"), std::string::npos);
}

TEST(HttpClient, GivesAnErrorAnswerToTheCallerAndNotToTheSink) {
  OneAnswer server("HTTP/1.1 404 Not Found\r\nContent-Length: 4\r\n\r\ngone");
  HttpClient client;
  int pieces = 0;
  auto response = client.Perform({.url = server.url(), .sink = [&](std::string_view) -> Status {
                                    ++pieces;
                                    return {};
                                  }});
  ASSERT_TRUE(response);
  EXPECT_EQ(response->status, 404);
  EXPECT_EQ(response->body, "gone");
  EXPECT_EQ(pieces, 0);
}

TEST(HttpClient, BoundsTheBody) {
  OneAnswer server("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello");
  HttpClient client;
  EXPECT_EQ(client.Perform({.url = server.url(), .body_limit = 4}).error().code(), Code::kOutOfRange);
}

TEST(HttpClient, TakesATruncatedBodyForUnavailable) {
  OneAnswer server("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhel");
  HttpClient client;
  EXPECT_EQ(client.Perform({.url = server.url()}).error().code(), Code::kUnavailable);
}

TEST(HttpClient, GivesUpOnASilentServer) {
  OneAnswer server("");
  HttpClient client;
  auto response = client.Perform({.url = server.url(), .stall_timeout = std::chrono::milliseconds(100)});
  EXPECT_EQ(response.error().code(), Code::kUnavailable);
  EXPECT_NE(response.error().message().find("no byte moved"), std::string::npos);
}

TEST(HttpClient, DoesNotConnectToWhatIsTooNear) {
  OneAnswer server("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello");
  HttpClient client;
  const std::string port = server.url().substr(server.url().rfind(':'));
  for (const std::string& host : {std::string("127.0.0.1"), std::string("localhost")}) {
    auto response = client.Perform({.url = "http://" + host + port, .reach = Reach::kBeyondMachine});
    EXPECT_EQ(response.error().code(), Code::kPermissionDenied) << host;
  }
  EXPECT_EQ(client.Perform({.url = server.url(), .reach = Reach::kBeyondLink})->body, "hello");
}

TEST(HttpClient, SpeaksOnlyHttp) {
  HttpClient client;
  EXPECT_FALSE(client.Perform({.url = "file:///etc/passwd"}));
}

}  // namespace
}  // namespace burrow::net
