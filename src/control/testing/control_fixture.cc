#include "control/testing/control_fixture.h"

#include <stdlib.h>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/use_future.hpp>
#include <nlohmann/json.hpp>
#include <utility>

#include "os/fs.h"

namespace burrow::control::testing {
namespace asio = boost::asio;
namespace {

Code CodeNamed(const std::string& name) {
  for (int code = 0; code <= static_cast<int>(Code::kUnauthenticated); ++code) {
    if (CodeName(static_cast<Code>(code)) == name) return static_cast<Code>(code);
  }
  return Code::kUnknown;
}

Error ErrorOf(const nlohmann::json& error) {
  return {CodeNamed(error.value("code", "unknown")), error.value("message", "")};
}

std::string Envelope(const std::string& message) {
  std::string bytes(1, '\0');
  for (int shift : {24, 16, 8, 0}) bytes += static_cast<char>(message.size() >> shift & 0xff);
  return bytes + message;
}

// Cuts a byte stream into envelopes.
class EnvelopeReader {
 public:
  explicit EnvelopeReader(const std::function<bool(std::string_view)>& on_message) : on_message_(on_message) {}
  Status Take(std::string_view bytes) {
    buffer_ += bytes;
    while (buffer_.size() >= 5) {
      size_t length = 0;
      for (int i = 1; i <= 4; ++i) length = length << 8 | static_cast<unsigned char>(buffer_[i]);
      if (buffer_.size() < 5 + length) return {};
      std::string message = buffer_.substr(5, length);
      bool last = buffer_[0] & 2;
      buffer_.erase(0, 5 + length);
      if (last) {
        auto end = nlohmann::json::parse(message, nullptr, false);
        if (end.contains("error")) error = ErrorOf(end["error"]);
        ended = true;
      } else if (!on_message_(message)) {
        left = true;
        return Fail(Code::kCancelled, "the test has read enough");
      }
    }
    return {};
  }
  std::optional<Error> error;
  bool ended = false;
  bool left = false;

 private:
  const std::function<bool(std::string_view)>& on_message_;
  std::string buffer_;
};

}  // namespace

ControlFixture::ControlFixture() {
  std::string pattern = ::testing::TempDir() + "/burrow-control-XXXXXX";
  directory_ = ::mkdtemp(pattern.data());
}

ControlFixture::~ControlFixture() {
  KillControl();
  (void)os::RemoveTree(directory_);
}

void ControlFixture::StartControl() {
  io_ = std::make_unique<net::IoContext>(1);
  ControlOptions options;
  options.state_directory = directory_;
  options.timings = timings;
  options.clock = clock;
  auto control = Control::Start(*io_, std::move(options));
  if (!control) throw std::runtime_error(control.error().message());
  control_ = std::move(*control);
  port_ = control_->port();
  token = control_->client_token();
  worker_token_ = control_->worker_token();
  thread_ = std::thread([this] {
    auto guard = asio::make_work_guard(*io_);
    io_->run();
  });
}

void ControlFixture::StopControl() {
  asio::co_spawn(
      *io_,
      [this]() -> net::Task<void> {
        co_await control_->Stop();
        io_->stop();
      },
      asio::detached);
  thread_.join();
  control_.reset();
  io_.reset();
}

std::future<void> ControlFixture::Drain(Millis most) {
  return asio::co_spawn(*io_, control_->Drain(most), asio::use_future);
}

void ControlFixture::KillControl() {
  if (!thread_.joinable()) return;
  io_->stop();
  thread_.join();
  control_.reset();
  io_.reset();
}

std::unique_ptr<FakeWorker> ControlFixture::NewWorker(FakeWorkerOptions options) {
  options.port = port_;
  options.token = worker_token_;
  return std::make_unique<FakeWorker>(std::move(options));
}

std::vector<std::string> ControlFixture::Headers(const std::string& content_type) const {
  if (container.empty()) return {"Content-Type: " + content_type, "Authorization: Bearer " + token};
  return {"Content-Type: " + content_type, "Authorization: Bearer " + worker_token_, "Burrow-Container: " + container};
}

Result<std::string> ControlFixture::Post(const std::string& method, const google::protobuf::Message& request) {
  std::string body = request.SerializeAsString();
  net::HttpRequest post{.method = "POST", .url = fmt::format("http://127.0.0.1:{}/burrow.v1.{}", port_, method)};
  post.headers = Headers("application/proto");
  post.body = body;
  post.stall_timeout = std::chrono::seconds(60);
  auto response = http_.Perform(post);
  if (!response) return Forward(std::move(response.error()));
  if (response->status == 200) return std::move(response->body);
  auto error = nlohmann::json::parse(response->body, nullptr, false);
  if (!error.is_object()) return Fail(Code::kUnknown, "HTTP {}", response->status);
  return Forward(ErrorOf(error));
}

Status ControlFixture::PostStream(const std::string& method, const google::protobuf::Message& request,
                                  const std::function<bool(std::string_view)>& on_message) {
  std::string body = Envelope(request.SerializeAsString());
  EnvelopeReader reader(on_message);
  net::HttpRequest post{.method = "POST", .url = fmt::format("http://127.0.0.1:{}/burrow.v1.{}", port_, method)};
  post.headers = Headers("application/connect+proto");
  post.headers.push_back("Connect-Protocol-Version: 1");
  post.body = body;
  post.stall_timeout = std::chrono::seconds(60);
  post.sink = [&](std::string_view bytes) { return reader.Take(bytes); };
  auto response = http_.Perform(post);
  if (reader.left) return {};
  if (!response) return Forward(std::move(response.error()));
  if (reader.error) return Forward(std::move(*reader.error));
  if (!reader.ended) return Fail(Code::kUnknown, "HTTP {}: {}", response->status, response->body);
  return {};
}

std::string ControlFixture::NewImage() {
  std::string& image = images_[token];
  if (!image.empty()) return image;
  pb::BuildRequest request;
  request.add_steps()->mutable_base()->set_name("debian_slim");
  auto status = Stream<pb::BuildEvent>("Images/Build", request, [&](const pb::BuildEvent& event) {
    if (event.has_image()) image = event.image().image_id();
    return true;
  });
  if (!status) ADD_FAILURE() << status.error().message();
  return image;
}

std::string ControlFixture::NewWorkspace(const std::string& name,
                                         const std::function<void(pb::WorkspaceLimits&)>& change) {
  pb::CreateWorkspaceRequest request;
  request.set_name(name);
  if (change) change(*request.mutable_limits());
  auto created = Ask<pb::CreateWorkspaceResponse>("Workspaces/Create", request);
  if (!created) ADD_FAILURE() << created.error().message();
  pb::CreateTokenRequest of_member;
  of_member.set_name("of-" + name);
  of_member.set_role(pb::TOKEN_ROLE_MEMBER);
  of_member.set_workspace(name);
  auto response = Ask<pb::CreateTokenResponse>("Tokens/Create", of_member);
  if (!response) ADD_FAILURE() << response.error().message();
  return response ? response->token() : "";
}

pb::WorkspaceInfo ControlFixture::InfoOf(const std::string& workspace, const std::string& admin) {
  const auto listed =
      With(admin, [&] { return Ask<pb::ListWorkspacesResponse>("Workspaces/List", pb::ListWorkspacesRequest()); });
  if (!listed) {
    ADD_FAILURE() << listed.error().message();
    return {};
  }
  for (const auto& info : listed->workspaces()) {
    if (info.name() == workspace) return info;
  }
  return {};
}

std::string ControlFixture::NewApp(const std::string& name, bool ephemeral) {
  pb::CreateAppRequest request;
  request.set_name(name);
  request.set_ephemeral(ephemeral);
  auto response = Ask<pb::CreateAppResponse>("Apps/Create", request);
  if (!response) ADD_FAILURE() << response.error().message();
  return response ? response->app_id() : "";
}

pb::FunctionSpec ControlFixture::Spec(const std::string& name) {
  pb::FunctionSpec spec;
  spec.set_name(name);
  spec.set_module("module");
  spec.set_qualname(name);
  spec.set_image_id(NewImage());
  spec.mutable_resources()->set_cpu(1);
  spec.mutable_resources()->set_memory_mib(512);
  return spec;
}

ControlFixture::Published ControlFixture::NewFunction(const std::function<void(pb::FunctionSpec&)>& change) {
  pb::PublishRequest request;
  request.set_app_id(NewApp());
  *request.add_functions() = Spec();
  if (change) change(*request.mutable_functions(0));
  auto response = Ask<pb::PublishResponse>("Apps/Publish", request);
  if (!response) {
    ADD_FAILURE() << response.error().message();
    return {};
  }
  return {request.app_id(), response->function_ids().at("f")};
}

pb::InvokeRequest ControlFixture::InvokeOf(const std::string& function, const std::string& arguments,
                                           uint32_t wait_ms) {
  pb::InvokeRequest request;
  request.set_function_id(function);
  request.mutable_input()->set_call_id(NewIdText("fc"));
  request.mutable_input()->mutable_arguments()->set_inline_(arguments);
  request.set_wait_ms(wait_ms);
  return request;
}

pb::CallResult ControlFixture::Invoke(const std::string& function, const std::string& arguments) {
  auto result = Ask<pb::CallResult>("Calls/Invoke", InvokeOf(function, arguments));
  if (!result) {
    ADD_FAILURE() << result.error().message();
    return {};
  }
  return *result;
}

pb::SubmitRequest ControlFixture::SubmitOf(const std::string& function, const std::vector<std::string>& arguments,
                                           const std::string& group) {
  pb::SubmitRequest request;
  request.set_function_id(function);
  request.set_group_id(group);
  request.set_close_group(true);
  for (const auto& argument : arguments) {
    auto& input = *request.add_inputs();
    input.set_call_id(NewIdText("fc"));
    input.set_index(static_cast<uint32_t>(request.inputs_size() - 1));
    input.mutable_arguments()->set_inline_(argument);
  }
  return request;
}

pb::CallResult ControlFixture::WaitFor(const std::string& call_id) {
  pb::WaitRequest request;
  request.set_call_id(call_id);
  request.set_wait_ms(20'000);
  auto result = Ask<pb::CallResult>("Calls/Wait", request);
  if (!result) {
    ADD_FAILURE() << result.error().message();
    return {};
  }
  return *result;
}

std::vector<pb::Output> ControlFixture::Outputs(const pb::OutputsRequest& request) {
  std::vector<pb::Output> outputs;
  auto status = Stream<pb::OutputsResponse>("Calls/Outputs", request, [&](const pb::OutputsResponse& response) {
    outputs.insert(outputs.end(), response.outputs().begin(), response.outputs().end());
    return true;
  });
  if (!status) ADD_FAILURE() << status.error().message();
  return outputs;
}

}  // namespace burrow::control::testing
