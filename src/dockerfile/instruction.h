// What a Dockerfile says, instruction by instruction, as values. Two forms: as written (words not expanded; parse.h
// makes it) and as meant (everything expanded; expand_stage.h makes it). Pure.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <variant>
#include <vector>

namespace burrow::dockerfile {

// Where something stands in the text; both from 1. Columns count bytes.
struct Position {
  uint32_t line = 0, column = 0;
};

struct Heredoc {
  std::string name;     // the delimiter's word: "EOF"
  std::string content;  // as written, after <<- took the tabs
  bool expand = true;   // the delimiter was not quoted
};

enum class Sharing { kShared, kPrivate, kLocked };
enum class Network { kDefault, kNone };

// RUN --mount=...
struct RunMount {
  enum class Type { kBind, kCache, kTmpfs, kSecret, kSsh };
  Type type = Type::kBind;
  std::string target;                  // absolute once expanded; empty: the type's default
  std::string from, source;            // of bind and cache; from empty: the build context
  bool read_write = false;             // of bind and cache (whose default is true)
  std::string id;                      // of cache, secret and ssh, with its default filled in
  Sharing sharing = Sharing::kShared;  // of cache
  bool required = false;               // of secret and ssh
  std::optional<std::string> env;      // of secret
  std::optional<uint32_t> mode;        // permission bits
  uint32_t uid = 0, gid = 0;
  uint64_t tmpfs_bytes = 0;  // 0: no bound of its own
};

// A command in shell form (one text) or exec form (a list).
struct Command {
  bool shell_form = true;
  std::string text;               // of the shell form
  std::vector<std::string> args;  // of the exec form
};

struct Run {
  Command command;
  std::vector<Heredoc> heredocs;  // text names them: "cat <<EOF"; or the whole script: text is "<<EOF"
  std::vector<RunMount> mounts;
  Network network = Network::kDefault;
};

// COPY and ADD.
struct Copy {
  bool add = false;
  std::vector<std::string> sources;  // patterns, or URLs of ADD
  std::vector<Heredoc> heredocs;     // sources that are files named by their delimiters
  std::string destination;           // once expanded: absolute; it ends in '/' where it was written so or was "."
  std::string from;                  // stage name or index, or an image; empty: the build context
  std::string chown, chmod;          // empty: root, and as they are
  std::string checksum;              // of ADD of a URL: "sha256:..."
  bool link = false, parents = false;
  std::optional<bool> unpack;         // of ADD; absent: local archives are unpacked, downloads are not
  std::vector<std::string> excludes;  // patterns as in .dockerignore
};

struct HealthCheck {
  std::vector<std::string> test;  // {"NONE"}, {"CMD", ...}, {"CMD-SHELL", text}
  uint64_t interval_ns = 0, timeout_ns = 0, start_period_ns = 0, start_interval_ns = 0;
  uint32_t retries = 0;
};

struct Arg {
  std::string name;
  std::optional<std::string> value;
};
struct Env {
  std::vector<std::pair<std::string, std::string>> variables;  // in the order in which they are set
};
struct Label {
  std::vector<std::pair<std::string, std::string>> labels;
};
struct Workdir {
  std::string path;  // once expanded: absolute
};
struct User {
  std::string user;
};
struct Expose {
  std::vector<std::string> ports;  // once expanded: "80/tcp", ranges taken apart
};
struct Volume {
  std::vector<std::string> paths;
};
struct StopSignal {
  std::string signal;
};
struct Shell {
  std::vector<std::string> args;
};
struct Entrypoint {
  Command command;  // shell form: to be run by the stage's shell
};
struct Cmd {
  Command command;
};
struct OnBuild {
  std::string instruction;  // as written
};
struct Maintainer {
  std::string name;
};

using InstructionKind = std::variant<Run, Copy, Arg, Env, Label, Workdir, User, Expose, Volume, StopSignal, Shell,
                                     Entrypoint, Cmd, HealthCheck, OnBuild, Maintainer>;

struct Instruction {
  InstructionKind kind;
  Position position;
  std::string original;  // the logical line, for people and for the history
};

}  // namespace burrow::dockerfile
