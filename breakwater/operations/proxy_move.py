"""The shell words that move what was staged into place, see its effect, and put back what Envoy refuses."""

from collections.abc import Iterable

from pyinfra.api import QuoteString, StringCommand

from breakwater.facts.proxy import STATISTICS
from breakwater.operations.proxy_shell import WITHOUT_SECRETS
from breakwater.proxy.plan import BINARY, DIRECTORY, SERVICE, SOCKET, UNIT, Plan

# After a line for each variable. It goes on when whoever started it is gone: half of it is worse than all.
_MOVE = r"""export LC_ALL=C PATH=$PATH:/usr/sbin:/sbin
trap '' HUP PIPE
new=$dir.new before=$dir.before began=$(date +%s) base= s= moved= cold= again=
ask() {
    s=$(curl -gsS --max-time 5 --unix-socket "$socket" "http://envoy/stats?filter=$filter" 2>/dev/null)
}
behind() { # what Envoy does not serve yet of these files; "all": of all, and whether it listens
    { printf '%s\n' "$wanted" '' "$s"; } | awk -v named=" $* " -v listeners="$listeners" '
        !NF && !answer { answer = 1; next }
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
refused() { # counters of refusals that grew
    { printf '%s\n' "$base" '' "$s"; } | awk '
        !NF && !answer { answer = 1; next }
        $1 !~ /(update_rejected|update_failure|key_rotation_failed|listener_create_failure):$/ { next }
        !answer { before[$1] = $2; next }
        $2 + 0 > before[$1] + 0 { sub(/:$/, "", $1); print $1 }'
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
    ln -f "$1" "$2.back" && mv -T "$2.back" "$2"
    rm -f "$2.back"
}
back() {
    gone=
    for f in $moved; do
        [ -e "$before/conf/$f" ] && put "$before/conf/$f" "$dir/$f" || gone="$gone $f"
    done
    for f in $gone; do rm -f "$dir/$f"; done
    [ -n "$cold" ] || return 0
    [ ! -e "$binary.before" ] || put "$binary.before" "$binary"
    if [ -e "$before/unit" ]; then
        put "$before/unit" "$unit"
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
    ended
    printf '%s\n' "Envoy: $1; what was there before is back" ${said:+"$said"} >&2
    exit 1
}
[ "$restart" != mute ] || { answers && restart= || restart=yes; }
keep || {
    rm -rf "$before.new" "$new" "${binary%/*}/new"
    echo 'Envoy: what is there could not be kept, so nothing was changed; is the disk full?' >&2
    exit 1
}
if [ -n "$restart" ]; then
    cold=yes
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
    base=$s
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
        "limit": str(limit), "listeners": str(plan.listeners),
        "wanted": "\n".join(f"{name} {version} {file}" for name, (version, file) in plan.served().items()),
    }  # fmt: skip
    lines = [StringCommand(f"{name}=", QuoteString(value), _separator="") for name, value in values.items()]
    return StringCommand(*lines, _MOVE, _separator="\n")
