# trial.sh FOLDER BIN WAL_SEGMENT_MB TENTHS [HELD] - does a server start with the settings in FOLDER/trial.conf?
#
# Builds a throwaway data directory in FOLDER, starts a server in it that listens on a socket in there and nowhere else,
# stops it, and removes FOLDER.  Run as the server's own user, in a process group that is ended with us.  HELD: so many huge
# pages the real server gives back when it stops; the settings have to do with those and with what is left in the pool.
# 0: it starts.  1: it does not (its words are on standard output).  2: it is not ready in time.  3: no trial possible.
folder=$1 bin=$2 segment=$3 tenths=$4 held=$5
trap 'rm -rf "$folder"' EXIT
trap 'exit 3' HUP INT TERM

cd "$folder" || exit 3
"$bin/initdb" -D data -U postgres -A trust -N -E UTF8 --locale=C --wal-segsize="$segment" >initdb.log 2>&1 || { cat initdb.log; exit 3; }
cp trial.conf data/postgresql.conf || exit 3
if [ -n "$held" ]; then
    need=$("$bin/postgres" -D data -C shared_memory_size_in_huge_pages 2>/dev/null)   # nothing, when it would not start anyway
    left=$(awk -v left="$held" '
        $1 == "HugePages_Free:" { left += $2 }
        $1 == "HugePages_Rsvd:" || $1 == "HugePages_Surp:" { left -= $2 }
        END { if ((getline more <"/proc/sys/vm/nr_overcommit_hugepages") > 0) left += more; print left + 0 }' /proc/meminfo)
    if [ "${need:-0}" -gt "$left" ]; then
        echo "FATAL:  it takes $need huge pages, and there are $left for it"
        exit 1
    fi
fi
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
