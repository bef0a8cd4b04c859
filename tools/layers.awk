# tools/layers.awk - which room may include which: the rule is the table in ARCHITECTURE.md, the rest is what the files do.
#
#     awk -f tools/layers.awk ARCHITECTURE.md $(find src -name '*.[ch]')
#
# The table begins with "| room | may use |".  A row is "| room | may use | what for |": names of rooms above it, "-" for none, "all" for every room above.  Prints each
# include, folder and row that does not fit, and exits 1 when there is one.
function complain(text) { print text; bad = 1 }

FNR == 1 {
    parts = split(FILENAME, part, "/")
    room = parts > 1 ? part[parts - 1] : ""
    for (i = 1; i + 1 < parts; i++)      # a room may have chambers: src/math/stats/ belongs to math
        if (part[i] == "src" && part[i + 1] in known) {
            room = part[i + 1]
            break
        }
}

FILENAME ~ /ARCHITECTURE\.md$/ {
    if ($0 !~ /^\|/)
        in_table = 0
    split($0, cell, "|")
    if (cell[2] ~ /^ *room *$/ && cell[3] ~ /^ *may use *$/) {
        in_table = 1
        next
    }
    if (!in_table || cell[2] !~ /^ *[a-z]+ *$/)
        next
    row = cell[2]
    gsub(/ /, "", row)
    if (row in known)
        complain(FILENAME ":" FNR ": room " row " has two rows")
    words = split(cell[3], word, /[ ,]+/)
    for (i = 1; i <= words; i++) {
        if (word[i] == "" || word[i] == "-" || word[i] == "–")
            continue
        if (word[i] == "all")
            for (r in known)
                may[row, r] = 1
        else if (word[i] in known)
            may[row, word[i]] = 1
        else
            complain(FILENAME ":" FNR ": " row " may use " word[i] ", which has no row above")
    }
    known[row] = 1
    rooms++
    next
}

!(room in known) && FNR == 1 { complain(FILENAME ": there is no room " room " in the table") }

/^[ \t]*#[ \t]*include[ \t]*"/ {
    to = $0
    sub(/^[^"]*"/, "", to)
    sub(/".*/, "", to)
    if (to !~ /\//) {
        complain(FILENAME ":" FNR ": \"" to "\" is not written \"room/file.h\"")
        next
    }
    sub(/\/.*/, "", to)
    if (!(to in known))
        complain(FILENAME ":" FNR ": there is no room " to " in the table")
    else if (to != room && !((room, to) in may))
        complain(FILENAME ":" FNR ": " room " should not need " to)
}

END {
    if (rooms == 0)
        complain("no table of rooms was found in ARCHITECTURE.md")
    exit bad
}
