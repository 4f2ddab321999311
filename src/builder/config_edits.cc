#include "builder/config_edits.h"

#include <signal.h>
#include <string.h>

#include <algorithm>
#include <charconv>
#include <variant>

namespace burrow::builder {
namespace {

namespace df = dockerfile;
using burrow::link::v1::Image;
using Texts = google::protobuf::RepeatedPtrField<std::string>;

void Assign(Texts& list, const std::vector<std::string>& values) { list.Assign(values.begin(), values.end()); }

// Lists are searched one by one: this many may be in one.
constexpr int kMaxListed = 2'000;

Status CheckRoom(const Texts& list, std::string_view what) {
  if (list.size() < kMaxListed) return {};
  return Fail(Code::kInvalidArgument, "an image may have at most {} {}", kMaxListed, what);
}

Status AddOnce(Texts& list, const std::string& value, std::string_view what) {
  if (std::find(list.begin(), list.end(), value) != list.end()) return {};
  BURROW_RETURN_IF_ERROR(CheckRoom(list, what));
  list.Add(std::string(value));
  return {};
}

// Whether the variable is of this name.
bool IsNamed(const std::string& variable, const std::string& name) {
  return variable.starts_with(name) && variable.size() > name.size() && variable[name.size()] == '=';
}

Status CheckText(std::string_view what, std::string_view text) {
  if (!text.empty() && text.find('\0') == std::string_view::npos) return {};
  return Fail(Code::kInvalidArgument, "{} must be neither empty nor hold a NUL", what);
}

Status SetVariable(Image& image, const std::string& name, const std::string& value) {
  BURROW_RETURN_IF_ERROR(CheckText("the name of a variable", name));
  if (name.find('=') != std::string::npos || value.find('\0') != std::string::npos)
    return Fail(Code::kInvalidArgument, "'{}' cannot be a variable", name);
  std::string variable = name + "=" + value;
  auto& env = *image.mutable_env();
  auto known = std::find_if(env.begin(), env.end(), [&](const std::string& other) { return IsNamed(other, name); });
  if (known != env.end()) {
    *known = std::move(variable);
  } else {
    BURROW_RETURN_IF_ERROR(CheckRoom(env, "environment variables"));
    env.Add(std::move(variable));
  }
  return {};
}

// "9", "KILL", "SIGKILL", "SIGRTMIN+3", as Docker takes them.
bool IsSignal(std::string_view text) {
  int number = 0;
  auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error == std::errc() && end == text.data() + text.size()) return number > 0 && number <= SIGRTMAX;
  std::string name(text);
  std::transform(name.begin(), name.end(), name.begin(), [](unsigned char c) { return ::toupper(c); });
  if (name.starts_with("SIG")) name.erase(0, 3);
  for (int signal = 1; signal < SIGRTMIN; ++signal) {
    const char* known = ::sigabbrev_np(signal);
    if (known && name == known) return true;
  }
  if (name == "RTMIN" || name == "RTMAX" || name == "CLD") return true;
  std::string_view offset = std::string_view(name).substr(std::min<size_t>(name.size(), 6));
  bool real_time = name.starts_with("RTMIN+") || name.starts_with("RTMAX-");
  auto parsed = std::from_chars(offset.data(), offset.data() + offset.size(), number);
  return real_time && parsed.ec == std::errc() && parsed.ptr == offset.data() + offset.size() && number >= 0 &&
         number < 32;
}

// One overload an instruction. What the shell form of a command stands for was worked out before.
struct Editor {
  Image& image;
  const df::ExpandedInstruction& expanded;
  bool base_cmd;

  const std::vector<std::string>& Args(const df::Command& command) const {
    return command.shell_form ? expanded.args : command.args;
  }

  Status operator()(const df::Env& env) const {
    for (const auto& [name, value] : env.variables) BURROW_RETURN_IF_ERROR(SetVariable(image, name, value));
    return {};
  }
  Status operator()(const df::Label& label) const {
    for (const auto& [name, value] : label.labels) {
      BURROW_RETURN_IF_ERROR(CheckText("the name of a label", name));
      (*image.mutable_labels())[name] = value;
    }
    return {};
  }
  Status operator()(const df::Workdir& workdir) const {
    image.set_workdir(workdir.path);
    return {};
  }
  Status operator()(const df::User& user) const {
    BURROW_RETURN_IF_ERROR(CheckText("the user", user.user));
    image.set_user(user.user);
    return {};
  }
  Status operator()(const df::Expose& expose) const {
    for (const std::string& port : expose.ports)
      BURROW_RETURN_IF_ERROR(AddOnce(*image.mutable_exposed_ports(), port, "exposed ports"));
    return {};
  }
  Status operator()(const df::Volume& volume) const {
    for (const std::string& path : volume.paths) {
      BURROW_RETURN_IF_ERROR(CheckText("a volume", path));
      BURROW_RETURN_IF_ERROR(AddOnce(*image.mutable_volumes(), path, "volumes"));
    }
    return {};
  }
  Status operator()(const df::StopSignal& stop) const {
    if (!IsSignal(stop.signal)) return Fail(Code::kInvalidArgument, "'{}' is no signal", stop.signal);
    image.set_stop_signal(stop.signal);
    return {};
  }
  Status operator()(const df::Shell& shell) const {
    if (shell.args.empty()) return Fail(Code::kInvalidArgument, "a shell needs a program");
    Assign(*image.mutable_shell(), shell.args);
    return {};
  }
  Status operator()(const df::Entrypoint& entrypoint) const {
    Assign(*image.mutable_entrypoint(), Args(entrypoint.command));
    if (base_cmd) image.clear_cmd();
    return {};
  }
  Status operator()(const df::Cmd& cmd) const {
    Assign(*image.mutable_cmd(), Args(cmd.command));
    return {};
  }
  Status operator()(const df::HealthCheck& check) const {
    auto& message = *image.mutable_healthcheck();
    message.Clear();
    Assign(*message.mutable_test(), check.test);
    message.set_interval_ns(check.interval_ns);
    message.set_timeout_ns(check.timeout_ns);
    message.set_start_period_ns(check.start_period_ns);
    message.set_start_interval_ns(check.start_interval_ns);
    message.set_retries(check.retries);
    return {};
  }
  Status operator()(const df::OnBuild& on_build) const {
    BURROW_RETURN_IF_ERROR(CheckRoom(image.on_build(), "ONBUILD instructions"));
    image.add_on_build(on_build.instruction);
    return {};
  }
  Status operator()(const df::Maintainer& maintainer) const {
    image.set_author(maintainer.name);
    return {};
  }
  Status operator()(const df::Run&) const { return Other(); }
  Status operator()(const df::Copy&) const { return Other(); }
  Status operator()(const df::Arg&) const { return Other(); }

  Status Other() const {
    return Fail(Code::kInternal, "'{}' does not change the configuration", expanded.instruction.original);
  }
};

}  // namespace

bool ChangesConfigurationOnly(const df::Instruction& instruction) {
  const auto& kind = instruction.kind;
  return !std::holds_alternative<df::Run>(kind) && !std::holds_alternative<df::Copy>(kind) &&
         !std::holds_alternative<df::Arg>(kind) && !std::holds_alternative<df::Workdir>(kind);
}

Status ApplyConfiguration(Image& image, const df::ExpandedInstruction& instruction, bool base_cmd) {
  return std::visit(Editor{image, instruction, base_cmd}, instruction.instruction.kind);
}

Status ApplyStart(Image& image, const burrow::v1::StartStep& step, bool base_cmd) {
  if (step.has_shell() && step.shell().values().empty()) return Fail(Code::kInvalidArgument, "a shell needs a program");
  for (const auto* list : {&step.entrypoint(), &step.cmd(), &step.shell()}) {
    for (const std::string& value : list->values()) {
      if (value.find('\0') != std::string::npos) return Fail(Code::kInvalidArgument, "an argument holds a NUL");
    }
  }
  if (step.has_entrypoint()) {
    *image.mutable_entrypoint() = step.entrypoint().values();
    if (base_cmd) image.clear_cmd();
  }
  if (step.has_cmd()) *image.mutable_cmd() = step.cmd().values();
  if (step.has_shell()) *image.mutable_shell() = step.shell().values();
  if (!step.user().empty()) {
    BURROW_RETURN_IF_ERROR(CheckText("the user", step.user()));
    image.set_user(step.user());
  }
  return {};
}

}  // namespace burrow::builder
