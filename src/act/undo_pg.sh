# What follows is the same in every such script; the lines above say what it works on:
#   target, conninfo, auto_conf ("" when unknown), needs_restart (yes or no), start_hint
#   and the positional parameters, six to an entry: name, had (yes/no), old value, has (yes/no/both), our values (a line
#   each: a plan may go to its goal in steps), SQL that undoes it

say() { printf '%s: %s\n' "$target" "$*" >&2; }
bare() { printf '%s' "$1" | tr -d ' "'; }                   # lists may be written with other blanks and quotes
same() { [ "$1$3" = yesyes ] && [ "$(bare "$2")" = "$(bare "$4")" ] || [ "$1$3" = nono ]; }

# ours HAS OURS IS VALUE: is it one of our values?
ours() {
    [ "$3" = no ] && { [ "$1" != yes ]; return; }
    [ "$1" != no ] && printf '%s\n' "$2" | while IFS= read -r one; do [ "$(bare "$one")" = "$(bare "$4")" ] && exit 9; done
    [ $? = 9 ]
}

ask() { psql -XAtqw -v ON_ERROR_STOP=1 -d "$conninfo" -c "$1" 2>/dev/null </dev/null; }
bad=0

# judge NAME HAD OLD HAS OURS IS VALUE: is this entry ours to put back? 0: yes. 1: no, and why was said.
judge() {
    if same "$2" "$3" "$6" "$7"; then
        say "$1 is as it was before"
        return 1
    fi
    ours "$4" "$5" "$6" "$7" && return 0
    [ "${FORCE:-0}" = 1 ] && { say "$1 was changed by somebody else; put back all the same (FORCE=1)"; return 0; }
    say "$1 was changed by somebody else (now: $7); left alone. FORCE=1 overwrites it"
    bad=1
    return 1
}

# reload: loaded=1 when a new session shows that the server has read its files since; it is given ten seconds for it.
reload() {
    loaded=0
    before=$(ask 'SELECT pg_conf_load_time()')
    ask 'SELECT pg_reload_conf()' >/dev/null || { say 'could not reload'; bad=1; return; }
    for _ in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20; do
        after=$(ask 'SELECT pg_conf_load_time()')
        [ -n "$after" ] && [ "$after" != "$before" ] && { loaded=1; return; }
        sleep 0.5
    done
    say 'the server was told to reload, but has not read its files for ten seconds; look into its log'
    bad=1
}

by_sql() {
    while [ $# -ge 6 ]; do
        is=$(ask "SELECT 'yes' FROM pg_file_settings WHERE lower(name) = '$1' AND sourcefile LIKE '%/postgresql.auto.conf' LIMIT 1")
        now=$(ask "SELECT setting FROM pg_file_settings WHERE lower(name) = '$1' AND sourcefile LIKE '%/postgresql.auto.conf' ORDER BY seqno DESC LIMIT 1")
        if judge "$1" "$2" "$3" "$4" "$5" "${is:-no}" "$now"; then
            if ask "$6" >/dev/null; then say "$6"; else say "failed: $6"; bad=1; fi
        fi
        shift 6
    done
    reload
    problems=$(ask "SELECT sourcefile || ' line ' || sourceline || ': ' || error FROM pg_file_settings WHERE error IS NOT NULL AND lower(coalesce(name, '')) NOT IN (SELECT lower(name) FROM pg_settings WHERE pending_restart)")
    [ -n "$problems" ] && { say "the configuration files have errors: $problems"; bad=1; }
    if [ -n "$(ask 'SELECT name FROM pg_settings WHERE pending_restart LIMIT 1')" ]; then
        say "put back, but only a restart brings it into force. To restart: $start_hint"
    elif [ "$loaded" = 1 ]; then
        say 'put back and reloaded'
    fi
}

# entry NAME: prints yes, a line end and the value that counts in the file; or no.
entry() {
    WANTED=$1 awk '
        function value(s,   out, c, i) {
            sub(/^[ \t]*=?[ \t]*/, "", s)
            if (substr(s, 1, 1) != "\047") { sub(/[ \t\r#].*$/, "", s); return s }
            for (i = 2; i <= length(s); i++) {
                c = substr(s, i, 1)
                if (c == "\047") { if (substr(s, i + 1, 1) != "\047") break; i++ }
                else if (c == "\\") c = substr(s, ++i, 1)
                out = out c
            }
            return out
        }
        { line = $0; sub(/^[ \t]+/, "", line)
          if (match(line, /^[A-Za-z_][A-Za-z0-9_.$]*/) && tolower(substr(line, 1, RLENGTH)) == ENVIRON["WANTED"]) {
              found = 1; last = value(substr(line, RLENGTH + 1)) } }
        END { print (found ? "yes" : "no"); if (found) print last }' "$auto_conf"
}

# rewrite NAME HAD OLD: the entry as it was, every other line as it is; the file changes at once, with its owner and mode.
rewrite() {
    beside=$auto_conf.undo.$$
    cp -p "$auto_conf" "$beside" && WANTED=$1 HAD=$2 OLD=$3 awk '
        { line = $0; sub(/^[ \t]+/, "", line)
          if (match(line, /^[A-Za-z_][A-Za-z0-9_.$]*/) && tolower(substr(line, 1, RLENGTH)) == ENVIRON["WANTED"]) next
          print }
        END { if (ENVIRON["HAD"] == "yes") {
                  s = ENVIRON["OLD"]; out = ""
                  for (i = 1; i <= length(s); i++) { c = substr(s, i, 1); out = out (c == "\047" || c == "\\" ? c c : c) }
                  print ENVIRON["WANTED"] " = \047" out "\047" } }' "$auto_conf" >"$beside" && sync && mv "$beside" "$auto_conf" && sync
}

by_file() {
    while [ $# -ge 6 ]; do
        found=$(entry "$1") || { say "cannot read $auto_conf"; exit 1; }
        is=$(printf '%s\n' "$found" | sed -n 1p)
        now=$(printf '%s\n' "$found" | sed -n 2p)
        if judge "$1" "$2" "$3" "$4" "$5" "$is" "$now"; then
            if rewrite "$1" "$2" "$3"; then say "$1 put back in $auto_conf"; else say "failed: cannot rewrite $auto_conf"; bad=1; fi
        fi
        shift 6
    done
}

# runs PID: is that a server? A crash leaves its number behind, and after a boot that may be anybody's.
runs() {
    [ -n "$1" ] && kill -0 "$1" 2>/dev/null || return 1
    case $(cat "/proc/$1/comm" 2>/dev/null || ps -o comm= -p "$1" 2>/dev/null) in *postgres* | *postmaster*) return 0 ;; esac
    return 1
}

if ask 'SELECT 1' >/dev/null; then
    by_sql "$@"
elif [ -n "$auto_conf" ] && [ -w "$auto_conf" ]; then
    pid=$(sed -n 1p "${auto_conf%/*}/postmaster.pid" 2>/dev/null)
    by_file "$@"
    if runs "$pid"; then
        kill -HUP "$pid" && say "a server runs (process $pid) but did not let us in; it was told to reload"
        [ "$needs_restart" = yes ] && say "some values need a restart: $start_hint"
    else
        say "the server is down. To start it: $start_hint"
    fi
else
    say "neither psql -d \"$conninfo\" nor ${auto_conf:-postgresql.auto.conf} can be used from here."
    say "On the server's machine, as its user, run this script again; or, once the server answers, run:"
    while [ $# -ge 6 ]; do printf '%s;\n' "$6" >&2; shift 6; done
    exit 1
fi
exit $bad
