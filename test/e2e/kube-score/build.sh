#!/bin/sh
# build.sh DIR: builds the kube-score of go.mod into DIR/kube-score. Prints errors only.
set -eu

[ $# -eq 1 ] || { echo "usage: build.sh DIR" >&2; exit 2; }
mkdir -p "$1"
out=$(cd "$1" && pwd)
cd "$(dirname "$0")"
CGO_ENABLED=0 go build -mod=readonly -trimpath -o "$out/kube-score" github.com/zegl/kube-score/cmd/kube-score
