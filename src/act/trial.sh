# trial.sh FOLDER BIN WAL_SEGMENT_MB TENTHS - does a server start with the settings in FOLDER/trial.conf?
#
# Builds a throwaway data directory in FOLDER, starts a server in it that listens on a socket in there and nowhere else,
# stops it, and removes FOLDER.  Run as the server's own user, in a process group that is ended with us.
# 0: it starts.  1: it does not (its words are on standard output).  2: it is not ready in time.  3: no trial possible.
folder=$1 bin=$2 segment=$3 tenths=$4
trap 'rm -rf "$folder"' EXIT
trap 'exit 3' HUP INT TERM

cd "$folder" || exit 3
"$bin/initdb" -D data -U postgres -A trust -N -E UTF8 --locale=C --wal-segsize="$segment" >initdb.log 2>&1 || { cat initdb.log; exit 3; }
cp trial.conf data/postgresql.conf || exit 3
"$bin/postgres" -D "$folder/data" 2>&1 &
pid=$!
while [ "$tenths" -gt 0 ]; do
    if [ "$(sed -n '8s/ *$//p' data/postmaster.pid 2>/dev/null)" = ready ]; then
        kill -INT "$pid"
        wait "$pid"
        exit 0
    fi
    kill -0 "$pid" 2>/dev/null || exit 1
    sleep 0.1
    tenths=$((tenths - 1))
done
kill -QUIT "$pid"
wait "$pid"
exit 2
