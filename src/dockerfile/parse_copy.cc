// COPY and ADD.
#include "dockerfile/heredoc.h"
#include "dockerfile/statement.h"

namespace burrow::dockerfile {
namespace {

Status TakeCopyFlags(const Statement& statement, Copy& copy, std::vector<Word>& excludes) {
  std::vector<Word> from;
  BURROW_RETURN_IF_ERROR(statement.TakeFlags({{"from", &from},
                                              {"chown", &copy.chown},
                                              {"chmod", &copy.chmod},
                                              {"link", &copy.link},
                                              {"parents", &copy.parents},
                                              {"exclude", &excludes}}));
  if (from.empty()) return {};
  if (from.size() > 1) return statement.Bad(from[1].offset, "the flag --from comes a second time");
  copy.from = from[0].text;
  if (copy.from.find('$') == std::string::npos) return {};
  return statement.Bad(from[0].offset, "--from takes no variables", "name a stage of it: FROM $VARIABLE AS name");
}

Status TakeAddFlags(const Statement& statement, Copy& copy, std::vector<Word>& excludes) {
  bool keep_git_dir = false;  // there are no git sources
  return statement.TakeFlags({{"chown", &copy.chown},
                              {"chmod", &copy.chmod},
                              {"link", &copy.link},
                              {"exclude", &excludes},
                              {"checksum", &copy.checksum},
                              {"unpack", &copy.unpack},
                              {"keep-git-dir", &keep_git_dir}});
}

Result<std::vector<Word>> ReadWords(const Statement& statement) {
  BURROW_RETURN_IF_ERROR(statement.Need("a source and a destination"));
  BURROW_ASSIGN_OR_RETURN(auto list, statement.List());
  if (!list) return SplitBlanks(statement.arguments(), statement.arguments_offset());
  std::vector<Word> words;
  for (std::string& text : *list) words.push_back({std::move(text), statement.arguments_offset()});
  return words;
}

// Sources that are marks get the heredoc of that name.
Status TakeSources(const Statement& statement, std::vector<Word>& words, Copy& copy) {
  const std::vector<Heredoc>& heredocs = statement.line().heredocs;
  for (Word& word : words) {
    auto mark = heredocs.empty() ? std::nullopt : ParseHeredocMark(word.text);
    if (!mark) {
      copy.sources.push_back(std::move(word.text));
      continue;
    }
    // Of several of one name the last one counts, as it would overwrite the others.
    const Heredoc* found = nullptr;
    for (const Heredoc& heredoc : heredocs) {
      if (heredoc.name == mark->name) found = &heredoc;
    }
    if (found == nullptr) return statement.Bad(word.offset, fmt::format("there is no heredoc {}", mark->name));
    if (mark->name.find('/') != std::string::npos || mark->name == "." || mark->name == "..") {
      return statement.Bad(word.offset, "a heredoc's name becomes a file's name: it may hold no '/'");
    }
    copy.heredocs.push_back(*found);
  }
  return {};
}

}  // namespace

Result<InstructionKind> ParseCopy(const Statement& statement) {
  Copy copy;
  copy.add = statement.keyword() == "ADD";
  std::vector<Word> excludes;
  BURROW_RETURN_IF_ERROR(copy.add ? TakeAddFlags(statement, copy, excludes) : TakeCopyFlags(statement, copy, excludes));
  for (Word& exclude : excludes) copy.excludes.push_back(std::move(exclude.text));
  BURROW_ASSIGN_OR_RETURN(auto words, ReadWords(statement));
  if (words.size() < 2) {
    return statement.Bad(statement.arguments_offset(),
                         fmt::format("{} needs a destination after its source", statement.keyword()));
  }
  Word destination = std::move(words.back());
  words.pop_back();
  if (!statement.line().heredocs.empty() && ParseHeredocMark(destination.text)) {
    return statement.Bad(destination.offset, "a heredoc cannot be the destination");
  }
  copy.destination = std::move(destination.text);
  BURROW_RETURN_IF_ERROR(TakeSources(statement, words, copy));
  size_t taken = copy.heredocs.size(), given = statement.line().heredocs.size();
  if (taken < given) return statement.Bad(statement.arguments_offset(), "a heredoc's name may hold no blanks here");
  return copy;
}

}  // namespace burrow::dockerfile
