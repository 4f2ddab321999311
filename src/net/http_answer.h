// Sends the answer to the current request of a connection. On its IoContext's thread.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/error.h"
#include "net/http_connection.h"
#include "net/http_request_reader.h"
#include "net/task.h"

namespace burrow::net {

class HttpAnswer {
 public:
  HttpAnswer(HttpConnection& connection, HttpRequestReader& request) : connection_(connection), request_(request) {}

  void Reset();  // for the next request
  bool begun() const { return state_ != State::kNone; }
  bool complete() const { return state_ == State::kComplete; }

  // See HttpExchange. Each fails with kInternal where an answer has begun already.
  void AddHeader(std::string_view name, std::string_view value);
  Task<Status> Respond(int status, std::string_view content_type, std::string body);
  Task<Status> RespondFile(int status, std::string_view content_type, int fd, uint64_t offset, uint64_t length);
  Task<Status> BeginStream(int status, std::string_view content_type, std::optional<uint64_t> length);
  Task<Status> WriteChunk(std::string_view data);
  Task<Status> EndStream();
  Status HandOver();  // somebody else sends the rest of what this connection carries

  // Answers what never became a request.
  Task<Status> Refuse(int status, std::string_view text);

 private:
  enum class State { kNone, kStreaming, kComplete };

  Status Begin(State next);
  void BuildHead(int status, std::string_view content_type, std::optional<uint64_t> length);
  bool HasNoBody(int status) const { return request_.is_head() || status == 204 || status == 304; }

  HttpConnection& connection_;
  HttpRequestReader& request_;
  State state_ = State::kNone;
  bool chunked_ = false;
  uint64_t owed_ = 0;  // bytes of a stream whose length was said
  std::string out_;
  std::string more_headers_;
};

}  // namespace burrow::net
