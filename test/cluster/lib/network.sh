# shellcheck shell=bash
# Each cluster on a machine has a slot (0-9), so that two of them do not collide: it decides bridge, addresses, ports and names.

slot_variables() { # slot_variables SLOT
  slot=$1
  bridge=br-panelet$slot
  network=172.30.$((slot * 16)) # a /20 of machine and nodes
  api=$network.1
  pod_network=10.$((244 + slot)) # a /16; node INDEX has .INDEX.0/24
  etcd_port=$((12379 + slot * 10))
}

known_slot() { [ -f "$state/slot" ] && slot_variables "$(cat "$state/slot")"; }

claim_network() { # the first slot whose bridge nobody has
  mkdir -p "$state"
  if ! known_slot; then
    local candidate
    for candidate in $(seq 0 9); do
      slot_variables "$candidate"
      if ip link add "$bridge" type bridge 2>/dev/null; then
        echo "$candidate" >"$state/slot"
        break
      fi
    done
    [ -f "$state/slot" ] || die "could not add a bridge: no root, or ten clusters are up"
  fi
  ip link show "$bridge" >/dev/null 2>&1 || ip link add "$bridge" type bridge
  ip addr replace "$api/20" dev "$bridge"
  ip link set "$bridge" up
  sysctl -qw net.ipv4.ip_forward=1
}

release_network() {
  known_slot || return 0
  ip link del "$bridge" 2>/dev/null || true
}

node_namespace() { echo "panelet$slot-$1"; }

node_network() { # node_network NAME INDEX: a network namespace behind the bridge, and the route to its pods
  local namespace veth=ve-panelet$slot-$2 address=$network.$((10 + $2))
  namespace=$(node_namespace "$1")
  ip netns add "$namespace" 2>/dev/null || true
  if ! ip -n "$namespace" link show eth0 >/dev/null 2>&1; then
    ip link del "$veth" 2>/dev/null || true
    ip link add "$veth" type veth peer name eth0 netns "$namespace"
    ip link set "$veth" master "$bridge" up
    ip -n "$namespace" addr add "$address/20" dev eth0
    ip -n "$namespace" link set eth0 up
    ip -n "$namespace" link set lo up
    ip -n "$namespace" route add default via "$api"
  fi
  ip route replace "$pod_network.$2.0/24" via "$address"
  ip netns exec "$namespace" sysctl -qw net.ipv4.ip_forward=1
}
