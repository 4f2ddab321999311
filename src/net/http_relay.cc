#include "net/http_relay.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <optional>

#include "base/clock.h"
#include "net/http_text.h"

namespace burrow::net {
namespace {

constexpr size_t kRelayPiece = 64u << 10;
// What of an answer's head means something to the client.
constexpr std::array<std::string_view, 6> kAnswerHeaders = {"Retry-After", "Allow",         "Accept-Post",
                                                            "ETag",        "Accept-Ranges", "Content-Range"};

SteadyTime SteadyNow() { return std::chrono::steady_clock::now(); }

}  // namespace

struct HttpRelay::Shared {
  struct Idle {
    std::unique_ptr<HttpUpstream> connection;
    SteadyTime since;
  };
  explicit Shared(HttpRelayOptions given) : options(std::move(given)) {}
  const HttpRelayOptions options;
  std::vector<Idle> idle;  // the longest idle first
  size_t in_use = 0;
  size_t long_bodies = 0;

  void DropOld() {
    const auto oldest = SteadyNow() - options.keep;
    std::erase_if(idle, [&](const Idle& one) { return one.since < oldest; });
  }
};

// A connection while a request uses it.
class HttpRelay::Slot {
 public:
  explicit Slot(std::shared_ptr<Shared> shared) : shared_(std::move(shared)) { ++shared_->in_use; }
  ~Slot() { --shared_->in_use; }
  Slot(const Slot&) = delete;
  Slot& operator=(const Slot&) = delete;

  // A kept connection, unless it must be `fresh`, or else a new one.
  Task<Status> Connect(bool fresh) {
    const auto& options = shared_->options;
    connection_.reset();
    shared_->DropOld();
    was_kept_ = !fresh && !shared_->idle.empty();
    if (was_kept_) {
      connection_ = std::move(shared_->idle.back().connection);
      shared_->idle.pop_back();
      co_return Status();
    }
    BURROW_CO_ASSIGN_OR_RETURN(connection_, co_await HttpUpstream::Connect(options.host, options.port, options.limits));
    co_return Status();
  }
  void Keep() {
    if (!connection_->reusable() || shared_->idle.size() >= shared_->options.kept) return;
    shared_->idle.push_back({std::move(connection_), SteadyNow()});
  }
  bool was_kept() const { return was_kept_; }
  HttpUpstream& operator*() { return *connection_; }
  HttpUpstream* operator->() { return connection_.get(); }

 private:
  std::shared_ptr<Shared> shared_;
  std::unique_ptr<HttpUpstream> connection_;
  bool was_kept_ = false;
};

// Counts a request whose body the server holds, while that comes.
class HttpRelay::LongBody {
 public:
  explicit LongBody(Shared& shared) : shared_(shared) { ++shared_.long_bodies; }
  ~LongBody() { --shared_.long_bodies; }
  LongBody(const LongBody&) = delete;
  LongBody& operator=(const LongBody&) = delete;

 private:
  Shared& shared_;
};

// One request on its way through.
class HttpRelay::Passage {
 public:
  Passage(std::shared_ptr<Shared> shared, HttpExchange& exchange, HttpRelayRequest request)
      : exchange_(exchange), request_(std::move(request)), shared_(shared), server_(std::move(shared)) {}

  Task<Status> Run();

 private:
  Task<Status> ReadBeginning();
  Task<Result<size_t>> ReadPiece(size_t filled);
  std::string Head() const;
  Task<Status> AskOnce(bool fresh);
  Task<Status> SendBody();
  Task<Status> Answer();
  Task<Status> PassWhole(uint64_t length);
  Task<Status> PassStream();
  bool is_head() const { return exchange_.method() == "HEAD"; }

  HttpExchange& exchange_;
  const HttpRelayRequest request_;
  const std::shared_ptr<Shared> shared_;
  const SteadyTime began_ = SteadyNow();
  std::optional<LongBody> held_;  // while the body comes
  Slot server_;
  std::string piece_;        // the beginning of the body, then what is on its way
  uint64_t read_ = 0;        // bytes of the body
  bool body_ended_ = false;  // piece_ is all of it
  Status body_read_;         // why the body could not be read to its end
};

Task<Status> HttpRelay::Passage::Run() {
  BURROW_CO_RETURN_IF_ERROR(co_await ReadBeginning());
  if (!body_ended_ && request_.body_deadline.count() > 0) {
    if (shared_->long_bodies >= shared_->options.long_bodies)
      co_return Fail(Code::kResourceExhausted, "too many large requests are on their way");
    held_.emplace(*shared_);
  }
  Status asked = co_await AskOnce(!body_ended_);
  // The server closed the kept connection while it was idle: no fault, a new one will do.
  if (!asked && body_ended_ && server_.was_kept()) asked = co_await AskOnce(true);
  if (!asked) co_return asked;
  co_return co_await Answer();
}

Task<Result<size_t>> HttpRelay::Passage::ReadPiece(size_t filled) {
  BURROW_CO_ASSIGN_OR_RETURN(const size_t got,
                             co_await exchange_.ReadSome(std::span(piece_).subspan(filled, kRelayPiece - filled)));
  read_ += got;
  if (request_.body_deadline.count() > 0 && SteadyNow() > began_ + request_.body_deadline)
    co_return Fail(Code::kInvalidArgument, "the body took longer than {} s to come",
                   request_.body_deadline.count() / 1000);
  if (read_ > request_.body_limit)
    co_return Fail(Code::kOutOfRange, "the body is larger than the limit of {} bytes", request_.body_limit);
  co_return got;
}

Task<Status> HttpRelay::Passage::ReadBeginning() {
  size_t filled = 0;
  piece_.resize(kRelayPiece);
  while (filled < kRelayPiece && !body_ended_) {
    BURROW_CO_ASSIGN_OR_RETURN(const size_t got, co_await ReadPiece(filled));
    filled += got;
    body_ended_ = got == 0;
  }
  piece_.resize(filled);
  if (body_ended_) piece_.shrink_to_fit();  // it may wait for long
  co_return Status();
}

std::string HttpRelay::Passage::Head() const {
  std::string head = fmt::format("{} {} HTTP/1.1\r\n", exchange_.method(), exchange_.path());
  AppendHttpHeader("Host", shared_->options.host, head);
  for (const std::string_view name : request_.headers) {
    const auto value = exchange_.header(name);
    if (!value.empty()) AppendHttpHeader(name, value, head);
  }
  for (const auto& [name, value] : request_.added) AppendHttpHeader(name, value, head);
  if (body_ended_) {
    AppendHttpHeader("Content-Length", std::to_string(piece_.size()), head);
  } else {
    AppendHttpHeader("Transfer-Encoding", "chunked", head);
  }
  return head + "\r\n";
}

Task<Status> HttpRelay::Passage::AskOnce(bool fresh) {
  BURROW_CO_RETURN_IF_ERROR(co_await server_.Connect(fresh));
  std::string head = Head();
  if (body_ended_) head += piece_;
  Status sent = co_await server_->Send(head);
  if (sent && !body_ended_) sent = co_await SendBody();
  if (!body_read_) co_return body_read_;
  // A server that takes no more of a request may have answered it.
  Status answered = co_await server_->ReadHead(is_head());
  co_return !sent && !answered ? sent : answered;
}

Task<Status> HttpRelay::Passage::SendBody() {
  while (!piece_.empty()) {
    std::string chunk = fmt::format("{:x}\r\n", piece_.size());
    chunk.append(piece_).append("\r\n");
    BURROW_CO_RETURN_IF_ERROR(co_await server_->Send(chunk));
    piece_.resize(kRelayPiece);
    auto got = co_await ReadPiece(0);
    if (!got) {
      body_read_ = burrow::Forward(std::move(got.error()));
      co_return Status();
    }
    piece_.resize(*got);
  }
  held_.reset();
  co_return co_await server_->Send("0\r\n\r\n");
}

Task<Status> HttpRelay::Passage::Answer() {
  if (request_.withholds && request_.withholds(server_->status()))
    co_return Fail(Code::kUnauthenticated, "the server refused with {}", server_->status());
  for (const std::string_view name : kAnswerHeaders) {
    const auto value = server_->header(name);
    if (!value.empty()) exchange_.AddHeader(name, value);
  }
  const auto length = server_->length();
  Status passed;
  if (length && *length <= kRelayPiece && !is_head()) {
    passed = co_await PassWhole(*length);
  } else {
    passed = co_await PassStream();
  }
  if (passed) server_.Keep();
  co_return passed;
}

Task<Status> HttpRelay::Passage::PassWhole(uint64_t length) {
  std::string body(length, '\0');
  for (size_t filled = 0; filled < length;) {
    BURROW_CO_ASSIGN_OR_RETURN(const size_t got, co_await server_->ReadSome(std::span(body).subspan(filled)));
    if (got == 0) co_return Fail(Code::kUnavailable, "the server's answer broke off");
    filled += got;
  }
  co_return co_await exchange_.Respond(server_->status(), server_->header("Content-Type"), std::move(body));
}

Task<Status> HttpRelay::Passage::PassStream() {
  BURROW_CO_RETURN_IF_ERROR(
      co_await exchange_.BeginStream(server_->status(), server_->header("Content-Type"), server_->length()));
  piece_.resize(kRelayPiece);
  while (true) {
    auto got = co_await server_->ReadSome(piece_);
    if (!got) co_return Fail(Code::kAborted, "{}", got.error().message());
    if (*got == 0) co_return co_await exchange_.EndStream();
    BURROW_CO_RETURN_IF_ERROR(co_await exchange_.WriteChunk(std::string_view(piece_).substr(0, *got)));
  }
}

HttpRelay::HttpRelay(HttpRelayOptions options) : shared_(std::make_shared<Shared>(std::move(options))) {}
HttpRelay::~HttpRelay() { shared_->idle.clear(); }

size_t HttpRelay::open() const { return shared_->idle.size() + shared_->in_use; }

Task<Status> HttpRelay::Forward(HttpExchange& exchange, HttpRelayRequest request) {
  if (shared_->in_use >= shared_->options.connections)
    co_return Fail(Code::kResourceExhausted, "{} requests are on their way already", shared_->in_use);
  Passage passage(shared_, exchange, std::move(request));
  co_return co_await passage.Run();
}

}  // namespace burrow::net
