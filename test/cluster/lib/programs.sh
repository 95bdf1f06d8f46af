# shellcheck shell=bash
# What has to be on the machine: Debian's packages and the programs built from Go modules.

packages() {
  local wanted=(containerd runc containernetworking-plugins iproute2 iptables openssl buildah debootstrap python3 procps util-linux ca-certificates)
  local missing=() name
  for name in "${wanted[@]}"; do
    dpkg-query -W -f '${Status}' "$name" 2>/dev/null | grep -q 'ok installed' || missing+=("$name")
  done
  [ ${#missing[@]} -gt 0 ] || return 0
  need_root
  export DEBIAN_FRONTEND=noninteractive
  apt-get update -qq >&2
  apt-get install -y -qq --no-install-recommends "${missing[@]}" >&2
}

build() {
  build_kubernetes
  build_pause
}

build_kubernetes() {
  [ ! -x "$bin/kube" ] || return 0
  command -v go >/dev/null || die "needs Go to build Kubernetes $version"
  mkdir -p "$bin"
  local name base=k8s.io/component-base/version
  echo "building Kubernetes $version (once, about 10 minutes)" >&2
  (cd "$here/kube" && GOFLAGS=-mod=readonly CGO_ENABLED=0 go build -buildvcs=false -trimpath \
    -ldflags "-s -w -X $base.gitVersion=$version -X $base.gitMajor=1 -X $base.gitMinor=37 -X $base.gitTreeState=clean" -o "$bin/kube.new" .)
  for name in kube-apiserver kube-controller-manager kube-scheduler kube-proxy kubelet kubectl etcd; do ln -sf kube "$bin/$name"; done
  mv "$bin/kube.new" "$bin/kube"
}

build_pause() {
  [ ! -x "$bin/pause-2" ] || return 0
  command -v go >/dev/null || die "needs Go to build the sandbox's program"
  (cd "$here/pause" && CGO_ENABLED=0 go build -buildvcs=false -trimpath -ldflags '-s -w' -o "$bin/pause-2.new" .)
  mv "$bin/pause-2.new" "$bin/pause-2"
}

kubectl() { "$bin/kubectl" --kubeconfig "$state/admin.kubeconfig" --cache-dir "$state/kubectl" "$@"; }
