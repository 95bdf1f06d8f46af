# shellcheck shell=bash
# Cuts in the network between agents and the controller, made inside the pod, so that they hold for pods of the same node, too.

pod_namespaces() { # pod_namespaces NODE: those of its pods that run
  # shellcheck disable=SC2016 # expanded by the inner shell
  node_exec "$1" sh -c 'for file in /run/netns/cni-*; do [ ! -e "$file" ] || basename "$file"; done'
}

running_nodes() {
  local name
  for name in $(nodes); do ! running "$name-machine" || echo "$name"; done
}

in_pod() { # in_pod NODE NAMESPACE COMMAND...
  local name=$1 namespace=$2
  shift 2
  node_exec "$name" nsenter "--net=/run/netns/$namespace" "$@"
}

find_pod() { # find_pod POD_IP: prints its node and namespace; fails when no pod has it
  local name namespace
  for name in $(running_nodes); do
    for namespace in $(pod_namespaces "$name"); do
      in_pod "$name" "$namespace" ip -o -4 addr show eth0 2>/dev/null | grep -qF " $1/" || continue
      echo "$name $namespace"
      return
    done
  done
  return 1
}

uncut() { # uncut NODE NAMESPACE
  while in_pod "$1" "$2" iptables -w -D INPUT -s "$pod_network.0.0/16" -j PANELET-CUT 2>/dev/null; do :; done
  while in_pod "$1" "$2" iptables -w -D OUTPUT -d "$pod_network.0.0/16" -j PANELET-CUT 2>/dev/null; do :; done
  in_pod "$1" "$2" iptables -w -F PANELET-CUT 2>/dev/null || return 0
  in_pod "$1" "$2" iptables -w -X PANELET-CUT
}

cut_pod() { # cut_pod POD_IP
  known_slot || die "no cluster in $state"
  local found name namespace port side
  found=$(find_pod "${1:-none}") || die "cut: wants the IP address of a running pod, not '${1:-}'"
  read -r name namespace <<<"$found"
  uncut "$name" "$namespace"
  in_pod "$name" "$namespace" iptables -w -N PANELET-CUT
  # Controllers come to 7445, those of a release before it to 7443.
  for port in 7445 7443; do
    for side in --sport --dport; do in_pod "$name" "$namespace" iptables -w -A PANELET-CUT -p tcp "$side" "$port" -j DROP; done
  done
  # By the other end's address: what comes from the machine, clients, is not cut.
  in_pod "$name" "$namespace" iptables -w -I INPUT -s "$pod_network.0.0/16" -j PANELET-CUT
  in_pod "$name" "$namespace" iptables -w -I OUTPUT -d "$pod_network.0.0/16" -j PANELET-CUT
}

heal() { # heal [POD_IP]: a pod that has gone took its cut with it
  known_slot || die "no cluster in $state"
  local found name namespace
  if [ $# -gt 0 ]; then
    found=$(find_pod "$1") || return 0
    read -r name namespace <<<"$found"
    uncut "$name" "$namespace"
    return
  fi
  for name in $(running_nodes); do
    for namespace in $(pod_namespaces "$name"); do uncut "$name" "$namespace"; done
  done
}
