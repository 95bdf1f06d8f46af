#!/bin/sh
# build.sh DIR: builds the grpcurl of go.mod into DIR/grpcurl. Prints errors only.
set -eu

[ $# -eq 1 ] || { echo "usage: build.sh DIR" >&2; exit 2; }
mkdir -p "$1"
out=$(cd "$1" && pwd)
cd "$(dirname "$0")"
CGO_ENABLED=0 go build -mod=readonly -trimpath -o "$out/grpcurl" github.com/fullstorydev/grpcurl/cmd/grpcurl
