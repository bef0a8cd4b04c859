# Completion for bash: commands from the program's own help, options from each command's.
_homeostat() {
    local word=${COMP_WORDS[COMP_CWORD]} before=("${COMP_WORDS[@]:1:COMP_CWORD-1}") known
    if [[ $word == -* ]]; then
        # help comes first: behind an option that wants a value it would be that, and the command would be done.
        known=$(homeostat help "${before[@]:0:2}" 2>/dev/null | grep -oE -- '(^| )--?[a-z-]+')
    else
        known=$(homeostat --help 2>/dev/null | sed -n 's/^  \([a-z]*\) \{0,1\}\([a-z-]*\) .*/\1 \2/p' |
                awk -v first="${before[0]}" -v n="${#before[@]}" 'n == 0 { print $1 } n == 1 && $1 == first { print $2 }' | sort -u)
    fi
    mapfile -t COMPREPLY < <(compgen -W "$known" -- "$word")
    [[ ${#COMPREPLY[@]} -gt 0 ]] || compopt -o default 2>/dev/null
}
complete -F _homeostat homeostat
