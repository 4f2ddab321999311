#include "net/http_answer.h"

#include <fcntl.h>
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <utility>

#include "base/unique_fd.h"
#include "net/http_text.h"

namespace burrow::net {

namespace {

constexpr size_t kJoinLimit = 16u << 10;  // up to here head and body are copied together: one write

}  // namespace

void HttpAnswer::Reset() {
  state_ = State::kNone;
  more_headers_.clear();
}

void HttpAnswer::AddHeader(std::string_view name, std::string_view value) {
  AppendHttpHeader(name, value, more_headers_);
}

Status HttpAnswer::Begin(State next) {
  if (begun()) return Fail(Code::kInternal, "{} {} was answered twice", request_.method(), request_.path());
  state_ = next;
  if (!request_.EndAsking()) connection_.SetReusable(false);
  return {};
}

Status HttpAnswer::HandOver() { return Begin(State::kComplete); }

void HttpAnswer::BuildHead(int status, std::string_view content_type, std::optional<uint64_t> length) {
  bool http_1_0 = request_.http_1_0();
  chunked_ = !length && !http_1_0 && !HasNoBody(status);
  if (!length && http_1_0) connection_.SetReusable(false);
  HttpHead head{.status = status, .content_type = content_type, .content_length = length, .chunked = chunked_};
  if (status == 204 || status == 304) head.content_length.reset();
  head.keep_alive = connection_.reusable();
  head.http_1_0 = http_1_0;
  head.date = connection_.core().date;
  head.more = more_headers_;
  out_.clear();
  AppendHttpHead(head, out_);
}

Task<Status> HttpAnswer::Respond(int status, std::string_view content_type, std::string body) {
  BURROW_CO_RETURN_IF_ERROR(Begin(State::kComplete));
  BuildHead(status, content_type, body.size());
  if (HasNoBody(status)) body.clear();
  if (body.size() <= kJoinLimit) {
    out_ += body;
    body.clear();
  }
  std::array<iovec, 2> parts{Part(out_), Part(body)};
  co_return co_await connection_.Write(parts);
}

Task<Status> HttpAnswer::RespondFile(int status, std::string_view content_type, int fd, uint64_t offset,
                                     uint64_t length) {
  // A descriptor of our own: the pool may still be reading it when this coroutine is gone.
  UniqueFd file(::fcntl(fd, F_DUPFD_CLOEXEC, 0));
  if (!file.valid()) co_return FailErrno("duplicate a file's descriptor");
  BURROW_CO_RETURN_IF_ERROR(Begin(State::kComplete));
  BuildHead(status, content_type, length);
  std::array<iovec, 1> parts{Part(out_)};
  BURROW_CO_RETURN_IF_ERROR(co_await connection_.Write(parts));
  if (HasNoBody(status)) co_return Status();
  auto sent = co_await connection_.SendFile(std::move(file), offset, length);
  if (!sent) connection_.SetReusable(false);
  co_return sent;
}

Task<Status> HttpAnswer::BeginStream(int status, std::string_view content_type, std::optional<uint64_t> length) {
  BURROW_CO_RETURN_IF_ERROR(Begin(State::kStreaming));
  BuildHead(status, content_type, length);
  owed_ = HasNoBody(status) ? 0 : length.value_or(0);
  std::array<iovec, 1> parts{Part(out_)};
  co_return co_await connection_.Write(parts);
}

Task<Status> HttpAnswer::WriteChunk(std::string_view data) {
  if (state_ != State::kStreaming) co_return Fail(Code::kInternal, "no stream was begun");
  if (data.empty() || request_.is_head()) co_return Status();
  if (!chunked_) {
    owed_ -= std::min<uint64_t>(owed_, data.size());
    std::array<iovec, 1> parts{Part(data)};
    co_return co_await connection_.Write(parts);
  }
  out_ = fmt::format("{:x}\r\n", data.size());
  if (data.size() <= kJoinLimit) {
    out_.append(data).append("\r\n");
    std::array<iovec, 1> parts{Part(out_)};
    co_return co_await connection_.Write(parts);
  }
  std::array<iovec, 3> parts{Part(out_), Part(data), Part("\r\n")};
  co_return co_await connection_.Write(parts);
}

Task<Status> HttpAnswer::EndStream() {
  if (state_ != State::kStreaming) co_return Fail(Code::kInternal, "no stream was begun");
  state_ = State::kComplete;
  if (owed_ > 0) connection_.SetReusable(false);
  if (!chunked_) co_return Status();
  std::array<iovec, 1> parts{Part("0\r\n\r\n")};
  co_return co_await connection_.Write(parts);
}

Task<Status> HttpAnswer::Refuse(int status, std::string_view text) {
  HttpHead head{.status = status, .content_type = "text/plain", .content_length = text.size(), .keep_alive = false};
  head.date = connection_.core().date;
  out_.clear();
  AppendHttpHead(head, out_);
  out_ += text;
  std::array<iovec, 1> parts{Part(out_)};
  co_return co_await connection_.WriteLate(parts);
}

}  // namespace burrow::net
