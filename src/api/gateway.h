// The Connect protocol (connectrpc.com/docs/protocol) over a table of methods: unary and server-streaming, JSON and
// binary, one generic path for all. Runs on the IoContext's thread.
#pragma once

#include <google/protobuf/message.h>

#include <chrono>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "api/caller.h"
#include "base/error.h"
#include "net/http_server.h"
#include "net/task.h"

namespace burrow::api {

// Where a streaming method writes. Fails with kCancelled once the client is gone, and with kUnauthenticated once its
// token was revoked.
class MessageSink {
 public:
  virtual ~MessageSink() = default;
  virtual net::Task<Status> Write(const google::protobuf::Message& message) = 0;
};

// Whether the token of a request that goes on still counts. On the loop's thread.
class Standing {
 public:
  virtual ~Standing() = default;
  virtual bool Lasts() = 0;
};

// A typed view of the sink.
template <class T>
class Writer {
 public:
  explicit Writer(MessageSink& sink) : sink_(sink) {}
  net::Task<Status> Write(const T& message) { return sink_.Write(message); }

 private:
  MessageSink& sink_;
};

// How long the client of a failed request had better wait before it sends the same again; nothing where that is of no
// use.
template <class Request>
using RetryAfter = std::function<std::optional<std::chrono::milliseconds>(const Caller&, const Request&, const Error&)>;

class Gateway {
 public:
  // Methods are named "burrow.v1.Apps/Create". A thrown exception is answered as kInternal and logged. A handler sees
  // and changes what belongs to its caller's workspace, unless method_reach.h says otherwise; caller and request
  // outlive its task.
  template <class Request, class Response>
  void AddUnary(std::string method, std::function<net::Task<Result<Response>>(const Caller&, const Request&)> handler,
                RetryAfter<Request> retry_after = {}) {
    UnaryMethod entry;
    if (retry_after) {
      entry.retry_after = [retry_after = std::move(retry_after)](
                              const Caller& caller, const google::protobuf::Message& request, const Error& error) {
        return retry_after(caller, static_cast<const Request&>(request), error);
      };
    }
    entry.new_request = [] { return std::make_unique<Request>(); };
    entry.call = [handler = std::move(handler)](const Caller& caller, const google::protobuf::Message& request)
        -> net::Task<Result<std::unique_ptr<google::protobuf::Message>>> {
      auto response = co_await handler(caller, static_cast<const Request&>(request));
      if (!response) co_return Forward(std::move(response.error()));
      co_return std::unique_ptr<google::protobuf::Message>(std::make_unique<Response>(std::move(*response)));
    };
    unary_.emplace(std::move(method), std::move(entry));
  }

  template <class Request, class Response>
  void AddServerStream(std::string method,
                       std::function<net::Task<Status>(const Caller&, const Request&, Writer<Response>)> handler) {
    StreamMethod entry;
    entry.new_request = [] { return std::make_unique<Request>(); };
    entry.call = [handler = std::move(handler)](const Caller& caller, const google::protobuf::Message& request,
                                                MessageSink& sink) {
      return handler(caller, static_cast<const Request&>(request), Writer<Response>(sink));
    };
    streams_.emplace(std::move(method), std::move(entry));
  }

  // Answers one POST whose path names a method, for a caller who may ask for it. All arguments outlive the task.
  net::Task<void> Handle(net::HttpExchange& exchange, const Caller& caller, Standing& standing) const;

 private:
  using NewMessage = std::function<std::unique_ptr<google::protobuf::Message>()>;
  struct UnaryMethod {
    NewMessage new_request;
    std::function<net::Task<Result<std::unique_ptr<google::protobuf::Message>>>(const Caller&,
                                                                                const google::protobuf::Message&)>
        call;
    RetryAfter<google::protobuf::Message> retry_after;
  };
  struct StreamMethod {
    NewMessage new_request;
    std::function<net::Task<Status>(const Caller&, const google::protobuf::Message&, MessageSink&)> call;
  };
  std::map<std::string, UnaryMethod, std::less<>> unary_;
  std::map<std::string, StreamMethod, std::less<>> streams_;
};

}  // namespace burrow::api
