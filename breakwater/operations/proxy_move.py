"""The shell words that move what was staged into place, see its effect, and put back what Envoy refuses."""

from collections.abc import Iterable

from pyinfra.api import QuoteString, StringCommand

from breakwater.facts.proxy import STATISTICS
from breakwater.operations.proxy_shell import WITHOUT_SECRETS, alone
from breakwater.proxy.plan import BINARY, DIRECTORY, SERVICE, SOCKET, UNIT, Plan
from breakwater.proxy.wanted import HARBOR

# After a line for each variable, and alone. It goes on when who started it is gone: half is worse than all.
_MOVE = r"""export LC_ALL=C PATH=$PATH:/usr/sbin:/sbin
trap '' HUP PIPE
new=$dir.new before=$dir.before began=$(date +%s) base= s= moved= cold= again= lost= up=0
ask() {
    s=$(curl -gsS --max-time 5 --unix-socket "$socket" "http://envoy/stats?filter=$filter" 2>/dev/null)
}
value() { # NAME: of one statistic; 0 when there is none
    printf '%s\n' "$s" | awk -v name="$1:" '$1 == name { n = $2 } END { print n + 0 }'
}
behind() { # what Envoy does not serve yet of these files; "all": of all, and whether it listens
    printf '%s\n' "$wanted" -- "$s" | awk -v named=" $* " -v listeners="$listeners" '
        $1 == "--" { answer = 1; next }
        !answer { n++; name[n] = $1; version[n] = $2; file[n] = $3; next }
        {
            sub(/:$/, "", $1); gsub(/"/, "", $2); value[$1] = $2
            for (i = 1; i <= n; i++)
                if (substr($1, length($1) - length(name[i]) + 1) == name[i]) {
                    seen[i] = 1
                    if ($2 != version[i]) late[file[i]] = 1
                }
        }
        END {
            all = named == " all "
            for (i = 1; i <= n; i++)
                if (!seen[i] && file[i] ~ /^xds\/[lc]ds/) late[file[i]] = 1
            for (f in late)
                if (all || index(named, " " f " ")) print f
            m = "listener_manager."
            if (all && (value[m "total_listeners_active"] + 0 < listeners + 0 ||
                value[m "total_listeners_warming"] + 0 > 0 || value[m "workers_started"] + 0 != 1 ||
                value["server.state"] + 0 != 0)) print "listeners"
        }'
}
refused() { # counters of refusals that grew; a cluster whose name the DNS does not tell counts failures too
    printf '%s\n' "$wanted" -- "$base" -- "$s" | awk '
        $1 == "--" { answers++; next }
        !answers { sub(/version_text$/, "", $1); ours[$1]; next }
        $1 !~ /(update_rejected|update_failure|key_rotation_failed|listener_create_failure):$/ { next }
        answers == 1 { before[$1] = $2; next }
        $2 + 0 > before[$1] + 0 {
            of = $1; sub(/[a-z_]+:$/, "", of); sub(/:$/, "", $1)
            if (of == "listener_manager.") print $1
            for (one in ours)
                if (substr(of, length(of) - length(one) + 1) == one) { print $1; break }
        }'
}
answers() {
    end=$(($(date +%s) + limit))
    until ask; do
        [ "$(date +%s)" -lt "$end" ] || return
        sleep 0.2
    done
}
serves() { # FILE...: within the limit, and nothing was refused; else says why and goes back
    end=$(($(date +%s) + limit))
    while :; do
        late=$socket
        if ask; then
            no=$(refused)
            [ -z "$no" ] || fail "it refused: $(echo $no)"
            late=$(behind "$@")
            [ -n "$late" ] || return 0
        fi
        [ "$(date +%s)" -lt "$end" ] || fail "not served after $limit s: $(echo $late)"
        sleep 0.2
    done
}
harbor_answers() { # within the limit, when asked anew; of one that did not answer before nothing is asked
    [ "$up" -gt 0 ] || return 0
    end=$(($(date +%s) + limit)) known=
    [ -z "$cold" ] || known=0
    while :; do
        # A cluster that is made anew takes the place of the other when each node was asked once.
        if ask && [ "$(value cluster_manager.warming_clusters)" = 0 ]; then
            pings=$(value "cluster.$harbor.health_check.success")
            [ "$pings" -le "${known:=$pings}" ] || return 0
        fi
        [ "$(date +%s)" -lt "$end" ] ||
            fail "Harbor answered it at $up nodes before, and at none in the $limit s since"
        sleep 0.2
    done
}
keep() { # all that is there, before the first move; what a killed run kept had worked, and stays
    [ ! -d "$before" ] || return 0
    rm -rf "$before.new" "$binary.before" && mkdir -m 700 "$before.new" || return
    [ ! -d "$dir" ] || cp -a "$dir" "$before.new/conf" || return
    [ ! -e "$unit" ] || cp -a "$unit" "$before.new/unit" || return
    [ ! -e "$binary" ] || ln "$binary" "$binary.before" || return
    mv -T "$before.new" "$before"
}
move() { # FILE...
    for f; do
        moved="$moved $f"
        mv -T "$new/$f" "$dir/$f" || fail "$f could not be moved"
    done
}
put() { # OLD PLACE: by a link, since the disk may be full, and by a rename, which Envoy sees
    ln -f "$1" "$2.back" && mv -T "$2.back" "$2" && return
    rm -f "$2.back"
    return 1
}
back() { # what was kept. Where that is gone or cannot be put, what is new stays: better than nothing at all
    gone=
    [ -d "$before" ] || { lost=yes; return; }
    for f in $moved; do
        [ -e "$before/conf/$f" ] || { gone="$gone $f"; continue; }
        put "$before/conf/$f" "$dir/$f" || lost=yes
    done
    for f in $gone; do rm -f "$dir/$f"; done
    [ -n "$cold" ] || return 0
    # The same file when it was not replaced, which mv does not take.
    [ ! -e "$binary.before" ] || [ "$binary.before" -ef "$binary" ] ||
        put "$binary.before" "$binary" || lost=yes
    if [ -e "$before/unit" ]; then
        put "$before/unit" "$unit" || lost=yes
        systemctl daemon-reload
        [ -z "$again" ] || systemctl restart "$service"
    else
        [ -z "$again" ] || systemctl disable -q --now "$service"
        rm -f "$unit"
        systemctl daemon-reload
    fi
}
ended() {
    rm -rf "$dir.done"
    [ ! -d "$before" ] || mv -T "$before" "$dir.done"
    rm -rf "$dir.done" "$new" "${binary%/*}/new" "$binary.before"
}
fail() { # WHAT; in Envoy's own words, when it said some
    journalctl --sync 2>/dev/null
    said=$(journalctl -q -u "$service" --since "@$began" -o cat --no-pager 2>/dev/null |
        sed -n 's/^\[[^]]*\]\[[^]]*\]\[\(warning\|error\|critical\)\]\[[^]]*\] \(\[[^]]*\] \)\{0,1\}//p' |
        WITHOUT_SECRETS | awk '!known[$0]++' | tail -n 3)
    back
    # What a run leaves behind tells the next one that it has to see to everything.
    [ -n "$lost" ] || ended
    is='what was there before is back'
    [ -z "$lost" ] || is='what was there before could not be put back, so what is new stays; run again'
    printf '%s\n' "Envoy: $1; $is" ${said:+"$said"} >&2
    exit 1
}
for f in $files; do
    [ -e "$new/$f" ] || {
        echo 'Envoy: what was staged is gone, so nothing was changed; did another run end? Run again' >&2
        exit 1
    }
done
[ "$restart" != mute ] || { answers && restart= || restart=yes; }
keep || {
    rm -rf "$before.new" "$new" "${binary%/*}/new"
    echo 'Envoy: what is there could not be kept, so nothing was changed; is the disk full?' >&2
    exit 1
}
if [ -n "$restart" ]; then
    cold=yes
    ask && up=$(value "cluster.$harbor.membership_healthy")
    case $replaced in *binary*) mv -T "${binary%/*}/new/envoy" "$binary" || fail 'binary not moved' ;; esac
    move $files
    # Last: a process that knows the new unit was started when all else was there.
    case $replaced in
    *unit*) cp -p "$new/unit" "$unit.new" && mv -T "$unit.new" "$unit" || fail 'unit not moved' ;;
    esac
    again=yes
    systemctl daemon-reload && systemctl enable -q "$service" && systemctl restart "$service" ||
        fail 'not started'
else
    answers || fail 'it does not answer'
    base=$s up=$(value "cluster.$harbor.membership_healthy")
    for step in 'sds/*' 'xds/[ce]ds.yaml' xds/rds.yaml xds/lds.yaml bootstrap.yaml; do
        part=
        for f in $files; do
            case $f in $step) part="$part $f" ;; esac
        done
        [ -z "$part" ] || { move $part; serves $part; }
    done
    systemctl is-enabled -q "$service" || systemctl enable -q "$service" || fail 'not enabled'
fi
serves all
case " ${cold:+cold} $files " in
*' cold '* | *' xds/'[ce]'ds.yaml '* | *" sds/$harbor-ca.yaml "*) harbor_answers ;;
esac
ended""".replace("WITHOUT_SECRETS", WITHOUT_SECRETS)


def move(
    plan: Plan, files: Iterable[str], replaced: Iterable[str], restart: str, limit: int
) -> StringCommand:
    """What was staged goes into place, and Envoy serves it; else all of it goes back.

    + files: those that were staged, in order
    + replaced: `binary`, `unit`: staged too
    + restart: `yes`; `mute`: if Envoy goes on to say nothing; empty
    + limit: seconds for each step
    """
    values = {
        "dir": DIRECTORY, "binary": BINARY, "unit": UNIT, "service": SERVICE, "socket": SOCKET,
        "filter": STATISTICS, "files": " ".join(files), "replaced": " ".join(replaced), "restart": restart,
        "limit": str(limit), "listeners": str(plan.listeners), "harbor": HARBOR,
        "wanted": "\n".join(f"{name} {version} {file}" for name, (version, file) in plan.served().items()),
    }  # fmt: skip
    lines = [StringCommand(f"{name}=", QuoteString(value), _separator="") for name, value in values.items()]
    return StringCommand(*lines, alone(limit), _MOVE, _separator="\n")
