// SPDX-License-Identifier: Apache-2.0
// bulkhead completion bash: a script made from the verbs themselves, so that it never lags behind them.
#include <set>

#include "controlplane/cli/common.h"
#include "controlplane/cli/format.h"

namespace bulkhead::cli {
namespace {

struct CompletionOptions {
  const CLI::App* app = nullptr;
  std::string shell;
};

constexpr char kHead[] = R"(# bash completion for bulkhead. Use: source <(bulkhead completion bash)
_bulkhead() {
  local cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD-1]} path="" word i
  local verbs values
  COMPREPLY=()
  for ((i = 1; i < COMP_CWORD; i++)); do
    word=${COMP_WORDS[i]}
    case "$path|$word" in
)";
constexpr char kMiddle[] = R"(    esac
  done
  case "$path|$prev" in
)";
constexpr char kTail[] = R"(  esac
  if [[ $values == @files ]]; then
    compopt -o default 2>/dev/null
    return
  fi
  if [[ -n $values ]]; then
    COMPREPLY=($(compgen -W "$values" -- "$cur"))
    return
  fi
  COMPREPLY=($(compgen -W "$verbs" -- "$cur"))
  [[ $cur != -* && ${#COMPREPLY[@]} -eq 0 ]] && compopt -o default 2>/dev/null
}
complete -F _bulkhead bulkhead
)";

// What may follow an option: the members of its set, files, or nothing that is known.
std::string ValuesOf(const CLI::Option& option) {
  const std::string text = option.get_type_name();  // "TEXT:{table,json}" for CLI::IsMember
  const size_t open = text.find('{');
  const size_t close = text.find('}');
  if (open == std::string::npos || close == std::string::npos) {
    return text == "DIR" || text == "PATH" || text == "FILE" || text == "TEXT" ? "@files" : "";
  }
  std::string values = text.substr(open + 1, close - open - 1);
  for (char& c : values) c = c == ',' ? ' ' : c;
  return values;
}

std::vector<std::string> NamesOf(const CLI::Option& option) {
  std::vector<std::string> names;
  for (const std::string& name : option.get_lnames()) names.push_back("--" + name);
  for (const std::string& name : option.get_snames()) names.push_back("-" + name);
  return names;
}

struct Script {
  std::string paths;    // which words lead from verb to verb
  std::string values;   // what follows an option
  std::string choices;  // the verbs and options of each verb
};

void Collect(const CLI::App& app, const std::string& path, Script* script) {
  std::vector<std::string> words;
  for (const CLI::App* verb : app.get_subcommands([](const CLI::App*) { return true; })) {
    script->paths += "      \"" + path + "|" + verb->get_name() + "\") path=\"" + path + " " + verb->get_name() + "\" ;;\n";
    words.push_back(verb->get_name());
    Collect(*verb, path + " " + verb->get_name(), script);
  }
  for (const CLI::Option* option : app.get_options()) {
    const std::vector<std::string> names = NamesOf(*option);
    words.insert(words.end(), names.begin(), names.end());
    if (names.empty() || option->get_items_expected_max() == 0) continue;
    const std::string values = ValuesOf(*option);
    if (values.empty()) continue;
    for (const std::string& name : names) script->values += "    \"" + path + "|" + name + "\") values=\"" + values + "\" ;;\n";
  }
  script->choices += "    \"" + path + "\") verbs=\"" + Join(words, " ") + "\" ;;\n";
}

int Run(const Globals& /*globals*/, const CompletionOptions& options) {
  Script script;
  Collect(*options.app, "", &script);
  std::printf("%s%s%s%s  esac\n  case \"$path\" in\n%s%s", kHead, script.paths.c_str(), kMiddle, script.values.c_str(),
              script.choices.c_str(), kTail);
  return kExitDone;
}

}  // namespace

void AddCompletion(CLI::App& app, Globals* globals) {
  auto options = std::make_shared<CompletionOptions>();
  options->app = &app;
  CLI::App* verb = AddVerb(app, globals, "completion", "Print a completion script for a shell", options, Run);
  verb->add_option("SHELL", options->shell, "bash")->required()->check(CLI::IsMember({"bash"}))->type_name("");
  verb->footer("Example:\n  source <(bulkhead completion bash)");
}

}  // namespace bulkhead::cli
