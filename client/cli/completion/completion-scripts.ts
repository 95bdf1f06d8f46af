/** Shells that `panelet completion` has a script for. */
export const completionShells = ['bash', 'zsh', 'fish'] as const;

/** One of {@link completionShells}. */
export type CompletionShell = (typeof completionShells)[number];

/** First argument by which the scripts ask for candidates; the words up to the cursor follow. */
export const completeArgument = '__complete';

// Without bash-completion a word with "=" comes in three pieces; they are put together again.
const bash = `# bash completion of panelet; load it with: source <(panelet completion bash)
_panelet() {
  local line words=() word i candidates=() directive=""
  for ((i = 1; i <= COMP_CWORD; i++)); do
    word="\${COMP_WORDS[i]}"
    if ((\${#words[@]} > 0)) && [[ "$word" == "=" || "\${words[\${#words[@]}-1]}" == --*= ]]; then
      words[\${#words[@]}-1]+="$word"
    else
      words+=("$word")
    fi
  done
  while IFS= read -r line; do
    case "$line" in
      :[0-9]*) directive="\${line#:}" ;;
      *) candidates+=("\${line%%$'\\t'*}") ;;
    esac
  done < <("\${COMP_WORDS[0]}" ${completeArgument} "\${words[@]}" 2>/dev/null)
  COMPREPLY=()
  for word in "\${candidates[@]}"; do
    [[ "$word" == --*=* ]] && word="\${word#*=}"
    COMPREPLY+=("$word")
  done
  if [[ "$directive" == 0 ]]; then compopt -o default 2>/dev/null; fi
}
complete -F _panelet panelet
`;

const zsh = `#compdef panelet
# zsh completion of panelet; load it with: source <(panelet completion zsh)
_panelet() {
  local line word directive
  local -a candidates
  while IFS= read -r line; do
    case "$line" in
      :[0-9]*) directive="\${line#:}" ;;
      *)
        word="\${line%%$'\\t'*}"
        word="\${word//:/\\\\:}"
        if [[ "$line" == *$'\\t'* ]]; then candidates+=("$word:\${line#*$'\\t'}"); else candidates+=("$word"); fi
        ;;
    esac
  done < <("\${words[1]}" ${completeArgument} "\${(@)words[2,CURRENT]}" 2>/dev/null)
  if [[ "$directive" == 0 ]]; then _files; else _describe -t words panelet candidates; fi
}
if [ "$funcstack[1]" = "_panelet" ]; then _panelet; else compdef _panelet panelet; fi
`;

const fish = `# fish completion of panelet; load it with: panelet completion fish | source
function __panelet_complete
  set -l words (commandline -opc) (commandline -ct)
  for line in ($words[1] ${completeArgument} $words[2..-1] 2>/dev/null)
    switch $line
      case ':0'
        __fish_complete_path (commandline -ct)
      case ':*'
      case '*'
        echo $line
    end
  end
end
complete -c panelet -f -a '(__panelet_complete)'
`;

/** The script of a shell; it asks the program itself at each tab. */
export const completionScripts: Readonly<Record<CompletionShell, string>> = { bash, zsh, fish };
