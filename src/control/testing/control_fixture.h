// A real Control on a directory of its own, served on loopback, and a client that speaks binary Connect to it.
#pragma once

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <functional>
#include <future>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "control/control.h"
#include "control/messages.h"
#include "control/testing/fake_worker.h"
#include "net/http_client.h"
#include "net/task.h"

namespace burrow::control::testing {

class ControlFixture : public ::testing::Test {
 protected:
  ControlFixture();
  ~ControlFixture() override;

  void StartControl();
  void StopControl();  // gracefully
  std::future<void> Drain(Millis most);
  void KillControl();            // as a kill -9 would: nothing more is said or written
  Timings timings;               // change before StartControl
  const Clock* clock = nullptr;  // of control; set before StartControl, null: the machine's

  std::unique_ptr<FakeWorker> NewWorker(FakeWorkerOptions options = {});  // not connected yet
  uint16_t port() const { return port_; }
  const std::string& directory() const { return directory_; }
  std::string token;      // of the client; sent with each request
  std::string container;  // where it is set, its worker asks for it instead
  const std::string& worker_token() const { return worker_token_; }

  // "Calls/Invoke".
  template <class Response>
  Result<Response> Ask(const std::string& method, const google::protobuf::Message& request) {
    auto body = Post(method, request);
    if (!body) return Forward(std::move(body.error()));
    Response response;
    if (!response.ParseFromString(*body)) return Fail(Code::kDataLoss, "a broken answer");
    return response;
  }
  // Reads a stream until it ends or `on_message` gives false.
  template <class Response>
  Status Stream(const std::string& method, const google::protobuf::Message& request,
                std::function<bool(const Response&)> on_message) {
    return PostStream(method, request, [&](std::string_view bytes) {
      Response response;
      return response.ParseFromString(std::string(bytes)) && on_message(response);
    });
  }

  // A workspace, and a member's token of it.
  std::string NewWorkspace(const std::string& name, const std::function<void(pb::WorkspaceLimits&)>& change = {});
  // What `ask` gives, asked with another token.
  template <class Question>
  auto With(const std::string& other, Question ask) {
    const std::string own = std::exchange(token, other);
    auto answer = ask();
    token = own;
    return answer;
  }
  // What an admin sees of a workspace; empty where there is none of that name.
  pb::WorkspaceInfo InfoOf(const std::string& workspace, const std::string& admin);

  // An app with one function "f" of the image that NewImage gives.
  struct Published {
    std::string app, function;
  };
  std::string NewImage();
  std::string NewApp(const std::string& name = "tests", bool ephemeral = false);
  Published NewFunction(const std::function<void(pb::FunctionSpec&)>& change = {});
  pb::FunctionSpec Spec(const std::string& name = "f");

  static pb::InvokeRequest InvokeOf(const std::string& function, const std::string& arguments,
                                    uint32_t wait_ms = 20'000);
  pb::CallResult Invoke(const std::string& function, const std::string& arguments = "x");  // EXPECTs an answer
  static pb::SubmitRequest SubmitOf(const std::string& function, const std::vector<std::string>& arguments,
                                    const std::string& group = "");
  pb::CallResult WaitFor(const std::string& call_id);
  // (index, value or status name) of every output, in their order.
  std::vector<pb::Output> Outputs(const pb::OutputsRequest& request);

 private:
  std::vector<std::string> Headers(const std::string& content_type) const;
  Result<std::string> Post(const std::string& method, const google::protobuf::Message& request);
  Status PostStream(const std::string& method, const google::protobuf::Message& request,
                    const std::function<bool(std::string_view)>& on_message);

  std::string directory_;
  std::unique_ptr<net::IoContext> io_;
  std::unique_ptr<Control> control_;
  std::thread thread_;
  uint16_t port_ = 0;
  std::string worker_token_;
  std::map<std::string, std::string> images_;  // by token
  net::HttpClient http_;
};

}  // namespace burrow::control::testing
