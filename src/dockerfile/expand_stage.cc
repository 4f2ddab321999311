#include "dockerfile/expand_stage.h"

#include "dockerfile/expand_copy.h"
#include "dockerfile/expand_run.h"
#include "dockerfile/expansion.h"
#include "dockerfile/locate.h"
#include "dockerfile/mounts.h"
#include "dockerfile/paths.h"
#include "dockerfile/ports.h"
#include "dockerfile/scope.h"

namespace burrow::dockerfile {
namespace {

constexpr uint64_t kPortBytes = 48;  // what one of EXPOSE takes in memory

class StageExpander {
 public:
  StageExpander(const Plan& plan, const BuildArgs& args, const StageStart& start)
      : plan_(plan),
        args_(args),
        scope_(start.env, start.args),
        workdir_(AbsolutePath("/", start.workdir)),
        shell_(start.shell) {
    if (shell_.empty()) shell_ = {"/bin/sh", "-c"};
    for (std::string_view name : kProxyArgs) {
      if (auto given = args.find(std::string(name)); given != args.end()) proxies_.insert(*given);
    }
  }

  // The instructions of a stage of `source`; all of them stand at `position`, if one is given.
  Status Expand(const Dockerfile& source, const std::vector<Instruction>& instructions, const Position* position) {
    source_ = &source;
    for (const Instruction& written : instructions) {
      at_ = &written;
      ExpandedInstruction expanded;
      expanded.instruction = written;
      expanded.workdir = workdir_;
      expanded.user = user_;
      if (position != nullptr) expanded.instruction.position = *position;
      BURROW_RETURN_IF_ERROR(
          std::visit([&](auto& kind) { return this->Apply(kind, expanded); }, expanded.instruction.kind));
      BURROW_RETURN_IF_ERROR(ChargeFor(expanded));
      if (!std::holds_alternative<Arg>(written.kind)) done_.instructions.push_back(std::move(expanded));
    }
    return {};
  }

  ExpandedStage Take() {
    done_.args = scope_.args();
    return std::move(done_);
  }

 private:
  std::unexpected<Error> Bad(std::string_view fragment, std::string_view message) const {
    return std::unexpected(ErrorAbout(*source_, at_->position, fragment, message));
  }

  Status Charge(uint64_t bytes, std::string_view fragment) {
    auto status = budget_.SpendBytes(bytes);
    if (!status) return Bad(fragment, status.error().message());
    return {};
  }

  // What is there once for the stage but comes with every instruction.
  Status ChargeFor(const ExpandedInstruction& expanded) {
    uint64_t bytes = expanded.instruction.original.size() + expanded.workdir.size() + expanded.user.size();
    for (const auto* list : {&expanded.args, &expanded.env}) {
      for (const std::string& text : *list) bytes += text.size() + sizeof(std::string);
    }
    return Charge(bytes, {});
  }

  Lookup Find() const {
    return [this](std::string_view name) { return scope_.Find(name); };
  }

  // In place.
  Status Word(std::string& text) {
    auto expanded = ExpandWord(text, Find(), {.escape = source_->escape}, budget_);
    if (!expanded) return Bad(text, expanded.error().message());
    text = std::move(*expanded);
    return {};
  }

  Status Words(std::vector<std::string>& texts) {
    for (std::string& text : texts) BURROW_RETURN_IF_ERROR(Word(text));
    return {};
  }

  Status Pairs(std::vector<std::pair<std::string, std::string>>& pairs) {
    for (auto& [name, value] : pairs) {
      std::string written = name;
      BURROW_RETURN_IF_ERROR(Word(name));
      BURROW_RETURN_IF_ERROR(Word(value));
      if (name.empty()) return Bad(written, "the name is empty");
    }
    return {};
  }

  Status Apply(Run& run, ExpandedInstruction& expanded) {
    Lookup find = Find();
    ExpandValue expand = [&](std::string_view text) {
      return ExpandWord(text, find, {.escape = source_->escape}, budget_);
    };
    for (RunMount& mount : run.mounts) {
      auto parsed = ParseMount(mount.written, expand);
      if (!parsed) return Bad(mount.written, parsed.error().message);
      mount = std::move(*parsed);
      SettleMount(mount, workdir_);
    }
    RunText text = TextOf(run);
    expanded.script = std::move(text.script);
    if (expanded.script.empty()) {
      Command command = run.command;
      command.text = std::move(text.text);
      expanded.args = ArgumentList(command, shell_);
    }
    expanded.env = scope_.Environment(proxies_);
    return {};
  }

  Status Apply(Copy& copy, ExpandedInstruction&) {
    for (std::string* text : {&copy.chown, &copy.chmod, &copy.checksum}) BURROW_RETURN_IF_ERROR(Word(*text));
    BURROW_RETURN_IF_ERROR(Words(copy.excludes));
    std::string destination = copy.destination;
    BURROW_RETURN_IF_ERROR(Words(copy.sources));
    BURROW_RETURN_IF_ERROR(Word(copy.destination));
    for (Heredoc& heredoc : copy.heredocs) {
      if (!heredoc.expand) continue;
      auto content = ExpandWord(heredoc.content, Find(), {.escape = '\\', .quotes = false}, budget_);
      if (!content) return Bad(destination, content.error().message());
      heredoc.content = std::move(*content);
    }
    auto settled = SettleCopy(copy, workdir_);
    if (!settled) return Bad(destination, settled.error().message());
    return {};
  }

  Status Apply(Arg& arg, ExpandedInstruction&) {
    BURROW_RETURN_IF_ERROR(Word(arg.name));
    if (arg.value) BURROW_RETURN_IF_ERROR(Word(*arg.value));
    if (auto given = args_.find(arg.name); given != args_.end()) {
      scope_.SetArg(arg.name, given->second);
    } else if (arg.value) {
      scope_.SetArg(arg.name, *arg.value);
    } else if (auto global = plan_.globals.find(arg.name); global != plan_.globals.end()) {
      scope_.SetArg(arg.name, global->second);
    }
    return {};
  }

  // All values are worked out before the first one is set.
  Status Apply(Env& env, ExpandedInstruction&) {
    BURROW_RETURN_IF_ERROR(Pairs(env.variables));
    for (const auto& [name, value] : env.variables) scope_.SetEnv(name, value);
    return {};
  }

  Status Apply(Label& label, ExpandedInstruction&) { return Pairs(label.labels); }

  Status Apply(Workdir& workdir, ExpandedInstruction&) {
    std::string written = workdir.path;
    BURROW_RETURN_IF_ERROR(Word(workdir.path));
    if (workdir.path.empty()) return Bad(written, "the working directory is empty");
    workdir.path = workdir_ = AbsolutePath(workdir_, workdir.path);
    return {};
  }

  Status Apply(User& user, ExpandedInstruction&) {
    std::string written = user.user;
    BURROW_RETURN_IF_ERROR(Word(user.user));
    if (user.user.empty()) return Bad(written, "the user is empty");
    user_ = user.user;
    return {};
  }

  Status Apply(Expose& expose, ExpandedInstruction&) {
    std::vector<std::string> ports;
    for (const std::string& written : expose.ports) {
      auto words = ExpandWords(written, Find(), {.escape = source_->escape}, budget_);
      if (!words) return Bad(written, words.error().message());
      for (const std::string& word : *words) {
        auto more = ParsePorts(word);
        if (!more) return Bad(written, more.error().message());
        BURROW_RETURN_IF_ERROR(Charge(more->size() * kPortBytes, written));
        ports.insert(ports.end(), more->begin(), more->end());
      }
    }
    expose.ports = std::move(ports);
    return {};
  }

  Status Apply(Volume& volume, ExpandedInstruction&) {
    BURROW_RETURN_IF_ERROR(Words(volume.paths));
    for (const std::string& path : volume.paths) {
      if (path.empty()) return Bad({}, "a volume's path is empty");
    }
    return {};
  }

  Status Apply(StopSignal& stop, ExpandedInstruction&) {
    std::string written = stop.signal;
    BURROW_RETURN_IF_ERROR(Word(stop.signal));
    if (!IsSignal(stop.signal)) return Bad(written, fmt::format("\"{}\" is no signal", stop.signal));
    return {};
  }

  Status Apply(Shell& shell, ExpandedInstruction&) {
    shell_ = shell.args;
    return {};
  }

  Status Apply(Entrypoint& entrypoint, ExpandedInstruction& expanded) {
    expanded.args = ArgumentList(entrypoint.command, shell_);
    return {};
  }

  Status Apply(Cmd& cmd, ExpandedInstruction& expanded) {
    expanded.args = ArgumentList(cmd.command, shell_);
    return {};
  }

  Status Apply(HealthCheck&, ExpandedInstruction&) { return {}; }
  Status Apply(OnBuild&, ExpandedInstruction&) { return {}; }
  Status Apply(Maintainer&, ExpandedInstruction&) { return {}; }

  const Plan& plan_;
  const BuildArgs& args_;
  BuildArgs proxies_;
  Scope scope_;
  std::string workdir_, user_;
  std::vector<std::string> shell_;
  ExpansionBudget budget_;
  const Dockerfile* source_ = nullptr;
  const Instruction* at_ = nullptr;
  ExpandedStage done_;
};

}  // namespace

Result<ExpandedStage> ExpandStage(const Dockerfile& dockerfile, size_t stage, const Plan& plan, const BuildArgs& args,
                                  const StageStart& start) {
  StageExpander expander(plan, args, start);
  const Stage& own = dockerfile.stages.at(stage);
  auto planned = plan.stages.find(stage);
  std::string base = planned == plan.stages.end() ? own.from.base : planned->second.base_text;
  for (const std::string& text : start.on_build) {
    BURROW_ASSIGN_OR_RETURN(Dockerfile trigger, ParseFragment(text, fmt::format("ONBUILD of {}", base)));
    BURROW_RETURN_IF_ERROR(expander.Expand(trigger, trigger.stages[0].instructions, &own.from.position));
  }
  BURROW_RETURN_IF_ERROR(expander.Expand(dockerfile, own.instructions, nullptr));
  return expander.Take();
}

}  // namespace burrow::dockerfile
