# shellcheck shell=bash
# A node is a network namespace and a mount namespace with its own containerd, kubelet and kube-proxy. Its /var/lib and /var/log
# are folders of the state (its disk); its /run is a tmpfs that goes with its last process (a boot begins with an empty one).

nodes() {
  local dir
  for dir in "$state"/node/*/; do basename "$dir"; done
}

known_node() {
  if ! known_slot || [ ! -f "$state/node/${1:-}/index" ]; then die "no such node: ${1:-}"; fi
}

node_enter() { # node_enter NAME: sets the array `enter` to what a command is prefixed with to run on the node
  # nsenter, not ip netns exec: the latter hides the cgroup mounts.
  enter=(nsenter "--net=/proc/$(pid_of "$1-machine")/ns/net" "--mount=/proc/$(pid_of "$1-machine")/ns/mnt" --)
}

node_exec() { # node_exec NAME COMMAND...
  known_node "$1"
  running "$1-machine" || die "node $1 is stopped"
  local enter
  node_enter "$1"
  shift
  "${enter[@]}" "$@"
}

machine() { # machine NAME: the process that holds the node's namespaces
  local name=$1 dir=$state/node/$1 real
  running "$name-machine" && return
  real=$(readlink -f "$state")
  case $real/ in /run/* | /var/lib/* | /var/log/*) die "\$CLUSTER_STATE must not be in $real: nodes have their own" ;; esac
  mkdir -p "$dir"/{bin,var-lib,var-log}
  # shellcheck disable=SC2016 # expanded by the inner shell
  start "$name-machine" nsenter "--net=/run/netns/$(node_namespace "$name")" unshare --mount --propagation slave sh -euc '
    mount --make-rshared /
    mount --bind "$2" "$1/bin"
    mount --bind "$1/var-lib" /var/lib
    mount --bind "$1/var-log" /var/log
    mount -t tmpfs -o mode=0755 tmpfs /run
    mkdir /run/netns /run/lock
    echo "$1" >/run/panelet-node
    exec sleep infinity' sh "$dir" "$bin"
  wait_for 10 "node $name's machine" test -f "/proc/$(pid_of "$name-machine")/root/run/panelet-node"
}

write_node_files() { # write_node_files NAME INDEX
  local name=$1 dir=$state/node/$1
  mkdir -p "$dir/cni"
  echo "$2" >"$dir/index"
  cp -L /etc/resolv.conf "$dir/resolv.conf"
  cat >"$dir/cni/10-pods.conflist" <<JSON
{"cniVersion": "1.0.0", "name": "pods", "plugins": [
  {"type": "bridge", "bridge": "cni0", "isGateway": true, "hairpinMode": true, "ipam": {"type": "host-local",
   "ranges": [[{"subnet": "$pod_network.$2.0/24"}]], "routes": [{"dst": "0.0.0.0/0"}]}},
  {"type": "portmap", "capabilities": {"portMappings": true}}]}
JSON
  # restrict_oom_score_adj: where the machine refuses negative scores, the sandbox (-998) could not start.
  cat >"$dir/containerd.toml" <<TOML
version = 2
disabled_plugins = ["io.containerd.snapshotter.v1.btrfs", "io.containerd.snapshotter.v1.zfs", "io.containerd.snapshotter.v1.aufs", "io.containerd.internal.v1.opt"]
[plugins."io.containerd.grpc.v1.cri"]
  restrict_oom_score_adj = true
  sandbox_image = "$sandbox_image"
  [plugins."io.containerd.grpc.v1.cri".cni]
    bin_dir = "/usr/lib/cni"
    conf_dir = "$dir/cni"
TOML
  # failCgroupV1: the machine may have cgroup v1 only.
  cat >"$dir/kubelet.yaml" <<YAML
apiVersion: kubelet.config.k8s.io/v1beta1
kind: KubeletConfiguration
failCgroupV1: false
cgroupDriver: cgroupfs
cgroupRoot: /$(node_namespace "$name")
enforceNodeAllocatable: []
failSwapOn: false
containerRuntimeEndpoint: unix:///run/containerd/containerd.sock
authentication: {anonymous: {enabled: false}, webhook: {enabled: true}, x509: {clientCAFile: $state/pki/ca.crt}}
authorization: {mode: Webhook}
tlsCertFile: $state/pki/$name.crt
tlsPrivateKeyFile: $state/pki/$name.key
clusterDomain: cluster.local
clusterDNS: [10.96.0.10]
resolvConf: $dir/resolv.conf
evictionHard: {memory.available: 100Mi, nodefs.available: 1%, nodefs.inodesFree: 1%, imagefs.available: 1%}
nodeStatusUpdateFrequency: 5s
YAML
}

node_cgroups() { # node_cgroups NAME: with cgroup v1 one in each hierarchy
  local cgroup
  cgroup=$(node_namespace "$1")
  if [ -f /sys/fs/cgroup/cgroup.controllers ]; then
    echo "/sys/fs/cgroup/$cgroup"
  else
    local controller
    for controller in cpu cpuacct cpuset memory devices freezer blkio pids systemd unified; do
      [ ! -d "/sys/fs/cgroup/$controller" ] || echo "/sys/fs/cgroup/$controller/$cgroup"
    done
  fi
}

make_cgroups() { # make_cgroups NAME
  local path file
  for path in $(node_cgroups "$1"); do
    mkdir -p "$path"
    [[ $path == */cpuset/* ]] || continue
    for file in cpuset.cpus cpuset.mems; do cat "/sys/fs/cgroup/cpuset/$file" >"$path/$file"; done
  done
}

node() { # node NAME INDEX: adds the node, or starts what does not run of it
  need_root
  known_slot || die "no cluster in $state: run 'cluster up'"
  [[ ${1:-} =~ ^[a-z0-9]([a-z0-9-]*[a-z0-9])?$ ]] || die "node: not a name: ${1:-}"
  [[ ${2:-} =~ ^[1-9][0-9]*$ && $2 -le 200 ]] || die "node: not an index: ${2:-}"
  local name=$1 dir=$state/node/$1 address=$network.$((10 + $2)) enter file
  for file in "$state"/node/*/index; do
    [ "$(cat "$file")" != "$2" ] || [ "$file" = "$dir/index" ] || die "node: index $2 is taken"
  done
  [ ! -f "$dir/index" ] || [ "$(cat "$dir/index")" = "$2" ] || die "node: $name has index $(cat "$dir/index")"
  certificate "$name" "/O=system:nodes/CN=system:node:$name" "DNS:$name,IP:$address"
  kubeconfig "$name"
  write_node_files "$name" "$2"
  node_network "$name" "$2"
  make_cgroups "$name"
  machine "$name"
  node_enter "$name"
  running "$name-containerd" || start "$name-containerd" "${enter[@]}" containerd -c "$dir/containerd.toml"
  wait_for 30 "containerd of $name" node_exec "$name" ctr version
  load_pause "$name"
  running "$name-kubelet" || start "$name-kubelet" "${enter[@]}" "$dir/bin/kubelet" --config="$dir/kubelet.yaml" \
    --kubeconfig="$state/$name.kubeconfig" --hostname-override="$name" --node-ip="$address"
  running "$name-proxy" || start "$name-proxy" "${enter[@]}" "$dir/bin/kube-proxy" --kubeconfig="$state/proxy.kubeconfig" \
    --hostname-override="$name" --cluster-cidr="$pod_network.0.0/16" --proxy-mode=iptables \
    --conntrack-max-per-core=0 --conntrack-tcp-timeout-established=0 --conntrack-tcp-timeout-close-wait=0
}

node_processes() { # node_processes NAME: whoever is in its cgroups, or sees its /run
  local path
  for path in $(node_cgroups "$1"); do
    find "$path" -name cgroup.procs -exec cat {} + 2>/dev/null || true
  done
  for path in /proc/[0-9]*/root/run/panelet-node; do
    [ "$(cat "$path" 2>/dev/null)" != "$state/node/$1" ] || cut -d/ -f3 <<<"$path"
  done
}

stop_node() { # stop_node NAME: SIGKILL to all at once; with the last process go its mounts and its pods' networks
  known_node "$1"
  local pids
  for _ in $(seq 100); do
    pids=$(node_processes "$1" | sort -u)
    [ -n "$pids" ] || break
    # shellcheck disable=SC2086 # one pid a word
    kill -KILL $pids 2>/dev/null || true
    sleep 0.05
  done
  [ -z "$pids" ] || die "stop-node $1: these processes do not die: $pids"
  local part
  for part in kubelet proxy containerd machine; do rm -f "$state/pid/$1-$part"; done
  ip netns del "$(node_namespace "$1")" 2>/dev/null || true
  for path in $(node_cgroups "$1"); do find "$path" -depth -type d -exec rmdir {} + 2>/dev/null || true; done
}

start_node() { # start_node NAME
  known_node "$1"
  node "$1" "$(cat "$state/node/$1/index")"
}

remove_node() {
  if known_slot && [ -f "$state/node/$1/index" ]; then
    stop_node "$1"
    ip route del "$pod_network.$(cat "$state/node/$1/index").0/24" 2>/dev/null || true
  fi
  rm -rf "$state/node/$1"
}
