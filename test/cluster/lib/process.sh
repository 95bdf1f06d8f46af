# shellcheck shell=bash
# Programs in the background: each has a label, a log and a file with its pid and start time (a pid alone may be reused).

die() {
  echo "cluster: $*" >&2
  exit 1
}

need_root() { [ "$(id -u)" = 0 ] || die "needs root"; }

started_at() { # started_at PID: in clock ticks since boot; nothing for a zombie or a pid that is not there
  local stat
  stat=$(cat "/proc/$1/stat" 2>/dev/null) || return 0
  stat=${stat##*) }
  [ "${stat%% *}" = Z ] || cut -d' ' -f20 <<<"$stat"
}

labels() {
  local file
  for file in "$state"/pid/*; do basename "$file"; done
}

pid_of() { cut -d' ' -f1 "$state/pid/$1" 2>/dev/null; }

running() { # running LABEL
  local pid born
  [ -f "$state/pid/$1" ] || return 1
  read -r pid born <"$state/pid/$1"
  [ "$(started_at "$pid")" = "${born:-none}" ]
}

start() { # start LABEL COMMAND...: its pid is on disk before it runs, so that "down" finds it however this script ends
  local file=$state/pid/$1 log=$state/log/$1.log
  shift
  mkdir -p "$state/log" "$state/pid"
  rm -f "$file"
  # shellcheck disable=SC2016 # expanded by the inner shell
  setsid bash -euc '
    read -r stat </proc/$$/stat
    stat=(${stat##*) })
    echo "$$ ${stat[19]}" >"$0.new"
    mv "$0.new" "$0"
    exec "$@"' "$file" "$@" >>"$log" 2>&1 </dev/null &
  until [ -f "$file" ] || ! kill -0 $! 2>/dev/null; do sleep 0.02; done
}

stop() { # stop LABEL [SIGNAL]: ends one program and waits for it
  if running "$1"; then
    local pid
    pid=$(pid_of "$1")
    kill "-${2:-TERM}" "$pid" 2>/dev/null || true
    for _ in $(seq 50); do
      running "$1" || break
      sleep 0.1
    done
    kill -KILL "$pid" 2>/dev/null || true
  fi
  rm -f "$state/pid/$1"
}

wait_for() { # wait_for SECONDS WHAT COMMAND...: until the command succeeds
  local limit=$1 what=$2 deadline=$((SECONDS + $1))
  shift 2
  until "$@" >/dev/null 2>&1; do
    [ $SECONDS -lt $deadline ] || die "$what: not within $limit s; see $state/log"
    sleep 0.1
  done
}
